/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in the model (model.h): from an access to its end, and invalidations. */
#include "model.h"

#include "../../common/ioreq/private.h"
#include "../../common/ioreq/ring.h"
#include "input.h"

/* Of no interest to the fuzzer's sense of what is new, and a good part of the run time. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

void model_sample(struct model_domain *t)
{
    if (model_shared.load != NULL)
        return;
    for (unsigned int id = 0; t->d != NULL && id < MODEL_SERVERS; id++)
        for (unsigned int i = 0; t->server[id] != NULL && i < t->d->max_vcpus; i++) {
            struct ioreq_slot *slot = &t->d->ioreq.registry->server[id]->slots[i];

            t->server[id]->slot[i] = (struct model_slot){
                .state = slot->bits & SLOT_STATE_MASK, .eport = slot->vp_eport, .data = slot->data};
            if (t->server[id]->slot[i].state == STATE_IOREQ_NONE)
                slot->pad = t->server[id]->left[i] = 0;
        }
    for (unsigned int id = 0; t->d != NULL && id < MODEL_SERVERS; id++)
        if (t->server[id] != NULL && t->server[id]->ring.mode != 0)
            t->server[id]->ring.read = t->d->ioreq.registry->server[id]->ring.shared->read;
}

uint64_t model_load(const struct model_server *s, unsigned int vcpu, unsigned int field)
{
    if (model_shared.load != NULL)
        return model_shared.load(s, vcpu, field);
    return field == SLOT_STATE   ? s->slot[vcpu].state
           : field == SLOT_EPORT ? s->slot[vcpu].eport
                                 : s->slot[vcpu].data;
}

void model_store(struct model_server *s, unsigned int vcpu, enum model_store what,
                 const struct ioreq_access *a)
{
    if (model_shared.store != NULL)
        model_shared.store(s, vcpu, what, a);
    if (what == MODEL_PORT)
        s->slot[vcpu].eport = s->port[vcpu];
    else
        s->slot[vcpu].state = what == MODEL_REQUEST ? STATE_IOREQ_READY : STATE_IOREQ_NONE;
}

/* The ring's port comes and goes with vCPU 0. */
static void learn_ring_port(struct model_domain *t, struct model_server *s)
{
    s->ring.port = t->d->ioreq.registry->server[s->id]->ring.port;
    fuzz_check((s->ring.port != 0) == (s->ring.mode != 0 && t->vcpu[0].v != NULL),
               "server %u: port %u of its ring", s->id, s->ring.port);
    for (unsigned int i = 0; i < MODEL_VCPUS; i++)
        fuzz_check(s->ring.port == 0 || s->port[i] != s->ring.port, "port %u twice", s->ring.port);
}

void model_learn_ports(struct model_domain *t)
{
    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        for (unsigned int i = 0; t->server[id] != NULL && i < t->d->max_vcpus; i++) {
            uint32_t port = t->d->ioreq.registry->server[id]->vcpu[i].port;

            if (t->server[id]->port[i] == port)
                continue;
            fuzz_check(t->server[id]->port[i] == 0, "server %u, vCPU %u: another port", id, i);
            for (unsigned int other = 0; other < MODEL_SERVERS; other++)
                for (unsigned int k = 0; t->server[other] != NULL && k < MODEL_VCPUS; k++)
                    fuzz_check(t->server[other]->port[k] != port, "port %u twice", port);
            t->server[id]->port[i] = port;
        }
    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        if (t->server[id] != NULL)
            learn_ring_port(t, t->server[id]);
}

void model_notified(struct model_vcpu *v)
{
    v->work_ioreq = true;
    v->blocked = false;
}

static void wait_for_answer(struct model_vcpu *v)
{
    v->work_ioreq = true;
    v->blocked = true;
}

void model_crash(struct model_domain *t)
{
    if (t->shut_down)
        return;
    t->shut_down = true;
    t->owner_died = true;
    t->pauses++;
}

static bool usable(const struct model_server *s, unsigned int vcpu)
{
    uint64_t state = model_load(s, vcpu, SLOT_STATE);
    uint64_t eport = model_load(s, vcpu, SLOT_EPORT);

    return state == STATE_IOREQ_NONE && s->port[vcpu] != 0 && eport == s->port[vcpu];
}

enum ioreq_result model_forward(struct model_domain *t, struct model_vcpu *v,
                                const struct ioreq_access *a)
{
    unsigned int vcpu = (unsigned int)(v - t->vcpu);
    int id = model_route(t, a);

    if (t->shut_down)
        return IOREQ_RETRY;
    if (id >= 0 && a->buffered && model_ring_post(t, t->server[id], a))
        return IOREQ_DONE;
    if (id < 0 || !usable(t->server[id], vcpu)) {
        t->unclaimed++;
        return IOREQ_UNCLAIMED;
    }
    t->forwarded++;
    model_store(t->server[id], vcpu, MODEL_REQUEST, a);
    v->waiting = true;
    v->server = (uint32_t)id;
    v->generation = t->server[id]->generation;
    v->last_state = STATE_IOREQ_READY;
    v->access = *a;
    wait_for_answer(v);
    return IOREQ_SENT;
}

static void complete(struct model_domain *t, struct model_vcpu *v, uint64_t data, bool answered)
{
    v->waiting = false;
    v->completions++;
    v->answered = answered;
    v->result = v->access.data;
    if (v->access.read && !v->access.data_is_ptr) {
        v->result = data;
        for (unsigned int i = v->access.size; i < 8; i++)
            v->result &= ~(UINT64_C(0xff) << (8 * i));
    }
    if (!answered)
        t->unclaimed++;
}

static void look_at_answer(struct model_domain *t, struct model_vcpu *v)
{
    struct model_server *s = t->server[v->server];
    unsigned int vcpu = (unsigned int)(v - t->vcpu);
    uint64_t state, data;

    if (s == NULL || s->generation != v->generation) {
        complete(t, v, UINT64_MAX, false);
        return;
    }
    state = model_load(s, vcpu, SLOT_STATE);
    if (state == STATE_IORESP_READY) {
        data = model_load(s, vcpu, SLOT_DATA);
        model_store(s, vcpu, MODEL_TAKEN, &v->access);
        complete(t, v, data, true);
    } else if (state == STATE_IOREQ_NONE) {
        complete(t, v, UINT64_MAX, true);
    } else if (state <= STATE_IOREQ_INPROCESS && state >= v->last_state) {
        v->last_state = (uint8_t)state;
        wait_for_answer(v);
    } else {
        v->waiting = false;
        model_crash(t);
    }
}

/* Invalidations. */

void model_ram_removed(struct model_domain *t, struct model_vcpu *by)
{
    t->ram_generation++;
    for (unsigned int i = 0; t->registry && i < MODEL_VCPUS; i++)
        if (t->vcpu[i].v != NULL && (by == NULL || by == &t->vcpu[i]))
            t->vcpu[i].work_inval = true;
}

static void ask(struct model_domain *t, struct model_vcpu *v)
{
    static const struct ioreq_access invalidate = {
        .data = UINT64_MAX, .size = 4, .type = IOREQ_TYPE_INVALIDATE};
    unsigned int vcpu = (unsigned int)(v - t->vcpu);

    for (unsigned int id = 0; id < MODEL_SERVERS; id++) {
        struct model_server *s = t->server[id];

        if (s == NULL || !s->enabled || s->acked >= v->inval_wanted || !usable(s, vcpu))
            continue;
        v->inval_asked |= BIT64(id);
        s->owes[vcpu] = STATE_IOREQ_READY;
        model_store(s, vcpu, MODEL_REQUEST, &invalidate);
    }
    if (v->inval_asked != 0)
        wait_for_answer(v);
}

/* Does s owe v an answer still? */
static bool owed(struct model_domain *t, struct model_vcpu *v, struct model_server *s)
{
    unsigned int vcpu = (unsigned int)(v - t->vcpu);
    uint8_t state = (uint8_t)model_load(s, vcpu, SLOT_STATE);
    bool moving = state == STATE_IOREQ_READY || state == STATE_IOREQ_INPROCESS;

    if (moving && state >= s->owes[vcpu]) {
        s->owes[vcpu] = state;
        return true;
    }
    if (moving ? state < s->owes[vcpu] : state > STATE_IORESP_READY)
        model_crash(t);
    else if (!moving && s->acked < v->inval_wanted)
        s->acked = v->inval_wanted;
    s->owes[vcpu] = STATE_IOREQ_NONE;
    model_store(s, vcpu, MODEL_RESET, NULL);
    return false;
}

static void look_at_acknowledgements(struct model_domain *t, struct model_vcpu *v)
{
    if (v->inval_asked == 0)
        return;
    for (unsigned int id = 0; id < MODEL_SERVERS; id++) {
        struct model_server *s = t->server[id];

        if (s == NULL || !s->enabled || s->owes[v - t->vcpu] == STATE_IOREQ_NONE || !owed(t, v, s))
            v->inval_asked &= ~BIT64(id);
    }
    if (v->inval_asked != 0)
        wait_for_answer(v);
    else if (!t->shut_down)
        ask(t, v);
}

bool model_exit_path(struct model_domain *t, struct model_vcpu *v)
{
    while (!v->blocked && t->pauses == 0) {
        bool ioreq = v->work_ioreq, inval = v->work_inval;

        if (!ioreq && !inval)
            return true;
        v->work_ioreq = v->work_inval = false;
        if (ioreq && v->waiting)
            look_at_answer(t, v);
        else if (ioreq)
            look_at_acknowledgements(t, v);
        if (!inval || !t->registry || t->shut_down)
            continue;
        if (v->waiting || v->inval_asked != 0) {
            v->work_inval = true;
            continue;
        }
        v->inval_wanted = t->ram_generation;
        ask(t, v);
    }
    return false;
}

#pragma clang attribute pop
