/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device model that misbehaves harms the guest that it serves, in the way that is written down,
 * and nobody else. The guests that get crashed are 2 to 4.
 */
#include "suite.h"
#include <public/domctl.h>

static struct dm_server s;

static bool open_server(domid_t dom)
{
    if (dm_server_open(&s, dom) != 0)
        return false;
    serve_with(&s, NULL);
    return dm_map(dom, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff) == 0;
}

/* Start a read that stays in its slot. */
static bool begin_read(struct box *b, uint64_t addr)
{
    b->a0 = addr;
    box_go(b, G_READ_GPA);
    return wait_ready(&s, 0);
}

static void slow(struct box *b)
{
    tap(begin_read(b, WINDOW_DEVICE), "a read waits");
    evtchn_send(s.port[0]);
    tap(!box_done_within(b, 3000), "a notification alone does not end it");
    dm_set_slot_state(dm_slot(&s, 0), STATE_IOREQ_INPROCESS);
    evtchn_send(s.port[0]);
    tap(!box_done_within(b, 3000), "nor does INPROCESS");
    dm_answer(&s, 0, 0x54);
    tap(box_comes(b) && b->result == 0x54, "the answer does");
    /* A notification may be looked at late, so this needs a request that had none. */
    begin_read(b, WINDOW_DEVICE);
    WRITE_ONCE(dm_slot(&s, 0)->data, 0x55);
    wmb(); /* data before the state, as in dm_answer() */
    dm_set_slot_state(dm_slot(&s, 0), STATE_IORESP_READY);
    tap(!box_done_within(b, 3000), "an answer without notification waits");
    evtchn_send(s.port[0]);
    tap(box_comes(b) && b->result == 0x55, "with it, it ends");
}

static void changed_fields(struct box *b)
{
    struct ioreq *r = dm_slot(&s, 0);

    begin_read(b, WINDOW_DEVICE + 8);
    r->addr = 0xdeadbeef;
    r->size = 77;
    r->count = 99;
    r->type = IOREQ_TYPE_PIO;
    r->dir = IOREQ_WRITE;
    r->data_is_ptr = 1;
    dm_answer(&s, 0, 0x1234);
    tap(box_comes(b) && !b->trapped && b->result == 0x1234,
        "only the data is taken from a changed slot");
    guest_read(b, WINDOW_DEVICE + 8);
    tap(nr_seen == 1 && seen[0].addr == WINDOW_DEVICE + 8 && seen[0].size == 8 &&
            seen[0].dir == IOREQ_READ && !seen[0].data_is_ptr,
        "the next request is whole again");
}

static void no_answer(struct box *b)
{
    begin_read(b, WINDOW_DEVICE);
    WRITE_ONCE(dm_slot(&s, 0)->data, 0x99);
    wmb(); /* data before the state, as in dm_answer() */
    dm_set_slot_state(dm_slot(&s, 0), STATE_IOREQ_NONE);
    evtchn_send(s.port[0]);
    tap(box_comes(b) && !b->trapped && b->result == UINT64_MAX,
        "state 0: the read ends with all ones");
}

static void bad_slot(struct box *b)
{
    struct ioreq *r = dm_slot(&s, 0);
    uint32_t port = r->vp_eport;

    dm_set_slot_state(r, STATE_IORESP_READY);
    guest_read(b, WINDOW_DEVICE);
    tap(nothing_there(b, WINDOW_DEVICE), "a slot in a wrong state: nobody is there");
    dm_set_slot_state(r, STATE_IOREQ_NONE);
    reply[0] = 5;
    guest_read(b, WINDOW_DEVICE);
    tap(!b->trapped && b->result == 5, "put right, it works");
    WRITE_ONCE(r->vp_eport, port + 1);
    guest_read(b, WINDOW_DEVICE);
    tap(nothing_there(b, WINDOW_DEVICE), "a scribbled port: nobody is there");
    dm_set_state(s.dom, s.id, false);
    dm_set_state(s.dom, s.id, true);
    tap_eq(r->vp_eport, port, "disabling and enabling writes it again");
    guest_read(b, WINDOW_DEVICE);
    tap(!b->trapped && b->result == 5, "and it works");
}

static void scribbled_in_flight(struct box *b)
{
    struct ioreq *r = dm_slot(&s, 0);
    uint32_t port = r->vp_eport;

    begin_read(b, WINDOW_DEVICE);
    WRITE_ONCE(r->vp_eport, 0xffffffff);
    dm_answer(&s, 0, 0x77);
    tap(box_comes(b) && b->result == 0x77,
        "commit-125833f5f1: the port scribbled in flight does no harm");
    WRITE_ONCE(r->vp_eport, port);
}

static void destroyed(struct box *b)
{
    begin_read(b, WINDOW_DEVICE);
    tap(!box_done_within(b, 3000), "a read that is never answered waits");
    dm_set_state(s.dom, s.id, false);
    tap(!box_done_within(b, 3000), "also when the server is disabled");
    dm_answer(&s, 0, 0x31);
    tap(box_comes(b) && b->result == 0x31, "it can still be answered");
    dm_set_state(s.dom, s.id, true);
    begin_read(b, WINDOW_DEVICE);
    tap_eq(dm_destroy(s.dom, s.id), 0, "the server goes with a read in flight");
    tap(box_comes(b) && !b->trapped && b->result == UINT64_MAX, "which ends with all ones");
    dm_server_release(&s);
    tap(open_server(GUEST), "a new server");
    b->a0 = WINDOW_DEVICE;
    b->a1 = 5;
    box_go(b, G_WRITE_GPA);
    wait_ready(&s, 0);
    serve_with(NULL, NULL);
    dm_server_close(&s);
    tap(box_comes(b) && !b->trapped, "a write in flight ends too");
    guest_read(b, WINDOW_DEVICE);
    tap(nothing_there(b, WINDOW_DEVICE), "and then nobody is there");
}

/* By then the guest's pCPU has looked at the slot, also where the emulator's host is busy. */
#define LOOK_US 100000

/* Ways to crash a guest: the state after READY (or INPROCESS) that must not be. */
static void crash(domid_t dom, unsigned int first, unsigned int then, const char *text)
{
    struct box *b;

    if (!tap(guest_attach(dom) && open_server(dom), "guest %u runs and has a server", dom))
        return;
    b = box_of(dom, 0);
    begin_read(b, WINDOW_DEVICE);
    if (first != STATE_IOREQ_READY) {
        dm_set_slot_state(dm_slot(&s, 0), first);
        evtchn_send(s.port[0]);
        box_done_within(b, LOOK_US);
    }
    dm_set_slot_state(dm_slot(&s, 0), then);
    evtchn_send(s.port[0]);
    tap(!box_done_within(b, LOOK_US), "%s: the guest does not go on", text);
    dm_set_slot_state(dm_slot(&s, 0), STATE_IORESP_READY);
    evtchn_send(s.port[0]);
    tap(!box_done_within(b, 20000), "%s: nor after a late answer", text);
    serve_with(NULL, NULL);
    dm_server_close(&s);
}

/* The domain is destroyed under a request. */
static void destroy_domain(domid_t dom)
{
    static struct xen_domctl op;
    unsigned int n;
    long rc;

    if (!tap(guest_attach(dom) && open_server(dom), "guest %u runs and has a server", dom))
        return;
    begin_read(box_of(dom, 0), WINDOW_DEVICE);
    serve_with(NULL, NULL);
    op.cmd = XEN_DOMCTL_destroydomain;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = dom;
    rc = hypercall(__HYPERVISOR_domctl, arg(&op), 0, 0, 0, 0);
    tap_eq(rc, 0, "it is destroyed with a read in flight");
    tap_eq((int64_t)box_of(dom, 0)->a0, WINDOW_DEVICE, "its page, mapped here, is still there");
    dm_server_release(&s);
    rc = dm_nr_vcpus(dom, &n);
    tap(rc == 0 || rc == -XEN_ESRCH, "it is dying or gone (%ld)", rc);
}

void test_hostile(void)
{
    struct box *b = box_of(GUEST, 0);

    if (!tap(open_server(GUEST), "a server to misbehave"))
        return;
    slow(b);
    changed_fields(b);
    no_answer(b);
    bad_slot(b);
    scribbled_in_flight(b);
    destroyed(b);
    crash(2, STATE_IOREQ_READY, 9, "state 9");
    crash(3, STATE_IOREQ_INPROCESS, STATE_IOREQ_READY, "INPROCESS back to READY");
    destroy_domain(4);
    tap(box_run(b, G_NOP), "the first guest does not mind");
}
