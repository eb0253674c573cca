/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC's timer in its three modes, and HLT. */
#include "suite.h"

static volatile unsigned int fired;
static volatile uint64_t fired_at;

static void on_timer(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    fired_at = counter();
    fired++;
}

static bool wait_fired(unsigned int n)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    while (fired < n && counter() < end)
        ;
    return fired >= n;
}

static void deadline(void)
{
    uint64_t ms = counter_hz() / 1000, due;

    apic_write(APIC_LVT_TIMER, LVT_DEADLINE | TIMER_IRQ);
    due = counter() + PATIENCE * counter_hz();
    wrmsr(MSR_TSC_DEADLINE, due);
    tap_eq((int64_t)rdmsr(MSR_TSC_DEADLINE), (int64_t)due, "the deadline reads back");
    due = counter() + 2 * ms;
    wrmsr(MSR_TSC_DEADLINE, due);
    tap(wait_fired(1), "the deadline comes");
    tap(fired_at >= due, "not early");
    tap_eq((int64_t)rdmsr(MSR_TSC_DEADLINE), 0, "then it is none");
    delay_us(2000);
    tap_eq(fired, 1, "once");
    fired = 0;
    wrmsr(MSR_TSC_DEADLINE, 1);
    tap(wait_fired(1), "a time in the past fires at once");
    fired = 0;
    wrmsr(MSR_TSC_DEADLINE, counter() + 2 * ms);
    wrmsr(MSR_TSC_DEADLINE, 0);
    delay_us(4000);
    tap_eq(fired, 0, "taken back it does not come");
    apic_write(APIC_LVT_TIMER, LVT_MASKED | LVT_DEADLINE | TIMER_IRQ);
    wrmsr(MSR_TSC_DEADLINE, counter() + ms);
    delay_us(3000);
    tap_eq(fired, 0, "nor masked");
}

static void count_down(void)
{
    uint64_t begin, first;

    fired = 0;
    apic_write(APIC_LVT_TIMER, TIMER_IRQ); /* one-shot */
    apic_write(APIC_TIMER_DIV, 0xb);       /* by one */
    begin = counter();
    apic_write(APIC_TIMER_INIT, 0xffffffff);
    first = apic_read(APIC_TIMER_NOW);
    delay_us(200);
    tap(apic_read(APIC_TIMER_NOW) < first, "the count goes down");
    apic_write(APIC_TIMER_INIT, 1000000);
    tap(wait_fired(1), "one-shot: it fires");
    delay_us(2000);
    tap_eq(fired, 1, "one-shot: once");
    tap_eq((int64_t)apic_read(APIC_TIMER_NOW), 0, "one-shot: the count stays at zero");
    tap(counter() > begin, "time passes");
    fired = 0;
    apic_write(APIC_LVT_TIMER, LVT_PERIODIC | TIMER_IRQ);
    apic_write(APIC_TIMER_INIT, 1000000);
    tap(wait_fired(5), "periodic: it fires and fires");
    apic_write(APIC_TIMER_INIT, 0);
    delay_us(1000);
    fired = 0;
    delay_us(5000);
    tap_eq(fired, 0, "a count of zero stops it");
    apic_write(APIC_LVT_TIMER, LVT_DEADLINE | TIMER_IRQ);
}

static void halt(void)
{
    uint64_t ms = counter_hz() / 1000, begin = counter();

    irqs_off();
    fired = 0;
    timer_set(3 * ms);
    while (fired == 0 && counter() - begin < PATIENCE * counter_hz())
        wfi();
    tap_eq(fired, 1, "HLT ends with the timer");
    tap(counter() - begin >= 3 * ms, "not before");
    tap(counter() - begin < PATIENCE / 2 * counter_hz(), "and not much later");
}

void test_timer(void)
{
    tap(counter_hz() >= 1000000, "the counter counts # %llu Hz", (unsigned long long)counter_hz());
    irq_set_handler(TIMER_IRQ, on_timer, NULL);
    irqs_on();
    deadline();
    count_down();
    halt();
    irqs_off();
}
