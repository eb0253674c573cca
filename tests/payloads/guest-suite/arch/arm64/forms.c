/* SPDX-License-Identifier: Apache-2.0 */
/* One function for each form of forms.h: exactly one instruction that may trap. */
#include "forms.h"

extern void (*const forms[])(struct form_regs *);
extern const unsigned int nr_forms;

#define BODY(insn)                                                                      \
    __asm__ volatile(                                                                   \
        ".arch_extension simd\n\tldp x9, x10, [%0]\n\tldp x11, x12, [%0, #16]\n\t" insn \
        "\n\tstp x9, x10, [%0]\n\tstp x11, x12, [%0, #16]" ::"r"(r)                     \
        : "x9", "x10", "x11", "x12", "memory")

#define FORM(n, insn, ...)                    \
    static void form_##n(struct form_regs *r) \
    {                                         \
        BODY(insn);                           \
    }
FORMS
#undef FORM

/* The stack pointer as base: SP_EL0 selected, then SP_EL1 itself. */
static void form_sp0(struct form_regs *r)
{
    BODY("msr spsel, #0\n\tmov sp, x9\n\tldr x10, [sp], #8\n\tmov x9, sp\n\tmsr spsel, #1");
}

static void form_sp1(struct form_regs *r)
{
    BODY("mov x12, sp\n\tmov sp, x9\n\tstr x10, [sp, #-16]!\n\tmov x9, sp\n\tmov sp, x12");
}

#define FORM(n, ...) form_##n,
void (*const forms[])(struct form_regs *) = {FORMS form_sp0, form_sp1};
#undef FORM
const unsigned int nr_forms = sizeof(forms) / sizeof(forms[0]);
