/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation for common/guest_access.c: the CPU itself does it, with EL1's permissions and both
 * stages.
 */
#ifndef WHERRY_ASM_GUEST_ACCESS_H
#define WHERRY_ASM_GUEST_ACCESS_H

#include <asm/sysreg.h>
#include <wherry/mm.h>

#define PAR_ADDR_MASK UINT64_C(0x000ffffffffff000)

/* Host address of a byte of current's memory, or NULL. PAR_EL1 is live guest state. */
static inline void *arch_guest_translate(uint64_t gva, bool write)
{
    uint64_t saved = READ_SYSREG(par_el1);
    uint64_t par;
    mfn_t m;

    if (write)
        __asm__ volatile("at s12e1w, %0\n\tisb" ::"r"(gva) : "memory");
    else
        __asm__ volatile("at s12e1r, %0\n\tisb" ::"r"(gva) : "memory");
    par = READ_SYSREG(par_el1);
    WRITE_SYSREG(saved, par_el1);
    if (par & PAR_F)
        return NULL;
    /* Whatever attributes the guest uses (device memory while its MMU is off): RAM is RAM. */
    m = paddr_to_mfn(paddr(par & PAR_ADDR_MASK));
    if (!mfn_is_ram(m))
        return NULL;
    return (char *)mfn_to_virt(m) + (gva & ~PAGE_MASK);
}

#endif
