/* SPDX-License-Identifier: Apache-2.0 */
/* The set of pCPUs and messages between them. */
#ifndef WHERRY_SMP_H
#define WHERRY_SMP_H

#include <wherry/percpu.h>
#include <wherry/types.h>

extern uint64_t cpu_online_mask; /* bit n: pCPU n runs the scheduler. Set once each, at boot. */

static inline bool cpu_online(unsigned int cpu)
{
    return (READ_ONCE(cpu_online_mask) >> cpu) & 1;
}

unsigned int num_online_cpus(void);

#define for_each_online_cpu(cpu)                     \
    for ((cpu) = 0; (cpu) < CONFIG_NR_CPUS; (cpu)++) \
        if (cpu_online(cpu))

/*
 * Make `cpu` leave the guest or its idle wait and pass through its exit path. No message: the
 * sender has set what the receiver must look at (a vCPU's work bits, a run queue) before, with
 * release order; the interrupt orders it for the receiver. Safe to call with locks held.
 */
void arch_smp_kick(unsigned int cpu);

/* The arch calls this on the CPU that a kick reached, from its interrupt handler. */
void smp_kick_received(void);

/*
 * Common entry of a secondary pCPU once the arch has set it up; enters the scheduler. The arch
 * starts all that the firmware describes, at INIT_SMP.
 */
void __noreturn smp_cpu_ready(void);

/* Panic path: stop all other CPUs, best effort. */
void arch_smp_stop_others(void);

#endif
