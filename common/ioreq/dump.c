/* SPDX-License-Identifier: Apache-2.0 */
/* The debug key's view of a domain's servers and of its requests in flight. */
#include <wherry/console.h>
#include <wherry/printk.h>

#include "private.h"

static const char *const space_name[IOREQ_NR_SPACES] = {"port", "memory", "pci"};

/* Ranges shown of a space; the rest is only counted. */
#define MAX_SHOWN 16

static void dump_ranges(const struct rangeset *rs, const char *name)
{
    uint64_t first, last = 0;
    unsigned int shown = 0;

    if (rangeset_count(rs) == 0)
        return;
    printk("    %s, %u ranges:", name, rangeset_count(rs));
    while (shown < MAX_SHOWN && rangeset_next(rs, shown == 0 ? 0 : last + 1, &first, &last)) {
        printk(" %lx-%lx", (unsigned long)first, (unsigned long)last);
        shown++;
        if (last == UINT64_MAX)
            break;
    }
    printk("%s\n", shown < rangeset_count(rs) ? " ..." : "");
}

static void dump_server(struct ioreq_server *s, bool enabled)
{
    printk("  server %u of d%u, generation %lu, %s\n", s->id, s->owner->id,
           (unsigned long)s->generation, enabled ? "enabled" : "disabled");
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        dump_ranges(&s->ranges[i], space_name[i]);
    ioreq_ring_dump(s);
}

static void dump_servers(struct domain *d)
{
    struct ioreq_registry *reg;

    spin_lock(&d->ioreq.lock);
    reg = d->ioreq.registry;
    if (reg != NULL)
        printk("d%u: ioreq table version %lu, %lu bytes\n", d->id,
               (unsigned long)reg->route.version, (unsigned long)d->ioreq.bytes);
    for (unsigned int id = 0; reg != NULL && id < IOREQ_SERVERS_LIMIT; id++)
        if (reg->server[id] != NULL)
            dump_server(reg->server[id], (reg->route.enabled & BIT64(id)) != 0);
    spin_unlock(&d->ioreq.lock);
}

void ioreq_dump(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    dump_servers(d);
    for_each_vcpu (d, v, i) {
        const struct vcpu_ioreq *vi = &v->ioreq;

        if (READ_ONCE(vi->in_flight))
            printk("  d%uv%u waits for server %u: %s %lx, size %u, last state %u\n", d->id, v->id,
                   vi->server_id, vi->access.read ? "read" : "write",
                   (unsigned long)vi->access.addr, vi->access.size, vi->last_state);
        if (READ_ONCE(vi->inval_waiting) != 0)
            printk("  d%uv%u waits for acknowledgements of %lu by servers %lx\n", d->id, v->id,
                   (unsigned long)vi->inval_wanted, (unsigned long)vi->inval_waiting);
    }
}

static void dump_all(void)
{
    struct domain *d;

    for_each_domain (d)
        ioreq_dump(d);
}
DEBUG_KEY('i', dump_all, "ioreq servers, ranges, requests in flight");
