/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a vCPU that the hypervisor keeps: SSE, AVX on some vCPUs, those of SYSCALL, segment
 * bases, CR2. */
#include "xstate.h"

static const uint32_t system_msrs[] = {
    0xc0000081, 0xc0000082, 0xc0000083, /* STAR, LSTAR, CSTAR */
    0xc0000100, 0xc0000102,             /* FS base, kernel GS base */
    0x175,      0x176,                  /* SYSENTER's stack and entry */
};

static uint64_t value_of(uint64_t seed, unsigned int i)
{
    return (seed + i * 0x1001) & UINT64_C(0x7fffffffff); /* canonical */
}

/* Every other vCPU: the hypervisor may switch differently where XCR0 was never written. */
static bool uses_avx(void)
{
    return this_cpu()->index % 2 == 0 && has_avx();
}

void arch_regs_begin(void)
{
    if (!uses_avx())
        return;
    osxsave(true);
    xsetbv(0, 7);
}

void arch_regs_end(void)
{
    if (uses_avx())
        osxsave(false);
}

void arch_fp_fill(uint64_t seed)
{
#define FILL(n) __asm__ volatile("movq %0, %%xmm" #n ::"r"(seed * ((n) + 1)));
    EACH_XMM(FILL)
    if (uses_avx())
        ymm_fill(~seed);
}

unsigned int arch_fp_differs(uint64_t seed)
{
    unsigned int n = 0;
    uint64_t v;

#define DIFFERS(i)                                      \
    __asm__ volatile("movq %%xmm" #i ", %0" : "=r"(v)); \
    n += v != seed * ((i) + 1);
    EACH_XMM(DIFFERS)
    return uses_avx() ? n + ymm_differs(~seed) : n;
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
