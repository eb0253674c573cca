/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/lib/imap.c against an array: contents, shape of the tree, what a version shares with the
 * next, and allocations that fail at every possible point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib_model.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/imap.h>

#define CELLS 96
#define NONE  (-1)

/* The model: cells of the address space from base on; nothing lies outside them. */
struct model {
    uint64_t base;
    int value[CELLS];
};

static void model_reset(struct model *m, uint64_t base)
{
    m->base = base;
    for (unsigned int i = 0; i < CELLS; i++)
        m->value[i] = NONE;
}

/* Height of a subtree within bounds [first, last], with every invariant of the tree checked. */
static int check_node(const struct imap_node *n, uint64_t first, uint64_t last)
{
    int l = 0, r = 0;

    if (n == NULL)
        return 0;
    assert_true(first <= n->first && n->first <= n->last && n->last <= last);
    assert_false(n->fresh);
    if (n->left != NULL) {
        assert_true(n->first > first);
        l = check_node(n->left, first, n->first - 1);
    }
    if (n->right != NULL) {
        assert_true(n->last < last);
        r = check_node(n->right, n->last + 1, last);
    }
    assert_in_range(l - r + 1, 0, 2);
    assert_int_equal(n->height, (l > r ? l : r) + 1);
    return n->height;
}

static unsigned int check_against(const struct imap_node *root, const struct model *m)
{
    const struct imap_node *prev = NULL, *n;
    unsigned int count = 0;

    check_node(root, 0, UINT64_MAX);
    for (unsigned int i = 0; i < CELLS; i++) {
        n = imap_lookup(root, m->base + i);
        assert_int_equal(n == NULL ? NONE : (int)n->value, m->value[i]);
    }
    for (n = imap_next(root, 0); n != NULL; n = imap_next(root, n->last + 1)) {
        assert_true(n->first >= m->base && n->last - m->base < CELLS);
        /* Neighbours of the same value would be one interval. */
        assert_false(prev != NULL && prev->last + 1 == n->first && prev->value == n->value);
        prev = n;
        count++;
        if (n->last == UINT64_MAX)
            break;
    }
    return count;
}

/* One random change, to the model and in the transaction. */
static int random_change(struct imap_txn *t, struct model *m)
{
    unsigned int a = (unsigned int)model_random(CELLS), b = (unsigned int)model_random(CELLS);
    int value = (int)model_random(5) - 1; /* NONE with the others */
    unsigned int first = a < b ? a : b, last = a < b ? b : a;

    if (model_random(3) != 0 && last > first + 6)
        last = first + (unsigned int)model_random(6);
    for (unsigned int i = first; i <= last; i++)
        m->value[i] = value;
    if (value == NONE)
        return imap_clear(t, m->base + first, m->base + last);
    return imap_assign(t, m->base + first, m->base + last, (uint64_t)value);
}

static void random_run(uint64_t base)
{
    struct imap_node *root = NULL, *obsolete;
    struct model now, old;
    struct imap_txn t;

    model_reset(&now, base);
    for (unsigned int step = 0; step < 4000; step++) {
        unsigned int changes = 1 + (unsigned int)model_random(3);
        struct imap_node *old_root = root;

        old = now;
        imap_begin(&t, root, &model_alloc);
        while (changes-- > 0)
            assert_int_equal(random_change(&t, &now), 0);
        if (model_random(5) == 0) {
            imap_abort(&t);
            now = old;
        } else {
            root = imap_commit(&t, &obsolete);
            check_against(old_root, &old); /* readers of the old version see no change */
            imap_free_list(obsolete, &model_alloc);
        }
        assert_int_equal(check_against(root, &now), model_live);
    }
    imap_free_tree(root, &model_alloc);
    assert_int_equal(model_live, 0);
}

static void random_at_the_bottom(void **state)
{
    (void)state;
    random_run(0);
}

static void random_in_the_middle(void **state)
{
    (void)state;
    random_run(UINT64_C(0x80000000) - CELLS / 2);
}

static void random_at_the_top(void **state)
{
    (void)state;
    random_run(UINT64_MAX - (CELLS - 1));
}

/* A change with the n-th allocation failing, for all n until it succeeds. */
static void no_memory_changes_nothing(void **state)
{
    struct imap_node *root = NULL, *obsolete;
    struct model now, before;
    struct imap_txn t;
    unsigned int failures = 0;

    (void)state;
    model_reset(&now, 1000);
    for (unsigned int step = 0; step < 3000; step++) {
        uint64_t seed = model_random_state;
        long live = model_live;
        int rc = -ENOMEM;

        before = now;
        for (long n = 0; rc != 0; n++) {
            assert_int_equal(rc, -ENOMEM);
            model_random_state = seed;
            now = before;
            model_fail_at = n;
            imap_begin(&t, root, &model_alloc);
            rc = random_change(&t, &now);
            model_fail_at = -1;
            if (rc == 0)
                break;
            imap_abort(&t);
            failures++;
            assert_int_equal(model_live, live);
            check_against(root, &before);
        }
        root = imap_commit(&t, &obsolete);
        imap_free_list(obsolete, &model_alloc);
        check_against(root, &now);
    }
    assert_true(failures > 3000);
    imap_free_tree(root, &model_alloc);
    assert_int_equal(model_live, 0);
}

/* Thousands of intervals: depth and the price of a change are logarithmic. */
static void large_maps_stay_cheap(void **state)
{
    enum { N = 8192 };
    struct imap_node *root = NULL, *obsolete;
    unsigned long worst = 0;
    struct imap_txn t;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        imap_begin(&t, root, &model_alloc);
        assert_int_equal(imap_assign(&t, i * 16, i * 16 + 7, i % 7), 0);
        root = imap_commit(&t, &obsolete);
        imap_free_list(obsolete, &model_alloc);
    }
    assert_int_equal(model_live, N);
    assert_in_range(root->height, 13, 18); /* 1.44 log2 n */
    for (uint64_t i = 0; i < N; i++) {
        unsigned long before = model_all;

        imap_begin(&t, root, &model_alloc);
        assert_int_equal(imap_assign(&t, i * 16 + 2, i * 16 + 3, 100), 0);
        if (model_all - before > worst)
            worst = model_all - before;
        imap_abort(&t);
    }
    assert_in_range(worst, 1, 6 * 18);
    imap_begin(&t, root, &model_alloc);
    assert_int_equal(imap_assign(&t, 0, UINT64_MAX, 9), 0);
    root = imap_commit(&t, &obsolete);
    imap_free_list(obsolete, &model_alloc);
    assert_int_equal(model_live, 1);
    assert_true(root->first == 0 && root->last == UINT64_MAX && root->height == 1);
    imap_free_tree(root, &model_alloc);
}

static void both_ends_are_no_neighbours(void **state)
{
    struct imap_node *root, *obsolete;
    struct imap_txn t;

    (void)state;
    imap_begin(&t, NULL, &model_alloc);
    assert_int_equal(imap_assign(&t, UINT64_MAX - 3, UINT64_MAX, 1), 0);
    assert_int_equal(imap_assign(&t, 0, 3, 1), 0);
    assert_int_equal(imap_assign(&t, UINT64_MAX, UINT64_MAX, 1), 0);
    root = imap_commit(&t, &obsolete);
    assert_null(obsolete);
    assert_true(imap_lookup(root, 0)->last == 3);
    assert_true(imap_lookup(root, UINT64_MAX)->first == UINT64_MAX - 3);
    imap_free_tree(root, &model_alloc);
    assert_int_equal(model_live, 0);
}

static void values_have_64_bits(void **state)
{
    struct imap_node *root, *obsolete;
    struct imap_txn t;

    (void)state;
    imap_begin(&t, NULL, &model_alloc);
    assert_int_equal(imap_assign(&t, 5, 9, UINT64_MAX - 1), 0);
    assert_int_equal(imap_assign(&t, 10, 12, UINT64_C(1) << 32), 0);
    root = imap_commit(&t, &obsolete);
    assert_null(obsolete);
    assert_true(imap_lookup(root, 7)->value == UINT64_MAX - 1);
    assert_true(imap_lookup(root, 12)->value == UINT64_C(1) << 32);
    assert_null(imap_lookup(root, 4));
    assert_null(imap_lookup(root, 13));
    assert_null(imap_next(root, 13));
    assert_true(imap_next(root, 6)->first == 5 && imap_next(root, 10)->first == 10);
    imap_free_tree(root, &model_alloc);
    assert_int_equal(model_live, 0);
}

/* imap_flip(): its model has the value of each cell; all else is 0. */
struct flip_model {
    uint64_t base;
    uint64_t value[CELLS];
};

static unsigned int check_flips(const struct imap_node *root, const struct flip_model *m)
{
    uint64_t at = 0, value, before = ~UINT64_C(0);
    unsigned int count = 0;
    const struct imap_node *n;

    check_node(root, 0, UINT64_MAX);
    for (unsigned int i = 0; i < CELLS; i++) {
        n = imap_find(root, m->base + i, &value);
        assert_true(value == m->value[i] && (n != NULL || root == NULL));
    }
    if (root == NULL)
        return 0;
    do {
        n = imap_find(root, at, &value);
        assert_true(n->first == at && value != before);
        assert_true(value == 0 || (n->first >= m->base && n->last - m->base < CELLS));
        before = value;
        count++;
        at = n->last + 1;
    } while (at != 0);
    assert_true(count > 1 || value != 0);
    return count;
}

static int random_flip(struct imap_txn *t, struct flip_model *m)
{
    unsigned int a = (unsigned int)model_random(CELLS), b = (unsigned int)model_random(CELLS);
    unsigned int first = a < b ? a : b, last = a < b ? b : a;
    uint64_t bits = UINT64_C(1) << (model_random(4) * 21);

    if (model_random(8) == 0) { /* all of one interval, or back to nothing */
        uint64_t value;
        const struct imap_node *n = imap_find_flipped(t->root, m->base + first, &value);

        for (last = first; n != NULL && last < CELLS - 1 && m->base + last < n->last; last++)
            ;
        bits = value != 0 ? value : bits;
    }
    for (unsigned int i = first; i <= last; i++)
        m->value[i] ^= bits;
    return imap_flip(t, m->base + first, m->base + last, bits);
}

static void flip_run(uint64_t base)
{
    struct flip_model now = {.base = base}, old;
    struct imap_node *root = NULL, *obsolete;
    struct imap_txn t;

    for (unsigned int step = 0; step < 6000; step++) {
        unsigned int changes = 1 + (unsigned int)model_random(3);
        struct imap_node *old_root = root;

        old = now;
        imap_begin(&t, root, &model_alloc);
        while (changes-- > 0)
            assert_int_equal(random_flip(&t, &now), 0);
        if (model_random(5) == 0) {
            imap_abort(&t);
            now = old;
        } else {
            root = imap_commit(&t, &obsolete);
            check_flips(old_root, &old);
            imap_free_list(obsolete, &model_alloc);
        }
        assert_int_equal(check_flips(root, &now), model_live);
    }
    imap_free_tree(root, &model_alloc);
    assert_int_equal(model_live, 0);
}

static void flips(void **state)
{
    (void)state;
    flip_run(0);
    flip_run(UINT64_C(0x80000000) - CELLS / 2);
    flip_run(UINT64_MAX - (CELLS - 1));
}

static void flips_without_memory(void **state)
{
    struct flip_model now = {.base = 1000}, before;
    struct imap_node *root = NULL, *obsolete;
    struct imap_txn t;

    (void)state;
    for (unsigned int step = 0; step < 2000; step++) {
        uint64_t seed = model_random_state;
        long live = model_live;
        int rc = -ENOMEM;

        before = now;
        for (long n = 0; rc != 0; n++) {
            assert_int_equal(rc, -ENOMEM);
            model_random_state = seed;
            now = before;
            model_fail_at = n;
            imap_begin(&t, root, &model_alloc);
            rc = random_flip(&t, &now);
            model_fail_at = -1;
            if (rc == 0)
                break;
            imap_abort(&t);
            assert_int_equal(model_live, live);
            check_flips(root, &before);
        }
        root = imap_commit(&t, &obsolete);
        imap_free_list(obsolete, &model_alloc);
        check_flips(root, &now);
    }
    imap_free_tree(root, &model_alloc);
    assert_int_equal(model_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_at_the_bottom),        cmocka_unit_test(random_in_the_middle),
        cmocka_unit_test(random_at_the_top),           cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(large_maps_stay_cheap),       cmocka_unit_test(values_have_64_bits),
        cmocka_unit_test(both_ends_are_no_neighbours), cmocka_unit_test(flips),
        cmocka_unit_test(flips_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
