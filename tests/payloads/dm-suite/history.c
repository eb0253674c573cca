/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong in this kind of interface before, as far as it applies here: one case for each
 * kind of mistake, named by what must hold.
 */
#include "suite.h"

#define ROUNDS 5000

static struct dm_server s;

/* References taken by acquire_resource are dropped again: no count runs over, nothing leaks. */
static void acquire_often(void)
{
    uint64_t at = scratch_alloc(1);
    long rc = 0;

    for (unsigned int i = 0; i < ROUNDS && rc == 0; i++) {
        rc = acquire_ioreq_page(GUEST, s.id, 1, at);
        if (rc == 0)
            rc = foreign_unmap(at);
    }
    tap_eq(rc, 0, "xsa-334: a request page is acquired and released %u times", ROUNDS);
}

static void create_often(void)
{
    ioservid_t id;
    long rc = 0;

    for (unsigned int i = 0; i < ROUNDS && rc == 0; i++) {
        rc = dm_create(GUEST, &id);
        if (rc == 0)
            rc = dm_map(GUEST, id, i * 0x1000, i * 0x1000 + 0xff);
        if (rc == 0)
            rc = dm_set_state(GUEST, id, true);
        if (rc == 0)
            rc = dm_destroy(GUEST, id);
    }
    tap_eq(rc, 0, "a server is created and destroyed %u times", ROUNDS);
}

/* The state is sampled when there is a notification, not polled: what happens between is nothing.
 */
static void toggled(struct box *b)
{
    struct ioreq *r = dm_slot(&s, 0);

    b->a0 = WINDOW_DEVICE;
    box_go(b, G_READ_GPA);
    tap(wait_ready(&s, 0), "a read waits");
    for (unsigned int i = 0; i < ROUNDS; i++) {
        dm_set_slot_state(r, STATE_IOREQ_INPROCESS);
        dm_set_slot_state(r, STATE_IOREQ_READY);
    }
    dm_answer(&s, 0, 0x62);
    tap(box_comes(b) && b->result == 0x62,
        "xsa-166: its state toggled without notification does not matter");
}

/* The page of requests belongs to the guest's account but is nobody's to free. */
static void page_is_kept(void)
{
    xen_pfn_t frame = s.page_addr >> PAGE_SHIFT;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &frame);
    tap(memory_op(XENMEM_decrease_reservation, &r) <= 0,
        "xsa-276: the request page cannot be freed");
    tap_eq(dm_state(dm_slot(&s, 0)), STATE_IOREQ_NONE, "xsa-276: it is still mapped");
}

/* A hypercall's buffer in another domain's page; then the page is gone. */
static void foreign_buffer(void)
{
    uint64_t at = scratch_alloc(1);
    char *text = (char *)(uintptr_t)(at + 2048);

    foreign_map(GUEST, OTHER_GFN, at);
    memset(text, 0x5a, 16);
    tap_eq(xen_version(XENVER_extraversion, text), 0, "a buffer in a page of the guest");
    tap(text[15] != 0x5a || text[0] != 0x5a, "xsa-473: is written");
    foreign_unmap(at);
    tap_eq(xen_version(XENVER_extraversion, text), -XEN_EFAULT,
           "xsa-473: unmapped, it is no buffer");
}

/* The guest's ports run out: a new server is refused as a whole. */
static void no_ports(struct box *b)
{
    evtchn_port_t port;
    ioservid_t id;
    unsigned int n = 0;

    while (n < 5000 && evtchn_alloc_unbound(GUEST, 0, &port) == 0)
        n++;
    tap(n > 100, "the guest's ports are used up (%u)", n);
    tap_eq(dm_create(GUEST, &id), -XEN_ENOSPC, "xsa-496: no server without ports");
    *(domid_t *)b->buffer = DOMID_SELF;
    tap_eq(guest_hypercall(b, __HYPERVISOR_event_channel_op, EVTCHNOP_reset, b->where, 0), 0,
           "the guest closes what it can");
    tap_eq(dm_create(GUEST, &id), 0, "now there is a server");
    tap_eq(id, s.id + 1, "xsa-496: with the number that the refused one left");
    dm_destroy(GUEST, id);
    reply[0] = 0x99;
    guest_read(b, WINDOW_DEVICE);
    tap(!b->trapped && b->result == 0x99, "the old one still serves");
}

/* Every value of the fields that choose something, beyond those that there are. */
static void odd_values(void)
{
    static struct xen_dm_op op;
    unsigned int wrong = 0;

    for (uint32_t bit = 0; bit < 32; bit++) {
        op = (struct xen_dm_op){.op = XEN_DMOP_map_io_range_to_ioreq_server};
        op.u.map_io_range_to_ioreq_server.id = s.id;
        op.u.map_io_range_to_ioreq_server.type = (1u << bit) | 3;
        wrong += dm_op(GUEST, &op) != -XEN_EINVAL;
        op = (struct xen_dm_op){.op = 32u << bit % 27};
        wrong += dm_op(GUEST, &op) != -XEN_EOPNOTSUPP;
    }
    for (uint32_t id = 0; id < 0x10000; id++) {
        if (id == s.id)
            continue;
        wrong += dm_set_state(GUEST, (ioservid_t)id, true) != -XEN_ENOENT;
    }
    tap_eq(wrong, 0, "xsa-28: odd types, operations and server numbers are refused");
}

void test_history(void)
{
    struct box *b = box_of(GUEST, 0);

    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    serve_with(&s, NULL);
    acquire_often();
    create_often();
    toggled(b);
    page_is_kept();
    foreign_buffer();
    no_ports(b);
    odd_values();
    dm_server_close(&s);
    serve_with(NULL, NULL);
}
