/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory: frames, their owners and references, the buddy allocator. */
#ifndef WHERRY_MM_H
#define WHERRY_MM_H

#include <asm/page.h>
#include <wherry/atomic.h>
#include <wherry/lib/list.h>
#include <wherry/rcu.h>
#include <wherry/types.h>

struct domain;

#define PAGE_MAX_ORDER 18 /* 1 GiB */

/*
 * One 4 KiB frame of host RAM. `refs` counts users: the allocation itself (held by the p2m entry
 * or by the hypervisor), every foreign mapping, every hypervisor mapping. When the last one
 * drops the frame leaves its owner's account and returns to the allocator after a grace period.
 */
struct page {
    atomic32_t refs; /* 0: free or on its way there */
    uint8_t order;   /* of the free block it heads; heap lock */
    uint8_t flags;   /* PAGE_*; constant while allocated. A neighbour's free looks at it: _ONCE */
    uint16_t slab_used; /* PAGE_SLAB: objects handed out; slab lock */
    union {
        struct domain *owner; /* NULL: the hypervisor's. Constant while refs > 0 */
        void *slab_free;      /* PAGE_SLAB: first free object; slab lock */
    };
    union {
        struct list_head list; /* free list; heap lock */
        struct rcu_head rcu;   /* between last reference and reuse */
    };
};

#define PAGE_FREE      0x01 /* heads a free block */
#define PAGE_ACCOUNTED 0x02 /* counts in owner->tot_pages */
#define PAGE_SLAB      0x04 /* cut into small objects */
#define PAGE_RAM       0x08 /* handed to the allocator at boot; holes lack it */

/*
 * asm/page.h gives: arch_frame_table (a virtually contiguous array), arch_frame_base and
 * arch_frame_end (its first and one-past-last mfn), arch_frame_populated(mfn) (that part of the
 * array is mapped, zeroed at first), arch_paddr_to_virt() and arch_virt_to_paddr() of the direct
 * map.
 */
static inline mfn_t page_to_mfn(const struct page *pg)
{
    return mfn((uint64_t)(pg - arch_frame_table) + arch_frame_base);
}

static inline struct page *mfn_to_page(mfn_t m)
{
    return &arch_frame_table[m.v - arch_frame_base];
}

static inline void *mfn_to_virt(mfn_t m)
{
    return arch_paddr_to_virt(mfn_to_paddr(m));
}

static inline void *page_to_virt(const struct page *pg)
{
    return mfn_to_virt(page_to_mfn(pg));
}

static inline struct page *virt_to_page(const void *va)
{
    return mfn_to_page(paddr_to_mfn(arch_virt_to_paddr(va)));
}

/* Whether `m` is host RAM known to the allocator (has a struct page). */
bool mfn_is_ram(mfn_t m);

/* Boot: hand the allocator the RAM [start, end), page aligned; may be called for each region. */
void page_add_region(paddr_t start, paddr_t end);

/*
 * 2^order contiguous frames for the hypervisor, naturally aligned, owner NULL, refs 1 on each.
 * NULL when there is none. Contents undefined.
 */
struct page *page_alloc(unsigned int order);
/* Same, zeroed. */
struct page *page_alloc_zeroed(unsigned int order);
/* Give back 2^order frames that page_alloc() returned, at once (no reader can have them). */
void page_free(struct page *pg, unsigned int order);

/*
 * 2^order zeroed frames owned by `d`, each with refs 1, charged to d->tot_pages unless
 * `unaccounted` (ioreq pages and the like). NULL: no memory, over d->max_pages, or d is dying.
 */
struct page *domain_alloc_pages(struct domain *d, unsigned int order, bool unaccounted);

/* Take a reference if the frame belongs to `d` and is alive; false otherwise. */
bool __must_check page_get(struct page *pg, const struct domain *d);
/* Another reference while holding one. */
void page_get_held(struct page *pg);
/* Drop a reference; the last one un-accounts the frame and frees it after a grace period. */
void page_put(struct page *pg);

/* Figures for the debug key: total and free frames. */
void page_stats(uint64_t *total, uint64_t *free);

#endif
