/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of a device model's two hypercalls, dm_op and acquire_resource, as data. Each operation
 * has a list of faults in the order in which they are looked for. Every combination of faults must
 * give the error of the first, and leave everything as it was: registry, ranges, ports, memory
 * accounts, allocations, page tables, shared pages, the caller's memory.
 */
#include "fake/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/fake.h>
#include <public/hvm/dm_op.h>
#include <public/memory.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

#include "../../common/ioreq/private.h"
#include "fake/fake.h"
#include "fake/state.h"

#define STRANGER 3
#define BAD_GVA  UINT64_C(0xdead0000)
#define MINE     0 /* dm's server, enabled */
#define OTHERS   1 /* the control domain's */
#define FULL     2 /* dm's, without room for another range */
#define ABSENT   3
#define FIRST    UINT64_C(0x100000) /* what each of them claims, in every space */
#define LAST     UINT64_C(0x1000ff)
#define NR_OPS   21 /* from here on numbers mean nothing, whatever the architecture */

static struct domain *stranger;

/* Everything that a refused call must leave alone. */

#define WATCHED 4
static struct snapshot {
    char text[STATE_SIZE];
    unsigned char gva[FAKE_GVA_SIZE];
    unsigned char shared[WATCHED][PAGE_SIZE];
    unsigned char slots[WATCHED][PAGE_SIZE];
    struct p2m p2m[WATCHED];
    uint32_t refs[WATCHED]; /* of the pages of slots */
    unsigned int arch_calls;
} before, after;

static void take(struct snapshot *s)
{
    memset(s, 0, sizeof(*s));
    state_write(s->text);
    memcpy(s->gva, fake_gva, sizeof(s->gva));
    for (domid_t id = 0; id < WATCHED; id++) {
        struct domain *d = domain_by_id(id);
        struct ioreq_server *server = guest->ioreq.registry->server[id];

        s->arch_calls += d->arch.spi_level_calls;
        memcpy(s->shared[id], d->shared_info, PAGE_SIZE);
        memcpy(&s->p2m[id], &d->p2m, sizeof(d->p2m));
        if (server == NULL)
            continue;
        s->refs[id] = atomic32_read(&server->page->refs);
        memcpy(s->slots[id], server->slots, PAGE_SIZE);
    }
}

static void assert_unchanged(const char *what)
{
    take(&after);
    if (strcmp(before.text, after.text) != 0)
        fail_msg("%s changed the state:\n%s\nbefore:\n%s", what, after.text, before.text);
    if (memcmp(&before, &after, sizeof(before)) != 0)
        fail_msg("%s changed memory or page tables", what);
}

/* One call, with the world it is made in. */

struct call {
    struct domain *caller;
    uint64_t target, nr_bufs, bufs, size, gva;
    union {
        struct xen_dm_op op;
        struct xen_mem_acquire_resource res;
    };
    uint64_t arg;    /* acquire_resource: where its structure is */
    uint64_t frame;  /* ... and the caller's frame number in its list */
    bool dying;      /* the target */
    bool no_ids;     /* the target's limit of servers is reached */
    bool no_memory;  /* ... its budget */
    bool no_objects; /* the allocator is empty */
    bool no_ports;
};

/* One of the two hypercalls: what the caller lays out in its memory, then the call itself. */
struct hypercall_kind {
    void (*put)(const struct call *c);
    long (*make)(const struct call *c);
};

static void put_dm_op(const struct call *c)
{
    const uint64_t bufs[6] = {c->gva, c->size, c->gva, c->size, c->gva, c->size};

    memcpy(fake_gva + (GVA_BUFS - FAKE_GVA_BASE), bufs, sizeof(bufs));
    memcpy(fake_gva + (GVA_OP - FAKE_GVA_BASE), &c->op, sizeof(c->op));
}

static long make_dm_op(const struct call *c)
{
    return world_call(c->caller->vcpu[0], __HYPERVISOR_dm_op, c->target, c->nr_bufs, c->bufs);
}

static void put_acquire(const struct call *c)
{
    memcpy(fake_gva + (GVA_LIST - FAKE_GVA_BASE), &c->frame, sizeof(c->frame));
    memcpy(fake_gva + (GVA_OP - FAKE_GVA_BASE), &c->res, sizeof(c->res));
}

static long make_acquire(const struct call *c)
{
    return world_call(c->caller->vcpu[0], __HYPERVISOR_memory_op, XENMEM_acquire_resource, c->arg,
                      0);
}

static const struct hypercall_kind dm_op = {put_dm_op, make_dm_op};
static const struct hypercall_kind acquire = {put_acquire, make_acquire};

extern unsigned int ioreq_max_servers, ioreq_max_ranges;
extern uint64_t ioreq_max_bytes;

/* The call in its world; the world is put back, so that only what the call did remains. */
static long make(const struct call *c, const struct hypercall_kind *kind)
{
    unsigned int servers = ioreq_max_servers, ports = guest->evtchn.max_ports;
    uint64_t bytes = ioreq_max_bytes;
    uint32_t state = guest->state;
    long rc;

    if (c->dying)
        guest->state = DOMAIN_DYING;
    if (c->no_ids)
        ioreq_max_servers = ABSENT;
    if (c->no_memory)
        ioreq_max_bytes = guest->ioreq.bytes;
    if (c->no_ports)
        guest->evtchn.max_ports = 1 + ABSENT;
    fake_alloc_fail_at = c->no_objects ? 0 : -1;
    fake_alloc_fail_all = c->no_objects;
    rc = kind->make(c);
    fake_alloc_fail_at = -1;
    fake_alloc_fail_all = false;
    guest->evtchn.max_ports = ports;
    ioreq_max_bytes = bytes;
    ioreq_max_servers = servers;
    guest->state = state;
    return rc;
}

static long put_and_make(const struct call *c, const struct hypercall_kind *kind)
{
    kind->put(c);
    return make(c, kind);
}

/* Servers and their ranges, as the definitions above say. */

static struct call dm_call(uint32_t nr)
{
    struct call c = {.caller = dm,
                     .target = guest->id,
                     .nr_bufs = 1,
                     .bufs = GVA_BUFS,
                     .size = sizeof(struct xen_dm_op),
                     .gva = GVA_OP};

    c.op.op = nr;
    return c;
}

static void make_server(struct domain *owner, unsigned int id)
{
    struct call c = dm_call(XEN_DMOP_create_ioreq_server);

    c.caller = owner;
    assert_int_equal(put_and_make(&c, &dm_op), 0);
    for (uint32_t space = 0; space < IOREQ_NR_SPACES; space++) {
        struct xen_dm_op_ioreq_server_range *r = &c.op.u.map_io_range_to_ioreq_server;

        memset(&c.op, 0, sizeof(c.op));
        c.op.op = XEN_DMOP_map_io_range_to_ioreq_server;
        *r = (struct xen_dm_op_ioreq_server_range){
            .id = (ioservid_t)id, .type = space, .start = FIRST, .end = LAST};
        assert_int_equal(put_and_make(&c, &dm_op), 0);
    }
}

static int setup(void **state)
{
    struct domain_create_params params = {
        .id = STRANGER, .max_vcpus = 1, .max_pages = 16, .device_model_for = DOMID_INVALID};
    struct call on;
    unsigned int ranges = ioreq_max_ranges;
    struct vcpu *v;

    if (world_setup(state) != 0)
        return -1;
    assert_int_equal(domain_create(&params, &stranger), 0);
    assert_int_equal(vcpu_create(stranger, 0, 0, &v), 0);
    make_server(dm, MINE);
    make_server(control, OTHERS);
    ioreq_max_ranges = 1;
    make_server(dm, FULL);
    ioreq_max_ranges = ranges;
    on = dm_call(XEN_DMOP_set_ioreq_server_state);
    on.op.u.set_ioreq_server_state.enabled = 1;
    assert_int_equal(put_and_make(&on, &dm_op), 0);
    return 0;
}

static int teardown(void **state)
{
    world_kill(&stranger);
    return world_teardown(state);
}

/* One thing wrong with a call, and what the caller is told. */
struct fault {
    const char *what;
    long rc;
    void (*apply)(struct call *c);
};

#define FAULT(name, ...)             \
    static void name(struct call *c) \
    {                                \
        __VA_ARGS__;                 \
    }

/* Of every dm_op, in order. */
FAULT(no_bufs, c->nr_bufs = 0)
FAULT(three_bufs, c->nr_bufs = 3)
FAULT(bad_bufs, c->bufs = BAD_GVA)
FAULT(unknown_target, c->target = 9)
FAULT(self_target, c->target = DOMID_SELF)
FAULT(control_target, c->target = 0)
FAULT(own_target, c->target = c->caller->id)
FAULT(by_stranger, c->caller = stranger)
FAULT(by_target, c->caller = guest)
FAULT(tiny, c->size = 7)
FAULT(bad_buf, c->gva = BAD_GVA)
FAULT(unknown_op, c->op.op = NR_OPS)
FAULT(no_union, c->size = 8)
FAULT(header_pad, c->op.pad = 1)

static const struct fault common[] = {
    {"nr_bufs 0", -ENODATA, no_bufs},
    {"nr_bufs 3", -E2BIG, three_bufs},
    {"unreadable bufs", -EFAULT, bad_bufs},
    {"no such domain", -ESRCH, unknown_target},
    {"DOMID_SELF", -ESRCH, self_target},
    {"the control domain", -EPERM, control_target},
    {"its own id", -EPERM, own_target},
    {"called by a stranger", -EPERM, by_stranger},
    {"called by the target", -EPERM, by_target},
    {"no room for the header", -EFAULT, tiny},
    {"unreadable buffer", -EFAULT, bad_buf},
    {"unknown op", -EOPNOTSUPP, unknown_op},
    {"no room for the union", -EFAULT, no_union},
    {"header's pad", -EINVAL, header_pad},
};

/* Of single ops, each list in order. */
FAULT(create_pad, c->op.u.create_ioreq_server.pad[2] = 1)
FAULT(create_mode, c->op.u.create_ioreq_server.handle_bufioreq = 3)
FAULT(dying, c->dying = true)
FAULT(no_ids, c->no_ids = true)
FAULT(no_memory, c->no_memory = true)
FAULT(no_objects, c->no_objects = true)
FAULT(no_ports, c->no_ports = true)

static const struct fault create_faults[] = {
    {"pad", -EINVAL, create_pad},           {"mode", -EINVAL, create_mode},
    {"dying target", -EINVAL, dying},       {"all ids in use", -ENOSPC, no_ids},
    {"budget used up", -ENOMEM, no_memory}, {"no memory", -ENOMEM, no_objects},
    {"no port", -ENOSPC, no_ports},
};

FAULT(info_flag, c->op.u.get_ioreq_server_info.flags |= 2)
FAULT(info_absent, c->op.u.get_ioreq_server_info.id = ABSENT)
FAULT(info_others, c->op.u.get_ioreq_server_info.id = OTHERS)
FAULT(info_gfns, c->op.u.get_ioreq_server_info.flags = 0)

static const struct fault info_faults[] = {
    {"unknown flag", -EINVAL, info_flag},
    {"no such server", -ENOENT, info_absent},
    {"another's server", -EPERM, info_others},
    {"frames asked for", -EOPNOTSUPP, info_gfns},
};

#define RANGE(c) ((c)->op.u.map_io_range_to_ioreq_server)
FAULT(range_pad, RANGE(c).pad = 1)
FAULT(range_backwards, RANGE(c).end = RANGE(c).start - 1)
FAULT(range_absent, RANGE(c).id = ABSENT)
FAULT(range_others, RANGE(c).id = OTHERS)
FAULT(range_type, RANGE(c).type = IOREQ_NR_SPACES)
FAULT(range_taken, RANGE(c).start = LAST, RANGE(c).end = LAST + 1)
FAULT(range_full, RANGE(c).id = FULL)

static const struct fault map_faults[] = {
    {"pad", -EINVAL, range_pad},
    {"start above end", -EINVAL, range_backwards},
    {"no such server", -ENOENT, range_absent},
    {"another's server", -EPERM, range_others},
    {"unknown space", -EINVAL, range_type},
    {"claimed already", -EEXIST, range_taken},
    {"too many ranges", -ENOMEM, range_full},
    {"budget used up", -ENOMEM, no_memory},
    {"no memory", -ENOMEM, no_objects},
};

FAULT(range_split, RANGE(c).start = FIRST + 1, RANGE(c).end = FIRST + 1, RANGE(c).id = FULL)

static const struct fault unmap_faults[] = {
    {"pad", -EINVAL, range_pad},
    {"start above end", -EINVAL, range_backwards},
    {"no such server", -ENOENT, range_absent},
    {"another's server", -EPERM, range_others},
    {"unknown space", -EINVAL, range_type},
    {"not all of it claimed", -ENOENT, range_taken},
    {"a split too many", -ENOMEM, range_split},
    {"no memory", -ENOMEM, no_objects},
};

FAULT(state_pad, c->op.u.set_ioreq_server_state.pad = 1)
FAULT(state_absent, c->op.u.set_ioreq_server_state.id = ABSENT)
FAULT(state_others, c->op.u.set_ioreq_server_state.id = OTHERS)

static const struct fault state_faults[] = {
    {"pad", -EINVAL, state_pad},
    {"no such server", -ENOENT, state_absent},
    {"another's server", -EPERM, state_others},
};

FAULT(destroy_pad, c->op.u.destroy_ioreq_server.pad = 1)
FAULT(destroy_absent, c->op.u.destroy_ioreq_server.id = ABSENT)
FAULT(destroy_others, c->op.u.destroy_ioreq_server.id = OTHERS)

static const struct fault destroy_faults[] = {
    {"pad", -EINVAL, destroy_pad},
    {"no such server", -ENOENT, destroy_absent},
    {"another's server", -EPERM, destroy_others},
};

/* A good call of each op, to which the faults are applied. */
static struct call good(uint32_t nr)
{
    struct call c = dm_call(nr);

    if (nr == XEN_DMOP_get_ioreq_server_info)
        c.op.u.get_ioreq_server_info.flags = XEN_DMOP_no_gfns;
    if (nr == XEN_DMOP_map_io_range_to_ioreq_server)
        RANGE(&c) = (struct xen_dm_op_ioreq_server_range){
            .type = XEN_DMOP_IO_RANGE_MEMORY, .start = LAST + 0x101, .end = LAST + 0x200};
    if (nr == XEN_DMOP_unmap_io_range_from_ioreq_server)
        RANGE(&c) = (struct xen_dm_op_ioreq_server_range){
            .type = XEN_DMOP_IO_RANGE_MEMORY, .start = FIRST + 1, .end = LAST};
    return c;
}

static const struct {
    const char *what;
    uint32_t nr;
    const struct fault *faults;
    unsigned int nr_faults;
} ops[] = {
    {"create", XEN_DMOP_create_ioreq_server, create_faults, ARRAY_SIZE(create_faults)},
    {"info", XEN_DMOP_get_ioreq_server_info, info_faults, ARRAY_SIZE(info_faults)},
    {"map", XEN_DMOP_map_io_range_to_ioreq_server, map_faults, ARRAY_SIZE(map_faults)},
    {"unmap", XEN_DMOP_unmap_io_range_from_ioreq_server, unmap_faults, ARRAY_SIZE(unmap_faults)},
    {"state", XEN_DMOP_set_ioreq_server_state, state_faults, ARRAY_SIZE(state_faults)},
    {"destroy", XEN_DMOP_destroy_ioreq_server, destroy_faults, ARRAY_SIZE(destroy_faults)},
    {"nr_vcpus", XEN_DMOP_nr_vcpus, NULL, 0},
};

/*
 * A good call with faults, which are in the order of checks. Applied from the last to the first:
 * where two change the same field, the one that is looked for first has it.
 */
static void run_case(const char *op, struct call c, const struct hypercall_kind *kind,
                     const struct fault *const *faults, unsigned int n, bool look)
{
    char what[512];
    size_t used = (size_t)snprintf(what, sizeof(what), "%s", op);
    long rc;

    for (unsigned int i = n; i-- > 0;)
        faults[i]->apply(&c);
    for (unsigned int i = 0; i < n && used < sizeof(what); i++)
        used += (size_t)snprintf(what + used, sizeof(what) - used, ", %s", faults[i]->what);
    kind->put(&c);
    if (look)
        take(&before);
    rc = make(&c, kind);
    if (rc != faults[0]->rc)
        fail_msg("%s: %ld, expected %ld", what, rc, faults[0]->rc);
    if (look)
        assert_unchanged(what);
}

/* Each fault alone, each two, each three. Looking at everything takes its time: not for three. */
static void run_all(const char *op, const struct call *c, const struct hypercall_kind *kind,
                    const struct fault *const *faults, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        run_case(op, *c, kind, &faults[i], 1, true);
        for (unsigned int j = i + 1; j < n; j++) {
            const struct fault *some[3] = {faults[i], faults[j]};

            run_case(op, *c, kind, some, 2, true);
            for (unsigned int k = j + 1; k < n; k++) {
                some[2] = faults[k];
                run_case(op, *c, kind, some, 3, false);
            }
        }
    }
}

#define MAX_FAULTS 32

static unsigned int append(const struct fault **out, unsigned int n, const struct fault *list,
                           unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        out[n++] = &list[i];
    assert_true(n <= MAX_FAULTS);
    return n;
}

static void again(void)
{
    assert_int_equal(teardown(NULL), 0);
    assert_int_equal(setup(NULL), 0);
}

static void dm_op_faults_in_order(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
        const struct fault *faults[MAX_FAULTS];
        unsigned int n = append(faults, 0, common, ARRAY_SIZE(common));
        struct call c = good(ops[i].nr);

        n = append(faults, n, ops[i].faults, ops[i].nr_faults);
        run_all(ops[i].what, &c, &dm_op, faults, n);
        again();
        c = good(ops[i].nr); /* there was nothing else wrong with it */
        assert_int_equal(put_and_make(&c, &dm_op), 0);
        again();
    }
}

/* What each number means here: bytes of its structure, 0 for a hole, -1 for none. */
static int size_of_op(uint32_t nr)
{
    static const int sizes[NR_OPS] = {
        [XEN_DMOP_create_ioreq_server] = 6,
        [XEN_DMOP_get_ioreq_server_info] = 24,
        [XEN_DMOP_map_io_range_to_ioreq_server] = 24,
        [XEN_DMOP_unmap_io_range_from_ioreq_server] = 24,
        [XEN_DMOP_set_ioreq_server_state] = 4,
        [XEN_DMOP_destroy_ioreq_server] = 4,
        [XEN_DMOP_set_irq_level] = 8,
        [XEN_DMOP_nr_vcpus] = 4,
    };

    return nr < NR_OPS ? sizes[nr] : -1;
}

static long buffer_error(uint32_t nr, uint64_t size, uint32_t pad)
{
    int need = size_of_op(nr);

    if (size < 8)
        return -EFAULT;
    if (need < 0)
        return -EOPNOTSUPP;
    if (size < 8 + (uint64_t)need)
        return -EFAULT;
    if (pad != 0)
        return -EINVAL;
    return need == 0 ? -EOPNOTSUPP : 0;
}

/* Every number, with every size of its buffer, with and without pad. */
static void op_numbers_and_sizes(void **state)
{
    static const uint32_t far[] = {0x20, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff};
    static const uint32_t pads[] = {0, 1, 0x80000000};

    (void)state;
    for (unsigned int n = 0; n < 25 + ARRAY_SIZE(far); n++)
        for (uint64_t size = 0; size <= sizeof(struct xen_dm_op); size++)
            for (uint32_t pad = 0; pad < ARRAY_SIZE(pads); pad++) {
                struct call c = good(n < 25 ? n : far[n - 25]);
                long want;

                c.op.pad = pads[pad];
                c.size = size;
                want = buffer_error(c.op.op, size, c.op.pad);
                if (want == 0)
                    continue;
                dm_op.put(&c);
                take(&before);
                if (make(&c, &dm_op) != want)
                    fail_msg("op %u, %lu bytes, pad %x", c.op.op, (unsigned long)size, c.op.pad);
                assert_unchanged("a bad buffer");
            }
}

/* Fields whose every value is tried; the walk says what each must give. */

static void expect(struct call *c, long want, const char *what, uint64_t value)
{
    long rc;

    dm_op.put(c);
    take(&before);
    rc = make(c, &dm_op);
    if (rc != want)
        fail_msg("%s %lx: %ld, expected %ld", what, (unsigned long)value, rc, want);
    if (want != 0)
        assert_unchanged(what);
}

static const uint16_t some_ids[] = {3,  4,   5,   6,   7,   8,      9,      63,    64,
                                    65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff};

static void server_numbers(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < ARRAY_SIZE(some_ids); n++) {
        struct call info = good(XEN_DMOP_get_ioreq_server_info);
        struct call map = good(XEN_DMOP_map_io_range_to_ioreq_server);
        struct call unmap = good(XEN_DMOP_unmap_io_range_from_ioreq_server);
        struct call on = good(XEN_DMOP_set_ioreq_server_state);
        struct call destroy = good(XEN_DMOP_destroy_ioreq_server);

        info.op.u.get_ioreq_server_info.id = some_ids[n];
        RANGE(&map).id = RANGE(&unmap).id = some_ids[n];
        on.op.u.set_ioreq_server_state.id = some_ids[n];
        destroy.op.u.destroy_ioreq_server.id = some_ids[n];
        expect(&info, -ENOENT, "info of", some_ids[n]);
        expect(&map, -ENOENT, "map for", some_ids[n]);
        expect(&unmap, -ENOENT, "unmap for", some_ids[n]);
        expect(&on, -ENOENT, "state of", some_ids[n]);
        expect(&destroy, -ENOENT, "destroying", some_ids[n]);
    }
}

static void modes_and_pads_of_create(void **state)
{
    (void)state;
    for (unsigned int value = 1; value < 256; value++) {
        struct call mode = good(XEN_DMOP_create_ioreq_server);

        mode.op.u.create_ioreq_server.handle_bufioreq = (uint8_t)value;
        expect(&mode, -EINVAL, "mode", value);
        for (unsigned int i = 0; i < 3; i++) {
            struct call pad = good(XEN_DMOP_create_ioreq_server);

            pad.op.u.create_ioreq_server.pad[i] = (uint8_t)value;
            expect(&pad, -EINVAL, "pad of create", value);
        }
    }
}

static void flags_of_info(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags < 0x10000; flags++) {
        struct call c = good(XEN_DMOP_get_ioreq_server_info);
        long want = flags == 0 ? -EOPNOTSUPP : flags == XEN_DMOP_no_gfns ? 0 : -EINVAL;

        c.op.u.get_ioreq_server_info.flags = (uint16_t)flags;
        if (flags < 16 || (flags & (flags - 1)) == 0 || flags % 997 == 0)
            expect(&c, want, "flags", flags);
        else
            assert_int_equal(put_and_make(&c, &dm_op), want);
    }
}

/* Any byte but 0 enables; both ways again and again; the rest of the structure is checked. */
static void values_of_state(void **state)
{
    (void)state;
    for (unsigned int value = 0; value < 512; value++) {
        struct call c = good(XEN_DMOP_set_ioreq_server_state);
        bool on = value % 256 != 0;

        c.op.u.set_ioreq_server_state.enabled = (uint8_t)value;
        expect(&c, 0, "enabled", value);
        assert_int_equal(guest->ioreq.registry->route.enabled & BIT64(MINE), on);
        take(&before);
        assert_int_equal(make(&c, &dm_op), 0);
        assert_unchanged("the same state again");
        if (on) {
            c.op.u.set_ioreq_server_state.enabled = 0;
            c.op.u.set_ioreq_server_state.pad = (uint8_t)value;
            expect(&c, -EINVAL, "pad of state", value);
        }
    }
}

static void pads_of_two_bytes(void **state)
{
    (void)state;
    for (uint32_t value = 1; value < 0x10000; value = value * 3 + 1) {
        struct call map = good(XEN_DMOP_map_io_range_to_ioreq_server);
        struct call unmap = good(XEN_DMOP_unmap_io_range_from_ioreq_server);
        struct call destroy = good(XEN_DMOP_destroy_ioreq_server);

        RANGE(&map).pad = RANGE(&unmap).pad = (uint16_t)value;
        destroy.op.u.destroy_ioreq_server.pad = (uint16_t)value;
        expect(&map, -EINVAL, "pad of map", value);
        expect(&unmap, -EINVAL, "pad of unmap", value);
        expect(&destroy, -EINVAL, "pad of destroy", value);
    }
}

static void spaces(void **state)
{
    static const uint32_t values[] = {3,      4,          7,          8,          15,
                                      16,     255,        256,        0x10001,    0x10000,
                                      0xffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};

    (void)state;
    for (unsigned int n = 0; n < ARRAY_SIZE(values); n++) {
        struct call map = good(XEN_DMOP_map_io_range_to_ioreq_server);
        struct call unmap = good(XEN_DMOP_unmap_io_range_from_ioreq_server);

        RANGE(&map).type = RANGE(&unmap).type = values[n];
        expect(&map, -EINVAL, "map in space", values[n]);
        expect(&unmap, -EINVAL, "unmap in space", values[n]);
    }
}

/* --- acquire_resource --- */

FAULT(res_bad, c->arg = BAD_GVA)
FAULT(res_pad, c->res.pad = 1)
FAULT(res_frame, c->res.frame = UINT64_C(1) << 32)
FAULT(res_end, c->res.frame = 1, c->res.nr_frames = UINT32_MAX)
FAULT(res_unknown, c->res.domid = 9)
FAULT(res_self, c->res.domid = DOMID_SELF)
FAULT(res_own, c->res.domid = c->caller->id)
FAULT(res_control, c->res.domid = 0)
FAULT(res_grants, c->res.type = XENMEM_resource_grant_table)
FAULT(res_type, c->res.type = 0xffff)
FAULT(res_size, c->res.frame_list.q = 0, c->res.nr_frames = 1)
FAULT(res_none, c->res.nr_frames = 0)
FAULT(res_list, c->res.frame_list.q = BAD_GVA)
FAULT(res_long_id, c->res.id = 0x10000)
FAULT(res_id, c->res.id = 64)
FAULT(res_absent, c->res.id = ABSENT)
FAULT(res_others, c->res.id = OTHERS)
FAULT(res_ring, c->res.frame = 0)
FAULT(res_beyond, c->res.frame = 2)
FAULT(res_gfn, c->frame = UINT64_MAX)

static const struct fault acquire_faults[] = {
    {"unreadable structure", -EFAULT, res_bad},
    {"pad", -EINVAL, res_pad},
    {"frame beyond 32 bits", -EINVAL, res_frame},
    {"end beyond 32 bits", -EINVAL, res_end},
    {"no such domain", -ESRCH, res_unknown},
    {"DOMID_SELF", -ESRCH, res_self},
    {"its own id", -EPERM, res_own},
    {"the control domain", -EPERM, res_control},
    {"called by a stranger", -EPERM, by_stranger},
    {"called by the target", -EPERM, by_target},
    {"grant table", -EOPNOTSUPP, res_grants},
    {"unknown type", -EOPNOTSUPP, res_type},
    {"frames, but no list", -EINVAL, res_size},
    {"a list, but no frames", -EINVAL, res_none},
    {"unreadable list", -EFAULT, res_list},
    {"id beyond 16 bits", -EINVAL, res_long_id},
    {"id without server", -ENOENT, res_id},
    {"no such server", -ENOENT, res_absent},
    {"another's server", -EPERM, res_others},
    {"there is no ring", -ENOENT, res_ring},
    {"frame beyond the last", -EINVAL, res_beyond},
    {"nowhere to map it", -EINVAL, res_gfn},
};

static struct call good_acquire(void)
{
    struct call c = {.caller = dm, .arg = GVA_OP, .frame = 0x80};

    c.res.domid = guest->id;
    c.res.id = MINE;
    c.res.nr_frames = 1;
    c.res.frame = 1;
    c.res.frame_list.q = GVA_LIST;
    return c;
}

static void acquire_faults_in_order(void **state)
{
    const struct fault *faults[MAX_FAULTS];
    unsigned int n = append(faults, 0, acquire_faults, ARRAY_SIZE(acquire_faults));
    struct call c = good_acquire();

    (void)state;
    run_all("acquire", &c, &acquire, faults, n);
    assert_int_equal(put_and_make(&c, &acquire), 0);
    assert_int_equal(dm->p2m.entry[0x80].type, P2M_FOREIGN_RW);
}

/* Asking for the size needs no server, and changes one field. */
static void acquire_size(void **state)
{
    static const uint32_t ids[] = {MINE, OTHERS, ABSENT, 0xffff, 0xffffffff};

    (void)state;
    for (unsigned int n = 0; n < ARRAY_SIZE(ids); n++) {
        struct xen_mem_acquire_resource out;
        struct call c = good_acquire();

        c.res.id = ids[n];
        c.res.frame = n;
        c.res.nr_frames = 0;
        c.res.frame_list.q = 0;
        assert_int_equal(put_and_make(&c, &acquire), 0);
        memcpy(&out, fake_gva + (GVA_OP - FAKE_GVA_BASE), sizeof(out));
        assert_int_equal(out.nr_frames, 2);
        out.nr_frames = 0;
        assert_memory_equal(&out, &c.res, sizeof(out));
    }
}

/* Every type and every id; the domain's every bit. */
static void acquire_numbers(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 0x10000; value++) {
        struct call type = good_acquire();
        struct call id = good_acquire();

        type.res.type = (uint16_t)value;
        type.frame = UINT64_MAX;
        assert_int_equal(put_and_make(&type, &acquire), value == 0 ? -EINVAL : -EOPNOTSUPP);
        id.res.id = value;
        id.frame = UINT64_MAX;
        assert_int_equal(put_and_make(&id, &acquire), value == MINE || value == FULL ? -EINVAL
                                                      : value == OTHERS              ? -EPERM
                                                                                     : -ENOENT);
    }
    take(&before);
    for (unsigned int bit = 0; bit < 16; bit++) {
        struct call domid = good_acquire();

        domid.res.domid ^= (domid_t)(1u << bit);
        domid.frame = UINT64_MAX;
        /* 3 and 0 are there, and not dm's to serve. */
        assert_int_equal(put_and_make(&domid, &acquire), bit < 2 ? -EPERM : -ESRCH);
    }
}

/* The second frame fails: the first stays mapped, and the caller is told that it is neither. */
static void acquire_second_frame_fails(void **state)
{
    struct call c = good_acquire();

    (void)state;
    c.res.nr_frames = 2;
    assert_int_equal(put_and_make(&c, &acquire), -EIO);
    assert_int_equal(dm->p2m.entry[0x80].type, P2M_FOREIGN_RW);
    assert_int_equal(dm->p2m.entry[0].type, P2M_INVALID);
    /* The ring comes first, and there is none: nothing was mapped. */
    c.res.frame = 0;
    c.frame = 0x81;
    assert_int_equal(put_and_make(&c, &acquire), -ENOENT);
    assert_int_equal(dm->p2m.entry[0x81].type, P2M_INVALID);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dm_op_faults_in_order),   TEST(op_numbers_and_sizes),
        TEST(server_numbers),          TEST(modes_and_pads_of_create),
        TEST(flags_of_info),           TEST(values_of_state),
        TEST(pads_of_two_bytes),       TEST(spaces),
        TEST(acquire_faults_in_order), TEST(acquire_size),
        TEST(acquire_numbers),         TEST(acquire_second_frame_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
