/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a payload by the arm64 Linux boot protocol (x0 = device tree, MMU off, EL1), and of its
 * secondary vCPUs by PSCI (x0 = struct cpu_boot). Relocates the image, clears bss, calls C.
 */
#define IMAGE_SIZE   0x800000 /* what payload.lds asserts */
#define R_RELATIVE   1027
#define STACK_SIZE   0x4000   /* as in include/cpu.h */

    .section .head, "ax"
    .global _head
    .hidden _head
_head:
    b       start
    .long   0
    .quad   0                   /* text_offset */
    .quad   IMAGE_SIZE
    .quad   0xa                 /* little endian, 4 KiB pages, anywhere in memory */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

start:
    mov     x20, x0
    mrs     x1, CurrentEL
    cmp     x1, #(1 << 2)
    b.ne    halt
    bl      fpu_on
    adrp    x1, _head
    add     x1, x1, :lo12:_head
    adrp    x2, __rela_start
    add     x2, x2, :lo12:__rela_start
    adrp    x3, __rela_end
    add     x3, x3, :lo12:__rela_end
relocate:
    cmp     x2, x3
    b.hs    relocated
    ldp     x4, x5, [x2], #16
    ldr     x6, [x2], #8
    cmp     w5, #R_RELATIVE
    b.ne    halt
    add     x6, x6, x1
    str     x6, [x1, x4]
    b       relocate
relocated:
    adrp    x2, _data_end
    add     x2, x2, :lo12:_data_end
    adrp    x3, _end
    add     x3, x3, :lo12:_end
clear:
    cmp     x2, x3
    b.hs    cleared
    dc      ivac, x2            /* no stale line may cover what is written uncached */
    stp     xzr, xzr, [x2], #16
    stp     xzr, xzr, [x2], #16
    stp     xzr, xzr, [x2], #16
    stp     xzr, xzr, [x2], #16
    b       clear
cleared:
    dsb     sy
    adrp    x1, cpu_stacks
    add     x1, x1, :lo12:cpu_stacks
    add     sp, x1, #STACK_SIZE
    mov     x0, x20
    mov     x29, xzr
    bl      boot_primary
halt:
    wfi
    b       halt

/* struct cpu_boot: stack top, root table, tcr, mair, entry's argument. */
    .global secondary_entry
    .hidden secondary_entry
secondary_entry:
    mov     x20, x0
    bl      fpu_on
    ldp     x1, x2, [x20]
    mov     sp, x1
    mov     x0, x2
    ldp     x1, x2, [x20, #16]
    bl      mmu_enable
    ldr     x0, [x20, #32]
    mov     x29, xzr
    bl      boot_secondary
    b       halt

fpu_on:
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1
    isb
    ret

/* mmu_enable(root, tcr, mair): identity mapped, so execution just goes on. */
    .global mmu_enable
    .hidden mmu_enable
mmu_enable:
    msr     mair_el1, x2
    msr     tcr_el1, x1
    msr     ttbr0_el1, x0
    ic      iallu
    tlbi    vmalle1
    dsb     sy
    isb
    mrs     x3, sctlr_el1
    mov     x4, #0x1005         /* M, C, I */
    orr     x3, x3, x4
    bic     x3, x3, #2          /* A: unaligned accesses are allowed */
    msr     sctlr_el1, x3
    isb
    ret
