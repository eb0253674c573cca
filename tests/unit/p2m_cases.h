/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases for common/p2m/, whatever the format: page sizes, splitting, references dropped only after
 * the flush, nothing lost at teardown. Included by test_arm_p2m.c and test_x86_p2m.c, which replace
 * the CPU's part before, include the arch's p2m.c after, and have the functions declared here.
 */
#ifndef WHERRY_TESTS_P2M_CASES_H
#define WHERRY_TESTS_P2M_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <wherry/types.h>

/* How often translations were made to be forgotten. */
static uint64_t flush_count(void);
/* Before each case: the arch's set-up at boot. */
static void probe(void);
/* Around the mapping of RAM. */
static void before_map(uint64_t m);
static void after_map(uint64_t nr);

#define POOL_FRAMES  4096    /* tables come from here, and these have memory */
#define FIRST_DATA   0x40000 /* frames that get mapped */
#define TOTAL_FRAMES 0x140000

static char *table_pool;
struct page;
static struct page *arch_frame_table;
#define arch_frame_base UINT64_C(0)

static inline void *arch_paddr_to_virt(paddr_t p)
{
    return (void *)((uintptr_t)table_pool + p.v); /* memory is there for the tables only */
}
static inline paddr_t arch_virt_to_paddr(const void *va)
{
    return paddr((uint64_t)((const char *)va - table_pool));
}

#include "../../common/p2m/table.c"

#include "../../common/p2m/ops.c"

/* --- what the tables need of common/ --- */
static unsigned int tables_in_use;
static uint8_t table_used[POOL_FRAMES];
static unsigned int puts_without_flush, page_puts;
static unsigned int frees_without_flush, table_frees;
static uint64_t flushes_at_start;
static struct domain dom;
static unsigned int removals; /* reports that RAM left */

void printk(const char *fmt, ...)
{
    (void)fmt;
}
void spin_lock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
    (void)l;
    (void)rank;
    (void)name;
}
void spin_lock(struct spinlock *l)
{
    assert_int_equal(l->owner, 0);
    l->owner = 1;
}
void spin_unlock(struct spinlock *l)
{
    l->owner = 0;
}
void bug_at(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    fail_msg("%s", what);
    abort();
}
bool hypercall_preempt_check(void)
{
    return false;
}
bool mfn_is_ram(mfn_t m)
{
    return m.v >= FIRST_DATA && m.v < TOTAL_FRAMES;
}

void ioreq_ram_removed(struct domain *d)
{
    assert_ptr_equal(d, &dom);
    assert_int_equal(d->p2m.lock.owner, 0); /* not held */
    removals++;
}

struct page *page_alloc_zeroed(unsigned int order)
{
    unsigned int n = 1U << order;

    for (unsigned int i = 0; i + n <= POOL_FRAMES; i += n) {
        if (memchr(&table_used[i], 1, n) != NULL)
            continue;
        memset(&table_used[i], 1, n);
        memset(table_pool + i * PAGE_SIZE, 0, n * PAGE_SIZE);
        tables_in_use += n;
        return &arch_frame_table[i];
    }
    return NULL;
}
void page_free(struct page *pg, unsigned int order)
{
    size_t i = (size_t)(pg - arch_frame_table);

    assert_int_equal(order, 0);
    assert_int_equal(table_used[i], 1);
    table_used[i] = 0;
    tables_in_use--;
    table_frees++;
    if (flush_count() == flushes_at_start)
        frees_without_flush++;
}
void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    fn(head);
}
bool page_get(struct page *pg, const struct domain *d)
{
    if (pg->owner != d || pg->refs.v == 0)
        return false;
    pg->refs.v++;
    return true;
}
void page_get_held(struct page *pg)
{
    assert_true(pg->refs.v != 0);
    pg->refs.v++;
}
void page_put(struct page *pg)
{
    assert_true(pg->refs.v != 0);
    pg->refs.v--;
    page_puts++;
    if (flush_count() == flushes_at_start)
        puts_without_flush++;
}

/* --- helpers --- */
static struct page *data_page(uint64_t m)
{
    return &arch_frame_table[m];
}

/* Map RAM, giving each frame the reference that the entry then owns. */
static int map_ram(uint64_t g, uint64_t nr, uint64_t m)
{
    int rc;

    for (uint64_t i = 0; i < nr; i++) {
        data_page(m + i)->owner = &dom;
        data_page(m + i)->refs.v++;
    }
    before_map(m);
    rc = p2m_map(&dom, gfn(g), nr, mfn(m), P2M_RAM_RW);
    after_map(nr);
    return rc;
}

static uint64_t lookup(uint64_t g)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(&dom, gfn(g), &t);

    assert_int_equal(mfn_eq(m, INVALID_MFN), t == P2M_INVALID);
    return m.v;
}

static void watch_flushes(void)
{
    flushes_at_start = flush_count();
    page_puts = table_frees = 0;
    puts_without_flush = frees_without_flush = 0;
}

static unsigned int refs_in(uint64_t m, uint64_t nr)
{
    unsigned int sum = 0;

    for (uint64_t i = 0; i < nr; i++)
        sum += data_page(m + i)->refs.v;
    return sum;
}

static int setup(void **state)
{
    (void)state;
    if (table_pool == NULL) {
        table_pool = aligned_alloc(PAGE_SIZE * 16, POOL_FRAMES * PAGE_SIZE);
        arch_frame_table = calloc(TOTAL_FRAMES, sizeof(struct page));
    }
    memset(arch_frame_table, 0, TOTAL_FRAMES * sizeof(struct page));
    memset(&dom, 0, sizeof(dom));
    removals = 0;
    dom.max_pages = 1024;
    probe();
    return p2m_init(&dom);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(p2m_teardown(&dom), 0);
    assert_int_equal(tables_in_use, 0);
    assert_int_equal(refs_in(FIRST_DATA, TOTAL_FRAMES - FIRST_DATA), 0);
    return 0;
}

/* --- cases --- */
static void page_sizes_follow_alignment(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x40000 + 0x200 + 1, 0x40000), 0); /* 1G + 2M + 4K */
    assert_int_equal(dom.p2m.leaves[2], 1);
    assert_int_equal(dom.p2m.leaves[1], 1);
    assert_int_equal(dom.p2m.leaves[0], 1);
    assert_int_equal(lookup(0x40000), 0x40000);
    assert_int_equal(lookup(0x7ffff), 0x7ffff);
    assert_int_equal(lookup(0x80123), 0x80123);
    assert_int_equal(lookup(0x80200), 0x80200);
    assert_int_equal(lookup(0x80201), INVALID_MFN.v);
    assert_int_equal(lookup(0x3ffff), INVALID_MFN.v);
    assert_int_equal(p2m_max_gfn(&dom).v, 0x80200);
}

static void misaligned_memory_gets_small_pages(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x400, 0x40001), 0);
    assert_int_equal(dom.p2m.leaves[0], 0x400);
    assert_int_equal(lookup(0x403ff), 0x40400);
}

static void xsa_301_frames_beyond_the_address_width(void **state)
{
    uint64_t end = UINT64_C(1) << (arch_p2m_bits() - PAGE_SHIFT);

    (void)state;
    assert_int_equal(p2m_map(&dom, gfn(end), 1, mfn(0x40000), P2M_RAM_RW), -EINVAL);
    assert_int_equal(p2m_map(&dom, gfn(end - 1), 2, mfn(0x40000), P2M_RAM_RW), -EINVAL);
    assert_int_equal(p2m_map(&dom, gfn(0), 0, mfn(0x40000), P2M_RAM_RW), -EINVAL);
    assert_int_equal(p2m_map(&dom, gfn(5), ~UINT64_C(0), mfn(0x40000), P2M_RAM_RW), -EINVAL);
    assert_int_equal(p2m_unmap(&dom, gfn(end), 1), -EINVAL);
    assert_int_equal(p2m_unmap_if(&dom, gfn(end | 5), mfn(0)), -EINVAL);
    assert_int_equal(lookup(end), INVALID_MFN.v);
    assert_null(p2m_get_page(&dom, gfn(end + 7), false, true, NULL));
    assert_false(p2m_fault_is_spurious(&dom, gfn(end)));
    /* The very last frame exists. */
    assert_int_equal(map_ram(end - 1, 1, 0x40000), 0);
    assert_int_equal(lookup(end - 1), 0x40000);
}

static void removing_a_frame_splits_a_block(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x40000, 0x40000), 0);
    watch_flushes();
    assert_int_equal(p2m_unmap(&dom, gfn(0x40201), 1), 0);
    assert_int_equal(page_puts, 1);
    assert_int_equal(puts_without_flush, 0);
    assert_int_equal(dom.p2m.leaves[2], 0);
    assert_int_equal(dom.p2m.leaves[1], 511);
    assert_int_equal(dom.p2m.leaves[0], 511);
    assert_int_equal(lookup(0x40200), 0x40200);
    assert_int_equal(lookup(0x40201), INVALID_MFN.v);
    assert_int_equal(lookup(0x40202), 0x40202);
    assert_int_equal(lookup(0x7ffff), 0x7ffff);
    assert_int_equal(data_page(0x40201)->refs.v, 0);
    assert_int_equal(refs_in(0x40000, 0x40000), 0x3ffff);
    assert_int_equal(dom.p2m.seq & 1, 0);
}

static void xsa_321_flushed_before_it_is_released(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 300, 0x40001), 0);
    watch_flushes();
    assert_int_equal(p2m_unmap(&dom, gfn(0x3fff0), 0x400), 0); /* holes around it */
    assert_int_equal(flush_count(), flushes_at_start + 1);
    assert_int_equal(page_puts, 300);
    assert_int_equal(puts_without_flush, 0);
    watch_flushes();
    assert_int_equal(p2m_unmap(&dom, gfn(0x40000), 300), 0);
    assert_int_equal(flush_count(), flushes_at_start); /* nothing was there */
}

static void replacing_drops_the_old_page(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x200, 0x40000), 0);
    watch_flushes();
    assert_int_equal(map_ram(0x40010, 1, 0x50000), 0);
    assert_int_equal(page_puts, 1);
    assert_int_equal(puts_without_flush, 0);
    assert_int_equal(data_page(0x40010)->refs.v, 0);
    assert_int_equal(data_page(0x50000)->refs.v, 1);
    assert_int_equal(removals, 1);
    assert_int_equal(lookup(0x40010), 0x50000);
    assert_int_equal(lookup(0x40011), 0x40011);
}

static void a_block_over_tables_frees_them_all(void **state)
{
    unsigned int before;

    (void)state;
    assert_int_equal(map_ram(0x80000, 0x40000, 0x80000), 0);
    before = tables_in_use;
    watch_flushes();
    assert_int_equal(p2m_unmap(&dom, gfn(0x80000), 0x40000), 0);
    assert_int_equal(map_ram(0x80001, 1, 0x80001), 0);
    assert_int_equal(map_ram(0x90001, 1, 0x90001), 0);
    assert_true(tables_in_use >= before + 3);
    watch_flushes();
    assert_int_equal(map_ram(0x80000, 0x40000, 0xc0000), 0);
    assert_in_range(table_frees, 3, 4);
    assert_int_equal(frees_without_flush, 0);
    assert_int_equal(dom.p2m.leaves[2], 1);
    assert_int_equal(tables_in_use, before);
    assert_int_equal(dom.p2m.leaves[0], 0);
}

static void xsa_473_removes_exactly_the_frame_it_saw(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 2, 0x40000), 0);
    assert_int_equal(p2m_unmap_if(&dom, gfn(0x40005), mfn(0x40005)), -ENOENT);
    assert_int_equal(p2m_unmap_if(&dom, gfn(0x40000), mfn(0x40001)), -EINVAL);
    assert_int_equal(lookup(0x40000), 0x40000);
    assert_int_equal(p2m_unmap_if(&dom, gfn(0x40000), mfn(0x40000)), 0);
    assert_int_equal(lookup(0x40000), INVALID_MFN.v);
    assert_int_equal(lookup(0x40001), 0x40001);
}

static void pages_are_taken_by_type(void **state)
{
    static struct domain other;
    enum p2m_type t;
    struct page *pg;

    (void)state;
    assert_int_equal(map_ram(0x40000, 1, 0x40000), 0);
    pg = p2m_get_page(&dom, gfn(0x40000), true, false, &t);
    assert_ptr_equal(pg, data_page(0x40000));
    assert_int_equal(t, P2M_RAM_RW);
    assert_int_equal(pg->refs.v, 2);
    page_put(pg);

    data_page(0x50000)->owner = &other;
    data_page(0x50000)->refs.v = 1;
    assert_int_equal(p2m_map(&dom, gfn(0x41000), 1, mfn(0x50000), P2M_FOREIGN_RO), 0);
    assert_null(p2m_get_page(&dom, gfn(0x41000), false, false, NULL));
    assert_null(p2m_get_page(&dom, gfn(0x41000), true, true, &t));
    assert_int_equal(t, P2M_FOREIGN_RO);
    pg = p2m_get_page(&dom, gfn(0x41000), false, true, &t);
    assert_ptr_equal(pg, data_page(0x50000));
    page_put(pg);

    assert_int_equal(p2m_unmap_if(&dom, gfn(0x41000), mfn(0x50000)), 0);
    assert_int_equal(removals, 0); /* a foreign page is not the domain's RAM */
    assert_int_equal(p2m_map(&dom, gfn(0x9000), 1, mfn(0x9000), P2M_MMIO_DIRECT_DEV), 0);
    assert_null(p2m_get_page(&dom, gfn(0x9000), false, true, &t));
    assert_int_equal(t, P2M_MMIO_DIRECT_DEV);
}

static void a_fault_is_believed_only_for_holes(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x200, 0x40000), 0);
    assert_true(p2m_fault_is_spurious(&dom, gfn(0x40001)));
    assert_false(p2m_fault_is_spurious(&dom, gfn(0x40200)));
    dom.p2m.seq++; /* somebody is at work */
    assert_true(p2m_fault_is_spurious(&dom, gfn(0x40200)));
    dom.p2m.seq++;
}

/* A fault between two questions is a true one if the table was left alone all the while. */
static void an_unchanged_table_is_not_asked_again(void **state)
{
    uint64_t seen = 0;

    (void)state;
    assert_int_equal(map_ram(0x40000, 1, 0x40000), 0);
    assert_true(p2m_changed(&dom.p2m, &seen));
    assert_false(p2m_changed(&dom.p2m, &seen));
    assert_int_equal(map_ram(0x40001, 1, 0x40001), 0);
    assert_true(p2m_changed(&dom.p2m, &seen));
    assert_int_equal(p2m_unmap(&dom, gfn(0x40001), 1), 0);
    assert_true(p2m_changed(&dom.p2m, &seen));
    assert_false(p2m_changed(&dom.p2m, &seen));
    dom.p2m.seq++; /* somebody is at work: not even the second time */
    assert_true(p2m_changed(&dom.p2m, &seen));
    assert_true(p2m_changed(&dom.p2m, &seen));
    dom.p2m.seq++;
    assert_true(p2m_changed(&dom.p2m, &seen));
}

static void xsa_409_tables_have_a_limit(void **state)
{
    unsigned int tables;
    uint64_t flushes_before;

    (void)state;
    assert_int_equal(map_ram(0x40000, 0x40000, 0x40000), 0);
    tables = tables_in_use;
    flushes_before = flush_count();
    dom.p2m.max_tables = dom.p2m.nr_tables;
    assert_int_equal(p2m_unmap(&dom, gfn(0x40001), 1), -ENOMEM);
    data_page(0x90000)->refs.v = 1; /* stays the caller's */
    assert_int_equal(p2m_map(&dom, gfn(0x1000), 1, mfn(0x90000), P2M_FOREIGN_RW), -ENOMEM);
    assert_int_equal(data_page(0x90000)->refs.v, 1);
    data_page(0x90000)->refs.v = 0;
    assert_int_equal(tables_in_use, tables);
    assert_int_equal(flush_count(), flushes_before);
    assert_int_equal(lookup(0x40001), 0x40001);
    assert_int_equal(dom.p2m.seq & 1, 0);
}

/* RAM becomes read-only, frame by frame: flushed, with the page and reference that it had. */
static void ram_changes_its_type(void **state)
{
    enum p2m_type t;

    (void)state;
    assert_int_equal(map_ram(0x40000, 0x200, 0x40000), 0);
    watch_flushes();
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40001), P2M_RAM_RO), 0);
    assert_true(flush_count() > flushes_at_start);
    assert_int_equal(dom.p2m.leaves[1], 0);
    assert_int_equal(dom.p2m.leaves[0], 0x200);
    assert_true(mfn_eq(p2m_lookup(&dom, gfn(0x40001), &t), mfn(0x40001)));
    assert_int_equal(t, P2M_RAM_RO);
    for (uint64_t g = 0x40000; g < 0x40200; g++) {
        assert_true(mfn_eq(p2m_lookup(&dom, gfn(g), &t), mfn(g)));
        assert_int_equal(t, g == 0x40001 ? P2M_RAM_RO : P2M_RAM_RW);
    }
    assert_null(p2m_get_page(&dom, gfn(0x40001), true, false, NULL));
    watch_flushes();
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40001), P2M_RAM_RO), 0);
    assert_int_equal(flush_count(), flushes_at_start); /* it is that already */
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40001), P2M_RAM_RW), 0);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40200), P2M_RAM_RW), -EINVAL);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(~UINT64_C(0)), P2M_RAM_RW), -EINVAL);
    assert_int_equal(page_puts, 0);
    assert_int_equal(refs_in(0x40000, 0x200), 0x200);
    assert_int_equal(removals, 0);
    assert_int_equal(dom.p2m.seq & 1, 0);
    /* without memory for tables, nothing changes */
    assert_int_equal(map_ram(0x40400, 0x200, 0x40400), 0);
    dom.p2m.max_tables = dom.p2m.nr_tables;
    watch_flushes();
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40401), P2M_RAM_RO), -ENOMEM);
    assert_int_equal(flush_count(), flushes_at_start);
    assert_int_equal(dom.p2m.seq & 1, 0);
}

#define P2M_CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define P2M_CASES                                                                                \
    P2M_CASE(page_sizes_follow_alignment), P2M_CASE(misaligned_memory_gets_small_pages),         \
        P2M_CASE(xsa_301_frames_beyond_the_address_width),                                       \
        P2M_CASE(removing_a_frame_splits_a_block),                                               \
        P2M_CASE(xsa_321_flushed_before_it_is_released), P2M_CASE(replacing_drops_the_old_page), \
        P2M_CASE(a_block_over_tables_frees_them_all),                                            \
        P2M_CASE(xsa_473_removes_exactly_the_frame_it_saw), P2M_CASE(pages_are_taken_by_type),   \
        P2M_CASE(a_fault_is_believed_only_for_holes),                                            \
        P2M_CASE(an_unchanged_table_is_not_asked_again), P2M_CASE(xsa_409_tables_have_a_limit),  \
        P2M_CASE(ram_changes_its_type)

#endif
