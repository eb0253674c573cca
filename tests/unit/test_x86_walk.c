/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of guest page tables (arch/x86/emulate/walk.c): formats, rights, reserved bits, A and D.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <asm/walk.h>

#define P  0x01u
#define W  0x02u
#define U  0x04u
#define A  0x20u
#define D  0x40u
#define PS 0x80u
#define NX (UINT64_C(1) << 63)

/* Tables of one page each from 0x1000 on: level n of the walk is at 0x1000 * n. */
static uint8_t ram[0x7000];
static struct x86_regs regs;
static struct x86_walk walk;
static unsigned int races; /* updates that find the entry changed */

static bool on_read(struct x86_walk *w, uint64_t gpa, unsigned int bytes, uint64_t *entry)
{
    (void)w;
    if (gpa > sizeof(ram) - bytes)
        return false;
    memcpy(entry, ram + gpa, bytes);
    return true;
}

static bool on_update(struct x86_walk *w, uint64_t gpa, unsigned int bytes, uint64_t old,
                      uint64_t entry)
{
    uint64_t now = 0;

    on_read(w, gpa, bytes, &now);
    assert_true(now == old);
    if (races) {
        races--;
        return false;
    }
    memcpy(ram + gpa, &entry, bytes);
    return true;
}

static const struct x86_walk_ops walk_ops = {.read = on_read, .update = on_update};

static void put(unsigned int table, unsigned int index, unsigned int bytes, uint64_t entry)
{
    memcpy(ram + table * 0x1000u + index * bytes, &entry, bytes);
}

static uint64_t get(unsigned int table, unsigned int index, unsigned int bytes)
{
    uint64_t entry = 0;

    memcpy(&entry, ram + table * 0x1000u + index * bytes, bytes);
    return entry;
}

static void start(uint64_t cr4, uint64_t efer)
{
    memset(ram, 0, sizeof(ram));
    races = 0;
    regs = (struct x86_regs){
        .cr0 = X86_CR0_PG | X86_CR0_PE | X86_CR0_WP, .cr3 = 0x1000, .cr4 = cr4, .efer = efer};
    walk = (struct x86_walk){.regs = &regs, .ops = &walk_ops, .phys_bits = 40, .pages_1g = true};
}

/* Four levels: 0x8080604000 + offsets use index 1, 2, 3, 4 of each. */
#define LINEAR UINT64_C(0x0000008080604000)

static void start64(void)
{
    start(X86_CR4_PAE, X86_EFER_LMA | X86_EFER_NXE);
    put(1, 1, 8, 0x2000 | P | W | U);
    put(2, 2, 8, 0x3000 | P | W | U);
    put(3, 3, 8, 0x4000 | P | W | U);
    put(4, 4, 8, UINT64_C(0x1234567000) | P | W | U);
}

static void finds(uint64_t linear, enum x86_access access, uint64_t gpa, unsigned int shift)
{
    assert_int_equal(x86_walk(&walk, linear, access), X86_WALK_OKAY);
    assert_true(walk.gpa == gpa);
    assert_int_equal(walk.page_shift, shift);
}

static void faults(uint64_t linear, enum x86_access access, uint32_t error)
{
    static uint8_t before[sizeof(ram)];

    memcpy(before, ram, sizeof(ram));
    assert_int_equal(x86_walk(&walk, linear, access), X86_WALK_FAULT);
    assert_int_equal(walk.error, error);
    assert_memory_equal(before, ram, sizeof(ram));
}

static void test_four_levels(void **state)
{
    (void)state;
    start64();
    finds(LINEAR + 0x789, X86_ACCESS_READ, UINT64_C(0x1234567789), 12);
    assert_int_equal(get(1, 1, 8) & (A | D), A);
    assert_int_equal(get(2, 2, 8) & (A | D), A);
    assert_int_equal(get(3, 3, 8) & (A | D), A);
    assert_int_equal(get(4, 4, 8) & (A | D), A);
    finds(LINEAR, X86_ACCESS_RMW, UINT64_C(0x1234567000), 12);
    assert_int_equal(get(3, 3, 8) & (A | D), A);
    assert_int_equal(get(4, 4, 8) & (A | D), A | D);
    put(3, 3, 8, UINT64_C(0x1234400000) | P | W | PS);
    finds(LINEAR + 0x789, X86_ACCESS_WRITE, UINT64_C(0x1234404789), 21);
    assert_int_equal(get(3, 3, 8) & (A | D), A | D);
    put(2, 2, 8, UINT64_C(0x1240000000) | P | W | PS);
    finds(LINEAR + 0x789, X86_ACCESS_READ, UINT64_C(0x1240604789), 30);
    walk.pages_1g = false;
    faults(LINEAR, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED);
}

static void test_five_levels(void **state)
{
    (void)state;
    start64();
    regs.cr4 |= X86_CR4_LA57;
    regs.cr3 = 0x5000;
    put(5, 0x1ff, 8, 0x1000 | P | W | U);
    finds(LINEAR | UINT64_C(0xffff000000000000), X86_ACCESS_READ, UINT64_C(0x1234567000), 12);
    faults(LINEAR, X86_ACCESS_READ, 0);
}

static void test_pae(void **state)
{
    (void)state;
    start(X86_CR4_PAE, 0);
    regs.cr3 = 0x1020; /* 32 bytes aligned */
    put(1, 4 + 3, 8, 0x2000 | P);
    put(2, 0x1ff, 8, 0x3000 | P | W | U);
    put(3, 0x1fe, 8, UINT64_C(0x1200005000) | P | W | U);
    finds(0xffffe123, X86_ACCESS_WRITE, UINT64_C(0x1200005123), 12);
    assert_int_equal(get(1, 7, 8), 0x2000 | P); /* no rights and no A bit at the root */
    assert_int_equal(get(2, 0x1ff, 8) & A, A);
    walk.user = true;
    finds(0xffffe123, X86_ACCESS_READ, UINT64_C(0x1200005123), 12);
    put(3, 0x1fe, 8, UINT64_C(0x1200005000) | P | W | U | NX);
    faults(0xffffe123, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED | X86_PF_USER);
    regs.efer = X86_EFER_NXE;
    finds(0xffffe123, X86_ACCESS_READ, UINT64_C(0x1200005123), 12);
    faults(0xffffe123, X86_ACCESS_FETCH, X86_PF_PRESENT | X86_PF_FETCH | X86_PF_USER);
    put(3, 0x1fe, 8, UINT64_C(0x0010001200005000) | P | W | U);
    faults(0xffffe123, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED | X86_PF_USER);
    put(2, 0x1ff, 8, UINT64_C(0x1200200000) | P | W | U | PS);
    finds(0xffffe123, X86_ACCESS_READ, UINT64_C(0x12003fe123), 21);
    put(1, 4 + 3, 8, 0x2000 | P | A); /* as an emulator's own walk leaves it */
    finds(0xffffe123, X86_ACCESS_READ, UINT64_C(0x12003fe123), 21);
    put(1, 4 + 3, 8, 0x2000 | P | W);
    faults(0xffffe123, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED | X86_PF_USER);
}

static void test_legacy(void **state)
{
    (void)state;
    start(0, 0);
    put(1, 0x3ff, 4, 0x2000 | P | W | PS); /* without PSE the bit means nothing */
    put(2, 0x3fe, 4, 0xabcde000 | P | W);
    finds(0xffffe123, X86_ACCESS_WRITE, 0xabcde123, 12);
    assert_int_equal(get(2, 0x3fe, 4), 0xabcde000 | P | W | A | D);
    assert_int_equal(get(2, 0x3ff, 4), 0);
    regs.cr4 = X86_CR4_PSE;
    put(1, 0x3ff, 4, 0xabc00000u | 0x56 << 13 | P | W | PS);
    finds(0xffffe123, X86_ACCESS_READ, UINT64_C(0x56abffe123), 22);
    put(1, 0x3ff, 4, 0xabc00000u | 1 << 21 | P | W | PS);
    faults(0xffffe123, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED);
    walk.phys_bits = 36;
    put(1, 0x3ff, 4, 0xabc00000u | 1 << 16 | P | W | PS);
    finds(0xffffe123, X86_ACCESS_READ, UINT64_C(0x8abffe123), 22);
    put(1, 0x3ff, 4, 0xabc00000u | 1 << 17 | P | W | PS);
    faults(0xffffe123, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED);
    regs.efer = X86_EFER_NXE; /* no NX in this format */
    put(1, 0x3ff, 4, 0);
    faults(0xffffe123, X86_ACCESS_FETCH, 0);
    regs.cr0 = X86_CR0_PE;
    finds(0xffffe123, X86_ACCESS_FETCH, 0xffffe123, 12);
}

static void test_reserved(void **state)
{
    static const struct {
        uint8_t table;
        uint8_t index;
        uint64_t bits;
        bool faults;
    } cases[] = {
        {1, 1, PS, true},
        {2, 2, PS | 1 << 13, true},
        {2, 2, PS | 1 << 29, true},
        {3, 3, PS | 1 << 13, true},
        {3, 3, PS | 1 << 20, true},
        {4, 4, PS, false},
        {4, 4, UINT64_C(1) << 40, true},
        {1, 1, UINT64_C(1) << 51, true},
        {4, 4, UINT64_C(1) << 52, false},
        {4, 4, UINT64_C(1) << 62, false},
        {4, 4, 0xe00, false},
        {4, 4, NX, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start64();
        put(cases[i].table, cases[i].index, 8,
            get(cases[i].table, cases[i].index, 8) | cases[i].bits);
        if (cases[i].faults)
            faults(LINEAR, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED);
        else
            assert_int_equal(x86_walk(&walk, LINEAR, X86_ACCESS_READ), X86_WALK_OKAY);
    }
    for (unsigned int level = 1; level <= 4; level++) {
        start64();
        put(level, level, 8, get(level, level, 8) | NX);
        assert_int_equal(x86_walk(&walk, LINEAR, X86_ACCESS_READ), X86_WALK_OKAY);
        faults(LINEAR, X86_ACCESS_FETCH, X86_PF_PRESENT | X86_PF_FETCH);
        regs.efer &= ~(uint64_t)X86_EFER_NXE;
        faults(LINEAR, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_RESERVED);
        faults(LINEAR, X86_ACCESS_FETCH, X86_PF_PRESENT | X86_PF_RESERVED);
    }
}

/* For every level taken away: who may still do what. */
static void test_rights(void **state)
{
    (void)state;
    for (unsigned int level = 1; level <= 4; level++) {
        start64();
        put(level, level, 8, get(level, level, 8) & ~(uint64_t)W);
        finds(LINEAR, X86_ACCESS_READ, UINT64_C(0x1234567000), 12);
        faults(LINEAR, X86_ACCESS_WRITE, X86_PF_PRESENT | X86_PF_WRITE);
        faults(LINEAR, X86_ACCESS_RMW, X86_PF_PRESENT | X86_PF_WRITE);
        regs.cr0 &= ~(uint64_t)X86_CR0_WP;
        finds(LINEAR, X86_ACCESS_WRITE, UINT64_C(0x1234567000), 12);
        walk.user = true;
        faults(LINEAR, X86_ACCESS_WRITE, X86_PF_PRESENT | X86_PF_WRITE | X86_PF_USER);
        start64();
        put(level, level, 8, get(level, level, 8) & ~(uint64_t)U);
        finds(LINEAR, X86_ACCESS_FETCH, UINT64_C(0x1234567000), 12);
        walk.user = true;
        faults(LINEAR, X86_ACCESS_READ, X86_PF_PRESENT | X86_PF_USER);
        put(level, level, 8, 0);
        faults(LINEAR, X86_ACCESS_READ, X86_PF_USER);
    }
}

static void test_smep_smap(void **state)
{
    (void)state;
    start64();
    regs.cr4 |= X86_CR4_SMEP;
    faults(LINEAR, X86_ACCESS_FETCH, X86_PF_PRESENT | X86_PF_FETCH);
    finds(LINEAR, X86_ACCESS_READ, UINT64_C(0x1234567000), 12);
    walk.user = true;
    finds(LINEAR, X86_ACCESS_FETCH, UINT64_C(0x1234567000), 12);
    walk.user = false;
    regs.cr4 = X86_CR4_PAE | X86_CR4_SMAP;
    finds(LINEAR, X86_ACCESS_FETCH, UINT64_C(0x1234567000), 12);
    faults(LINEAR, X86_ACCESS_READ, X86_PF_PRESENT);
    faults(LINEAR, X86_ACCESS_WRITE, X86_PF_PRESENT | X86_PF_WRITE);
    regs.rflags = X86_FLAG_AC;
    finds(LINEAR, X86_ACCESS_WRITE, UINT64_C(0x1234567000), 12);
    walk.implicit = true;
    faults(LINEAR, X86_ACCESS_READ, X86_PF_PRESENT);
    put(4, 4, 8, get(4, 4, 8) & ~(uint64_t)U);
    finds(LINEAR, X86_ACCESS_READ, UINT64_C(0x1234567000), 12);
    /* SMEP tells fetches apart even without NX */
    regs.efer = X86_EFER_LMA;
    put(4, 4, 8, 0);
    faults(LINEAR, X86_ACCESS_FETCH, 0);
    regs.cr4 |= X86_CR4_SMEP;
    faults(LINEAR, X86_ACCESS_FETCH, X86_PF_FETCH);
}

static void test_races(void **state)
{
    static const struct x86_walk_ops look = {.read = on_read};
    (void)state;

    start64();
    races = 3;
    finds(LINEAR, X86_ACCESS_WRITE, UINT64_C(0x1234567000), 12);
    assert_int_equal(races, 0);
    start64();
    races = 1000;
    assert_int_equal(x86_walk(&walk, LINEAR, X86_ACCESS_WRITE), X86_WALK_AGAIN);
    assert_in_range(races, 900, 999);
    start64();
    put(2, 2, 8, 0x100000 | P | W | U);
    assert_int_equal(x86_walk(&walk, LINEAR, X86_ACCESS_WRITE), X86_WALK_UNREADABLE);
    start64();
    walk.ops = &look;
    finds(LINEAR, X86_ACCESS_WRITE, UINT64_C(0x1234567000), 12);
    assert_int_equal(get(4, 4, 8) & (A | D), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_levels), cmocka_unit_test(test_five_levels),
        cmocka_unit_test(test_pae),         cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_reserved),    cmocka_unit_test(test_rights),
        cmocka_unit_test(test_smep_smap),   cmocka_unit_test(test_races),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
