/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of nested page tables (APM vol. 2, 15.25; SDM vol. 3, 29.3.2), for common/p2m/. NPT and
 * EPT agree on the address, on the large-page bit and on what a table entry is; struct p2m_format
 * has the rest.
 */
#ifndef WHERRY_ASM_P2M_FORMAT_H
#define WHERRY_ASM_P2M_FORMAT_H

#include <wherry/p2m.h>

#define PTE_RIGHTS     UINT64_C(0x7) /* a table: all; EPT: none of them is "not present" */
#define PTE_PRESENT    BIT64(0)
#define PTE_LARGE      BIT64(7)
#define PTE_ADDR_MASK  UINT64_C(0x000ffffffffff000)
#define PTE_TYPE_SHIFT 52 /* software bits 55:52 hold enum p2m_type */

#define P2M_LAST_LEVEL 3

/* Present, user, accessed, dirty; device memory: also write-through, cache disabled. */
#define P2M_FORMAT_NPT                                                   \
    {                                                                    \
        .leaf = 0x65, .device = 0x7d, .write = 0x02, .noexec = BIT64(63) \
    }
/* Readable; write-back, or uncacheable for device memory. */
#define P2M_FORMAT_EPT                                            \
    {                                                             \
        .leaf = 0x31, .device = 0x01, .write = 0x02, .exec = 0x04 \
    }

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
    return pte & PTE_PRESENT;
}

/* A leaf that no walk uses, but that still says what it was. */
static inline uint64_t pte_broken(uint64_t pte)
{
    return pte & ~PTE_RIGHTS;
}

/* An entry that leads to a table, at any level but the last. */
static inline bool pte_is_table(uint64_t pte, unsigned int level)
{
    return level < P2M_LAST_LEVEL && (pte & (PTE_PRESENT | PTE_LARGE)) == PTE_PRESENT;
}

static inline uint64_t pte_table(mfn_t m)
{
    return mfn_to_paddr(m).v | PTE_RIGHTS;
}

/* A leaf for `m` at `level`. */
static inline uint64_t pte_leaf(mfn_t m, enum p2m_type t, unsigned int level)
{
    uint64_t pte = mfn_to_paddr(m).v | (uint64_t)t << PTE_TYPE_SHIFT;

    pte |= t == P2M_MMIO_DIRECT_DEV ? p2m_format.device : p2m_format.leaf;
    if (level < P2M_LAST_LEVEL)
        pte |= PTE_LARGE;
    if (t != P2M_RAM_RO && t != P2M_FOREIGN_RO)
        pte |= p2m_format.write;
    return pte | (p2m_is_ram(t) ? p2m_format.exec : p2m_format.noexec);
}

/* An entry was written: stores are seen in order. */
static inline void pte_sync(void)
{
}

#endif
