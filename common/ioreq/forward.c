/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a decoded access to a posted request. Called by the arch's fault handler, with the faulting
 * vCPU current. Takes no lock and allocates nothing.
 */
#include <wherry/bug.h>
#include <wherry/printk.h>

#include "private.h"

/* What route compares: PCI configuration space is claimed by function, not by register. */
static inline bool access_bounds(const struct ioreq_access *a, uint64_t *first, uint64_t *last)
{
    uint64_t step = a->size;
    uint64_t below = a->df ? (a->count - 1) * step : 0;
    uint64_t above = (a->df ? 1 : a->count) * step - 1;

    if (a->space == IOREQ_SPACE_PCI) {
        *first = *last = a->addr >> 32;
        return true;
    }
    /* A port string operation stays on its port. */
    if (a->space == IOREQ_SPACE_PORT) {
        below = 0;
        above = step - 1;
    }
    *first = a->addr - below;
    *last = a->addr + above;
    return *first <= a->addr && *last >= a->addr;
}

/* Is the slot as we left it? A device model that touches an idle slot loses its accesses. */
static bool slot_usable(const struct ioreq_server *s, const struct ioreq_slot *slot,
                        evtchn_port port)
{
    uint64_t state = slot_load(slot, SLOT_STATE);
    uint64_t eport = slot_load(slot, SLOT_EPORT);

    if (likely(state == STATE_IOREQ_NONE && port != 0 && eport == port))
        return true;
    gprintk("ioreq server %u (d%u): device model set bad state %u or event channel %u (is %u)\n",
            s->id, s->owner->id, (unsigned int)state, (unsigned int)eport, port);
    return false;
}

bool ioreq_slot_prepare(const struct vcpu *v, struct ioreq_server *s,
                        const struct ioreq_access *access)
{
    struct ioreq_slot *slot = &s->slots[v->id];

    if (!slot_usable(s, slot, READ_ONCE(s->vcpu[v->id].port)))
        return false;
    slot_fill(slot, access);
    return true;
}

void ioreq_start_waiting(struct vcpu *v)
{
    /*
     * v is current: no kick is needed. The work bit stays for as long as the request does, so that
     * whatever ends the wait, the vCPU cannot reach its guest past the request.
     */
    atomic32_fetch_or(&v->pause_flags, VPF_IOREQ); /* full barrier; partner: ioreq_notified() */
    atomic32_fetch_or(&v->work, VCPU_WORK_RESCHED | VCPU_WORK_IOREQ);
}

void ioreq_slot_publish(struct vcpu *v, struct ioreq_server *s, const struct ioreq_access *access)
{
    struct vcpu *server_vcpu;

    /* Release: the slot's fields before its state; partner: the device model's acquire. */
    slot_set_state(&s->slots[v->id], access, STATE_IOREQ_READY);
    server_vcpu = evtchn_notify_consumer_peer(v->domain, READ_ONCE(s->vcpu[v->id].port));
    if (server_vcpu != NULL)
        sched_switch_to(server_vcpu);
}

/* Whose answer ends the wait: looked up again by these, no pointer is kept. */
static void remember(struct vcpu *v, const struct ioreq_server *s,
                     const struct ioreq_access *access)
{
    struct vcpu_ioreq *vi = &v->ioreq;

    vi->access = *access;
    WRITE_ONCE(vi->server_id, s->id);
    WRITE_ONCE(vi->generation, s->generation);
    vi->last_state = STATE_IOREQ_READY;
    WRITE_ONCE(vi->in_flight, true);
}

static enum ioreq_result post(struct vcpu *v, struct ioreq_server *s,
                              const struct ioreq_access *access)
{
    if (!ioreq_slot_prepare(v, s, access))
        return IOREQ_UNCLAIMED;
    remember(v, s, access);
    ioreq_start_waiting(v);
    ioreq_slot_publish(v, s, access);
    return IOREQ_SENT;
}

/* The server that gets the access, or NULL. */
static struct ioreq_server *find_server(struct vcpu *v, const struct ioreq_access *access)
{
    struct ioreq_registry *reg = rcu_dereference(v->domain->ioreq.registry);
    uint64_t first, last;
    int id;

    if (reg == NULL || !access_bounds(access, &first, &last))
        return NULL;
    id = ioreq_route(v, reg, access->space, first, last);
    /* May be gone since the table was read: as if it had not been there. */
    return id >= 0 ? rcu_dereference(reg->server[id]) : NULL;
}

enum ioreq_result ioreq_forward(struct vcpu *v, const struct ioreq_access *access)
{
    enum ioreq_result result = IOREQ_UNCLAIMED;
    struct ioreq_server *s;

    ASSERT(v == current && !v->ioreq.in_flight);
    if (unlikely(domain_is_shut_down(v->domain)))
        return IOREQ_RETRY;
    s = find_server(v, access);
    if (unlikely(access->buffered) && s != NULL && ioreq_ring_post(s, access))
        return IOREQ_DONE;
    if (likely(s != NULL))
        result = post(v, s, access);
    atomic64_count(result == IOREQ_SENT ? &v->domain->stats.forwarded
                                        : &v->domain->stats.unclaimed);
    return result;
}

bool ioreq_claims(struct vcpu *v, uint64_t first, uint64_t last)
{
    struct ioreq_registry *reg = rcu_dereference(v->domain->ioreq.registry);

    return reg != NULL && ioreq_route(v, reg, IOREQ_SPACE_MEMORY, first, last) >= 0;
}
