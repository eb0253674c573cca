/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a guest and out again (SDM vol. 3, chapters 27 to 29). One loop on the CPU's stack;
 * `vmx_exit` chooses whom to enter. Interrupts stay masked here: a physical one ends the guest's
 * stay and reaches the hypervisor only where it polls. An exit restores GS, TR and the tables from
 * the VMCS.
 */
#include <generated/asm-offsets.h>

#include "vmcs.h"

#define R(n) VCPU_REGS + 8 * (n)

    .text
    .globl vmx_enter
vmx_enter: /* %rdi: vCPU; the stack holds a return address that nobody uses */
    movq    %rdi, %rbx
    subq    $8, %rsp
1:  movq    %rbx, %rdi
    call    vmx_prepare_entry
    pushq   %rbx
    movl    $VMCS_HOST_RSP, %ecx
    vmwrite %rsp, %rcx
    testb   %al, %al /* the MOVs leave the flags alone */
    movq    R(0)(%rbx), %rax
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
    jz      2f
    vmresume
    jmp     3f
2:  vmlaunch
3:  popq    %rdi /* refused: still here */
    xorl    %ebp, %ebp
    call    vmx_entry_failed
    movq    %rax, %rbx
    jmp     1b

    .globl vmx_exit_stub
vmx_exit_stub: /* %rsp: as written above */
    xchgq   %rbx, (%rsp)
    movq    %rax, R(0)(%rbx)
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
    xorl    %ebp, %ebp
    movq    %rbx, %rdi
    call    vmx_exit
    movq    %rax, %rbx
    jmp     1b

    .section .note.GNU-stack, "", @progbits
