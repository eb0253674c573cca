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
    PARAM_ONCE,   /* only who serves the guest reads it, and sets it once */
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
    case HVM_PARAM_IOREQ_PFN:
    case HVM_PARAM_BUFIOREQ_PFN:
    case HVM_PARAM_IOREQ_SERVER_PFN:
    case HVM_PARAM_NR_IOREQ_SERVER_PAGES:
        return ioreq_has_legacy_gfns() ? PARAM_ONCE : PARAM_NONE;
    default:
        return PARAM_NONE;
    }
}

/* 0 is "not set". The same value again changes nothing. */
static int set_once(struct domain *d, const struct xen_hvm_param *op)
{
    uint64_t *param = &d->hvm_params[op->index], old = READ_ONCE(*param);

    if (old != 0 && old != op->value)
        return -EEXIST;
    if (op->index == HVM_PARAM_NR_IOREQ_SERVER_PAGES &&
        (op->value == 0 || op->value > IOREQ_MAX_LEGACY_GFNS))
        return -EINVAL;
    if (!atomic64_cmpxchg((atomic64_t *)param, &old, op->value) && old != op->value)
        return -EEXIST;
    return 0;
}

static int set_param(struct domain *d, const struct xen_hvm_param *op)
{
    enum param_kind kind = param_kind(op->index);

    if (kind != PARAM_GUEST && kind != PARAM_ONCE)
        return -EINVAL;
    if (d == current->domain && (kind == PARAM_ONCE || !arch_hvm_guest_sets(op->index)))
        return -EPERM;
    if (kind == PARAM_ONCE)
        return set_once(d, op);
    WRITE_ONCE(d->hvm_params[op->index], op->value);
    if (d == current->domain)
        arch_hvm_guest_has_set(op->index);
    return 0;
}

static int get_param(const struct domain *d, struct xen_hvm_param *op)
{
    enum param_kind kind = param_kind(op->index);

    if (kind == PARAM_NONE)
        return -EINVAL;
    if (kind != PARAM_GUEST && d == current->domain)
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
