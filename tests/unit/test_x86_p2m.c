/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page tables (common/p2m/ over arch/x86/p2m.c) in the formats of NPT and EPT, and address
 * space identifiers (arch/x86/svm/asid.c). No emulator shows a stale translation, so flushes are
 * counted here: who is made to leave, who is waited for, what is released when; and a walk at
 * random compares what is used with a model of what each pCPU has cached.
 */
#include <wherry/types.h>

/* --- the CPUs: in place of wherry/percpu.h, asm/relax.h, asm/page.h and asm/msr.h --- */
#define WHERRY_PERCPU_H
#define WHERRY_ASM_RELAX_H
#define WHERRY_ASM_PAGE_H
#define WHERRY_ASM_MSR_H

#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name[CONFIG_NR_CPUS]
#define DEFINE_PER_CPU(type, name)  __typeof__(type) percpu_##name[CONFIG_NR_CPUS]
#define this_cpu(name)              (percpu_##name[this_one])
#define per_cpu(name, cpu)          (percpu_##name[cpu])

static unsigned int this_one; /* whose code this is now */

static inline unsigned int smp_processor_id(void)
{
    return this_one;
}

static void arch_relax(void);

struct cpuid_leaf {
    uint32_t a, b, c, d;
};
static unsigned int nr_asids;

static inline struct cpuid_leaf cpuid(uint32_t leaf, uint32_t sub)
{
    return leaf == 0x8000000a && sub == 0 ? (struct cpuid_leaf){.b = nr_asids}
                                          : (struct cpuid_leaf){0};
}

#include "p2m_cases.h"

#include "../../arch/x86/p2m.c"

#include "../../arch/x86/svm/asid.c"

DEFINE_PER_CPU(struct vcpu *, current_vcpu);
uint64_t cpu_online_mask = 1;

static const struct p2m_format npt = P2M_FORMAT_NPT, ept = P2M_FORMAT_EPT;
static const struct p2m_format *format;

static unsigned int kicks[CONFIG_NR_CPUS];
static unsigned int waits;        /* turns that were waited */
static unsigned int puts_at_kick; /* references dropped before somebody was made to leave */
static uint64_t broken_at_kick;   /* this frame has no right then; 0: none is looked at */
static void check_broken(void);

static uint64_t flush_count(void)
{
    return (uint64_t)atomic64_read(&dom.p2m.arch.epoch);
}

static void probe(void)
{
    p2m_format = *format;
    this_one = 0;
    cpu_online_mask = 1;
    memset(percpu_guest_p2m, 0, sizeof(percpu_guest_p2m));
    memset(percpu_current_vcpu, 0, sizeof(percpu_current_vcpu));
    memset(kicks, 0, sizeof(kicks));
    waits = puts_at_kick = 0;
}

static void before_map(uint64_t m)
{
    (void)m;
}

static void after_map(uint64_t nr)
{
    (void)nr;
}

int snprintf(char *text, size_t size, const char *fmt, ...)
{
    (void)fmt;
    if (size != 0)
        text[0] = '\0';
    return 0;
}

/* It leaves its guest some time after the kick: three turns of a waiting loop. */
static unsigned int leaves_in[CONFIG_NR_CPUS];
static struct p2m *enters_again; /* at once: whoever looks finds it in the guest as before */

void arch_smp_kick(unsigned int cpu)
{
    kicks[cpu]++;
    puts_at_kick += page_puts;
    check_broken();
    if (leaves_in[cpu] == 0)
        leaves_in[cpu] = 3;
}

static void arch_relax(void)
{
    unsigned int me = this_one;

    waits++;
    assert_true(waits < 1000); /* waits for one that nobody made leave */
    for (this_one = 0; this_one < CONFIG_NR_CPUS; this_one++)
        if (leaves_in[this_one] != 0 && --leaves_in[this_one] == 0) {
            p2m_guest_leave();
            if (enters_again != NULL)
                p2m_guest_enter(enters_again);
        }
    this_one = me;
}

/* --- entries --- */

static uint64_t entry(uint64_t g)
{
    unsigned int level;

    return *p2m_walk(&dom.p2m, g, &level);
}

static void map_foreign(uint64_t g, uint64_t m, enum p2m_type t)
{
    data_page(m)->refs.v++;
    assert_int_equal(p2m_map(&dom, gfn(g), 1, mfn(m), t), 0);
}

static unsigned int rights(uint64_t pte);

static void check_broken(void)
{
    if (broken_at_kick != 0)
        assert_int_equal(rights(entry(broken_at_kick)), 0);
}

/* What a walk of the CPU's may do by the entry: 1 read, 2 write, 4 execute. */
static unsigned int rights(uint64_t pte)
{
    if (format == &ept)
        return pte & 7;
    if (!(pte & 1))
        return 0;
    assert_true(pte & 4); /* nested walks are a user's (APM 15.25.5) */
    return 1 | (pte & 2) | (pte >> 63 ? 0 : 4);
}

static void rights_are_those_of_the_type(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x200, 0x40000), 0);
    assert_int_equal(map_ram(0x1000, 1, 0x50000), 0);
    data_page(0x50001)->owner = &dom;
    data_page(0x50001)->refs.v = 1;
    assert_int_equal(p2m_map(&dom, gfn(0x1001), 1, mfn(0x50001), P2M_RAM_RO), 0);
    map_foreign(0x1002, 0x50002, P2M_FOREIGN_RW);
    map_foreign(0x1003, 0x50003, P2M_FOREIGN_RO);
    assert_int_equal(p2m_map(&dom, gfn(0x1004), 1, mfn(0xfee00), P2M_MMIO_DIRECT_DEV), 0);
    assert_int_equal(p2m_map(&dom, gfn(0x1005), 1, mfn(0xfed00), P2M_MMIO_DIRECT_C), 0);
    assert_int_equal(rights(entry(0x40000)), 7);
    assert_int_equal(rights(entry(0x1000)), 7);
    assert_int_equal(rights(entry(0x1001)), 5);
    assert_int_equal(rights(entry(0x1002)), 3);
    assert_int_equal(rights(entry(0x1003)), 1);
    assert_int_equal(rights(entry(0x1004)), 3);
    assert_int_equal(rights(entry(0x1005)), 3);
    assert_int_equal(entry(0x1006), 0);
}

static void entries_are_as_the_manuals_lay_them_out(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x200, 0x40000), 0);
    assert_int_equal(map_ram(0x1000, 1, 0x50000), 0);
    map_foreign(0x1002, 0x50002, P2M_FOREIGN_RO);
    assert_int_equal(p2m_map(&dom, gfn(0x1004), 1, mfn(0xfee00), P2M_MMIO_DIRECT_DEV), 0);
    if (format == &npt) {
        assert_int_equal(entry(0x1000), 0x0010000050000067);
        assert_int_equal(entry(0x40123), 0x00100000400000e7);
        assert_int_equal(entry(0x1002), 0x8060000050002065);
        assert_int_equal(entry(0x1004), 0x80300000fee0007f); /* uncached by the host's PAT */
    } else {
        assert_int_equal(entry(0x1000), 0x0010000050000037); /* write-back */
        assert_int_equal(entry(0x40123), 0x00100000400000b7);
        assert_int_equal(entry(0x1002), 0x0060000050002031);
        assert_int_equal(entry(0x1004), 0x00300000fee00003); /* uncacheable */
    }
    /* A table: all rights, and nothing that is reserved in either format. */
    assert_int_equal(dom.p2m.root[0] & ~PTE_ADDR_MASK, 7);
    assert_int_equal(dom.p2m.arch.root.v, (uintptr_t)dom.p2m.root - (uintptr_t)table_pool);
}

/* Between the passes of a removal no walk may use what is there, but it still says what it was. */
static void a_broken_entry_gives_no_right(void **state)
{
    (void)state;
    for (unsigned int t = P2M_RAM_RW; t < P2M_NR_TYPES; t++) {
        for (unsigned int level = 1; level <= P2M_LAST_LEVEL; level++) {
            uint64_t pte = pte_leaf(mfn(0x40000), (enum p2m_type)t, level);

            assert_true(pte_is_live(pte));
            assert_false(pte_is_table(pte, level));
            assert_int_equal(pte_type(pte), t);
            assert_int_equal(pte_mfn(pte).v, 0x40000);
            assert_false(pte_is_live(pte_broken(pte)));
            assert_false(pte_is_table(pte_broken(pte), level));
            assert_int_equal(rights(pte_broken(pte)), 0);
            assert_int_equal(pte_type(pte_broken(pte)), t);
            assert_int_equal(pte_mfn(pte_broken(pte)).v, 0x40000);
        }
    }
}

/* --- flushes, counted --- */

/*
 * What takes rights away is one epoch; so is each block that becomes a table and each table that a
 * block replaces, as a walk may have cached the entry itself. All else is none.
 */
static void epochs_are_exactly_those_needed(void **state)
{
    uint64_t epoch = flush_count();

    (void)state;
    /* Adding to a hole is none, however much of it. */
    assert_int_equal(map_ram(0x40000, 0x40201, 0x40000), 0);
    map_foreign(0x1000, 0x90000, P2M_FOREIGN_RO);
    assert_int_equal(flush_count(), epoch);
    /* Looking is none, nor is what fails. */
    assert_int_equal(lookup(0x40000), 0x40000);
    assert_int_equal(p2m_unmap_if(&dom, gfn(0x40000), mfn(0x1)), -EINVAL);
    assert_int_equal(p2m_unmap_if(&dom, gfn(0x10), mfn(0x1)), -ENOENT);
    assert_int_equal(flush_count(), epoch);
    /* Other rights in place of what is there; then a block in place of that table. */
    data_page(0x40001)->refs.v++;
    assert_int_equal(p2m_map(&dom, gfn(0x80200), 1, mfn(0x40001), P2M_RAM_RO), 0);
    assert_int_equal(flush_count() - epoch, 1);
    assert_int_equal(map_ram(0x80200, 0x200, 0xa0000), 0);
    assert_int_equal(flush_count() - epoch, 1 + 2);
    /* One page of a gigabyte: two splits. A range that begins and ends within blocks: two. */
    epoch = flush_count();
    watch_flushes();
    assert_int_equal(p2m_unmap(&dom, gfn(0x40201), 1), 0);
    assert_int_equal(flush_count() - epoch, 2 + 1);
    assert_int_equal(p2m_unmap(&dom, gfn(0x40100), 0x3000), 0);
    assert_int_equal(flush_count() - epoch, 3 + 2 + 1);
    assert_int_equal(p2m_unmap_if(&dom, gfn(0x1000), mfn(0x90000)), 0);
    assert_int_equal(flush_count() - epoch, 6 + 1);
    assert_int_equal(puts_without_flush, 0);
    /* A hole. */
    assert_int_equal(p2m_unmap(&dom, gfn(0x1000), 0x100), 0);
    assert_int_equal(flush_count() - epoch, 7);
}

/* One frame's type: an epoch, and one for each block that is split for it; its own again is none.
 */
static void a_change_of_type_is_one_epoch(void **state)
{
    uint64_t epoch;

    (void)state;
    assert_int_equal(map_ram(0x40000, 1, 0x40000), 0);
    assert_int_equal(map_ram(0x40200, 0x200, 0x40200), 0);
    assert_int_equal(map_ram(0x80000, 0x40000, 0x80000), 0);
    epoch = flush_count();
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40000), P2M_RAM_RO), 0);
    assert_int_equal(flush_count() - epoch, 1);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40000), P2M_RAM_RO), 0);
    assert_int_equal(flush_count() - epoch, 1);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40000), P2M_RAM_RW), 0);
    assert_int_equal(flush_count() - epoch, 2);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40234), P2M_RAM_RO), 0);
    assert_int_equal(flush_count() - epoch, 4);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x9abcd), P2M_RAM_RO), 0);
    assert_int_equal(flush_count() - epoch, 7);
    /* a hole, and what is not RAM */
    map_foreign(0x1000, 0x50000, P2M_FOREIGN_RW);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x1000), P2M_RAM_RO), -EINVAL);
    assert_int_equal(p2m_set_ram_type(&dom, gfn(0x1001), P2M_RAM_RO), -EINVAL);
    assert_int_equal(flush_count() - epoch, 7);
}

/* While others are waited for, the entry has no right: neither the old ones nor the new. */
static void rights_are_gone_before_anyone_is_waited_for(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x200, 0x40000), 0);
    assert_int_equal(map_ram(0x40200, 2, 0x40200), 0);
    cpu_online_mask = 3;
    for (unsigned int i = 0; i < 4; i++) {
        this_one = 1;
        p2m_guest_enter(&dom.p2m);
        this_one = 0;
        kicks[1] = 0;
        broken_at_kick = i == 3 ? 0x40100 : 0x40200;
        if (i == 0)
            assert_int_equal(p2m_set_ram_type(&dom, gfn(0x40200), P2M_RAM_RO), 0);
        else if (i == 1)
            assert_int_equal(map_ram(0x40200, 1, 0x50000), 0);
        else if (i == 2)
            assert_int_equal(p2m_unmap(&dom, gfn(0x40200), 1), 0);
        else /* a block that is split has none either */
            assert_int_equal(p2m_unmap(&dom, gfn(0x40000), 1), 0);
        assert_in_range(kicks[1], 1, 2);
        broken_at_kick = 0;
    }
}

/* All of it at once when no vCPU is left, before the first reference goes; and the tables' end. */
static void the_end_of_a_domain_is_two_epochs(void **state)
{
    uint64_t epoch = flush_count();

    (void)state;
    assert_int_equal(map_ram(0x40000, 0x10000, 0x40000), 0);
    map_foreign(0x1000, 0x90000, P2M_FOREIGN_RO);
    assert_int_equal(flush_count(), epoch);
    watch_flushes();
    assert_int_equal(p2m_teardown(&dom), 0);
    assert_int_equal(flush_count() - epoch, 2);
    assert_int_equal(page_puts, 0x10001);
    assert_int_equal(puts_without_flush, 0);
    assert_in_range(table_frees, 4, 100);
    assert_int_equal(frees_without_flush, 0);
    assert_int_equal(p2m_teardown(&dom), 0); /* it is over */
    assert_int_equal(flush_count() - epoch, 2);
}

/* --- what a pCPU may have cached, at random --- */

/* A walk: the entries that it met, which a pCPU keeps until the next epoch. */
struct walk {
    uint64_t g, epoch;
    uint64_t entry[P2M_LAST_LEVEL + 1];
    unsigned int level; /* of the leaf */
};

static struct walk walk_to(uint64_t g)
{
    struct walk w = {.g = g, .epoch = flush_count()};
    uint64_t *table = dom.p2m.root;

    for (w.level = 0;; w.level++) {
        w.entry[w.level] = table[(g >> (9 * (P2M_LAST_LEVEL - w.level))) & 511];
        if (!pte_is_table(w.entry[w.level], w.level))
            return w;
        table = table_of(w.entry[w.level]);
    }
}

/* In the same epoch: the same tables, the same frame, and no right less. */
static void check_cached(const struct walk *old)
{
    struct walk now = walk_to(old->g);
    mfn_t m = pte_mfn(old->entry[old->level]);

    if (old->epoch != now.epoch)
        return;
    for (unsigned int i = 0; i < old->level; i++)
        assert_true(pte_is_table(now.entry[i], i) &&
                    table_of(now.entry[i]) == table_of(old->entry[i]));
    if (!pte_is_live(old->entry[old->level]))
        return; /* what is not there is not cached */
    assert_int_equal(now.level, old->level);
    assert_true(mfn_eq(pte_mfn(now.entry[now.level]), m));
    assert_int_equal(rights(old->entry[old->level]) & ~rights(now.entry[now.level]), 0);
}

static void change_at_random(uint64_t g)
{
    static const uint64_t sizes[] = {1, 1, 3, 0x200, 0x400, 0x201, 0x1000};
    uint64_t nr = sizes[rand() % 7], m = 0x40000 + (uint64_t)(rand() % 0x30) * 0x1000;
    mfn_t have = INVALID_MFN;

    switch (rand() % 6) {
    case 0:
    case 1:
        g &= ~(nr >= 0x200 ? UINT64_C(0x1ff) : 0);
        assert_int_equal(map_ram(g, nr, m), 0);
        break;
    case 2:
        assert_int_equal(p2m_unmap(&dom, gfn(g), nr), 0);
        break;
    case 3:
        have = p2m_lookup(&dom, gfn(g), NULL);
        p2m_unmap_if(&dom, gfn(g), rand() % 4 ? have : mfn(1));
        break;
    default:
        p2m_set_ram_type(&dom, gfn(g), rand() % 2 ? P2M_RAM_RO : P2M_RAM_RW);
    }
}

static void at_random_what_is_cached_is_true(void **state)
{
    static struct walk cached[64];
    unsigned int filled = 0, checked = 0;

    (void)state;
    srand(7);
    for (unsigned int i = 0; i < 1500; i++) {
        uint64_t g = 0x40000 + (uint64_t)(rand() % 0x4000);
        uint64_t before;

        for (unsigned int n = 0; n < 8; n++, filled++)
            cached[filled % ARRAY_SIZE(cached)] = walk_to(
                rand() % 2 ? g + (uint64_t)(rand() % 8) : 0x40000 + (uint64_t)rand() % 0x4000);
        before = flush_count();
        watch_flushes();
        change_at_random(g);
        assert_int_equal(puts_without_flush + frees_without_flush, 0);
        checked += flush_count() == before;
        for (unsigned int n = 0; n < ARRAY_SIZE(cached) && n < filled; n++)
            check_cached(&cached[n]);
    }
    assert_in_range(checked, 100, 1400); /* of both kinds */
}

/* What is dropped by each of many removals, large and small, was flushed before. */
static void nothing_is_dropped_before_its_flush(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 0x1000, 0x40000), 0);
    for (uint64_t g = 0x40000; g < 0x41000; g += 0x101) {
        watch_flushes();
        assert_int_equal(p2m_unmap(&dom, gfn(g), 0x80), 0);
        assert_int_equal(page_puts, 0x80);
        assert_int_equal(puts_without_flush, 0);
        watch_flushes();
        assert_int_equal(map_ram(g + 0x80, 1, 0x50000 + g), 0);
        assert_int_equal(page_puts, 1);
        assert_int_equal(puts_without_flush, 0);
    }
}

/* The first of two splits is done, the second finds no memory: the translation stays. */
static void half_a_split_takes_nothing_away(void **state)
{
    uint64_t epoch;

    (void)state;
    assert_int_equal(map_ram(0x40000, 0x40000, 0x40000), 0);
    epoch = flush_count();
    dom.p2m.max_tables = dom.p2m.nr_tables + 1;
    assert_int_equal(p2m_unmap(&dom, gfn(0x40001), 1), -ENOMEM);
    assert_int_equal(lookup(0x40001), 0x40001);
    assert_int_equal(refs_in(0x40000, 0x40000), 0x40000);
    assert_int_equal(flush_count() - epoch, 1);
}

static void whoever_is_in_a_guest_of_it_is_waited_for(void **state)
{
    static struct domain other;

    (void)state;
    assert_int_equal(map_ram(0x40000, 2, 0x40000), 0);
    cpu_online_mask = 0x1f;
    this_one = 1;
    p2m_guest_enter(&dom.p2m);
    this_one = 2;
    p2m_guest_enter(&other.p2m);
    this_one = 4;
    p2m_guest_enter(&dom.p2m);
    this_one = 5; /* never came up: what its copy says means nothing */
    p2m_guest_enter(&dom.p2m);
    this_one = 0;
    p2m_guest_enter(&dom.p2m); /* the caller itself is not in a guest, whatever is noted */
    watch_flushes();
    assert_int_equal(p2m_unmap(&dom, gfn(0x40000), 1), 0);
    assert_int_equal(kicks[0], 0);
    assert_int_equal(kicks[1], 1);
    assert_int_equal(kicks[2], 0);
    assert_int_equal(kicks[3], 0);
    assert_int_equal(kicks[4], 1);
    assert_int_equal(kicks[5], 0);
    assert_int_equal(waits, 6); /* both were waited for: they leave three turns after the kick */
    assert_null(percpu_guest_p2m[1]);
    assert_null(percpu_guest_p2m[4]);
    assert_ptr_equal(percpu_guest_p2m[2], &other.p2m);
    assert_int_equal(puts_at_kick, 0);
    assert_int_equal(page_puts, 1);
    assert_int_equal(puts_without_flush, 0);
    /* Nobody is in there any more: nobody is disturbed. */
    assert_int_equal(p2m_unmap(&dom, gfn(0x40001), 1), 0);
    assert_int_equal(kicks[1] + kicks[2] + kicks[3] + kicks[4], 2);
    assert_int_equal(waits, 6);
    percpu_guest_p2m[5] = NULL;
}

/* One that leaves for another p2m's guest is not waited for any longer. */
static void one_that_went_on_elsewhere_is_let_go(void **state)
{
    static struct domain other;

    (void)state;
    assert_int_equal(map_ram(0x40000, 1, 0x40000), 0);
    cpu_online_mask = 3;
    this_one = 1;
    p2m_guest_enter(&dom.p2m);
    p2m_guest_leave();
    assert_null(percpu_guest_p2m[1]);
    p2m_guest_enter(&other.p2m);
    this_one = 0;
    assert_int_equal(p2m_unmap(&dom, gfn(0x40000), 1), 0);
    assert_int_equal(kicks[1], 0);
    assert_int_equal(waits, 0);
}

/* --- address space identifiers --- */

#define NR_WALK_VCPUS 6

static struct domain walk_dom[2];
static struct vcpu walk_vcpu[NR_WALK_VCPUS];
static struct vmcb *walk_vmcb[NR_WALK_VCPUS];

static void asid_setup(unsigned int asids, unsigned int cpus)
{
    nr_asids = asids;
    memset(percpu_asid_pool, 0, sizeof(percpu_asid_pool));
    memset(walk_dom, 0, sizeof(walk_dom));
    memset(walk_vcpu, 0, sizeof(walk_vcpu));
    for (unsigned int i = 0; i < 2; i++)
        atomic64_set(&walk_dom[i].p2m.arch.epoch, 1);
    for (unsigned int i = 0; i < NR_WALK_VCPUS; i++) {
        if (walk_vmcb[i] == NULL)
            walk_vmcb[i] = calloc(1, sizeof(struct vmcb));
        walk_vcpu[i].domain = &walk_dom[i % 2];
        walk_vcpu[i].arch.svm.vmcb = walk_vmcb[i];
    }
    cpu_online_mask = (1u << cpus) - 1;
    for (this_one = 0; this_one < cpus; this_one++)
        svm_asid_cpu_init();
    this_one = 0;
}

static uint32_t enter(struct vcpu *v)
{
    struct vmcb *c = v->arch.svm.vmcb;

    svm_asid_prepare(v);
    assert_ptr_equal(percpu_guest_p2m[this_one], &v->domain->p2m);
    p2m_guest_leave();
    assert_in_range(c->asid, 1, nr_asids - 1);
    return c->asid;
}

static void the_same_epoch_keeps_its_asid(void **state)
{
    struct vcpu *v = &walk_vcpu[0], *w = &walk_vcpu[2];
    uint32_t a, b;

    (void)state;
    asid_setup(64, 2);
    a = enter(v);
    assert_int_equal(walk_vmcb[0]->tlb_control, TLB_FLUSH_ALL); /* whatever the firmware left */
    assert_int_equal(enter(v), a);
    assert_int_equal(walk_vmcb[0]->tlb_control, TLB_NONE);
    b = enter(w); /* of the same domain: its own page tables */
    assert_int_not_equal(b, a);
    assert_int_equal(walk_vmcb[2]->tlb_control, TLB_NONE);
    assert_int_equal(enter(v), a);
    arch_p2m_flush(&walk_dom[1].p2m);
    assert_int_equal(enter(v), a); /* another domain's */
    arch_p2m_flush(&walk_dom[0].p2m);
    assert_int_not_equal(enter(v), a);
    assert_int_equal(walk_vmcb[0]->tlb_control, TLB_NONE);
    assert_int_not_equal(enter(w), b);
}

static void another_pcpu_is_another_asid(void **state)
{
    struct vcpu *v = &walk_vcpu[0];
    uint32_t first, back;

    (void)state;
    asid_setup(64, 2);
    first = enter(v);
    this_one = 1;
    enter(v);
    assert_int_equal(walk_vmcb[0]->tlb_control, TLB_FLUSH_ALL); /* that CPU's first */
    this_one = 0;
    back = enter(v); /* it may have changed its page tables meanwhile */
    assert_int_not_equal(back, first);
}

static void when_they_run_out_all_is_flushed(void **state)
{
    struct vcpu *v = &walk_vcpu[0], *w = &walk_vcpu[2];
    unsigned int all = 0;

    (void)state;
    asid_setup(8, 1);
    enter(w);
    for (unsigned int i = 0; i < 7 * 5; i++) { /* seven can be given out */
        arch_p2m_flush(&walk_dom[0].p2m);
        enter(v);
        all += walk_vmcb[0]->tlb_control == TLB_FLUSH_ALL;
    }
    assert_int_equal(all, 5);
    /* Another vCPU's, of a generation that is gone, is not used again. */
    walk_vcpu[2].arch.svm.asid_epoch = atomic64_read(&walk_dom[0].p2m.arch.epoch);
    assert_int_not_equal(w->arch.svm.asid_generation, percpu_asid_pool[0].generation);
    assert_int_not_equal(enter(w), walk_vmcb[0]->asid);
    assert_int_equal(w->arch.svm.asid_generation, percpu_asid_pool[0].generation);
}

/* What a pCPU has cached under an identifier: whose, and as of when. */
struct cached {
    const struct vcpu *v;
    uint64_t epoch;       /* of the p2m */
    unsigned int version; /* of the vCPU's own page tables */
};

static uint64_t rng = 88172645463325252u;

static unsigned int random_below(unsigned int n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned int)(rng % n);
}

#define WALK_CPUS  4
#define WALK_ASIDS 12

static void walk_enter(struct cached tlb[][WALK_ASIDS], struct vcpu *v, unsigned int *version,
                       unsigned int *was_on)
{
    struct vmcb *c = v->arch.svm.vmcb;
    struct cached *have;

    if (*was_on != this_one)
        (*version)++; /* elsewhere its INVLPG meant nothing to what is cached here */
    *was_on = this_one;
    enter(v);
    if (c->tlb_control == TLB_FLUSH_ALL)
        memset(tlb[this_one], 0, sizeof(tlb[this_one]));
    have = &tlb[this_one][c->asid];
    if (have->v != NULL) {
        assert_ptr_equal(have->v, v);
        assert_int_equal(have->epoch, atomic64_read(&v->domain->p2m.arch.epoch));
        assert_int_equal(have->version, *version);
    }
    *have = (struct cached){v, (uint64_t)atomic64_read(&v->domain->p2m.arch.epoch), *version};
}

static void at_random_nothing_stale_is_used(void **state)
{
    static struct cached tlb[WALK_CPUS][WALK_ASIDS];
    unsigned int version[NR_WALK_VCPUS] = {0}, was_on[NR_WALK_VCPUS] = {0};
    unsigned int kept = 0;

    (void)state;
    memset(tlb, 0, sizeof(tlb));
    asid_setup(WALK_ASIDS, WALK_CPUS);
    for (unsigned int i = 0; i < 200000; i++) {
        unsigned int n = random_below(NR_WALK_VCPUS);
        struct svm_vcpu before = walk_vcpu[n].arch.svm;

        switch (random_below(16)) {
        case 0:
            arch_p2m_flush(&walk_dom[n % 2].p2m);
            break;
        case 1: /* its paging was changed by the hypervisor: svm_set_cr() */
            walk_vcpu[n].arch.svm.asid_epoch = 0;
            version[n]++;
            break;
        case 2:
        case 3:
            this_one = random_below(WALK_CPUS);
            break;
        default:
            walk_enter(tlb, &walk_vcpu[n], &version[n], &was_on[n]);
            kept += before.asid_epoch == walk_vcpu[n].arch.svm.asid_epoch &&
                    walk_vmcb[n]->tlb_control == TLB_NONE;
        }
    }
    this_one = 0;
    assert_true(kept > 1000); /* and not by flushing always */
}

/* To have left once is enough: it flushes before it enters again. */
static void one_that_is_back_at_once_is_let_go(void **state)
{
    (void)state;
    assert_int_equal(map_ram(0x40000, 1, 0x40000), 0);
    cpu_online_mask = 3;
    this_one = 1;
    p2m_guest_enter(&dom.p2m);
    this_one = 0;
    enters_again = &dom.p2m;
    assert_int_equal(p2m_unmap(&dom, gfn(0x40000), 1), 0);
    enters_again = NULL;
    assert_int_equal(kicks[1], 1);
    assert_int_equal(waits, 3);
    assert_ptr_equal(percpu_guest_p2m[1], &dom.p2m);
}

/* A flush that comes while a vCPU is on its way in is seen, or waits for it to leave again. */
static void a_flush_while_entering_is_not_lost(void **state)
{
    struct vcpu *v = &walk_vcpu[0];
    uint32_t a;

    (void)state;
    asid_setup(64, 2);
    memset(kicks, 0, sizeof(kicks));
    waits = 0;
    a = enter(v);
    svm_asid_prepare(v); /* in: from here on it is kicked */
    this_one = 1;
    arch_p2m_flush(&walk_dom[0].p2m);
    assert_int_equal(kicks[0], 1);
    assert_int_equal(waits, 3);
    this_one = 0;
    assert_int_not_equal(enter(v), a);
}

int main(void)
{
    const struct CMUnitTest tables[] = {
        P2M_CASES,
        P2M_CASE(rights_are_those_of_the_type),
        P2M_CASE(entries_are_as_the_manuals_lay_them_out),
        P2M_CASE(a_broken_entry_gives_no_right),
        P2M_CASE(epochs_are_exactly_those_needed),
        P2M_CASE(a_change_of_type_is_one_epoch),
        P2M_CASE(rights_are_gone_before_anyone_is_waited_for),
        P2M_CASE(the_end_of_a_domain_is_two_epochs),
        P2M_CASE(at_random_what_is_cached_is_true),
        P2M_CASE(nothing_is_dropped_before_its_flush),
        P2M_CASE(half_a_split_takes_nothing_away),
        P2M_CASE(whoever_is_in_a_guest_of_it_is_waited_for),
        P2M_CASE(one_that_went_on_elsewhere_is_let_go),
        P2M_CASE(one_that_is_back_at_once_is_let_go),
    };
    const struct CMUnitTest asids[] = {
        cmocka_unit_test(the_same_epoch_keeps_its_asid),
        cmocka_unit_test(another_pcpu_is_another_asid),
        cmocka_unit_test(when_they_run_out_all_is_flushed),
        cmocka_unit_test(at_random_nothing_stale_is_used),
        cmocka_unit_test(a_flush_while_entering_is_not_lost),
    };
    int failed;

    format = &npt;
    failed = cmocka_run_group_tests_name("npt", tables, NULL, NULL);
    failed += cmocka_run_group_tests_name("asid", asids, NULL, NULL);
    format = &ept;
    return failed + cmocka_run_group_tests_name("ept", tables, NULL, NULL);
}
