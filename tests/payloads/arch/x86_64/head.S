/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a payload by PVH (32-bit protected mode, no paging, %ebx: start info) and by a start-up
 * IPI (real mode, the trampoline below 1 MiB that smp.c copies).
 */
#define CR0_PE    0x1
#define CR0_ON    0x80010033        /* PG, WP, NE, ET, MP, PE */
#define CR4_ON    0x620             /* OSXMMEXCPT, OSFXSR, PAE */
#define MSR_EFER  0xc0000080
#define EFER_LME  0x100
#define STACK     0x4000

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 4, 18                /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   start32

    .section .head, "ax"
    .code32
start32:
    cld
    movl    %ebx, %edi
    movl    $boot_gdt_pointer, %eax
    lgdt    (%eax)
    movl    $boot_pml4, %eax
    movl    %eax, %cr3
    movl    $CR4_ON, %eax
    movl    %eax, %cr4
    movl    $MSR_EFER, %ecx
    movl    $EFER_LME, %eax
    xorl    %edx, %edx
    wrmsr
    movl    $CR0_ON, %eax
    movl    %eax, %cr0
    ljmp    $8, $start64

    .code64
start64:
    movl    $16, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movl    %edi, %ebx
    leaq    cpu_stacks + STACK(%rip), %rsp
    leaq    __bss_start(%rip), %rdi
    leaq    _end(%rip), %rcx
    subq    %rdi, %rcx
    xorl    %eax, %eax
    rep stosb
    movl    %ebx, %edi
    xorl    %ebp, %ebp
    call    boot_primary
halt:
    cli
    hlt
    jmp     halt

/* The first 4 GiB in one gigabyte pages' stead: 2 MiB pages, made by the assembler. */
    .section .boot_tables, "aw"
    .balign 4096
boot_pml4:
    .quad   boot_pdpt + 7
    .fill   511, 8, 0
boot_pdpt:
    .quad   boot_pd + 7
    .fill   511, 8, 0
boot_pd:                            /* the payload is in the first gigabyte */
    .set    i, 0
    .rept   512
    .quad   i + 0x87
    .set    i, i + 0x200000
    .endr

    .section .rodata, "a"
    .balign 8
    .global boot_gdt
boot_gdt:
    .quad   0
    .quad   0x00af9b000000ffff      /* 8: 64-bit code */
    .quad   0x00cf93000000ffff      /* 16: data */
    .quad   0x00cf9b000000ffff      /* 24: 32-bit code */
boot_gdt_end:
boot_gdt_pointer:
    .word   boot_gdt_end - boot_gdt - 1
    .long   boot_gdt
    .long   0

/*
 * Copied to a page below 1 MiB; CS is that page. struct trampoline_data of smp.c is at its end.
 */
    .section .rodata, "a"
    .global trampoline, trampoline_end
    .balign 16
    .code16
trampoline:
    cli
    cld
    movw    %cs, %ax
    movw    %ax, %ds
    xorl    %ebx, %ebx
    movw    %ax, %bx
    shll    $4, %ebx                /* our linear address */
    lgdtl   4096 - 48               /* .gdt */
    movl    $CR0_PE, %eax
    movl    %eax, %cr0
    ljmpl   *(4096 - 56)            /* .far32: the code below through our 32-bit segment */
    .code32
tramp32:
    movl    $16, %eax
    movl    %eax, %ds
    movl    %eax, %ss
    movl    4096 - 40(%ebx), %eax   /* .root */
    movl    %eax, %cr3
    movl    $CR4_ON, %eax
    movl    %eax, %cr4
    movl    $MSR_EFER, %ecx
    movl    $EFER_LME, %eax
    xorl    %edx, %edx
    wrmsr
    movl    $CR0_ON, %eax
    movl    %eax, %cr0
    ljmp    $8, $secondary64
trampoline_end:
    .global trampoline_32
    .balign 8
trampoline_32:
    .quad   tramp32 - trampoline

    .section .text
    .code64
secondary64:
    movl    $16, %eax
    movl    %eax, %es
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movl    %ebx, %ebx
    movq    4096 - 32(%rbx), %rsp   /* .stack */
    movq    4096 - 24(%rbx), %rdi   /* .cpu */
    xorl    %ebp, %ebp
    call    boot_secondary
    jmp     halt
