/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, vectors and the frame of an interrupt or exception of the hypervisor itself. */
#ifndef WHERRY_ASM_DESC_H
#define WHERRY_ASM_DESC_H

/* Exceptions (SDM vol. 3, 6.15). */
#define VEC_DE  0
#define VEC_DB  1
#define VEC_NMI 2
#define VEC_BP  3
#define VEC_OF  4
#define VEC_BR  5
#define VEC_UD  6
#define VEC_NM  7
#define VEC_DF  8
#define VEC_TS  10
#define VEC_NP  11
#define VEC_SS  12
#define VEC_GP  13
#define VEC_PF  14
#define VEC_MF  16
#define VEC_AC  17
#define VEC_MC  18
#define VEC_XM  19

/* Exceptions that push an error code: 8, 10 to 14, 17, 21, 29, 30. */
#define VECTORS_WITH_ERROR 0x60227d00

/* The hypervisor's own interrupts: one word of the local APIC's registers. */
#define VEC_FIRST_IRQ 0xe0
#define VEC_LAST_IO   0xef
#define VEC_TIMER     0xf0
#define VEC_KICK      0xf1
#define VEC_SPURIOUS  0xff

#ifndef __ASSEMBLY__

#include <wherry/types.h>

/* As entry.S pushes it. */
struct host_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* From entry.S: fault.c and irq.c. */
void __noreturn host_fault(const struct host_frame *frame);
void host_interrupt(const struct host_frame *frame);

/* This CPU's GDT and TSS, which a VM exit has to find again. */
struct desc_tables {
    uint64_t gdt_base, tss_base, idt_base;
};
void desc_tables(struct desc_tables *out);

#endif
#endif
