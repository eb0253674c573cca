/* SPDX-License-Identifier: Apache-2.0 */
/* GS base is the distance from the per-CPU template to this CPU's copy, which also holds it. */
#ifndef WHERRY_ASM_PERCPU_H
#define WHERRY_ASM_PERCPU_H

#include <wherry/types.h>

extern uintptr_t percpu_this_offset; /* in .data.percpu (smp.c) */

/* Constant for a CPU once it runs C code: not volatile, the compiler may keep it. */
static inline uintptr_t arch_percpu_offset(void)
{
    uintptr_t offset;

    __asm__("movq %%gs:percpu_this_offset, %0" : "=r"(offset));
    return offset;
}

#endif
