/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI, and what more than one vCPU can do to each other. */
#include "suite.h"

#define SGI 7

static volatile unsigned int got[MAX_CPUS], events[MAX_CPUS];
static volatile bool stop;
static evtchn_port_t ipi[MAX_CPUS];

static void on_sgi(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    got[this_cpu()->index]++;
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
        isb();
    }
}

static bool wait_for(volatile unsigned int *counter_, unsigned int n)
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

static void psci_calls(void)
{
    int64_t v = psci(PSCI_VERSION, 0, 0, 0);

    tap(v >= 2, "PSCI is 0.2 or later (%lld.%lld)", (long long)v >> 16, (long long)v & 0xffff);
    tap_eq(psci(0x8400ffff, 0, 0, 0), PSCI_NOT_SUPPORTED, "PSCI: unknown function");
    if (v >= 0x10000) {
        tap_eq(psci(PSCI_FEATURES, PSCI_CPU_ON64, 0, 0), PSCI_SUCCESS, "PSCI: has CPU_ON");
        tap_eq(psci(PSCI_FEATURES, 0x8400ffff, 0, 0), PSCI_NOT_SUPPORTED,
               "PSCI: has not what it has not");
    }
    tap_eq(psci(PSCI_AFFINITY64, cpus[0].mpidr, 0, 0), 0, "PSCI: this vCPU is on");
    tap_eq(psci(PSCI_AFFINITY64, 0xff0000, 0, 0), PSCI_INVALID_PARAMS, "PSCI: no such vCPU");
    tap_eq(psci(PSCI_CPU_ON64, cpus[0].mpidr, 0x40000000, 0), PSCI_ALREADY_ON,
           "PSCI: this vCPU is on already");
    tap_eq(psci(PSCI_CPU_ON64, 0xff0000, 0x40000000, 0), PSCI_INVALID_PARAMS,
           "PSCI: no such vCPU to start");
}

static void start_all(void)
{
    for (unsigned int i = 1; i < nr_cpus; i++) {
        tap_eq(psci(PSCI_AFFINITY64, cpus[i].mpidr, 0, 0), 1, "vCPU %u is off", i);
        tap_eq(cpu_start(i, secondary, NULL), PSCI_SUCCESS, "vCPU %u starts", i);
        tap(wait_online(i, true), "vCPU %u is there", i);
        tap_eq(psci(PSCI_AFFINITY64, cpus[i].mpidr, 0, 0), 0, "vCPU %u is on", i);
    }
}

static void interrupts(void)
{
    irq_set_handler(SGI, on_sgi, NULL);
    for (unsigned int i = 1; i < nr_cpus; i++) {
        bool all = true;

        for (unsigned int n = 1; n <= 100 && all; n++) {
            sgi_send(SGI, i);
            all = wait_for(&got[i], n);
        }
        tap(all, "vCPU %u gets 100 SGIs, one after the other", i);
    }
    irq_set_handler(41, on_sgi, NULL);
    irq_set_edge(41, true);
    irq_set_target(41, 1);
    irq_enable(41);
    got[1] = 0;
    irq_set_pending(41);
    tap(wait_for(&got[1], 1), "an SPI goes to the vCPU that it is routed to");
    irq_set_target(41, 0);
    got[0] = 0;
    irq_set_pending(41);
    irqs_on();
    tap(wait_for(&got[0], 1), "and comes here when it is routed here");
    irqs_off();
    irq_disable(41);
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

        sgi_send(SGI, i);
        tap(wait_online(i, false), "vCPU %u ends", i);
        while (psci(PSCI_AFFINITY64, cpus[i].mpidr, 0, 0) != 1 && counter() < end)
            yield_cpu();
        tap_eq(psci(PSCI_AFFINITY64, cpus[i].mpidr, 0, 0), 1, "vCPU %u is off again", i);
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
    psci_calls();
    if (nr_cpus < 2)
        return;
    start_all();
    interrupts();
    if (under_hypervisor)
        event_ipis();
    stop_all();
    tap_eq(cpu_start(1, once, NULL), PSCI_SUCCESS, "vCPU 1 starts once more");
    tap(wait_for(&restarted, 1), "and runs");
}
