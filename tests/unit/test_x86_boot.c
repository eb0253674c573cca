/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What boot loaders hand over (arch/x86/boot/): Multiboot 1 and 2 and PVH, as they should be, cut
 * short, with sizes that wrap, and where no memory is.
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

#include <wherry/bug.h>

static jmp_buf stopped;

void panic(const char *fmt, ...)
{
    (void)fmt;
    longjmp(stopped, 1);
}

#include "../../arch/x86/boot/info.c"
#include "../../arch/x86/boot/multiboot.c"
#include "../../arch/x86/boot/pvh.c"

#define INFO 0x9000u

static int reset(void **state)
{
    (void)state;
    no_ram();
    memset(&boot_info, 0, sizeof(boot_info));
    memset(rsdp_copy, 0, sizeof(rsdp_copy));
    return 0;
}

static void check_region(unsigned int n, uint64_t start, uint64_t size, uint32_t type)
{
    assert_in_range(n, 0, boot_info.nr_regions - 1);
    assert_true(boot_info.region[n].start == start && boot_info.region[n].size == size);
    assert_int_equal(boot_info.region[n].type, type);
}

static void check_module(unsigned int n, uint64_t addr, uint64_t size)
{
    assert_in_range(n, 0, boot_info.nr_modules - 1);
    assert_true(boot_info.module[n].addr == addr && boot_info.module[n].size == size);
}

/* --- all of them --- */

static void regions_and_modules_have_a_limit(void **state)
{
    (void)state;
    boot_add_region(0x1000, 0, 1);
    boot_add_region(~UINT64_C(0xfff), 0x2000, 1); /* over the end */
    boot_add_module(0x1000, 0x1000);
    boot_add_module(0x2000, 0x1000);
    assert_int_equal(boot_info.nr_regions + boot_info.nr_modules, 0);
    for (unsigned int i = 0; i < 100; i++) {
        boot_add_region(i * 0x1000, 0x1000, 1);
        boot_add_module(i * 0x1000, i * 0x1000 + 1);
    }
    assert_int_equal(boot_info.nr_regions, BOOT_MAX_REGIONS);
    assert_int_equal(boot_info.nr_modules, BOOT_MAX_MODULES);
    check_region(BOOT_MAX_REGIONS - 1, (BOOT_MAX_REGIONS - 1) * 0x1000, 0x1000, 1);
}

static void a_long_command_line_is_cut(void **state)
{
    static char text[4000];

    (void)state;
    memset(text, 'x', sizeof(text));
    boot_set_cmdline(text, sizeof(text)); /* without a terminator */
    assert_int_equal(strlen(boot_info.cmdline), BOOT_CMDLINE_LEN - 1);
    boot_set_cmdline(text, 7);
    assert_string_equal(boot_info.cmdline, "xxxxxxx");
    boot_set_cmdline("ab\0cd", 5);
    assert_string_equal(boot_info.cmdline, "ab");
    boot_set_cmdline(text, 0);
    assert_string_equal(boot_info.cmdline, "");
}

static void what_can_be_reached(void **state)
{
    (void)state;
    assert_true(boot_ptr_reaches(0, BOOT_PTR_END));
    assert_true(boot_ptr_reaches(BOOT_PTR_END, 0));
    assert_true(boot_ptr_reaches(BOOT_PTR_END - 1, 1));
    assert_false(boot_ptr_reaches(BOOT_PTR_END - 1, 2));
    assert_false(boot_ptr_reaches(BOOT_PTR_END + 1, 0));
    assert_false(boot_ptr_reaches(1, UINT64_MAX));
    assert_false(boot_ptr_reaches(UINT64_MAX, 1));
}

/* --- Multiboot 1 --- */

struct mb1 {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
        mmap_length, mmap_addr;
};

static struct mb1 *mb1(void)
{
    struct mb1 *m = (struct mb1 *)(ram + INFO);

    map(INFO, PAGE_SIZE);
    map(0x10000, PAGE_SIZE);
    *m = (struct mb1){.flags = 0x4c,
                      .cmdline = 0x10f00,
                      .mods_count = 2,
                      .mods_addr = 0x10fe0,
                      .mmap_length = 28 + 24,
                      .mmap_addr = 0x10100};
    strcpy((char *)ram + 0x10f00, "/boot/wherry  loglvl=all x");
    put32(ram + 0x10fe0, 0x200000);
    put32(ram + 0x10fe4, 0x201234);
    put32(ram + 0x10ff0, 0x300000);
    put32(ram + 0x10ff4, 0x300001);
    put32(ram + 0x10100, 24); /* more than this version knows */
    put64(ram + 0x10104, 0);
    put64(ram + 0x1010c, 0x9fc00);
    put32(ram + 0x10114, 1);
    put32(ram + 0x1011c, 20);
    put64(ram + 0x10120, 0x100000000);
    put64(ram + 0x10128, 0x40000000);
    put32(ram + 0x10130, 2);
    return m;
}

static void multiboot1(void **state)
{
    (void)state;
    mb1();
    boot_multiboot1(INFO);
    assert_string_equal(boot_info.protocol, "Multiboot 1");
    assert_string_equal(boot_info.cmdline, "loglvl=all x");
    assert_int_equal(boot_info.nr_modules, 2);
    check_module(0, 0x200000, 0x1234);
    check_module(1, 0x300000, 1);
    assert_int_equal(boot_info.nr_regions, 2);
    check_region(0, 0, 0x9fc00, 1);
    check_region(1, 0x100000000, 0x40000000, 2);
    assert_true(boot_info.rsdp == 0);
}

static void multiboot1_without_flags(void **state)
{
    (void)state;
    mb1()->flags = ~0x4cu;
    boot_multiboot1(INFO);
    assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
    assert_string_equal(boot_info.cmdline, "");
}

static void multiboot1_out_of_reach(void **state)
{
    struct mb1 *m = mb1();

    (void)state;
    map(0xfffff000, PAGE_SIZE);
    memset(ram + 0xfffff000, 'x', PAGE_SIZE);
    m->cmdline = 0xfffffff0; /* no end */
    m->mods_addr = 0xfffffff8;
    m->mmap_addr = 0xffffffe0;
    boot_multiboot1(INFO);
    assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
    assert_string_equal(boot_info.cmdline, ""); /* all of it is the name */
    memset(ram + 0xfffffff0, ' ', 16);
    boot_multiboot1(INFO);
    assert_string_equal(boot_info.cmdline, "");
    ram[0xffffffff] = 'y';
    boot_multiboot1(INFO);
    assert_string_equal(boot_info.cmdline, "y");
    m->mods_count = UINT32_MAX;
    m->mods_addr = 0x10fe0;
    m->mmap_addr = 0x10100;
    m->mmap_length = UINT32_MAX;
    boot_multiboot1(INFO);
    assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
    boot_multiboot1(0xfffffff0);
    boot_multiboot1(UINT32_MAX);
    assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
}

/* The map cut at each byte; entries that say less or more than they have. */
static void multiboot1_maps_that_end_early(void **state)
{
    static const uint32_t sizes[] = {0, 4, 19, 0xfffffffc, UINT32_MAX};

    (void)state;
    for (uint32_t length = 0; length < 52; length++) {
        struct mb1 *m;

        reset(state);
        m = mb1();
        memmove(ram + 0x11000 - length, ram + 0x10100, length);
        m->flags = 0x40;
        m->mmap_addr = 0x11000 - length;
        m->mmap_length = length;
        boot_multiboot1(INFO);
        assert_int_equal(boot_info.nr_regions, length >= 24);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        reset(state);
        mb1();
        put32(ram + 0x10100, sizes[i]);
        boot_multiboot1(INFO);
        assert_int_equal(boot_info.nr_regions, sizes[i] >= 20);
    }
}

/* --- Multiboot 2 --- */

static uint32_t mb2_at, mb2_end;

static void mb2_begin(void)
{
    map(INFO, PAGE_SIZE);
    mb2_at = INFO;
    mb2_end = INFO + 8;
}

static uint8_t *tag(uint32_t type, const void *data, uint32_t size)
{
    uint8_t *p = ram + mb2_end;

    put32(p, type);
    put32(p + 4, size + 8);
    memcpy(p + 8, data, size);
    mb2_end += (size + 8 + 7) & ~7u;
    put32(ram + mb2_at, mb2_end - mb2_at);
    return p;
}

static const uint32_t module_words[] = {0x200000, 0x201234, 0x6162};
static const uint32_t map_words[] = {
    24, 0, 0, 0, 0x9fc00, 0, 1, 0, 0, 1, 0x40000000, 0, 3, 0,
};

static uint32_t usual(void)
{
    mb2_begin();
    tag(1, "loglvl=all", 11);
    tag(9, "ELF symbols, which mean nothing", 31);
    tag(3, module_words, sizeof(module_words));
    tag(6, map_words, sizeof(map_words));
    tag(14, "RSD PTR 123456789012", 20);
    tag(0, "", 0);
    return mb2_at;
}

static void check_usual(void)
{
    assert_string_equal(boot_info.protocol, "Multiboot 2");
    assert_string_equal(boot_info.cmdline, "loglvl=all");
    assert_int_equal(boot_info.nr_modules, 1);
    check_module(0, 0x200000, 0x1234);
    assert_int_equal(boot_info.nr_regions, 2);
    check_region(0, 0, 0x9fc00, 1);
    check_region(1, 0x100000000, 0x40000000, 3);
    assert_true(boot_info.rsdp == (uint64_t)(uintptr_t)rsdp_copy - IMAGE_OFFSET);
    assert_memory_equal(rsdp_copy, "RSD PTR 123456789012", 20);
}

static void multiboot2(void **state)
{
    (void)state;
    boot_multiboot2(usual());
    check_usual();
}

/* A new root pointer wins, in whichever order; a longer one is cut. */
static void multiboot2_root_pointers(void **state)
{
    static const char old_one[20] = "RSD PTR old", new_one[64] = "RSD PTR new";

    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        reset(state);
        mb2_begin();
        tag(i == 0 ? 14 : 15, i == 0 ? old_one : new_one, i == 0 ? 20 : 64);
        tag(i == 0 ? 15 : 14, i == 0 ? new_one : old_one, i == 0 ? 64 : 20);
        boot_multiboot2(mb2_at);
        assert_memory_equal(rsdp_copy, new_one, sizeof(rsdp_copy));
    }
}

/* The end tag ends it, whatever follows; without one the size does. */
static void multiboot2_ends(void **state)
{
    (void)state;
    mb2_begin();
    tag(0, "", 0);
    tag(3, module_words, sizeof(module_words));
    boot_multiboot2(mb2_at);
    assert_int_equal(boot_info.nr_modules, 0);
    reset(state);
    mb2_begin();
    tag(3, module_words, sizeof(module_words));
    boot_multiboot2(mb2_at);
    assert_int_equal(boot_info.nr_modules, 1);
}

/* As near to the end of the page as its alignment of 8 lets it be. */
static uint32_t at_the_end(uint32_t size)
{
    return INFO + (uint32_t)PAGE_SIZE - ((size + 7) & ~7u);
}

/* Cut at each byte, with the end of the page behind. */
static void multiboot2_cut_short(void **state)
{
    uint32_t whole;

    (void)state;
    usual();
    whole = mb2_end - mb2_at;
    for (uint32_t size = 0; size < whole; size++) {
        uint32_t at;

        reset(state);
        usual();
        at = at_the_end(size);
        memmove(ram + at, ram + INFO, size);
        memset(ram + at + size, 0xee, ((size + 7) & ~7u) - size);
        if (size < 8)
            map(INFO + PAGE_SIZE, PAGE_SIZE); /* the header is read whole */
        put32(ram + at, size);
        boot_multiboot2(at);
        assert_in_range(boot_info.nr_modules, 0, 1);
        if (size >= whole - 8)
            check_usual();
    }
    reset(state);
    map(0xfffff000, PAGE_SIZE);
    put32(ram + 0xfffffff8, 8);
    boot_multiboot2(0xfffffff8);
    boot_multiboot2(0xfffffffc);
    usual();
    put32(ram + mb2_at, UINT32_MAX); /* over what can be reached */
    boot_multiboot2(mb2_at);
    assert_int_equal(boot_info.nr_modules, 0);
}

static void multiboot2_odd_tags(void **state)
{
    static const uint32_t sizes[] = {0, 1, 7, 0xfffffff8, 0xfffffff9, UINT32_MAX, 0x1000};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint8_t *p;

        reset(state);
        mb2_begin();
        p = tag(1, "abc", 4);
        tag(3, module_words, sizeof(module_words));
        put32(p + 4, sizes[i]);
        boot_multiboot2(mb2_at); /* comes to an end */
        assert_int_equal(boot_info.nr_modules, 0);
        assert_string_equal(boot_info.cmdline, "");
    }
    for (uint32_t size = 8; size < 40; size++) { /* a module, a map: all of it, or nothing */
        uint8_t *p;

        reset(state);
        mb2_begin();
        p = tag(3, map_words, 32);
        put32(p + 4, size);
        boot_multiboot2(mb2_at);
        assert_int_equal(boot_info.nr_modules, 0); /* these words are none */
        reset(state);
        mb2_begin();
        mb2_at = at_the_end(8 + size);
        mb2_end = mb2_at + 8;
        put32(ram + mb2_at, 8 + size);
        put32(ram + mb2_end, 3);
        put32(ram + mb2_end + 4, size);
        if (size >= 16)
            memcpy(ram + mb2_end + 8, module_words, 8);
        boot_multiboot2(mb2_at);
        assert_int_equal(boot_info.nr_modules, size >= 16);
        put32(ram + mb2_end, 6);
        if (size >= 16)
            memcpy(ram + mb2_end + 8, map_words, size - 8);
        boot_multiboot2(mb2_at);
        assert_int_equal(boot_info.nr_regions, 0); /* of nothing, or no room for one */
    }
}

static void multiboot2_entries_of_odd_sizes(void **state)
{
    static const uint32_t sizes[] = {0, 1, 20, 23, 24, 32, 40, 0x80000000, UINT32_MAX};
    static const unsigned int found[] = {0, 0, 0, 0, 2, 1, 1, 1, 1};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        reset(state);
        mb2_begin();
        put32(tag(6, map_words, sizeof(map_words)) + 8, sizes[i]);
        boot_multiboot2(mb2_at);
        assert_int_equal(boot_info.nr_regions, found[i]);
    }
}

static void multiboot2_text_without_an_end(void **state)
{
    uint8_t *p;

    (void)state;
    mb2_begin();
    p = tag(1, "abcd", 4);
    memcpy(p + 12, "zzzz", 4);
    boot_multiboot2(mb2_at);
    assert_string_equal(boot_info.cmdline, "abcd");
}

/* --- PVH --- */

static struct hvm_start_info *pvh(void)
{
    struct hvm_start_info *s = (struct hvm_start_info *)(ram + INFO);

    map(INFO, PAGE_SIZE);
    map(0x10000, PAGE_SIZE);
    *s = (struct hvm_start_info){.magic = XEN_HVM_START_MAGIC_VALUE,
                                 .version = 1,
                                 .nr_modules = 1,
                                 .modlist_paddr = 0x11000 - 32,
                                 .cmdline_paddr = 0x10000,
                                 .rsdp_paddr = 0xf5a0,
                                 .memmap_paddr = 0x10100,
                                 .memmap_entries = 2};
    strcpy((char *)ram + 0x10000, "loglvl=all x");
    put64(ram + 0x11000 - 32, 0x200000);
    put64(ram + 0x11000 - 24, 0x1234);
    put64(ram + 0x10108, 0x9fc00);
    put32(ram + 0x10110, 1);
    put64(ram + 0x10118, 0x100000000);
    put64(ram + 0x10120, 0x40000000);
    put32(ram + 0x10128, 2);
    return s;
}

static void pvh_start_info(void **state)
{
    (void)state;
    pvh();
    boot_pvh(INFO);
    assert_string_equal(boot_info.protocol, "PVH");
    assert_string_equal(boot_info.cmdline, "loglvl=all x");
    assert_int_equal(boot_info.nr_modules, 1);
    check_module(0, 0x200000, 0x1234);
    assert_int_equal(boot_info.nr_regions, 2);
    check_region(0, 0, 0x9fc00, 1);
    check_region(1, 0x100000000, 0x40000000, 2);
    assert_true(boot_info.rsdp == 0xf5a0);
}

static void pvh_of_version_0(void **state)
{
    (void)state;
    pvh()->version = 0;
    boot_pvh(INFO);
    assert_int_equal(boot_info.nr_modules, 1);
    assert_int_equal(boot_info.nr_regions, 0);
}

static void pvh_out_of_reach(void **state)
{
    static const uint64_t places[] = {0xffffffff, 0xfffffff0, 0x100000000, UINT64_MAX - 3,
                                      UINT64_MAX};
    struct hvm_start_info *s;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
        reset(state);
        s = pvh();
        map(0xfffff000, PAGE_SIZE);
        memset(ram + 0xfffff000, 'x', PAGE_SIZE);
        s->modlist_paddr = s->cmdline_paddr = s->memmap_paddr = places[i];
        boot_pvh(INFO);
        assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
        assert_int_equal(strlen(boot_info.cmdline), i == 0 ? 1 : i == 1 ? 16 : 0);
    }
    reset(state);
    s = pvh();
    s->nr_modules = s->memmap_entries = UINT32_MAX;
    boot_pvh(INFO);
    assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
    reset(state);
    s = pvh();
    put64(ram + 0x11000 - 24, UINT64_MAX - 0x1000); /* it ends before it begins */
    boot_pvh(INFO);
    assert_int_equal(boot_info.nr_modules, 0);
    reset(state);
    s = pvh();
    s->nr_modules = s->memmap_entries = 0;
    s->cmdline_paddr = s->modlist_paddr = s->memmap_paddr = 0;
    boot_pvh(INFO);
    assert_int_equal(boot_info.nr_modules + boot_info.nr_regions, 0);
}

static void pvh_that_is_none(void **state)
{
    (void)state;
    pvh()->magic ^= 1;
    if (setjmp(stopped) == 0) {
        boot_pvh(INFO);
        fail();
    }
    if (setjmp(stopped) == 0) {
        boot_pvh(0xfffffff8);
        fail();
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
    const struct CMUnitTest tests[] = {
        TEST(regions_and_modules_have_a_limit),
        TEST(a_long_command_line_is_cut),
        TEST(what_can_be_reached),
        TEST(multiboot1),
        TEST(multiboot1_without_flags),
        TEST(multiboot1_out_of_reach),
        TEST(multiboot1_maps_that_end_early),
        TEST(multiboot2),
        TEST(multiboot2_root_pointers),
        TEST(multiboot2_ends),
        TEST(multiboot2_cut_short),
        TEST(multiboot2_odd_tags),
        TEST(multiboot2_entries_of_odd_sizes),
        TEST(multiboot2_text_without_an_end),
        TEST(pvh_start_info),
        TEST(pvh_of_version_0),
        TEST(pvh_out_of_reach),
        TEST(pvh_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
