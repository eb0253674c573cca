/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls as code of 32 bits makes them: compatibility mode, on the same stack and tables. */
#include "payload.h"

struct call32 {
    uint32_t nr, args[5], result;
};

void hypercall32_run(struct call32 *c);

__asm__(".text\n"
        ".globl hypercall32_run\n"
        "hypercall32_run:\n\t"
        "pushq %rbx\n\t"
        "pushq %rbp\n\t"
        "pushq %r12\n\t"
        "pushq %r13\n\t"
        "pushq %r14\n\t"
        "pushq %r15\n\t"
        "pushfq\n\t"
        "cli\n\t" /* handlers would find other segments */
        "movl %ds, %r12d\n\t"
        "movl %es, %r13d\n\t"
        "movl %ss, %r14d\n\t"
        "movq %r12, 32(%rdi)\n\t"
        "movq %r13, 40(%rdi)\n\t"
        "movq %r14, 48(%rdi)\n\t"
        "movl $16, %eax\n\t"
        "movl %eax, %ds\n\t"
        "movl %eax, %es\n\t"
        "movl %eax, %ss\n\t"
        "movl %edi, %ebp\n\t"
        "pushq $24\n\t"
        "pushq $1f\n\t"
        "lretq\n\t"
        ".code32\n"
        "1:\n\t"
        "movl (%ebp), %eax\n\t"
        "movl 4(%ebp), %ebx\n\t"
        "movl 8(%ebp), %ecx\n\t"
        "movl 12(%ebp), %edx\n\t"
        "movl 16(%ebp), %esi\n\t"
        "movl 20(%ebp), %edi\n\t"
        "call *hypercall_entry\n\t"
        "movl %eax, 24(%ebp)\n\t"
        "ljmp $8, $2f\n\t"
        ".code64\n"
        "2:\n\t"
        "movl %ebp, %ebp\n\t"
        "movl %esp, %esp\n\t" /* the upper halves may be anything */
        "movq 32(%rbp), %rax\n\t"
        "movl %eax, %ds\n\t"
        "movq 40(%rbp), %rax\n\t"
        "movl %eax, %es\n\t"
        "movq 48(%rbp), %rax\n\t"
        "movl %eax, %ss\n\t"
        "popfq\n\t"
        "popq %r15\n\t"
        "popq %r14\n\t"
        "popq %r13\n\t"
        "popq %r12\n\t"
        "popq %rbp\n\t"
        "popq %rbx\n\t"
        "ret\n");

int32_t hypercall32(uint32_t nr, uint32_t a0, uint32_t a1, uint32_t a2)
{
    struct {
        struct call32 call;
        uint32_t pad;
        uint64_t segments[3];
    } c = {.call = {.nr = nr, .args = {a0, a1, a2}}};

    hypercall32_run(&c.call);
    return (int32_t)c.call.result;
}
