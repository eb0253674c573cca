/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC in x2APIC mode: priorities, what is in service, interrupts that wait. */
#include "suite.h"

static volatile unsigned int got[NR_VECTORS], order[8], nr_order;

static void note(unsigned int irq, void *ctx)
{
    (void)ctx;
    got[irq]++;
    if (nr_order < ARRAY_SIZE(order))
        order[nr_order++] = irq;
}

static bool bit_of(unsigned int reg, unsigned int vector)
{
    return apic_read(reg + (vector / 32) * 0x10) >> vector % 32 & 1;
}

/* Raises a more urgent interrupt before its end, and lets it in. */
static volatile bool nested_in_service, nested_both;

static void urgent(unsigned int irq, void *ctx)
{
    note(irq, ctx);
    nested_both = bit_of(APIC_ISR, 0x61) && bit_of(APIC_ISR, irq);
}

static void nesting(unsigned int irq, void *ctx)
{
    note(irq, ctx);
    nested_in_service = bit_of(APIC_ISR, irq) && !bit_of(APIC_IRR, irq);
    apic_write(APIC_SELF, 0x62); /* the same class: waits */
    apic_write(APIC_SELF, 0x75);
    irqs_on();
    take_irqs();
    irqs_off();
}

static void window(void)
{
    irqs_on();
    take_irqs();
    irqs_off();
}

static void one_by_one(void)
{
    irq_set_handler(0x61, note, NULL);
    irqs_off();
    apic_write(APIC_SELF, 0x61);
    tap(bit_of(APIC_IRR, 0x61), "an interrupt to oneself waits while they are off");
    tap_eq(got[0x61], 0, "and is not taken");
    window();
    tap_eq(got[0x61], 1, "on, it is taken");
    tap(!bit_of(APIC_IRR, 0x61) && !bit_of(APIC_ISR, 0x61), "and has ended");
    apic_write(APIC_SELF, 0x61);
    apic_write(APIC_SELF, 0x61);
    window();
    tap_eq(got[0x61], 2, "sent twice while it waits it comes once");
    apic_write(APIC_ICR, UINT64_C(0x44000) | 0x61);
    window();
    tap_eq(got[0x61], 3, "the shorthand for oneself");
}

/* Long enough for the pCPU to have been elsewhere, or an emulator with another pCPU. */
static void slow(unsigned int irq, void *ctx)
{
    uint64_t end = counter() + counter_hz() / 8;

    note(irq, ctx);
    while (counter() < end)
        ;
}

static void slow_handlers(void)
{
    got[0x61] = 0;
    irq_set_handler(0x61, slow, NULL);
    for (unsigned int i = 0; i < 3; i++) {
        apic_write(APIC_SELF, 0x61);
        window();
    }
    tap_eq(got[0x61], 3, "three that are handled slowly come once each");
}

static void write_cr8(uint64_t value)
{
    __asm__ volatile(MAY_TRAP("movq %0, %%cr8")::"r"(value) : "memory");
}

/* The same priority by its other name, through high and low registers. */
static void cr8(void)
{
    uint64_t r9;

    apic_write(APIC_TPR, 0x65);
    __asm__ volatile("movq %%cr8, %%r9; movq %%r9, %0" : "=r"(r9) : : "r9");
    tap_eq((int64_t)r9, 6, "CR8 is the priority's class");
    nr_order = 0;
    __asm__ volatile("movl $7, %%r10d; movq %%r10, %%cr8" ::: "r10", "memory");
    tap_eq((int64_t)apic_read(APIC_TPR), 0x70, "and sets it");
    apic_write(APIC_SELF, 0x75);
    apic_write(APIC_SELF, 0x61);
    window();
    tap_eq((int64_t)nr_order, 0, "CR8 holds back its class and those below");
    write_cr8(6);
    window();
    tap(nr_order == 1 && order[0] == 0x75, "lowered, it lets one through");
    write_cr8(0);
    window();
    tap(nr_order == 2 && order[1] == 0x61, "at zero, all");
    expect_trap();
    write_cr8(0x10);
    tap(trap_taken(NULL), "CR8 has four bits");
}

static void priorities(void)
{
    for (unsigned int i = 0x60; i < 0x80; i++)
        irq_set_handler(i, note, NULL);
    nr_order = 0;
    apic_write(APIC_SELF, 0x61);
    apic_write(APIC_SELF, 0x75);
    apic_write(APIC_SELF, 0x70);
    window();
    tap(nr_order == 3 && order[0] == 0x75 && order[1] == 0x70 && order[2] == 0x61,
        "the more urgent come first");
    nr_order = 0;
    apic_write(APIC_TPR, 0x60);
    tap_eq((int64_t)apic_read(APIC_PPR), 0x60, "the task's priority is the processor's");
    if (!tap_skip("the task's priority holds its class back")) {
        apic_write(APIC_SELF, 0x61);
        apic_write(APIC_SELF, 0x71);
        window();
        tap(nr_order == 1 && order[0] == 0x71, "the task's priority holds its class back");
        apic_write(APIC_TPR, 0);
        window();
        tap(nr_order == 2 && order[1] == 0x61, "without it, it comes");
        cr8();
    }
    apic_write(APIC_TPR, 0);
    nr_order = 0;
    irq_set_handler(0x61, nesting, NULL);
    irq_set_handler(0x75, urgent, NULL);
    apic_write(APIC_SELF, 0x61);
    window();
    tap(nested_in_service, "while it is handled it is in service");
    tap(nr_order == 3 && order[1] == 0x75 && order[2] == 0x62,
        "a more urgent one interrupts it, one of its class waits");
    tap(nested_both, "both are in service then");
    tap_eq((int64_t)apic_read(APIC_PPR), 0, "nothing is in service");
}

static void odd(void)
{
    struct trap_info t;

    apic_write(APIC_SVR, SPURIOUS_IRQ);
    apic_write(APIC_SELF, 0x70);
    apic_write(APIC_SVR, 0x100 | SPURIOUS_IRQ);
    nr_order = 0;
    window();
    tap_eq(nr_order, 0, "a local APIC that is off takes nothing");
    expect_trap();
    apic_write(APIC_SVR, UINT64_C(1) << 20);
    tap(trap_taken(&t) && t.vector == VEC_GP, "reserved bits are refused");
    expect_trap();
    apic_write(APIC_ID, 1);
    tap(trap_taken(&t) && t.vector == VEC_GP, "its number cannot be written");
    expect_trap();
    apic_read(APIC_EOI);
    tap(trap_taken(&t) && t.vector == VEC_GP, "EOI cannot be read");
    expect_trap();
    apic_write(APIC_EOI, 1);
    tap(trap_taken(&t) && t.vector == VEC_GP, "EOI takes zero only");
    apic_write(APIC_EOI, 0);
    apic_write(APIC_LVT_TIMER, LVT_DEADLINE | TIMER_IRQ);
}

void test_interrupts(void)
{
    tap((apic_read(APIC_VERSION) & 0xff) >= 0x10, "the local APIC has a version");
    tap_eq((int64_t)apic_read(APIC_ID), this_cpu()->arch.apic_id, "and this vCPU's number");
    one_by_one();
    slow_handlers();
    priorities();
    odd();
}
