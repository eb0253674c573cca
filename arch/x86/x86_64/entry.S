/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts and exceptions of the hypervisor itself. One stub of 16 bytes for each vector (desc.c
 * computes their addresses); interrupts come back, exceptions do not. GS base is the hypervisor's
 * whenever one can arrive.
 */
#include <asm/desc.h>

    .text
    .balign 16
    .globl vector_stubs
vector_stubs:
vector = 0
    .rept   256
    .balign 16
    .if     vector > 31
    pushq   $0
    .elseif ((VECTORS_WITH_ERROR >> vector) & 1) == 0
    pushq   $0
    .endif
    pushq   $vector
    jmp     vector_common
vector = vector + 1
    .endr

    .balign 16
vector_common:
    cld
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    pushq   %rcx
    pushq   %rax
    pushq   %r8
    pushq   %r9
    pushq   %r10
    pushq   %r11
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, %rdi
    movq    %rsp, %rbx
    andq    $-16, %rsp
    cmpq    $VEC_FIRST_IRQ, 15 * 8(%rdi)
    jb      1f
    call    host_interrupt
    movq    %rbx, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    popq    %r11
    popq    %r10
    popq    %r9
    popq    %r8
    popq    %rax
    popq    %rcx
    popq    %rdx
    popq    %rsi
    popq    %rdi
    addq    $16, %rsp
    iretq
1:  call    host_fault
    ud2

    .section .note.GNU-stack, "", @progbits
