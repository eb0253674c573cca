/* SPDX-License-Identifier: Apache-2.0 */
/* Arm's view of the pCPUs: affinity numbers, SGI use, per-CPU bring-up steps. */
#ifndef WHERRY_ASM_SMP_H
#define WHERRY_ASM_SMP_H

#include <wherry/types.h>

#define SGI_KICK 0 /* arch_smp_kick(): leave the guest; handler calls smp_kick_received() */
#define SGI_STOP 1 /* arch_smp_stop_others(): never come back */

#define MPIDR_HWID_MASK UINT64_C(0xff00ffffff) /* Aff3, Aff2, Aff1, Aff0 */
#define MPIDR_INVALID   (~UINT64_C(0))

/* Affinity fields of pCPU n's MPIDR_EL1, or MPIDR_INVALID. Set at INIT_EARLY, then constant. */
extern uint64_t cpu_mpidr[CONFIG_NR_CPUS];

/* pCPUs that exist in the device tree (bit n); those that came up are in cpu_online_mask. */
extern uint64_t cpu_present_mask;

/*
 * Per-CPU set-up that a secondary CPU runs before smp_cpu_ready(), and CPU 0 where the driver's own
 * init does it: interrupt controller's CPU interface, then timer, then the rest.
 */
struct cpu_init_call {
    void (*fn)(void);
    uint32_t order;
};

enum cpu_init_order {
    CPU_INIT_IRQ,   /* the CPU interface of the interrupt controller */
    CPU_INIT_TIMER, /* PPIs may be requested from here on */
    CPU_INIT_GUEST, /* trap configuration etc. */
    CPU_INIT_NR
};

/* Register fn to run on each secondary CPU, in section .cpu_init_calls. */
#define CPU_INIT_CALL(order_, fn_)                                                            \
    static const struct cpu_init_call cpu_init_call_##fn_ __used __section(".cpu_init_calls") \
        __aligned(8) = {.fn = (fn_), .order = (order_)}

extern const struct cpu_init_call __cpu_init_calls_start[], __cpu_init_calls_end[];

#endif
