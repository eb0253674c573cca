/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per-CPU variables: one copy of section .data.percpu for each CPU. asm/percpu.h gives
 * arch_percpu_offset(), the distance from the template to this CPU's copy.
 */
#ifndef WHERRY_PERCPU_H
#define WHERRY_PERCPU_H

#include <asm/percpu.h>
#include <wherry/types.h>

#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name
#define DEFINE_PER_CPU(type, name)  __section(".data.percpu") __typeof__(type) percpu_##name

#define PERCPU_AT(name, offset) \
    (*(__typeof__(percpu_##name) *)((uintptr_t)&percpu_##name + (offset)))

/* This CPU's copy; the hypervisor is not preempted, so it stays this CPU's. */
#define this_cpu(name) PERCPU_AT(name, arch_percpu_offset())
/* CPU `cpu`'s copy. */
#define per_cpu(name, cpu) PERCPU_AT(name, percpu_offset[cpu])

/* Set for every CPU that may come up before INIT_CORE; 0 for others (and maybe for CPU 0). */
extern uintptr_t percpu_offset[CONFIG_NR_CPUS];

DECLARE_PER_CPU(unsigned int, cpu_id);

static inline unsigned int smp_processor_id(void)
{
    return this_cpu(cpu_id);
}

#endif
