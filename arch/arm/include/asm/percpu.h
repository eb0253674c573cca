/* SPDX-License-Identifier: Apache-2.0 */
/* TPIDR_EL2 holds the distance from the per-CPU template to this CPU's copy. */
#ifndef WHERRY_ASM_PERCPU_H
#define WHERRY_ASM_PERCPU_H

#include <wherry/types.h>

/* Constant for a CPU once it runs C code: not volatile, the compiler may keep it. */
static inline uintptr_t arch_percpu_offset(void)
{
    uintptr_t offset;

    __asm__("mrs %0, tpidr_el2" : "=r"(offset));
    return offset;
}

#endif
