/* SPDX-License-Identifier: Apache-2.0 */
/* Stage-2 tables: entries, walks, splitting, TLB (p2m_table.h). Callers: p2m.c. */
#include "p2m_table.h"

#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>

#define PTE_ATTR_NORMAL (UINT64_C(0xf) << 2) /* write back */
#define PTE_ATTR_DEVICE (UINT64_C(0x1) << 2) /* nGnRE */
#define PTE_S2AP_R      BIT64(6)
#define PTE_S2AP_W      BIT64(7)
#define PTE_SH_OUTER    (UINT64_C(2) << 8)
#define PTE_SH_INNER    (UINT64_C(3) << 8)
#define PTE_AF          BIT64(10)
#define PTE_XN          BIT64(54)

static unsigned int shift_of(unsigned int level)
{
    return 9 * (P2M_LAST_LEVEL - level);
}

static uint64_t *table_of(uint64_t pte)
{
    return mfn_to_virt(pte_mfn(pte));
}

uint64_t pte_leaf(mfn_t m, enum p2m_type t, unsigned int level)
{
    uint64_t pte =
        mfn_to_paddr(m).v | PTE_VALID | PTE_AF | PTE_S2AP_R | ((uint64_t)t << PTE_TYPE_SHIFT);

    if (level == P2M_LAST_LEVEL)
        pte |= PTE_TABLE;
    if (t != P2M_RAM_RO && t != P2M_FOREIGN_RO)
        pte |= PTE_S2AP_W;
    if (t == P2M_MMIO_DIRECT_DEV)
        pte |= PTE_ATTR_DEVICE | PTE_SH_OUTER | PTE_XN;
    else
        pte |= PTE_ATTR_NORMAL | PTE_SH_INNER;
    if (t == P2M_MMIO_DIRECT_C || p2m_is_foreign(t))
        pte |= PTE_XN;
    return pte;
}

void p2m_flush_tlb(const struct p2m *p)
{
    uint64_t old = READ_SYSREG(vttbr_el2);

    dsb_ishst(); /* table writes before the invalidation */
    if (old != p->vttbr) {
        WRITE_SYSREG(p->vttbr, vttbr_el2);
        isb();
    }
    tlbi_vmalls12e1is();
    dsb_ish();
    isb();
    if (old != p->vttbr) {
        WRITE_SYSREG(old, vttbr_el2);
        isb();
    }
}

static void write_pte(uint64_t *e, uint64_t pte)
{
    /* Release: a table's contents before the link to it; partner: lock-free p2m_walk(). */
    store_release(e, pte);
    dsb_ishst();
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

    if (old & PTE_VALID) {
        write_pte(e, 0);
        p2m_flush_tlb(p);
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
    p2m_set_entry(p, e, level,
                  mfn_to_paddr(page_to_mfn(virt_to_page(table))).v | PTE_VALID | PTE_TABLE);
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
    if (*e & PTE_VALID)
        return split_block(p, e, level);
    table = alloc_table(p);
    if (table == NULL)
        return false;
    write_pte(e, mfn_to_paddr(page_to_mfn(virt_to_page(table))).v | PTE_VALID | PTE_TABLE);
    return true;
}

uint64_t *p2m_walk(const struct p2m *p, uint64_t g, unsigned int *level)
{
    unsigned int l = p2m_start_level();
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
    unsigned int l = p2m_start_level();
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

        if (!(*e & PTE_VALID) || (g & (level_frames(level) - 1)) == 0)
            return 0;
        if (!split_block(p, e, level))
            return -ENOMEM;
    }
}
