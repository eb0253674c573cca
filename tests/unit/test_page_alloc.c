/* SPDX-License-Identifier: Apache-2.0 */
/* The buddy allocator, references and accounts of frames, small objects, and the timer queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <asm/fake.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/mm.h>
#include <wherry/slab.h>
#include <wherry/timer.h>

#include "fake/fake.h"

/* What the code under test calls of its neighbours. */

static unsigned int puts_of_domain;

bool domain_get(struct domain *d)
{
    return atomic32_inc_not_zero(&d->refs);
}

void domain_put(struct domain *d)
{
    puts_of_domain++;
    atomic32_fetch_sub(&d->refs, 1);
}

/* No vCPU passes the fake exit path here. */
void ioreq_vcpu_work(struct vcpu *v)
{
    (void)v;
}

void ioreq_invalidate_work(struct vcpu *v)
{
    (void)v;
}

static s_time_t programmed;

void arch_timer_program(s_time_t deadline)
{
    programmed = deadline;
}

static uint64_t free_frames(void)
{
    uint64_t total, n;

    page_stats(&total, &n);
    return n;
}

static int setup(void **state)
{
    static bool once;

    (void)state;
    if (!once) {
        page_add_region(paddr(FAKE_RAM_BASE),
                        paddr(FAKE_RAM_BASE + (FAKE_RAM_FRAMES << PAGE_SHIFT)));
        for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
            assert_int_equal(c->fn(), 0);
        once = true;
    }
    fake_arch_reset();
    puts_of_domain = 0;
    return 0;
}

/* Everything given back has become one block again. */
static int teardown(void **state)
{
    struct page *all;

    (void)state;
    fake_rcu_run();
    all = page_alloc(12); /* the whole memory of the fake architecture */
    if (all == NULL)
        return -1;
    page_free(all, 12);
    return 0;
}

/* --- blocks --- */

static void blocks_are_aligned_and_apart(void **state)
{
    struct page *pg[13];

    (void)state;
    for (unsigned int order = 0; order < 11; order++) {
        pg[order] = page_alloc(order);
        assert_non_null(pg[order]);
        assert_int_equal(page_to_mfn(pg[order]).v & ((UINT64_C(1) << order) - 1), 0);
        memset(page_to_virt(pg[order]), (int)order, PAGE_SIZE << order);
    }
    for (unsigned int order = 0; order < 11; order++) {
        const unsigned char *p = page_to_virt(pg[order]);

        for (size_t i = 0; i < PAGE_SIZE << order; i += 512)
            assert_int_equal(p[i], order);
        page_free(pg[order], order);
    }
}

static void memory_runs_out_and_comes_back(void **state)
{
    struct page *half = page_alloc(11);
    struct page *rest = page_alloc(11);

    (void)state;
    assert_non_null(half);
    assert_non_null(rest);
    assert_int_equal(free_frames(), 0);
    assert_null(page_alloc(0));
    assert_null(page_alloc(PAGE_MAX_ORDER + 1));
    page_free(half, 11);
    assert_null(page_alloc(12));
    page_free(rest, 11);
}

/* In random order, against a map of who has which frame. */
static void random_traffic(void **state)
{
    static unsigned char owner[FAKE_RAM_FRAMES];
    struct {
        struct page *pg;
        unsigned int order;
    } held[100] = {{NULL, 0}};

    (void)state;
    srand(1);
    memset(owner, 0, sizeof(owner));
    for (unsigned int n = 0; n < 20000; n++) {
        unsigned int i = (unsigned int)rand() % 100;
        uint64_t first;

        if (held[i].pg == NULL) {
            held[i].order = (unsigned int)rand() % 7;
            held[i].pg = page_alloc(held[i].order);
        } else {
            page_free(held[i].pg, held[i].order);
        }
        if (held[i].pg == NULL)
            continue;
        first = page_to_mfn(held[i].pg).v - arch_frame_base;
        for (uint64_t f = first; f < first + (UINT64_C(1) << held[i].order); f++) {
            assert_true(owner[f] == 0 || owner[f] == i + 1);
            owner[f] = owner[f] == 0 ? (unsigned char)(i + 1) : 0;
        }
        if (owner[first] == 0)
            held[i].pg = NULL;
    }
    for (unsigned int i = 0; i < 100; i++)
        if (held[i].pg != NULL)
            page_free(held[i].pg, held[i].order);
}

/* --- references --- */

static struct domain *new_domain(uint64_t max_pages)
{
    struct domain *d = calloc(1, sizeof(*d));

    assert_non_null(d);
    d->max_pages = max_pages;
    d->state = DOMAIN_ALIVE;
    atomic32_set(&d->refs, 1);
    spin_lock_init(&d->page_lock, LOCK_RANK_PAGE_OWNER, "page_owner");
    return d;
}

static void a_frame_lives_as_long_as_its_references(void **state)
{
    struct domain *d = new_domain(8), *other = new_domain(8);
    uint64_t before = free_frames();
    struct page *pg = domain_alloc_pages(d, 0, false);

    (void)state;
    assert_non_null(pg);
    assert_int_equal(d->tot_pages, 1);
    assert_true(page_get(pg, d));
    assert_false(page_get(pg, other)); /* not his, and the count is as before */
    assert_int_equal(atomic32_read(&pg->refs), 2);
    page_put(pg);
    page_put(pg);
    assert_int_equal(d->tot_pages, 0);
    assert_false(page_get(pg, d));
    /* Not before the grace period: somebody may still be using what he translated. */
    assert_int_equal(free_frames(), before - 1);
    fake_rcu_run();
    assert_int_equal(free_frames(), before);
    free(d);
    free(other);
}

static void accounts_hold_one_reference(void **state)
{
    struct domain *d = new_domain(3);
    struct page *a = domain_alloc_pages(d, 1, false);
    struct page *b = domain_alloc_pages(d, 0, false);
    struct page *c = domain_alloc_pages(d, 0, true);

    (void)state;
    assert_true(a != NULL && b != NULL && c != NULL);
    assert_null(domain_alloc_pages(d, 0, false)); /* over its limit */
    assert_int_equal(d->tot_pages, 3);
    assert_int_equal(atomic32_read(&d->refs), 3); /* table, account, the unaccounted frame */
    page_put(a);
    page_put(a + 1);
    page_put(b);
    assert_int_equal(atomic32_read(&d->refs), 2);
    page_put(c);
    assert_int_equal(atomic32_read(&d->refs), 1);
    d->state = DOMAIN_DYING;
    assert_null(domain_alloc_pages(d, 0, false));
    assert_null(domain_alloc_pages(d, 0, true));
    free(d);
}

static void frames_of_a_domain_are_zeroed(void **state)
{
    struct domain *d = new_domain(8);
    struct page *pg = page_alloc(3);
    const unsigned char *p;

    (void)state;
    memset(page_to_virt(pg), 0xa5, PAGE_SIZE << 3);
    page_free(pg, 3);
    pg = domain_alloc_pages(d, 3, false);
    p = page_to_virt(pg);
    for (size_t i = 0; i < PAGE_SIZE << 3; i++)
        assert_int_equal(p[i], 0);
    for (unsigned int i = 0; i < 8; i++)
        page_put(pg + i);
    free(d);
}

/* --- small objects --- */

static void objects_of_every_size(void **state)
{
    static const size_t sizes[] = {1, 16, 17, 32, 100, 1000, 2048, 2049, 4096, 4097, 70000};
    unsigned char *p[ARRAY_SIZE(sizes)];

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        p[i] = kzalloc(sizes[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t n = 0; n < sizes[i]; n++)
            assert_int_equal(p[i][n], 0);
        memset(p[i], (int)i + 1, sizes[i]);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (size_t n = 0; n < sizes[i]; n++)
            assert_int_equal(p[i][n], i + 1);
        kfree(p[i]);
    }
    kfree(NULL);
}

/* More than a page of each class, freed in another order; dirty memory comes back zeroed. */
static void pages_of_objects_come_and_go(void **state)
{
    static void *p[600];
    uint64_t before = free_frames();

    (void)state;
    for (size_t size = 16; size <= 2048; size *= 2) {
        for (unsigned int i = 0; i < ARRAY_SIZE(p); i++) {
            p[i] = kzalloc(size);
            assert_non_null(p[i]);
            for (size_t n = 0; n < size; n += 8)
                assert_int_equal(*(uint64_t *)((char *)p[i] + n), 0);
            memset(p[i], 0xff, size);
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
            kfree(p[(i * 7) % ARRAY_SIZE(p)]);
        assert_int_equal(free_frames(), before);
    }
}

static void objects_when_there_is_no_memory(void **state)
{
    struct page *all = page_alloc(12);

    (void)state;
    assert_non_null(all);
    assert_null(kzalloc(16));
    assert_null(kzalloc(5000));
    assert_null(kcalloc(SIZE_MAX / 2, 4));
    page_free(all, 12);
}

/* --- timers --- */

static unsigned int fired[3];

static void fire(void *data)
{
    ++*(unsigned int *)data;
}

static void timers_fire_in_order_and_once(void **state)
{
    struct timer t[3];

    (void)state;
    memset(fired, 0, sizeof(fired));
    for (unsigned int i = 0; i < 3; i++)
        timer_init(&t[i], fire, &fired[i], 0);
    timer_set(&t[0], 300);
    assert_int_equal(programmed, 300);
    timer_set(&t[1], 100);
    assert_int_equal(programmed, 100);
    timer_set(&t[2], 200);
    assert_int_equal(programmed, 100);
    fake_now = 250;
    timer_interrupt();
    assert_true(fired[0] == 0 && fired[1] == 1 && fired[2] == 1);
    assert_int_equal(programmed, 300);
    timer_interrupt();
    assert_true(fired[1] == 1 && fired[2] == 1);
    timer_stop(&t[0]);
    fake_now = 400;
    timer_interrupt();
    assert_int_equal(fired[0], 0);
    assert_true(programmed == STIME_MAX);
    timer_stop(&t[1]); /* not armed: nothing happens */
}

static void a_timer_can_be_set_again(void **state)
{
    struct timer t;

    (void)state;
    memset(fired, 0, sizeof(fired));
    timer_init(&t, fire, &fired[0], 0);
    timer_set(&t, 100);
    timer_set(&t, 500);
    fake_now = 200;
    timer_interrupt();
    assert_int_equal(fired[0], 0);
    fake_now = 500;
    timer_interrupt();
    assert_int_equal(fired[0], 1);
    assert_false(t.active);
}

static void rearm(void *data)
{
    struct timer *t = data;

    fired[0]++;
    timer_set(t, (s_time_t)fake_now); /* due at once, but not in this interrupt for ever */
}

static void rearming_for_now_ends(void **state)
{
    struct timer t;

    (void)state;
    memset(fired, 0, sizeof(fired));
    timer_init(&t, rearm, &t, 0);
    fake_now = 10;
    timer_set(&t, 5);
    timer_interrupt();
    assert_in_range(fired[0], 1, 4);
    timer_stop(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_aligned_and_apart),
        TEST(memory_runs_out_and_comes_back),
        TEST(random_traffic),
        TEST(a_frame_lives_as_long_as_its_references),
        TEST(accounts_hold_one_reference),
        TEST(frames_of_a_domain_are_zeroed),
        TEST(objects_of_every_size),
        TEST(pages_of_objects_come_and_go),
        TEST(objects_when_there_is_no_memory),
        TEST(timers_fire_in_order_and_once),
        TEST(a_timer_can_be_set_again),
        TEST(rearming_for_now_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
