/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of what a domain sees by itself: one file for each subject, called in this order by
 * main.c. What depends on the architecture is in arch/ARCH. Cases for more vCPUs need more vCPUs.
 */
#ifndef VM_SUITE_H
#define VM_SUITE_H

#include "payload.h"

void test_traps(void);    /* arch: accesses that nobody claims, instructions that trap */
void test_xstate(void);   /* x86: XSAVE, AVX */
void test_vcpu_op(void);  /* x86: before others start vCPUs */
void test_words32(void);  /* x86: hypercalls of 32-bit code */
void test_features(void); /* arch: the processor as it is offered */
void test_hypercalls(void);
void test_memory(void);
void test_events(void);
void test_interrupts(void); /* arch: the interrupt controller */
void test_timer(void);      /* arch */
void test_context(void);
void test_smp(void);
void test_fuzz(void);
void test_security(void);

/* --- what the common files ask of an architecture --- */

extern const char arch_capabilities[]; /* how its list of capabilities begins */
void arch_test_callback(void);         /* HVM_PARAM_CALLBACK_IRQ of this domain */
/* System and floating-point registers that are this vCPU's: fill, and how many differ. */
void arch_regs_begin(void);
void arch_regs_end(void);
void arch_fp_fill(uint64_t seed);
unsigned int arch_fp_differs(uint64_t seed);
void arch_system_fill(uint64_t seed);
unsigned int arch_system_differs(uint64_t seed);
void arch_test_cpu_calls(void); /* calls that start vCPUs, used wrongly */
void arch_test_routing(void);   /* interrupts for other vCPUs; those got what ipi_count counts */
extern volatile unsigned int ipi_count[MAX_CPUS];
void count_ipi(unsigned int irq, void *ctx);
bool wait_for(volatile unsigned int *counter_, unsigned int n);
void arch_test_fuzz(void); /* nonsense for what only it has */
void arch_test_last(void); /* what leaves the domain other than it was */

/* No stage 1 maps it: hypercall buffers here give EFAULT. */
#define BAD_POINTER ((void *)0x10000000000)

#endif
