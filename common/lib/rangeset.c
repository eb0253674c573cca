/* SPDX-License-Identifier: Apache-2.0 */
/*
 * include/wherry/lib/rangeset.h on top of the interval map: every change is a transaction, so an
 * allocation that fails leaves the set as it was.
 */
#include <wherry/lib/errno.h>
#include <wherry/lib/rangeset.h>

void rangeset_init(struct rangeset *rs, unsigned int limit, const struct lib_alloc *alloc)
{
    *rs = (struct rangeset){.limit = limit, .alloc = alloc};
}

void rangeset_destroy(struct rangeset *rs)
{
    imap_free_tree(rs->root, rs->alloc);
    rs->root = NULL;
    rs->count = 0;
}

bool rangeset_contains(const struct rangeset *rs, uint64_t first, uint64_t last)
{
    const struct imap_node *n = imap_lookup(rs->root, first);

    return n != NULL && last <= n->last;
}

bool rangeset_overlaps(const struct rangeset *rs, uint64_t first, uint64_t last)
{
    const struct imap_node *n = imap_next(rs->root, first);

    return n != NULL && n->first <= last;
}

bool rangeset_next(const struct rangeset *rs, uint64_t addr, uint64_t *first, uint64_t *last)
{
    const struct imap_node *n = imap_next(rs->root, addr);

    if (n == NULL)
        return false;
    *first = n->first;
    *last = n->last;
    return true;
}

/* Nobody reads concurrently: the old version's nodes go at once. */
static void finish(struct rangeset *rs, struct imap_txn *t, unsigned int count)
{
    struct imap_node *obsolete;

    rs->root = imap_commit(t, &obsolete);
    imap_free_list(obsolete, rs->alloc);
    rs->count = count;
}

int rangeset_add(struct rangeset *rs, uint64_t first, uint64_t last)
{
    unsigned int count = rs->count + 1;
    struct imap_txn t;

    if (rangeset_overlaps(rs, first, last))
        return -EEXIST;
    if (first > 0 && imap_lookup(rs->root, first - 1) != NULL)
        count--;
    if (last < UINT64_MAX && imap_lookup(rs->root, last + 1) != NULL)
        count--;
    if (count > rs->limit)
        return -ENOSPC;
    imap_begin(&t, rs->root, rs->alloc);
    if (imap_assign(&t, first, last, 0) != 0) {
        imap_abort(&t);
        return -ENOMEM;
    }
    finish(rs, &t, count);
    return 0;
}

int rangeset_remove(struct rangeset *rs, uint64_t first, uint64_t last)
{
    const struct imap_node *n = imap_lookup(rs->root, first);
    unsigned int count = rs->count - 1;
    struct imap_txn t;

    if (n == NULL || last > n->last)
        return -ENOENT;
    if (n->first < first)
        count++;
    if (n->last > last)
        count++;
    if (count > rs->limit)
        return -ENOSPC;
    imap_begin(&t, rs->root, rs->alloc);
    if (imap_clear(&t, first, last) != 0) {
        imap_abort(&t);
        return -ENOMEM;
    }
    finish(rs, &t, count);
    return 0;
}
