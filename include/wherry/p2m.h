/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical to machine: one second-stage table a domain. Common types and operations; the
 * arch implements the format. All take the p2m lock themselves unless said otherwise. Entries of
 * RAM and foreign types each own one reference of their page, which removal drops.
 */
#ifndef WHERRY_P2M_H
#define WHERRY_P2M_H

#include <asm/p2m.h>
#include <wherry/types.h>

struct domain;
struct page;

enum p2m_type {
    P2M_INVALID = 0, /* nothing: an access faults and may be forwarded */
    P2M_RAM_RW,      /* the guest's own RAM */
    P2M_RAM_RO,
    P2M_MMIO_DIRECT_DEV, /* device memory passed through, device attributes */
    P2M_MMIO_DIRECT_C,   /* passed through, cacheable (firmware tables and the like) */
    P2M_FOREIGN_RW,      /* another domain's page, referenced */
    P2M_FOREIGN_RO,
    P2M_NR_TYPES
};

static inline bool p2m_is_ram(enum p2m_type t)
{
    return t == P2M_RAM_RW || t == P2M_RAM_RO;
}

static inline bool p2m_is_foreign(enum p2m_type t)
{
    return t == P2M_FOREIGN_RW || t == P2M_FOREIGN_RO;
}

static inline bool p2m_is_read_only(enum p2m_type t)
{
    return t == P2M_RAM_RO || t == P2M_FOREIGN_RO;
}

/* struct p2m (asm/p2m.h) contains `struct spinlock lock` (LOCK_RANK_P2M). */
int p2m_init(struct domain *d);
/* Free all entries and tables; preemptible: -ERESTART. d's vCPUs never run again. */
int p2m_teardown(struct domain *d);

/*
 * Map nr frames from g to m. Uses the largest page size that alignment allows. The caller passes
 * in one reference for each RAM/foreign frame, which the entries then own; what was mapped
 * there before is replaced, its references dropped after the TLB flush. -ENOMEM (nothing
 * changed... the part mapped so far is unmapped again), -EINVAL beyond the address width.
 */
int p2m_map(struct domain *d, gfn_t g, uint64_t nr, mfn_t m, enum p2m_type t);

/*
 * Remove nr entries from g (holes are fine), flush, drop references. When RAM left and the domain
 * has ioreq servers, records the mapcache invalidation that is due. -ENOMEM if a superpage
 * cannot be split (nothing changed).
 */
int p2m_unmap(struct domain *d, gfn_t g, uint64_t nr);

/*
 * Remove exactly the entry g if it maps m (checked under the lock): -ENOENT/-EINVAL otherwise.
 * What remove_from_physmap and decrease_reservation need.
 */
int p2m_unmap_if(struct domain *d, gfn_t g, mfn_t m);

/*
 * A frame of RAM, and no other, becomes P2M_RAM_RW or P2M_RAM_RO; its page and reference stay.
 * -EINVAL (no RAM there), -ENOMEM (a superpage cannot be split).
 */
int p2m_set_ram_type(struct domain *d, gfn_t g, enum p2m_type t);

/* Look up one frame; INVALID_MFN and P2M_INVALID for a hole. May be stale on return. */
mfn_t p2m_lookup(struct domain *d, gfn_t g, enum p2m_type *t);

/*
 * Look up a RAM (or, with `foreign_ok`, foreign) frame and take a reference on its page; NULL
 * for anything else. `writable` refuses read-only types.
 */
struct page *p2m_get_page(struct domain *d, gfn_t g, bool writable, bool foreign_ok,
                          enum p2m_type *t);

/* Highest frame ever mapped (XENMEM_maximum_gpfn). */
gfn_t p2m_max_gfn(const struct domain *d);

/* Entries by type and page size, for the debug key. */
void p2m_dump(struct domain *d);

#endif
