/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector table of EL2. Traps from a guest belong to entry.S. Whatever is taken from EL2 itself
 * is a broken hypervisor: the registers go to an emergency stack, the old one may be the trouble,
 * and C prints them. There is no return, so guest state that a scratch register had is lost.
 */
#include <asm/layout.h>

.macro guest_vector target
    .balign 0x80
    b       \target
.endm

.macro fault_vector kind
    .balign 0x80
    msr     tpidr_el0, x0
    mov     x0, #\kind
    b       hyp_fault_entry
.endm

.section .vectors.text, "ax"
.balign 0x800
.globl hyp_vectors
hyp_vectors:
    fault_vector 0              /* current EL with SP_EL0: never selected */
    fault_vector 1
    fault_vector 2
    fault_vector 3
    fault_vector 4              /* current EL: synchronous, IRQ, FIQ, SError */
    fault_vector 5
    fault_vector 6
    fault_vector 7
    guest_vector guest_sync     /* a guest in AArch64 */
    guest_vector guest_irq
    guest_vector guest_fiq
    guest_vector guest_serror
    guest_vector guest_sync     /* a guest in AArch32 */
    guest_vector guest_irq
    guest_vector guest_fiq
    guest_vector guest_serror
    .balign 0x80

/* x0: which vector; its value is in TPIDR_EL0. Layout of the frame: struct hyp_fault_regs. */
hyp_fault_entry:
    msr     tpidrro_el0, x1
    ldr     x1, =percpu_emergency_stack
    msr     tpidr_el1, x2
    mrs     x2, tpidr_el2
    add     x1, x1, x2
    mov     x2, sp
    add     x1, x1, #EMERGENCY_STACK_SIZE
    sub     x1, x1, #HYP_FAULT_REGS_SIZE
    mov     sp, x1
    str     x2, [sp, #(31 * 8)]
    str     x0, [sp, #(36 * 8)]
    mrs     x0, tpidr_el0
    mrs     x1, tpidrro_el0
    mrs     x2, tpidr_el1
    stp     x0, x1, [sp, #(0 * 8)]
    stp     x2, x3, [sp, #(2 * 8)]
    stp     x4, x5, [sp, #(4 * 8)]
    stp     x6, x7, [sp, #(6 * 8)]
    stp     x8, x9, [sp, #(8 * 8)]
    stp     x10, x11, [sp, #(10 * 8)]
    stp     x12, x13, [sp, #(12 * 8)]
    stp     x14, x15, [sp, #(14 * 8)]
    stp     x16, x17, [sp, #(16 * 8)]
    stp     x18, x19, [sp, #(18 * 8)]
    stp     x20, x21, [sp, #(20 * 8)]
    stp     x22, x23, [sp, #(22 * 8)]
    stp     x24, x25, [sp, #(24 * 8)]
    stp     x26, x27, [sp, #(26 * 8)]
    stp     x28, x29, [sp, #(28 * 8)]
    str     x30, [sp, #(30 * 8)]
    mrs     x0, elr_el2
    mrs     x1, spsr_el2
    stp     x0, x1, [sp, #(32 * 8)]
    mrs     x0, esr_el2
    mrs     x1, far_el2
    stp     x0, x1, [sp, #(34 * 8)]
    mov     x29, #0
    mov     x30, #0
    mov     x0, sp
    b       hyp_fault
    .ltorg
