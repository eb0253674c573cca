/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a server as frames of its guest. The domain builder or device model names frames with
 * HVM parameters: a pool, and two single ones as fallback. A server that asks for its frames gets
 * one for the slots and one for its ring, which the device model maps like other memory of the
 * guest. While the server is enabled they are out of the guest's p2m.
 *
 * Called by server.c, destroy.c and pages.c under the target's ioreq lock. A server has a page of
 * its own from creation; it changes to the frame when it is enabled, which is when nobody posts.
 */
#include <public/hvm/params.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

#include "private.h"

#define POOL_SIZE   64 /* bits of ioreq_gfn_pool.used */
#define NR_FALLBACK 2

static const uint8_t fallback_param[NR_FALLBACK] = {HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN};

/* --- the pool --- */

/* The lowest free frame of the pool, then the single ones. Parameters that are not set are 0. */
static bool take_gfn(struct domain *d, struct ioreq_gfn_pool *pool, struct ioreq_gfn *g)
{
    uint64_t base = READ_ONCE(d->hvm_params[HVM_PARAM_IOREQ_SERVER_PFN]);
    uint64_t nr = READ_ONCE(d->hvm_params[HVM_PARAM_NR_IOREQ_SERVER_PAGES]);

    for (uint8_t i = 0; base != 0 && i < nr && i < POOL_SIZE; i++)
        if ((pool->used & BIT64(i)) == 0) {
            pool->used |= BIT64(i);
            g->bit = i;
            g->gfn = gfn(base + i);
            return true;
        }
    for (uint8_t i = 0; i < NR_FALLBACK; i++) {
        uint64_t frame = READ_ONCE(d->hvm_params[fallback_param[i]]);

        if (frame == 0 || (pool->fallback & BIT(i)) != 0)
            continue;
        pool->fallback = (uint8_t)(pool->fallback | BIT(i));
        g->bit = (uint8_t)(POOL_SIZE + i);
        g->gfn = gfn(frame);
        return true;
    }
    return false;
}

static void give_gfn(struct ioreq_gfn_pool *pool, const struct ioreq_gfn *g)
{
    if (g->bit < POOL_SIZE)
        pool->used &= ~BIT64(g->bit);
    else
        pool->fallback = (uint8_t)(pool->fallback & ~BIT(g->bit - POOL_SIZE));
}

/* --- one page --- */

static int map_gfn(struct domain *d, struct ioreq_gfn_pool *pool, struct ioreq_gfn *g)
{
    if (domain_is_dying(d))
        return -EINVAL;
    if (!take_gfn(d, pool, g))
        return -ENOMEM;
    g->page = p2m_get_page(d, g->gfn, true, false, NULL);
    if (g->page != NULL)
        return 0;
    give_gfn(pool, g);
    return -EINVAL;
}

/* It leaves the guest, where it must still be. */
static int take_out(struct domain *d, struct ioreq_gfn *g)
{
    int rc;

    if (g->page == NULL || g->out)
        return 0;
    rc = p2m_unmap_if(d, g->gfn, page_to_mfn(g->page));
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        domain_crash(d, "frame %lx of an ioreq server is not there any more",
                     (unsigned long)g->gfn.v);
    g->out = true;
    return 0;
}

/* Back to the guest, without what was in it. Another page that is there by now stays. */
static void put_back(struct domain *d, struct ioreq_gfn *g)
{
    enum p2m_type type;

    if (g->page == NULL || !g->out)
        return;
    memset(page_to_virt(g->page), 0, PAGE_SIZE);
    g->out = false;
    p2m_lookup(d, g->gfn, &type);
    if (type != P2M_INVALID || domain_is_dying(d))
        return;
    page_get_held(g->page);
    if (p2m_map(d, g->gfn, 1, page_to_mfn(g->page), P2M_RAM_RW) != 0)
        page_put(g->page); /* no memory for tables; the guest has lost it */
}

/* --- a server --- */

bool ioreq_gfns_used(const struct ioreq_server *s)
{
    return s->gfns.slots.page != NULL;
}

static int take_frames(struct ioreq_server *s)
{
    struct ioreq_gfn_pool *pool = &s->target->ioreq.registry->gfns;
    int rc = map_gfn(s->target, pool, &s->gfns.slots);

    if (rc != 0 || ioreq_ring_mode(s) == HVM_IOREQSRV_BUFIOREQ_OFF)
        return rc;
    rc = map_gfn(s->target, pool, &s->gfns.ring);
    if (rc != 0) {
        page_put(s->gfns.slots.page);
        s->gfns.slots.page = NULL;
        give_gfn(pool, &s->gfns.slots);
    }
    return rc;
}

int ioreq_gfns_map(struct ioreq_server *s, struct xen_dm_op_get_ioreq_server_info *op)
{
    int rc = 0;

    if (s->acquired)
        return -EPERM;
    if (!ioreq_gfns_used(s))
        rc = take_frames(s);
    if (rc != 0)
        return rc;
    op->ioreq_gfn = s->gfns.slots.gfn.v;
    if (s->gfns.ring.page != NULL)
        op->bufioreq_gfn = s->gfns.ring.gfn.v;
    return 0;
}

/*
 * From the server's own page to the frame. Nobody posts: the server is disabled, and a grace period
 * has passed. An access in flight goes along.
 */
static void change_slots(struct ioreq_server *s)
{
    struct page *old = s->page, *new = s->gfns.slots.page;
    struct ioreq_slot *slots = page_to_virt(new);
    struct domain *d = s->target;

    if (new == NULL || new == old)
        return;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->ioreq.vcpu[i] != NULL && ioreq_in_flight_at(d->ioreq.vcpu[i], s))
            slots[i] = s->slots[i];
    page_get_held(new);
    s->page = new;
    store_release(&s->slots, slots); /* partner: who looks for an answer on another pCPU */
    page_put(old);
}

int ioreq_gfns_enable(struct ioreq_server *s)
{
    struct ioreq_gfns *g = &s->gfns;
    int rc = take_out(s->target, &g->slots);

    if (rc == 0)
        rc = take_out(s->target, &g->ring);
    if (rc != 0) {
        put_back(s->target, &g->slots);
        return rc;
    }
    if (g->slots.page == NULL)
        return 0;
    memset(page_to_virt(g->slots.page), 0, PAGE_SIZE);
    change_slots(s);
    if (g->ring.page != NULL)
        ioreq_ring_use_page(s, g->ring.page);
    return 0;
}

/* Accesses in flight end: their slots are clear. */
void ioreq_gfns_disable(struct ioreq_server *s)
{
    struct domain *d = s->target;

    if (!s->gfns.slots.out)
        return;
    put_back(d, &s->gfns.slots);
    put_back(d, &s->gfns.ring);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->ioreq.vcpu[i] != NULL && ioreq_in_flight_at(d->ioreq.vcpu[i], s))
            ioreq_notified(d->ioreq.vcpu[i], 0);
}

static void release(struct ioreq_server *s, struct ioreq_registry *reg, struct ioreq_gfn *g)
{
    if (g->page == NULL)
        return;
    put_back(s->target, g);
    if (reg != NULL)
        give_gfn(&reg->gfns, g);
    page_put(g->page);
    g->page = NULL;
}

void ioreq_gfns_release(struct ioreq_server *s, struct ioreq_registry *reg)
{
    release(s, reg, &s->gfns.slots);
    release(s, reg, &s->gfns.ring);
}
