/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a vCPU that the hypervisor keeps: SSE, those of SYSCALL, segment bases, CR2. */
#include "suite.h"

static const uint32_t system_msrs[] = {
    0xc0000081, 0xc0000082, 0xc0000083, /* STAR, LSTAR, CSTAR */
    0xc0000100, 0xc0000102,             /* FS base, kernel GS base */
    0x175,      0x176,                  /* SYSENTER's stack and entry */
};

static uint64_t value_of(uint64_t seed, unsigned int i)
{
    return (seed + i * 0x1001) & UINT64_C(0x7fffffffff); /* canonical */
}

void arch_regs_begin(void)
{
}

void arch_regs_end(void)
{
}

#define EACH_XMM(f) \
    f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)

void arch_fp_fill(uint64_t seed)
{
#define FILL(n) __asm__ volatile("movq %0, %%xmm" #n ::"r"(seed * ((n) + 1)));
    EACH_XMM(FILL)
}

unsigned int arch_fp_differs(uint64_t seed)
{
    unsigned int n = 0;
    uint64_t v;

#define DIFFERS(i)                                      \
    __asm__ volatile("movq %%xmm" #i ", %0" : "=r"(v)); \
    n += v != seed * ((i) + 1);
    EACH_XMM(DIFFERS)
    return n;
}

void arch_system_fill(uint64_t seed)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(system_msrs); i++)
        wrmsr(system_msrs[i], value_of(seed, i));
    __asm__ volatile("movq %0, %%cr2" ::"r"(seed + 1));
    __asm__ volatile("movq %0, %%dr0" ::"r"(value_of(seed, 9)));
}

unsigned int arch_system_differs(uint64_t seed)
{
    unsigned int n = 0;
    uint64_t v;

    for (unsigned int i = 0; i < ARRAY_SIZE(system_msrs); i++)
        n += rdmsr(system_msrs[i]) != value_of(seed, i);
    __asm__ volatile("movq %%cr2, %0" : "=r"(v));
    n += v != seed + 1;
    __asm__ volatile("movq %%dr0, %0" : "=r"(v));
    return n + (v != value_of(seed, 9));
}
