/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/p2m.h over an array; same ownership of page references as the real one. */
#include <wherry/domain.h>
#include <wherry/lib/errno.h>

int p2m_init(struct domain *d)
{
    spin_lock_init(&d->p2m.lock, LOCK_RANK_P2M, "p2m");
    for (unsigned int i = 0; i < FAKE_P2M_FRAMES; i++)
        d->p2m.entry[i].m = INVALID_MFN;
    return 0;
}

static void clear_entry(struct domain *d, uint64_t g)
{
    uint8_t type = d->p2m.entry[g].type;
    mfn_t m = d->p2m.entry[g].m;

    d->p2m.seq += 2;
    d->p2m.entry[g].type = P2M_INVALID;
    d->p2m.entry[g].m = INVALID_MFN;
    if (p2m_is_ram(type) || p2m_is_foreign(type))
        page_put(mfn_to_page(m));
}

int p2m_teardown(struct domain *d)
{
    for (uint64_t g = 0; g < FAKE_P2M_FRAMES; g++)
        clear_entry(d, g);
    return 0;
}

static bool in_range(gfn_t g, uint64_t nr)
{
    return nr <= FAKE_P2M_FRAMES && g.v <= FAKE_P2M_FRAMES - nr;
}

int p2m_map(struct domain *d, gfn_t g, uint64_t nr, mfn_t m, enum p2m_type t)
{
    if (!in_range(g, nr))
        return -EINVAL;
    spin_lock(&d->p2m.lock);
    for (uint64_t i = 0; i < nr; i++) {
        clear_entry(d, g.v + i);
        d->p2m.entry[g.v + i].m = mfn_add(m, i);
        d->p2m.entry[g.v + i].type = (uint8_t)t;
    }
    if (nr != 0)
        d->p2m.max_gfn = MAX(d->p2m.max_gfn, g.v + nr - 1);
    spin_unlock(&d->p2m.lock);
    return 0;
}

int p2m_unmap(struct domain *d, gfn_t g, uint64_t nr)
{
    spin_lock(&d->p2m.lock);
    for (uint64_t i = 0; i < nr && in_range(gfn_add(g, i), 1); i++)
        clear_entry(d, g.v + i);
    spin_unlock(&d->p2m.lock);
    return 0;
}

int p2m_unmap_if(struct domain *d, gfn_t g, mfn_t m)
{
    int rc = 0;

    spin_lock(&d->p2m.lock);
    if (!in_range(g, 1) || d->p2m.entry[g.v].type == P2M_INVALID)
        rc = -ENOENT;
    else if (!mfn_eq(d->p2m.entry[g.v].m, m))
        rc = -EINVAL;
    else
        clear_entry(d, g.v);
    spin_unlock(&d->p2m.lock);
    return rc;
}

int p2m_set_ram_type(struct domain *d, gfn_t g, enum p2m_type t)
{
    if (!in_range(g, 1) || !p2m_is_ram((enum p2m_type)d->p2m.entry[g.v].type))
        return -EINVAL;
    d->p2m.seq += 2;
    d->p2m.entry[g.v].type = (uint8_t)t;
    return 0;
}

mfn_t p2m_lookup(struct domain *d, gfn_t g, enum p2m_type *t)
{
    if (!in_range(g, 1)) {
        *t = P2M_INVALID;
        return INVALID_MFN;
    }
    *t = (enum p2m_type)d->p2m.entry[g.v].type;
    return d->p2m.entry[g.v].m;
}

struct page *p2m_get_page(struct domain *d, gfn_t g, bool writable, bool foreign_ok,
                          enum p2m_type *t)
{
    enum p2m_type type;
    mfn_t m = p2m_lookup(d, g, &type);
    bool ok = p2m_is_ram(type) || (foreign_ok && p2m_is_foreign(type));

    if (!ok || (writable && p2m_is_read_only(type)))
        return NULL;
    page_get_held(mfn_to_page(m));
    if (t != NULL)
        *t = type;
    return mfn_to_page(m);
}

gfn_t p2m_max_gfn(const struct domain *d)
{
    return gfn(d->p2m.max_gfn);
}

bool p2m_fault_is_spurious(struct domain *d, gfn_t g)
{
    return in_range(g, 1) && d->p2m.entry[g.v].type != P2M_INVALID;
}

void p2m_dump(struct domain *d)
{
    (void)d;
}
