/* SPDX-License-Identifier: Apache-2.0 */
/* The x86 p2m: nested page tables of 4 levels, in the format of NPT or EPT. */
#ifndef WHERRY_ASM_P2M_H
#define WHERRY_ASM_P2M_H

#include <wherry/p2m_tree.h>

/* The bits of an entry that differ; set once at boot by the vendor's set-up. */
struct p2m_format {
    uint64_t leaf;   /* every leaf: present or readable, caching */
    uint64_t device; /* ... of device memory instead */
    uint64_t write;
    uint64_t exec, noexec; /* set when execution is, or is not, allowed */
};
extern struct p2m_format p2m_format;

/* Before and after each stay in a guest, interrupts off: see struct p2m_arch. */
void p2m_guest_enter(struct p2m *p);
void p2m_guest_leave(void);

/* The epoch now: what was taken away before it was read is older. */
static inline uint64_t p2m_epoch(const struct p2m *p)
{
    return (uint64_t)atomic64_read(&p->arch.epoch);
}

/*
 * Debug builds, last thing before entry: a flush finds this pCPU in the guest, and what it has
 * cached is not older than `epoch`, which was read before anything else of the entry.
 */
void p2m_guest_check(const struct p2m *p, uint64_t cached, uint64_t epoch);

#endif
