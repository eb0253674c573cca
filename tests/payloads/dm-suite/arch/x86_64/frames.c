/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the guest as a server's pages (op 2 without XEN_DMOP_no_gfns), for guest 8, which has a
 * pool of three (wherry,device-model-pages). They are mapped as any of its memory.
 */
#include "suite.h"

void test_frames(void); /* interrupts.c */

#define POOLED   8
#define POOL     3 /* frames, as the tree says */
#define SINGLE   0x1c00u
#define SINGLE_B 0x1c01u
#define VGA      UINT64_C(0xa0000)
#define VGA_END  UINT64_C(0xbffff)
#define IN_PAGE  0x800u /* what the hypervisor does not use of a page, with two vCPUs */
#define READ     UINT64_C(0x1122334455667788)

static struct box *b;
static uint64_t pool; /* its first frame */

/* --- parameters --- */

static long set_param(domid_t dom, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = {.domid = dom, .index = index, .value = value};

    return hvm_op(HVMOP_set_param, &p);
}

static long get_param(uint32_t index, uint64_t *value)
{
    struct xen_hvm_param p = {.domid = POOLED, .index = index};
    long rc = hvm_op(HVMOP_get_param, &p);

    *value = p.value;
    return rc;
}

static long guest_param(unsigned int cmd, uint32_t index)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = index, .value = SINGLE};

    memcpy(b->buffer, &p, sizeof(p));
    return guest_hypercall(b, __HYPERVISOR_hvm_op, cmd, b->where, 0);
}

static void parameters(void)
{
    uint64_t n = 0;

    tap_eq(get_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, &n), 0, "frames: how many there are");
    tap_eq((int64_t)n, POOL, "frames: as many as the tree says");
    tap(get_param(HVM_PARAM_IOREQ_SERVER_PFN, &pool) == 0 && pool != 0, "frames: and where");
    tap_eq(set_param(POOLED, HVM_PARAM_IOREQ_SERVER_PFN, pool + 1), -XEN_EEXIST,
           "frames: they stay there");
    tap_eq(set_param(POOLED, HVM_PARAM_IOREQ_SERVER_PFN, pool), 0, "frames: said again");
    tap_eq(set_param(POOLED, HVM_PARAM_NR_IOREQ_SERVER_PAGES, POOL + 1), -XEN_EEXIST,
           "frames: nor do they become more");
    tap_eq(set_param(GUEST, HVM_PARAM_NR_IOREQ_SERVER_PAGES, 65), -XEN_EINVAL,
           "frames: 65 are too many");
    tap_eq(guest_param(HVMOP_set_param, HVM_PARAM_IOREQ_PFN), -XEN_EPERM,
           "frames: not for the guest to set");
    tap_eq(guest_param(HVMOP_get_param, HVM_PARAM_IOREQ_SERVER_PFN), -XEN_EPERM,
           "frames: nor to read");
}

/* --- servers --- */

struct server {
    struct dm_server s;
    struct buffered_iopage *ring;
    uint64_t gfn, ring_gfn;
    evtchn_port_t ring_port; /* the guest's */
};

static long create(struct server *f, unsigned int ring)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc;

    op.u.create_ioreq_server.handle_bufioreq = (uint8_t)ring;
    rc = dm_op(POOLED, &op);
    *f = (struct server){.s = {.dom = POOLED, .vcpus = 2, .id = op.u.create_ioreq_server.id}};
    return rc;
}

static long ask(struct server *f)
{
    struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};
    struct xen_dm_op_get_ioreq_server_info *i = &op.u.get_ioreq_server_info;
    long rc;

    i->id = f->s.id;
    rc = dm_op(POOLED, &op);
    f->gfn = i->ioreq_gfn;
    f->ring_gfn = i->bufioreq_gfn;
    f->ring_port = i->bufioreq_port;
    return rc;
}

/* As any memory of the guest, while it is that. */
static bool map_frames(struct server *f)
{
    uint64_t at = scratch_alloc(2);
    bool ok = foreign_map(POOLED, f->gfn, at) == 0;

    f->s.page_addr = at;
    f->s.page = (struct shared_iopage *)(uintptr_t)at;
    f->ring = (struct buffered_iopage *)(uintptr_t)(at + PAGE_SIZE);
    if (f->ring_gfn != 0)
        ok = ok && foreign_map(POOLED, f->ring_gfn, at + PAGE_SIZE) == 0;
    return ok;
}

static void unmap_frames(struct server *f)
{
    foreign_unmap(f->s.page_addr);
    if (f->ring_gfn != 0)
        foreign_unmap(f->s.page_addr + PAGE_SIZE);
}

static bool bind(struct server *f)
{
    bool ok = true;

    for (unsigned int v = 0; v < f->s.vcpus; v++) {
        ok = ok && evtchn_bind_interdomain(POOLED, dm_slot(&f->s, v)->vp_eport, &f->s.port[v]) == 0;
        event_mask(f->s.port[v]);
    }
    return ok;
}

static void end(struct server *f)
{
    dm_destroy(POOLED, f->s.id);
    for (unsigned int v = 0; v < f->s.vcpus; v++)
        if (f->s.port[v] != 0)
            evtchn_close(f->s.port[v]);
    if (f->s.page_addr != 0)
        unmap_frames(f);
}

/* Frames that leave count as removed: device models are asked to forget what they have mapped. */
static bool told_to_forget(void)
{
    for (unsigned int i = 0; i < 100; i++) {
        box_run(b, G_NOP);
        if (nr_seen != 0)
            return seen[0].type == IOREQ_TYPE_INVALIDATE;
    }
    return false;
}

static bool enable(struct server *f)
{
    return dm_set_state(POOLED, f->s.id, true) == 0;
}

static uint64_t guest_sees(uint64_t gfn)
{
    guest_read(b, (gfn << PAGE_SHIFT) + IN_PAGE);
    return b->trapped ? 0x77 : b->result;
}

static void guest_puts(uint64_t gfn, uint64_t value)
{
    b->a0 = (gfn << PAGE_SHIFT) + IN_PAGE;
    b->a1 = value;
    box_run(b, G_WRITE_GPA);
}

static uint64_t here(const void *page)
{
    return READ_ONCE(*(const uint64_t *)((uintptr_t)page + IN_PAGE));
}

/* --- one server with a ring, and its two frames --- */

static void before_enabling(struct server *f)
{
    uint64_t gfn;

    tap_eq(create(f, HVM_IOREQSRV_BUFIOREQ_ATOMIC), 0, "frames: a server with a ring");
    tap_eq(ask(f), 0, "frames: it gets some");
    tap_eq((int64_t)f->gfn, (int64_t)pool, "frames: the first for its slots");
    tap_eq((int64_t)f->ring_gfn, (int64_t)pool + 1, "frames: the next for its ring");
    tap(f->ring_port != 0, "frames: whose port is told");
    gfn = f->gfn;
    tap(ask(f) == 0 && f->gfn == gfn && f->ring_gfn == gfn + 1, "frames: asked again, the same");
    tap_eq(acquire_ioreq_page(POOLED, f->s.id, 1, scratch_alloc(1)), -XEN_EPERM,
           "frames: then its page cannot be acquired");
    guest_puts(gfn, READ);
    tap_eq((int64_t)guest_sees(gfn), (int64_t)READ, "frames: they are the guest's memory");
    tap(map_frames(f), "frames: and mapped here");
    tap_eq((int64_t)here(f->s.page), (int64_t)READ, "frames: with what the guest wrote");
}

static void enabled(struct server *f)
{
    tap(enable(f), "frames: enabled");
    tap(dm_slot(&f->s, 0)->vp_eport != 0 && dm_slot(&f->s, 1)->vp_eport != 0,
        "frames: the slots have their ports");
    tap(bind(f), "frames: which can be bound");
    serve_with(&f->s, NULL);
    tap(told_to_forget(), "frames: an invalidation is due");
    tap(guest_sees(f->gfn) == UINT64_MAX && guest_sees(f->ring_gfn) == UINT64_MAX,
        "frames: the guest has them no more");
    guest_puts(f->gfn, 0x55);
    tap_eq((int64_t)here(f->s.page), 0, "frames: what it wrote is gone, and it writes none");
    tap(foreign_map(POOLED, f->gfn, scratch_alloc(1)) != 0, "frames: nobody can map them now");
    dm_map(POOLED, f->s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    dm_map(POOLED, f->s.id, VGA, VGA_END);
}

static bool reads(uint64_t addr)
{
    reply[0] = READ;
    guest_read(b, addr);
    return nr_seen == 1 && seen[0].addr == addr && b->result == READ;
}

static void accesses(struct server *f)
{
    struct buf_ioreq *slot = &f->ring->buf_ioreq[0];
    evtchn_port_t port = 0;

    tap(reads(WINDOW_DEVICE + 8), "frames: an access goes through them");
    tap_eq(evtchn_bind_interdomain(POOLED, f->ring_port, &port), 0, "frames: the ring's port");
    event_mask(port);
    event_take(port);
    b->a0 = VGA + 0x20;
    b->a1 = 4;
    b->a2 = 0xabcd;
    box_go(b, G_WRITE);
    tap(box_comes(b), "frames: a buffered write is not waited for");
    tap(event_take(port) && READ_ONCE(f->ring->write_pointer) == 1 && slot->addr == VGA + 0x20 &&
            slot->data == 0xabcd,
        "frames: it is in the ring");
    evtchn_close(port);
}

/* Disabled, they come back, clear; what waits then ends. Enabled again, they are the same. */
static void back_and_again(struct server *f)
{
    b->a0 = WINDOW_DEVICE;
    box_go(b, G_READ_GPA);
    tap(wait_ready(&f->s, 0), "frames: an access waits");
    WRITE_ONCE(*(uint64_t *)((uintptr_t)f->s.page + IN_PAGE), 0x99);
    WRITE_ONCE(*(uint64_t *)((uintptr_t)f->ring + IN_PAGE), 0x98);
    tap_eq(dm_set_state(POOLED, f->s.id, false), 0, "frames: disabled");
    tap(box_comes(b) && b->result == UINT64_MAX, "frames: it ends with all ones");
    tap(guest_sees(f->gfn) == 0 && guest_sees(f->ring_gfn) == 0,
        "frames: the guest has clear ones");
    guest_puts(f->gfn, 0x66);
    tap_eq((int64_t)here(f->s.page), 0x66, "frames: the same pages as before");
    guest_read(b, WINDOW_DEVICE);
    tap(nothing_there(b, WINDOW_DEVICE), "frames: disabled, it gets nothing");
    tap(enable(f) && told_to_forget(), "frames: enabled once more");
    tap_eq((int64_t)guest_sees(f->gfn), -1, "frames: they are out of the guest again");
    tap_eq((int64_t)here(f->s.page), 0, "frames: clear");
    tap(reads(WINDOW_DEVICE), "frames: and serve");
}

/* --- more servers than frames --- */

static void several(struct server *first)
{
    static struct server second, third, fourth;
    uint64_t at = scratch_alloc(1);

    tap_eq(create(&second, HVM_IOREQSRV_BUFIOREQ_LEGACY), 0, "frames: a second server");
    tap_eq(ask(&second), -XEN_ENOMEM, "frames: one frame is too few for it and its ring");
    tap_eq(create(&third, HVM_IOREQSRV_BUFIOREQ_OFF), 0, "frames: one without a ring");
    tap_eq(ask(&third), 0, "frames: gets the one that the other could not use");
    tap(third.gfn == pool + 2 && third.ring_gfn == 0, "frames: which is the last");
    tap_eq(set_param(POOLED, HVM_PARAM_IOREQ_PFN, SINGLE), 0, "frames: one more, by itself");
    tap_eq(ask(&second), -XEN_ENOMEM, "frames: still too few");
    tap_eq(set_param(POOLED, HVM_PARAM_BUFIOREQ_PFN, SINGLE_B), 0, "frames: and another");
    tap_eq(set_param(POOLED, HVM_PARAM_IOREQ_PFN, SINGLE_B), -XEN_EEXIST, "frames: set once");
    tap_eq(ask(&second), 0, "frames: enough");
    tap(second.gfn == SINGLE && second.ring_gfn == SINGLE_B, "frames: those two");
    tap_eq(create(&fourth, HVM_IOREQSRV_BUFIOREQ_OFF), 0, "frames: a fourth server");
    tap_eq(ask(&fourth), -XEN_ENOMEM, "frames: there are no more");
    tap_eq(acquire_ioreq_page(POOLED, fourth.s.id, 1, at), 0, "frames: it can have its own page");
    tap_eq(ask(&fourth), -XEN_EPERM, "frames: and then no frame");
    dm_destroy(POOLED, fourth.s.id);
    foreign_unmap(at);

    tap(map_frames(&second) && enable(&second) && bind(&second), "frames: the second serves");
    dm_map(POOLED, second.s.id, WINDOW_NORMAL, WINDOW_NORMAL + 0xfff);
    serve_with(&first->s, &second.s);
    tap(told_to_forget() && nr_seen == 2, "frames: both are to forget");
    reply[0] = 0x31;
    guest_read(b, WINDOW_NORMAL);
    tap(nr_seen == 1 && seen_server[0] == second.s.id && b->result == 0x31,
        "frames: each server has its own, the second");
    guest_read(b, WINDOW_DEVICE);
    tap(nr_seen == 1 && seen_server[0] == first->s.id && b->result == 0x31, "frames: the first");
    tap_eq((int64_t)guest_sees(SINGLE), -1, "frames: single ones leave the guest too");
    serve_with(&first->s, NULL);
    end(&second);
    tap_eq((int64_t)guest_sees(SINGLE), 0, "frames: and come back when the server is destroyed");
    end(&third);
}

/* A server that runs with a page of its own gets frames with the next time it is enabled. */
static void later(void)
{
    static struct server f;

    create(&f, HVM_IOREQSRV_BUFIOREQ_OFF);
    dm_map(POOLED, f.s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    tap_eq(dm_set_state(POOLED, f.s.id, true), 0, "frames: enabled before they are asked for");
    b->a0 = WINDOW_DEVICE + 16;
    box_go(b, G_READ_GPA);
    tap(!box_done_within(b, 3000), "frames: an access waits at its own page");
    tap(ask(&f) == 0 && map_frames(&f), "frames: now they are asked for");
    dm_set_state(POOLED, f.s.id, false);
    tap_eq(dm_set_state(POOLED, f.s.id, true), 0, "frames: and used when it is enabled again");
    tap(bind(&f) && dm_state(dm_slot(&f.s, 0)) == STATE_IOREQ_READY &&
            dm_slot(&f.s, 0)->addr == WINDOW_DEVICE + 16,
        "frames: the access has come along");
    reply[0] = READ;
    serve_with(&f.s, NULL);
    box_finish(b);
    tap(b->result == READ, "frames: and is answered there");
    serve_with(NULL, NULL);
    end(&f);
}

/* The device model makes a pool where the tree has none. */
static void made_by_model(void)
{
    struct box *x = box_of(GUEST, 0);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};
    xen_pfn_t gfn = SINGLE;
    ioservid_t id = 0;

    memcpy(x->buffer + 48, &gfn, sizeof(gfn));
    r.extent_start.q = x->where + 48;
    memcpy(x->buffer, &r, sizeof(r));
    tap_eq(guest_hypercall(x, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, x->where, 0), 1,
           "frames: a guest without gives a page back");
    gfn = pool;
    r.domid = GUEST;
    set_xen_guest_handle(r.extent_start, &gfn);
    tap_eq(memory_op(XENMEM_populate_physmap, &r), 1, "frames: one is made for it elsewhere");
    tap_eq(set_param(GUEST, HVM_PARAM_IOREQ_SERVER_PFN, pool), 0, "frames: that is its pool");
    tap_eq(set_param(GUEST, HVM_PARAM_NR_IOREQ_SERVER_PAGES, 1), 0, "frames: of one");
    dm_create(GUEST, &id);
    op.u.get_ioreq_server_info.id = id;
    tap(dm_op(GUEST, &op) == 0 && op.u.get_ioreq_server_info.ioreq_gfn == pool,
        "frames: a server gets it");
    dm_destroy(GUEST, id);
}

/* The guest that has given its frame away is ended. */
static void given_away(void)
{
    static struct server f;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    create(&f, HVM_IOREQSRV_BUFIOREQ_OFF);
    tap_eq(ask(&f), 0, "frames: a server has one");
    memcpy(b->buffer + 48, &f.gfn, sizeof(f.gfn));
    r.extent_start.q = b->where + 48;
    memcpy(b->buffer, &r, sizeof(r));
    tap_eq(guest_hypercall(b, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, b->where, 0), 1,
           "frames: the guest gives it away");
    dm_set_state(POOLED, f.s.id, true);
    box_go(b, G_NOP);
    tap(!box_done_within(b, 20000), "frames: and is ended when the server is enabled");
    end(&f);
}

void test_frames(void)
{
    static struct server f;

    if (!tap(guest_attach(POOLED), "guest %u runs", POOLED))
        return;
    b = box_of(POOLED, 0);
    serve_with(NULL, NULL);
    parameters();
    before_enabling(&f);
    enabled(&f);
    accesses(&f);
    back_and_again(&f);
    several(&f);
    serve_with(NULL, NULL);
    end(&f);
    tap(guest_sees(pool) == 0 && guest_sees(pool + 1) == 0, "frames: all are the guest's again");
    tap(create(&f, HVM_IOREQSRV_BUFIOREQ_OFF) == 0 && ask(&f) == 0 && f.gfn == pool,
        "frames: the next server gets the first");
    end(&f);
    later();
    made_by_model();
    given_away();
    guest_detach(POOLED);
    serve_with(NULL, NULL);
}
