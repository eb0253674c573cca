/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables of the host, good and bad (arch/x86/acpi.c). Physical memory is an empty address
 * space in which a test puts tables at the end of a page: a read over the end of one stops the
 * test.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86_low.h"

/* In place of asm/percpu.h and of asm/msr.h. */
#define WHERRY_ASM_PERCPU_H
#define WHERRY_ASM_MSR_H

static inline uintptr_t arch_percpu_offset(void)
{
    abort();
}

struct cpuid_leaf {
    uint32_t a, b, c, d;
};

static uint32_t boot_id;      /* that of the CPU that boots */
static uint32_t leaf_b_begin; /* EBX of leaf 0xb; 0: not there */
static uint32_t last_leaf;

static struct cpuid_leaf cpuid(uint32_t leaf, uint32_t sub)
{
    assert_int_equal(sub, 0);
    if (leaf == 0)
        return (struct cpuid_leaf){.a = last_leaf};
    if (leaf == 1)
        return (struct cpuid_leaf){.b = boot_id << 24 | 0x800};
    assert_true(leaf == 0xb && last_leaf >= 0xb);
    return (struct cpuid_leaf){.b = leaf_b_begin, .d = leaf_b_begin ? boot_id : 0};
}

uintptr_t percpu_this_offset;

#include "../../arch/x86/acpi.c"

#include "../../arch/x86/smp.c"

/* What only the rest of smp.c calls, and looks at. */
__asm__(".irp f, apic_send, apic_send_init, apic_send_startup, apic_send_nmi, arch_now, cpu_setup, "
        "desc_setup, mmu_map_stack, mmu_root, num_online_cpus, page_alloc_zeroed, panic, "
        "smp_cpu_ready, time_delay\n"
        ".globl \\f\n"
        "\\f:\n"
        ".endr\n"
        "ud2\n"
        ".pushsection .data\n"
        ".irp v, __cpu_init_calls_start, __cpu_init_calls_end, cpu_online_mask, percpu_cpu_id, "
        "percpu_offset, trampoline_cr3, trampoline_end, trampoline_offset, trampoline_stack, "
        "trampoline_start, __percpu_start, __percpu_end\n"
        ".globl \\v\n"
        "\\v:\n"
        ".endr\n"
        ".quad 0\n"
        ".popsection\n");

struct boot_info boot_info;
static unsigned int lines;

void printk(const char *fmt, ...)
{
    (void)fmt;
    lines++;
}

/* --- tables --- */

#define RSDP 0xf0000u /* where a search finds it, too */
#define RSDT 0x10000u /* pages; each table ends with its page, the next is not there */
#define XSDT 0x20000u
#define MADT 0x30000u
#define FADT 0x40000u

static int reset(void **state)
{
    (void)state;
    no_ram();
    map(0, PAGE_SIZE);
    map(0xe0000, 0x20000);
    memset(&boot_info, 0, sizeof(boot_info));
    memset(&acpi_info, 0, sizeof(acpi_info));
    memset(cpu_apic_id, 0, sizeof(cpu_apic_id));
    nr_cpus = 1;
    boot_id = 0x10;
    leaf_b_begin = 1;
    last_leaf = 0xd;
    lines = 0;
    return 0;
}

static void fix_sum(uint8_t *p, size_t n, size_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

/* A table of `size` bytes that ends with the first page from `page` on; its address. */
static uint64_t table(uint64_t page, const char *name, size_t size)
{
    uint64_t end = page + ((size + PAGE_SIZE - 1) & PAGE_MASK), at = end - size;

    map(page, end - page);
    memset(ram + at, 0, size);
    memcpy(ram + at, name, 4);
    put32(ram + at + 4, (uint32_t)size);
    ram[at + 8] = 1;
    fix_sum(ram + at, size, 9);
    return at;
}

static void seal(uint64_t at)
{
    fix_sum(ram + at, get32(ram + at + 4), 9);
}

static uint64_t rsdt, xsdt;

static void root(unsigned int revision)
{
    uint8_t *p = ram + RSDP;

    memset(p, 0, 36);
    memcpy(p, "RSD PTR ", 8);
    p[15] = (uint8_t)revision;
    put32(p + 16, (uint32_t)rsdt);
    if (revision >= 2) {
        put32(p + 20, 36);
        put64(p + 24, xsdt);
    }
    fix_sum(p, 20, 8);
    fix_sum(p, 36, 32);
}

/* Root tables with the MADT and the FADT, after two that mean nothing. */
static void roots(unsigned int revision, uint64_t madt, uint64_t fadt)
{
    rsdt = table(RSDT, "RSDT", 36 + 4 * 4);
    xsdt = table(XSDT, "XSDT", 36 + 4 * 8);
    put32(ram + rsdt + 36 + 8, (uint32_t)madt);
    put32(ram + rsdt + 36 + 12, (uint32_t)fadt);
    put64(ram + xsdt + 36, UINT64_C(0x100000000)); /* where nothing is mapped */
    put64(ram + xsdt + 36 + 16, madt);
    put64(ram + xsdt + 36 + 24, fadt);
    seal(rsdt);
    seal(xsdt);
    root(revision);
    boot_info.rsdp = RSDP;
}

static uint64_t madt_of(const void *entries, size_t size)
{
    uint64_t at = table(MADT, "APIC", 44 + size);

    put32(ram + at + 36, 0xfee01000);
    memcpy(ram + at + 44, entries, size);
    seal(at);
    return at;
}

static uint64_t fadt_of(size_t size)
{
    uint8_t f[300] = {0};
    uint64_t at = table(FADT, "FACP", size);

    put32(f + 64, 0x604);
    put32(f + 76, 0x608);
    put32(f + 112, BIT(8) | BIT(10));
    f[116] = 1;
    f[117] = 8;
    put64(f + 120, 0xcf9);
    f[128] = 0xf;
    memcpy(ram + at + 36, f + 36, size - 36);
    seal(at);
    return at;
}

static const uint8_t usual[] = {
    0, 8,  0,    0x10, 1, 0, 0,    0,                  /* the boot CPU */
    0, 8,  1,    0x12, 1, 0, 0,    0,                  /* another */
    0, 8,  2,    0x14, 0, 0, 0,    0,                  /* not there */
    0, 8,  2,    0x16, 2, 0, 0,    0,                  /* might come */
    0, 8,  3,    0xff, 1, 0, 0,    0,                  /* no id */
    1, 12, 4,    0,    0, 0, 0xc0, 0xfe, 24,  0, 0, 0, /* IO-APIC */
    2, 10, 0,    4,    9, 1, 0,    0,    0xf, 0,       /* ISA 4 is GSI 265, level, low */
    4, 6,  0xff, 0,    0, 1,                           /* NMI of a local APIC */
    9, 16, 0,    0,    0, 1, 0,    0,    1,   0, 0, 0, 5, 0, 0, 0, /* x2APIC id 0x100 */
};

static void boot_with(const void *entries, size_t size)
{
    roots(2, madt_of(entries, size), fadt_of(276));
    assert_int_equal(acpi_init(), 0);
}

static void check_usual(void)
{
    assert_int_equal(nr_cpus, 3);
    assert_int_equal(cpu_apic_id[1], 0x12);
    assert_int_equal(cpu_apic_id[2], 0x100);
    assert_true(acpi_info.lapic_base == 0xfee01000);
    assert_int_equal(acpi_info.nr_ioapics, 1);
    assert_true(acpi_info.ioapic[0].base == 0xfec00000);
    assert_int_equal(acpi_info.ioapic[0].first_gsi, 24);
    assert_int_equal(acpi_info.nr_overrides, 1);
    assert_int_equal(acpi_info.override[0].isa_irq, 4);
    assert_int_equal(acpi_info.override[0].gsi, 265);
    assert_int_equal(acpi_info.override[0].flags, 0xf);
    assert_int_equal(acpi_info.pm_timer, 0x608);
    assert_true(acpi_info.pm_timer_32);
    assert_int_equal(acpi_info.pm1a_cnt, 0x604);
    assert_int_equal(acpi_info.reset_port, 0xcf9);
    assert_int_equal(acpi_info.reset_value, 0xf);
    assert_int_equal(lines, 0);
}

/* --- cases --- */

static void what_is_usual(void **state)
{
    (void)state;
    boot_with(usual, sizeof(usual));
    check_usual();
}

static void the_root_pointer_is_searched_for(void **state)
{
    (void)state;
    roots(2, madt_of(usual, sizeof(usual)), fadt_of(276));
    boot_info.rsdp = 0;
    assert_int_equal(acpi_init(), 0);
    check_usual();
    reset(state); /* the boot loader's is none, or beyond what is mapped */
    roots(2, madt_of(usual, sizeof(usual)), fadt_of(276));
    boot_info.rsdp = 0xe1230;
    assert_int_equal(acpi_init(), 0);
    check_usual();
    reset(state);
    roots(2, madt_of(usual, sizeof(usual)), fadt_of(276));
    boot_info.rsdp = UINT64_C(0x100000000);
    assert_int_equal(acpi_init(), 0);
    check_usual();
    reset(state); /* in the extended BIOS data area; the one that looks like it is not it */
    roots(2, madt_of(usual, sizeof(usual)), fadt_of(276));
    boot_info.rsdp = 0;
    put16(ram + 0x40e, 0x9fc0);
    map(0x9f000, PAGE_SIZE);
    memcpy(ram + 0x9fc00 + 1008, ram + RSDP, 16);
    memcpy(ram + 0x9fc00 + 32, ram + RSDP, 36);
    ram[0x9fc00 + 32 + 15] ^= 1;
    memcpy(ram + 0x9fc00 + 512, ram + RSDP, 36);
    memset(ram + RSDP, 0, 36);
    assert_int_equal(acpi_init(), 0);
    check_usual();
}

static void without_any_there_is_one_cpu(void **state)
{
    (void)state;
    assert_int_equal(acpi_init(), 0);
    assert_int_equal(nr_cpus, 1);
    assert_true(acpi_info.lapic_base == 0xfee00000);
    assert_int_equal(acpi_info.nr_ioapics + acpi_info.nr_overrides, 0);
    assert_int_equal(acpi_info.pm_timer, 0);
    assert_int_equal(lines, 1);
}

/* Revision 0 has the RSDT only; with both, the XSDT counts, unless it is bad. */
static void which_root_table(void **state)
{
    static const uint8_t one[] = {0, 8, 1, 0x20, 1, 0, 0, 0};

    (void)state;
    roots(0, madt_of(usual, sizeof(usual)), fadt_of(276));
    assert_int_equal(acpi_init(), 0);
    check_usual();
    for (unsigned int i = 0; i < 8; i++) {
        uint64_t good, other = 0x50000;

        reset(state);
        good = madt_of(usual, sizeof(usual));
        map(other, PAGE_SIZE);
        roots(2, good, fadt_of(276));
        memcpy(ram + other, ram + good, 44); /* the RSDT's */
        put32(ram + other + 4, 44 + sizeof(one));
        memcpy(ram + other + 44, one, sizeof(one));
        seal(other);
        put32(ram + rsdt + 36 + 8, (uint32_t)other);
        seal(rsdt);
        if (i == 1)
            ram[xsdt + 20] ^= 1; /* its sum */
        else if (i == 2)
            ram[xsdt] = 'Y', seal(xsdt);
        else if (i == 3)
            put32(ram + xsdt + 4, 35), seal(xsdt);
        else if (i == 4)
            put32(ram + xsdt + 4, UINT32_MAX);
        else if (i == 5)
            xsdt = UINT64_C(0x100000000) + xsdt, root(2);
        else if (i == 6)
            ram[RSDP + 33] ^= 1; /* the sum of the whole pointer */
        else if (i == 7)
            put32(ram + RSDP + 20, UINT32_MAX);
        assert_int_equal(acpi_init(), 0);
        if (i == 0)
            check_usual();
        else if (nr_cpus != 2 || cpu_apic_id[1] != 0x20)
            fail_msg("case %u: not by the RSDT", i);
    }
}

/* Cut the table at each length, its sum right and wrong: nothing behind it is read. */
static void cut_short(void **state)
{
    (void)state;
    for (unsigned int what = 0; what < 4; what++) {
        for (unsigned int size = 0; size < 276; size++) {
            uint64_t madt, fadt, at;
            uint8_t old[512];
            size_t had;

            reset(state);
            madt = madt_of(usual, sizeof(usual));
            fadt = fadt_of(276);
            roots(what == 3 ? 0 : 2, madt, fadt);
            at = what == 0 ? madt : what == 1 ? fadt : what == 2 ? xsdt : rsdt;
            had = get32(ram + at + 4);
            if (size >= had)
                break;
            /* to the end of its page */
            memcpy(old, ram + at, had);
            memset(ram + at, 0xee, had);
            at += had - size;
            memcpy(ram + at, old, size);
            if (size >= 10) {
                put32(ram + at + 4, size);
                seal(at);
            }
            if (what < 2)
                roots(2, what == 0 ? at : madt, what == 1 ? at : fadt);
            if (what == 2)
                xsdt = at, root(2);
            if (what == 3)
                rsdt = at, root(0);
            if (size < 36)
                map((at + 35) & PAGE_MASK, PAGE_SIZE); /* headers are read whole */
            assert_int_equal(acpi_init(), 0);
            assert_in_range(nr_cpus, 1, 3);
            assert_true(acpi_info.pm_timer == 0 || acpi_info.pm_timer == 0x608);
            assert_true(acpi_info.reset_port == 0 || acpi_info.reset_port == 0xcf9);
            if (what == 1 && size <= 128)
                assert_int_equal(acpi_info.reset_port, 0);
            if (what == 1 && size >= 116)
                assert_int_equal(acpi_info.pm_timer, 0x608);
            if (what == 1 && size < 116)
                assert_int_equal(acpi_info.pm_timer, 0);
        }
    }
}

static void a_wrong_sum_is_left_alone(void **state)
{
    uint64_t madt, fadt;

    (void)state;
    madt = madt_of(usual, sizeof(usual));
    fadt = fadt_of(276);
    roots(2, madt, fadt);
    ram[madt + 50] ^= 1;
    ram[fadt + 50] ^= 1;
    assert_int_equal(acpi_init(), 0);
    assert_int_equal(nr_cpus, 1);
    assert_int_equal(acpi_info.pm_timer, 0);
    assert_int_equal(lines, 1);
}

/* Tables that would reach over what is mapped, or end before they begin. */
static void lengths_that_cannot_be(void **state)
{
    static const uint32_t lengths[] = {0, 1, 35, 0x100001, 0x80000000, UINT32_MAX};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
        uint64_t madt, fadt, high = 0xfffff000;

        reset(state);
        madt = madt_of(usual, sizeof(usual));
        fadt = fadt_of(276);
        map(high, PAGE_SIZE);
        memcpy(ram + high, ram + fadt, 276); /* the last page below 4 GiB */
        put32(ram + high + 4, i < 3 ? lengths[i] : 0x1001);
        roots(2, madt, high);
        put32(ram + madt + 4, lengths[i]);
        assert_int_equal(acpi_init(), 0);
        assert_int_equal(nr_cpus, 1);
        assert_int_equal(acpi_info.pm_timer, 0);
    }
}

/* Entries that are shorter than their type is, or than 2, or longer than the table. */
static void entries_of_odd_lengths(void **state)
{
    static const uint8_t types[] = {0, 1, 2, 5, 9};
    static const uint8_t sizes[] = {8, 12, 10, 12, 16};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        for (unsigned int len = 2; len <= 20; len++) {
            uint8_t e[40];
            bool taken;

            reset(state);
            memset(e, 0x21, sizeof(e)); /* enabled, and an id */
            e[0] = types[i];
            e[1] = (uint8_t)len;
            memcpy(e + len, "\0\10\1\x70\1\0\0\0", 8); /* what comes behind it counts */
            boot_with(e, len + 8);
            taken = nr_cpus == 3 || acpi_info.nr_ioapics == 1 || acpi_info.nr_overrides == 1 ||
                    acpi_info.lapic_base != 0xfee01000;
            if (taken != (len >= sizes[i]))
                fail_msg("type %u of %u bytes: %s", types[i], len, taken ? "taken" : "not taken");
            assert_int_equal(cpu_apic_id[nr_cpus - 1], 0x70);
            /* it ends behind the table */
            reset(state);
            e[1] = (uint8_t)(len + 1);
            boot_with(e, len);
            assert_int_equal(nr_cpus + acpi_info.nr_ioapics + acpi_info.nr_overrides, 1);
            assert_true(acpi_info.lapic_base == 0xfee01000);
        }
    }
    for (unsigned int len = 0; len < 2; len++) {
        uint8_t e[] = {0, (uint8_t)len, 1, 0x20, 1, 0, 0, 0, 0, 8, 1, 0x22, 1, 0, 0, 0};

        reset(state);
        boot_with(e, sizeof(e)); /* comes to an end */
        assert_int_equal(nr_cpus, 1);
    }
    reset(state);
    boot_with(usual, 1); /* a type and no length */
    assert_int_equal(nr_cpus, 1);
}

static void no_more_than_there_is_room_for(void **state)
{
    uint8_t e[12 * 20 + 10 * 30] = {0};
    unsigned int at = 0;

    (void)state;
    for (unsigned int i = 0; i < 20; i++, at += 12)
        e[at] = 1, e[at + 1] = 12, e[at + 8] = (uint8_t)i;
    for (unsigned int i = 0; i < 30; i++, at += 10)
        e[at] = 2, e[at + 1] = 10, e[at + 3] = (uint8_t)i;
    boot_with(e, sizeof(e));
    assert_int_equal(acpi_info.nr_ioapics, ACPI_MAX_IOAPICS);
    assert_int_equal(acpi_info.ioapic[ACPI_MAX_IOAPICS - 1].first_gsi, ACPI_MAX_IOAPICS - 1);
    assert_int_equal(acpi_info.nr_overrides, ACPI_MAX_OVERRIDES);
}

static void the_same_cpu_twice_is_one(void **state)
{
    static const uint8_t e[] = {
        0, 8,  1, 0x12, 1,    0,    0,    0,    0, 8, 1, 0x12, 1, 0, 0, 0, /* twice */
        9, 16, 0, 0,    0x12, 0,    0,    0,    1, 0, 0, 0,    1, 0, 0, 0, /* and by x2APIC */
        9, 16, 0, 0,    0x10, 0,    0,    0,    1, 0, 0, 0,    0, 0, 0, 0, /* the boot CPU */
        9, 16, 0, 0,    0xff, 0,    0,    0,    1, 0, 0, 0,    2, 0, 0, 0, /* an id here */
        9, 16, 0, 0,    0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0,    2, 0, 0, 0, /* everybody */
        9, 16, 0, 0,    0x34, 0,    0,    0,    0, 0, 0, 0,    2, 0, 0, 0, /* not enabled */
    };

    (void)state;
    boot_with(e, sizeof(e));
    assert_int_equal(nr_cpus, 3);
    assert_int_equal(cpu_apic_id[1], 0x12);
    assert_int_equal(cpu_apic_id[2], 0xff);
}

/* The one that boots is not started, whatever its id is and however it is known. */
static void the_boot_cpu(void **state)
{
    static const uint8_t e[] = {
        9, 16, 0, 0,    0x12, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, /* 0x112 */
        0, 8,  0, 0x12, 1,    0, 0, 0,
    };

    (void)state;
    boot_id = 0x112;
    boot_with(e, sizeof(e));
    assert_int_equal(nr_cpus, 2);
    assert_int_equal(cpu_apic_id[0], 0x112);
    assert_int_equal(cpu_apic_id[1], 0x12);
    for (unsigned int i = 0; i < 2; i++) {
        reset(state);
        boot_id = 0x12;
        leaf_b_begin = i;
        last_leaf = i == 0 ? 0xd : 0xa;
        boot_with(e, sizeof(e));
        assert_int_equal(nr_cpus, 2);
        assert_int_equal(cpu_apic_id[0], 0x12);
        assert_int_equal(cpu_apic_id[1], 0x112);
    }
}

static void more_cpus_than_it_is_built_for(void **state)
{
    uint8_t e[(CONFIG_NR_CPUS + 3) * 8] = {0};

    (void)state;
    for (unsigned int i = 0; i < CONFIG_NR_CPUS + 3; i++)
        memcpy(e + i * 8, (uint8_t[]){0, 8, 0, (uint8_t)(0x20 + i), 1, 0, 0, 0}, 8);
    boot_with(e, sizeof(e));
    assert_int_equal(nr_cpus, CONFIG_NR_CPUS);
    assert_int_equal(cpu_apic_id[CONFIG_NR_CPUS - 1], 0x20 + CONFIG_NR_CPUS - 2);
    assert_int_equal(lines, 4);
}

static void the_local_apics_place_may_be_64_bits(void **state)
{
    static const uint8_t e[] = {5, 12, 0, 0, 0, 0, 0xe0, 0xfe, 1, 0, 0, 0};

    (void)state;
    boot_with(e, sizeof(e));
    assert_true(acpi_info.lapic_base == UINT64_C(0x1fee00000));
}

/* What the FADT says is not a port is none. */
static void ports_of_the_fadt(void **state)
{
    for (unsigned int i = 0; i < 5; i++) {
        uint64_t madt, fadt;

        reset(state);
        madt = madt_of(usual, sizeof(usual));
        fadt = fadt_of(276);
        if (i == 0)
            put32(ram + fadt + 112, 0); /* no reset, 24 bits */
        else if (i == 1)
            ram[fadt + 116] = 0; /* the reset register is memory */
        else if (i == 2)
            put64(ram + fadt + 120, 0x10cf9);
        else if (i == 3)
            put32(ram + fadt + 76, 0x10608);
        else
            put32(ram + fadt + 64, 0x80000604);
        seal(fadt);
        roots(2, madt, fadt);
        assert_int_equal(acpi_init(), 0);
        assert_int_equal(acpi_info.reset_port, i < 3 ? 0 : 0xcf9);
        assert_int_equal(acpi_info.pm_timer_32, i != 0);
        assert_int_equal(acpi_info.pm_timer, i == 3 ? 0 : 0x608);
        assert_int_equal(acpi_info.pm1a_cnt, i == 4 ? 0 : 0x604);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
    const struct CMUnitTest tests[] = {
        TEST(what_is_usual),
        TEST(the_root_pointer_is_searched_for),
        TEST(without_any_there_is_one_cpu),
        TEST(which_root_table),
        TEST(cut_short),
        TEST(a_wrong_sum_is_left_alone),
        TEST(lengths_that_cannot_be),
        TEST(entries_of_odd_lengths),
        TEST(no_more_than_there_is_room_for),
        TEST(the_same_cpu_twice_is_one),
        TEST(the_boot_cpu),
        TEST(more_cpus_than_it_is_built_for),
        TEST(the_local_apics_place_may_be_64_bits),
        TEST(ports_of_the_fadt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
