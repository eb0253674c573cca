/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of hvm_op that x86 has: the guest chooses the vectors of its upcalls. */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/hvm/hvm_op.h>
#include <public/hvm/params.h>

#define FIRST_VECTOR 16

bool arch_hvm_guest_sets(uint32_t index)
{
    return index == HVM_PARAM_CALLBACK_IRQ;
}

static int set_upcall_vector(const struct xen_hvm_evtchn_upcall_vector *op)
{
    struct vcpu *v = domain_vcpu(current->domain, op->vcpu);

    if (op->vector < FIRST_VECTOR)
        return -EINVAL;
    if (v == NULL)
        return -ENOENT;
    WRITE_ONCE(v->arch.upcall_vector, op->vector);
    if (evtchn_upcall_pending(v))
        arch_evtchn_upcall(v);
    return 0;
}

long arch_hvm_op(unsigned int cmd, uint64_t arg)
{
    struct xen_hvm_evtchn_upcall_vector op;

    if (cmd != HVMOP_set_evtchn_upcall_vector)
        return -ENOSYS;
    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    return set_upcall_vector(&op);
}
