/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistent interval map: disjoint inclusive intervals of uint64_t, each with a value, as a
 * balanced tree whose published nodes never change. Readers search a root without locks; a writer
 * makes a new root in a transaction that copies only the O(log n) nodes on its paths, and gets the
 * nodes that the old version alone used, to free when no reader can have them.
 */
#ifndef WHERRY_LIB_IMAP_H
#define WHERRY_LIB_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wherry/lib/alloc.h>

struct imap_node {
    uint64_t first, last;
    struct imap_node *left, *right;
    uint64_t value;         /* as it is, but for what is to be flipped: imap_find() */
    uint64_t flip;          /* bits that differ in this node's value and those of all nodes below */
    struct imap_node *link; /* writer's: fresh or obsolete list */
    uint8_t height;
    bool fresh; /* made by the running transaction */
    bool dead;  /* fresh and already replaced */
    bool flips; /* a root's: of some node `flip` is not 0, or was since the tree was empty */
};

/* One node is looked at, by a search or a change. */
#ifdef CONFIG_IMAP_COUNT
extern unsigned long imap_visits; /* a test's */
static inline void imap_visit(void)
{
    imap_visits++;
}
#else
static inline void imap_visit(void)
{
}
#endif

/* The interval that contains addr, or NULL. The hot path: a handful of instructions a level. */
static inline const struct imap_node *imap_lookup(const struct imap_node *n, uint64_t addr)
{
    while (n != NULL) {
        imap_visit();
        if (addr < n->first)
            n = n->left;
        else if (addr > n->last)
            n = n->right;
        else
            break;
    }
    return n;
}

/* imap_find() where some node flips. */
const struct imap_node *imap_find_flipped(const struct imap_node *n, uint64_t addr,
                                          uint64_t *value);

/* The same with its value, for maps that imap_flip() is used on. The hot path. */
static inline const struct imap_node *imap_find(const struct imap_node *root, uint64_t addr,
                                                uint64_t *value)
{
    const struct imap_node *n;

    if (root != NULL && root->flips)
        return imap_find_flipped(root, addr, value);
    n = imap_lookup(root, addr);
    *value = n != NULL ? n->value : 0;
    return n;
}

/* The first interval that ends at or behind addr, or NULL. */
const struct imap_node *imap_next(const struct imap_node *root, uint64_t addr);

struct imap_txn {
    struct imap_node *root; /* the version being made */
    bool flips;             /* as its root will have it */
    struct imap_node *fresh, *obsolete;
    const struct lib_alloc *alloc;
};

/* One writer at a time for a tree: the caller's lock. */
void imap_begin(struct imap_txn *t, struct imap_node *root, const struct lib_alloc *alloc);

/*
 * Let [first, last] have `value`, whatever was there; equal neighbours are merged.
 * -ENOMEM: the transaction can only be aborted.
 */
int imap_assign(struct imap_txn *t, uint64_t first, uint64_t last, uint64_t value);
/* Let nothing be in [first, last]. */
int imap_clear(struct imap_txn *t, uint64_t first, uint64_t last);

/*
 * Flip `bits` in the values of all of [first, last], however many intervals that is: O(log n).
 * In a map that this is used on, all addresses have a value, 0 at first, and the other two changes
 * are not used.
 */
int imap_flip(struct imap_txn *t, uint64_t first, uint64_t last, uint64_t bits);

/* The new root; *obsolete is a list over `link` for imap_free_list() after a grace period. */
struct imap_node *imap_commit(struct imap_txn *t, struct imap_node **obsolete);
/* Forget the new version: the old one is as it was. */
void imap_abort(struct imap_txn *t);

void imap_free_list(struct imap_node *list, const struct lib_alloc *alloc);
/* Free a whole tree that nobody reads. */
void imap_free_tree(struct imap_node *root, const struct lib_alloc *alloc);

#endif
