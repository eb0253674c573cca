/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the guest had, its device models may have mapped: they are told before the vCPU that
 * removed it goes on. The second vCPU runs (test_vcpus() started it).
 */
#include "suite.h"

/* Each case takes its own pages from SPARE_GFN on. */

#define MOMENT_US 20000 /* long enough to see that something does not happen */

static struct dm_server a, b;
static struct box *x, *y;

/* Fill in the box: a memory_op over one frame, a removal or a reservation. */
static void memory_command(struct box *box, unsigned int cmd, uint64_t gfn)
{
    struct xen_memory_reservation *r = (struct xen_memory_reservation *)box->buffer;

    memset(box->buffer, 0, sizeof(box->buffer));
    if (cmd == XENMEM_remove_from_physmap) {
        *(struct xen_remove_from_physmap *)box->buffer =
            (struct xen_remove_from_physmap){.domid = DOMID_SELF, .gpfn = gfn};
    } else if (cmd == XENMEM_add_to_physmap) {
        *(struct xen_add_to_physmap *)box->buffer = (struct xen_add_to_physmap){
            .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = gfn};
    } else {
        r->extent_start.q = box->where + 48;
        r->nr_extents = 1;
        r->domid = DOMID_SELF;
        memcpy(box->buffer + 48, &gfn, sizeof(gfn));
    }
    box->nr = __HYPERVISOR_memory_op;
    box->a0 = cmd;
    box->a1 = box->where;
    box->a2 = box->a3 = box->a4 = 0;
}

static void go_remove(struct box *box, uint64_t gfn)
{
    memory_command(box, XENMEM_remove_from_physmap, gfn);
    box_go(box, G_HYPERCALL);
}

static bool told(unsigned int times)
{
    for (unsigned int i = 0; i < nr_seen; i++)
        if (seen[i].type != IOREQ_TYPE_INVALIDATE)
            return false;
    return nr_seen == times;
}

/* The guest does it on vCPU 0, served by one server: the result, and how often that was told. */
static void case_told(unsigned int cmd, uint64_t gfn, long want, unsigned int times,
                      const char *what)
{
    serve_with(&a, NULL);
    memory_command(x, cmd, gfn);
    box_run(x, G_HYPERCALL);
    tap_eq((int64_t)x->result, want, "%s", what);
    tap(told(times), "%s: told %u times # %u", what, times, nr_seen);
}

static void one_vcpu(void)
{
    uint64_t gfn = SPARE_GFN;

    case_told(XENMEM_remove_from_physmap, gfn, 0, 1, "remove a page");
    tap_eq(seen[0].dir, IOREQ_WRITE, "invalidation: a write");
    tap_eq(seen[0].size, 4, "invalidation: of 4 bytes");
    tap_eq(seen[0].count, 0, "invalidation: none of them");
    tap_eq((int64_t)seen[0].addr, 0, "invalidation: at 0");
    tap_eq((int64_t)seen[0].data, -1, "invalidation: all ones");
    tap_eq(seen[0].data_is_ptr, 0, "invalidation: immediate");
    case_told(XENMEM_remove_from_physmap, gfn, -XEN_ENOENT, 0, "remove it once more");
    case_told(XENMEM_populate_physmap, gfn + 1, 1, 1, "populate over a page");
    case_told(XENMEM_populate_physmap, gfn, 1, 0, "populate where there is none");
    case_told(XENMEM_decrease_reservation, gfn, 1, 1, "decrease");
    case_told(XENMEM_decrease_reservation, gfn, 0, 0, "decrease where there is none");
    case_told(XENMEM_add_to_physmap, gfn + 2, 0, 1, "shared_info over a page");
}

/* What the device model maps lives on while the guest waits for it. */
static void mapped_page(void)
{
    uint64_t at = scratch_alloc(1), gfn = SPARE_GFN + 8;
    uint64_t *page = (uint64_t *)(uintptr_t)at;

    x->a0 = gfn << PAGE_SHIFT;
    x->a1 = 0x1234;
    box_run(x, G_WRITE_GPA);
    tap_eq(foreign_map(GUEST, gfn, at), 0, "a page is mapped here");
    go_remove(x, gfn);
    tap(wait_ready(&a, 0), "its removal asks");
    tap(!box_done_within(x, MOMENT_US), "the vCPU waits");
    tap_eq((int64_t)READ_ONCE(*page), 0x1234, "the page is still here");
    tap_eq(foreign_unmap(at), 0, "unmapped");
    dm_answer(&a, 0, 0);
    tap(box_comes(x) && x->result == 0, "and answered, the vCPU goes on");
    serve_with(&a, NULL);
    guest_read(x, gfn << PAGE_SHIFT);
    tap(nothing_there(x, gfn << PAGE_SHIFT), "nothing is there");
}

/* Both remove something; each is held until its own removal is acknowledged. */
static void two_vcpus(void)
{
    go_remove(x, SPARE_GFN + 16);
    go_remove(y, SPARE_GFN + 17);
    tap(wait_ready(&a, 0) && wait_ready(&a, 1), "two vCPUs remove at once, both ask");
    tap(!box_done_within(x, MOMENT_US) && !box_done_within(y, MOMENT_US), "both wait");
    dm_answer(&a, 1, 0);
    tap(box_comes(y) && y->result == 0, "the one that is answered goes on");
    tap(!box_done_within(x, MOMENT_US), "the other waits for its own answer");
    dm_answer(&a, 0, 0);
    tap(box_comes(x) && x->result == 0, "and goes on with it");
}

static void two_servers(void)
{
    go_remove(x, SPARE_GFN + 24);
    tap(wait_ready(&a, 0) && wait_ready(&b, 0), "two servers are asked at once");
    dm_set_slot_state(dm_slot(&b, 0), STATE_IOREQ_INPROCESS);
    dm_answer(&a, 0, 0);
    tap(!box_done_within(x, MOMENT_US), "one has answered, the slow one is waited for");
    serve_with(&a, NULL);
    reply[0] = 0x5151;
    guest_read(y, WINDOW_DEVICE);
    tap(!y->trapped && y->result == 0x5151, "the other vCPU's accesses go on meanwhile");
    dm_answer(&b, 0, 0);
    tap(box_comes(x) && x->result == 0, "the slow one answers too");
}

/* One may answer without having looked: that harms its guest only. */
static void without_looking(void)
{
    go_remove(x, SPARE_GFN + 32);
    tap(wait_ready(&a, 0) && wait_ready(&b, 0), "asked");
    dm_set_slot_state(dm_slot(&a, 0), STATE_IOREQ_NONE);
    evtchn_send(a.port[0]);
    dm_answer(&b, 0, 0xdeadbeef);
    tap(box_comes(x) && x->result == 0, "a slot put back, and an answer that says nothing, do");
}

static void disabled(void)
{
    go_remove(x, SPARE_GFN + 40);
    tap(wait_ready(&a, 0) && wait_ready(&b, 0), "asked");
    dm_answer(&a, 0, 0);
    tap(!box_done_within(x, MOMENT_US), "one owes an answer");
    tap_eq(dm_set_state(GUEST, b.id, false), 0, "it is disabled");
    if (!tap_skip("the vCPU goes on"))
        tap(box_finish(x) && x->result == 0, "the vCPU goes on");
    dm_answer(&b, 0, 0); /* too late */
    box_comes(x);
    tap_eq(dm_set_state(GUEST, b.id, true), 0, "enabled again");
    serve_with(&a, &b);
    reply[0] = 0x6262;
    guest_read(x, WINDOW_NORMAL);
    tap(!x->trapped && x->result == 0x6262, "it serves as before");
}

/* By this domain, while the guest runs. */
static void by_control(void)
{
    struct xen_remove_from_physmap op = {.domid = GUEST, .gpfn = SPARE_GFN + 48};

    tap_eq(memory_op(XENMEM_remove_from_physmap, &op), 0, "its page is removed from outside");
    tap(wait_ready(&a, 0) && wait_ready(&a, 1), "every vCPU asks");
    box_go(x, G_NOP);
    box_go(y, G_NOP);
    tap(!box_done_within(x, MOMENT_US) && !box_done_within(y, MOMENT_US), "none runs");
    serve_with(&a, &b);
    tap(box_finish(x) && box_finish(y), "answered, all run");
    tap_eq(memory_op(XENMEM_remove_from_physmap, &op), -XEN_ENOENT, "it is gone");
}

#define ROUNDS 200

/* The same again and again, under accesses of both vCPUs. */
static void by_control_often(void)
{
    unsigned int wrong = 0;

    serve_with(&a, &b);
    answer_fn = NULL;
    memset(reply, 0x33, sizeof(reply));
    for (unsigned int i = 0; i < ROUNDS; i++) {
        struct xen_remove_from_physmap op = {.domid = GUEST, .gpfn = SPARE_GFN + 64 + i};

        x->a0 = WINDOW_DEVICE;
        y->a0 = WINDOW_NORMAL;
        nr_seen = 0;
        box_go(x, G_READ_GPA);
        box_go(y, G_READ_GPA);
        wrong += memory_op(XENMEM_remove_from_physmap, &op) != 0;
        wrong += !box_finish(x) || x->trapped || x->result != 0x3333333333333333;
        wrong += !box_finish(y) || y->trapped || y->result != 0x3333333333333333;
    }
    tap_eq(wrong, 0, "%u removals from outside under accesses of two vCPUs", ROUNDS);
}

static void destroyed(void)
{
    go_remove(x, SPARE_GFN + 56);
    tap(wait_ready(&a, 0) && wait_ready(&b, 0), "asked");
    dm_answer(&a, 0, 0);
    tap(!box_done_within(x, MOMENT_US), "one owes an answer");
    serve_with(&a, NULL);
    if (tap_skip("it is destroyed, the vCPU goes on")) {
        dm_answer(&b, 0, 0);
        dm_server_close(&b);
        box_finish(x);
    } else {
        dm_server_close(&b);
        tap(box_finish(x) && x->result == 0, "it is destroyed, the vCPU goes on");
    }
}

void test_invalidation(void)
{
    x = box_of(GUEST, 0);
    y = box_of(GUEST, 1);
    if (!tap_eq(dm_server_open(&a, GUEST), 0, "a server"))
        return;
    dm_map(GUEST, a.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    one_vcpu();
    mapped_page();
    two_vcpus();
    if (tap_eq(dm_server_open(&b, GUEST), 0, "another server")) {
        dm_map(GUEST, b.id, WINDOW_NORMAL, WINDOW_NORMAL + 0xfff);
        two_servers();
        without_looking();
        disabled();
        by_control();
        by_control_often();
        destroyed();
    }
    dm_server_close(&a);
    serve_with(NULL, NULL);
}
