/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dm_op hypercall: fetch and check in the order that callers can observe (decode), then do it
 * (invoke). Nothing is written back on an error.
 */
#include <public/hvm/dm_op.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

#include "private.h"

#define DM_OP_MAX_BUFS 2
#define DM_OP_NR       21 /* ops at or above are unknown before their buffer is looked at */

/* As the caller lays them out; both members are words. */
struct dm_op_buf {
    uint64_t gva;
    uint64_t size;
};

_Static_assert(sizeof(struct dm_op_buf) == 16, "xen_dm_op_buf of a 64-bit caller");
_Static_assert(offsetof(struct xen_dm_op, u) == 8, "xen_dm_op header");

struct dm_op_request {
    struct domain *d; /* the target */
    struct dm_op_buf buf[DM_OP_MAX_BUFS];
    struct xen_dm_op op;
    unsigned int op_size; /* bytes of the union that this op uses */
};

/* Size of the op's structure; 0 for numbers that mean nothing here. */
static unsigned int dm_op_size(uint32_t op)
{
    switch (op) {
    case XEN_DMOP_create_ioreq_server:
        return sizeof(struct xen_dm_op_create_ioreq_server);
    case XEN_DMOP_get_ioreq_server_info:
        return sizeof(struct xen_dm_op_get_ioreq_server_info);
    case XEN_DMOP_map_io_range_to_ioreq_server:
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        return sizeof(struct xen_dm_op_ioreq_server_range);
    case XEN_DMOP_set_ioreq_server_state:
        return sizeof(struct xen_dm_op_set_ioreq_server_state);
    case XEN_DMOP_destroy_ioreq_server:
        return sizeof(struct xen_dm_op_destroy_ioreq_server);
    case XEN_DMOP_nr_vcpus:
        return sizeof(struct xen_dm_op_nr_vcpus);
    default:
        return arch_dm_op_size(op);
    }
}

static int fetch_bufs(struct dm_op_request *r, uint32_t nr_bufs, uint64_t bufs)
{
    if (nr_bufs == 0)
        return -ENODATA;
    if (nr_bufs > DM_OP_MAX_BUFS)
        return -E2BIG;
    for (uint32_t i = 0; i < nr_bufs; i++) {
        uint64_t at = bufs + i * 2 * guest_word_bytes();

        if (guest_struct_from(&r->buf[i], at, sizeof(r->buf[i]), "ww") != 0)
            return -EFAULT;
    }
    return 0;
}

static int find_target(struct dm_op_request *r, domid_t domid)
{
    r->d = domain_by_id(domid);
    if (r->d == NULL)
        return -ESRCH;
    if (r->d == current->domain || !domain_may_serve(current->domain, r->d))
        return -EPERM;
    return 0;
}

/* Header, then as much of the union as the op needs. */
static int fetch_op(struct dm_op_request *r)
{
    const struct dm_op_buf *buf = &r->buf[0];
    const size_t header = offsetof(struct xen_dm_op, u);

    if (buf->size < header || guest_copy_from(&r->op, buf->gva, header) != 0)
        return -EFAULT;
    if (r->op.op >= DM_OP_NR)
        return -EOPNOTSUPP;
    r->op_size = dm_op_size(r->op.op);
    if (buf->size < header + r->op_size ||
        guest_copy_from(&r->op.u, buf->gva + header, r->op_size) != 0)
        return -EFAULT;
    if (r->op.pad != 0)
        return -EINVAL;
    return r->op_size != 0 ? 0 : -EOPNOTSUPP;
}

static int create(struct domain *d, struct xen_dm_op_create_ioreq_server *op)
{
    uint32_t id;
    int rc;

    if ((op->pad[0] | op->pad[1] | op->pad[2]) != 0 || !ioreq_ring_mode_valid(op->handle_bufioreq))
        return -EINVAL;
    rc = ioreq_server_create(d, op->handle_bufioreq, &id);
    if (rc == 0)
        op->id = (ioservid_t)id;
    return rc;
}

static int get_info(struct domain *d, struct xen_dm_op_get_ioreq_server_info *op)
{
    if ((op->flags & ~XEN_DMOP_no_gfns) != 0)
        return -EINVAL;
    return ioreq_server_info(d, op);
}

static int change_range(struct domain *d, const struct xen_dm_op_ioreq_server_range *op, bool map)
{
    if (op->pad != 0 || op->start > op->end)
        return -EINVAL;
    return map ? ioreq_range_map(d, op->id, op->type, op->start, op->end)
               : ioreq_range_unmap(d, op->id, op->type, op->start, op->end);
}

static int set_state(struct domain *d, const struct xen_dm_op_set_ioreq_server_state *op)
{
    if (op->pad != 0)
        return -EINVAL;
    return ioreq_server_set_state(d, op->id, op->enabled != 0);
}

static int destroy(struct domain *d, const struct xen_dm_op_destroy_ioreq_server *op)
{
    if (op->pad != 0)
        return -EINVAL;
    return ioreq_server_destroy(d, op->id);
}

static int invoke(struct dm_op_request *r, bool *copy_back)
{
    struct xen_dm_op *op = &r->op;

    switch (op->op) {
    case XEN_DMOP_create_ioreq_server:
        *copy_back = true;
        return create(r->d, &op->u.create_ioreq_server);
    case XEN_DMOP_get_ioreq_server_info:
        *copy_back = true;
        return get_info(r->d, &op->u.get_ioreq_server_info);
    case XEN_DMOP_map_io_range_to_ioreq_server:
        return change_range(r->d, &op->u.map_io_range_to_ioreq_server, true);
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        return change_range(r->d, &op->u.unmap_io_range_from_ioreq_server, false);
    case XEN_DMOP_set_ioreq_server_state:
        return set_state(r->d, &op->u.set_ioreq_server_state);
    case XEN_DMOP_destroy_ioreq_server:
        return destroy(r->d, &op->u.destroy_ioreq_server);
    case XEN_DMOP_nr_vcpus:
        *copy_back = true;
        op->u.nr_vcpus.vcpus = r->d->max_vcpus;
        return 0;
    default:
        return arch_dm_op(r->d, op, copy_back);
    }
}

long do_dm_op(uint64_t domid, uint64_t nr_bufs, uint64_t bufs)
{
    struct dm_op_request r = {0};
    bool copy_back = false;
    int rc;

    rc = fetch_bufs(&r, (uint32_t)nr_bufs, bufs);
    if (rc == 0)
        rc = find_target(&r, (domid_t)domid);
    if (rc == 0)
        rc = fetch_op(&r);
    if (rc == 0)
        rc = invoke(&r, &copy_back);
    /* An op that gives the pCPU back has what is left in its buffer. */
    if ((rc == 0 || rc == -ERESTART) && copy_back &&
        guest_copy_to(r.buf[0].gva + offsetof(struct xen_dm_op, u), &r.op.u, r.op_size) != 0)
        return -EFAULT;
    return rc;
}

static long dm_op_hypercall(const uint64_t args[NR_HYPERCALL_ARGS])
{
    return do_dm_op(args[0], args[1], args[2]);
}
HYPERCALL(__HYPERVISOR_dm_op, dm_op_hypercall);
