/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign code in real mode: run_real() leaves long mode for the code of struct real (main.c) at
 * REAL_DATA, and comes back with the registers of the first exception there. What is between
 * real_start and real_end runs at REAL_CODE, where main.c copies it to.
 */
#define REAL_CODE 0x6000
#define REAL_DATA 0x5000
#define AT(label) (REAL_CODE + label - real_start)

#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18
#define SEL_REAL   0x60             /* 16-bit code and data, base 0, 64 KiB */
#define SEL_REAL_D 0x68

#define EAX 0                       /* struct real */
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
#define DS 44
#define ES 46
#define CS 48
#define SS 50

    .text
    .global run_real
run_real:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, host_rsp(%rip)
    sidt    host_idt(%rip)
    pushq   $SEL_CODE32
    pushq   $AT(to_real)
    lretq

back:
    lidt    host_idt(%rip)
    movq    host_rsp(%rip), %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

    .section .bss
    .balign 8
host_rsp: .skip 8
host_idt: .skip 16

    .section .rodata, "a"
    .global real_start, real_end, real_vectors
    .balign 16
real_start:
    .code32
to_real:
    movl    %cr0, %eax
    andl    $0x7fffffff, %eax
    movl    %eax, %cr0
    ljmp    $SEL_REAL, $AT(narrow)
    .code16
narrow:
    movw    $SEL_REAL_D, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movl    %cr0, %eax
    andb    $0xfe, %al
    movl    %eax, %cr0
    ljmpl   $0, $AT(real)
real:
    xorw    %ax, %ax
    movw    %ax, %ds
    lidtl   AT(vectors)
    movw    REAL_DATA + SS, %ss
    movl    REAL_DATA + ESP, %esp
    pushw   REAL_DATA + FLAGS
    pushw   REAL_DATA + CS
    pushw   REAL_DATA + EIP
    movw    REAL_DATA + ES, %es
    movl    REAL_DATA + EBX, %ebx
    movl    REAL_DATA + ECX, %ecx
    movl    REAL_DATA + EDX, %edx
    movl    REAL_DATA + ESI, %esi
    movl    REAL_DATA + EDI, %edi
    movl    REAL_DATA + EBP, %ebp
    movl    REAL_DATA + EAX, %eax
    movw    REAL_DATA + DS, %ds
    iretw

    .balign 4
vectors:
    .word   0x3ff
    .long   0
/* 8 bytes each */
    .balign 8
real_vectors:
    .set    n, 0
    .rept   32
    .balign 8
    pushw   $n
    jmp     exit
    .set    n, n + 1
    .endr
    .balign 8
exit:
    movw    %ds, %cs:REAL_DATA + DS
    movl    %eax, %cs:REAL_DATA + EAX
    xorw    %ax, %ax
    movw    %ax, %ds
    movw    %es, REAL_DATA + ES
    movl    %ebx, REAL_DATA + EBX
    movl    %ecx, REAL_DATA + ECX
    movl    %edx, REAL_DATA + EDX
    movl    %esi, REAL_DATA + ESI
    movl    %edi, REAL_DATA + EDI
    movl    %ebp, REAL_DATA + EBP
    popw    REAL_DATA + VECTOR
    popw    REAL_DATA + EIP
    popw    REAL_DATA + CS
    popw    REAL_DATA + FLAGS
    movw    %ss, REAL_DATA + SS
    movl    %esp, REAL_DATA + ESP
    cld
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $SEL_CODE32, $AT(wide)
    .code32
wide:
    movl    $SEL_DATA, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    %cr0, %eax
    orl     $0x80000000, %eax
    movl    %eax, %cr0
    ljmp    $SEL_CODE64, $AT(long)
    .code64
long:
    movq    $back, %rax
    jmp     *%rax
real_end:
