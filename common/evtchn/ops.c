/* SPDX-License-Identifier: Apache-2.0 */
/* The event_channel_op hypercall: each operation checks, then applies under the lock. */
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

#include "private.h"

/* Ports closed by one piece of a reset. */
#define RESET_BATCH 64

bool evtchn_virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENPMU;
}

/* DOMID_SELF, the own id, or for the control domain any: NULL and the errno in *rc otherwise. */
static struct domain *any_domain(domid_t id, int *rc)
{
    struct domain *me = current->domain;
    struct domain *d = id == DOMID_SELF ? me : domain_by_id(id);

    *rc = d == NULL ? -ESRCH : d != me && !me->is_control ? -EPERM : 0;
    return *rc == 0 ? d : NULL;
}

static int alloc_unbound(struct evtchn_alloc_unbound *op)
{
    struct binding b = {.state = PORT_UNBOUND};
    struct domain *d;
    int rc;

    d = any_domain(op->dom, &rc);
    if (d == NULL)
        return rc;
    b.dom = op->remote_dom == DOMID_SELF ? current->domain->id : op->remote_dom;
    spin_lock(&d->evtchn.lock);
    rc = evtchn_alloc_port(d, &b);
    spin_unlock(&d->evtchn.lock);
    if (rc < 0)
        return rc;
    op->port = (evtchn_port)rc;
    return 0;
}

/* Both locks held. The local port, or -errno. */
static int connect(struct domain *ld, struct domain *rd, evtchn_port rport)
{
    struct binding lb = {.state = PORT_INTERDOMAIN, .dom = rd->id, .peer = rport};
    struct evtchn *re = evtchn_of(rd, rport);
    struct binding rb;
    int lport;

    if (re == NULL)
        return -EINVAL;
    rb = evtchn_binding(re);
    if (rb.state != PORT_UNBOUND || rb.dom != ld->id)
        return -EINVAL;
    lport = evtchn_alloc_port(ld, &lb);
    if (lport < 0)
        return lport;
    rb.state = PORT_INTERDOMAIN;
    rb.peer = (uint32_t)lport;
    evtchn_set(re, &rb);
    return lport;
}

static int bind_interdomain(struct evtchn_bind_interdomain *op)
{
    struct domain *ld = current->domain;
    struct domain *rd = op->remote_dom == DOMID_SELF ? ld : domain_by_id(op->remote_dom);
    int lport;

    if (rd == NULL)
        return -ESRCH;
    spin_lock_pair(&ld->evtchn.lock, &rd->evtchn.lock);
    lport = connect(ld, rd, op->remote_port);
    spin_unlock_pair(&ld->evtchn.lock, &rd->evtchn.lock);
    if (lport < 0)
        return lport;
    op->local_port = (evtchn_port)lport;
    /* What the other side sent before is not lost: the new port begins pending. */
    evtchn_set_pending(ld, op->local_port, 0);
    return 0;
}

static int bind_virq(struct evtchn_bind_virq *op)
{
    struct domain *d = current->domain;
    struct binding b = {.state = PORT_VIRQ, .dom = d->id, .peer = op->virq};
    struct vcpu *v;
    int port;

    if (op->virq >= NR_VIRQS || (op->vcpu != 0 && evtchn_virq_is_global(op->virq)))
        return -EINVAL;
    v = domain_vcpu(d, op->vcpu);
    if (v == NULL)
        return -ENOENT;
    b.vcpu = (uint16_t)op->vcpu;
    spin_lock(&d->evtchn.lock);
    if (v->evtchn.virq_port[op->virq] != 0)
        port = -EEXIST;
    else
        port = evtchn_alloc_port(d, &b);
    if (port > 0)
        WRITE_ONCE(v->evtchn.virq_port[op->virq], (uint16_t)port);
    spin_unlock(&d->evtchn.lock);
    if (port < 0)
        return port;
    op->port = (evtchn_port)port;
    return 0;
}

static int bind_ipi(struct evtchn_bind_ipi *op)
{
    struct domain *d = current->domain;
    struct binding b = {.state = PORT_IPI, .dom = d->id, .vcpu = (uint16_t)op->vcpu};
    int port;

    if (domain_vcpu(d, op->vcpu) == NULL)
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    port = evtchn_alloc_port(d, &b);
    spin_unlock(&d->evtchn.lock);
    if (port < 0)
        return port;
    op->port = (evtchn_port)port;
    return 0;
}

static int get_status(struct evtchn_status *op)
{
    const struct evtchn *e;
    struct domain *d;
    struct binding b;
    int rc;

    d = any_domain(op->dom, &rc);
    if (d == NULL)
        return rc;
    e = evtchn_of(d, op->port);
    if (e == NULL)
        return -EINVAL;
    b = evtchn_binding(e);
    op->vcpu = b.vcpu;
    switch (b.state) {
    case PORT_UNBOUND:
        op->status = EVTCHNSTAT_unbound;
        op->u.unbound.dom = b.dom;
        break;
    case PORT_INTERDOMAIN:
        op->status = EVTCHNSTAT_interdomain;
        op->u.interdomain.dom = b.dom;
        op->u.interdomain.port = b.peer;
        break;
    case PORT_VIRQ:
        op->status = EVTCHNSTAT_virq;
        op->u.virq = b.peer;
        break;
    case PORT_IPI:
        op->status = EVTCHNSTAT_ipi;
        break;
    default:
        op->status = EVTCHNSTAT_closed;
        break;
    }
    return 0;
}

/* Per-vCPU bindings stay where they are; a global VIRQ's event may go elsewhere. */
static bool may_move(const struct binding *b)
{
    if (b->consumer != 0)
        return false;
    return b->state == PORT_UNBOUND || b->state == PORT_INTERDOMAIN ||
           (b->state == PORT_VIRQ && evtchn_virq_is_global(b->peer));
}

static int bind_vcpu(const struct evtchn_bind_vcpu *op)
{
    struct domain *d = current->domain;
    struct evtchn *e;
    struct binding b;
    int rc = -EINVAL;

    if (domain_vcpu(d, op->vcpu) == NULL)
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    e = evtchn_of(d, op->port);
    if (e != NULL) {
        b = evtchn_binding(e);
        if (may_move(&b)) {
            b.vcpu = (uint16_t)op->vcpu;
            evtchn_set(e, &b);
            rc = 0;
        }
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static int unmask(const struct evtchn_unmask *op)
{
    struct domain *d = current->domain;
    const struct evtchn *e = evtchn_of(d, op->port);

    if (e == NULL)
        return -EINVAL;
    evtchn_unmask(d, op->port, evtchn_binding(e).vcpu);
    return 0;
}

/* What is closed stays closed when the call is continued. */
static int reset(const struct evtchn_reset *op)
{
    unsigned int closed = 0;
    struct domain *d;
    int rc;

    d = any_domain(op->dom, &rc);
    if (d == NULL)
        return rc;
    for (evtchn_port port = 1; port < d->evtchn.max_ports; port++) {
        const struct evtchn *e = evtchn_of(d, port);
        struct binding b;

        if (e == NULL)
            continue;
        b = evtchn_binding(e);
        if (b.state == PORT_FREE || b.consumer != 0)
            continue;
        evtchn_close(d, port, false);
        if (++closed % RESET_BATCH == 0 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

/* Copy in, run, copy out (a failed one has no output). */
#define EVTCHN_OP(name, type, out_)                                        \
    static int op_##name(uint64_t arg)                                     \
    {                                                                      \
        struct type op;                                                    \
        int rc;                                                            \
                                                                           \
        if (guest_copy_from(&op, arg, sizeof(op)) != 0)                    \
            return -EFAULT;                                                \
        rc = name(&op);                                                    \
        if (rc == 0 && (out_) && guest_copy_to(arg, &op, sizeof(op)) != 0) \
            return -EFAULT;                                                \
        return rc;                                                         \
    }

EVTCHN_OP(alloc_unbound, evtchn_alloc_unbound, true)
EVTCHN_OP(bind_interdomain, evtchn_bind_interdomain, true)
EVTCHN_OP(bind_virq, evtchn_bind_virq, true)
EVTCHN_OP(bind_ipi, evtchn_bind_ipi, true)
EVTCHN_OP(get_status, evtchn_status, true)
EVTCHN_OP(bind_vcpu, evtchn_bind_vcpu, false)
EVTCHN_OP(unmask, evtchn_unmask, false)
EVTCHN_OP(reset, evtchn_reset, false)

static int op_close(uint64_t arg)
{
    struct evtchn_close op;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    return evtchn_close(current->domain, op.port, false);
}

static int op_send(uint64_t arg)
{
    struct evtchn_send op;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    return evtchn_send(current->domain, op.port);
}

static long event_channel_op(const uint64_t args[NR_HYPERCALL_ARGS])
{
    uint64_t arg = args[1];

    switch ((int)args[0]) {
    case EVTCHNOP_send: /* the one that must be quick */
        return op_send(arg);
    case EVTCHNOP_alloc_unbound:
        return op_alloc_unbound(arg);
    case EVTCHNOP_bind_interdomain:
        return op_bind_interdomain(arg);
    case EVTCHNOP_bind_virq:
        return op_bind_virq(arg);
    case EVTCHNOP_bind_ipi:
        return op_bind_ipi(arg);
    case EVTCHNOP_close:
        return op_close(arg);
    case EVTCHNOP_status:
        return op_get_status(arg);
    case EVTCHNOP_bind_vcpu:
        return op_bind_vcpu(arg);
    case EVTCHNOP_unmask:
        return op_unmask(arg);
    case EVTCHNOP_reset:
        return op_reset(arg);
    default:
        /* bind_pirq, and the FIFO ABI: a guest falls back to this one */
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_event_channel_op, event_channel_op);
