/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server gets an access. For each space of a domain one persistent interval map, whose value
 * is the bit set of the servers that claim the interval. The winner of an access is the highest
 * enabled server that claims every interval it touches, for a server's adjacent ranges are one.
 * Mostly that is a single interval, found in one search, and the vCPU remembers it.
 *
 * Enabling a server changes one word. Changes are made under the ioreq lock and published
 * piecewise, the version last: what a reader finds is at least as new as the version that it read
 * before, so nothing old is ever remembered under a new version.
 */
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#include "private.h"

/* Nodes that a published change replaced, until no reader can have them. */
struct ioreq_route_garbage {
    struct rcu_head rcu;
    struct imap_node *list;
};

/* Readers. */

static inline int highest(uint64_t servers)
{
    return 63 - __builtin_clzll(servers);
}

/* An access over several intervals: bounded by its bytes. */
static noinline int route_straddling(const struct imap_node *root, const struct imap_node *n,
                                     uint64_t last, uint64_t servers)
{
    uint64_t value;

    while (servers != 0 && n->last < last) {
        n = imap_find(root, n->last + 1, &value);
        servers &= value;
    }
    return servers != 0 ? highest(servers) : -1;
}

int ioreq_route(struct vcpu *v, const struct ioreq_registry *reg, enum ioreq_space space,
                uint64_t first, uint64_t last)
{
    struct vcpu_ioreq *vi = &v->ioreq;
    uint64_t version = load_acquire(&reg->route.version); /* partner: published() */
    const struct imap_node *root, *n;
    uint64_t servers, value;

    if (vi->hit_version == version && vi->hit_space == space && first >= vi->hit_first &&
        last <= vi->hit_last)
        return (int)vi->hit_server;
    root = rcu_dereference(reg->route.root[space]);
    n = imap_find(root, first, &value);
    if (n == NULL)
        return -1;
    servers = value & READ_ONCE(reg->route.enabled);
    if (unlikely(last > n->last))
        return route_straddling(root, n, last, servers);
    if (servers == 0)
        return -1;
    vi->hit_version = version;
    vi->hit_space = (uint8_t)space;
    vi->hit_first = n->first;
    vi->hit_last = n->last;
    vi->hit_server = (uint32_t)highest(servers);
    return (int)vi->hit_server;
}

/* Writers. */

/* Release: the change before its version; partner: ioreq_route(). */
static void published(struct ioreq_registry *reg)
{
    store_release(&reg->route.version, reg->route.version + 1);
}

void ioreq_route_enable(struct ioreq_registry *reg, uint32_t id, bool on)
{
    uint64_t enabled = reg->route.enabled & ~BIT64(id);

    WRITE_ONCE(reg->route.enabled, on ? enabled | BIT64(id) : enabled);
    published(reg);
}

static int begin_change(const struct ioreq_registry *reg, struct ioreq_route_change *change,
                        enum ioreq_space space)
{
    change->space = space;
    change->garbage = kzalloc(sizeof(*change->garbage));
    if (change->garbage == NULL)
        return -ENOMEM;
    imap_begin(&change->txn, reg->route.root[space], &ioreq_alloc);
    return 0;
}

int ioreq_route_prepare(const struct ioreq_registry *reg, struct ioreq_route_change *change,
                        enum ioreq_space space, uint64_t first, uint64_t last, uint32_t id)
{
    int rc = begin_change(reg, change, space);

    if (rc != 0)
        return rc;
    rc = imap_flip(&change->txn, first, last, BIT64(id));
    if (rc != 0)
        ioreq_route_abort(change);
    return rc;
}

void ioreq_route_abort(struct ioreq_route_change *change)
{
    imap_abort(&change->txn);
    kfree(change->garbage);
}

static void free_garbage(struct rcu_head *head)
{
    struct ioreq_route_garbage *g = container_of(head, struct ioreq_route_garbage, rcu);

    imap_free_list(g->list, &ioreq_alloc);
    kfree(g);
}

void ioreq_route_commit(struct ioreq_registry *reg, struct ioreq_route_change *change)
{
    struct imap_node *root = imap_commit(&change->txn, &change->garbage->list);

    rcu_assign_pointer(reg->route.root[change->space], root);
    published(reg);
    rcu_call(&change->garbage->rcu, free_garbage);
}

int ioreq_route_remove(struct ioreq_registry *reg, enum ioreq_space space,
                       const struct imap_node *ranges, unsigned int n, uint32_t id, uint64_t *next)
{
    const struct imap_node *range = imap_next(ranges, *next);
    struct ioreq_route_change change;
    unsigned int done = 0;
    uint64_t at = *next;
    int rc = begin_change(reg, &change, space);

    if (rc != 0)
        return rc;
    for (; rc == 0 && range != NULL && done < n; done++) {
        rc = imap_flip(&change.txn, range->first, range->last, BIT64(id));
        at = range->last + 1;
        range = at != 0 ? imap_next(ranges, at) : NULL;
    }
    if (rc != 0) {
        ioreq_route_abort(&change);
        return rc;
    }
    ioreq_route_commit(reg, &change);
    *next = range != NULL ? at : 0;
    return (int)done;
}

void ioreq_route_free(struct ioreq_registry *reg)
{
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        imap_free_tree(reg->route.root[i], &ioreq_alloc);
}
