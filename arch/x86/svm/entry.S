/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a guest and out again (APM vol. 2, 15.5). One loop on the CPU's stack; `svm_exit` chooses
 * whom to enter. Between CLGI and STGI nothing interrupts: the guest's FS, GS, TR and system call
 * registers are loaded. Physical interrupts end the guest's stay because IF is set at VMRUN (V_INTR_MASKING)
 * and reach the hypervisor only where it polls for them.
 */
#include <generated/asm-offsets.h>

#define R(n) VCPU_REGS + 8 * (n)

    .text
    .globl svm_enter
svm_enter: /* %rdi: vCPU; the stack is empty */
    movq    %rdi, %rbx
1:  clgi
    movq    %rbx, %rdi
    call    svm_prepare_entry
    pushq   %rbx
    movq    %gs:percpu_svm_host_pa, %rax
    pushq   %rax
    movq    VCPU_VMCB_PA(%rbx), %rax
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
    sti
    vmload  %rax
    vmrun   %rax
    vmsave  %rax
    popq    %rax
    vmload  %rax
    xchgq   %rbx, (%rsp)
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
    cli
    stgi
    xorl    %ebp, %ebp
    movq    %rbx, %rdi
    call    svm_exit
    movq    %rax, %rbx
    jmp     1b

    .section .note.GNU-stack, "", @progbits
