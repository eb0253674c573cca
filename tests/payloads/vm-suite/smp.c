/* SPDX-License-Identifier: Apache-2.0 */
/* Starting vCPUs, and what more than one can do to each other. */
#include "suite.h"

#define IRQ IPI_IRQ(7)

volatile unsigned int ipi_count[MAX_CPUS];
static volatile unsigned int events[MAX_CPUS];
static volatile bool stop;
static evtchn_port_t ipi[MAX_CPUS];

void count_ipi(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    ipi_count[this_cpu()->index]++;
}

static void on_ipi(evtchn_port_t port, void *ctx)
{
    (void)port;
    (void)ctx;
    events[this_cpu()->index]++;
}

static void secondary(void *arg_)
{
    (void)arg_;
    if (under_hypervisor) {
        events_cpu_init();
        irq_enable(evtchn_irq);
    }
    while (!stop) {
        irqs_off();
        if (!stop)
            wfi();
        irqs_on();
        take_irqs();
    }
}

bool wait_for(volatile unsigned int *counter_, unsigned int n)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    while (*counter_ < n && counter() < end)
        yield_cpu();
    return *counter_ >= n;
}

static bool wait_online(unsigned int cpu, bool online)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    while (cpus[cpu].online != online && counter() < end)
        yield_cpu();
    return cpus[cpu].online == online;
}

static void start_all(void)
{
    for (unsigned int i = 1; i < nr_cpus; i++) {
        tap(cpu_is_off(i), "vCPU %u is off", i);
        tap_eq(cpu_start(i, secondary, NULL), 0, "vCPU %u starts", i);
        tap(wait_online(i, true), "vCPU %u is there", i);
        tap(!cpu_is_off(i), "vCPU %u is on", i);
    }
}

static void interrupts(void)
{
    irq_set_handler(IRQ, count_ipi, NULL);
    for (unsigned int i = 1; i < nr_cpus; i++) {
        bool all = true;

        for (unsigned int n = 1; n <= 100 && all; n++) {
            ipi_send(IRQ, i);
            all = wait_for(&ipi_count[i], n);
        }
        tap(all, "vCPU %u gets 100 interrupts, one after the other", i);
    }
    arch_test_routing();
}

static void event_ipis(void)
{
    for (unsigned int i = 1; i < nr_cpus; i++) {
        bool all = evtchn_bind_ipi(i, &ipi[i]) == 0;

        event_set_handler(ipi[i], on_ipi, NULL);
        event_unmask(ipi[i]);
        for (unsigned int n = 1; n <= 100 && all; n++)
            all = evtchn_send(ipi[i]) == 0 && wait_for(&events[i], n);
        tap(all, "vCPU %u gets 100 events on its own vcpu_info", i);
    }
}

static void stop_all(void)
{
    stop = true;
    for (unsigned int i = 1; i < nr_cpus; i++) {
        uint64_t end = counter() + PATIENCE * counter_hz();

        ipi_send(IRQ, i);
        tap(wait_online(i, false), "vCPU %u ends", i);
        while (!cpu_is_off(i) && counter() < end)
            yield_cpu();
        tap(cpu_is_off(i), "vCPU %u is off again", i);
    }
}

static volatile unsigned int restarted;

static void once(void *arg_)
{
    (void)arg_;
    restarted++;
}

void test_smp(void)
{
    arch_test_cpu_calls();
    if (nr_cpus < 2)
        return;
    start_all();
    interrupts();
    if (under_hypervisor)
        event_ipis();
    stop_all();
    tap_eq(cpu_start(1, once, NULL), 0, "vCPU 1 starts once more");
    tap(wait_for(&restarted, 1), "and runs");
}
