/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of slots that a server shares with its device model. It belongs to the target but is
 * in nobody's account and in no p2m of the target; the device model maps it with
 * acquire_resource, each mapping holding a reference. The hypervisor uses its direct mapping.
 */
#include <wherry/lib/errno.h>

#include "private.h"

/* Frames of the resource: the buffered ring, then the slots. */
#define FRAME_BUFIOREQ 0
#define FRAME_IOREQ    1
#define NR_FRAMES      2

_Static_assert(CONFIG_MAX_VCPUS <= SLOTS_PER_PAGE, "the slots of a server fit one page");

int ioreq_pages_alloc(struct ioreq_server *s)
{
    s->page = domain_alloc_pages(s->target, 0, true);
    if (s->page == NULL)
        return -ENOMEM;
    s->slots = page_to_virt(s->page);
    return 0;
}

void ioreq_pages_free(struct ioreq_server *s)
{
    if (s->page != NULL)
        page_put(s->page);
}

void ioreq_pages_publish_port(struct ioreq_server *s, const struct vcpu *v)
{
    /* Nobody posts to a server that is not enabled: without a request the slot is at rest. */
    if (!ioreq_in_flight_at(v, s) && !ioreq_invalidate_owed(s, v))
        slot_reset(&s->slots[v->id]);
    slot_set_eport(&s->slots[v->id], s->vcpu[v->id].port);
}

unsigned int ioreq_nr_frames(const struct domain *d)
{
    (void)d;
    return NR_FRAMES;
}

int ioreq_acquire_frame(struct domain *d, uint32_t id, uint64_t frame, struct page **out)
{
    struct ioreq_server *s;
    struct page *page;
    int rc;

    if (id > UINT16_MAX)
        return -EINVAL;
    spin_lock(&d->ioreq.lock);
    rc = ioreq_server_owned(d, id, &s);
    if (rc != 0)
        goto out;
    rc = -EPERM;
    if (ioreq_gfns_used(s))
        goto out;
    rc = -EINVAL;
    if (frame >= NR_FRAMES)
        goto out;
    page = frame == FRAME_BUFIOREQ ? ioreq_ring_page(s) : s->page;
    rc = -ENOENT;
    if (page == NULL)
        goto out;
    s->acquired = true;
    page_get_held(page);
    *out = page;
    rc = 0;
out:
    spin_unlock(&d->ioreq.lock);
    return rc;
}
