/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is x86's own of the device-model interface: the end of an access; DM ops that change what
 * the guest's frames are, give a vCPU an event or a message, and shut a domain down.
 */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/sched.h>
#include <public/hvm/dm_op.h>
#include <public/hvm/hvm_op.h>

/* Frames of set_mem_type between two looks for an interrupt. */
#define TYPE_BATCH 256

/* Without an answer the data is all ones, as if nobody had claimed it. */
void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    hvm_io_answer(v, access, answered);
}

unsigned int arch_dm_op_size(uint32_t op)
{
    switch (op) {
    case XEN_DMOP_set_mem_type:
        return sizeof(struct xen_dm_op_set_mem_type);
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

/* RAM becomes any of the three; a hole, what it is. */
static int set_one_type(struct domain *d, gfn_t g, unsigned int mem_type)
{
    enum p2m_type old;
    mfn_t m = p2m_lookup(d, g, &old);

    if (mem_type != HVMMEM_mmio_dm)
        return p2m_set_ram_type(d, g, mem_type == HVMMEM_ram_ro ? P2M_RAM_RO : P2M_RAM_RW);
    if (old == P2M_INVALID)
        return 0;
    if (!p2m_is_ram(old))
        return -EINVAL;
    /* Its page goes back. Another entry by now: as if this had come first. */
    return p2m_unmap_if(d, g, m) == -ENOMEM ? -ENOMEM : 0;
}

/* Interrupted, `op` says what is left: the call is made again with it. */
static int set_mem_type(struct domain *d, struct xen_dm_op_set_mem_type *op)
{
    uint64_t last = op->first_pfn + op->nr - 1;
    unsigned int n = 0;

    if (op->pad != 0 || op->nr == 0 || last < op->first_pfn || last > p2m_max_gfn(d).v)
        return -EINVAL;
    /* HVMMEM_ioreq_server needs a server that is bound to it, which none can be. */
    if (op->mem_type > HVMMEM_mmio_dm)
        return -EINVAL;
    for (;;) {
        int rc = set_one_type(d, gfn(op->first_pfn), op->mem_type);

        if (rc != 0 || op->nr == 1)
            return rc;
        op->first_pfn++;
        op->nr--;
        if (++n % TYPE_BATCH == 0 && hypercall_preempt_check())
            return -ERESTART;
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

/* With vector 0, the number of a physical interrupt is where the destination is else. */
static uint32_t pirq_of(uint64_t addr)
{
    return ((uint32_t)(addr >> 32) & 0xffffff00) | ((uint32_t)(addr >> 12) & 0xff);
}

static int inject_msi(struct domain *d, const struct xen_dm_op_inject_msi *op)
{
    if (op->pad != 0)
        return -EINVAL;
    if ((op->data & 0xff) == 0) /* an event channel of an interrupt line: there are none */
        return pirq_of(op->addr) == 0 ? -ERANGE : -EINVAL;
    return vlapic_msi(d, op->addr, op->data);
}

int arch_dm_op(struct domain *d, struct xen_dm_op *op, bool *copy_back)
{
    *copy_back = false;
    switch (op->op) {
    case XEN_DMOP_set_mem_type:
        *copy_back = true;
        return set_mem_type(d, &op->u.set_mem_type);
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
