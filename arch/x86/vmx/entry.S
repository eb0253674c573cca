/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a guest and out again (SDM vol. 3, chapters 27 to 29). One loop on the CPU's stack;
 * `vmx_exit` chooses whom to enter. Interrupts stay masked here: a physical one ends the guest's
 * stay and reaches the hypervisor only where it polls. An exit restores GS, TR and the tables from
 * the VMCS.
 */
#include "../hvm/guest_regs.S"

#include "vmcs.h"

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
    load_guest_regs
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
    save_guest_regs
    xorl    %ebp, %ebp
    movq    %rbx, %rdi
    call    vmx_exit
    movq    %rax, %rbx
    jmp     1b

    .section .note.GNU-stack, "", @progbits
