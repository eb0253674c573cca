/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI, and SPIs routed to one vCPU. */
#include "suite.h"

void arch_test_cpu_calls(void)
{
    int64_t v = psci(PSCI_VERSION, 0, 0, 0);

    tap(v >= 2, "PSCI is 0.2 or later (%lld.%lld)", (long long)v >> 16, (long long)v & 0xffff);
    tap_eq(psci(0x8400ffff, 0, 0, 0), PSCI_NOT_SUPPORTED, "PSCI: unknown function");
    if (v >= 0x10000) {
        tap_eq(psci(PSCI_FEATURES, PSCI_CPU_ON64, 0, 0), PSCI_SUCCESS, "PSCI: has CPU_ON");
        tap_eq(psci(PSCI_FEATURES, 0x8400ffff, 0, 0), PSCI_NOT_SUPPORTED,
               "PSCI: has not what it has not");
    }
    tap_eq(psci(PSCI_AFFINITY64, cpus[0].arch.mpidr, 0, 0), 0, "PSCI: this vCPU is on");
    tap_eq(psci(PSCI_AFFINITY64, 0xff0000, 0, 0), PSCI_INVALID_PARAMS, "PSCI: no such vCPU");
    tap_eq(psci(PSCI_CPU_ON64, cpus[0].arch.mpidr, 0x40000000, 0), PSCI_ALREADY_ON,
           "PSCI: this vCPU is on already");
    tap_eq(psci(PSCI_CPU_ON64, 0xff0000, 0x40000000, 0), PSCI_INVALID_PARAMS,
           "PSCI: no such vCPU to start");
}

void arch_test_routing(void)
{
    irq_set_handler(41, count_ipi, NULL);
    irq_set_edge(41, true);
    irq_set_target(41, 1);
    irq_enable(41);
    ipi_count[1] = 0;
    irq_set_pending(41);
    tap(wait_for(&ipi_count[1], 1), "an SPI goes to the vCPU that it is routed to");
    irq_set_target(41, 0);
    ipi_count[0] = 0;
    irq_set_pending(41);
    irqs_on();
    tap(wait_for(&ipi_count[0], 1), "and comes here when it is routed here");
    irqs_off();
    irq_disable(41);
}
