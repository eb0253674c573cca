/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the firmware enters: the arm64 Linux Image header, and the way from "MMU off, any load
 * address" to C at the link address. Secondary CPUs come from PSCI to secondary_start.
 *
 * With the MMU off all addresses are PC-relative (adrp). Kept on the way: x19 physical address of the
 * image, x20 CPU number, x21 physical address of the device tree, x22 exception level.
 */
#include <asm/layout.h>

#define PAGE 0x1000

/* Page descriptors: AF, inner shareable, AP[1] (RES1 at EL2); RO is AP[2]. Arm ARM D8.3. */
#define PTE_TABLE 0x3
#define PTE_RX    0x7c3
#define PTE_RO    0x400000000007c3
#define PTE_RW    0x40000000000743

/* Attribute 0: normal write-back; 1: Device-nGnRE. mmu.c uses the same. */
#define MAIR_VALUE 0x04ff

/* T0SZ 16, walks write-back and inner shareable, 4 KiB granule; PS is added. */
#define TCR_COMMON   0x3510
#define TCR_EL2_RES1 0x80800000
#define TCR_EL1_EPD1 0x00800000

/* RES1 bits and WXN, I, SA, C, M. At EL1 we only print a line and stop. */
#define SCTLR_EL2_VALUE (0x30c50830 + (1 << 19) + (1 << 12) + (1 << 3) + (1 << 2) + 1)
#define SCTLR_EL1_VALUE (0x30d00800 + (1 << 12) + (1 << 2) + 1)

/* RW: EL1 is AArch64. AMO, IMO, FMO: physical interrupts come to EL2. */
#define HCR_VALUE  (0x80000000 + (7 << 3))
#define CPTR_VALUE 0x33ff

.macro load_imm reg, val
    movz \reg, #((\val) & 0xffff)
    movk \reg, #(((\val) >> 16) & 0xffff), lsl #16
    movk \reg, #(((\val) >> 32) & 0xffff), lsl #32
    movk \reg, #(((\val) >> 48) & 0xffff), lsl #48
.endm

.section .head.text, "ax"
    b       boot_start
    .long   0
    .quad   0                   /* text_offset */
    .quad   _image_size
    .quad   0xa                 /* little endian, 4 KiB pages, anywhere in memory */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

boot_start:
    msr     daifset, #0xf
    mov     x21, x0
    mov     x20, #0
    mrs     x22, CurrentEL
    lsr     x22, x22, #2
    cmp     x22, #3
    b.eq    park                /* EL3: not the boot protocol, and nobody below to speak to */
    adrp    x19, _start
    bl      build_tables
    ldr     x30, =boot_high
    b       mmu_enable

.globl secondary_start
secondary_start:
    msr     daifset, #0xf
    mov     x20, x0             /* the context that CPU_ON was given */
    mrs     x22, CurrentEL
    lsr     x22, x22, #2
    cmp     x22, #2
    b.ne    park
    ldr     x30, =secondary_high
    b       mmu_enable

park:
    wfi
    b       park

/* Map pages of the image from x1 (physical) up to a symbol; x2 walks the leaf table. */
.macro map_image_to end, pte
    adrp    x3, \end
    load_imm x4, \pte
1:  cmp     x1, x3
    b.hs    2f
    orr     x5, x1, x4
    str     x5, [x2], #8
    add     x1, x1, #PAGE
    b       1b
2:
.endm

/* Entry `shift` of address x1 in the table at `from` points to the table at `to`. */
.macro link_table from, to, shift
    adrp    x2, \from
    adrp    x3, \to
    ubfx    x4, x1, #\shift, #9
    orr     x3, x3, #PTE_TABLE
    str     x3, [x2, x4, lsl #3]
.endm

/* Fill the tables below with the MMU off. Clobbers x0-x5. */
build_tables:
    adrp    x0, boot_tables_start
    adrp    x1, boot_tables_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b

    mov     x1, x19
    adrp    x2, boot_l3_image
    map_image_to _init_text_end, PTE_RX
    map_image_to _rodata_end, PTE_RO
    map_image_to _end, PTE_RW

    ldr     x1, =IMAGE_VIRT
    link_table boot_l0, boot_l1, 39
    link_table boot_l1, boot_l2, 30
    link_table boot_l2, boot_l3_image, 21
    add     x1, x1, #0x200000
    link_table boot_l2, boot_l3_image2, 21

    adrp    x1, _idmap_start
    link_table boot_l0, boot_l1_id, 39
    link_table boot_l1_id, boot_l2_id, 30
    link_table boot_l2_id, boot_l3_id, 21
    load_imm x4, PTE_RX
    orr     x5, x1, x4
    adrp    x2, boot_l3_id
    ubfx    x4, x1, #12, #9
    str     x5, [x2, x4, lsl #3]

    /* The stores went past the caches: drop what lines may hold of these pages. */
    dmb     sy
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x2, x3, x2
    adrp    x0, boot_tables_start
    adrp    x1, boot_tables_end
1:  dc      ivac, x0
    add     x0, x0, x2
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

    .ltorg

/* Turn the MMU on and go on at x30. Mapped at its physical address too. Clobbers x0-x2. */
.section .idmap.text, "ax"
mmu_enable:
    ic      iallu
    ldr     x0, =MAIR_VALUE
    ldr     x1, =TCR_COMMON
    mrs     x2, id_aa64mmfr0_el1
    ubfx    x2, x2, #0, #3      /* PARange; 52 bits (6) takes another granule: use 48 */
    cmp     x2, #5
    b.ls    1f
    mov     x2, #5
1:  cmp     x22, #1
    b.eq    enable_el1

    bfi     x1, x2, #16, #3
    ldr     x2, =TCR_EL2_RES1
    orr     x1, x1, x2
    msr     mair_el2, x0
    msr     tcr_el2, x1
    adrp    x0, boot_l0
    msr     ttbr0_el2, x0
    ldr     x0, =HCR_VALUE
    msr     hcr_el2, x0
    ldr     x0, =CPTR_VALUE
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    msr     cntvoff_el2, xzr
    isb
    tlbi    alle2
    dsb     sy
    isb
    ldr     x0, =SCTLR_EL2_VALUE
    msr     sctlr_el2, x0
    isb
    br      x30

enable_el1:
    bfi     x1, x2, #32, #3
    ldr     x2, =TCR_EL1_EPD1
    orr     x1, x1, x2
    msr     mair_el1, x0
    msr     tcr_el1, x1
    adrp    x0, boot_l0
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    ldr     x0, =SCTLR_EL1_VALUE
    msr     sctlr_el1, x0
    isb
    br      x30
    .ltorg

.section .init.text, "ax"
boot_high:
    ldr     x0, =__bss_start
    ldr     x1, =__bss_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b
    ldr     x0, =image_paddr
    str     x19, [x0]

    ldr     x0, =__percpu_boot
    ldr     x1, =__percpu_start
    ldr     x2, =__percpu_end
    sub     x4, x0, x1
1:  ldp     x5, x6, [x1], #16
    stp     x5, x6, [x0], #16
    cmp     x1, x2
    b.lo    1b

    ldr     x0, =_boot_stack
    add     x0, x0, #STACK_SIZE
    mov     sp, x0
    mov     x29, #0
    mov     x0, x21
    cmp     x22, #1
    b.eq    boot_report_el1

    msr     tpidr_el2, x4
    ldr     x1, =hyp_vectors
    msr     vbar_el2, x1
    isb
    bl      mmu_map_boot_stack
    ldr     x1, =(STACKS_VIRT + STACK_SLOT_SIZE)
    mov     sp, x1
    mov     x29, #0
    mov     x0, x21
    b       arm_boot
    .ltorg

.section .text, "ax"
secondary_high:
    ldr     x1, =percpu_offset
    ldr     x1, [x1, x20, lsl #3]
    msr     tpidr_el2, x1
    ldr     x1, =hyp_vectors
    msr     vbar_el2, x1
    isb
    ldr     x1, =STACKS_VIRT
    mov     x2, #STACK_SLOT_SIZE
    madd    x2, x20, x2, x2
    add     sp, x1, x2
    mov     x29, #0
    mov     x0, x20
    b       smp_secondary_start
    .ltorg

.section .boot_tables, "aw", %nobits
    .balign PAGE
boot_tables_start:
.globl boot_l0
boot_l0:
    .skip   PAGE
boot_l1:
    .skip   PAGE
boot_l2:
    .skip   PAGE
boot_l3_image:
    .skip   PAGE
boot_l3_image2:
    .skip   PAGE
boot_l1_id:
    .skip   PAGE
boot_l2_id:
    .skip   PAGE
boot_l3_id:
    .skip   PAGE
boot_tables_end:
