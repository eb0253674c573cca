/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dm_op and acquire_resource for fuzz_hypercall.c: made from the input, predicted by the model,
 * made in the core, compared. The order of the predictions is that of docs/deviations.md and the
 * public interface, not taken from the code.
 */
#include <asm/fake.h>
#include <public/hvm/dm_op.h>
#include <public/memory.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

#include "../../common/ioreq/private.h"
#include "../unit/fake/fake.h"
#include "hypercall.h"

#define GVA_BUFS (FAKE_GVA_BASE + 0x000)
#define GVA_OP   (FAKE_GVA_BASE + 0x100)
#define GVA_LIST (FAKE_GVA_BASE + 0x200)

struct op_info {
    uint8_t size; /* of its part of the union */
    bool out;
};

/* Ops that the fake architecture has. */
static const struct op_info op_table[] = {
    [XEN_DMOP_create_ioreq_server] = {6, true},
    [XEN_DMOP_get_ioreq_server_info] = {24, true},
    [XEN_DMOP_map_io_range_to_ioreq_server] = {24, false},
    [XEN_DMOP_unmap_io_range_from_ioreq_server] = {24, false},
    [XEN_DMOP_set_ioreq_server_state] = {4, false},
    [XEN_DMOP_destroy_ioreq_server] = {4, false},
    [XEN_DMOP_set_irq_level] = {8, false},
    [XEN_DMOP_nr_vcpus] = {4, true},
};
#define NR_OPS 21

/* A call under way: what it is and what is expected of it. */
struct dm_call {
    struct domain *caller;
    domid_t domid;
    uint32_t nr_bufs;
    uint64_t bufs, gva, size;
    struct xen_dm_op op;
    struct model_domain *t; /* the target, once found */
    uint32_t id;
    uint64_t generation; /* of the server whose state is set */
};

static struct op_info info_of(uint32_t op)
{
    return op < ARRAY_SIZE(op_table) ? op_table[op] : (struct op_info){0};
}

static bool readable(uint64_t gva, uint64_t size)
{
    return gva >= FAKE_GVA_BASE && gva + size <= FAKE_GVA_BASE + FAKE_GVA_SIZE && size < 0x1000;
}

/* Everything before the op itself. */
static long expect_decode(struct dm_call *c)
{
    struct op_info info = info_of(c->op.op);
    struct domain *d = domain_by_id(c->domid);

    if (c->nr_bufs == 0)
        return -ENODATA;
    if (c->nr_bufs > 2)
        return -E2BIG;
    if (!readable(c->bufs, c->nr_bufs * 16))
        return -EFAULT;
    c->t = model_of(d);
    if (c->t == NULL)
        return -ESRCH;
    if (d == c->caller || !(c->caller->is_control || c->caller->device_model_for == c->domid))
        return -EPERM;
    if (c->size < 8 || !readable(c->gva, 8))
        return -EFAULT;
    if (c->op.op >= NR_OPS)
        return -EOPNOTSUPP;
    if (c->size < 8u + info.size || !readable(c->gva, 8u + info.size))
        return -EFAULT;
    if (c->op.pad != 0)
        return -EINVAL;
    return info.size != 0 ? 0 : -EOPNOTSUPP;
}

static long expect_range(struct dm_call *c, bool map)
{
    const struct xen_dm_op_ioreq_server_range *r = &c->op.u.map_io_range_to_ioreq_server;
    struct model_server *s;
    long rc;

    if (r->pad != 0 || r->start > r->end)
        return -EINVAL;
    rc = model_find(c->t, c->caller, r->id, &s);
    if (rc != 0)
        return rc;
    return map ? model_map(c->t, s, r->type, r->start, r->end, false)
               : model_unmap(c->t, s, r->type, r->start, r->end, false);
}

static long expect_info(struct dm_call *c)
{
    struct model_server *s;
    uint16_t flags = c->op.u.get_ioreq_server_info.flags;
    long rc;

    if ((flags & ~XEN_DMOP_no_gfns) != 0)
        return -EINVAL;
    rc = model_find(c->t, c->caller, c->op.u.get_ioreq_server_info.id, &s);
    return rc == 0 && flags == 0 ? -EOPNOTSUPP : rc;
}

/* 0 or an id; -ENOSPC and -ENOMEM for want of ports and pages. */
static long expect_create(struct dm_call *c)
{
    const struct xen_dm_op_create_ioreq_server *op = &c->op.u.create_ioreq_server;
    unsigned int rings = op->handle_bufioreq != 0, ports;
    uint64_t kept;
    int id;

    if (op->pad[0] != 0 || op->pad[1] != 0 || op->pad[2] != 0 || op->handle_bufioreq > 2)
        return -EINVAL;
    id = model_may_create(c->t, c->caller);
    if (id < 0)
        return id;
    c->id = (uint32_t)id;
    /* What its predecessor left is cleaned up first, and paid back. */
    kept = model_bytes(c->t) - c->t->leftover_bytes[id];
    if (!c->t->registry)
        kept += model_registry_bytes();
    if (kept + model_server_bytes(c->t, op->handle_bufioreq) > model.max_bytes ||
        pages_free() < 1u + rings)
        return -ENOMEM;
    ports = model_vcpus(c->t) + (c->t->vcpu[0].v != NULL ? rings : 0);
    return ports_free(c->t->d) < ports ? -ENOSPC : 0;
}

static long expect_state(struct dm_call *c)
{
    struct model_server *s;
    long rc;

    if (c->op.u.set_ioreq_server_state.pad != 0)
        return -EINVAL;
    rc = model_find(c->t, c->caller, c->op.u.set_ioreq_server_state.id, &s);
    if (rc == 0)
        c->generation = s->generation;
    return rc == 0 && s->settling ? -ERESTART : rc;
}

static long expect(struct dm_call *c)
{
    struct model_server *s;
    long rc = expect_decode(c);

    if (rc != 0)
        return rc;
    switch (c->op.op) {
    case XEN_DMOP_create_ioreq_server:
        return expect_create(c);
    case XEN_DMOP_get_ioreq_server_info:
        return expect_info(c);
    case XEN_DMOP_map_io_range_to_ioreq_server:
        return expect_range(c, true);
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        return expect_range(c, false);
    case XEN_DMOP_set_ioreq_server_state:
        return expect_state(c);
    case XEN_DMOP_destroy_ioreq_server:
        return c->op.u.destroy_ioreq_server.pad != 0
                   ? -EINVAL
                   : model_find(c->t, c->caller, c->op.u.destroy_ioreq_server.id, &s);
    default:
        return 0;
    }
}

/*
 * Those two wait for a grace period, in which other things happen: the model goes ahead of the
 * core. They cannot fail any more.
 */
static void apply_before(struct dm_call *c)
{
    const struct xen_dm_op_ioreq_server_range *r = &c->op.u.map_io_range_to_ioreq_server;

    c->id = r->id;
    if (c->op.op == XEN_DMOP_destroy_ioreq_server) {
        uint64_t bytes = model_set_bytes(c->t->server[c->id]);

        model_destroy(c->t, c->id);
        may_leave(c->t, c->id, bytes);
    } else if (c->op.op == XEN_DMOP_set_ioreq_server_state) {
        model_set_state(c->t, c->id, c->op.u.set_ioreq_server_state.enabled != 0);
    }
}

static void apply_create(struct dm_call *c)
{
    c->t->leftover &= ~BIT64(c->id);
    c->t->leftover_bytes[c->id] = 0;
    model_created(c->t, c->caller, c->id, c->op.u.create_ioreq_server.handle_bufioreq);
    model_learn_ports(c->t);
}

/* The op succeeded. `was_enabled`: before it; `d`: the target, which may be gone by now. */
static void apply_after(struct dm_call *c, const struct domain *d, bool was_enabled)
{
    const struct xen_dm_op_ioreq_server_range *r = &c->op.u.map_io_range_to_ioreq_server;
    struct model_server *s;

    if (c->t->d != d)
        return;
    switch (c->op.op) {
    case XEN_DMOP_create_ioreq_server:
        apply_create(c);
        break;
    case XEN_DMOP_map_io_range_to_ioreq_server:
        model_map(c->t, c->t->server[r->id], r->type, r->start, r->end, true);
        break;
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        model_unmap(c->t, c->t->server[r->id], r->type, r->start, r->end, true);
        break;
    case XEN_DMOP_destroy_ioreq_server:
        model_retired(c->t, c->id);
        break;
    case XEN_DMOP_set_ioreq_server_state:
        if (was_enabled && c->op.u.set_ioreq_server_state.enabled == 0 &&
            model_find(c->t, c->caller, c->id, &s) == 0 && s->generation == c->generation)
            model_disabled(c->t, s);
        break;
    default:
        break;
    }
}

/* Only OUT fields, and only on success, are written. */
static void check_output(const struct dm_call *c, long rc)
{
    struct xen_dm_op want = c->op, got;

    if (!readable(c->gva, sizeof(got)))
        return;
    memcpy(&got, fake_gva + (c->gva - FAKE_GVA_BASE), sizeof(got));
    if (rc == 0 && c->op.op == XEN_DMOP_create_ioreq_server)
        want.u.create_ioreq_server.id = (ioservid_t)c->id;
    if (rc == 0 && c->op.op == XEN_DMOP_get_ioreq_server_info) {
        const struct model_ring *ring = &c->t->server[c->op.u.get_ioreq_server_info.id]->ring;

        if (ring->mode != 0)
            want.u.get_ioreq_server_info.bufioreq_port = ring->port;
    }
    if (rc == 0 && c->op.op == XEN_DMOP_nr_vcpus)
        want.u.nr_vcpus.vcpus = c->t->d->max_vcpus;
    fuzz_check(memcmp(&got, &want, sizeof(got)) == 0, "dm_op %u (%ld): wrong output", c->op.op, rc);
}

static long make_call(struct dm_call *c)
{
    const uint64_t buf[4] = {c->gva, c->size, c->gva, c->size};

    memcpy(fake_gva, buf, sizeof(buf));
    if (readable(c->gva, sizeof(c->op)))
        memcpy(fake_gva + (c->gva - FAKE_GVA_BASE), &c->op, sizeof(c->op));
    else if (readable(c->gva, 8)) /* it ends with the memory */
        memcpy(fake_gva + (c->gva - FAKE_GVA_BASE), &c->op,
               FAKE_GVA_SIZE - (c->gva - FAKE_GVA_BASE));
    return call_as(c->caller, __HYPERVISOR_dm_op, c->domid, c->nr_bufs, c->bufs);
}

static void run_call(struct dm_call *c)
{
    long want = expect(c), got;
    bool found = c->t != NULL, registry = found && c->t->registry, was_enabled = false;
    bool creates = want == 0 && c->op.op == XEN_DMOP_create_ioreq_server;
    const struct domain *d = found ? c->t->d : NULL;
    bool out = info_of(c->op.op).out && want == 0;

    if (want == 0 && c->op.op == XEN_DMOP_set_ioreq_server_state)
        was_enabled = c->t->server[c->op.u.set_ioreq_server_state.id]->enabled;
    if (want == 0)
        apply_before(c);
    if (creates)
        c->id = (uint32_t)model_may_create(c->t, c->caller);
    trace("d%u dm_op(d%u) %u id %u %lx-%lx -> %ld", c->caller->id, c->domid, c->op.op,
          c->op.u.destroy_ioreq_server.id,
          (unsigned long)c->op.u.map_io_range_to_ioreq_server.start,
          (unsigned long)c->op.u.map_io_range_to_ioreq_server.end, want);
    got = make_call(c);
    if (found && c->t->d == d && d->ioreq.registry != NULL && !registry) {
        fuzz_check(c->op.op == XEN_DMOP_create_ioreq_server, "a registry for op %u", c->op.op);
        c->t->registry = true;
    }
    if (found)
        learn_cleaned(c->t);
    /* Memory ran out on the way: nothing but that may differ. */
    if (memory_failed() && got == -ENOMEM && (want == 0 || want == -ENOSPC)) {
        fuzz_check(c->op.op != XEN_DMOP_destroy_ioreq_server &&
                       c->op.op != XEN_DMOP_set_ioreq_server_state,
                   "op %u needs memory", c->op.op);
        return;
    }
    if (got == -ERESTART && c->op.op == XEN_DMOP_create_ioreq_server && may_restart())
        return;
    if (want == 0)
        apply_after(c, d, was_enabled);
    if (out && fake_gva_read_only)
        want = -EFAULT;
    fuzz_check(got == want, "dm_op %u of d%u on d%u: %ld, not %ld", c->op.op, c->caller->id,
               c->domid, got, want);
    if (!(out && want == -EFAULT))
        check_output(c, got);
    if (c->t != NULL && c->t->d == d && (c->op.op == 3 || c->op.op == 4) && want == 0) {
        model_check_routing(c->t, c->op.u.map_io_range_to_ioreq_server.type,
                            c->op.u.map_io_range_to_ioreq_server.start);
        model_check_routing(c->t, c->op.u.map_io_range_to_ioreq_server.type,
                            c->op.u.map_io_range_to_ioreq_server.end);
    }
}

/* The union, field by field, so that most calls mean something. */
static void fill_op(struct fuzz_input *in, struct xen_dm_op *op)
{
    struct xen_dm_op_ioreq_server_range *r = &op->u.map_io_range_to_ioreq_server;
    uint8_t b;

    switch (op->op) {
    case XEN_DMOP_create_ioreq_server:
        return;
    case XEN_DMOP_map_io_range_to_ioreq_server:
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        b = fuzz_u8(in);
        r->id = b & 7;
        r->type = (b >> 3) & 3;
        r->start = fuzz_address(in);
        b = fuzz_u8(in);
        r->end = r->start + (b < 0xf0 ? b : (UINT64_C(1) << (4 * (b & 15))) - 1);
        return;
    case XEN_DMOP_set_ioreq_server_state:
    case XEN_DMOP_get_ioreq_server_info:
        b = fuzz_u8(in);
        op->u.set_ioreq_server_state.id = b & 7;
        if (op->op == XEN_DMOP_get_ioreq_server_info)
            op->u.get_ioreq_server_info.flags = (b >> 3) & 1 ? 0 : XEN_DMOP_no_gfns;
        else
            op->u.set_ioreq_server_state.enabled = b >> 3 != 0;
        return;
    case XEN_DMOP_destroy_ioreq_server:
        op->u.destroy_ioreq_server.id = fuzz_u8(in) & 7;
        return;
    default:
        r->id = (uint16_t)fuzz_uint(in, 2);
        r->start = fuzz_uint(in, 4);
        return;
    }
}

/* Something wrong with the call as a whole. */
static void mutate(struct fuzz_input *in, struct dm_call *c)
{
    uint8_t what = fuzz_u8(in), value = fuzz_u8(in);

    switch (what % 10) {
    case 0:
        c->nr_bufs = value % 4;
        break;
    case 1:
        c->domid = value < 32 ? value : DOMID_SELF;
        break;
    case 2:
        c->size = value % 40;
        break;
    case 3:
        c->gva = FAKE_GVA_BASE + FAKE_GVA_SIZE - value % 40;
        break;
    case 4:
        c->op.pad = value;
        break;
    case 5:
        c->op.op = value % 32;
        break;
    case 6:
        c->bufs = value & 1 ? FAKE_GVA_BASE + FAKE_GVA_SIZE - value % 33 : 0x1000;
        break;
    case 7: /* any byte of the union */
        ((uint8_t *)&c->op.u)[value % sizeof(c->op.u)] ^= (uint8_t)(1u << (what / 10 % 8));
        break;
    case 8:
        c->size = UINT64_MAX - value;
        break;
    default:
        fake_gva_read_only = true;
        break;
    }
    /* The array lies where the copy of `buf` is, or nowhere. */
    if (c->bufs != GVA_BUFS && readable(c->bufs, c->nr_bufs * 16))
        c->bufs = 0x1000;
}

void dm_op_step(struct fuzz_input *in, struct domain *caller, domid_t target)
{
    uint8_t b = fuzz_u8(in);
    struct dm_call c = {.caller = caller,
                        .domid = target,
                        .nr_bufs = 1,
                        .bufs = GVA_BUFS,
                        .gva = GVA_OP,
                        .size = sizeof(struct xen_dm_op),
                        .op = {.op = (b & 7) + ((b & 7) == 7 ? 13u : 0)}};

    fill_op(in, &c.op);
    if (c.op.op == XEN_DMOP_create_ioreq_server)
        c.op.u.create_ioreq_server.handle_bufioreq = (b >> 3) & 3;
    if (b >= 0xe0)
        mutate(in, &c);
    run_call(&c);
    fake_gva_read_only = false;
}

/* Many ranges at once, so that the larger limits are within reach. */
void many_ranges_step(struct fuzz_input *in, struct domain *caller, domid_t target)
{
    uint8_t id = fuzz_u8(in), nr = fuzz_u8(in), gap = fuzz_u8(in);

    for (unsigned int i = 0; i < nr; i++) {
        struct dm_call c = {.caller = caller,
                            .domid = target,
                            .nr_bufs = 1,
                            .bufs = GVA_BUFS,
                            .gva = GVA_OP,
                            .size = sizeof(struct xen_dm_op),
                            .op = {.op = gap & 0x80 ? XEN_DMOP_unmap_io_range_from_ioreq_server
                                                    : XEN_DMOP_map_io_range_to_ioreq_server}};
        struct xen_dm_op_ioreq_server_range *r = &c.op.u.map_io_range_to_ioreq_server;

        r->id = id & 7;
        r->type = (id >> 3) & 3;
        r->start = r->end = (uint64_t)i * ((gap & 0x7f) + 1u);
        run_call(&c);
    }
}

/* acquire_resource */

static long expect_frames(const struct xen_mem_acquire_resource *op, const struct domain *caller,
                          const struct model_domain *t, const uint64_t *frames)
{
    struct model_server *s;
    long rc = 0;

    for (uint32_t i = 0; i < op->nr_frames && rc == 0; i++) {
        uint64_t frame = op->frame + i;

        rc = op->id > 0xffff ? -EINVAL : model_find(t, caller, op->id, &s);
        if (rc == 0)
            rc = frame == 0 && s->ring.mode == 0 ? -ENOENT : frame > 1 ? -EINVAL : 0;
        if (rc == 0)
            rc = frames[i] >= FAKE_P2M_FRAMES ? -EINVAL : 0;
        if (rc != 0 && i > 0)
            return -EIO;
    }
    return rc;
}

static long expect_acquire(const struct xen_mem_acquire_resource *op, const struct domain *caller,
                           const uint64_t *frames)
{
    struct domain *d = domain_by_id(op->domid);

    if (op->pad != 0 || op->frame > UINT32_MAX || op->frame + op->nr_frames > UINT32_MAX)
        return -EINVAL;
    if (d == NULL)
        return -ESRCH;
    if (d == caller || !(caller->is_control || caller->device_model_for == op->domid))
        return -EPERM;
    if (op->type != XENMEM_resource_ioreq_server)
        return -EOPNOTSUPP;
    if (op->frame_list.q == 0)
        return op->nr_frames != 0 ? -EINVAL : 0;
    if (op->nr_frames == 0)
        return -EINVAL;
    return expect_frames(op, caller, model_of(d), frames);
}

void acquire_step(struct fuzz_input *in, struct domain *caller, domid_t target)
{
    uint8_t b = fuzz_u8(in), id = fuzz_u8(in);
    struct xen_mem_acquire_resource op = {
        .domid = target, .id = id & 7, .nr_frames = 1, .frame = 1};
    uint64_t frames[4] = {fuzz_u8(in) % 64, 5, 6, 2000};
    long want, got;

    op.frame_list.q = GVA_LIST;
    if (id >= 0x80) { /* any field */
        uint8_t value = fuzz_u8(in);

        ((uint8_t *)&op)[value % sizeof(op)] ^= (uint8_t)(1u << (b & 7));
        if (op.frame_list.q != GVA_LIST)
            op.frame_list.q = 0;
        if (op.nr_frames > 3)
            op.nr_frames = 0;
    }
    if (b >= 0xf0)
        frames[0] = FAKE_P2M_FRAMES + b;
    memcpy(fake_gva + 0x200, frames, sizeof(frames));
    want = expect_acquire(&op, caller, frames);
    memcpy(fake_gva + 0x100, &op, sizeof(op));
    trace("d%u acquires frame %lu of d%u server %u -> %ld", caller->id, (unsigned long)op.frame,
          op.domid, op.id, want);
    got = call_as(caller, __HYPERVISOR_memory_op, XENMEM_acquire_resource, GVA_OP, 0);
    fuzz_check(got == want, "acquire_resource of d%u on d%u server %u: %ld, not %ld", caller->id,
               op.domid, op.id, got, want);
}
