/* SPDX-License-Identifier: Apache-2.0 */
/* One stub of 16 bytes for each vector: struct trap_frame (arch_cpu.h) is made, then C. */
    .text
    .balign 16
stubs:
    .set    n, 0
    .rept   256
    .balign 16
    /* 8, 10 to 14, 17, 21, 29 and 30 push an error code themselves */
    .if (n == 8) || ((n >= 10) && (n <= 14)) || (n == 17) || (n == 21) || (n == 29) || (n == 30)
    .else
    pushq   $0
    .endif
    pushq   $n
    jmp     save
    .set    n, n + 1
    .endr

    .balign 16
save:
    cld
    pushq   %rax
    pushq   %rbx
    pushq   %rcx
    pushq   %rdx
    pushq   %rsi
    pushq   %rdi
    pushq   %rbp
    pushq   %r8
    pushq   %r9
    pushq   %r10
    pushq   %r11
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, %rdi
    movq    %rsp, %rbp
    andq    $-16, %rsp
    call    trap_entry
    movq    %rbp, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %r11
    popq    %r10
    popq    %r9
    popq    %r8
    popq    %rbp
    popq    %rdi
    popq    %rsi
    popq    %rdx
    popq    %rcx
    popq    %rbx
    popq    %rax
    addq    $16, %rsp
    iretq

    .global call_vmcall, call_vmmcall
call_vmcall:
    vmcall
    ret
call_vmmcall:
    vmmcall
    ret

    .section .rodata, "a"
    .balign 8
    .global trap_stubs
trap_stubs:
    .set    n, 0
    .rept   256
    .quad   stubs + n * 16
    .set    n, n + 1
    .endr
