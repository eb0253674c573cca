/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a boot loader to C: three ways in, all of them 32-bit protected mode with paging off.
 *
 *   Multiboot 1   %eax 0x2badb002, %ebx info    (QEMU -kernel takes any number of modules so)
 *   Multiboot 2   %eax 0x36d76289, %ebx info    (GRUB)
 *   PVH           %ebx struct hvm_start_info, through the ELF note
 *
 * Builds tables that map the first 4 GiB at 0, at DIRECTMAP_VIRT and at IMAGE_OFFSET (its first
 * GiB), and calls x86_boot(magic, info) on the boot stack. Starting CPUs come through the
 * trampoline at the end, which is copied below 1 MiB.
 */
#include <asm/layout.h>

#define PHYS(symbol) ((symbol) - IMAGE_OFFSET)

#define PVH_MAGIC 0x336ec578

#define CR0_PE    0x00000001
#define CR0_WP    0x00010000
#define CR0_PG    0x80000000
#define CR0_ET_NE 0x00000030
#define CR4_PAE   0x20
#define MSR_EFER  0xc0000080
#define MSR_GS_BASE 0xc0000101
#define EFER_LME_BIT 8
#define EFER_NXE_BIT 11

#define PTE_TABLE 0x003 /* present, writable */
#define PTE_2M    0x083 /* ... and a block */

    .section .head.text, "ax", @progbits
    .globl _start
_start:
    .code32
    jmp     start32

    /* Multiboot 1 (0.6.96, 3.1): flags 0 align modules, 1 memory map, 16 address fields. */
    .balign 4
multiboot1:
    .long   0x1badb002
    .long   0x00010003
    .long   -(0x1badb002 + 0x00010003)
    .long   PHYS(multiboot1)
    .long   PHYS(_start)
    .long   _image_load_end
    .long   _image_bss_end
    .long   PHYS(start32)

    /* Multiboot 2 (2.0, 3.1) */
    .balign 8
multiboot2:
    .long   0xe85250d6
    .long   0 /* i386 */
    .long   multiboot2_end - multiboot2
    .long   -(0xe85250d6 + (multiboot2_end - multiboot2))
    /* entry address */
    .balign 8
    .short  3, 0
    .long   12
    .long   PHYS(start32)
    /* modules begin at pages */
    .balign 8
    .short  6, 0
    .long   8
    /* end */
    .balign 8
    .short  0, 0
    .long   8
multiboot2_end:

    .section .note.xen, "a", @note
    .balign 4
    .long   4, 4, 18 /* name, descriptor, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   PHYS(start_pvh)

    .section .head.text
start_pvh:
    movl    $PVH_MAGIC, %eax
start32:
    cli
    cld
    movl    %eax, %ebp
    movl    %ebx, %esi

    /* Long mode? (CPUID 0x80000001 EDX bit 29) */
    movl    $0x80000000, %eax
    cpuid
    cmpl    $0x80000001, %eax
    jb      no_long_mode
    movl    $0x80000001, %eax
    cpuid
    btl     $29, %edx
    jnc     no_long_mode
    movl    %edx, %ebx /* bit 20: NX */

    /* Four page directories of 2 MiB blocks; blocks and tables are contiguous. */
    movl    $PHYS(boot_pd), %edi
    movl    $PTE_2M, %eax
    xorl    %edx, %edx
1:  movl    %eax, (%edi)
    movl    %edx, 4(%edi)
    addl    $0x200000, %eax
    addl    $8, %edi
    cmpl    $PHYS(boot_pd) + 4 * 4096, %edi
    jb      1b
    movl    $PHYS(boot_pdpt), %edi
    movl    $PHYS(boot_pd) + PTE_TABLE, %eax
    movl    $4, %ecx
2:  movl    %eax, (%edi)
    movl    $0, 4(%edi)
    addl    $4096, %eax
    addl    $8, %edi
    loop    2b
    /* IMAGE_OFFSET is entry 510 of the last one. */
    movl    $PHYS(boot_pd) + PTE_TABLE, PHYS(boot_pdpt_high) + 510 * 8
    movl    $PHYS(boot_pdpt) + PTE_TABLE, PHYS(boot_pml4)
    movl    $PHYS(boot_pdpt) + PTE_TABLE, PHYS(boot_pml4) + 256 * 8
    movl    $PHYS(boot_pdpt_high) + PTE_TABLE, PHYS(boot_pml4) + 511 * 8

    movl    $CR4_PAE, %eax
    movl    %eax, %cr4
    movl    $PHYS(boot_pml4), %eax
    movl    %eax, %cr3
    movl    %ebx, %edi
    movl    $MSR_EFER, %ecx
    rdmsr
    btsl    $EFER_LME_BIT, %eax
    btl     $20, %edi
    jnc     3f
    btsl    $EFER_NXE_BIT, %eax
3:  wrmsr
    movl    $(CR0_PG | CR0_WP | CR0_ET_NE | CR0_PE), %eax
    movl    %eax, %cr0
    lgdt    PHYS(boot_gdtr)
    ljmp    $SEL_CODE64, $PHYS(start64)

no_long_mode:
    movl    $PHYS(no_long_mode_text), %esi
    movw    $0x3f8, %dx
4:  lodsb
    testb   %al, %al
    jz      5f
    outb    %al, %dx
    jmp     4b
5:  hlt
    jmp     5b

    .code64
start64:
    movabsq $start64_high, %rax
    jmp     *%rax
start64_high:
    movl    $SEL_DATA, %eax
    movl    %eax, %ss
    movl    %eax, %ds
    movl    %eax, %es
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    /* .bss: what the loader did not clear. */
    movq    $__bss_start, %rdi
    movq    $__bss_end, %rcx
    subq    %rdi, %rcx
    shrq    $3, %rcx
    rep stosq
    /* The boot CPU's per-CPU data. */
    movl    %esi, %ebx
    movq    $__percpu_start, %rsi
    movq    $__percpu_boot, %rdi
    movq    $__percpu_end, %rcx
    subq    %rsi, %rcx
    rep movsb
    movq    $__percpu_boot, %rax
    subq    $__percpu_start, %rax
    movq    %rax, %rdx
    movq    %rax, %r8
    shrq    $32, %rdx
    movl    $MSR_GS_BASE, %ecx
    wrmsr
    movq    %r8, %gs:percpu_this_offset
    movq    $_boot_stack + STACK_SIZE, %rsp
    movl    %ebp, %edi
    movl    %ebx, %esi
    xorl    %ebp, %ebp
    call    x86_boot
    ud2

    .balign 8
boot_gdt:
    .quad   0
    .quad   0x00af9a000000ffff /* SEL_CODE64 */
    .quad   0x00cf92000000ffff /* SEL_DATA */
    .quad   0x00cf9a000000ffff /* SEL_CODE32 */
boot_gdt_end:
    .balign 8
boot_gdtr:
    .short  boot_gdt_end - boot_gdt - 1
    .quad   PHYS(boot_gdt)
no_long_mode_text:
    .asciz  "(wherry) this CPU has no long mode. Stopped.\r\n"

/*
 * Copied to TRAMPOLINE_PHYS, where a started CPU begins in real mode with CS:IP = page:0. smp.c
 * fills in the data at the end of it.
 */
    .balign 16
    .globl trampoline_start, trampoline_end, trampoline_cr3, trampoline_stack, trampoline_offset
    .code16
trampoline_start:
    cli
    cld
    xorw    %ax, %ax
    movw    %ax, %ds
    lgdtl   TRAMPOLINE_PHYS + trampoline_gdtr - trampoline_start
    movl    $(CR0_ET_NE | CR0_PE), %eax
    movl    %eax, %cr0
    ljmpl   $SEL_CODE32, $(TRAMPOLINE_PHYS + trampoline32 - trampoline_start)
    .code32
trampoline32:
    movl    $SEL_DATA, %eax
    movl    %eax, %ds
    movl    %eax, %ss
    movl    $CR4_PAE, %eax
    movl    %eax, %cr4
    movl    TRAMPOLINE_PHYS + trampoline_cr3 - trampoline_start, %eax
    movl    %eax, %cr3
    movl    $MSR_EFER, %ecx
    rdmsr
    btsl    $EFER_LME_BIT, %eax
    btsl    $EFER_NXE_BIT, %eax
    wrmsr
    movl    $(CR0_PG | CR0_WP | CR0_ET_NE | CR0_PE), %eax
    movl    %eax, %cr0
    ljmp    $SEL_CODE64, $(TRAMPOLINE_PHYS + trampoline64 - trampoline_start)
    .code64
trampoline64:
    movl    $SEL_DATA, %eax
    movl    %eax, %ss
    movl    %eax, %ds
    movl    %eax, %es
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movq    trampoline_stack(%rip), %rsp
    movq    trampoline_offset(%rip), %rax
    movq    %rax, %rdx
    shrq    $32, %rdx
    movl    $MSR_GS_BASE, %ecx
    wrmsr
    xorl    %ebp, %ebp
    movabsq $smp_secondary_start, %rax
    pushq   $0
    jmp     *%rax
    .balign 8
trampoline_gdt: /* accessed already: the page is not writable */
    .quad   0
    .quad   0x00af9b000000ffff
    .quad   0x00cf93000000ffff
    .quad   0x00cf9b000000ffff
trampoline_gdtr:
    .short  trampoline_gdtr - trampoline_gdt - 1
    .long   TRAMPOLINE_PHYS + trampoline_gdt - trampoline_start
    .balign 8
trampoline_cr3:    .quad 0 /* below 4 GiB */
trampoline_stack:  .quad 0
trampoline_offset: .quad 0
trampoline_end:

    .section .boot_tables, "aw", @nobits
    .balign 4096
    .globl boot_pml4
boot_pml4:      .skip 4096
boot_pdpt:      .skip 4096
boot_pdpt_high: .skip 4096
boot_pd:        .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
