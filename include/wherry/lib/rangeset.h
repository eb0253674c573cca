/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of uint64_t as disjoint inclusive ranges; adjacent ones are merged. Balanced tree, every
 * operation O(log n), nothing changes on error. The caller's lock guards it.
 */
#ifndef WHERRY_LIB_RANGESET_H
#define WHERRY_LIB_RANGESET_H

#include <wherry/lib/imap.h>

struct rangeset {
    struct imap_node *root;
    unsigned int count, limit; /* merged ranges: how many, and at most */
    const struct lib_alloc *alloc;
};

void rangeset_init(struct rangeset *rs, unsigned int limit, const struct lib_alloc *alloc);
void rangeset_destroy(struct rangeset *rs);

/* -EEXIST: overlaps what is there. -ENOSPC: limit of merged ranges. -ENOMEM. first <= last. */
int rangeset_add(struct rangeset *rs, uint64_t first, uint64_t last);
/* -ENOENT: not wholly inside one range. -ENOSPC/-ENOMEM: it would have to be split. */
int rangeset_remove(struct rangeset *rs, uint64_t first, uint64_t last);

/* All of [first, last] in one range / any of it in some range. */
bool rangeset_contains(const struct rangeset *rs, uint64_t first, uint64_t last);
bool rangeset_overlaps(const struct rangeset *rs, uint64_t first, uint64_t last);

/* The first range that ends at or behind addr: false when there is none. */
bool rangeset_next(const struct rangeset *rs, uint64_t addr, uint64_t *first, uint64_t *last);

static inline unsigned int rangeset_count(const struct rangeset *rs)
{
    return rs->count;
}

#endif
