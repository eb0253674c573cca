/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page faults that are no access of an instruction to emulate (hvm/io.c): translations that
 * are there again, fetches, the delivery of an event; and what INIT ends (hvm/vcpu.c).
 */
#include "x86_hvm.h"

#include <asm/desc.h>
#include <public/sched.h>

#define PAGE UINT64_C(0x4000)
#define NOP  "90"

static struct x86_cpu *cpu(void)
{
    return x86_cpu(x86_vcpu());
}

static void fault(uint64_t gpa, bool write, bool exec)
{
    guest->p2m.seq += 2; /* somebody changed something */
    AS(guest, (hvm_nested_fault(x86_vcpu(), gpa, write, exec), 0));
}

static void make(enum p2m_type t)
{
    guest->p2m.entry[PAGE >> PAGE_SHIFT].type = (uint8_t)t;
}

static void nothing_happened(void)
{
    assert_int_equal(cpu()->injected, 0);
    assert_int_equal(x86_vcpu()->arch.regs.rip, X86_CODE);
    assert_false(domain_is_shut_down(guest));
}

static void what_is_there_again_is_tried_again(void **state)
{
    (void)state;
    x86_put(NOP);
    fault(PAGE, false, false);
    fault(PAGE, true, false);
    fault(PAGE, false, true);
    make(P2M_FOREIGN_RW);
    fault(PAGE, true, false);
    make(P2M_RAM_RO);
    fault(PAGE, false, true);
    cpu()->pending = true; /* an event is delivered through it */
    fault(PAGE, false, false);
    cpu()->pending = false;
    nothing_happened();
    make(P2M_RAM_RW);
}

/* Not the same fetch for ever. */
static void code_in_a_page_of_another_domain_is_refused(void **state)
{
    const enum p2m_type types[] = {P2M_FOREIGN_RW, P2M_FOREIGN_RO};

    (void)state;
    x86_put(NOP);
    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        make(types[i]);
        cpu()->pending = false;
        cpu()->injected = 0;
        fault(PAGE, false, true);
        assert_int_equal(cpu()->injected, 1);
        assert_int_equal(cpu()->event.vector, VEC_GP);
        assert_true(cpu()->event.has_error);
        assert_int_equal(x86_vcpu()->arch.regs.rip, X86_CODE);
    }
    make(P2M_RAM_RW);
}

/* There is no instruction whose access it was: the one at RIP has not begun. */
static void an_event_delivered_through_nothing_ends_the_domain(void **state)
{
    (void)state;
    x86_server();
    x86_put(NOP);
    cpu()->pending = true;
    fault(X86_MMIO_GPA, true, false);
    assert_int_equal(cpu()->injected, 0);
    assert_int_equal(x86_vcpu()->arch.regs.rip, X86_CODE);
    assert_int_equal(x86_vcpu()->arch.io.kind, HVM_IO_NONE);
    assert_int_equal(atomic32_read(&guest->shutdown_code), SHUTDOWN_reboot + 1);
}

static void nor_is_it_pushed_to_where_only_reading_is_allowed(void **state)
{
    (void)state;
    x86_put(NOP);
    make(P2M_RAM_RO);
    cpu()->pending = true;
    fault(PAGE, true, false);
    assert_int_equal(atomic32_read(&guest->shutdown_code), SHUTDOWN_reboot + 1);
    make(P2M_RAM_RW);
}

/* An entry with an interrupt, or its shadow, but without IF would be refused. */
static void init_ends_what_was_to_be_delivered(void **state)
{
    struct vcpu *v = x86_vcpu();

    (void)state;
    cpu()->pending = true;
    cpu()->shadow = true;
    v->arch.regs.rflags |= RFLAGS_IF;
    hvm_vcpu_init_ipi(v);
    hvm_vcpu_startup(v, 8);
    hvm_vcpu_begin(v);
    assert_false(cpu()->pending);
    assert_false(cpu()->shadow);
    assert_int_equal(v->arch.regs.rflags, 2);
    assert_int_equal(cpu()->seg[SEG_CS].base, 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X86_TEST(what_is_there_again_is_tried_again),
        X86_TEST(code_in_a_page_of_another_domain_is_refused),
        X86_TEST(an_event_delivered_through_nothing_ends_the_domain),
        X86_TEST(nor_is_it_pushed_to_where_only_reading_is_allowed),
        X86_TEST(init_ends_what_was_to_be_delivered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
