/* SPDX-License-Identifier: Apache-2.0 */
/* The hvm_op hypercall: parameters of a domain. */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/hvm/params.h>

/* How access to a parameter is limited. The hypervisor itself gives them their values at boot. */
enum param_kind {
    PARAM_NONE,   /* no such parameter */
    PARAM_GUEST,  /* a guest reads it, who serves the guest may set it too; the guest, if it is
                     one that arch_hvm_guest_sets() */
    PARAM_SERVER, /* only who serves the guest reads it; nobody sets it */
};

static enum param_kind param_kind(uint32_t index)
{
    switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
    case HVM_PARAM_STORE_PFN:
    case HVM_PARAM_STORE_EVTCHN:
    case HVM_PARAM_CONSOLE_PFN:
    case HVM_PARAM_CONSOLE_EVTCHN:
        return PARAM_GUEST;
    case HVM_PARAM_PAGING_RING_PFN:
    case HVM_PARAM_MONITOR_RING_PFN:
    case HVM_PARAM_SHARING_RING_PFN:
        return PARAM_SERVER;
    default:
        return PARAM_NONE;
    }
}

static int set_param(struct domain *d, const struct xen_hvm_param *op)
{
    if (param_kind(op->index) != PARAM_GUEST)
        return -EINVAL;
    if (d == current->domain && !arch_hvm_guest_sets(op->index))
        return -EPERM;
    WRITE_ONCE(d->hvm_params[op->index], op->value);
    return 0;
}

static int get_param(const struct domain *d, struct xen_hvm_param *op)
{
    enum param_kind kind = param_kind(op->index);

    if (kind == PARAM_NONE)
        return -EINVAL;
    if (kind == PARAM_SERVER && d == current->domain)
        return -EPERM;
    op->value = READ_ONCE(d->hvm_params[op->index]);
    return 0;
}

static int find_target(domid_t id, struct domain **out)
{
    struct domain *me = current->domain;
    struct domain *d = id == DOMID_SELF ? me : domain_by_id(id);

    if (d == NULL)
        return -ESRCH;
    if (d != me && !domain_may_serve(me, d))
        return -EPERM;
    *out = d;
    return 0;
}

static long hvm_op(const uint64_t args[NR_HYPERCALL_ARGS])
{
    struct xen_hvm_param op;
    struct domain *d;
    int rc;

    if (args[0] != HVMOP_set_param && args[0] != HVMOP_get_param)
        return arch_hvm_op((unsigned int)args[0], args[1]);
    if (guest_copy_from(&op, args[1], sizeof(op)) != 0)
        return -EFAULT;
    if (op.index >= HVM_NR_PARAMS)
        return -EINVAL;
    rc = find_target(op.domid, &d);
    if (rc != 0)
        return rc;
    if (args[0] == HVMOP_set_param)
        return set_param(d, &op);
    rc = get_param(d, &op);
    if (rc == 0 && guest_copy_to(args[1], &op, sizeof(op)) != 0)
        return -EFAULT;
    return rc;
}
HYPERCALL(__HYPERVISOR_hvm_op, hvm_op);
