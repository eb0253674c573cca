/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects: power-of-two classes from 16 to 2048 bytes, each page of a class with its own
 * free list; larger sizes are whole pages. Called by everything that allocates at run time, never
 * on the path of a forwarded access.
 */
#include <wherry/bug.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>
#include <wherry/slab.h>
#include <wherry/spinlock.h>

#define CLASS_MIN_SHIFT 4
#define CLASS_MAX_SHIFT 11
#define NR_CLASSES      (CLASS_MAX_SHIFT - CLASS_MIN_SHIFT + 1)

static struct spinlock slab_lock = SPINLOCK_INIT(LOCK_RANK_SLAB, "slab");

/* Pages of a class that have a free object; slab_lock. */
static struct list_head partial[NR_CLASSES];
static bool slab_ready;

static void slab_init_once(void)
{
    if (slab_ready)
        return;
    for (unsigned int i = 0; i < NR_CLASSES; i++)
        list_init(&partial[i]);
    slab_ready = true;
}

static unsigned int size_class(size_t size)
{
    unsigned int c = 0;

    while ((size_t)1 << (c + CLASS_MIN_SHIFT) < size)
        c++;
    return c;
}

static unsigned int size_order(size_t size)
{
    unsigned int order = 0;

    while (order <= PAGE_MAX_ORDER && PAGE_SIZE << order < size)
        order++;
    return order;
}

/* A fresh page of class c, all objects on its free list. Slab lock held. */
static struct page *new_slab_page(unsigned int c)
{
    size_t object = (size_t)1 << (c + CLASS_MIN_SHIFT);
    struct page *pg = page_alloc(0);
    char *base;

    if (pg == NULL)
        return NULL;
    base = page_to_virt(pg);
    WRITE_ONCE(pg->flags, (uint8_t)(pg->flags | PAGE_SLAB));
    pg->order = (uint8_t)c;
    pg->slab_used = 0;
    pg->slab_free = NULL;
    for (size_t off = PAGE_SIZE; off > 0; off -= object) {
        void **obj = (void **)(void *)(base + off - object);

        *obj = pg->slab_free;
        pg->slab_free = obj;
    }
    list_add(&pg->list, &partial[c]);
    return pg;
}

static void *slab_alloc(unsigned int c)
{
    struct page *pg;
    void **obj = NULL;

    spin_lock(&slab_lock);
    slab_init_once();
    pg = list_empty(&partial[c]) ? new_slab_page(c)
                                 : list_first_entry(&partial[c], struct page, list);
    if (pg != NULL) {
        obj = pg->slab_free;
        pg->slab_free = *obj;
        pg->slab_used++;
        if (pg->slab_free == NULL)
            list_del(&pg->list);
    }
    spin_unlock(&slab_lock);
    return obj;
}

static void slab_release(struct page *pg, void *p)
{
    void **obj = p;
    bool was_full = pg->slab_free == NULL;

    *obj = pg->slab_free;
    pg->slab_free = obj;
    BUG_ON(pg->slab_used == 0);
    pg->slab_used--;
    if (was_full)
        list_add(&pg->list, &partial[pg->order]);
    if (pg->slab_used > 0)
        return;
    list_del(&pg->list);
    pg->owner = NULL;
    WRITE_ONCE(pg->flags, (uint8_t)(pg->flags & ~PAGE_SLAB));
    page_free(pg, 0);
}

void *kzalloc(size_t size)
{
    void *p;

    if (size <= (size_t)1 << CLASS_MAX_SHIFT) {
        unsigned int c = size_class(size);

        p = slab_alloc(c);
        if (p != NULL)
            memset(p, 0, (size_t)1 << (c + CLASS_MIN_SHIFT));
        return p;
    }

    unsigned int order = size_order(size);
    struct page *pg = page_alloc_zeroed(order);

    if (pg == NULL)
        return NULL;
    pg->order = (uint8_t)order;
    return page_to_virt(pg);
}

void *kcalloc(size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size)
        return NULL;
    return kzalloc(n * size);
}

void kfree(void *p)
{
    struct page *pg;

    if (p == NULL)
        return;
    pg = virt_to_page(p);
    if (!(pg->flags & PAGE_SLAB)) {
        page_free(pg, pg->order);
        return;
    }
    spin_lock(&slab_lock);
    slab_release(pg, p);
    spin_unlock(&slab_lock);
}
