/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 part of the p2m: one table of 4 levels in the format of NPT or of EPT
 * (include/wherry/p2m.h; arch/x86/p2m.c, p2m_format.h).
 */
#ifndef WHERRY_ASM_P2M_H
#define WHERRY_ASM_P2M_H

#include <wherry/atomic.h>
#include <wherry/spinlock.h>
#include <wherry/types.h>

struct page;

struct p2m {
    struct spinlock lock; /* LOCK_RANK_P2M: all changes */
    uint64_t *root;
    struct page *root_page;
    /*
     * Odd while live entries are being replaced: a fault taken meanwhile proves nothing. Written
     * under the lock, read by the fault path with no lock.
     */
    uint32_t seq;
    /*
     * Grows each time rights are taken away. A pCPU that enters a vCPU of the domain with an
     * older one flushes first (hvm layer), and a flush waits for all pCPUs that may use older ones.
     */
    atomic64_t epoch;
    uint64_t nr_tables;     /* pages of tables below the root; lock */
    uint64_t max_tables;    /* limit, constant */
    uint64_t max_gfn;       /* highest frame ever mapped; lock to write */
    uint64_t teardown_next; /* next frame to free; progress of p2m_teardown() */
    uint64_t leaves[3];     /* entries of 4K, 2M, 1G; lock */
};

#endif
