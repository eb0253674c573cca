/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buffered ring in both modes. The guest's writes to the memory of its VGA card (wherry,vga)
 * are what goes there.
 */
#include "suite.h"

#define VGA     UINT64_C(0xa0000)
#define VGA_END UINT64_C(0xbffff)
#define SLOTS   IOREQ_BUFFER_SLOT_NUM

void test_rings(void);

static struct dm_server s;
static struct buffered_iopage *ring;
static evtchn_port_t ring_port;
static bool atomic;

static long open_ring(unsigned int mode)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    uint64_t at = scratch_alloc(2);
    long rc;

    atomic = mode == HVM_IOREQSRV_BUFIOREQ_ATOMIC;
    op.u.create_ioreq_server.handle_bufioreq = (uint8_t)mode;
    rc = dm_op(GUEST, &op);
    s = (struct dm_server){.dom = GUEST, .vcpus = 2, .page_addr = at};
    s.id = op.u.create_ioreq_server.id;
    s.page = (struct shared_iopage *)(uintptr_t)at;
    ring = (struct buffered_iopage *)(uintptr_t)(at + PAGE_SIZE);
    if (rc == 0)
        rc = acquire_ioreq_page(GUEST, s.id, XENMEM_resource_ioreq_server_frame_ioreq(0), at);
    if (rc == 0)
        rc = acquire_ioreq_page(GUEST, s.id, XENMEM_resource_ioreq_server_frame_bufioreq,
                                at + PAGE_SIZE);
    if (rc == 0)
        rc = dm_map(GUEST, s.id, VGA, VGA_END);
    if (rc == 0)
        rc = dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    if (rc == 0)
        rc = dm_set_state(GUEST, s.id, true);
    for (unsigned int v = 0; rc == 0 && v < s.vcpus; v++) {
        rc = evtchn_bind_interdomain(GUEST, dm_slot(&s, v)->vp_eport, &s.port[v]);
        event_mask(s.port[v]);
    }
    return rc;
}

static void bind_ring(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};

    op.u.get_ioreq_server_info.id = s.id;
    op.u.get_ioreq_server_info.flags = XEN_DMOP_no_gfns;
    tap_eq(dm_op(GUEST, &op), 0, "the ring's port is told");
    tap_eq(evtchn_bind_interdomain(GUEST, op.u.get_ioreq_server_info.bufioreq_port, &ring_port), 0,
           "and bound");
    event_mask(ring_port);
    event_take(ring_port);
}

/* Both pointers at one moment. */
static uint64_t pointers(void)
{
    return __atomic_load_n((uint64_t *)(uintptr_t)ring, __ATOMIC_ACQUIRE);
}

static uint32_t unread(void)
{
    uint64_t p = pointers();

    return (uint32_t)(p >> 32) - (uint32_t)p;
}

static struct buf_ioreq next(void)
{
    uint32_t read = (uint32_t)pointers();
    struct buf_ioreq slot = ring->buf_ioreq[read % SLOTS];

    mb(); /* the slot before it is given back; partner: the hypervisor's look at read_pointer */
    __atomic_fetch_add(&ring->read_pointer, 1, __ATOMIC_SEQ_CST);
    return slot;
}

static bool slot_is(const struct buf_ioreq *b, unsigned int size_code, uint64_t addr, uint64_t data)
{
    return b->type == IOREQ_TYPE_COPY && b->dir == IOREQ_WRITE && b->size == size_code &&
           b->addr == addr && b->data == (uint32_t)data;
}

static void begin_write(struct box *b, uint64_t addr, unsigned int size, uint64_t data)
{
    b->a0 = addr;
    b->a1 = size;
    b->a2 = data;
    box_go(b, G_WRITE);
}

/* False: this memory's writes do not go to rings; a slot has got it. */
static bool rings_are_used(struct box *b)
{
    bool waits = false;

    begin_write(b, VGA, 1, 0);
    for (unsigned int ms = 0; !waits && !box_done_within(b, 1000) && ms < PATIENCE * 1000; ms++)
        waits = dm_state(dm_slot(&s, 0)) == STATE_IOREQ_READY;
    if (waits)
        dm_answer(&s, 0, 0);
    box_comes(b);
    if (!tap(unread() == 1, "ring: such a write goes there"))
        return false;
    next();
    event_take(ring_port);
    return true;
}

static void sizes(struct box *b)
{
    const uint64_t data = UINT64_C(0x8877665544332211);

    for (unsigned int code = 0; code < 4; code++) {
        unsigned int size = 1u << code;
        uint64_t mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
        struct buf_ioreq first, second;

        begin_write(b, VGA + 0x123 * size, size, data);
        tap(box_comes(b), "ring: a write of %u bytes is not waited for", size);
        tap(event_take(ring_port), "ring: and rings");
        if (!tap_eq(unread(), size == 8 ? 2 : 1, "ring: it takes its slots"))
            return;
        first = next();
        tap(slot_is(&first, code, VGA + 0x123 * size, data & mask), "ring: which say what it was");
        if (size != 8)
            continue;
        second = next();
        tap(slot_is(&second, code, VGA + 0x123 * size, data >> 32), "ring: the upper half too");
    }
}

static void order(struct box *b)
{
    unsigned int wrong = 0;

    for (unsigned int round = 0; round < 4; round++) {
        b->a0 = VGA_END - 3;
        b->a1 = 300;
        b->a2 = 0x1000 * round;
        box_go(b, G_WRITE_MANY);
        tap(box_comes(b), "ring: 300 writes");
        wrong += unread() != 300 || !event_take(ring_port);
        for (unsigned int i = 0; i < 300 && unread() != 0; i++) {
            struct buf_ioreq slot = next();

            wrong += !slot_is(&slot, 2, VGA_END - 3, 0x1000 * round + i);
        }
    }
    tap_eq(wrong, 0, "ring: 1200 writes come in their order");
    if (atomic)
        tap((uint32_t)pointers() < 2 * SLOTS, "ring: the pointers are taken back");
    else
        tap((uint32_t)pointers() > 1200, "ring: the pointers only grow");
}

static void full(struct box *b)
{
    b->a0 = VGA;
    b->a1 = SLOTS;
    b->a2 = 1;
    box_go(b, G_WRITE_MANY);
    tap(box_comes(b), "ring: as many writes as it has slots");
    tap_eq(unread(), SLOTS, "ring: it is full");
    begin_write(b, VGA + 8, 4, 0x4711);
    tap(wait_ready(&s, 0), "ring: the next write waits in the vCPU's slot");
    tap(dm_slot(&s, 0)->addr == VGA + 8 && dm_slot(&s, 0)->data == 0x4711 &&
            dm_slot(&s, 0)->dir == IOREQ_WRITE,
        "ring: as itself");
    tap_eq(unread(), SLOTS, "ring: no slot was overwritten");
    dm_answer(&s, 0, 0);
    tap(box_comes(b), "ring: answered, it is over");
    next();
    begin_write(b, VGA, 8, 0x99);
    tap(wait_ready(&s, 0), "ring: one slot is not enough for 8 bytes");
    dm_answer(&s, 0, 0);
    box_comes(b);
    begin_write(b, VGA, 4, 0x98);
    tap(box_comes(b) && unread() == SLOTS, "ring: but for 4");
    while (unread() != 0)
        next();
}

static void others(struct box *b)
{
    begin_write(b, WINDOW_DEVICE, 4, 1);
    tap(wait_ready(&s, 0) && unread() == 0, "ring: a write elsewhere is waited for");
    dm_answer(&s, 0, 0);
    box_comes(b);
    b->a0 = VGA;
    box_go(b, G_READ_GPA);
    tap(wait_ready(&s, 0) && unread() == 0, "ring: so is a read of the same memory");
    dm_answer(&s, 0, 0x1234);
    tap(box_comes(b) && b->result == 0x1234, "ring: and gets its answer");
    dm_set_state(GUEST, s.id, false);
    begin_write(b, VGA, 4, 1);
    tap(box_comes(b) && unread() == 0, "ring: disabled, it gets nothing");
}

void test_rings(void)
{
    struct box *b = box_of(GUEST, 0);

    serve_with(NULL, NULL);
    for (unsigned int mode = 1; mode <= RING_MODES; mode++) {
        if (!tap_eq(open_ring(mode), 0, "a server with a ring of mode %u", mode))
            return;
        bind_ring();
        if (rings_are_used(b)) {
            sizes(b);
            order(b);
            full(b);
            others(b);
        }
        evtchn_close(ring_port);
        foreign_unmap(arg(ring));
        dm_server_close(&s);
    }
    if (!tap_eq(open_ring(0), -XEN_ENOENT, "without a ring there is no page of it"))
        return;
    dm_server_close(&s);
    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server without"))
        return;
    dm_map(GUEST, s.id, VGA, VGA_END);
    begin_write(b, VGA, 4, 0x55);
    tap(wait_ready(&s, 0), "it gets such a write in the vCPU's slot");
    dm_answer(&s, 0, 0);
    tap(box_comes(b), "and answers");
    dm_server_close(&s);
}
