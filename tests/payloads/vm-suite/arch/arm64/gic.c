/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual interrupt controller by hand: interrupts masked, acknowledge and end explicitly. */
#include "suite.h"

#define SPI 40

static void settle(void)
{
    mb();
    yield_cpu(); /* a trip through the hypervisor */
}

static void quiet(const char *when)
{
    unsigned int irq = gic_ack();

    tap_eq(irq, SPURIOUS_IRQ, "nothing else is pending %s", when);
    if (irq < gic.lines)
        gic_eoi(irq);
}

static void sgis(void)
{
    sgi_send(3, 0);
    settle();
    tap_eq(gic_ack(), 3, "an SGI to oneself arrives");
    tap(irq_is_active(3), "it is active");
    tap(!irq_is_pending(3), "and no longer pending");
    tap_eq(gic_running_priority() & 0xf8, 0xa0, "the running priority is its own");
    gic_eoi(3);
    settle();
    tap(!irq_is_active(3), "it has ended");
    tap_eq(gic_running_priority(), 0xff, "nothing runs");
    sgi_send(4, 0);
    sgi_send(4, 0);
    settle();
    tap_eq(gic_ack(), 4, "an SGI sent twice arrives");
    gic_eoi(4);
    quiet("after it");
}

static void priorities(void)
{
    irq_set_priority(1, 0xa0);
    irq_set_priority(2, 0x40);
    tap_eq(irq_get_priority(2), 0x40, "a priority reads back");
    sgi_send(1, 0);
    sgi_send(2, 0);
    settle();
    tap_eq(gic_ack(), 2, "the more urgent comes first");
    tap_eq(gic_ack(), SPURIOUS_IRQ, "the less urgent waits while it is active");
    gic_eoi(2);
    tap_eq(gic_ack(), 1, "then comes");
    sgi_send(2, 0);
    settle();
    tap_eq(gic_ack(), 2, "a more urgent one interrupts it");
    gic_eoi(2);
    gic_eoi(1);
    gic_set_mask(0x80);
    sgi_send(1, 0);
    settle();
    tap_eq(gic_ack(), SPURIOUS_IRQ, "the priority mask holds it back");
    sgi_send(2, 0);
    settle();
    tap_eq(gic_ack(), 2, "but not the more urgent");
    gic_eoi(2);
    gic_set_mask(0xff);
    settle();
    tap_eq(gic_ack(), 1, "without the mask it comes");
    gic_eoi(1);
    irq_set_priority(2, 0xa0);
    quiet("after the priorities");
}

static void spis(void)
{
    irq_set_edge(SPI, true);
    irq_set_target(SPI, 0);
    irq_disable(SPI);
    irq_set_pending(SPI);
    settle();
    tap(irq_is_pending(SPI), "a disabled SPI pends");
    tap_eq(gic_ack(), SPURIOUS_IRQ, "but is not signalled");
    irq_enable(SPI);
    settle();
    tap_eq(gic_ack(), SPI, "enabled, it is");
    irq_set_pending(SPI);
    settle();
    tap(irq_is_pending(SPI) && irq_is_active(SPI), "it pends again while it is active");
    gic_eoi(SPI);
    settle();
    tap_eq(gic_ack(), SPI, "and comes again");
    gic_eoi(SPI);
    settle();
    irq_set_pending(SPI);
    irq_clear_pending(SPI);
    settle();
    tap(!irq_is_pending(SPI), "a pending SPI can be cleared");
    quiet("after clearing");
    irq_disable(SPI);
}

/* More at once than there are list registers: all come, the most urgent first. */
static void many(void)
{
    unsigned int last = gic.lines < SPI + 24 ? gic.lines : SPI + 24;
    unsigned int n = 0, right_order = 0;
    int previous = -1;

    for (unsigned int i = SPI; i < last; i++) {
        irq_set_edge(i, true);
        irq_set_target(i, 0);
        irq_set_priority(i, (uint8_t)(0xf0 - (i - SPI) % 8 * 0x10));
        irq_enable(i);
        irq_set_pending(i);
    }
    settle();
    for (unsigned int tries = 0; tries < 100 && n < last - SPI; tries++) {
        unsigned int irq = gic_ack();
        int priority;

        if (irq >= gic.lines) {
            settle();
            continue;
        }
        priority = irq_get_priority(irq);
        right_order += priority >= previous;
        previous = priority;
        gic_eoi(irq);
        n++;
        settle();
    }
    tap_eq(n, last - SPI, "%u interrupts at once all come", last - SPI);
    tap_eq(right_order, n, "in the order of their priorities");
    for (unsigned int i = SPI; i < last; i++) {
        irq_disable(i);
        irq_set_priority(i, 0xa0);
    }
    quiet("after many");
}

static volatile unsigned int taken;

static void count(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    taken++;
}

static void by_trap(void)
{
    irq_set_handler(5, count, NULL);
    irqs_on();
    for (unsigned int i = 0; i < 1000; i++)
        sgi_send(5, 0);
    delay_us(100);
    irqs_off();
    tap_eq(taken, 1000, "a thousand SGIs are a thousand traps");
    taken = 0;
    sgi_send(5, 0);
    wfi();
    tap_eq(taken, 0, "masked, the interrupt is not taken");
    tap(true, "but ends WFI");
    irqs_on();
    isb();
    delay_us(100);
    irqs_off();
    tap_eq(taken, 1, "unmasked, it is taken");
}

void test_interrupts(void)
{
    if (!tap(gic.version != 0, "the tree has an interrupt controller"))
        return;
    irqs_off();
    quiet("at the start");
    sgis();
    priorities();
    if (tap(gic.lines > SPI, "there are SPIs (%u lines)", gic.lines)) {
        spis();
        many();
    }
    by_trap();
}
