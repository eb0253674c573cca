/* SPDX-License-Identifier: Apache-2.0 */
/* The dm_op hypercall: order of its checks, and each errno of each op, as data. */
#include "fake/scene.h"

#include <string.h>

#define NR_OPS      21
#define OP(n)       XEN_DMOP_##n
#define BAD_GVA     UINT64_C(0xdead0000)
#define BUFS_AT_END (FAKE_GVA_BASE + FAKE_GVA_SIZE - 16)

/* Bytes of the union that each op of this architecture uses; -1: hole. */
static const int op_size[NR_OPS] = {-1, 6,  24, 24, 24, 4,  4,  -1, -1, -1, -1,
                                    -1, -1, -1, -1, -1, -1, -1, -1, 8,  4};

static void nr_bufs_is_checked_first(void **state)
{
    static const struct {
        uint32_t nr_bufs;
        long rc;
    } rows[] = {{0, -ENODATA}, {3, -E2BIG}, {0xffffffff, -E2BIG}};

    (void)state;
    for (unsigned int op = 0; op < 32; op++)
        for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
            struct xen_dm_op o = {.op = op};

            assert_int_equal(dm_op_raw(999, &o, sizeof(o), rows[i].nr_bufs), rows[i].rc);
        }
    /* Then the array itself, before the domain. */
    assert_int_equal(do_dm_op(999, 1, BAD_GVA), -EFAULT);
    /* Only nr_bufs entries are read. */
    assert_int_equal(do_dm_op(999, 1, BUFS_AT_END), -ESRCH);
    assert_int_equal(do_dm_op(999, 2, BUFS_AT_END), -EFAULT);
    assert_int_equal(do_dm_op(999, UINT64_C(0x100000001), BUFS_AT_END), -ESRCH);
}

static void target_is_checked_before_the_buffer(void **state)
{
    static const struct {
        uint64_t domid;
        long rc;
    } rows[] = {
        {3, -ESRCH},      {DOMID_SELF, -ESRCH}, {DOMID_INVALID, -ESRCH},
        {0x7ff1, -ESRCH}, {0xffff, -ESRCH},     {1, -EPERM},
        {0, -EPERM},      {2, -EFAULT},
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct xen_dm_op op = {.op = 999, .pad = 1};

        assert_int_equal(dm_op_raw((domid_t)rows[i].domid, &op, 0, 1), rows[i].rc);
    }
}

static void who_may_call(void **state)
{
    struct domain *other = fake_domain_create(3, 1);
    struct xen_dm_op op = {.op = OP(nr_vcpus)};

    (void)state;
    assert_int_equal(AS(dm, dm_op(2, &op)), 0);
    assert_int_equal(AS(control, dm_op(2, &op)), 0);
    assert_int_equal(AS(control, dm_op(1, &op)), 0);
    assert_int_equal(AS(control, dm_op(0, &op)), -EPERM);
    assert_int_equal(AS(other, dm_op(2, &op)), -EPERM);
    assert_int_equal(AS(guest, dm_op(1, &op)), -EPERM);
    assert_int_equal(AS(guest, dm_op(2, &op)), -EPERM);
    assert_int_equal(AS(dm, dm_op(3, &op)), -EPERM);
}

/* Steps 5 to 9: each row breaks one thing and all that is checked after it. */
static void buffer_is_checked_in_order(void **state)
{
    (void)state;
    for (unsigned int nr = 0; nr < 64; nr++) {
        struct xen_dm_op op = {.op = nr, .pad = 1};
        bool known = nr < NR_OPS;
        bool hole = known && op_size[nr] < 0;
        unsigned int need = known && !hole ? (unsigned int)op_size[nr] : 0;

        assert_int_equal(dm_op_raw(2, &op, 7, 1), -EFAULT);
        if (!known) {
            assert_int_equal(dm_op_raw(2, &op, 8, 1), -EOPNOTSUPP);
            continue;
        }
        if (need != 0)
            assert_int_equal(dm_op_raw(2, &op, 8 + need - 1, 1), -EFAULT);
        assert_int_equal(dm_op_raw(2, &op, 8 + need, 1), -EINVAL); /* pad */
        op.pad = 0;
        if (hole)
            assert_int_equal(dm_op_raw(2, &op, 8, 1), -EOPNOTSUPP);
    }
}

static void unreadable_buffers(void **state)
{
    static const struct {
        uint64_t gva;
        uint32_t op;
        long rc;
    } rows[] = {
        {BAD_GVA, OP(nr_vcpus), -EFAULT},
        /* Header just readable: the op decides how much more is needed. */
        {FAKE_GVA_BASE + FAKE_GVA_SIZE - 8, 999, -EOPNOTSUPP},
        {FAKE_GVA_BASE + FAKE_GVA_SIZE - 8, 7, -EOPNOTSUPP},
        {FAKE_GVA_BASE + FAKE_GVA_SIZE - 8, OP(nr_vcpus), -EFAULT},
        {FAKE_GVA_BASE + FAKE_GVA_SIZE - 12, OP(nr_vcpus), 0},
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        const uint64_t buf[2] = {rows[i].gva, 32};

        memset(fake_gva + FAKE_GVA_SIZE - 16, 0, 16);
        if (rows[i].gva != BAD_GVA)
            memcpy(fake_gva + (rows[i].gva - FAKE_GVA_BASE), &rows[i].op, 4);
        memcpy(fake_gva, buf, sizeof(buf));
        assert_int_equal(do_dm_op(2, 1, FAKE_GVA_BASE), rows[i].rc);
    }
}

/* Only the op's bytes come back, and none on an error. */
static void copy_back(void **state)
{
    struct xen_dm_op op = {.op = OP(nr_vcpus)};
    unsigned char *raw = (unsigned char *)&op;

    (void)state;
    memset(raw + 8, 0xee, sizeof(op) - 8);
    assert_int_equal(dm_op(2, &op), 0);
    assert_int_equal(op.u.nr_vcpus.vcpus, 2);
    for (unsigned int i = 12; i < sizeof(op); i++)
        assert_int_equal(raw[i], 0xee);

    memset(raw, 0, sizeof(op));
    op.op = OP(create_ioreq_server);
    op.u.create_ioreq_server.id = 0x7777;
    op.u.create_ioreq_server.handle_bufioreq = 1;
    assert_int_equal(dm_op(2, &op), -EINVAL);
    assert_int_equal(op.u.create_ioreq_server.id, 0x7777);
    op.u.create_ioreq_server.handle_bufioreq = 0;
    assert_int_equal(dm_op(2, &op), 0);
    assert_int_equal(op.u.create_ioreq_server.id, 0);
}

/* Per-op errnos. Server 0 exists and is dm's, server 1 is the control domain's; no other. */

struct row {
    const char *what;
    struct xen_dm_op op;
    long rc;
};

#define CREATE(buf, p0, p1, p2)                                   \
    {                                                             \
        .op = OP(create_ioreq_server), .u.create_ioreq_server = { \
            .handle_bufioreq = (buf),                             \
            .pad = {(p0), (p1), (p2)}                             \
        }                                                         \
    }
#define INFO(i, f)                                                                             \
    {                                                                                          \
        .op = OP(get_ioreq_server_info), .u.get_ioreq_server_info = {.id = (i), .flags = (f) } \
    }
#define RANGE(op_, i, p, t, s, e)                          \
    {                                                      \
        .op = OP(op_), .u.map_io_range_to_ioreq_server = { \
            .id = (i),                                     \
            .pad = (p),                                    \
            .type = (t),                                   \
            .start = (s),                                  \
            .end = (e)                                     \
        }                                                  \
    }
#define MAP(i, p, t, s, e)   RANGE(map_io_range_to_ioreq_server, i, p, t, s, e)
#define UNMAP(i, p, t, s, e) RANGE(unmap_io_range_from_ioreq_server, i, p, t, s, e)
#define STATE(i, en, p)                                                 \
    {                                                                   \
        .op = OP(set_ioreq_server_state), .u.set_ioreq_server_state = { \
            .id = (i),                                                  \
            .enabled = (en),                                            \
            .pad = (p)                                                  \
        }                                                               \
    }
#define DESTROY(i, p)                                                                      \
    {                                                                                      \
        .op = OP(destroy_ioreq_server), .u.destroy_ioreq_server = {.id = (i), .pad = (p) } \
    }

static const struct row rows[] = {
    {"create: buffered legacy", CREATE(1, 0, 0, 0), -EINVAL},
    {"create: buffered atomic", CREATE(2, 0, 0, 0), -EINVAL},
    {"create: mode unknown", CREATE(3, 0, 0, 0), -EINVAL},
    {"create: mode 255", CREATE(255, 0, 0, 0), -EINVAL},
    {"create: pad 0", CREATE(0, 1, 0, 0), -EINVAL},
    {"create: pad 1", CREATE(0, 0, 1, 0), -EINVAL},
    {"create: pad 2", CREATE(0, 0, 0, 1), -EINVAL},

    {"info", INFO(0, 1), 0},
    {"info: with gfns", INFO(0, 0), -EOPNOTSUPP},
    {"info: unknown flag", INFO(0, 2), -EINVAL},
    {"info: unknown flag beside", INFO(0, 0x8001), -EINVAL},
    {"info: flag before id", INFO(9, 2), -EINVAL},
    {"info: none", INFO(2, 1), -ENOENT},
    {"info: id 8", INFO(8, 1), -ENOENT},
    {"info: id 64", INFO(64, 1), -ENOENT},
    {"info: id 65535", INFO(0xffff, 1), -ENOENT},
    {"info: other's", INFO(1, 1), -EPERM},
    {"info: other's with gfns", INFO(1, 0), -EPERM},
    {"info: none with gfns", INFO(3, 0), -ENOENT},

    {"map: pad", MAP(0, 1, 1, 0x1000, 0x1fff), -EINVAL},
    {"map: backwards", MAP(0, 0, 1, 0x2000, 0x1fff), -EINVAL},
    {"map: backwards before id", MAP(5, 0, 9, 1, 0), -EINVAL},
    {"map: none", MAP(5, 0, 1, 0, 1), -ENOENT},
    {"map: id 8", MAP(8, 0, 1, 0, 1), -ENOENT},
    {"map: id 65535", MAP(0xffff, 0, 1, 0, 1), -ENOENT},
    {"map: none before type", MAP(5, 0, 9, 0, 1), -ENOENT},
    {"map: other's", MAP(1, 0, 1, 0, 1), -EPERM},
    {"map: other's before type", MAP(1, 0, 9, 0, 1), -EPERM},
    {"map: type 3", MAP(0, 0, 3, 0, 1), -EINVAL},
    {"map: type 0xffffffff", MAP(0, 0, 0xffffffff, 0, 1), -EINVAL},
    {"map: own again", MAP(0, 0, 1, 0x100000, 0x1000ff), -EEXIST},
    {"map: own in part, low", MAP(0, 0, 1, 0xff000, 0x100000), -EEXIST},
    {"map: own in part, high", MAP(0, 0, 1, 0x1000ff, 0x200000), -EEXIST},
    {"map: around own", MAP(0, 0, 1, 0, ~UINT64_C(0)), -EEXIST},
    {"map: inside own", MAP(0, 0, 1, 0x100080, 0x100080), -EEXIST},

    {"unmap: pad", UNMAP(0, 1, 1, 0x100000, 0x1000ff), -EINVAL},
    {"unmap: backwards", UNMAP(0, 0, 1, 0x1000ff, 0x100000), -EINVAL},
    {"unmap: none", UNMAP(5, 0, 1, 0x100000, 0x1000ff), -ENOENT},
    {"unmap: none before type", UNMAP(5, 0, 7, 0, 1), -ENOENT},
    {"unmap: other's", UNMAP(1, 0, 1, 0x100000, 0x1000ff), -EPERM},
    {"unmap: type 3", UNMAP(0, 0, 3, 0x100000, 0x1000ff), -EINVAL},
    {"unmap: not mapped", UNMAP(0, 0, 1, 0x200000, 0x2000ff), -ENOENT},
    {"unmap: other space", UNMAP(0, 0, 0, 0x100000, 0x1000ff), -ENOENT},
    {"unmap: half of it out", UNMAP(0, 0, 1, 0x100080, 0x100100), -ENOENT},
    {"unmap: around it", UNMAP(0, 0, 1, 0xfffff, 0x100100), -ENOENT},

    {"state: pad", STATE(0, 1, 1), -EINVAL},
    {"state: pad before id", STATE(7, 1, 1), -EINVAL},
    {"state: none", STATE(7, 1, 0), -ENOENT},
    {"state: id 65535", STATE(0xffff, 1, 0), -ENOENT},
    {"state: other's", STATE(1, 1, 0), -EPERM},
    {"state: enable", STATE(0, 1, 0), 0},
    {"state: enable again", STATE(0, 255, 0), 0},
    {"state: disable", STATE(0, 0, 0), 0},
    {"state: disable again", STATE(0, 0, 0), 0},

    {"destroy: pad", DESTROY(0, 1), -EINVAL},
    {"destroy: none", DESTROY(2, 0), -ENOENT},
    {"destroy: id 65535", DESTROY(0xffff, 0), -ENOENT},
    {"destroy: other's", DESTROY(1, 0), -EPERM},
    {"destroy", DESTROY(0, 0), 0},
    {"destroy: again", DESTROY(0, 0), -ENOENT},
};

static void errno_of_each_op(void **state)
{
    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(AS(control, dm_create(guest)), 1);
    assert_int_equal(dm_map(guest, 0, 1, 0x100000, 0x1000ff), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct xen_dm_op op = rows[i].op;
        long rc = dm_op(2, &op);

        if (rc != rows[i].rc)
            fail_msg("%s: %ld, expected %ld", rows[i].what, rc, rows[i].rc);
        if (rc != 0)
            assert_memory_equal(&op, &rows[i].op, sizeof(op));
    }
    /* What failed changed nothing: the range was still there, and is gone with its server. */
    assert_int_equal(fake_ports_in_use(guest), 2);
}

/* The control domain itself may not touch another's server. */
static void only_the_creator(void **state)
{
    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(AS(control, dm_enable(guest, 0, true)), -EPERM);
    assert_int_equal(AS(control, dm_destroy(guest, 0)), -EPERM);
    assert_int_equal(AS(control, dm_map(guest, 0, 1, 0, 1)), -EPERM);
}

static void xsa_116_every_op_on_a_dying_target(void **state)
{
    struct xen_dm_op op = {.op = OP(nr_vcpus)};

    (void)state;
    assert_int_equal(dm_create(guest), 0);
    guest->state = DOMAIN_DYING;
    assert_int_equal(dm_create(guest), -EINVAL);
    assert_int_equal(dm_op(2, &op), 0);
    assert_int_equal(dm_map(guest, 0, 1, 0, 1), 0);
    assert_int_equal(dm_destroy(guest, 0), 0);
    /* Everything is gone, the domain can still be found (XSA-116): no op may trip over that. */
    assert_int_equal(dm_create(guest), -EINVAL);
    ioreq_destroy_domain(guest);
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        op = rows[i].op;
        assert_true(dm_op(2, &op) < 0);
    }
    op = (struct xen_dm_op){.op = OP(create_ioreq_server)};
    assert_int_equal(dm_op(2, &op), -EINVAL);
    assert_int_equal(dm_enable(guest, 0, true), -ENOENT);
    assert_null(dm_slot(guest, 0, 0));
    assert_int_equal(guest_access(guest->vcpu[0], 0, 1, true, 0), IOREQ_UNCLAIMED);
}

/* Read-only guest memory: the server is there, its id is not told. */
static void copy_back_fault_comes_after_the_effect(void **state)
{
    struct xen_dm_op op = {.op = OP(create_ioreq_server)};

    (void)state;
    fake_gva_read_only = true;
    assert_int_equal(dm_op(2, &op), -EFAULT);
    assert_int_equal(dm_enable(guest, 0, true), 0);
}

static void arch_ops_reach_the_arch(void **state)
{
    struct xen_dm_op op = {.op = OP(set_irq_level)};

    (void)state;
    op.u.set_irq_level.irq = 40;
    op.u.set_irq_level.level = 1;
    assert_int_equal(dm_op(2, &op), 0);
    assert_int_equal(guest->arch.spi_level_calls, 1);
    assert_int_equal(guest->arch.spi, 40);
    assert_int_equal(guest->arch.spi_level, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(nr_bufs_is_checked_first),
        SCENE_TEST(target_is_checked_before_the_buffer),
        SCENE_TEST(who_may_call),
        SCENE_TEST(buffer_is_checked_in_order),
        SCENE_TEST(unreadable_buffers),
        SCENE_TEST(copy_back),
        SCENE_TEST(errno_of_each_op),
        SCENE_TEST(only_the_creator),
        SCENE_TEST(xsa_116_every_op_on_a_dying_target),
        SCENE_TEST(copy_back_fault_comes_after_the_effect),
        SCENE_TEST(arch_ops_reach_the_arch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
