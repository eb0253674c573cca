/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/lib/imap.c and rangeset.c against arrays: 64 cells at the bottom, in the middle or at the
 * top of the address space. Allocations fail where the input says. docs/fuzzing.md.
 */
#include "input.h"

#include "../unit/lib_model.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/imap.h>
#include <wherry/lib/rangeset.h>

#define CELLS 64
#define NONE  (-1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t base;

/* One change: cells [first, last] and what is done with them. */
struct change {
    unsigned int first, last;
    unsigned int op;
    long fail_at; /* of the allocations, or -1 */
};

static struct change take(struct fuzz_input *in)
{
    struct change c;
    unsigned int a = fuzz_u8(in) % CELLS, b = fuzz_u8(in) % CELLS, fail;

    c.op = fuzz_u8(in);
    fail = c.op >> 4;
    c.op &= 0xf;
    c.first = a < b ? a : b;
    c.last = a < b ? b : a;
    c.fail_at = fail < 8 ? -1 : (long)fail - 8;
    return c;
}

/* --- the tree itself --- */

/* Height of the subtree within [first, last], every invariant checked. */
FUZZ_UNCOUNTED static int check_shape(const struct imap_node *n, uint64_t first, uint64_t last)
{
    int l = 0, r = 0;

    if (n == NULL)
        return 0;
    fuzz_check(first <= n->first && n->first <= n->last && n->last <= last, "bounds of a node");
    fuzz_check(!n->fresh, "a published node may change");
    if (n->left != NULL) {
        fuzz_check(n->first > first, "nothing can be left of 0");
        l = check_shape(n->left, first, n->first - 1);
    }
    if (n->right != NULL) {
        fuzz_check(n->last < last, "nothing can be right of the top");
        r = check_shape(n->right, n->last + 1, last);
    }
    fuzz_check(l - r <= 1 && r - l <= 1, "heights %d and %d", l, r);
    fuzz_check(n->height == (l > r ? l : r) + 1, "height");
    return n->height;
}

/* The tree says what the array says, in the fewest intervals; their number. */
FUZZ_UNCOUNTED static long check_cells(const struct imap_node *root, const int *cells)
{
    const struct imap_node *n;
    long count = 0, want = 0;

    check_shape(root, 0, UINT64_MAX);
    for (unsigned int i = 0; i < CELLS; i++) {
        n = imap_lookup(root, base + i);
        fuzz_check((n == NULL ? NONE : (int)n->value) == cells[i], "cell %u", i);
        want += cells[i] != NONE && (i == 0 || cells[i - 1] != cells[i]);
    }
    for (n = imap_next(root, 0); n != NULL; n = imap_next(root, n->last + 1)) {
        fuzz_check(n->first >= base && n->last - base < CELLS, "an interval outside");
        count++;
        if (n->last == UINT64_MAX)
            break;
    }
    fuzz_check(count == want, "%ld intervals in place of %ld", count, want);
    return count;
}

static unsigned long length(const struct imap_node *list)
{
    unsigned long n = 0;

    for (; list != NULL; list = list->link)
        n++;
    return n;
}

/* --- imap: transactions of one to three changes --- */

struct map {
    struct imap_node *root;
    int cells[CELLS];
};

static int change_map(struct imap_txn *t, const struct change *c, int *cells)
{
    int value = c->op % 4 == 3 ? NONE : (int)(c->op % 4);

    for (unsigned int i = c->first; i <= c->last; i++)
        cells[i] = value;
    if (value == NONE)
        return imap_clear(t, base + c->first, base + c->last);
    return imap_assign(t, base + c->first, base + c->last, (uint64_t)value);
}

static void fuzz_map(struct map *m, struct fuzz_input *in)
{
    struct imap_node *old = m->root, *obsolete;
    long live = model_live;
    int cells[CELLS];
    struct imap_txn t;
    struct change c;
    int rc;

    memcpy(cells, m->cells, sizeof(cells));
    imap_begin(&t, m->root, &model_alloc);
    do {
        c = take(in);
        model_fail_at = c.fail_at;
        rc = change_map(&t, &c, cells);
        fuzz_check(rc == 0 || (rc == -ENOMEM && model_fail_at == 0), "change: %d", rc);
        model_fail_at = -1;
    } while (rc == 0 && (c.op & 8) != 0 && fuzz_left(in));
    if (rc != 0 || (c.op & 4) != 0) {
        imap_abort(&t);
        fuzz_check(model_live == live, "%ld nodes left over by abort", model_live - live);
        check_cells(m->root, m->cells);
        return;
    }
    m->root = imap_commit(&t, &obsolete);
    check_cells(old, m->cells); /* a reader of the old version sees it whole */
    live = model_live - (long)length(obsolete);
    imap_free_list(obsolete, &model_alloc);
    memcpy(m->cells, cells, sizeof(cells));
    fuzz_check(live == model_live, "nodes of the obsolete list");
    fuzz_check(check_cells(m->root, cells) == model_live, "nodes not freed");
}

/* --- imap_flip(): all addresses have a value, zero beside the cells --- */

struct flips {
    struct imap_node *root;
    uint64_t cells[CELLS];
};

/* The same in the fewest intervals, none if all is zero; their number. */
FUZZ_UNCOUNTED static long check_flips(const struct imap_node *root, const uint64_t *cells)
{
    uint64_t at = 0, value = 0, before = ~UINT64_C(0);
    const struct imap_node *n;
    long count = 0;

    check_shape(root, 0, UINT64_MAX);
    for (unsigned int i = 0; i < CELLS; i++) {
        n = imap_find(root, base + i, &value);
        fuzz_check((n != NULL || root == NULL) && value == cells[i], "flipped cell %u", i);
    }
    if (root == NULL)
        return 0;
    do {
        n = imap_find(root, at, &value);
        fuzz_check(n->first == at && value != before, "an interval at %llx",
                   (unsigned long long)at);
        fuzz_check(value == 0 || (at >= base && n->last - base < CELLS), "a value outside");
        before = value;
        at = n->last + 1;
        count++;
    } while (at != 0);
    fuzz_check(count > 1 || value != 0, "a tree of nothing");
    return count;
}

static void fuzz_flip(struct flips *m, struct fuzz_input *in)
{
    struct imap_node *old = m->root, *obsolete;
    long live = model_live;
    uint64_t cells[CELLS];
    struct imap_txn t;
    struct change c;
    int rc;

    memcpy(cells, m->cells, sizeof(cells));
    imap_begin(&t, m->root, &model_alloc);
    do {
        uint64_t bits;

        c = take(in);
        bits = UINT64_C(1) << (c.op & 3) * 21;
        for (unsigned int i = c.first; i <= c.last; i++)
            cells[i] ^= bits;
        model_fail_at = c.fail_at;
        rc = imap_flip(&t, base + c.first, base + c.last, bits);
        fuzz_check(rc == 0 || (rc == -ENOMEM && model_fail_at == 0), "flip: %d", rc);
        model_fail_at = -1;
    } while (rc == 0 && (c.op & 8) != 0 && fuzz_left(in));
    if (rc != 0 || (c.op & 4) != 0) {
        imap_abort(&t);
        fuzz_check(model_live == live, "%ld nodes left over by abort", model_live - live);
        check_flips(m->root, m->cells);
        return;
    }
    m->root = imap_commit(&t, &obsolete);
    check_flips(old, m->cells); /* a reader of the old version sees it whole */
    imap_free_list(obsolete, &model_alloc);
    memcpy(m->cells, cells, sizeof(cells));
    fuzz_check(check_flips(m->root, cells) == model_live, "nodes not freed");
}

/* --- rangeset --- */

static unsigned int count_in(const int *cells, unsigned int first, unsigned int last)
{
    unsigned int n = 0;

    for (unsigned int i = first; i <= last; i++)
        n += cells[i] != NONE;
    return n;
}

static unsigned int runs(const int *cells)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < CELLS; i++)
        n += cells[i] != NONE && (i == 0 || cells[i - 1] == NONE);
    return n;
}

/* What must come of it with enough memory; cells change if that is 0. */
static int expect_set(int *cells, const struct change *c, unsigned int limit)
{
    unsigned int n = count_in(cells, c->first, c->last);
    bool add = (c->op & 1) == 0;
    int was[CELLS];

    memcpy(was, cells, sizeof(was));
    if (add && n != 0)
        return -EEXIST;
    if (!add && n != c->last - c->first + 1)
        return -ENOENT;
    for (unsigned int i = c->first; i <= c->last; i++)
        cells[i] = add ? 0 : NONE;
    if (runs(cells) <= limit)
        return 0;
    memcpy(cells, was, sizeof(was));
    return -ENOSPC;
}

static void query_set(const struct rangeset *rs, const int *cells, const struct change *c)
{
    unsigned int n = count_in(cells, c->first, c->last), i = c->first;
    uint64_t first, last;

    fuzz_check(rangeset_contains(rs, base + c->first, base + c->last) ==
                   (n == c->last - c->first + 1),
               "contains");
    fuzz_check(rangeset_overlaps(rs, base + c->first, base + c->last) == (n != 0), "overlaps");
    while (i < CELLS && cells[i] == NONE)
        i++;
    fuzz_check(rangeset_next(rs, base + c->first, &first, &last) == (i < CELLS), "next");
    if (i == CELLS)
        return;
    fuzz_check(first <= base + i && last >= base + i, "next: another range");
    fuzz_check(first == base || cells[first - base - 1] == NONE, "next: begins late");
    fuzz_check(last - base == CELLS - 1 || cells[last - base + 1] == NONE, "next: ends early");
}

static void fuzz_set(struct rangeset *rs, int *cells, struct fuzz_input *in)
{
    struct change c = take(in);
    int was[CELLS];
    int rc, want;

    query_set(rs, cells, &c);
    memcpy(was, cells, sizeof(was));
    want = expect_set(cells, &c, rs->limit);
    model_fail_at = c.fail_at;
    if ((c.op & 1) == 0)
        rc = rangeset_add(rs, base + c.first, base + c.last);
    else
        rc = rangeset_remove(rs, base + c.first, base + c.last);
    if (rc == -ENOMEM && want == 0 && model_fail_at == 0)
        memcpy(cells, was, sizeof(was));
    else
        fuzz_check(rc == want, "%s: %d, not %d", c.op & 1 ? "remove" : "add", rc, want);
    model_fail_at = -1;
    fuzz_check(rangeset_count(rs) == runs(cells), "count");
    fuzz_check(check_cells(rs->root, cells) == model_live, "nodes not freed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t bases[] = {0, UINT64_C(0x7fffffffffffffe0), UINT64_MAX - CELLS + 1};
    struct fuzz_input in = {.at = data, .end = data + size};
    unsigned int kind = fuzz_u8(&in);
    struct map m = {.root = NULL};
    struct flips f = {.root = NULL};
    struct rangeset rs;

    base = bases[kind % ARRAY_SIZE(bases)];
    for (unsigned int i = 0; i < CELLS; i++)
        m.cells[i] = NONE;
    rangeset_init(&rs, (kind >> 4) + 1, &model_alloc);
    while (fuzz_left(&in)) {
        if ((kind & 12) == 12)
            fuzz_flip(&f, &in);
        else if (kind & 8)
            fuzz_map(&m, &in);
        else
            fuzz_set(&rs, m.cells, &in);
    }
    imap_free_tree(m.root, &model_alloc);
    imap_free_tree(f.root, &model_alloc);
    rangeset_destroy(&rs);
    fuzz_check(model_live == 0, "%ld nodes left over", model_live);
    return 0;
}
