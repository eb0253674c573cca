/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host time: the TSC as nanoseconds, measured against the ACPI timer or the 8254; the local APIC's
 * timer as the interrupt behind common/timer.c.
 */
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/smp.h>
#include <asm/time.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/lib/fixed.h>
#include <wherry/printk.h>

#define PM_TIMER_HZ 3579545
#define PIT_HZ      1193182
#define MEASURE_MS  20

#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_GATE     0x61

/* Set once at boot; until then time stands still. */
static uint64_t tsc_hz, boot_tsc;
static uint64_t ns_per_tick, ticks_per_ns; /* fixed.h */
static uint64_t lapic_per_ns;              /* one-shot mode: counts a nanosecond */

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t time_boot_tsc(void)
{
    return boot_tsc;
}

s_time_t time_tsc_to_ns(uint64_t ticks)
{
    return (s_time_t)fixed_mul(ticks, ns_per_tick);
}

uint64_t time_ns_to_tsc(s_time_t ns)
{
    return fixed_mul((uint64_t)ns, ticks_per_ns);
}

s_time_t arch_now(void)
{
    return (s_time_t)fixed_mul(rdtsc() - boot_tsc, ns_per_tick);
}

void time_delay(s_time_t ns)
{
    s_time_t end = arch_now() + ns;

    while (arch_now() < end)
        ;
}

void arch_timer_program(s_time_t deadline)
{
    s_time_t left;
    uint64_t count;

    if (cpu_features.tsc_deadline) {
        /* One tick more: conversions round down, and early would mean a second interrupt. */
        wrmsr(MSR_TSC_DEADLINE,
              deadline == STIME_MAX
                  ? 0
                  : boot_tsc + fixed_mul((uint64_t)(deadline < 0 ? 0 : deadline), ticks_per_ns) +
                        1);
        return;
    }
    if (deadline == STIME_MAX) {
        apic_write(APIC_TIMER_INIT, 0);
        return;
    }
    left = deadline - arch_now();
    count = left > 0 ? fixed_mul((uint64_t)left, lapic_per_ns) + 1 : 1;
    /* Early is harmless: the timer is programmed again. */
    apic_write(APIC_TIMER_INIT, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

/* --- measuring --- */

static uint64_t __init measure_with_pm_timer(void)
{
    uint32_t mask = acpi_info.pm_timer_32 ? UINT32_MAX : 0xffffff;
    uint32_t ticks = PM_TIMER_HZ / (1000 / MEASURE_MS);
    uint32_t from = inl(acpi_info.pm_timer);
    uint64_t start = rdtsc();
    uint32_t passed;

    do
        passed = (inl(acpi_info.pm_timer) - from) & mask;
    while (passed < ticks);
    return (rdtsc() - start) * PM_TIMER_HZ / passed;
}

/* Channel 2, whose gate and output are bits of port 0x61: counts down once. */
static uint64_t __init measure_with_pit(void)
{
    uint16_t count = PIT_HZ / (1000 / MEASURE_MS);
    uint64_t start;

    outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~3u) | 1)); /* gate on, speaker off */
    outb(PIT_COMMAND, 0xb0);                              /* channel 2, mode 0 */
    outb(PIT_CHANNEL2, (uint8_t)count);
    outb(PIT_CHANNEL2, (uint8_t)(count >> 8));
    start = rdtsc();
    while ((inb(PIT_GATE) & 0x20) == 0)
        ;
    return (rdtsc() - start) * PIT_HZ / count;
}

static int __init time_init(void)
{
    tsc_hz = acpi_info.pm_timer != 0 ? measure_with_pm_timer() : measure_with_pit();
    if (tsc_hz == 0)
        panic("timer: the TSC stands still\n");
    ns_per_tick = fixed_div(1000000000, tsc_hz);
    ticks_per_ns = fixed_div(tsc_hz, 1000000000);
    boot_tsc = rdtsc();
    printk("timer: TSC %lu kHz by %s\n", (unsigned long)(tsc_hz / 1000),
           acpi_info.pm_timer != 0 ? "the ACPI timer" : "the 8254");
    return 0;
}
INIT_CALL(INIT_MEMORY, time_init);

static void timer_cpu_init(void)
{
    apic_write(APIC_TIMER_DIV, APIC_TIMER_DIV_1);
    apic_write(APIC_LVT_TIMER,
               VEC_TIMER | (cpu_features.tsc_deadline ? APIC_LVT_TIMER_DEADLINE : 0));
    /* The mode before the first deadline (SDM vol. 3, 11.5.4.1). */
    __asm__ volatile("mfence" ::: "memory");
}
CPU_INIT_CALL(CPU_INIT_TIMER, timer_cpu_init);

static void __init measure_lapic(void)
{
    uint64_t start;

    apic_write(APIC_TIMER_INIT, UINT32_MAX);
    start = rdtsc();
    time_delay(MILLISECS(MEASURE_MS));
    lapic_per_ns =
        fixed_div(UINT32_MAX - apic_read(APIC_TIMER_NOW), fixed_mul(rdtsc() - start, ns_per_tick));
    apic_write(APIC_TIMER_INIT, 0);
}

static int __init timer_init_boot_cpu(void)
{
    apic_write(APIC_TIMER_DIV, APIC_TIMER_DIV_1);
    if (!cpu_features.tsc_deadline)
        measure_lapic();
    timer_cpu_init();
    return 0;
}
INIT_CALL(INIT_CORE, timer_init_boot_cpu);
