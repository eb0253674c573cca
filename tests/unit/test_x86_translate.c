/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arch/x86/hvm/translate.c remembers of the guest's tables and of the p2m is never out of
 * date: each case asks, changes one thing, and asks again.
 */
#include "x86_hvm.h"

#include <asm/guest_access.h>
#include <string.h>

#define PTE_W UINT64_C(2)
#define PTE_A UINT64_C(0x20)
#define PTE_D UINT64_C(0x40)
#define HERE  UINT64_C(0x4000)
#define THERE UINT64_C(0x5000)

/* As a hypercall's argument at `linear`; NULL: no access. */
static uint8_t *ask(uint64_t linear, bool write)
{
    uint8_t *at;

    AS(guest, (at = arch_guest_translate(linear, write), 0));
    return at;
}

/* Twice: the second time from memory, which accessed and dirty bits allow. */
static void known(uint64_t linear, bool write, const uint8_t *want)
{
    for (unsigned int i = 0; i < 3; i++)
        assert_ptr_equal(ask(linear, write), want);
}

static void another_page(void **state)
{
    (void)state;
    known(HERE + 5, false, x86_ram(HERE + 5));
    *x86_pte(HERE) = THERE | 7;
    known(HERE + 5, false, x86_ram(THERE + 5));
    *x86_pte(HERE) = 0;
    known(HERE + 5, false, NULL);
}

static void another_table(void **state)
{
    (void)state;
    for (unsigned int level = 0; level < 3; level++) {
        uint64_t *entry = (uint64_t *)x86_ram(X86_TABLES + level * PAGE_SIZE);
        uint64_t old;

        known(HERE, false, x86_ram(HERE));
        old = *entry;
        *entry = 0;
        known(HERE, false, NULL);
        *entry = old;
    }
    known(HERE, false, x86_ram(HERE));
}

static void another_root(void **state)
{
    (void)state;
    known(HERE, false, x86_ram(HERE));
    x86_cpu(x86_vcpu())->cr[3] = 0x6000; /* an empty table */
    known(HERE, false, NULL);
}

static void fewer_rights(void **state)
{
    (void)state;
    known(HERE, true, x86_ram(HERE));
    *x86_pte(HERE) &= ~PTE_W;
    known(HERE, true, NULL);
    known(HERE, false, x86_ram(HERE));
    *x86_pte(HERE) |= PTE_A | PTE_D;
    known(HERE, false, x86_ram(HERE)); /* of a read the same */
    known(HERE, true, NULL);
    x86_cpu(x86_vcpu())->cr[0] &= ~(uint64_t)CR0_WP;
    known(HERE, true, x86_ram(HERE));
    x86_cpu(x86_vcpu())->cr[0] |= CR0_WP;
    known(HERE, true, NULL);
}

/* A read that is known says nothing about a write, and marks nothing dirty. */
static void marks(void **state)
{
    (void)state;
    known(HERE, false, x86_ram(HERE));
    assert_true(*x86_pte(HERE) & PTE_A);
    assert_false(*x86_pte(HERE) & PTE_D);
    known(HERE, true, x86_ram(HERE));
    assert_true(*x86_pte(HERE) & PTE_D);
    for (unsigned int i = 0; i < 3; i++) { /* as a guest does that looks for pages in use */
        *x86_pte(HERE) &= ~(PTE_A | PTE_D);
        assert_ptr_equal(ask(HERE, true), x86_ram(HERE));
        assert_true((*x86_pte(HERE) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
    }
}

/* Without a change of the guest's tables. */
static void another_frame(void **state)
{
    const uint8_t *old;

    (void)state;
    old = x86_ram(HERE);
    known(HERE, false, old);
    assert_int_equal(p2m_unmap(guest, gfn(HERE >> PAGE_SHIFT), 1), 0);
    known(HERE, false, NULL);
    x86_add_ram(HERE);
    known(HERE, false, x86_ram(HERE));
}

/* What the p2m says of a frame; the page keeps what it has, and somebody else may have it. */
static void set_frame(uint64_t gpa, enum p2m_type type, mfn_t m)
{
    guest->p2m.entry[gpa >> PAGE_SHIFT].type = (uint8_t)type;
    guest->p2m.entry[gpa >> PAGE_SHIFT].m = m;
}

static mfn_t frame(uint64_t gpa)
{
    return guest->p2m.entry[gpa >> PAGE_SHIFT].m;
}

static void a_table_goes(void **state)
{
    const uint64_t table = X86_TABLES + 0x2000;
    mfn_t m;

    (void)state;
    m = frame(table);
    known(HERE, false, x86_ram(HERE));
    set_frame(table, P2M_INVALID, INVALID_MFN);
    guest->p2m.seq += 2;
    known(HERE, false, NULL);
    set_frame(table, P2M_RAM_RW, m);
    guest->p2m.seq += 2;
    known(HERE, false, x86_ram(HERE));
}

/* While the p2m changes nothing is kept, not even for the same count. */
static void in_the_middle_of_a_change(void **state)
{
    const uint64_t table = X86_TABLES + 0x2000;
    mfn_t here, m;

    (void)state;
    here = frame(HERE);
    m = frame(table);
    guest->p2m.seq |= 1;
    known(HERE, false, x86_ram(HERE));
    set_frame(HERE, P2M_RAM_RW, frame(THERE));
    known(HERE, false, x86_ram(THERE));
    set_frame(HERE, P2M_RAM_RW, here);
    set_frame(table, P2M_INVALID, INVALID_MFN);
    known(HERE, false, NULL);
    set_frame(table, P2M_RAM_RW, m);
}

/* Pages that share a slot. */
static void many_pages(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 3; round++)
        for (uint64_t at = 0; at < X86_RAM_END; at += PAGE_SIZE)
            assert_ptr_equal(ask(at, false), x86_ram(at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X86_TEST(another_page), X86_TEST(another_table), X86_TEST(another_root),
        X86_TEST(fewer_rights), X86_TEST(marks),         X86_TEST(another_frame),
        X86_TEST(a_table_goes), X86_TEST(many_pages),    X86_TEST(in_the_middle_of_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
