/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes that no vCPU waits for: a ring in a page of its own, one for each server that was created
 * with it. Called by forward.c for accesses marked `buffered`, by devices of the hypervisor for
 * what every device model should know, and by server.c, pages.c and ports.c as servers come and go.
 *
 * A vCPU that posts found the server under RCU, so page and server stay until it has left the
 * hypervisor. Its port may be closed meanwhile: the notification then reaches nobody.
 */
#include <wherry/bug.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

#include "private.h"
#include "ring.h"

/* Tries to take a multiple of RING_SLOTS from both pointers while the device model moves one. */
#define MAX_TRIES RING_SLOTS

/* 2^32 modulo RING_SLOTS. */
#define WRAP_SHIFT 32

_Static_assert((UINT64_C(1) << 32) % RING_SLOTS == WRAP_SHIFT, "indices at the wrap");

uint64_t ioreq_ring_charge(uint8_t mode)
{
    return mode != HVM_IOREQSRV_BUFIOREQ_OFF ? PAGE_SIZE : 0;
}

uint8_t ioreq_ring_mode(const struct ioreq_server *s)
{
    return s->ring.mode;
}

int ioreq_ring_init(struct ioreq_server *s, uint8_t mode)
{
    struct ioreq_ring *ring = &s->ring;

    spin_lock_init(&ring->lock, LOCK_RANK_IOREQ_RING, "ioreq_ring");
    if (mode == HVM_IOREQSRV_BUFIOREQ_OFF)
        return 0;
    ring->page = domain_alloc_pages(s->target, 0, true);
    if (ring->page == NULL)
        return -ENOMEM;
    ring->shared = page_to_virt(ring->page);
    ring->mode = mode;
    return 0;
}

void ioreq_ring_free(struct ioreq_server *s)
{
    if (s->ring.page != NULL)
        page_put(s->ring.page);
}

void ioreq_ring_use_page(struct ioreq_server *s, struct page *page)
{
    struct ioreq_ring *ring = &s->ring;
    struct page *old = ring->page;

    page_get_held(page);
    memset(page_to_virt(page), 0, PAGE_SIZE);
    spin_lock(&ring->lock);
    ring->page = page;
    ring->shared = page_to_virt(page);
    ring->write = 0;
    spin_unlock(&ring->lock);
    page_put(old);
}

/* The device model has nothing to say on the ring's port. */
static void ring_notified(struct vcpu *v, evtchn_port port)
{
    (void)v;
    (void)port;
}

int ioreq_ring_add_port(struct ioreq_server *s, struct vcpu *v)
{
    int port;

    if (s->ring.mode == HVM_IOREQSRV_BUFIOREQ_OFF || v->id != 0)
        return 0;
    port = evtchn_alloc_consumer(v, s->owner->id, ring_notified);
    if (port < 0)
        return port;
    WRITE_ONCE(s->ring.port, (evtchn_port)port);
    return 0;
}

void ioreq_ring_remove_port(struct ioreq_server *s, unsigned int vcpu)
{
    evtchn_port port = s->ring.port;

    if (port == 0 || vcpu != 0)
        return;
    evtchn_free_consumer(s->target, port);
    WRITE_ONCE(s->ring.port, 0);
}

struct page *ioreq_ring_page(const struct ioreq_server *s)
{
    return s->ring.page;
}

void ioreq_ring_info(const struct ioreq_server *s, struct xen_dm_op_get_ioreq_server_info *op)
{
    if (s->ring.mode != HVM_IOREQSRV_BUFIOREQ_OFF)
        op->bufioreq_port = s->ring.port;
}

/* Can a slot hold it? */
static bool access_fits(const struct ioreq_access *a)
{
    if (a->read || a->data_is_ptr || a->count != 1 || a->addr > RING_MAX_ADDR)
        return false;
    return a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8;
}

/*
 * May the slot of a pointer be overwritten? RING_SLOTS does not divide 2^32, so indices skip when
 * pointers wrap: pointers 0 to 31 have the indices of the 32 last before the wrap. Those may be
 * unread with the ring nearly empty.
 */
static bool slot_free(uint32_t read, uint32_t pointer)
{
    uint32_t unread = pointer - read;

    if (unread >= RING_SLOTS)
        return false;
    return pointer >= read || pointer >= WRAP_SHIFT || unread < WRAP_SHIFT;
}

/*
 * Keep the pointers of an ATOMIC ring from growing. The device model moves read_pointer meanwhile,
 * at most once for each slot that is full; one that does not stop, or changes write_pointer, is
 * left with pointers that grow, until the next request.
 */
static void canonicalise(struct ioreq_ring *ring)
{
    for (unsigned int i = 0; i < MAX_TRIES; i++) {
        uint32_t read = ring_load(ring->shared);
        uint32_t excess = read - read % RING_SLOTS;

        /* Not what it was: the next request will tell. */
        if (excess == 0 || ring->write - read > RING_SLOTS)
            return;
        if (ring_swap(ring->shared, ring_pointers(read, ring->write),
                      ring_pointers(read - excess, ring->write - excess))) {
            ring->write -= excess;
            return;
        }
    }
}

/* Ring lock held. */
static bool post_locked(struct ioreq_ring *ring, const struct ioreq_access *access)
{
    const uint32_t data[2] = {(uint32_t)access->data, (uint32_t)(access->data >> 32)};
    unsigned int slots = access->size == 8 ? 2 : 1;
    uint32_t read = ring_load(ring->shared);

    /* What was read is overwritten after we saw that it was. Partner: the device model's barrier
     * between reading slots and moving read_pointer. */
    smp_mb();
    if (!slot_free(read, ring->write) || !slot_free(read, ring->write + slots - 1)) {
        ring->full++;
        return false;
    }
    for (unsigned int i = 0; i < slots; i++)
        ring_store_slot(ring->shared, ring->write + i, ring_slot(access, data[i]));
    ring->write += slots;
    ring->posted++;
    ring_store_write(ring->shared, ring->write);
    if (ring->mode == HVM_IOREQSRV_BUFIOREQ_ATOMIC)
        canonicalise(ring);
    return true;
}

bool ioreq_ring_post(struct ioreq_server *s, const struct ioreq_access *access)
{
    struct ioreq_ring *ring = &s->ring;
    bool ok;

    if (ring->mode == HVM_IOREQSRV_BUFIOREQ_OFF || !access_fits(access))
        return false;
    spin_lock(&ring->lock);
    ok = post_locked(ring, access);
    spin_unlock(&ring->lock);
    if (!ok)
        return false;
    /* Always, whatever the ring held before: whether the device model still looks is not known. */
    evtchn_notify_consumer_peer(s->target, READ_ONCE(ring->port));
    atomic64_count(&s->target->stats.buffered);
    return true;
}

unsigned int ioreq_broadcast_buffered(struct domain *d, const struct ioreq_access *access)
{
    struct ioreq_registry *reg = rcu_dereference(d->ioreq.registry);
    uint64_t left = reg != NULL ? READ_ONCE(reg->route.enabled) : 0;
    unsigned int lost = 0;

    for (; left != 0; left &= left - 1) {
        struct ioreq_server *s = rcu_dereference(reg->server[__builtin_ctzll(left)]);

        if (s == NULL || s->ring.mode == HVM_IOREQSRV_BUFIOREQ_OFF || ioreq_ring_post(s, access))
            continue;
        lost++;
        atomic64_count(&d->stats.buffered_lost);
        gprintk("ioreq server %u (d%u): no room in the ring of d%u for a request of type %u\n",
                s->id, s->owner->id, d->id, access->type);
    }
    return lost;
}

void ioreq_ring_dump(struct ioreq_server *s)
{
    struct ioreq_ring *ring = &s->ring;
    uint64_t posted, full;
    uint32_t read, write;

    if (ring->mode == HVM_IOREQSRV_BUFIOREQ_OFF)
        return;
    spin_lock(&ring->lock);
    read = ring_load(ring->shared);
    write = ring->write;
    posted = ring->posted;
    full = ring->full;
    spin_unlock(&ring->lock);
    printk("    %s ring: read %u, write %u, port %u, %lu posted, %lu without room\n",
           ring->mode == HVM_IOREQSRV_BUFIOREQ_ATOMIC ? "atomic" : "legacy", read, write,
           READ_ONCE(ring->port), (unsigned long)posted, (unsigned long)full);
}
