/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vcpu_op hypercall: what guests of every architecture have of it. Runstate figures are
 * kept by the scheduler and written to the registered place when the vCPU is switched in.
 */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/vcpu.h>

static int op_register_vcpu_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info op;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    if (v != current && !(atomic32_read(&v->pause_flags) & VPF_DOWN))
        return -EINVAL;
    return evtchn_register_vcpu_info(v, gfn(op.mfn), op.offset);
}

static int op_register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_runstate_memory_area op;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    return runstate_register(v, guest_word_bytes() == 4 ? (uint32_t)op.addr.p : op.addr.p);
}

static int op_get_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info info;

    runstate_get(v, &info);
    return guest_copy_to(arg, &info, runstate_pack(&info, guest_word_bytes() == 4));
}

static long vcpu_op(const uint64_t args[NR_HYPERCALL_ARGS])
{
    struct vcpu *v = domain_vcpu(current->domain, (unsigned int)args[1]);

    if (v == NULL)
        return -ENOENT;
    switch ((int)args[0]) {
    case VCPUOP_register_vcpu_info:
        return op_register_vcpu_info(v, args[2]);
    case VCPUOP_register_runstate_memory_area:
        return op_register_runstate(v, args[2]);
    case VCPUOP_get_runstate_info:
        return op_get_runstate(v, args[2]);
    default:
        return arch_vcpu_op((unsigned int)args[0], v, args[2]);
    }
}
HYPERCALL(__HYPERVISOR_vcpu_op, vcpu_op);
