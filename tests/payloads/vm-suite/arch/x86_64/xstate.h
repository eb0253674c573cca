/* SPDX-License-Identifier: Apache-2.0 */
/* XCR0 and the upper halves of the vector registers, for xstate.c and context.c. */
#ifndef VM_SUITE_XSTATE_H
#define VM_SUITE_XSTATE_H

#include "suite.h"

#define EACH_XMM(f) \
    f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)

static inline uint64_t read_cr4(void)
{
    uint64_t v;

    __asm__ volatile("movq %%cr4, %0" : "=r"(v));
    return v;
}

static inline void osxsave(bool on)
{
    uint64_t bit = UINT64_C(1) << 18;

    __asm__ volatile("movq %0, %%cr4" ::"r"(on ? read_cr4() | bit : read_cr4() & ~bit) : "memory");
}

static inline uint64_t xgetbv(uint32_t index)
{
    uint32_t lo = 0, hi = 0;

    __asm__ volatile(MAY_TRAP("xgetbv") : "+a"(lo), "+d"(hi) : "c"(index));
    return (uint64_t)hi << 32 | lo;
}

static inline void xsetbv(uint32_t index, uint64_t v)
{
    __asm__ volatile(MAY_TRAP("xsetbv")::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(index)
                     : "memory");
}

/* The upper halves, different in each register; the lower ones stay. */
void ymm_fill(uint64_t seed);
/* How many are not what ymm_fill(seed) left. */
unsigned int ymm_differs(uint64_t seed);

#endif
