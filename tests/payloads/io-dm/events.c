/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts amid a string, memory that the guest gives back, pages of buffered rings. */
#include "suite.h"

/* --- interrupts --- */

#define ELEMENTS 400u

static uint64_t next_element, next_write, wrong_elements;

/* Port 0x240 gives one number after the other, and the device has to get them. */
static uint64_t number(const struct ioreq *r)
{
    if (r->type == IOREQ_TYPE_PIO)
        return element(next_element++);
    if (r->addr != MMIO + next_write || r->data != (element(next_write) & 0xff))
        wrong_elements++;
    next_write++;
    return 0;
}

static void ticks(void)
{
    struct io_box *b = box_of(0);

    if (tap_skip("rep insb to a device with interrupts ends as it should"))
        return;
    next_element = next_write = wrong_elements = 0;
    answer_fn = number;
    b->a0 = 0x240;
    b->a1 = ELEMENTS;
    b->in.r[RDI] = MMIO;
    box_run(b, IO_TICKS);
    answer_fn = NULL;
    tap(b->result != UINT64_MAX, "rep insb to a device with interrupts ends as it should");
    tap(b->result > 0, "interrupts are taken between its elements");
    tap(next_element == ELEMENTS && next_write == ELEMENTS && wrong_elements == 0,
        "each element comes once, in its place");
}

/* --- memory that is given back --- */

#define VICTIM UINT64_C(0x3000000)

static long reservation(unsigned int cmd, uint64_t gpa)
{
    struct io_box *b = box_of(0);
    uint64_t gfn = gpa >> PAGE_SHIFT;
    struct xen_memory_reservation op = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(op.extent_start, (xen_pfn_t *)(uintptr_t)(guest_ram + 0x100));
    memcpy(ram, &op, sizeof(op));
    memcpy(ram + 0x100, &gfn, sizeof(gfn));
    b->in.r[RAX] = __HYPERVISOR_memory_op;
    b->in.r[RDI] = cmd;
    b->in.r[RSI] = guest_ram;
    b->in.r[RDX] = 0;
    box_run(b, IO_HYPERCALL);
    return (long)b->result;
}

long give_back(uint64_t gpa)
{
    return reservation(XENMEM_decrease_reservation, gpa);
}

long populate(uint64_t gpa)
{
    return reservation(XENMEM_populate_physmap, gpa);
}

static bool is_invalidate(const struct ioreq *r)
{
    return r->type == IOREQ_TYPE_INVALIDATE && r->addr == 0 && r->data == UINT64_MAX &&
           r->count == 0 && r->size == 4 && r->dir == IOREQ_WRITE && !r->data_is_ptr && !r->df;
}

static void given_back(void)
{
    begin();
    give(RBX, VICTIM);
    give(RAX, 0x5555);
    RUN_AS("RAM: a write is nobody's business", "movl %eax, (%rbx)");
    tap_eq(give_back(VICTIM), 1, "the guest gives the page back");
    tap(nr_requests == 2 && is_invalidate(&requests[0]) && is_invalidate(&requests[1]) &&
            requests[0].vp_eport != requests[1].vp_eport,
        "every server is told to forget what it has mapped");
    begin();
    give(RBX, VICTIM);
    want(RAX, UINT32_MAX);
    RUN_AS("the hole is nobody's: ones", "movl (%rbx), %eax");
    range(true, other.id, XEN_DMOP_IO_RANGE_MEMORY, VICTIM, VICTIM + 0xfff);
    begin();
    give(RBX, VICTIM);
    want_read(VICTIM, 4, 0x1234);
    want(RAX, 0x1234);
    RUN_AS("the hole can be a device", "movl (%rbx), %eax");
    tap_eq(populate(VICTIM), 1, "the guest gets a page there");
    tap_eq(nr_requests, 0, "nobody needs to know");
    begin();
    give(RBX, VICTIM);
    give(RAX, 0x66);
    want(RCX, 0x66);
    RUN_AS("RAM again, whoever has the range", "movl %eax, (%rbx)\n\tmovl (%rbx), %ecx");
    range(false, other.id, XEN_DMOP_IO_RANGE_MEMORY, VICTIM, VICTIM + 0xfff);
}

/* --- buffered rings --- */

static long create(unsigned int handling, ioservid_t *id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc;

    op.u.create_ioreq_server.handle_bufioreq = (uint8_t)handling;
    rc = dm_op(GUEST, &op);
    *id = op.u.create_ioreq_server.id;
    return rc;
}

static evtchn_port_t ring_port(ioservid_t id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};

    op.u.get_ioreq_server_info.id = id;
    op.u.get_ioreq_server_info.flags = XEN_DMOP_no_gfns;
    return dm_op(GUEST, &op) == 0 ? op.u.get_ioreq_server_info.bufioreq_port : 0;
}

static void with_ring(unsigned int handling, uint64_t at)
{
    const struct buffered_iopage *page = (const struct buffered_iopage *)(uintptr_t)at;
    evtchn_port_t port = 0;
    ioservid_t id;

    if (!tap_eq(create(handling, &id), 0, "a server with a ring, handling %u", handling))
        return;
    tap(evtchn_bind_interdomain(GUEST, ring_port(id), &port) == 0, "its ring has a port");
    evtchn_close(port);
    tap_eq(acquire_ioreq_page(GUEST, id, XENMEM_resource_ioreq_server_frame_bufioreq, at), 0,
           "the ring's page can be mapped");
    tap(page->read_pointer == 0 && page->write_pointer == 0, "it is empty");
    foreign_unmap(at);
    dm_destroy(GUEST, id);
}

static void rings(void)
{
    uint64_t at = scratch_alloc(1);
    ioservid_t id;

    with_ring(HVM_IOREQSRV_BUFIOREQ_LEGACY, at);
    with_ring(HVM_IOREQSRV_BUFIOREQ_ATOMIC, at);
    tap_eq(create(3, &id), -XEN_EINVAL, "there is no fourth handling");
    tap_eq(create(HVM_IOREQSRV_BUFIOREQ_OFF, &id), 0, "a server without a ring");
    tap_eq(ring_port(id), 0, "has no port for it");
    tap_eq(acquire_ioreq_page(GUEST, id, XENMEM_resource_ioreq_server_frame_bufioreq, at),
           -XEN_ENOENT, "nor a page");
    dm_destroy(GUEST, id);
}

void test_events(void)
{
    ticks();
    given_back();
    rings();
}
