/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of tables: walks, splitting, replacing (table.h). Callers: ops.c. */
#include "table.h"

#include <wherry/domain.h>
#include <wherry/lib/errno.h>

static unsigned int shift_of(unsigned int level)
{
    return 9 * (P2M_LAST_LEVEL - level);
}

static uint64_t *table_of(uint64_t pte)
{
    return mfn_to_virt(pte_mfn(pte));
}

static void write_pte(uint64_t *e, uint64_t pte)
{
    /* Release: a table's contents before the link to it; partner: lock-free p2m_walk(). */
    store_release(e, pte);
    pte_sync();
}

static uint64_t *alloc_table(struct p2m *p)
{
    struct page *pg;

    if (p->nr_tables >= p->max_tables)
        return NULL;
    pg = page_alloc_zeroed(0);
    if (pg == NULL)
        return NULL;
    p->nr_tables++;
    return page_to_virt(pg);
}

static void free_table_rcu(struct rcu_head *head)
{
    page_free(container_of(head, struct page, rcu), 0);
}

static void free_table(struct p2m *p, uint64_t *table)
{
    p->nr_tables--;
    rcu_call(&virt_to_page(table)->rcu, free_table_rcu);
}

void p2m_free_subtables(struct p2m *p, uint64_t *table, unsigned int n, unsigned int level)
{
    for (unsigned int i = 0; i < n; i++) {
        uint64_t pte = table[i];

        if (!pte_is_table(pte, level))
            continue;
        p2m_free_subtables(p, table_of(pte), 512, level + 1);
        WRITE_ONCE(table[i], 0);
        free_table(p, table_of(pte));
    }
}

void p2m_set_entry(struct p2m *p, uint64_t *e, unsigned int level, uint64_t pte)
{
    uint64_t old = *e;

    if (pte_is_live(old)) {
        write_pte(e, 0);
        arch_p2m_flush(p);
    }
    write_pte(e, pte);
    if (pte_is_table(old, level)) {
        p2m_free_subtables(p, table_of(old), 512, level + 1);
        free_table(p, table_of(old));
    }
}

/* Replace a block by a table of the next level's entries, same translation. */
static bool split_block(struct p2m *p, uint64_t *e, unsigned int level)
{
    uint64_t *table = alloc_table(p);
    uint64_t step = level_frames(level + 1);
    uint64_t old = *e;

    if (table == NULL)
        return false;
    for (unsigned int i = 0; i < 512; i++)
        table[i] = pte_leaf(mfn_add(pte_mfn(old), i * step), pte_type(old), level + 1);
    p2m_set_entry(p, e, level, pte_table(page_to_mfn(virt_to_page(table))));
    p->leaves[P2M_LAST_LEVEL - level]--;
    p->leaves[P2M_LAST_LEVEL - level - 1] += 512;
    return true;
}

/* Make `e` point to a table. */
static bool ensure_table(struct p2m *p, uint64_t *e, unsigned int level)
{
    uint64_t *table;

    if (pte_is_table(*e, level))
        return true;
    if (pte_is_live(*e))
        return split_block(p, e, level);
    table = alloc_table(p);
    if (table == NULL)
        return false;
    write_pte(e, pte_table(page_to_mfn(virt_to_page(table))));
    return true;
}

uint64_t *p2m_walk(const struct p2m *p, uint64_t g, unsigned int *level)
{
    unsigned int l = arch_p2m_start_level();
    uint64_t *e = &p->root[g >> shift_of(l)];

    for (;;) {
        uint64_t pte = READ_ONCE(*e);

        if (!pte_is_table(pte, l)) {
            *level = l;
            return e;
        }
        l++;
        e = &table_of(pte)[(g >> shift_of(l)) & 511];
    }
}

uint64_t *p2m_entry_at(struct p2m *p, uint64_t g, unsigned int level)
{
    unsigned int l = arch_p2m_start_level();
    uint64_t *e = &p->root[g >> shift_of(l)];

    while (l < level) {
        if (!ensure_table(p, e, l))
            return NULL;
        l++;
        e = &table_of(*e)[(g >> shift_of(l)) & 511];
    }
    return e;
}

int p2m_split_at(struct p2m *p, uint64_t g)
{
    for (;;) {
        unsigned int level;
        uint64_t *e = p2m_walk(p, g, &level);

        if (!pte_is_live(*e) || (g & (level_frames(level) - 1)) == 0)
            return 0;
        if (!split_block(p, e, level))
            return -ENOMEM;
    }
}
