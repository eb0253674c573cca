/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of include/wherry/p2m.h on a tree of tables (include/wherry/p2m_tree.h).
 *
 * Removal goes in two passes with one TLB flush between: the first clears only the valid bit, so
 * that the entries still say what they held; the second, when no CPU can use the translation any
 * more, drops the references and clears them. `seq` is odd all the while: a guest that faults in
 * between tries again.
 */
#include "table.h"

#include <asm/cache.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/printk.h>

/* Tables for sparse layouts, beyond what a domain's memory itself needs. */
#define P2M_TABLES_BASE 1024

int p2m_init(struct domain *d)
{
    struct p2m *p = &d->p2m;
    int rc;

    p->root_page = page_alloc_zeroed(arch_p2m_root_order());
    if (p->root_page == NULL)
        return -ENOMEM;
    spin_lock_init(&p->lock, LOCK_RANK_P2M, "p2m");
    p->root = page_to_virt(p->root_page);
    p->max_tables = P2M_TABLES_BASE + d->max_pages / 256;
    rc = arch_p2m_init(p);
    if (rc != 0) {
        p->root = NULL;
        page_free(p->root_page, arch_p2m_root_order());
    }
    return rc;
}

/* [g, g + nr) exists in the guest's address space. */
static bool range_ok(gfn_t g, uint64_t nr)
{
    uint64_t frames = UINT64_C(1) << (arch_p2m_bits() - PAGE_SHIFT);

    return nr != 0 && g.v < frames && nr <= frames - g.v;
}

static void change_begin(struct p2m *p)
{
    WRITE_ONCE(p->seq, p->seq + 1);
    smp_wmb(); /* odd before any entry breaks; partner: p2m_fault_is_spurious(), p2m_changed() */
}

static void change_end(struct p2m *p)
{
    store_release(&p->seq, p->seq + 1); /* after the entries; same partner */
}

bool p2m_fault_is_spurious(struct domain *d, gfn_t g)
{
    struct p2m *p = &d->p2m;
    uint64_t seq = p2m_seq(p);
    unsigned int level;
    uint64_t pte;

    if (seq & 1)
        return true;
    if (unlikely(g.v >= UINT64_C(1) << (arch_p2m_bits() - PAGE_SHIFT)))
        return false;
    pte = READ_ONCE(*p2m_walk(p, g.v, &level));
    smp_rmb(); /* the entry before the second look at seq */
    return pte_is_live(pte) || READ_ONCE(p->seq) != seq;
}

/* Release what a leaf referred to. */
static void put_leaf(uint64_t pte, unsigned int level)
{
    enum p2m_type t = pte_type(pte);
    mfn_t m = pte_mfn(pte);

    if (!p2m_is_ram(t) && !p2m_is_foreign(t))
        return;
    for (uint64_t i = 0; i < level_frames(level); i++)
        if (mfn_is_ram(mfn_add(m, i)))
            page_put(mfn_to_page(mfn_add(m, i)));
}

/* First pass: no translation for [g, end) any more. Returns whether one was live. */
static bool invalidate_range(struct p2m *p, uint64_t g, uint64_t end)
{
    bool any = false;

    while (g < end) {
        unsigned int level;
        uint64_t *e = p2m_walk(p, g, &level);

        if (pte_is_live(*e)) {
            WRITE_ONCE(*e, pte_broken(*e));
            any = true;
        }
        g = (g | (level_frames(level) - 1)) + 1;
    }
    return any;
}

/* Second pass. Returns whether RAM left. */
static bool release_range(struct p2m *p, uint64_t g, uint64_t end)
{
    bool ram = false;

    while (g < end) {
        unsigned int level;
        uint64_t *e = p2m_walk(p, g, &level);
        uint64_t pte = *e;

        if (pte != 0) {
            WRITE_ONCE(*e, 0);
            p->leaves[P2M_LAST_LEVEL - level]--;
            ram |= p2m_is_ram(pte_type(pte));
            put_leaf(pte, level);
        }
        g = (g | (level_frames(level) - 1)) + 1;
    }
    return ram;
}

/* Empty [g, end), whose ends no block crosses. Returns whether RAM left. Lock held, change begun.
 */
static bool remove_range(struct p2m *p, uint64_t g, uint64_t end)
{
    if (!invalidate_range(p, g, end))
        return false;
    arch_p2m_flush(p);
    return release_range(p, g, end);
}

/* Largest page size for the head of this mapping, as a level. */
static unsigned int chunk_level(uint64_t g, uint64_t m, uint64_t nr)
{
    for (unsigned int level = 1; level < P2M_LAST_LEVEL; level++)
        if (((g | m) & (level_frames(level) - 1)) == 0 && nr >= level_frames(level))
            return level;
    return P2M_LAST_LEVEL;
}

/* Make every table that the mapping needs; changes no translation. */
static int prepare_map(struct p2m *p, uint64_t g, uint64_t m, uint64_t nr)
{
    while (nr != 0) {
        unsigned int level = chunk_level(g, m, nr);
        uint64_t n = level_frames(level);

        if (p2m_entry_at(p, g, level) == NULL)
            return -ENOMEM;
        g += n;
        m += n;
        nr -= n;
    }
    return 0;
}

static void write_map(struct p2m *p, uint64_t g, uint64_t m, uint64_t nr, enum p2m_type t)
{
    while (nr != 0) {
        unsigned int level = chunk_level(g, m, nr);
        uint64_t n = level_frames(level);

        p2m_set_entry(p, p2m_entry_at(p, g, level), level, pte_leaf(mfn(m), t, level));
        p->leaves[P2M_LAST_LEVEL - level]++;
        g += n;
        m += n;
        nr -= n;
    }
}

int p2m_map(struct domain *d, gfn_t g, uint64_t nr, mfn_t m, enum p2m_type t)
{
    struct p2m *p = &d->p2m;
    bool ram_left = false;
    int rc;

    if (!range_ok(g, nr))
        return -EINVAL;
    if (p2m_is_ram(t)) /* a guest with its caches off must not see what was there before */
        arch_clean_dcache(mfn_to_virt(m), nr << PAGE_SHIFT);
    spin_lock(&p->lock);
    if (p->root == NULL || p->teardown_next != 0) {
        spin_unlock(&p->lock);
        return -EINVAL;
    }
    change_begin(p);
    rc = prepare_map(p, g.v, m.v, nr);
    if (rc == 0) {
        ram_left = remove_range(p, g.v, g.v + nr);
        write_map(p, g.v, m.v, nr, t);
        if (g.v + nr - 1 > p->max_gfn)
            WRITE_ONCE(p->max_gfn, g.v + nr - 1);
    }
    change_end(p);
    spin_unlock(&p->lock);
    if (ram_left)
        ioreq_ram_removed(d);
    return rc;
}

/* Remove [g, g + nr). *ram_left: RAM was there. Lock held. */
static int unmap_locked(struct p2m *p, uint64_t g, uint64_t nr, bool *ram_left)
{
    int rc;

    change_begin(p);
    rc = p2m_split_at(p, g);
    if (rc == 0 && range_ok(gfn(g + nr), 1))
        rc = p2m_split_at(p, g + nr);
    if (rc == 0)
        *ram_left = remove_range(p, g, g + nr);
    change_end(p);
    return rc;
}

int p2m_unmap(struct domain *d, gfn_t g, uint64_t nr)
{
    struct p2m *p = &d->p2m;
    bool ram_left = false;
    int rc = 0;

    if (!range_ok(g, nr))
        return -EINVAL;
    spin_lock(&p->lock);
    if (p->root != NULL)
        rc = unmap_locked(p, g.v, nr, &ram_left);
    spin_unlock(&p->lock);
    if (ram_left)
        ioreq_ram_removed(d);
    return rc;
}

/* The leaf for g, or 0; the frame that it maps g to. Lock held, or RCU. */
static uint64_t lookup_pte(const struct p2m *p, uint64_t g, mfn_t *m)
{
    unsigned int level;
    uint64_t pte;

    if (READ_ONCE(p->root) == NULL)
        return 0;
    pte = READ_ONCE(*p2m_walk(p, g, &level));
    if (!pte_is_live(pte))
        return 0;
    *m = mfn_add(pte_mfn(pte), g & (level_frames(level) - 1));
    return pte;
}

int p2m_unmap_if(struct domain *d, gfn_t g, mfn_t m)
{
    struct p2m *p = &d->p2m;
    bool ram_left = false;
    mfn_t have = INVALID_MFN;
    int rc;

    if (!range_ok(g, 1))
        return -EINVAL;
    spin_lock(&p->lock);
    if (lookup_pte(p, g.v, &have) == 0)
        rc = -ENOENT;
    else if (!mfn_eq(have, m))
        rc = -EINVAL;
    else
        rc = unmap_locked(p, g.v, 1, &ram_left);
    spin_unlock(&p->lock);
    if (ram_left)
        ioreq_ram_removed(d);
    return rc;
}

/* Lock held. Rights that go are flushed before the new entry is there (p2m_set_entry()). */
static int set_ram_type_locked(struct p2m *p, uint64_t g, enum p2m_type t)
{
    unsigned int level;
    uint64_t *e;
    int rc = p2m_split_at(p, g);

    if (rc == 0 && range_ok(gfn(g + 1), 1))
        rc = p2m_split_at(p, g + 1);
    if (rc != 0)
        return rc;
    e = p2m_walk(p, g, &level);
    if (pte_type(*e) != t)
        p2m_set_entry(p, e, level, pte_leaf(pte_mfn(*e), t, level));
    return 0;
}

int p2m_set_ram_type(struct domain *d, gfn_t g, enum p2m_type t)
{
    struct p2m *p = &d->p2m;
    mfn_t m;
    int rc = -EINVAL;
    uint64_t pte;

    ASSERT(p2m_is_ram(t));
    if (!range_ok(g, 1))
        return -EINVAL;
    spin_lock(&p->lock);
    pte = lookup_pte(p, g.v, &m);
    if (pte != 0 && p2m_is_ram(pte_type(pte))) {
        change_begin(p);
        rc = set_ram_type_locked(p, g.v, t);
        change_end(p);
    }
    spin_unlock(&p->lock);
    return rc;
}

mfn_t p2m_lookup(struct domain *d, gfn_t g, enum p2m_type *t)
{
    mfn_t m = INVALID_MFN;
    uint64_t pte;

    if (t != NULL)
        *t = P2M_INVALID;
    if (!range_ok(g, 1))
        return m;
    spin_lock(&d->p2m.lock); /* not while an entry is broken for a moment */
    pte = lookup_pte(&d->p2m, g.v, &m);
    spin_unlock(&d->p2m.lock);
    if (pte != 0 && t != NULL)
        *t = pte_type(pte);
    return m;
}

/* A reference on the page of a leaf that is live under the lock. */
static struct page *get_leaf_page(struct domain *d, enum p2m_type t, mfn_t m)
{
    struct page *pg;

    if (!mfn_is_ram(m))
        return NULL;
    pg = mfn_to_page(m);
    if (p2m_is_ram(t))
        return page_get(pg, d) ? pg : NULL;
    page_get_held(pg); /* the entry's own reference keeps it alive */
    return pg;
}

struct page *p2m_get_page(struct domain *d, gfn_t g, bool writable, bool foreign_ok,
                          enum p2m_type *t)
{
    struct page *pg = NULL;
    enum p2m_type type = P2M_INVALID;
    mfn_t m;
    uint64_t pte;

    if (!range_ok(g, 1))
        return NULL;
    spin_lock(&d->p2m.lock);
    pte = lookup_pte(&d->p2m, g.v, &m);
    if (pte != 0)
        type = pte_type(pte);
    if ((p2m_is_ram(type) || (foreign_ok && p2m_is_foreign(type))) &&
        !(writable && p2m_is_read_only(type)))
        pg = get_leaf_page(d, type, m);
    spin_unlock(&d->p2m.lock);
    if (t != NULL)
        *t = type;
    return pg;
}

gfn_t p2m_max_gfn(const struct domain *d)
{
    return gfn(READ_ONCE(d->p2m.max_gfn));
}

static void free_root_page(struct rcu_head *head)
{
    page_free(container_of(head, struct page, rcu), 0);
}

static void free_root(struct p2m *p)
{
    WRITE_ONCE(p->root, NULL);
    for (unsigned int i = 0; i < 1U << arch_p2m_root_order(); i++)
        rcu_call(&p->root_page[i].rcu, free_root_page);
    arch_p2m_flush(p);
    arch_p2m_destroy(p);
}

/* Frames freed between two looks at whether to stop. */
#define TEARDOWN_STEP (UINT64_C(1) << 12)

/* The next step of emptying the table; true when that was the last. Lock held. */
static bool teardown_step(struct p2m *p)
{
    uint64_t g = p->teardown_next;
    uint64_t end = g + TEARDOWN_STEP;

    while (g < end && g <= p->max_gfn) {
        unsigned int level;
        uint64_t *e = p2m_walk(p, g, &level);

        if (pte_is_live(*e)) {
            uint64_t pte = *e;

            /* A gigabyte at once takes too long; it is only split, memory permitting. */
            if (level == 1 && p2m_split_at(p, g + level_frames(2)) == 0)
                continue;
            WRITE_ONCE(*e, 0);
            put_leaf(pte, level);
        } else if (g + level_frames(level) > end) {
            end = (g | (level_frames(level) - 1)) + 1; /* a hole costs nothing */
        }
        g = (g | (level_frames(level) - 1)) + 1;
    }
    p->teardown_next = g;
    return g > p->max_gfn;
}

int p2m_teardown(struct domain *d)
{
    struct p2m *p = &d->p2m;
    bool done = p->root == NULL;

    /* No vCPU of d runs: nothing can be cached after this, so references may go at once. */
    if (!done && p->teardown_next == 0)
        arch_p2m_flush(p);
    while (!done) {
        spin_lock(&p->lock);
        done = teardown_step(p);
        if (done) {
            p2m_free_subtables(p, p->root, 512U << arch_p2m_root_order(), arch_p2m_start_level());
            free_root(p);
        }
        spin_unlock(&p->lock);
        if (!done && current != NULL && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

void p2m_dump(struct domain *d)
{
    const struct p2m *p = &d->p2m;
    char what[32];

    arch_p2m_describe(p, what, sizeof(what));
    printk("d%u: p2m %s, up to gfn %lx, %lu tables of %lu; 4K %lu, 2M %lu, 1G %lu\n", d->id, what,
           (unsigned long)READ_ONCE(p->max_gfn), (unsigned long)READ_ONCE(p->nr_tables),
           (unsigned long)p->max_tables, (unsigned long)READ_ONCE(p->leaves[0]),
           (unsigned long)READ_ONCE(p->leaves[1]), (unsigned long)READ_ONCE(p->leaves[2]));
}
