/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's general registers in struct vcpu, included by the world switches of svm/ and vmx/: all but RAX and RSP,
 * which the two do otherwise.
 */
#include <generated/asm-offsets.h>

#define R(n) VCPU_REGS + 8 * (n)

/* From the vCPU at RBX; the flags stay. */
    .macro  load_guest_regs
    movq    R(1)(%rbx), %rcx
    movq    R(2)(%rbx), %rdx
    movq    R(5)(%rbx), %rbp
    movq    R(6)(%rbx), %rsi
    movq    R(7)(%rbx), %rdi
    movq    R(8)(%rbx), %r8
    movq    R(9)(%rbx), %r9
    movq    R(10)(%rbx), %r10
    movq    R(11)(%rbx), %r11
    movq    R(12)(%rbx), %r12
    movq    R(13)(%rbx), %r13
    movq    R(14)(%rbx), %r14
    movq    R(15)(%rbx), %r15
    movq    R(3)(%rbx), %rbx
    .endm

/* To the vCPU at RBX. The guest's RBX is on the stack and is taken from there; RAX is lost. */
    .macro  save_guest_regs
    movq    %rcx, R(1)(%rbx)
    movq    %rdx, R(2)(%rbx)
    movq    %rbp, R(5)(%rbx)
    movq    %rsi, R(6)(%rbx)
    movq    %rdi, R(7)(%rbx)
    movq    %r8, R(8)(%rbx)
    movq    %r9, R(9)(%rbx)
    movq    %r10, R(10)(%rbx)
    movq    %r11, R(11)(%rbx)
    movq    %r12, R(12)(%rbx)
    movq    %r13, R(13)(%rbx)
    movq    %r14, R(14)(%rbx)
    movq    %r15, R(15)(%rbx)
    popq    %rax
    movq    %rax, R(3)(%rbx)
    .endm
