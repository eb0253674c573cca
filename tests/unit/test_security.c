/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes that hypervisors have made in this interface, each as a test named after the advisory
 * that told of it. docs/security.md has the list, and where the others are.
 */
#include <string.h>

#include "fake/scene.h"

#include <public/memory.h>

#define BASE   UINT64_C(0x0c000000)
#define NR_OPS 21

/* Buffers longer than any operation: only what the operation needs is ever looked at. */
static void xsa_89_buffers_of_any_size(void **state)
{
    static const uint64_t sizes[] = {32, 33, 4096, 1u << 20, UINT64_C(1) << 32, UINT64_MAX};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct xen_dm_op op = {.op = XEN_DMOP_nr_vcpus};

        memset(fake_gva + 0x100 + sizeof(op), 0xa5, 256);
        assert_int_equal(dm_op_raw(guest->id, &op, sizes[i], 2), 0);
        assert_int_equal(op.u.nr_vcpus.vcpus, 2);
        for (unsigned int n = 0; n < 256; n++)
            assert_int_equal(fake_gva[0x100 + sizeof(op) + n], 0xa5);
    }
}

/* Values of a 32-bit field: all of the low 16 bits, and each single bit above them. */
static bool next_value(uint32_t *v)
{
    if (*v < 0x10000)
        ++*v;
    else
        *v <<= 1;
    return *v != 0;
}

static void xsa_28_every_operation_number(void **state)
{
    uint32_t nr = 0;

    (void)state;
    do {
        struct xen_dm_op op = {.op = nr};
        long rc = dm_op(guest->id, &op);

        if (nr >= NR_OPS)
            assert_int_equal(rc, -EOPNOTSUPP);
        else if (nr == XEN_DMOP_create_ioreq_server)
            assert_int_equal(dm_destroy(guest, op.u.create_ioreq_server.id), 0);
    } while (next_value(&nr));
}

static void xsa_28_every_range_type(void **state)
{
    unsigned int id = scene_server(BASE, BASE + 0xfff);
    uint32_t type = IOREQ_NR_SPACES - 1;

    (void)state;
    while (next_value(&type)) {
        assert_int_equal(dm_map(guest, id, type, 0x5000, 0x5fff), -EINVAL);
        assert_int_equal(dm_unmap(guest, id, type, BASE, BASE + 0xfff), -EINVAL);
    }
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_SENT);
}

static void xsa_28_every_server_number(void **state)
{
    unsigned int mine = scene_server(BASE, BASE + 0xfff);

    (void)state;
    for (uint32_t id = 0; id < 0x10000; id++) {
        struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};

        if (id == mine)
            continue;
        op.u.get_ioreq_server_info.id = (ioservid_t)id;
        op.u.get_ioreq_server_info.flags = XEN_DMOP_no_gfns;
        assert_int_equal(dm_op(guest->id, &op), -ENOENT);
        assert_int_equal(dm_map(guest, id, XEN_DMOP_IO_RANGE_MEMORY, 0, 1), -ENOENT);
        assert_int_equal(dm_unmap(guest, id, XEN_DMOP_IO_RANGE_MEMORY, BASE, BASE), -ENOENT);
        assert_int_equal(dm_enable(guest, id, false), -ENOENT);
        assert_int_equal(dm_destroy(guest, id), -ENOENT);
    }
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_SENT);
}

static void xsa_238_start_above_end(void **state)
{
    static const uint64_t pairs[][2] = {{1, 0},
                                        {UINT64_MAX, 0},
                                        {UINT64_MAX, UINT64_MAX - 1},
                                        {BASE + 0x1000, BASE},
                                        {UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1}};
    unsigned int id = scene_server(BASE, BASE + 0xfff);

    (void)state;
    for (uint32_t type = 0; type < IOREQ_NR_SPACES; type++)
        for (unsigned int i = 0; i < ARRAY_SIZE(pairs); i++) {
            assert_int_equal(dm_map(guest, id, type, pairs[i][0], pairs[i][1]), -EINVAL);
            assert_int_equal(dm_unmap(guest, id, type, pairs[i][0], pairs[i][1]), -EINVAL);
        }
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0xff8, 8, true, 0), IOREQ_SENT);
}

/* 0 and 3 buffers for every operation; a second buffer changes nothing where none is used. */
static void xsa_506_number_of_buffers(void **state)
{
    (void)state;
    for (uint32_t nr = 0; nr <= NR_OPS; nr++) {
        struct xen_dm_op one = {.op = nr};
        struct xen_dm_op two = one;
        long rc;

        assert_int_equal(dm_op_raw(guest->id, &one, sizeof(one), 0), -ENODATA);
        assert_int_equal(dm_op_raw(guest->id, &one, sizeof(one), 3), -E2BIG);
        assert_int_equal(dm_op_raw(guest->id, &one, sizeof(one), UINT32_MAX), -E2BIG);
        assert_memory_equal(&one, &two, sizeof(one));
        rc = dm_op_raw(guest->id, &one, sizeof(one), 1);
        if (nr == XEN_DMOP_create_ioreq_server)
            assert_int_equal(dm_destroy(guest, one.u.create_ioreq_server.id), 0);
        assert_int_equal(dm_op_raw(guest->id, &two, sizeof(two), 2), rc);
        if (nr == XEN_DMOP_create_ioreq_server)
            assert_int_equal(dm_destroy(guest, two.u.create_ioreq_server.id), 0);
        assert_memory_equal(&one, &two, sizeof(one));
    }
}

/*
 * The port in the slot is what the device model is told, never what the hypervisor goes by: it
 * names another vCPU's port while a request is in flight, and that one hears nothing.
 */
static void commit_125833f5f1_port_is_not_read_back(void **state)
{
    unsigned int id = scene_server(BASE, BASE + 0xfff);
    evtchn_port port = scene_port(id, 0), other = scene_port(id, 1);
    struct vcpu *v = guest->vcpu[0];
    unsigned int before = fake_port(guest, other)->notified;

    (void)state;
    assert_int_equal(guest_access(v, BASE, 4, true, 0), IOREQ_SENT);
    dm_slot(guest, id, 0)->vp_eport = other;
    dm_slot(guest, id, 0)->data = 0x1234;
    scene_set_state(id, 0, STATE_IORESP_READY);
    fake_send(guest, other);
    assert_false(fake_exit_path(v)); /* the other's notification is the other's */
    fake_send(guest, port);
    assert_true(fake_exit_path(v));
    assert_int_equal(v->arch.result, 0x1234);
    /* As long as it stays scribbled nothing is posted, so nobody is notified either. */
    assert_int_equal(guest_access(v, BASE, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(fake_port(guest, other)->notified, before);
    assert_int_equal(dm_enable(guest, id, false), 0);
    assert_int_equal(dm_enable(guest, id, true), 0);
    assert_int_equal(scene_port(id, 0), port);
    assert_int_equal(guest_access(v, BASE, 4, true, 0), IOREQ_SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(xsa_28_every_operation_number),
        SCENE_TEST(xsa_28_every_range_type),
        SCENE_TEST(xsa_28_every_server_number),
        SCENE_TEST(xsa_89_buffers_of_any_size),
        SCENE_TEST(xsa_238_start_above_end),
        SCENE_TEST(xsa_506_number_of_buffers),
        SCENE_TEST(commit_125833f5f1_port_is_not_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
