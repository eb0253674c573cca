/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign code in 32-bit protected mode proper, not long mode: run_legacy() takes CR0, CR3, CR4 and
 * registers from `legacy` (main.c), and puts there what the first exception finds. All at its own
 * addresses, below 4 GiB.
 */
#define SEL_CODE64 0x08
#define SEL_CODE32 0x18

#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG   0x80000000

#define EAX 0                       /* struct legacy */
#define EBX 4
#define ECX 8
#define EDX 12
#define ESI 16
#define EDI 20
#define EBP 24
#define ESP 28
#define EIP 32
#define FLAGS 36
#define VECTOR 40
#define ERROR 44
#define CR2 48
#define CR3 52
#define CR4 56
#define PG 60

    .text
    .global run_legacy
run_legacy:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, old_rsp(%rip)
    sidt    old_idt(%rip)
    movq    %cr3, %rax
    movl    %eax, old_cr3(%rip)
    movq    %cr4, %rax
    movl    %eax, old_cr4(%rip)
    pushq   $SEL_CODE32
    pushq   $to_legacy
    lretq

back64:
    lidt    old_idt(%rip)
    movq    old_rsp(%rip), %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

    .code32
set_lme:                            /* or clear it: %edi, the bit's new value */
    movl    $MSR_EFER, %ecx
    rdmsr
    andl    $~EFER_LME, %eax
    orl     %edi, %eax
    wrmsr
    ret

to_legacy:
    movl    %cr0, %eax
    andl    $~CR0_PG, %eax
    movl    %eax, %cr0
    movl    $legacy_stack_end, %esp
    xorl    %edi, %edi
    call    set_lme
    movl    legacy + CR4, %eax
    movl    %eax, %cr4
    movl    legacy + CR3, %eax
    movl    %eax, %cr3
    movl    %cr0, %eax
    orl     legacy + PG, %eax
    movl    %eax, %cr0
    lidtl   legacy_idt_pointer
    movl    legacy + ESP, %esp
    pushl   legacy + FLAGS
    pushl   $SEL_CODE32
    pushl   legacy + EIP
    movl    legacy + EBX, %ebx
    movl    legacy + ECX, %ecx
    movl    legacy + EDX, %edx
    movl    legacy + ESI, %esi
    movl    legacy + EDI, %edi
    movl    legacy + EBP, %ebp
    movl    legacy + EAX, %eax
    iretl

    .balign 16
exits32:
    .set    n, 0
    .rept   32
    .balign 16
    .if (n == 8) || ((n >= 10) && (n <= 14)) || (n == 17) || (n == 21)
    .else
    pushl   $0
    .endif
    pushl   $n
    jmp     leave32
    .set    n, n + 1
    .endr

leave32:
    movl    %eax, legacy + EAX
    movl    %ebx, legacy + EBX
    movl    %ecx, legacy + ECX
    movl    %edx, legacy + EDX
    movl    %esi, legacy + ESI
    movl    %edi, legacy + EDI
    movl    %ebp, legacy + EBP
    popl    legacy + VECTOR
    popl    legacy + ERROR
    popl    legacy + EIP
    popl    %eax
    popl    legacy + FLAGS
    movl    %esp, legacy + ESP
    movl    %cr2, %eax
    movl    %eax, legacy + CR2
    movl    $legacy_stack_end, %esp
    cld
    movl    %cr0, %eax
    andl    $~CR0_PG, %eax
    movl    %eax, %cr0
    movl    old_cr4, %eax
    movl    %eax, %cr4
    movl    old_cr3, %eax
    movl    %eax, %cr3
    movl    $EFER_LME, %edi
    call    set_lme
    movl    %cr0, %eax
    orl     $CR0_PG, %eax
    movl    %eax, %cr0
    ljmp    $SEL_CODE64, $back64
    .code64

    .section .bss
    .balign 16
old_rsp: .skip 8
old_cr3: .skip 4
old_cr4: .skip 4
old_idt: .skip 16
    .skip   256
legacy_stack_end:

    .section .rodata, "a"
    .balign 8
    .global legacy_exits
legacy_exits:
    .set    n, 0
    .rept   32
    .quad   exits32 + n * 16
    .set    n, n + 1
    .endr
