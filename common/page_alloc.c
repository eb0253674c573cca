/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buddy allocator over the frame table, and the references and accounting of frames that
 * belong to domains (include/wherry/mm.h).
 */
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>
#include <wherry/spinlock.h>

static struct spinlock heap_lock = SPINLOCK_INIT(LOCK_RANK_HEAP, "heap");

/* All under heap_lock. */
static struct list_head free_list[PAGE_MAX_ORDER + 1];
static uint64_t nr_total, nr_free;
static bool heap_ready;

static void heap_init_once(void)
{
    if (heap_ready)
        return;
    for (unsigned int i = 0; i <= PAGE_MAX_ORDER; i++)
        list_init(&free_list[i]);
    heap_ready = true;
}

static bool frame_exists(uint64_t m)
{
    /* One unsigned comparison for both ends. */
    return m - arch_frame_base < arch_frame_end - arch_frame_base && arch_frame_populated(mfn(m)) &&
           (READ_ONCE(mfn_to_page(mfn(m))->flags) & PAGE_RAM) != 0;
}

bool mfn_is_ram(mfn_t m)
{
    return frame_exists(m.v);
}

static struct page *buddy_of(const struct page *pg, unsigned int order)
{
    uint64_t m = page_to_mfn(pg).v ^ (UINT64_C(1) << order);

    return frame_exists(m) ? mfn_to_page(mfn(m)) : NULL;
}

/* Put a block on its list, merged with every free buddy. Heap lock held. */
static void free_block(struct page *pg, unsigned int order)
{
    nr_free += UINT64_C(1) << order;
    for (; order < PAGE_MAX_ORDER; order++) {
        struct page *buddy = buddy_of(pg, order);

        /* Another pCPU may be taking possession of it: PAGE_FREE is clear before and after. */
        if (buddy == NULL || !(READ_ONCE(buddy->flags) & PAGE_FREE) || buddy->order != order)
            break;
        list_del(&buddy->list);
        buddy->flags &= (uint8_t)~PAGE_FREE;
        if (buddy < pg)
            pg = buddy;
    }
    pg->order = (uint8_t)order;
    pg->flags |= PAGE_FREE;
    list_add(&pg->list, &free_list[order]);
}

/* Cut a block down to `order`, giving back the upper halves. Heap lock held. */
static void split_block(struct page *pg, unsigned int from, unsigned int order)
{
    while (from > order) {
        struct page *upper = pg + (UINT64_C(1) << --from);

        upper->order = (uint8_t)from;
        upper->flags |= PAGE_FREE;
        list_add(&upper->list, &free_list[from]);
    }
}

static struct page *take_block(unsigned int order)
{
    for (unsigned int o = order; o <= PAGE_MAX_ORDER; o++) {
        struct page *pg;

        if (list_empty(&free_list[o]))
            continue;
        pg = list_first_entry(&free_list[o], struct page, list);
        list_del(&pg->list);
        pg->flags &= (uint8_t)~PAGE_FREE;
        split_block(pg, o, order);
        nr_free -= UINT64_C(1) << order;
        return pg;
    }
    return NULL;
}

void page_add_region(paddr_t start, paddr_t end)
{
    uint64_t m = paddr_to_mfn(start).v;
    uint64_t last = paddr_to_mfn(end).v;

    spin_lock(&heap_lock);
    heap_init_once();
    for (uint64_t i = m; i < last; i++)
        mfn_to_page(mfn(i))->flags = PAGE_RAM;
    nr_total += last - m;
    while (m < last) {
        unsigned int order = 0;

        while (order < PAGE_MAX_ORDER && (m & ((UINT64_C(2) << order) - 1)) == 0 &&
               m + (UINT64_C(2) << order) <= last)
            order++;
        free_block(mfn_to_page(mfn(m)), order);
        m += UINT64_C(1) << order;
    }
    spin_unlock(&heap_lock);
}

/* Allocated frames each start with one reference, so that each can be freed alone. */
static void set_allocated(struct page *pg, unsigned int order, struct domain *owner, uint8_t flags)
{
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        pg[i].owner = owner;
        WRITE_ONCE(pg[i].flags, (uint8_t)(PAGE_RAM | flags)); /* partner: free_block() */
        /* Release: owner and flags before the reference that page_get() looks for. */
        store_release(&pg[i].refs.v, 1);
    }
}

static struct page *alloc_block(unsigned int order)
{
    struct page *pg;

    if (order > PAGE_MAX_ORDER)
        return NULL;
    spin_lock(&heap_lock);
    heap_init_once();
    pg = take_block(order);
    spin_unlock(&heap_lock);
    return pg;
}

struct page *page_alloc(unsigned int order)
{
    struct page *pg = alloc_block(order);

    if (pg != NULL)
        set_allocated(pg, order, NULL, 0);
    return pg;
}

struct page *page_alloc_zeroed(unsigned int order)
{
    struct page *pg = page_alloc(order);

    if (pg != NULL)
        memset(page_to_virt(pg), 0, PAGE_SIZE << order);
    return pg;
}

void page_free(struct page *pg, unsigned int order)
{
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        BUG_ON(atomic32_read(&pg[i].refs) != 1 || pg[i].owner != NULL);
        atomic32_set(&pg[i].refs, 0);
    }
    spin_lock(&heap_lock);
    free_block(pg, order);
    spin_unlock(&heap_lock);
}

/* Reserve n frames in d's account; the first accounted frame makes the account hold a reference. */
static bool account(struct domain *d, uint64_t n)
{
    bool ok = false;
    bool first;

    spin_lock(&d->page_lock);
    first = d->tot_pages == 0;
    if (n <= d->max_pages && d->tot_pages <= d->max_pages - n) {
        d->tot_pages += n;
        ok = true;
    }
    spin_unlock(&d->page_lock);
    if (ok && first)
        BUG_ON(!domain_get(d));
    return ok;
}

static void unaccount(struct domain *d, uint64_t n)
{
    bool last;

    spin_lock(&d->page_lock);
    BUG_ON(d->tot_pages < n);
    d->tot_pages -= n;
    last = d->tot_pages == 0;
    spin_unlock(&d->page_lock);
    if (last)
        domain_put(d);
}

struct page *domain_alloc_pages(struct domain *d, unsigned int order, bool unaccounted)
{
    struct page *pg;

    if (domain_is_dying(d))
        return NULL;
    if (!unaccounted && !account(d, UINT64_C(1) << order))
        return NULL;
    pg = alloc_block(order);
    if (pg == NULL) {
        if (!unaccounted)
            unaccount(d, UINT64_C(1) << order);
        return NULL;
    }
    memset(page_to_virt(pg), 0, PAGE_SIZE << order);
    set_allocated(pg, order, d, unaccounted ? 0 : PAGE_ACCOUNTED);
    /* An unaccounted frame needs its owner to outlive it just the same. */
    if (unaccounted)
        for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
            BUG_ON(!domain_get(d));
    return pg;
}

bool page_get(struct page *pg, const struct domain *d)
{
    if (!atomic32_inc_not_zero(&pg->refs))
        return false;
    if (pg->owner == d && !(pg->flags & PAGE_SLAB))
        return true;
    page_put(pg);
    return false;
}

void page_get_held(struct page *pg)
{
    BUG_ON(atomic32_fetch_add(&pg->refs, 1) == 0);
}

static void free_after_grace(struct rcu_head *head)
{
    struct page *pg = container_of(head, struct page, rcu);

    spin_lock(&heap_lock);
    free_block(pg, 0);
    spin_unlock(&heap_lock);
}

void page_put(struct page *pg)
{
    struct domain *owner = pg->owner;
    uint8_t flags = pg->flags;

    if (atomic32_fetch_sub(&pg->refs, 1) != 1)
        return;
    /* Slab pages are only ever freed by kfree(): a stray reference must not do it. */
    BUG_ON(flags & PAGE_SLAB);
    if (owner != NULL && (flags & PAGE_ACCOUNTED))
        unaccount(owner, 1);
    else if (owner != NULL)
        domain_put(owner);
    rcu_call(&pg->rcu, free_after_grace);
}

void page_stats(uint64_t *total, uint64_t *free)
{
    spin_lock(&heap_lock);
    *total = nr_total;
    *free = nr_free;
    spin_unlock(&heap_lock);
}
