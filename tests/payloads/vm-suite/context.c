/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each vCPU has its registers for itself, however many share a pCPU: all of them at once keep
 * their own patterns in floating-point and system registers for several time slices.
 */
#include "suite.h"

#define RUN_MS 60 /* the hypervisor's slice is 10 ms */

static volatile unsigned int wrong_fp[MAX_CPUS], wrong_system[MAX_CPUS], rounds[MAX_CPUS];
static volatile unsigned int running;

static void keep_registers(void *arg_)
{
    unsigned int me = this_cpu()->index;
    uint64_t seed = UINT64_C(0x0123456700000000) * (me + 1) + me * 0x101;
    uint64_t end = counter() + counter_hz() * RUN_MS / 1000;

    (void)arg_;
    arch_regs_begin();
    arch_fp_fill(seed);
    arch_system_fill(seed);
    do {
        wrong_fp[me] += arch_fp_differs(seed);
        wrong_system[me] += arch_system_differs(seed);
        rounds[me]++;
    } while (counter() < end);
    arch_regs_end();
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
        tap_eq(wrong_system[i], 0, "vCPU %u kept its system registers", i);
    }
    for (unsigned int i = 1; i < nr_cpus; i++) {
        /* It says so before it asks for it: a busy machine may come in between. */
        while ((cpus[i].online || !cpu_is_off(i)) && counter() < end)
            yield_cpu();
        tap(!cpus[i].online && cpu_is_off(i), "vCPU %u is off again", i);
    }
}
