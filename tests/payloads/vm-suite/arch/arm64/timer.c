/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual timer and its interrupt, which is level-triggered. */
#include "suite.h"

static volatile unsigned int fired;
static volatile uint64_t fired_at;
static volatile unsigned int stop_at;

static void on_timer(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    fired_at = counter();
    if (++fired >= stop_at)
        timer_stop();
}

static bool wait_fired(unsigned int n)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    /* The wait in the hypervisor is for QEMU's GICv2: it forgets a line that stays asserted when
     * the guest ends the interrupt, until any other interrupt comes. */
    while (fired < n && counter() < end)
        if (under_hypervisor)
            events_poll(NULL, 0, now_ns() + 100000);
    return fired >= n;
}

void test_timer(void)
{
    uint64_t ms = counter_hz() / 1000;
    uint64_t due, begin;

    if (!tap(timer_irq != 0, "the tree has a timer"))
        return;
    begin = counter();
    tap(counter() >= begin && counter_hz() >= 1000000, "the counter counts # %llu Hz",
        (unsigned long long)counter_hz());
    irq_set_handler(timer_irq, on_timer, NULL);
    irq_enable(timer_irq);
    irqs_on();
    stop_at = 1;
    due = counter() + 2 * ms;
    timer_set(2 * ms);
    tap(wait_fired(1), "the timer fires");
    tap(fired_at + ms / 100 >= due, "not early");
    delay_us(3000);
    tap_eq(fired, 1, "once");
    fired = 0;
    stop_at = 5;
    timer_set(ms / 10);
    tap(wait_fired(5), "its line stays asserted until the timer is stopped");
    delay_us(2000);
    tap_eq(fired, 5, "and not longer");
    irqs_off();
    fired = 0;
    stop_at = 1;
    begin = counter();
    timer_set(3 * ms);
    wfi();
    while (counter() - begin < 3 * ms) /* WFI may end for no reason */
        wfi();
    tap(counter() - begin >= 3 * ms, "WFI lasts until the timer");
    tap(counter() - begin < PATIENCE / 2 * counter_hz(), "and no longer");
    tap_eq(fired, 0, "with interrupts masked it is not taken");
    irqs_on();
    tap(wait_fired(1), "unmasked it is");
    timer_set(0);
    stop_at = 2;
    tap(wait_fired(2), "a time in the past fires at once");
    irqs_off();
    irq_disable(timer_irq);
}
