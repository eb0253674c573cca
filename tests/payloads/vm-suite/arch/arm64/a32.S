/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a piece of AArch32 code at EL0 until its first exception, for features.c. The MMU is off
 * meanwhile, so that EL0 may reach everything; state waits in registers that AArch32 has not.
 */

    .macro  a32_vector offset
    .balign 0x80
    mov     x27, #\offset
    b       a32_back
    .endm

    .text
    .balign 0x800
a32_vectors:
    .set    offset, 0
    .rept   16
    a32_vector offset
    .set    offset, offset + 0x80
    .endr

/* void a32_run(const void *code, uint64_t r1, uint64_t r2, struct a32_result *result) */
    .global a32_run
    .hidden a32_run
a32_run:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    mov     x19, x3
    mrs     x20, vbar_el1
    mrs     x21, sctlr_el1
    mrs     x22, daif
    adr     x4, a32_vectors
    msr     daifset, #2
    msr     vbar_el1, x4
    bic     x4, x21, #1
    dsb     sy
    msr     sctlr_el1, x4
    isb
    mov     x4, #0x1d0          /* user mode, A, I and F masked */
    msr     spsr_el1, x4
    msr     elr_el1, x0
    mov     x0, xzr
    eret

a32_back:
    msr     sctlr_el1, x21
    isb
    msr     vbar_el1, x20
    mrs     x24, esr_el1
    mrs     x25, far_el1
    mrs     x26, elr_el1
    isb
    stp     x0, x24, [x19]
    stp     x25, x26, [x19, #16]
    str     x27, [x19, #32]
    msr     daif, x22
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #96
    ret

    .balign 4
    .global a32_load, a32_cp15
    .hidden a32_load
    .hidden a32_cp15
a32_load:
    .inst   0xe5910000          /* ldr r0, [r1] */
    .inst   0xef000000          /* svc #0 */
a32_cp15:
    .inst   0xee1f0f10          /* mrc p15, 0, r0, c15, c0, 0 */
    .inst   0xef000000
