/* SPDX-License-Identifier: Apache-2.0 */
/* See dm.h. */
#include "dm.h"

#include <asm/fake.h>
#include <string.h>

#define BUFS_GVA FAKE_GVA_BASE
#define OP_GVA   (FAKE_GVA_BASE + 0x100)

struct dm_buf {
    uint64_t gva, size;
};

long dm_op_raw(domid_t domid, struct xen_dm_op *op, uint64_t size, uint32_t nr_bufs)
{
    const struct dm_buf bufs[3] = {{OP_GVA, size}, {OP_GVA, size}, {OP_GVA, size}};
    long rc;

    memcpy(fake_gva, bufs, sizeof(bufs));
    memcpy(fake_gva + 0x100, op, sizeof(*op));
    rc = do_dm_op(domid, nr_bufs, BUFS_GVA);
    memcpy(op, fake_gva + 0x100, sizeof(*op));
    return rc;
}

long dm_op(domid_t domid, struct xen_dm_op *op)
{
    return dm_op_raw(domid, op, sizeof(*op), 1);
}

long dm_create(struct domain *d)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc = dm_op(d->id, &op);

    return rc != 0 ? rc : op.u.create_ioreq_server.id;
}

long dm_destroy(struct domain *d, unsigned int id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_destroy_ioreq_server};

    op.u.destroy_ioreq_server.id = (ioservid_t)id;
    return dm_op(d->id, &op);
}

long dm_enable(struct domain *d, unsigned int id, bool on)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_ioreq_server_state};

    op.u.set_ioreq_server_state.id = (ioservid_t)id;
    op.u.set_ioreq_server_state.enabled = on;
    return dm_op(d->id, &op);
}

static long range_op(uint32_t nr, struct domain *d, unsigned int id, uint32_t type, uint64_t start,
                     uint64_t end)
{
    struct xen_dm_op op = {.op = nr};

    op.u.map_io_range_to_ioreq_server.id = (ioservid_t)id;
    op.u.map_io_range_to_ioreq_server.type = type;
    op.u.map_io_range_to_ioreq_server.start = start;
    op.u.map_io_range_to_ioreq_server.end = end;
    return dm_op(d->id, &op);
}

long dm_map(struct domain *d, unsigned int id, uint32_t type, uint64_t start, uint64_t end)
{
    return range_op(XEN_DMOP_map_io_range_to_ioreq_server, d, id, type, start, end);
}

long dm_unmap(struct domain *d, unsigned int id, uint32_t type, uint64_t start, uint64_t end)
{
    return range_op(XEN_DMOP_unmap_io_range_from_ioreq_server, d, id, type, start, end);
}

ioreq_t *dm_slot(struct domain *d, unsigned int id, unsigned int vcpu)
{
    struct page *pg;

    if (ioreq_acquire_frame(d, id, 1, &pg) != 0)
        return NULL;
    page_put(pg); /* the server's own reference keeps it for the test */
    return (ioreq_t *)page_to_virt(pg) + vcpu;
}

uint8_t *dm_slot_bits(struct domain *d, unsigned int id, unsigned int vcpu)
{
    return (uint8_t *)dm_slot(d, id, vcpu) + 30;
}

enum ioreq_result guest_access(struct vcpu *v, uint64_t addr, unsigned int size, bool read,
                               uint64_t data)
{
    const struct ioreq_access a = {.addr = addr,
                                   .data = data,
                                   .count = 1,
                                   .size = (uint8_t)size,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = read};
    struct vcpu *prev = current;
    enum ioreq_result r;

    current = v;
    r = ioreq_forward(v, &a);
    current = prev;
    return r;
}
