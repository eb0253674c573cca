/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance by address (asm/cache.h). */
#include <asm/cache.h>
#include <asm/sysreg.h>

/* Smallest data cache line in bytes (CTR_EL0.DminLine is log2 of words). */
static size_t dcache_line(void)
{
    return (size_t)4 << ((READ_SYSREG(ctr_el0) >> 16) & 0xf);
}

void arch_clean_dcache(const void *va, size_t size)
{
    uintptr_t line = dcache_line();
    uintptr_t end = (uintptr_t)va + size;

    for (uintptr_t p = (uintptr_t)va & ~(line - 1); p < end; p += line)
        __asm__ volatile("dc civac, %0" ::"r"(p) : "memory");
    dsb_sy();
}

void arch_invalidate_icache(void)
{
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb_ish();
    isb();
}
