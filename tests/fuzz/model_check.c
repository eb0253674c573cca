/* SPDX-License-Identifier: Apache-2.0 */
/* Is the core as the model says (model.h)? */
#include "model.h"

#include "../../common/evtchn/private.h"
#include "../../common/ioreq/private.h"
#include "input.h"

/* Of no interest to the fuzzer's sense of what is new, and a good part of the run time. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

static void check_set(const struct model_domain *t, uint32_t id, unsigned int space)
{
    const struct model_set *set = &t->server[id]->set[space];
    const struct rangeset *rs = &t->d->ioreq.registry->server[id]->ranges[space];
    uint64_t at = 0, first, last;

    fuzz_check(rangeset_count(rs) == set->nr, "d%u server %u space %u: %u ranges, not %u", t->d->id,
               id, space, rangeset_count(rs), set->nr);
    for (unsigned int i = 0; i < set->nr; i++) {
        fuzz_check(rangeset_next(rs, at, &first, &last) && first == set->range[i].first &&
                       last == set->range[i].last,
                   "d%u server %u space %u: range %u is not %lx-%lx", t->d->id, id, space, i,
                   (unsigned long)set->range[i].first, (unsigned long)set->range[i].last);
        at = last + 1;
    }
}

/* Each vCPU has a port, which the owner alone may bind; nobody else has any. */
static void check_ports(const struct model_domain *t, const struct ioreq_server *s)
{
    for (unsigned int i = 0; i < t->d->max_vcpus; i++) {
        struct binding b;

        if (t->vcpu[i].v == NULL) {
            fuzz_check(s->vcpu[i].port == 0, "server %u: port %u of no vCPU %u", s->id,
                       s->vcpu[i].port, i);
            continue;
        }
        fuzz_check(evtchn_of(t->d, s->vcpu[i].port) != NULL, "server %u, vCPU %u: no port", s->id,
                   i);
        b = evtchn_binding(evtchn_of(t->d, s->vcpu[i].port));
        fuzz_check((b.state == PORT_UNBOUND || b.state == PORT_INTERDOMAIN) && b.consumer != 0 &&
                       b.dom == s->owner->id && b.vcpu == i,
                   "server %u, vCPU %u: port %u has state %u, consumer %u, d%u, vCPU %u", s->id, i,
                   s->vcpu[i].port, b.state, b.consumer, b.dom, b.vcpu);
    }
}

/* No request without somebody who waits for its answer, unless the device model wrote it. */
static void check_slots(const struct model_domain *t, const struct ioreq_server *s)
{
    for (unsigned int i = 0; i < t->d->max_vcpus; i++) {
        const struct model_slot *slot = &t->server[s->id]->slot[i];
        const struct model_vcpu *v = &t->vcpu[i];
        unsigned int state = s->slots[i].bits & SLOT_STATE_MASK;

        fuzz_check(s->vcpu[i].inval_state == t->server[s->id]->owes[i],
                   "server %u owes vCPU %u an acknowledgement: %u, not %u", s->id, i,
                   s->vcpu[i].inval_state, t->server[s->id]->owes[i]);
        if (model_shared.load != NULL)
            continue; /* its memory says nothing */
        fuzz_check(state == slot->state && s->slots[i].vp_eport == slot->eport,
                   "server %u, vCPU %u: state %u (not %u), port %u (not %u)", s->id, i, state,
                   slot->state, s->slots[i].vp_eport, slot->eport);
        if (s->slots[i].pad != 0 || state == STATE_IOREQ_NONE || t->shut_down)
            continue; /* `pad` is the mark of a slot that the device model wrote in */
        fuzz_check((v->waiting && v->generation == s->generation) || t->server[s->id]->left[i] ||
                       s->vcpu[i].inval_state != STATE_IOREQ_NONE,
                   "server %u, vCPU %u: state %u, and nobody waits", s->id, i, state);
    }
}

static void check_server(const struct model_domain *t, uint32_t id)
{
    const struct ioreq_registry *reg = t->d->ioreq.registry;
    const struct ioreq_server *s = reg->server[id];
    const struct model_server *m = t->server[id];

    fuzz_check((s == NULL) == (m == NULL), "d%u server %u: %s", t->d->id, id,
               s == NULL ? "is not there" : "is still there");
    if (s == NULL)
        return;
    fuzz_check(s->owner == m->owner && s->target == t->d && s->id == id &&
                   s->generation == m->generation,
               "d%u server %u: owner d%u, generation %lu", t->d->id, id, s->owner->id,
               (unsigned long)s->generation);
    fuzz_check(atomic64_read(&s->inval_acked) == m->acked,
               "d%u server %u: acknowledged %lu, not %lu", t->d->id, id,
               (unsigned long)atomic64_read(&s->inval_acked), (unsigned long)m->acked);
    fuzz_check(((reg->route.enabled & BIT64(id)) != 0) == m->enabled, "d%u server %u: enabled %d",
               t->d->id, id, !m->enabled);
    fuzz_check((reg->busy & BIT64(id)) != 0, "d%u server %u: its id is free", t->d->id, id);
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        check_set(t, id, i);
    check_ports(t, s);
    model_check_ring(t, m);
    check_slots(t, s);
}

static unsigned int consumer_ports(const struct domain *d)
{
    unsigned int n = 0;

    for (evtchn_port p = 1; p < d->evtchn.max_ports; p++) {
        const struct evtchn *e = evtchn_of(d, p);

        n += e != NULL && evtchn_binding(e).state != PORT_FREE && evtchn_binding(e).consumer != 0;
    }
    return n;
}

static void check_vcpu(const struct model_domain *t, unsigned int i)
{
    const struct model_vcpu *m = &t->vcpu[i];
    const struct vcpu *v = domain_vcpu(t->d, i);

    fuzz_check(v == m->v, "d%u vCPU %u", t->d->id, i);
    if (v == NULL)
        return;
    fuzz_check(v->ioreq.in_flight == m->waiting, "d%uv%u: waits %d", t->d->id, i, !m->waiting);
    fuzz_check(v->arch.completions == m->completions, "d%uv%u: %u accesses completed, not %u",
               t->d->id, i, v->arch.completions, m->completions);
    fuzz_check(
        m->completions == 0 || (v->arch.answered == m->answered && v->arch.result == m->result),
        "d%uv%u: completed with %lx, answered %d; not %lx, %d", t->d->id, i,
        (unsigned long)v->arch.result, v->arch.answered, (unsigned long)m->result, m->answered);
    fuzz_check(v->ioreq.inval_waiting == m->inval_asked, "d%uv%u: waits for %lx, not %lx", t->d->id,
               i, (unsigned long)v->ioreq.inval_waiting, (unsigned long)m->inval_asked);
    fuzz_check(((atomic32_read(&v->pause_flags) & VPF_IOREQ) != 0) == m->blocked,
               "d%uv%u: blocked %d", t->d->id, i, !m->blocked);
    if (!m->waiting)
        return;
    fuzz_check(v->ioreq.server_id == m->server && v->ioreq.generation == m->generation,
               "d%uv%u waits for server %u", t->d->id, i, v->ioreq.server_id);
    fuzz_check((atomic32_read(&v->work) & VCPU_WORK_IOREQ) != 0 ||
                   (atomic32_read(&v->pause_flags) & VPF_IOREQ) != 0,
               "d%uv%u could pass its request", t->d->id, i);
}

void model_check(const struct model_domain *t)
{
    unsigned int servers = 0, vcpus = 0, rings = 0;

    if (t->d == NULL)
        return;
    fuzz_check((t->d->ioreq.registry != NULL) == t->registry, "d%u registry", t->d->id);
    fuzz_check(t->d->ioreq.bytes == model_bytes(t), "d%u: %lu bytes charged, not %lu", t->d->id,
               (unsigned long)t->d->ioreq.bytes, (unsigned long)model_bytes(t));
    fuzz_check(t->d->ioreq.bytes <= model.max_bytes, "d%u: above the limit", t->d->id);
    for (uint32_t id = 0; t->registry && id < MODEL_SERVERS; id++) {
        check_server(t, id);
        servers += t->server[id] != NULL;
        rings += t->server[id] != NULL && t->server[id]->ring.port != 0;
    }
    for (unsigned int i = 0; i < t->d->max_vcpus; i++) {
        check_vcpu(t, i);
        vcpus += t->vcpu[i].v != NULL;
    }
    fuzz_check(consumer_ports(t->d) == servers * vcpus + rings,
               "d%u: %u ports of the hypervisor, not %u", t->d->id, consumer_ports(t->d),
               servers * vcpus + rings);
    fuzz_check((uint64_t)atomic64_read(&t->d->stats.buffered) == t->buffered &&
                   (uint64_t)atomic64_read(&t->d->stats.buffered_lost) == t->buffered_lost,
               "d%u: %lu buffered, not %lu", t->d->id,
               (unsigned long)atomic64_read(&t->d->stats.buffered), (unsigned long)t->buffered);
    fuzz_check((uint64_t)atomic64_read(&t->d->stats.forwarded) == t->forwarded &&
                   (uint64_t)atomic64_read(&t->d->stats.unclaimed) == t->unclaimed,
               "d%u: %lu forwarded (not %lu), %lu unclaimed (not %lu)", t->d->id,
               (unsigned long)atomic64_read(&t->d->stats.forwarded), (unsigned long)t->forwarded,
               (unsigned long)atomic64_read(&t->d->stats.unclaimed), (unsigned long)t->unclaimed);
}

static void check_point(const struct model_domain *t, struct vcpu *v, unsigned int space,
                        uint64_t first, uint64_t last)
{
    int got = ioreq_route(v, t->d->ioreq.registry, (enum ioreq_space)space, first, last);
    int want = model_winner(t, space, first, last);

    fuzz_check(got == want, "d%u space %u, %lx-%lx: server %d, not %d", t->d->id, space,
               (unsigned long)first, (unsigned long)last, got, want);
}

void model_check_routing(const struct model_domain *t, unsigned int space, uint64_t at)
{
    static struct vcpu fresh;
    struct vcpu *v = t->vcpu[0].v != NULL ? t->vcpu[0].v : &fresh;

    if (t->d == NULL || !t->registry || space >= IOREQ_NR_SPACES)
        return;
    fresh.ioreq.hit_version = 0;
    for (unsigned int i = 0; i < 3; i++) {
        uint64_t first = at - 1 + i;

        check_point(t, v, space, first, first);
        if (first <= UINT64_MAX - 3)
            check_point(t, v, space, first, first + 3);
        check_point(t, &fresh, space, first, first);
    }
}

/* Frames that are alive and keep their owner alive one by one: all but accounted ones. */
static unsigned int held_by_pages(const struct domain *d)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < MODEL_FRAMES; i++) {
        const struct page *pg = &arch_frame_table[i];

        n += atomic32_read(&pg->refs) != 0 && pg->owner == d && !(pg->flags & PAGE_ACCOUNTED);
    }
    return n + (d->tot_pages != 0);
}

static unsigned int held_by_servers(const struct domain *d)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        const struct model_domain *t = &model.domain[i];

        for (unsigned int id = 0; t->d != NULL && id < MODEL_SERVERS; id++)
            if (t->server[id] != NULL)
                n += (t->d == d) + (t->server[id]->owner == d);
    }
    return n;
}

void model_check_references(void)
{
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        const struct domain *d = model.domain[i].d;
        unsigned int want;

        if (d == NULL)
            continue;
        want = 1 + held_by_pages(d) + held_by_servers(d);
        fuzz_check(atomic32_read(&d->refs) == want, "d%u: %u references, not %u", d->id,
                   atomic32_read(&d->refs), want);
    }
}

#pragma clang attribute pop
