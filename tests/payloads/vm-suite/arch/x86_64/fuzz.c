/* SPDX-License-Identifier: Apache-2.0 */
/* Nonsense for registers and leaves that leave the guest. */
#include "suite.h"

static uint32_t seed = 12345;

static uint32_t any(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 3;
}

static void wild_apic(void)
{
    irqs_off();
    for (uint32_t msr = 0x800; msr < 0x900; msr++) {
        expect_trap();
        rdmsr(msr);
        trap_taken(NULL);
    }
    for (unsigned int i = 0; i < 4000; i++) {
        uint32_t msr = 0x800 + any() % 0x40;

        if (msr == MSR_X2APIC(APIC_ICR)) /* a message may stop this vCPU */
            continue;
        expect_trap();
        wrmsr(msr, i % 2 != 0 ? any() & 0xff : (uint64_t)any() << 32 | any());
        trap_taken(NULL);
    }
    apic_write(APIC_TIMER_INIT, 0);
    apic_cpu_init();
    for (unsigned int i = 0; i < 300 && apic_read(APIC_PPR) != 0; i++)
        apic_write(APIC_EOI, 0);
    tap_eq((int64_t)apic_read(APIC_PPR), 0, "after 4000 wild writes the local APIC is usable");
}

static void wild_registers(void)
{
    unsigned int trapped = 0;

    for (unsigned int i = 0; i < 2000; i++) {
        uint32_t base = i % 3 == 0 ? 0 : i % 3 == 1 ? 0x40000000 : 0xc0010000;

        expect_trap();
        rdmsr(base + any() % 0x2000);
        trapped += trap_taken(NULL);
    }
    tap(trapped > 1000, "most of 2000 registers are not there # %u", trapped);
    for (unsigned int i = 0; i < 2000; i++)
        cpuid(i % 2 == 0 ? any() : 0x40000000 + any() % 0x100, any() % 8);
    tap(true, "2000 leaves of CPUID");
    for (unsigned int i = 0; i < 0x10000; i += 7)
        if (i != 0xe9)
            in8((uint16_t)i);
    tap(true, "ports everywhere");
}

void arch_test_fuzz(void)
{
    wild_registers();
    wild_apic();
}
