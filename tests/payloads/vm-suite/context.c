/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each vCPU has its registers for itself, however many share a pCPU: all of them at once keep
 * their own patterns in floating-point and EL1 registers for several time slices.
 */
#include "suite.h"

#define RUN_MS 60 /* the hypervisor's slice is 10 ms */

void fp_fill(uint64_t seed);
unsigned int fp_differs(uint64_t seed);

static volatile unsigned int wrong_fp[MAX_CPUS], wrong_el1[MAX_CPUS], rounds[MAX_CPUS];
static volatile unsigned int running;

static void el1_fill(uint64_t seed)
{
    SYSREG_WRITE("tpidr_el0", seed + 1);
    SYSREG_WRITE("tpidrro_el0", seed + 2);
    SYSREG_WRITE("far_el1", seed + 3);
    SYSREG_WRITE("elr_el1", seed + 4);
    SYSREG_WRITE("sp_el0", seed + 16);
    SYSREG_WRITE("contextidr_el1", (uint32_t)seed + 6);
    SYSREG_WRITE("csselr_el1", seed & 2);
}

static unsigned int el1_differs(uint64_t seed)
{
    return (SYSREG_READ("tpidr_el0") != seed + 1) + (SYSREG_READ("tpidrro_el0") != seed + 2) +
           (SYSREG_READ("far_el1") != seed + 3) + (SYSREG_READ("elr_el1") != seed + 4) +
           (SYSREG_READ("sp_el0") != seed + 16) +
           (SYSREG_READ("contextidr_el1") != (uint32_t)seed + 6) +
           (SYSREG_READ("csselr_el1") != (seed & 2));
}

static void keep_registers(void *arg_)
{
    unsigned int me = this_cpu()->index;
    uint64_t seed = UINT64_C(0x0123456700000000) * (me + 1) + me * 0x101;
    uint64_t end = counter() + counter_hz() * RUN_MS / 1000;
    uint64_t cpacr = SYSREG_READ("cpacr_el1");

    (void)arg_;
    SYSREG_WRITE("cpacr_el1", UINT64_C(3) << 20); /* floating point is allowed */
    isb();
    fp_fill(seed);
    el1_fill(seed);
    do {
        wrong_fp[me] += fp_differs(seed);
        wrong_el1[me] += el1_differs(seed);
        rounds[me]++;
    } while (counter() < end);
    SYSREG_WRITE("cpacr_el1", cpacr);
    isb();
    __atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
}

void test_context(void)
{
    uint64_t end;

    irqs_off();
    running = nr_cpus;
    for (unsigned int i = 1; i < nr_cpus; i++)
        tap_eq(cpu_start(i, keep_registers, NULL), 0, "vCPU %u starts for the register test", i);
    keep_registers(NULL);
    end = counter() + PATIENCE * counter_hz();
    while (running != 0 && counter() < end)
        yield_cpu();
    for (unsigned int i = 0; i < nr_cpus; i++) {
        tap(rounds[i] > 2, "vCPU %u ran", i);
        tap_eq(wrong_fp[i], 0, "vCPU %u kept its floating-point registers", i);
        tap_eq(wrong_el1[i], 0, "vCPU %u kept its system registers", i);
    }
    for (unsigned int i = 1; i < nr_cpus; i++) {
        while (cpus[i].online && counter() < end)
            yield_cpu();
        tap(!cpus[i].online, "vCPU %u is off again", i);
    }
}
