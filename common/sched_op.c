/* SPDX-License-Identifier: Apache-2.0 */
/* The sched_op hypercall. */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/sched.h>

#define MAX_POLL_PORTS 128

static int op_shutdown(uint64_t arg)
{
    struct sched_shutdown op;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    if (op.reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_shutdown(current->domain, op.reason);
    return 0;
}

static int op_poll(uint64_t arg)
{
    evtchn_port ports[MAX_POLL_PORTS];
    struct sched_poll op;

    if (guest_struct_from(&op, arg, sizeof(op), "wiq") != 0)
        return -EFAULT;
    if (op.nr_ports > MAX_POLL_PORTS)
        return -EINVAL;
    if (guest_copy_from(ports, op.ports.q, op.nr_ports * sizeof(ports[0])) != 0)
        return -EFAULT;
    return evtchn_poll(ports, op.nr_ports, op.timeout);
}

static int op_remote_shutdown(uint64_t arg)
{
    struct sched_remote_shutdown op;
    struct domain *d;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    d = domain_by_id(op.domain_id);
    if (d == NULL)
        return -ESRCH;
    if (!current->domain->is_control)
        return -EPERM;
    if (op.reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_shutdown(d, op.reason);
    return 0;
}

static long sched_op(const uint64_t args[NR_HYPERCALL_ARGS])
{
    switch ((int)args[0]) {
    case SCHEDOP_yield:
        sched_yield();
        return 0;
    case SCHEDOP_block:
        arch_event_delivery_enable(current);
        vcpu_block();
        return 0;
    case SCHEDOP_shutdown:
        return op_shutdown(args[1]);
    case SCHEDOP_poll:
        return op_poll(args[1]);
    case SCHEDOP_remote_shutdown:
        return op_remote_shutdown(args[1]);
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_sched_op, sched_op);
