/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage-2 tables (common/p2m/ over arch/arm/p2m.c), compiled here with the CPU's part replaced:
 * page sizes, splitting, references dropped only after the TLB flush, nothing lost at teardown.
 */
#include <wherry/types.h>

/* --- the CPU: in place of asm/sysreg.h, asm/percpu.h and asm/page.h --- */
#define WHERRY_ASM_SYSREG_H
#define WHERRY_ASM_PERCPU_H
#define WHERRY_ASM_PAGE_H

#define READ_SYSREG(name)       read_##name()
#define WRITE_SYSREG(val, name) ((void)(val))

static uint64_t mmfr0 = 2; /* 40 bits */
static unsigned int flushes;

static inline uint64_t read_id_aa64mmfr0_el1(void)
{
    return mmfr0;
}
static inline uint64_t read_id_aa64mmfr1_el1(void)
{
    return 0x20; /* 16-bit VMIDs */
}
static inline uint64_t read_vttbr_el2(void)
{
    return 0;
}
static inline void isb(void)
{
}
static inline void dsb_ish(void)
{
}
static inline void dsb_ishst(void)
{
}
static inline void tlbi_vmalls12e1is(void)
{
    flushes++;
}
static inline uintptr_t arch_percpu_offset(void)
{
    return 0;
}

#include "p2m_cases.h"

#include "../../arch/arm/p2m.c"

DEFINE_PER_CPU(struct vcpu *, current_vcpu);
uintptr_t percpu_offset[CONFIG_NR_CPUS];

static uint64_t cleaned, cleaned_at; /* bytes; the frame that must be cleaned next */

static uint64_t flush_count(void)
{
    return flushes;
}

static void probe(void)
{
    p2m_probe();
}

static void before_map(uint64_t m)
{
    cleaned = 0;
    cleaned_at = m;
}

static void after_map(uint64_t nr)
{
    assert_int_equal(cleaned, nr * PAGE_SIZE);
}

void arch_clean_dcache(const void *va, size_t size)
{
    cleaned += size;
    assert_ptr_equal(va, (const void *)((uintptr_t)table_pool + cleaned_at * PAGE_SIZE));
}

static void wide_hosts_start_a_level_higher(void **state)
{
    struct domain *d = &dom;

    (void)state;
    assert_int_equal(p2m_teardown(d), 0);
    mmfr0 = 5;
    memset(d, 0, sizeof(*d));
    p2m_probe();
    assert_int_equal(arch_p2m_bits(), 48);
    assert_int_equal(p2m_vtcr() & 0x3f, 16);
    assert_int_equal((p2m_vtcr() >> 6) & 3, 2);
    assert_int_equal(p2m_init(d), 0);
    assert_int_equal(map_ram(UINT64_C(0xfffffffff), 1, 0x40000), 0);
    assert_int_equal(lookup(UINT64_C(0xfffffffff)), 0x40000);
    mmfr0 = 2;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        P2M_CASES,
        P2M_CASE(wide_hosts_start_a_level_higher),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
