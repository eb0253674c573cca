/* SPDX-License-Identifier: Apache-2.0 */
/* The stage-2 table format (Arm ARM D8.3): what p2m.c builds its operations from. */
#ifndef WHERRY_ARM_P2M_TABLE_H
#define WHERRY_ARM_P2M_TABLE_H

#include <wherry/mm.h>
#include <wherry/p2m.h>

#define PTE_VALID      BIT64(0)
#define PTE_TABLE      BIT64(1) /* at level 3: page */
#define PTE_ADDR_MASK  UINT64_C(0x0000fffffffff000)
#define PTE_TYPE_SHIFT 55 /* software bits 58:55 hold enum p2m_type */

#define P2M_LAST_LEVEL 3

/* Frames that one entry of `level` covers. */
static inline uint64_t level_frames(unsigned int level)
{
    return UINT64_C(1) << (9 * (P2M_LAST_LEVEL - level));
}

static inline enum p2m_type pte_type(uint64_t pte)
{
    return (enum p2m_type)((pte >> PTE_TYPE_SHIFT) & 0xf);
}

static inline mfn_t pte_mfn(uint64_t pte)
{
    return mfn((pte & PTE_ADDR_MASK) >> PAGE_SHIFT);
}

/* A table descriptor, at any level but the last. */
static inline bool pte_is_table(uint64_t pte, unsigned int level)
{
    return level < P2M_LAST_LEVEL && (pte & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

/* Level where the tables start, and how many are concatenated there (log2). */
unsigned int p2m_start_level(void);
unsigned int p2m_root_order(void);

/* A leaf for `m` at `level`. */
uint64_t pte_leaf(mfn_t m, enum p2m_type t, unsigned int level);

/* The entry that decides frame `g`, and its level. Root must exist. Any context (RCU). */
uint64_t *p2m_walk(const struct p2m *p, uint64_t g, unsigned int *level);

/*
 * The entry of `level` for frame `g`, with tables made and blocks split on the way. NULL when
 * memory or the domain's allowance is used up; what was done until then changed no translation.
 * Lock held.
 */
uint64_t *p2m_entry_at(struct p2m *p, uint64_t g, unsigned int level);

/* Split blocks until none contains both g - 1 and g. 0 or -ENOMEM. Lock held. */
int p2m_split_at(struct p2m *p, uint64_t g);

/* Replace whatever `e` is by `pte`, break before make; frees the tables that it led to. Lock held.
 */
void p2m_set_entry(struct p2m *p, uint64_t *e, unsigned int level, uint64_t pte);

/* Unlink and free every table that the `n` entries of `table` (at `level`) lead to. Lock held. */
void p2m_free_subtables(struct p2m *p, uint64_t *table, unsigned int n, unsigned int level);

/* Drop the TLB entries of this table's VMID on all CPUs. */
void p2m_flush_tlb(const struct p2m *p);

#endif
