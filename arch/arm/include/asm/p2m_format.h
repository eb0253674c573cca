/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of stage-2 tables (Arm ARM D8.3), for common/p2m/. */
#ifndef WHERRY_ASM_P2M_FORMAT_H
#define WHERRY_ASM_P2M_FORMAT_H

#include <asm/sysreg.h>
#include <wherry/p2m.h>

#define PTE_VALID      BIT64(0)
#define PTE_TABLE      BIT64(1) /* at level 3: page */
#define PTE_ADDR_MASK  UINT64_C(0x0000fffffffff000)
#define PTE_TYPE_SHIFT 55 /* software bits 58:55 hold enum p2m_type */

#define PTE_ATTR_NORMAL (UINT64_C(0xf) << 2) /* write back */
#define PTE_ATTR_DEVICE (UINT64_C(0x1) << 2) /* nGnRE */
#define PTE_S2AP_R      BIT64(6)
#define PTE_S2AP_W      BIT64(7)
#define PTE_SH_OUTER    (UINT64_C(2) << 8)
#define PTE_SH_INNER    (UINT64_C(3) << 8)
#define PTE_AF          BIT64(10)
#define PTE_XN          BIT64(54)

#define P2M_LAST_LEVEL 3

static inline enum p2m_type pte_type(uint64_t pte)
{
    return (enum p2m_type)((pte >> PTE_TYPE_SHIFT) & 0xf);
}

static inline mfn_t pte_mfn(uint64_t pte)
{
    return mfn((pte & PTE_ADDR_MASK) >> PAGE_SHIFT);
}

/* Can a walk use it? */
static inline bool pte_is_live(uint64_t pte)
{
    return pte & PTE_VALID;
}

/* A leaf that no walk uses, but that still says what it was. */
static inline uint64_t pte_broken(uint64_t pte)
{
    return pte & ~PTE_VALID;
}

/* A table descriptor, at any level but the last. */
static inline bool pte_is_table(uint64_t pte, unsigned int level)
{
    return level < P2M_LAST_LEVEL && (pte & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

static inline uint64_t pte_table(mfn_t m)
{
    return mfn_to_paddr(m).v | PTE_VALID | PTE_TABLE;
}

/* A leaf for `m` at `level`. */
static inline uint64_t pte_leaf(mfn_t m, enum p2m_type t, unsigned int level)
{
    uint64_t pte =
        mfn_to_paddr(m).v | PTE_VALID | PTE_AF | PTE_S2AP_R | ((uint64_t)t << PTE_TYPE_SHIFT);

    if (level == P2M_LAST_LEVEL)
        pte |= PTE_TABLE;
    if (t != P2M_RAM_RO && t != P2M_FOREIGN_RO)
        pte |= PTE_S2AP_W;
    if (t == P2M_MMIO_DIRECT_DEV)
        pte |= PTE_ATTR_DEVICE | PTE_SH_OUTER | PTE_XN;
    else
        pte |= PTE_ATTR_NORMAL | PTE_SH_INNER;
    if (t == P2M_MMIO_DIRECT_C || p2m_is_foreign(t))
        pte |= PTE_XN;
    return pte;
}

/* An entry was written: table walkers see it from now on. */
static inline void pte_sync(void)
{
    dsb_ishst();
}

#endif
