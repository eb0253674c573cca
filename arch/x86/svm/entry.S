/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a guest and out again (APM vol. 2, 15.5). One loop on the CPU's stack; `svm_exit` chooses
 * whom to enter. Between CLGI and STGI nothing interrupts: the guest's FS, GS, TR and system call
 * registers are loaded. Physical interrupts end the guest's stay because IF is set at VMRUN (V_INTR_MASKING)
 * and reach the hypervisor only where it polls for them.
 */
#include "../hvm/guest_regs.S"

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
    load_guest_regs
    sti
    vmload  %rax
    vmrun   %rax
    vmsave  %rax
    popq    %rax
    vmload  %rax
    xchgq   %rbx, (%rsp)
    save_guest_regs
    cli
    stgi
    xorl    %ebp, %ebp
    movq    %rbx, %rdi
    call    svm_exit
    movq    %rax, %rbx
    jmp     1b

    .section .note.GNU-stack, "", @progbits
