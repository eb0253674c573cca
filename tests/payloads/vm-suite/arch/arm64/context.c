/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a vCPU: those of EL1 that nothing here uses, and floating point (fp.S). */
#include "suite.h"

void fp_fill(uint64_t seed);
unsigned int fp_differs(uint64_t seed);

static uint64_t cpacr[MAX_CPUS];

void arch_regs_begin(void)
{
    cpacr[this_cpu()->index] = SYSREG_READ("cpacr_el1");
    SYSREG_WRITE("cpacr_el1", UINT64_C(3) << 20); /* floating point is allowed */
    isb();
}

void arch_regs_end(void)
{
    SYSREG_WRITE("cpacr_el1", cpacr[this_cpu()->index]);
    isb();
}

void arch_fp_fill(uint64_t seed)
{
    fp_fill(seed);
}

unsigned int arch_fp_differs(uint64_t seed)
{
    return fp_differs(seed);
}

void arch_system_fill(uint64_t seed)
{
    SYSREG_WRITE("tpidr_el0", seed + 1);
    SYSREG_WRITE("tpidrro_el0", seed + 2);
    SYSREG_WRITE("far_el1", seed + 3);
    SYSREG_WRITE("elr_el1", seed + 4);
    SYSREG_WRITE("sp_el0", seed + 16);
    SYSREG_WRITE("contextidr_el1", (uint32_t)seed + 6);
    SYSREG_WRITE("csselr_el1", seed & 2);
}

unsigned int arch_system_differs(uint64_t seed)
{
    return (SYSREG_READ("tpidr_el0") != seed + 1) + (SYSREG_READ("tpidrro_el0") != seed + 2) +
           (SYSREG_READ("far_el1") != seed + 3) + (SYSREG_READ("elr_el1") != seed + 4) +
           (SYSREG_READ("sp_el0") != seed + 16) +
           (SYSREG_READ("contextidr_el1") != (uint32_t)seed + 6) +
           (SYSREG_READ("csselr_el1") != (seed & 2));
}
