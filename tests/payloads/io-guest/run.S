/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running foreign code: run_code(in, out, stack_top) loads all of `in`; the first exception, on the
 * stack whose end is stack_top - 32 by the TSS, stores all in `out` and returns.
 */
    .text
    .global run_code
run_code:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, -8(%rdx)
    movq    %rsi, -16(%rdx)
    pushq   168(%rdi)               /* ss */
    pushq   160(%rdi)               /* rsp */
    pushq   152(%rdi)               /* rflags */
    pushq   144(%rdi)               /* cs */
    pushq   136(%rdi)               /* rip */
    movq    0(%rdi), %r15
    movq    8(%rdi), %r14
    movq    16(%rdi), %r13
    movq    24(%rdi), %r12
    movq    32(%rdi), %r11
    movq    40(%rdi), %r10
    movq    48(%rdi), %r9
    movq    56(%rdi), %r8
    movq    64(%rdi), %rbp
    movq    80(%rdi), %rsi
    movq    88(%rdi), %rdx
    movq    96(%rdi), %rcx
    movq    104(%rdi), %rbx
    movq    112(%rdi), %rax
    movq    72(%rdi), %rdi
    iretq

    .balign 16
exits:
    .set    n, 0
    .rept   32
    .balign 16
    .if (n == 8) || ((n >= 10) && (n <= 14)) || (n == 17) || (n == 21) || (n == 29) || (n == 30)
    .else
    pushq   $0
    .endif
    pushq   $n
    jmp     leave
    .set    n, n + 1
    .endr

leave:
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
    movq    %rsp, %rsi
    movq    176 + 16(%rsp), %rdi    /* out */
    movl    $22, %ecx
    rep movsq
    movq    %cr2, %rax
    stosq
    movq    176 + 24(%rsp), %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

    .section .rodata, "a"
    .balign 8
    .global exit_stubs
exit_stubs:
    .set    n, 0
    .rept   32
    .quad   exits + n * 16
    .set    n, n + 1
    .endr
