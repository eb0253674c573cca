/* SPDX-License-Identifier: Apache-2.0 */
/* The domctl hypercall: the control domain pauses, resumes and destroys other domains. */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/domctl.h>

/* Pauses of the control domain nest, apart from every other reason not to run. */
static int pause_by_control(struct domain *d)
{
    if (atomic32_fetch_add(&d->control_pauses, 1) == 0)
        domain_pause(d);
    return 0;
}

static int unpause_by_control(struct domain *d)
{
    uint32_t old = atomic32_read(&d->control_pauses);

    do {
        if (old == 0)
            return -EINVAL;
    } while (!atomic32_cmpxchg(&d->control_pauses, &old, old - 1));
    if (old == 1)
        domain_unpause(d);
    return 0;
}

static long do_domctl(const uint64_t args[NR_HYPERCALL_ARGS])
{
    struct xen_domctl op;
    struct domain *d;

    if (!current->domain->is_control)
        return -EPERM;
    if (guest_copy_from(&op, args[0], offsetof(struct xen_domctl, u)) != 0)
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    d = domain_by_id(op.domain);
    if (d == NULL)
        return -ESRCH;
    if (d == current->domain)
        return -EINVAL;

    switch (op.cmd) {
    case XEN_DOMCTL_destroydomain:
        return domain_kill(d);
    case XEN_DOMCTL_pausedomain:
        return pause_by_control(d);
    case XEN_DOMCTL_unpausedomain:
        return unpause_by_control(d);
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_domctl, do_domctl);
