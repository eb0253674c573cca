/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling device models that memory of their guest is gone (IOREQ_TYPE_INVALIDATE): they may keep
 * mappings of it. p2m reports; the exit path of the vCPU asks every enabled server at once, and the
 * vCPU waits for them.
 *
 * The request itself says nothing about what has gone, so acknowledgements are counted: each
 * removal gives the domain a new ram_generation. A server that answers a request has forgotten
 * whatever had left when the request was posted, for whichever vCPU asked. A vCPU goes on when
 * every enabled server has acknowledged the generation of its own removal, or a newer one.
 * tests/model/invalidate.pml is the model of this file.
 */
#include <wherry/bug.h>

#include "private.h"

static const struct ioreq_access invalidate = {
    .data = ~UINT64_C(0),
    .size = 4,
    .type = IOREQ_TYPE_INVALIDATE,
    .space = IOREQ_SPACE_MEMORY,
};

void ioreq_ram_removed(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    /* Full barrier: the removal before its number. Partner: ioreq_invalidate_work(). */
    atomic64_fetch_add(&d->ioreq.ram_generation, 1);
    if (rcu_dereference(d->ioreq.registry) == NULL)
        return;
    if (current != NULL && current->domain == d) {
        vcpu_set_work(current, VCPU_WORK_INVAL);
        return;
    }
    for_each_vcpu (d, v, i)
        vcpu_set_work(v, VCPU_WORK_INVAL);
}

/* s has answered a request that was posted when ram_generation was `gen`. */
static void acknowledge(struct ioreq_server *s, uint64_t gen)
{
    uint64_t old = atomic64_read(&s->inval_acked);

    while (old < gen && !atomic64_cmpxchg(&s->inval_acked, &old, gen))
        ;
}

/* The servers that have to be asked, their slots filled; one that cannot be asked is logged. */
static uint64_t prepare(struct vcpu *v, struct ioreq_registry *reg)
{
    uint64_t ids = READ_ONCE(reg->route.enabled);
    uint64_t asked = 0;

    for (; ids != 0; ids &= ids - 1) {
        unsigned int id = (unsigned int)__builtin_ctzll(ids);
        struct ioreq_server *s = rcu_dereference(reg->server[id]);

        if (s == NULL || atomic64_read(&s->inval_acked) >= v->ioreq.inval_wanted ||
            !ioreq_slot_prepare(v, s, &invalidate))
            continue;
        WRITE_ONCE(s->vcpu[v->id].inval_state, STATE_IOREQ_READY);
        asked |= BIT64(id);
    }
    return asked;
}

/* One that was unpublished meanwhile is asked all the same: who destroys it wakes us. */
static void publish(struct vcpu *v, struct ioreq_registry *reg, uint64_t ids)
{
    for (; ids != 0; ids &= ids - 1) {
        struct ioreq_server *s = rcu_dereference(reg->server[__builtin_ctzll(ids)]);

        if (s != NULL && ioreq_invalidate_owed(s, v))
            ioreq_slot_publish(v, s, &invalidate);
    }
}

/* Ask whoever has not acknowledged inval_wanted; nobody: v may go on. */
static void ask(struct vcpu *v, struct ioreq_registry *reg)
{
    v->ioreq.inval_waiting = prepare(v, reg);
    if (v->ioreq.inval_waiting == 0)
        return;
    ioreq_start_waiting(v);
    publish(v, reg, v->ioreq.inval_waiting);
}

void ioreq_invalidate_work(struct vcpu *v)
{
    struct ioreq_registry *reg = rcu_dereference(v->domain->ioreq.registry);

    if (reg == NULL || domain_is_shut_down(v->domain))
        return;
    /* Its slots are in use; what asked for this waits. */
    if (v->ioreq.in_flight || v->ioreq.inval_waiting != 0) {
        vcpu_set_work(v, VCPU_WORK_INVAL);
        return;
    }
    /*
     * At least the number of the removal that set the work bit; what is posted from here on is
     * posted after that removal. Partner: ioreq_ram_removed().
     */
    v->ioreq.inval_wanted = atomic64_read(&v->domain->ioreq.ram_generation);
    ask(v, reg);
}

/* Nothing is owed any more. */
static bool settle(struct ioreq_server *s, const struct vcpu *v)
{
    slot_reset(&s->slots[v->id]);
    WRITE_ONCE(s->vcpu[v->id].inval_state, STATE_IOREQ_NONE);
    return false;
}

/* Judge s's slot, its state sampled once. Returns whether v has to wait for it still. */
static bool still_owed(struct vcpu *v, struct ioreq_server *s)
{
    struct ioreq_server_vcpu *sv = &s->vcpu[v->id];
    uint8_t state = (uint8_t)slot_load(&s->slots[v->id], SLOT_STATE);

    switch (state) {
    case STATE_IORESP_READY:
    case STATE_IOREQ_NONE: /* given up by the device model, which thereby says the same */
        acknowledge(s, v->ioreq.inval_wanted);
        return settle(s, v);
    case STATE_IOREQ_READY:
    case STATE_IOREQ_INPROCESS:
        if (state < sv->inval_state)
            break;
        WRITE_ONCE(sv->inval_state, state);
        return true;
    default:
        break;
    }
    domain_crash(v->domain, "bad ioreq state transition %u -> %u in an invalidation, server %u",
                 sv->inval_state, state, s->id);
    return settle(s, v);
}

void ioreq_invalidate_answers(struct vcpu *v)
{
    struct ioreq_registry *reg = rcu_dereference(v->domain->ioreq.registry);
    uint64_t enabled = reg != NULL ? READ_ONCE(reg->route.enabled) : 0;
    uint64_t left = 0;

    if (v->ioreq.inval_waiting == 0)
        return;
    /*
     * Who disables a server answers for what it has cached, and nobody waits for it. Its slot is
     * not touched: it may be enabled again by now, and at work on it. set_state() settles it.
     */
    for (uint64_t ids = v->ioreq.inval_waiting & enabled; ids != 0; ids &= ids - 1) {
        unsigned int id = (unsigned int)__builtin_ctzll(ids);
        struct ioreq_server *s = reg != NULL ? rcu_dereference(reg->server[id]) : NULL;

        /* Destroyed, and perhaps another one in its place: it has never been asked. */
        if (s == NULL || !ioreq_invalidate_owed(s, v))
            continue;
        if (still_owed(v, s))
            left |= BIT64(id);
    }
    v->ioreq.inval_waiting = left;
    if (left != 0)
        ioreq_wait_again(v);
    else if (reg != NULL && !domain_is_shut_down(v->domain))
        ask(v, reg); /* one may have been enabled meanwhile */
}
