/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each server claims: a set of merged ranges for each space, which decides about errors and
 * limits; route.c has the table that accesses are looked up in. Both change, or neither.
 */
#include <wherry/lib/errno.h>

#include "private.h"

/*
 * A merged range is one node of its rangeset and adds at most two intervals to the routing table:
 * each of its ends splits at most one.
 */
#define RANGE_CHARGE (3 * 64)

_Static_assert(sizeof(struct imap_node) <= 64, "RANGE_CHARGE");

/* Ranges of a server that is gone: taken out in one change, and in one call (some 100 us). */
#define CLEAN_STEP  64u
#define CLEAN_BATCH 512u

void ioreq_ranges_init(struct ioreq_server *s)
{
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        rangeset_init(&s->ranges[i], ioreq_max_ranges, &ioreq_alloc);
}

void ioreq_ranges_free(struct ioreq_server *s)
{
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
        rangeset_destroy(&s->ranges[i]);
}

void ioreq_ranges_leave(struct ioreq_server *s)
{
    struct ioreq_registry *reg = s->target->ioreq.registry;
    struct ioreq_leftover *l = &reg->left[s->id];

    *l = (struct ioreq_leftover){.count = 0};
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++) {
        l->ranges[i] = s->ranges[i].root;
        l->count += rangeset_count(&s->ranges[i]);
        s->ranges[i].root = NULL;
        s->ranges[i].count = 0;
    }
    if (l->count != 0)
        reg->leftover |= BIT64(s->id);
}

/* The same for a space: *budget counts the ranges down. */
static int clean_space(struct ioreq_registry *reg, enum ioreq_space space, uint32_t id,
                       unsigned int *budget)
{
    struct ioreq_leftover *l = &reg->left[id];

    while (l->ranges[space] != NULL) {
        int rc;

        if (*budget == 0)
            return -ERESTART;
        rc = ioreq_route_remove(reg, space, l->ranges[space], MIN(CLEAN_STEP, *budget), id,
                                &l->next);
        if (rc < 0)
            return rc;
        *budget -= (unsigned int)rc;
        if (l->next != 0)
            continue;
        imap_free_tree(l->ranges[space], &ioreq_alloc);
        l->ranges[space] = NULL;
    }
    return 0;
}

int ioreq_ranges_clean(struct domain *d, struct ioreq_registry *reg, uint32_t id)
{
    unsigned int budget = CLEAN_BATCH;

    if ((reg->leftover & BIT64(id)) == 0)
        return 0;
    for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++) {
        int rc = clean_space(reg, (enum ioreq_space)i, id, &budget);

        if (rc != 0)
            return rc;
    }
    reg->leftover &= ~BIT64(id);
    ioreq_uncharge(d, (uint64_t)reg->left[id].count * RANGE_CHARGE);
    return 0;
}

void ioreq_ranges_free_left(struct ioreq_registry *reg)
{
    for (; reg->leftover != 0; reg->leftover &= reg->leftover - 1)
        for (unsigned int i = 0; i < IOREQ_NR_SPACES; i++)
            imap_free_tree(reg->left[__builtin_ctzll(reg->leftover)].ranges[i], &ioreq_alloc);
}

/* How many of the two numbers beside [start, end] are in the set. */
static int neighbours(const struct rangeset *rs, uint64_t start, uint64_t end)
{
    return (start != 0 && rangeset_contains(rs, start - 1, start - 1)) +
           (end != UINT64_MAX && rangeset_contains(rs, end + 1, end + 1));
}

/* The server's set for a space, with the errors that map and unmap share, in their order. */
static int find_ranges(struct domain *d, uint32_t id, uint32_t type, struct rangeset **out)
{
    struct ioreq_server *s;
    int rc = ioreq_server_owned(d, id, &s);

    if (rc != 0)
        return rc;
    if (type >= IOREQ_NR_SPACES)
        return -EINVAL;
    *out = &s->ranges[type];
    return 0;
}

/* Prepare the table, change the set, publish the table: only the last step cannot be undone. */
static int change(struct domain *d, uint32_t id, uint32_t type, struct rangeset *rs, uint64_t start,
                  uint64_t end, bool add)
{
    struct ioreq_registry *reg = d->ioreq.registry;
    struct ioreq_route_change rt;
    int rc = ioreq_route_prepare(reg, &rt, (enum ioreq_space)type, start, end, id);

    if (rc != 0)
        return rc;
    rc = add ? rangeset_add(rs, start, end) : rangeset_remove(rs, start, end);
    if (rc != 0) {
        ioreq_route_abort(&rt);
        return -ENOMEM; /* whichever limit it was */
    }
    ioreq_route_commit(reg, &rt);
    return 0;
}

/* The same, paying for `grown` merged ranges more (or less). */
static int change_charged(struct domain *d, uint32_t id, uint32_t type, struct rangeset *rs,
                          uint64_t start, uint64_t end, bool add)
{
    int grown = neighbours(rs, start, end) - 1;
    int rc;

    if (add)
        grown = -grown;
    if (grown > 0 && ioreq_charge(d, RANGE_CHARGE) != 0)
        return -ENOMEM;
    rc = change(d, id, type, rs, start, end, add);
    if (rc == 0 ? grown < 0 : grown > 0)
        ioreq_uncharge(d, RANGE_CHARGE);
    return rc;
}

int ioreq_range_map(struct domain *d, uint32_t id, uint32_t type, uint64_t start, uint64_t end)
{
    struct rangeset *rs;
    int rc;

    spin_lock(&d->ioreq.lock);
    rc = find_ranges(d, id, type, &rs);
    if (rc == 0 && rangeset_overlaps(rs, start, end))
        rc = -EEXIST;
    if (rc == 0)
        rc = change_charged(d, id, type, rs, start, end, true);
    spin_unlock(&d->ioreq.lock);
    return rc;
}

int ioreq_range_unmap(struct domain *d, uint32_t id, uint32_t type, uint64_t start, uint64_t end)
{
    struct rangeset *rs;
    int rc;

    spin_lock(&d->ioreq.lock);
    rc = find_ranges(d, id, type, &rs);
    if (rc == 0 && !rangeset_contains(rs, start, end))
        rc = -ENOENT;
    if (rc == 0)
        rc = change_charged(d, id, type, rs, start, end, false);
    spin_unlock(&d->ioreq.lock);
    return rc;
}
