/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a server that are frames of its guest: what device models had before acquire_resource.
 * Implemented in legacy_gfn.c; without CONFIG_IOREQ_LEGACY_GFN there is none.
 */
#ifndef WHERRY_IOREQ_LEGACY_GFN_H
#define WHERRY_IOREQ_LEGACY_GFN_H

#include <public/hvm/dm_op.h>
#include <wherry/lib/errno.h>
#include <wherry/types.h>

struct domain;
struct ioreq_server;
struct page;

#ifdef CONFIG_IOREQ_LEGACY_GFN

/* In a registry: what is taken of the frames that the HVM parameters name. ioreq lock. */
struct ioreq_gfn_pool {
    uint64_t used;    /* bit: frame of the pool */
    uint8_t fallback; /* bit 0, 1: HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN */
};

/* One page. ioreq lock. */
struct ioreq_gfn {
    struct page *page; /* reference; NULL: none */
    gfn_t gfn;
    uint8_t bit; /* of the pool, or POOL_SIZE and up: of the fallback */
    bool out;    /* not in the guest's p2m: the server is enabled */
};

/* In a server. */
struct ioreq_gfns {
    struct ioreq_gfn slots, ring;
};

/*
 * The following: ioreq lock held.
 *
 * get_ioreq_server_info with frame numbers: take frames unless it has some. -EPERM (its pages were
 * acquired), -EINVAL (dying, or no RAM there), -ENOMEM (no frame left).
 */
int ioreq_gfns_map(struct ioreq_server *s, struct xen_dm_op_get_ioreq_server_info *op);
bool ioreq_gfns_used(const struct ioreq_server *s);
/*
 * s is about to be enabled: its frames leave the guest, are cleared, and are its pages from now on.
 * -ENOMEM: nothing changed. A guest that gave one away meanwhile crashes.
 */
int ioreq_gfns_enable(struct ioreq_server *s);
/* A grace period after it was disabled: cleared, and back in the guest. */
void ioreq_gfns_disable(struct ioreq_server *s);
/* It is gone, and nobody finds it: back to the guest and to the pool `reg` (NULL: gone too). */
struct ioreq_registry;
void ioreq_gfns_release(struct ioreq_server *s, struct ioreq_registry *reg);

#else

struct ioreq_gfn_pool {
    char none[0];
};
struct ioreq_gfns {
    char none[0];
};
struct ioreq_registry;
static inline int ioreq_gfns_map(struct ioreq_server *s, struct xen_dm_op_get_ioreq_server_info *op)
{
    (void)s;
    (void)op;
    return -EOPNOTSUPP; /* the pages are never in the guest's own space */
}
static inline bool ioreq_gfns_used(const struct ioreq_server *s)
{
    (void)s;
    return false;
}
static inline int ioreq_gfns_enable(struct ioreq_server *s)
{
    (void)s;
    return 0;
}
static inline void ioreq_gfns_disable(struct ioreq_server *s)
{
    (void)s;
}
static inline void ioreq_gfns_release(struct ioreq_server *s, struct ioreq_registry *reg)
{
    (void)s;
    (void)reg;
}

#endif
#endif
