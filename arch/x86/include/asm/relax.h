/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU does in a loop that waits for another one. */
#ifndef WHERRY_ASM_RELAX_H
#define WHERRY_ASM_RELAX_H

static inline void arch_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

#endif
