/* SPDX-License-Identifier: Apache-2.0 */
/* common/lib/rangeset.c against an array of flags: errors, merging, the limit, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib_model.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/rangeset.h>

#define CELLS 80

struct model {
    uint64_t base;
    unsigned int limit;
    bool in[CELLS];
};

static unsigned int runs(const struct model *m)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < CELLS; i++)
        n += m->in[i] && (i == 0 || !m->in[i - 1]);
    return n;
}

static unsigned int members(const struct model *m, unsigned int first, unsigned int last)
{
    unsigned int n = 0;

    for (unsigned int i = first; i <= last; i++)
        n += m->in[i];
    return n;
}

static void set(struct model *m, unsigned int first, unsigned int last, bool in)
{
    for (unsigned int i = first; i <= last; i++)
        m->in[i] = in;
}

/* What add or remove has to return with plenty of memory; the model changes if that is 0. */
static int model_change(struct model *m, unsigned int first, unsigned int last, bool add)
{
    unsigned int n = members(m, first, last);
    struct model was = *m;

    if (add && n != 0)
        return -EEXIST;
    if (!add && n != last - first + 1)
        return -ENOENT;
    set(m, first, last, add);
    if (runs(m) <= m->limit)
        return 0;
    *m = was;
    return -ENOSPC;
}

static void check_against(const struct rangeset *rs, const struct model *m)
{
    uint64_t first, last;
    unsigned int i = 0;

    assert_int_equal(rangeset_count(rs), runs(m));
    assert_int_equal(model_live, runs(m));
    while (i < CELLS) {
        unsigned int end;

        while (i < CELLS && !m->in[i])
            i++;
        for (end = i; end < CELLS && m->in[end]; end++)
            continue;
        if (i == CELLS) {
            assert_false(m->base + i != 0 && rangeset_next(rs, m->base + i, &first, &last));
            break;
        }
        assert_true(rangeset_next(rs, m->base + i, &first, &last));
        assert_true(first == m->base + i && last == m->base + end - 1);
        i = end;
    }
}

static void random_ends(unsigned int *first, unsigned int *last)
{
    *first = (unsigned int)model_random(CELLS);
    *last = *first + (unsigned int)model_random(6);
    if (*last >= CELLS)
        *last = CELLS - 1;
}

static void random_run(uint64_t base)
{
    struct model m = {.base = base, .limit = 12};
    unsigned int seen[4] = {0}; /* 0, EEXIST, ENOENT, ENOSPC */
    struct rangeset rs;

    rangeset_init(&rs, m.limit, &model_alloc);
    for (unsigned int step = 0; step < 20000; step++) {
        bool add = model_random(2) != 0;
        unsigned int first, last, n;
        int want;

        random_ends(&first, &last);
        n = members(&m, first, last);
        assert_int_equal(rangeset_overlaps(&rs, base + first, base + last), n != 0);
        assert_int_equal(rangeset_contains(&rs, base + first, base + last), n == last - first + 1);
        want = model_change(&m, first, last, add);
        seen[want == 0 ? 0 : want == -EEXIST ? 1 : want == -ENOENT ? 2 : 3]++;
        if (add)
            assert_int_equal(rangeset_add(&rs, base + first, base + last), want);
        else
            assert_int_equal(rangeset_remove(&rs, base + first, base + last), want);
        check_against(&rs, &m);
    }
    for (unsigned int i = 0; i < 4; i++)
        assert_true(seen[i] > 100);
    rangeset_destroy(&rs);
    assert_int_equal(model_live, 0);
    assert_int_equal(rangeset_count(&rs), 0);
    assert_false(rangeset_overlaps(&rs, 0, UINT64_MAX));
}

static void random_at_the_bottom(void **state)
{
    (void)state;
    random_run(0);
}

static void random_in_the_middle(void **state)
{
    (void)state;
    random_run(UINT64_C(0xffffffd0));
}

static void random_at_the_top(void **state)
{
    (void)state;
    random_run(UINT64_MAX - (CELLS - 1));
}

static void whole_space_is_one_range(void **state)
{
    struct rangeset rs;
    uint64_t first, last;

    (void)state;
    rangeset_init(&rs, 2, &model_alloc);
    assert_int_equal(rangeset_add(&rs, 0, UINT64_MAX), 0);
    assert_int_equal(rangeset_add(&rs, UINT64_MAX, UINT64_MAX), -EEXIST);
    assert_true(rangeset_contains(&rs, 0, UINT64_MAX));
    assert_int_equal(rangeset_remove(&rs, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(rangeset_remove(&rs, 0, 0), 0);
    assert_true(rangeset_next(&rs, 0, &first, &last));
    assert_true(first == 1 && last == UINT64_MAX - 1);
    assert_false(rangeset_next(&rs, UINT64_MAX, &first, &last));
    rangeset_destroy(&rs);
}

/* At the limit only what makes no further range goes: joining, shrinking, not splitting. */
static void limit_counts_merged_ranges(void **state)
{
    struct rangeset rs;

    (void)state;
    rangeset_init(&rs, 2, &model_alloc);
    assert_int_equal(rangeset_add(&rs, 10, 19), 0);
    assert_int_equal(rangeset_add(&rs, 30, 39), 0);
    assert_int_equal(rangeset_add(&rs, 50, 59), -ENOSPC);
    assert_int_equal(rangeset_remove(&rs, 12, 13), -ENOSPC);
    assert_int_equal(rangeset_remove(&rs, 10, 11), 0);
    assert_int_equal(rangeset_add(&rs, 40, 49), 0);
    assert_int_equal(rangeset_add(&rs, 20, 29), 0);
    assert_int_equal(rangeset_count(&rs), 1);
    assert_true(rangeset_contains(&rs, 12, 49));
    assert_int_equal(rangeset_remove(&rs, 30, 30), 0);
    assert_int_equal(rangeset_count(&rs), 2);
    rangeset_destroy(&rs);
}

static void no_memory_changes_nothing(void **state)
{
    struct model m = {.base = 500, .limit = 40};
    unsigned int failures = 0;
    struct rangeset rs;

    (void)state;
    rangeset_init(&rs, m.limit, &model_alloc);
    for (unsigned int step = 0; step < 400; step++) {
        bool add = model_random(2) != 0;
        struct model after = m;
        unsigned int first, last;
        int rc = -ENOMEM, want;

        random_ends(&first, &last);
        want = model_change(&after, first, last, add);
        for (long n = 0; rc == -ENOMEM; n++) {
            model_fail_at = n;
            rc = add ? rangeset_add(&rs, 500 + first, 500 + last)
                     : rangeset_remove(&rs, 500 + first, 500 + last);
            model_fail_at = -1;
            failures += rc == -ENOMEM;
            check_against(&rs, rc == 0 ? &after : &m);
        }
        assert_int_equal(rc, want);
        m = after;
    }
    assert_true(failures > 100);
    rangeset_destroy(&rs);
    assert_int_equal(model_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_at_the_bottom),       cmocka_unit_test(random_in_the_middle),
        cmocka_unit_test(random_at_the_top),          cmocka_unit_test(whole_space_is_one_range),
        cmocka_unit_test(limit_counts_merged_ranges), cmocka_unit_test(no_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
