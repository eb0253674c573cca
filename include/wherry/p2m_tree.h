/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The p2m of architectures whose second-stage translation is a tree of 512-entry tables, the last
 * level being 3: common/p2m/ has the operations, the arch has the format of an entry
 * (asm/p2m_format.h), what it keeps for itself (asm/p2m_arch.h) and what translations cached
 * somewhere need. Such an arch's asm/p2m.h is this header.
 */
#ifndef WHERRY_P2M_TREE_H
#define WHERRY_P2M_TREE_H

#include <asm/p2m_arch.h>
#include <wherry/atomic.h>
#include <wherry/spinlock.h>
#include <wherry/types.h>

struct domain;
struct page;

struct p2m {
    struct spinlock lock; /* LOCK_RANK_P2M: all changes */
    uint64_t *root;       /* concatenated tables of the start level */
    struct page *root_page;
    struct p2m_arch arch;
    /*
     * Odd while live entries are being replaced: a fault taken meanwhile proves nothing. Written
     * under the lock, read by the fault path with no lock. It never comes round.
     */
    uint64_t seq;
    uint64_t nr_tables;     /* pages of tables below the root; lock */
    uint64_t max_tables;    /* limit, constant */
    uint64_t max_gfn;       /* highest frame ever mapped; lock to write */
    uint64_t teardown_next; /* next frame to free; progress of p2m_teardown() */
    uint64_t leaves[3];     /* entries of 4K, 2M, 1G; lock */
};

/*
 * Does the table map this frame now, or is it changing? The fault path asks before it believes a
 * translation fault. No lock.
 */
bool p2m_fault_is_spurious(struct domain *d, gfn_t g);

/*
 * Counts changes; odd while one is under way. What was looked up under the p2m lock holds as long
 * as the count is the even one that was read before.
 */
static inline uint64_t p2m_seq(const struct p2m *p)
{
    return load_acquire(&p->seq); /* partner: change_begin(), change_end() */
}

/*
 * May the table have changed since this was last asked? Then ask the above. If not, a translation
 * fault that was taken in between is a true one: no walk cached or met anything else. `seen` is
 * the asker's memory, 0 at first, when every table is empty.
 */
static inline bool p2m_changed(const struct p2m *p, uint64_t *seen)
{
    uint64_t seq = p2m_seq(p);

    if (seq == *seen && (seq & 1) == 0)
        return false;
    *seen = seq;
    return true;
}

/* --- arch hooks --- */
/* Guest-physical address width of every domain; constant after boot. */
unsigned int arch_p2m_bits(void);
/* Level where the tables start, and how many are concatenated there (log2). */
unsigned int arch_p2m_start_level(void);
unsigned int arch_p2m_root_order(void);
/* The root is there, empty: identifiers and registers of the translation. 0 or -ENOSPC. */
int arch_p2m_init(struct p2m *p);
/* Nothing uses it any more, TLBs included. */
void arch_p2m_destroy(struct p2m *p);
/*
 * When this returns, no CPU uses a translation of this p2m that was taken out of the tables before.
 * The p2m lock is held, or nobody else changes the tables.
 */
void arch_p2m_flush(const struct p2m *p);
/* Words for the debug key's line: "VMID 3". */
void arch_p2m_describe(const struct p2m *p, char *text, size_t size);

#endif
