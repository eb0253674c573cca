/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from a guest, where the vectors (vectors.S) branch to, and return to one.
 *
 * While a guest runs, SP_EL2 is the end of the current vCPU's struct cpu_user_regs, which is the
 * first thing in struct vcpu. An entry therefore needs no scratch register: it pushes X0-X30, and
 * the pushed frame's address is the vCPU. The pCPU's own stack pointer waits in the same frame.
 */
#include <asm/regs_asm.h>

    /* Save everything, go to the hypervisor's stack, call \handler(vcpu), return to the vCPU
     * that it names. */
    .macro guest_entry name, handler
    .global \name
    .type \name, %function
\name:
    stp     x0, x1, [sp, #-REGS_SIZE]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x21, elr_el2
    mrs     x22, spsr_el2
    stp     x30, x21, [sp, #REGS_LR]
    mov     x0, sp
    ldr     x1, [sp, #REGS_HOST_SP]
    str     x22, [sp, #REGS_SPSR]
    mov     sp, x1
    mov     x29, xzr                    /* end of a backtrace */
    mov     x30, xzr
    bl      \handler
    b       guest_return
    .size \name, . - \name
    .endm

    .text
guest_entry guest_sync, trap_guest_sync
guest_entry guest_irq, trap_guest_irq
guest_entry guest_fiq, trap_guest_irq
guest_entry guest_serror, trap_guest_serror

    .global guest_return
    .type guest_return, %function
    /* x0: struct vcpu to enter. */
guest_return:
    mov     sp, x0
    ldp     x21, x22, [sp, #REGS_ELR]
    msr     elr_el2, x21
    msr     spsr_el2, x22
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldr     x30, [sp, #REGS_LR]
    ldp     x0, x1, [sp], #REGS_SIZE
    eret
    /* No speculation past the return with guest-chosen registers. */
    dsb     nsh
    isb
    .size guest_return, . - guest_return

    .arch_extension fp
    .arch_extension simd

    /* void fp_save(struct fp_context *fp); */
    .global fp_save
    .type fp_save, %function
fp_save:
    stp     q0, q1, [x0, #0]
    stp     q2, q3, [x0, #32]
    stp     q4, q5, [x0, #64]
    stp     q6, q7, [x0, #96]
    stp     q8, q9, [x0, #128]
    stp     q10, q11, [x0, #160]
    stp     q12, q13, [x0, #192]
    stp     q14, q15, [x0, #224]
    stp     q16, q17, [x0, #256]
    stp     q18, q19, [x0, #288]
    stp     q20, q21, [x0, #320]
    stp     q22, q23, [x0, #352]
    stp     q24, q25, [x0, #384]
    stp     q26, q27, [x0, #416]
    stp     q28, q29, [x0, #448]
    stp     q30, q31, [x0, #480]
    mrs     x1, fpsr
    mrs     x2, fpcr
    add     x0, x0, #512
    stp     x1, x2, [x0]
    ret
    .size fp_save, . - fp_save

    /* void fp_load(const struct fp_context *fp); */
    .global fp_load
    .type fp_load, %function
fp_load:
    ldp     q0, q1, [x0, #0]
    ldp     q2, q3, [x0, #32]
    ldp     q4, q5, [x0, #64]
    ldp     q6, q7, [x0, #96]
    ldp     q8, q9, [x0, #128]
    ldp     q10, q11, [x0, #160]
    ldp     q12, q13, [x0, #192]
    ldp     q14, q15, [x0, #224]
    ldp     q16, q17, [x0, #256]
    ldp     q18, q19, [x0, #288]
    ldp     q20, q21, [x0, #320]
    ldp     q22, q23, [x0, #352]
    ldp     q24, q25, [x0, #384]
    ldp     q26, q27, [x0, #416]
    ldp     q28, q29, [x0, #448]
    ldp     q30, q31, [x0, #480]
    add     x0, x0, #512
    ldp     x1, x2, [x0]
    msr     fpsr, x1
    msr     fpcr, x2
    ret
    .size fp_load, . - fp_load
