/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is x86's own of the device-model interface: the end of an access; DM ops that give a vCPU an
 * event or a message, and that shut a domain down.
 */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <public/hvm/dm_op.h>

/* Without an answer the data is all ones, as if nobody had claimed it. */
void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    hvm_io_answer(v, access, answered);
}

unsigned int arch_dm_op_size(uint32_t op)
{
    switch (op) {
    case XEN_DMOP_inject_event:
        return sizeof(struct xen_dm_op_inject_event);
    case XEN_DMOP_inject_msi:
        return sizeof(struct xen_dm_op_inject_msi);
    case XEN_DMOP_remote_shutdown:
        return sizeof(struct xen_dm_op_remote_shutdown);
    default:
        return 0;
    }
}

/* One event a vCPU at a time, taken by it at its next entry (hvm/intr.c). */
static int inject_event(struct domain *d, const struct xen_dm_op_inject_event *op)
{
    struct vcpu *v;
    uint32_t empty = 0;

    if (op->pad0 != 0 || op->pad1 != 0)
        return -EINVAL;
    v = domain_vcpu(d, op->vcpuid);
    if (v == NULL)
        return -EINVAL;
    if (!atomic32_cmpxchg(&v->arch.dm_event_lock, &empty, 1))
        return -EBUSY;
    v->arch.dm_event = (struct hvm_event){
        .vector = op->vector,
        .type = op->type,
        .has_error = op->error_code != ~UINT32_C(0),
        .insn_len = op->insn_len,
        .error = op->error_code,
        .cr2 = op->cr2,
    };
    /* Full barrier: the event before the flag; partner: take_dm_event(). */
    atomic32_xchg(&v->arch.dm_event_set, 1);
    vcpu_set_work(v, VCPU_WORK_IRQ);
    vcpu_wake_event(v);
    return 0;
}

static int inject_msi(struct domain *d, const struct xen_dm_op_inject_msi *op)
{
    if (op->pad != 0)
        return -EINVAL;
    if ((op->data & 0xff) == 0) /* an event channel of an interrupt line: there are none */
        return op->addr >> 12 == 0 ? -ERANGE : -EINVAL;
    return vlapic_msi(d, op->addr, op->data);
}

int arch_dm_op(struct domain *d, struct xen_dm_op *op, bool *copy_back)
{
    *copy_back = false;
    switch (op->op) {
    case XEN_DMOP_inject_event:
        return inject_event(d, &op->u.inject_event);
    case XEN_DMOP_inject_msi:
        return inject_msi(d, &op->u.inject_msi);
    case XEN_DMOP_remote_shutdown:
        domain_shutdown(d, (uint8_t)op->u.remote_shutdown.reason);
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}
