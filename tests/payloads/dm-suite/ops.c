/* SPDX-License-Identifier: Apache-2.0 */
/* dm_op: the common checks in their order, and each operation's own. */
#include "suite.h"

static struct xen_dm_op op;

static long call(uint32_t nr, size_t size)
{
    struct xen_dm_op_buf buf = {.size = size};

    op.op = nr;
    set_xen_guest_handle(buf.h, &op);
    return dm_op_raw(GUEST, 1, &buf);
}

static struct xen_dm_op *fresh(void)
{
    memset(&op, 0, sizeof(op));
    return &op;
}

static void common_checks(void)
{
    struct xen_dm_op_buf bufs[3] = {{.size = sizeof(op)}, {.size = 0}, {.size = 0}};
    struct xen_dm_op_buf bad = {.size = sizeof(op)};

    fresh()->op = XEN_DMOP_nr_vcpus;
    set_xen_guest_handle(bufs[0].h, &op);
    set_xen_guest_handle(bad.h, BAD_POINTER);
    tap_eq(dm_op_raw(GUEST, 0, bufs), -XEN_ENODATA, "dm_op: no buffer");
    tap_eq(dm_op_raw(0x7000, 0, BAD_POINTER), -XEN_ENODATA, "dm_op: that comes first");
    tap_eq(dm_op_raw(GUEST, 3, bufs), -XEN_E2BIG, "dm_op: three buffers");
    tap_eq(dm_op_raw(GUEST, 0xffffffff, bufs), -XEN_E2BIG, "dm_op: very many buffers");
    tap_eq(dm_op_raw(0x7000, 3, bufs), -XEN_E2BIG, "dm_op: before the domain is looked up");
    tap_eq(dm_op_raw(GUEST, 1, BAD_POINTER), -XEN_EFAULT, "dm_op: bad list of buffers");
    tap_eq(dm_op_raw(0x7000, 1, BAD_POINTER), -XEN_EFAULT, "dm_op: before the domain, too");
    tap_eq(dm_op_raw(0x7000, 1, bufs), -XEN_ESRCH, "dm_op: no such domain");
    tap_eq(dm_op_raw(DOMID_SELF, 1, bufs), -XEN_ESRCH, "dm_op: DOMID_SELF");
    tap_eq(dm_op_raw(DOMID_INVALID, 1, bufs), -XEN_ESRCH, "dm_op: DOMID_INVALID");
    tap_eq(dm_op_raw(0, 1, bufs), -XEN_EPERM, "dm_op: oneself by number");
    tap_eq(dm_op_raw(0, 1, &bad), -XEN_EPERM, "dm_op: before the operation is read");
    tap_eq(dm_op_raw(GUEST, 1, &bad), -XEN_EFAULT, "dm_op: bad operation buffer");
    tap_eq(dm_op_raw(GUEST, 2, bufs), 0, "dm_op: a second buffer does not matter");
    tap_eq(call(XEN_DMOP_nr_vcpus, 7), -XEN_EFAULT, "dm_op: too small for its header");
    tap_eq(call(XEN_DMOP_nr_vcpus, 8), -XEN_EFAULT, "dm_op: too small for its operation");
    tap_eq(call(XEN_DMOP_nr_vcpus, 11), -XEN_EFAULT, "dm_op: still too small");
    tap_eq(call(XEN_DMOP_nr_vcpus, 12), 0, "dm_op: just enough");
    tap_eq(call(21, 8), -XEN_EOPNOTSUPP, "dm_op 21");
    tap_eq(call(0xffffffff, 8), -XEN_EOPNOTSUPP, "dm_op 0xffffffff");
    tap_eq(call(21, 7), -XEN_EFAULT, "dm_op 21: the header's size comes first");
    fresh()->pad = 1;
    tap_eq(call(21, 8), -XEN_EOPNOTSUPP, "dm_op 21: before the padding");
    tap_eq(call(XEN_DMOP_nr_vcpus, 8), -XEN_EFAULT, "dm_op: the size before the padding");
    tap_eq(call(XEN_DMOP_nr_vcpus, sizeof(op)), -XEN_EINVAL, "dm_op: padding");
    tap_eq(call(0, sizeof(op)), -XEN_EINVAL, "dm_op 0: the padding comes first");
    tap_eq(call(9, sizeof(op)), -XEN_EINVAL, "dm_op 9: the padding comes first");
    fresh();
    tap_eq(call(0, sizeof(op)), -XEN_EOPNOTSUPP, "dm_op 0");
    for (uint32_t hole = 7; hole < 20; hole++)
        if (!arch_has_op(hole))
            tap_eq(call(hole, sizeof(op)), -XEN_EOPNOTSUPP, "dm_op %u is not there", hole);
}

static void create(void)
{
    ioservid_t id;

    fresh()->u.create_ioreq_server.pad[2] = 1;
    tap_eq(call(1, sizeof(op)), -XEN_EINVAL, "create: padding");
    for (uint8_t mode = RING_MODES + 1; mode <= 3; mode++) {
        fresh()->u.create_ioreq_server.handle_bufioreq = mode;
        op.u.create_ioreq_server.id = 0x77;
        tap_eq(call(1, sizeof(op)), -XEN_EINVAL, "create: handle_bufioreq %u", mode);
        tap_eq(op.u.create_ioreq_server.id, 0x77, "create: nothing is copied out on error");
    }
    for (unsigned int i = 0; i < 8; i++) {
        tap_eq(dm_create(GUEST, &id), 0, "create server %u", i);
        tap_eq(id, i, "it has the lowest free number");
    }
    tap_eq(dm_create(GUEST, &id), -XEN_ENOSPC, "create: a ninth server");
    tap_eq(dm_destroy(GUEST, 3), 0, "destroy server 3");
    tap_eq(dm_destroy(GUEST, 3), -XEN_ENOENT, "destroy it again");
    tap_eq(dm_create(GUEST, &id), 0, "create one more");
    tap_eq(id, 3, "the number is used again");
    for (ioservid_t i = 1; i < 8; i++)
        dm_destroy(GUEST, i);
    tap_eq(dm_destroy(GUEST, 1), -XEN_ENOENT, "all but server 0 are gone");
}

static void info(void)
{
    struct xen_dm_op_get_ioreq_server_info *i = &op.u.get_ioreq_server_info;
    ioservid_t id;

    fresh();
    i->flags = XEN_DMOP_no_gfns;
    i->bufioreq_port = 0x1234;
    tap_eq(call(2, sizeof(op)), 0, "info without frames");
    tap_eq(i->bufioreq_port, 0x1234, "no buffered port where there is none");
    i->flags = 2;
    tap_eq(call(2, sizeof(op)), -XEN_EINVAL, "info: unknown flag");
    i->flags = 0xffff;
    tap_eq(call(2, sizeof(op)), -XEN_EINVAL, "info: many flags");
    i->flags = 0;
    tap_eq(call(2, sizeof(op)), NO_FRAMES, "info with frames of the guest, which has none");
    dm_destroy(GUEST, 0); /* if it has got some, they would be taken from the guest in the end */
    dm_create(GUEST, &id);
    fresh();
    i->flags = XEN_DMOP_no_gfns;
    i->id = 1;
    tap_eq(call(2, sizeof(op)), -XEN_ENOENT, "info: no such server");
    i->id = 8;
    tap_eq(call(2, sizeof(op)), -XEN_ENOENT, "info: number 8");
    i->id = 0xffff;
    tap_eq(call(2, sizeof(op)), -XEN_ENOENT, "info: number 65535");
}

/* Errors of map and unmap, which share most. */
static void range_errors(uint32_t nr, const char *what)
{
    struct xen_dm_op_ioreq_server_range *r = &op.u.map_io_range_to_ioreq_server;

    fresh();
    r->type = 9;
    r->id = 7;
    r->pad = 1;
    r->start = 1;
    tap_eq(call(nr, sizeof(op)), -XEN_EINVAL, "%s: padding", what);
    r->pad = 0;
    tap_eq(call(nr, sizeof(op)), -XEN_EINVAL, "%s: start behind end", what);
    r->end = 1;
    tap_eq(call(nr, sizeof(op)), -XEN_ENOENT, "%s: no such server", what);
    r->id = 0;
    tap_eq(call(nr, sizeof(op)), -XEN_EINVAL, "%s: type 9", what);
    r->type = 3;
    tap_eq(call(nr, sizeof(op)), -XEN_EINVAL, "%s: type 3", what);
}

static long range(uint32_t nr, uint32_t type, uint64_t start, uint64_t end)
{
    struct xen_dm_op_ioreq_server_range *r = &op.u.map_io_range_to_ioreq_server;

    fresh();
    r->type = type;
    r->start = start;
    r->end = end;
    return call(nr, sizeof(op));
}

static void ranges(void)
{
    range_errors(3, "map");
    range_errors(4, "unmap");
    for (uint32_t type = 0; type < 3; type++) {
        tap_eq(range(3, type, 0x1000, 0x1fff), 0, "type %u: map", type);
        tap_eq(range(3, type, 0x1fff, 0x2fff), -XEN_EEXIST, "type %u: overlap", type);
        tap_eq(range(3, type, 0x1800, 0x1800), -XEN_EEXIST, "type %u: inside", type);
        tap_eq(range(3, type, 0x2000, 0x2fff), 0, "type %u: a neighbour", type);
        tap_eq(range(4, type, 0x1000, 0x3000), -XEN_ENOENT, "type %u: unmap too much", type);
        tap_eq(range(4, type, 0x1800, 0x27ff), 0, "type %u: unmap across both", type);
        tap_eq(range(4, type, 0x1800, 0x1800), -XEN_ENOENT, "type %u: it is gone", type);
        tap_eq(range(4, type, 0x1000, 0x17ff), 0, "type %u: the part before", type);
        tap_eq(range(4, type, 0x2800, 0x2fff), 0, "type %u: the part behind", type);
    }
    tap_eq(range(3, 1, 0, UINT64_MAX), 0, "all of the address space");
    tap_eq(range(3, 1, UINT64_MAX, UINT64_MAX), -XEN_EEXIST, "its last byte is taken");
    tap_eq(range(4, 1, 0, UINT64_MAX), 0, "and given back");
    tap_eq(range(3, 1, UINT64_MAX - 7, UINT64_MAX), 0, "the last eight bytes");
    tap_eq(range(4, 1, UINT64_MAX - 7, UINT64_MAX), 0, "and back");
}

static void many_ranges(void)
{
    unsigned int n = 0;
    long rc = 0;

    while (n < 9000 && (rc = range(3, 1, 0x10000000 + n * 0x20, 0x1000000f + n * 0x20)) == 0)
        n++;
    tap(rc == -XEN_ENOMEM && n >= 256, "ranges run out with ENOMEM, after %u", n);
    tap_eq(range(3, 1, 0x10000010, 0x1000001f), 0, "one that joins two still fits");
    tap_eq(range(4, 1, 0x10000010, 0x1000001f), 0, "and splits them again");
    for (unsigned int i = 0; i < n; i++)
        rc = range(4, 1, 0x10000000 + i * 0x20, 0x1000000f + i * 0x20);
    tap_eq(rc, 0, "all are unmapped again");
}

static void state(void)
{
    struct xen_dm_op_set_ioreq_server_state *s = &op.u.set_ioreq_server_state;

    fresh();
    s->id = 7;
    s->pad = 1;
    tap_eq(call(5, sizeof(op)), -XEN_EINVAL, "state: padding");
    s->pad = 0;
    tap_eq(call(5, sizeof(op)), -XEN_ENOENT, "state: no such server");
    s->id = 0;
    tap_eq(call(5, sizeof(op)), 0, "disable what is disabled");
    s->enabled = 0x80;
    tap_eq(call(5, sizeof(op)), 0, "enable, by any value but 0");
    tap_eq(call(5, sizeof(op)), 0, "enable again");
    fresh()->u.destroy_ioreq_server.pad = 1;
    tap_eq(call(6, sizeof(op)), -XEN_EINVAL, "destroy: padding");
    tap_eq(dm_destroy(GUEST, 0), 0, "destroy while enabled");
    tap_eq(dm_destroy(GUEST, 8), -XEN_ENOENT, "destroy number 8");
}

void test_dm_ops(void)
{
    common_checks();
    create();
    info();
    ranges();
    many_ranges();
    state();
    arch_test_dm_ops();
}
