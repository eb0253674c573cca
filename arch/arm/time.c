/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host time: the architected counter as nanoseconds, and the EL2 physical timer as the interrupt
 * behind common/timer.c.
 */
#include <asm/device.h>
#include <asm/smp.h>
#include <asm/sysreg.h>
#include <asm/time.h>
#include <wherry/bug.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/fixed.h>
#include <wherry/printk.h>
#include <wherry/timer.h>

/* In the timer node's interrupts: secure EL1, non-secure EL1, virtual, EL2. */
#define TIMER_IRQ_HYP 3

#define NS_PER_SEC UINT64_C(1000000000)

/* Factors of fixed.h. Set once at boot; until then time stands still. */
static uint64_t ns_per_tick;
static uint64_t ticks_per_ns;
static uint64_t boot_ticks;
static uint64_t frequency;

static unsigned int timer_irq, timer_irq_type;

s_time_t arch_now(void)
{
    uint64_t ticks;

    /* ISB: the counter must not be read ahead of what was before. */
    __asm__ volatile("isb; mrs %0, cntpct_el0" : "=r"(ticks) : : "memory");
    return (s_time_t)fixed_mul(ticks - boot_ticks, ns_per_tick);
}

uint64_t arch_ns_to_counter(s_time_t ns)
{
    return boot_ticks + fixed_mul((uint64_t)ns, ticks_per_ns);
}

s_time_t arch_counter_to_ns(uint64_t ticks)
{
    return ticks <= boot_ticks ? 0 : (s_time_t)fixed_mul(ticks - boot_ticks, ns_per_tick);
}

uint64_t arch_counter_frequency(void)
{
    return frequency;
}

void arch_timer_program(s_time_t deadline)
{
    if (deadline == STIME_MAX) {
        WRITE_SYSREG(0, cnthp_ctl_el2);
        isb();
        return;
    }
    /* One tick more: conversions round down, and early would mean a second interrupt. */
    WRITE_SYSREG(arch_ns_to_counter(deadline < 0 ? 0 : deadline) + 1, cnthp_cval_el2);
    WRITE_SYSREG(CNT_CTL_ENABLE, cnthp_ctl_el2);
    isb();
}

/* Level triggered: timer_interrupt() always reprograms, which takes the line down. */
static void timer_irq_handler(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    timer_interrupt();
}

static void timer_cpu_init(void)
{
    int rc;

    WRITE_SYSREG(0, cnthp_ctl_el2);
    isb();
    rc = irq_request(timer_irq, timer_irq_type, timer_irq_handler, NULL);
    if (rc != 0)
        panic("timer: interrupt %u cannot be had (%d)\n", timer_irq, rc);
}
CPU_INIT_CALL(CPU_INIT_TIMER, timer_cpu_init);

static int __init timer_probe(const struct fdt *fdt, int node)
{
    uint32_t freq32;

    if (arch_device_irq(fdt, node, TIMER_IRQ_HYP, &timer_irq, &timer_irq_type) != 0) {
        printk("timer: no interrupt for EL2 in the device tree\n");
        return -EINVAL;
    }
    /* What firmware forgot to set may be in the tree. */
    if (fdt_prop_u32(fdt, node, "clock-frequency", &freq32) == 0)
        frequency = freq32;
    else
        frequency = READ_SYSREG(cntfrq_el0);
    if (frequency == 0) {
        printk("timer: frequency is not known\n");
        return -EINVAL;
    }
    ns_per_tick = fixed_div(NS_PER_SEC, frequency);
    ticks_per_ns = fixed_div(frequency, NS_PER_SEC);
    boot_ticks = READ_SYSREG(cntpct_el0);
    return 0;
}

static const char *const timer_compatible[] = {"arm,armv8-timer", "arm,armv7-timer", NULL};
DEVICE_DRIVER(armv8_timer, DEVICE_TIMER, timer_compatible, timer_probe);

/* The counter works from here on; the interrupt comes with the interrupt controller. */
static int __init time_init(void)
{
    int rc = device_probe_class(host_fdt(), DEVICE_TIMER);

    if (rc == 0)
        printk("timer: %lu kHz, interrupt %u\n", (unsigned long)(frequency / 1000), timer_irq);
    return rc;
}
INIT_CALL(INIT_EARLY, time_init);

/* After the interrupt controller, which is ready when INIT_IRQ is over. */
static int __init timer_boot_cpu_init(void)
{
    timer_cpu_init();
    return 0;
}
INIT_CALL(INIT_CORE, timer_boot_cpu_init);
