/* SPDX-License-Identifier: Apache-2.0 */
/* A p2m that is a plain array, one entry a frame. */
#ifndef WHERRY_ASM_P2M_H
#define WHERRY_ASM_P2M_H

#include <wherry/spinlock.h>
#include <wherry/types.h>

#ifndef FAKE_P2M_FRAMES
#define FAKE_P2M_FRAMES 1024 /* the fuzzers have fewer, for speed */
#endif

struct p2m {
    struct spinlock lock;
    struct {
        mfn_t m;
        uint8_t type; /* enum p2m_type */
    } entry[FAKE_P2M_FRAMES];
    uint64_t max_gfn;
    uint64_t seq; /* as in p2m_tree.h */
};

struct domain;

/* As of p2m_tree.h: no other CPU changes this one meanwhile, so never. */
bool p2m_fault_is_spurious(struct domain *d, gfn_t g);

static inline uint64_t p2m_seq(const struct p2m *p)
{
    return p->seq;
}

static inline bool p2m_changed(const struct p2m *p, uint64_t *seen)
{
    bool changed = p->seq != *seen;

    *seen = p->seq;
    return changed;
}

#endif
