/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up messages used wrongly, and messages for several vCPUs. */
#include "suite.h"

#define ICR_STARTUP 0x4600u
#define ICR_OTHERS  0xc4000u
#define ICR_LOGICAL 0x4800u

void arch_test_cpu_calls(void)
{
    apic_write(APIC_ICR, UINT64_C(100) << 32 | ICR_STARTUP | 8);
    tap(true, "a start-up message for a vCPU that is not there does nothing");
    apic_write(APIC_ICR, (uint64_t)this_cpu()->arch.apic_id << 32 | ICR_STARTUP | 8);
    tap(true, "nor for one that runs");
}

static bool all_got(unsigned int n)
{
    bool all = true;

    for (unsigned int i = 1; i < nr_cpus; i++)
        all = all && wait_for(&ipi_count[i], n);
    return all;
}

void arch_test_routing(void)
{
    unsigned int irq = IPI_IRQ(8);

    irq_set_handler(irq, count_ipi, NULL);
    for (unsigned int i = 0; i < nr_cpus; i++)
        ipi_count[i] = 0;
    irqs_on();
    apic_write(APIC_ICR, ICR_OTHERS | irq);
    tap(all_got(1), "a message for all others gets to each");
    tap_eq(ipi_count[0], 0, "but not to oneself");
    apic_write(APIC_ICR, UINT64_C(1) << (32 + cpus[1].arch.apic_id) | ICR_LOGICAL | irq);
    tap(wait_for(&ipi_count[1], 2), "a logical destination is one vCPU of the cluster");
    delay_us(1000);
    tap_eq(ipi_count[0], 0, "and no other");
    irqs_off();
}
