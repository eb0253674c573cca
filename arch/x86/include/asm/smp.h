/* SPDX-License-Identifier: Apache-2.0 */
/* x86's view of the pCPUs: APIC ids and per-CPU bring-up steps. */
#ifndef WHERRY_ASM_SMP_H
#define WHERRY_ASM_SMP_H

#include <wherry/types.h>

/* APIC id of pCPU n. Set at INIT_EARLY, then constant. */
extern uint32_t cpu_apic_id[CONFIG_NR_CPUS];

/* The firmware describes a CPU (acpi.c); the boot CPU is known already. */
void smp_add_cpu(uint32_t apic_id);

/*
 * Per-CPU set-up that a secondary CPU runs before smp_cpu_ready(), and CPU 0 where the driver's own
 * init does it.
 */
struct cpu_init_call {
    void (*fn)(void);
    uint32_t order;
};

enum cpu_init_order {
    CPU_INIT_IRQ,   /* the local APIC */
    CPU_INIT_TIMER, /* its timer */
    CPU_INIT_GUEST, /* SVM or VMX on */
    CPU_INIT_NR
};

/* Register fn to run on each secondary CPU, in section .cpu_init_calls. */
#define CPU_INIT_CALL(order_, fn_)                                                            \
    static const struct cpu_init_call cpu_init_call_##fn_ __used __section(".cpu_init_calls") \
        __aligned(8) = {.fn = (fn_), .order = (order_)}

extern const struct cpu_init_call __cpu_init_calls_start[], __cpu_init_calls_end[];

#endif
