/* SPDX-License-Identifier: Apache-2.0 */
/* See model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#include "../../common/ioreq/private.h"

/* Of no interest to the fuzzer's sense of what is new, and a good part of the run time. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

struct model model;
struct model_shared model_shared;

/* A merged range is paid for like three nodes of 64 bytes (docs/ioreq.md). */
#define RANGE_BYTES 192

static void set_free(struct model_set *set)
{
    free(set->range);
    *set = (struct model_set){0};
}

static void server_free(struct model_server *s)
{
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        set_free(&s->set[i]);
    free(s);
}

void model_reset(void)
{
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        for (unsigned int id = 0; id < MODEL_SERVERS; id++)
            if (model.domain[i].server[id] != NULL)
                server_free(model.domain[i].server[id]);
    memset(model.domain, 0, sizeof(model.domain));
}

struct model_domain *model_of(const struct domain *d)
{
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        if (d != NULL && model.domain[i].d == d)
            return &model.domain[i];
    return NULL;
}

/* Sets. */

static void set_insert(struct model_set *set, unsigned int at, uint64_t first, uint64_t last)
{
    if (set->nr == set->room) {
        set->room = set->room * 2 + 4;
        set->range = realloc(set->range, set->room * sizeof(*set->range));
    }
    memmove(&set->range[at + 1], &set->range[at], (set->nr - at) * sizeof(*set->range));
    set->range[at] = (struct model_range){first, last};
    set->nr++;
}

static void set_delete(struct model_set *set, unsigned int at)
{
    set->nr--;
    memmove(&set->range[at], &set->range[at + 1], (set->nr - at) * sizeof(*set->range));
}

/* Add what overlaps nothing; neighbours become one. */
static void set_add(struct model_set *set, uint64_t first, uint64_t last)
{
    unsigned int at = 0;

    while (at < set->nr && set->range[at].last < first)
        at++;
    set_insert(set, at, first, last);
    if (at + 1 < set->nr && set->range[at + 1].first == last + 1) {
        set->range[at].last = set->range[at + 1].last;
        set_delete(set, at + 1);
    }
    if (at > 0 && set->range[at - 1].last + 1 == first) {
        set->range[at - 1].last = set->range[at].last;
        set_delete(set, at);
    }
}

static void set_remove(struct model_set *set, unsigned int at, uint64_t first, uint64_t last)
{
    struct model_range old = set->range[at];

    set_delete(set, at);
    if (old.last > last)
        set_insert(set, at, last + 1, old.last);
    if (old.first < first)
        set_insert(set, at, old.first, first - 1);
}

/* Which range has all of [first, last], or -1. */
static int set_holder(const struct model_set *set, uint64_t first, uint64_t last)
{
    for (unsigned int i = 0; i < set->nr; i++)
        if (set->range[i].first <= first && last <= set->range[i].last)
            return (int)i;
    return -1;
}

static bool set_overlaps(const struct model_set *set, uint64_t first, uint64_t last)
{
    for (unsigned int i = 0; i < set->nr; i++)
        if (set->range[i].first <= last && first <= set->range[i].last)
            return true;
    return false;
}

/* The budget. */

uint64_t model_registry_bytes(void)
{
    return kalloc_size(sizeof(struct ioreq_registry)) +
           IOREQ_NR_SPACES * kalloc_size(sizeof(struct imap_node));
}

uint64_t model_server_bytes(const struct model_domain *t, uint8_t mode)
{
    return kalloc_size(sizeof(struct ioreq_server) +
                       t->d->max_vcpus * sizeof(struct ioreq_server_vcpu)) +
           PAGE_SIZE + (mode != 0 ? PAGE_SIZE : 0);
}

uint64_t model_set_bytes(const struct model_server *s)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        n += s->set[i].nr;
    return n * RANGE_BYTES;
}

uint64_t model_bytes(const struct model_domain *t)
{
    uint64_t bytes = t->registry ? model_registry_bytes() : 0;

    for (unsigned int id = 0; id < MODEL_SERVERS; id++) {
        if (t->server[id] != NULL)
            bytes +=
                model_server_bytes(t, t->server[id]->ring.mode) + model_set_bytes(t->server[id]);
        bytes += t->leftover_bytes[id];
    }
    return bytes;
}

static bool affords(const struct model_domain *t, uint64_t bytes)
{
    return model_bytes(t) + bytes <= model.max_bytes;
}

/* The registry. */

int model_find(const struct model_domain *t, const struct domain *caller, uint32_t id,
               struct model_server **out)
{
    if (id >= MODEL_SERVERS || t->server[id] == NULL)
        return -ENOENT;
    if (t->server[id]->owner != caller)
        return -EPERM;
    *out = t->server[id];
    return 0;
}

int model_may_create(struct model_domain *t, const struct domain *caller)
{
    const struct model_domain *c = model_of(caller);
    unsigned int id = 0;

    if (c->shut_down)
        return -EINVAL;
    if (!t->registry && !affords(t, model_registry_bytes()))
        return -ENOMEM;
    while (id < model.max_servers && (t->server[id] != NULL || (t->busy & BIT64(id)) != 0))
        id++;
    return id < model.max_servers ? (int)id : -ENOSPC;
}

void model_created(struct model_domain *t, const struct domain *caller, uint32_t id, uint8_t mode)
{
    struct model_server *s = calloc(1, sizeof(*s));

    s->id = id;
    s->ring.mode = mode;
    s->owner = caller;
    s->generation = ++t->generation;
    t->server[id] = s;
}

int model_map(struct model_domain *t, struct model_server *s, uint32_t type, uint64_t first,
              uint64_t last, bool apply)
{
    struct model_set *set;
    unsigned int nr;

    if (type >= IOREQ_NR_SPACES)
        return -EINVAL;
    set = &s->set[type];
    if (set_overlaps(set, first, last))
        return -EEXIST;
    nr = set->nr + 1;
    nr -= first != 0 && set_holder(set, first - 1, first - 1) >= 0;
    nr -= last != UINT64_MAX && set_holder(set, last + 1, last + 1) >= 0;
    if (nr > model.max_ranges || (nr > set->nr && !affords(t, RANGE_BYTES)))
        return -ENOMEM;
    if (apply)
        set_add(set, first, last);
    return 0;
}

int model_unmap(struct model_domain *t, struct model_server *s, uint32_t type, uint64_t first,
                uint64_t last, bool apply)
{
    struct model_set *set;
    bool splits;
    int at;

    if (type >= IOREQ_NR_SPACES)
        return -EINVAL;
    set = &s->set[type];
    at = set_holder(set, first, last);
    if (at < 0)
        return -ENOENT;
    splits = set->range[at].first < first && last < set->range[at].last;
    if (splits && (set->nr + 1 > model.max_ranges || !affords(t, RANGE_BYTES)))
        return -ENOMEM;
    if (apply)
        set_remove(set, (unsigned int)at, first, last);
    return 0;
}

void model_destroy(struct model_domain *t, uint32_t id)
{
    struct model_server *s = t->server[id];

    t->busy |= BIT64(id);
    t->retiring[id].generation = s->generation;
    t->retiring[id].owed = 0;
    for (unsigned int i = 0; i < MODEL_VCPUS; i++)
        if (s->owes[i] != STATE_IOREQ_NONE)
            t->retiring[id].owed |= 1u << i;
    server_free(s);
    t->server[id] = NULL;
}

void model_retired(struct model_domain *t, uint32_t id)
{
    t->busy &= ~BIT64(id);
    for (unsigned int i = 0; i < MODEL_VCPUS; i++) {
        struct model_vcpu *v = &t->vcpu[i];

        if ((v->waiting && v->server == id && v->generation == t->retiring[id].generation) ||
            (t->retiring[id].owed & (1u << i)) != 0)
            model_notified(v);
    }
}

/* Without a request, the slot of an enabled server is at rest and names the port. */
static void prepare_slot(struct model_domain *t, struct model_server *s, unsigned int vcpu)
{
    const struct model_vcpu *v = &t->vcpu[vcpu];

    if (!(v->waiting && v->generation == s->generation) && s->owes[vcpu] == STATE_IOREQ_NONE)
        model_store(s, vcpu, MODEL_RESET, NULL);
    model_store(s, vcpu, MODEL_PORT, NULL);
}

void model_set_state(struct model_domain *t, uint32_t id, bool enable)
{
    struct model_server *s = t->server[id];

    if (s->enabled == enable)
        return;
    s->enabled = enable;
    s->settling = !enable;
    for (unsigned int i = 0; enable && i < MODEL_VCPUS; i++)
        if (t->vcpu[i].v != NULL)
            prepare_slot(t, s, i);
}

void model_disabled(struct model_domain *t, struct model_server *s)
{
    s->settling = false;
    for (unsigned int i = 0; i < MODEL_VCPUS; i++) {
        if (s->owes[i] == STATE_IOREQ_NONE)
            continue;
        s->owes[i] = STATE_IOREQ_NONE;
        s->left[i] = true;
        model_notified(&t->vcpu[i]);
    }
}

void model_vcpu_added(struct model_domain *t, unsigned int vcpu)
{
    model_learn_ports(t);
    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        if (t->server[id] != NULL && t->server[id]->enabled)
            prepare_slot(t, t->server[id], vcpu);
}

void model_domain_gone(struct model_domain *t)
{
    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        if (t->server[id] != NULL)
            server_free(t->server[id]);
    memset(t, 0, sizeof(*t));
}

/* Accesses. */

int model_winner(const struct model_domain *t, unsigned int space, uint64_t first, uint64_t last)
{
    for (int id = MODEL_SERVERS - 1; id >= 0; id--)
        if (t->server[id] != NULL && t->server[id]->enabled &&
            set_holder(&t->server[id]->set[space], first, last) >= 0)
            return id;
    return -1;
}

int model_route(const struct model_domain *t, const struct ioreq_access *a)
{
    __uint128_t bytes = (__uint128_t)a->size * (a->space == IOREQ_SPACE_PORT ? 1 : a->count);
    __uint128_t first = a->addr, last;

    if (a->space == IOREQ_SPACE_PCI)
        return model_winner(t, a->space, a->addr >> 32, a->addr >> 32);
    /* Backwards: the first element is the one at the highest address. */
    if (a->df && a->space == IOREQ_SPACE_MEMORY) {
        last = first + a->size - 1;
        if (last + 1 < bytes)
            return -1;
        first = last + 1 - bytes;
    } else {
        last = first + bytes - 1;
    }
    if (last > UINT64_MAX)
        return -1;
    return model_winner(t, a->space, (uint64_t)first, (uint64_t)last);
}

#pragma clang attribute pop
