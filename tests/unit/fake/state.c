/* SPDX-License-Identifier: Apache-2.0 */
/* See state.h. */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../common/evtchn/private.h"
#include "../../../common/ioreq/private.h"
#include "fake.h"

static char *out;
static size_t used;
static unsigned long cached; /* objects that do not count */

static void say(const char *fmt, ...) __printf(1, 2);

static void say(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    used += (size_t)vsnprintf(out + used, STATE_SIZE - used, fmt, args);
    va_end(args);
    if (used >= STATE_SIZE)
        abort();
}

static void say_ranges(const struct ioreq_server *s)
{
    for (unsigned int space = 0; space < IOREQ_NR_SPACES; space++) {
        uint64_t first, last, at = 0;

        while (rangeset_next(&s->ranges[space], at, &first, &last)) {
            say("  %u: %lx-%lx\n", space, (unsigned long)first, (unsigned long)last);
            if (last == UINT64_MAX)
                break;
            at = last + 1;
        }
    }
}

static void say_server(const struct ioreq_server *s)
{
    say(" server %u generation %lu owner d%u\n", s->id, (unsigned long)s->generation, s->owner->id);
    for (unsigned int i = 0; i < s->target->max_vcpus; i++)
        say("  vCPU %u: port %u, slot %u\n", i, s->vcpu[i].port, s->slots[i].vp_eport);
    say_ranges(s);
}

/* Who would get an access to `addr`, from a vCPU that remembers nothing. */
static int winner(const struct ioreq_registry *reg, enum ioreq_space space, uint64_t addr)
{
    static struct vcpu v;

    memset(&v, 0, sizeof(v));
    return ioreq_route(&v, reg, space, addr, addr);
}

static void say_interval(const struct ioreq_registry *reg, enum ioreq_space space, uint64_t first,
                         uint64_t last, uint64_t servers)
{
    if (servers != 0)
        say("  route %u: %lx-%lx %lx, to %d %d %d %d\n", space, (unsigned long)first,
            (unsigned long)last, (unsigned long)servers, winner(reg, space, first - 1),
            winner(reg, space, first), winner(reg, space, last), winner(reg, space, last + 1));
}

/* Neighbours that differ only in what does not count are one. */
static void say_routes(const struct ioreq_registry *reg, enum ioreq_space space)
{
    uint64_t at = 0, first = 0, last = 0, servers = 0, value;
    const struct imap_node *n;

    while ((n = imap_find(reg->route.root[space], at, &value)) != NULL) {
        cached++;
        value &= ~reg->leftover;
        if (value != servers) {
            say_interval(reg, space, first, last, servers);
            first = n->first;
        }
        last = n->last;
        servers = value;
        at = last + 1;
        if (at == 0)
            break;
    }
    say_interval(reg, space, first, last, servers);
}

/* Ranges that are still to be cleaned up, and what they cost. */
static uint64_t count_left(const struct ioreq_registry *reg)
{
    uint64_t charged = 0;

    for (uint64_t ids = reg->leftover; ids != 0; ids &= ids - 1) {
        const struct ioreq_leftover *l = &reg->left[__builtin_ctzll(ids)];

        charged += l->count * UINT64_C(3) * 64;
        for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
            for (const struct imap_node *n = imap_next(l->ranges[i], 0); n != NULL;
                 n = n->last != UINT64_MAX ? imap_next(l->ranges[i], n->last + 1) : NULL)
                cached++;
    }
    return charged;
}

static void say_registry(const struct domain *d)
{
    const struct ioreq_registry *reg = d->ioreq.registry;

    say(" %lu bytes\n", (unsigned long)(d->ioreq.bytes - (reg != NULL ? count_left(reg) : 0)));
    if (reg == NULL)
        return;
    say(" enabled %lx busy %lx generation %lu\n", (unsigned long)reg->route.enabled,
        (unsigned long)reg->busy, (unsigned long)reg->generation);
    for (unsigned int id = 0; id < IOREQ_SERVERS_LIMIT; id++)
        if (reg->server[id] != NULL)
            say_server(reg->server[id]);
    for (unsigned int space = 0; space < IOREQ_NR_SPACES; space++)
        say_routes(reg, (enum ioreq_space)space);
}

static void say_ports(const struct domain *d)
{
    for (unsigned int n = 0; n < EVTCHN_BUCKETS; n++) {
        const struct evtchn *bucket = d->evtchn.bucket[n];

        cached += bucket != NULL;
        for (unsigned int i = 0; bucket != NULL && i < EVTCHN_BUCKET_PORTS; i++)
            if (evtchn_binding(&bucket[i]).state != PORT_FREE)
                say(" port %u: %lx\n", n * EVTCHN_BUCKET_PORTS + i, (unsigned long)bucket[i].word);
    }
}

static void say_domain(const struct domain *d)
{
    say("d%u state %u, %u references, %lu pages, vCPUs", d->id, d->state, atomic32_read(&d->refs),
        (unsigned long)d->tot_pages);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        say(" %d", (d->vcpu[i] != NULL) + 2 * (d->ioreq.vcpu[i] != NULL));
    say("\n");
    say_ports(d);
    say_registry(d);
}

void state_write(char *text)
{
    uint64_t total, free;
    struct domain *d;

    fake_rcu_run();
    out = text;
    used = 0;
    cached = 0;
    for_each_domain (d)
        say_domain(d);
    page_stats(&total, &free);
    say("%lu objects, %lu free pages\n", fake_alloc_live - cached, (unsigned long)free);
}
