/* SPDX-License-Identifier: Apache-2.0 */
/* The Arm part of the p2m: one stage-2 table, 4 KiB granule (include/wherry/p2m.h). */
#ifndef WHERRY_ASM_P2M_H
#define WHERRY_ASM_P2M_H

#include <wherry/spinlock.h>
#include <wherry/atomic.h>
#include <wherry/types.h>

struct domain;
struct page;

struct p2m {
    struct spinlock lock; /* LOCK_RANK_P2M: all changes */
    uint64_t *root;       /* concatenated tables of the start level */
    struct page *root_page;
    unsigned int root_order;
    uint64_t vttbr; /* VMID and base */
    /*
     * Odd while live entries are being replaced: a fault taken meanwhile proves nothing. Written
     * under the lock, read by the fault path with no lock.
     */
    uint32_t seq;
    uint64_t nr_tables;     /* pages of tables below the root; lock */
    uint64_t max_tables;    /* limit, constant */
    uint64_t max_gfn;       /* highest frame ever mapped; lock to write */
    uint64_t teardown_next; /* next frame to free; progress of p2m_teardown() */
    uint64_t leaves[3];     /* entries of 4K, 2M, 1G; lock */
};

/* IPA width of every domain, from the hardware. Set at boot. */
unsigned int p2m_ipa_bits(void);

/* VTCR_EL2 for this width; each pCPU programs it once. */
uint64_t p2m_vtcr(void);

/*
 * Does the table map this frame now, or is it changing? The fault path asks before it believes a
 * translation fault. No lock.
 */
bool p2m_fault_is_spurious(struct domain *d, gfn_t g);

/*
 * May the table have changed since this was last asked? Then ask the above. If not, a translation
 * fault that was taken in between is a true one: no walk cached or met anything else. `seen` is
 * the asker's memory, 0 at first, when every table is empty.
 */
static inline bool p2m_changed(const struct p2m *p, uint32_t *seen)
{
    uint32_t seq = load_acquire(&p->seq); /* partner: change_begin(), change_end() */

    if (seq == *seen && (seq & 1) == 0)
        return false;
    *seen = seq;
    return true;
}

#endif
