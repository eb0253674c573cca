/* SPDX-License-Identifier: Apache-2.0 */
/* The device model's side of the ABI: memory of the guest, ioreq servers, request slots. */
#include "payload.h"

/* Byte 30 of a slot: state in bits 3:0, the rest belongs to the request. */
#define STATE_BYTE 30

long foreign_map(domid_t dom, uint64_t gfn, uint64_t at)
{
    xen_ulong_t idx = gfn;
    xen_pfn_t gpfn = at >> PAGE_SHIFT;
    int err = 0;
    struct xen_add_to_physmap_batch op = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_gmfn_foreign,
        .size = 1,
        .u.foreign_domid = dom,
    };
    long rc;

    set_xen_guest_handle(op.idxs, &idx);
    set_xen_guest_handle(op.gpfns, &gpfn);
    set_xen_guest_handle(op.errs, &err);
    rc = memory_op(XENMEM_add_to_physmap_batch, &op);
    return rc != 0 ? rc : READ_ONCE(err);
}

long foreign_unmap(uint64_t at)
{
    struct xen_remove_from_physmap op = {.domid = DOMID_SELF, .gpfn = at >> PAGE_SHIFT};

    return memory_op(XENMEM_remove_from_physmap, &op);
}

long acquire_ioreq_page(domid_t dom, unsigned int id, uint64_t frame, uint64_t at)
{
    xen_pfn_t gpfn = at >> PAGE_SHIFT;
    struct xen_mem_acquire_resource op = {
        .domid = dom,
        .type = XENMEM_resource_ioreq_server,
        .id = id,
        .nr_frames = 1,
        .frame = frame,
    };

    set_xen_guest_handle(op.frame_list, &gpfn);
    return memory_op(XENMEM_acquire_resource, &op);
}

long dm_op_raw(domid_t dom, unsigned int nr_bufs, struct xen_dm_op_buf *bufs)
{
    return hypercall(__HYPERVISOR_dm_op, dom, nr_bufs, arg(bufs), 0, 0);
}

long dm_op(domid_t dom, struct xen_dm_op *op)
{
    struct xen_dm_op_buf buf = {.size = sizeof(*op)};

    set_xen_guest_handle(buf.h, op);
    return dm_op_raw(dom, 1, &buf);
}

long dm_nr_vcpus(domid_t dom, unsigned int *n)
{
    struct xen_dm_op op = {.op = XEN_DMOP_nr_vcpus};
    long rc = dm_op(dom, &op);

    *n = op.u.nr_vcpus.vcpus;
    return rc;
}

long dm_create(domid_t dom, ioservid_t *id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc = dm_op(dom, &op);

    *id = op.u.create_ioreq_server.id;
    return rc;
}

long dm_destroy(domid_t dom, ioservid_t id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_destroy_ioreq_server};

    op.u.destroy_ioreq_server.id = id;
    return dm_op(dom, &op);
}

long dm_set_state(domid_t dom, ioservid_t id, bool on)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_ioreq_server_state};

    op.u.set_ioreq_server_state.id = id;
    op.u.set_ioreq_server_state.enabled = on;
    return dm_op(dom, &op);
}

static long range_op(unsigned int nr, domid_t dom, ioservid_t id, uint64_t start, uint64_t end)
{
    struct xen_dm_op op = {.op = nr};

    op.u.map_io_range_to_ioreq_server.id = id;
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_MEMORY;
    op.u.map_io_range_to_ioreq_server.start = start;
    op.u.map_io_range_to_ioreq_server.end = end;
    return dm_op(dom, &op);
}

long dm_map(domid_t dom, ioservid_t id, uint64_t start, uint64_t end)
{
    return range_op(XEN_DMOP_map_io_range_to_ioreq_server, dom, id, start, end);
}

long dm_unmap(domid_t dom, ioservid_t id, uint64_t start, uint64_t end)
{
    return range_op(XEN_DMOP_unmap_io_range_from_ioreq_server, dom, id, start, end);
}

long dm_set_irq(domid_t dom, unsigned int irq, unsigned int level)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_irq_level};

    op.u.set_irq_level.irq = irq;
    op.u.set_irq_level.level = (uint8_t)level;
    return dm_op(dom, &op);
}

int dm_server_open(struct dm_server *s, domid_t dom)
{
    uint64_t at = s->page_addr != 0 ? s->page_addr : scratch_alloc(1);
    long rc;

    *s = (struct dm_server){.dom = dom, .page_addr = at};
    rc = dm_nr_vcpus(dom, &s->vcpus);
    if (rc != 0)
        return (int)rc;
    if (s->vcpus > MAX_CPUS)
        s->vcpus = MAX_CPUS;
    rc = dm_create(dom, &s->id);
    if (rc != 0)
        return (int)rc;
    rc = acquire_ioreq_page(dom, s->id, XENMEM_resource_ioreq_server_frame_ioreq(0), at);
    if (rc != 0)
        return (int)rc;
    s->page = (struct shared_iopage *)(uintptr_t)at;
    rc = dm_set_state(dom, s->id, true);
    for (unsigned int v = 0; rc == 0 && v < s->vcpus; v++) {
        evtchn_port_t remote = READ_ONCE(dm_slot(s, v)->vp_eport);

        rc = evtchn_bind_interdomain(dom, remote, &s->port[v]);
        if (rc == 0)
            event_mask(s->port[v]);
    }
    return (int)rc;
}

void dm_server_release(struct dm_server *s)
{
    for (unsigned int v = 0; v < s->vcpus; v++)
        if (s->port[v] != 0)
            evtchn_close(s->port[v]);
    foreign_unmap(s->page_addr);
}

void dm_server_close(struct dm_server *s)
{
    dm_destroy(s->dom, s->id);
    dm_server_release(s);
}

unsigned int dm_state(const struct ioreq *r)
{
    return READ_ONCE(((const uint8_t *)r)[STATE_BYTE]) & 0xf;
}

void dm_set_slot_state(struct ioreq *r, unsigned int state)
{
    uint8_t *b = (uint8_t *)r + STATE_BYTE;

    WRITE_ONCE(*b, (uint8_t)((READ_ONCE(*b) & 0xf0) | state));
}

bool dm_take(struct dm_server *s, unsigned int vcpu, struct ioreq *copy)
{
    struct ioreq *r = dm_slot(s, vcpu);
    unsigned int state = dm_state(r);

    if (state != STATE_IOREQ_READY && state != STATE_IOREQ_INPROCESS)
        return false;
    rmb(); /* the state before the fields; partner: the hypervisor's before READY */
    *copy = *r;
    dm_set_slot_state(r, STATE_IOREQ_INPROCESS);
    return true;
}

void dm_answer(struct dm_server *s, unsigned int vcpu, uint64_t data)
{
    struct ioreq *r = dm_slot(s, vcpu);

    WRITE_ONCE(r->data, data);
    wmb(); /* data before the state; partner: the hypervisor's read of both */
    dm_set_slot_state(r, STATE_IORESP_READY);
    evtchn_send(s->port[vcpu]);
}
