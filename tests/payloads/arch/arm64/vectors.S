/* SPDX-License-Identifier: Apache-2.0 */
/* EL1 vectors of a payload: everything is saved in struct trap_frame (include/cpu.h), then C. */
#define FRAME 288

    .macro  vector handler
    .balign 0x80
    sub     sp, sp, #FRAME
    stp     x0, x1, [sp]
    adr     x0, \handler
    b       save
    .endm

    .text
    .balign 0x800
    .global vectors
    .hidden vectors
vectors:
    vector  on_sync     /* SP_EL0: a test uses it as a base register */
    vector  on_irq
    vector  on_other
    vector  on_other
    vector  on_sync     /* SP_EL1 */
    vector  on_irq
    vector  on_other
    vector  on_other
    .rept   8
    vector  on_other    /* no EL0 */
    .endr

save:
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
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x30, x1, [sp, #240]
    str     x2, [sp, #256]
    mov     x1, x0
    mov     x0, sp
    br      x1

on_sync:
    bl      trap_sync
    b       restore
on_irq:
    bl      trap_irq
    b       restore
on_other:
    bl      trap_other

restore:
    ldp     x30, x1, [sp, #240]
    ldr     x2, [sp, #256]
    msr     elr_el1, x1
    msr     spsr_el1, x2
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
    ldp     x0, x1, [sp]
    add     sp, sp, #FRAME
    eret
