/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way of a device model, through hypercalls, with the real domains, event channels and
 * memory operations: bring-up, an access there and back, and each end that it can come to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <asm/fake.h>
#include <public/event_channel.h>
#include <public/hvm/dm_op.h>
#include <public/hvm/ioreq.h>
#include <public/memory.h>
#include <public/sched.h>
#include <wherry/hypercall.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"
#include "fake/world.h"

#define BASE      UINT64_C(0x0c000000)
#define IOREQ_GFN 0x100 /* where the device model maps the page */

static long evtchn_call(struct vcpu *v, int cmd, void *op, size_t size)
{
    return world_op(v, __HYPERVISOR_event_channel_op, (uint64_t)cmd, op, size);
}

static long dm_op(struct xen_dm_op *op)
{
    const uint64_t buf[2] = {GVA_OP, sizeof(*op)};
    long rc;

    memcpy(fake_gva, buf, sizeof(buf));
    memcpy(fake_gva + 0x100, op, sizeof(*op));
    rc = world_call(dm->vcpu[0], __HYPERVISOR_dm_op, guest->id, 1, GVA_BUFS);
    memcpy(op, fake_gva + 0x100, sizeof(*op));
    return rc;
}

static long send(struct vcpu *v, evtchn_port_t port)
{
    struct evtchn_send op = {.port = port};

    return evtchn_call(v, EVTCHNOP_send, &op, sizeof(op));
}

static long bind(evtchn_port_t remote, evtchn_port_t *local)
{
    struct evtchn_bind_interdomain op = {.remote_dom = guest->id, .remote_port = remote};
    long rc = evtchn_call(dm->vcpu[0], EVTCHNOP_bind_interdomain, &op, sizeof(op));

    *local = op.local_port;
    return rc;
}

static uint32_t status(struct vcpu *v, evtchn_port_t port)
{
    struct evtchn_status op = {.dom = DOMID_SELF, .port = port};

    assert_int_equal(evtchn_call(v, EVTCHNOP_status, &op, sizeof(op)), 0);
    return op.status;
}

static bool take_pending(struct domain *d, evtchn_port_t port)
{
    uint64_t bit = UINT64_C(1) << (port % 64);
    bool was = (d->shared_info->evtchn_pending[port / 64] & bit) != 0;

    d->shared_info->evtchn_pending[port / 64] &= ~bit;
    return was;
}

/* Bring-up as a device model does it. */

static ioreq_t *slots;
static evtchn_port_t local_port;

static void new_server(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};

    assert_int_equal(dm_op(&op), 0);
    assert_int_equal(op.u.create_ioreq_server.id, 0);
    op = (struct xen_dm_op){.op = XEN_DMOP_map_io_range_to_ioreq_server};
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_MEMORY;
    op.u.map_io_range_to_ioreq_server.start = BASE;
    op.u.map_io_range_to_ioreq_server.end = BASE + 0xfff;
    assert_int_equal(dm_op(&op), 0);
    op = (struct xen_dm_op){.op = XEN_DMOP_set_ioreq_server_state};
    op.u.set_ioreq_server_state.enabled = 1;
    assert_int_equal(dm_op(&op), 0);
}

static long destroy_server(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_destroy_ioreq_server};

    return dm_op(&op);
}

static long acquire(const struct xen_mem_acquire_resource *op, const uint64_t *gfns, size_t n)
{
    memcpy(fake_gva + 0x100, op, sizeof(*op));
    if (n != 0)
        memcpy(fake_gva + 0x200, gfns, n * sizeof(*gfns));
    return world_call(dm->vcpu[0], __HYPERVISOR_memory_op, XENMEM_acquire_resource, GVA_OP, 0);
}

static void map_slots(void)
{
    struct xen_mem_acquire_resource op = {.domid = guest->id, .nr_frames = 1, .frame = 1};
    const uint64_t frame = IOREQ_GFN;
    enum p2m_type type;

    op.frame_list.q = GVA_LIST;
    assert_int_equal(acquire(&op, &frame, 1), 0);
    slots = mfn_to_virt(p2m_lookup(dm, gfn(IOREQ_GFN), &type));
    assert_int_equal(type, P2M_FOREIGN_RW);
}

static void bring_up(void)
{
    new_server();
    map_slots();
    assert_int_equal(bind(slots[0].vp_eport, &local_port), 0);
    assert_true(take_pending(dm, local_port)); /* the one that binding makes */
}

static enum ioreq_result access_memory(struct vcpu *v, uint64_t addr)
{
    const struct ioreq_access a = {.addr = addr,
                                   .count = 1,
                                   .size = 4,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = true};
    struct vcpu *prev = current;
    enum ioreq_result r;

    current = v;
    r = ioreq_forward(v, &a);
    current = prev;
    return r;
}

static void answer(unsigned int vcpu, uint64_t data, evtchn_port_t port)
{
    slots[vcpu].data = data;
    slots[vcpu].state = STATE_IORESP_READY;
    assert_int_equal(send(dm->vcpu[0], port), 0);
}

static void assert_result(struct vcpu *v, bool answered, uint64_t result)
{
    assert_true(fake_exit_path(v));
    assert_int_equal(v->arch.completions, 1);
    assert_int_equal(v->arch.answered, answered);
    assert_int_equal(v->arch.result, result);
    v->arch.completions = 0;
}

static void there_and_back(void **state)
{
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    bring_up();
    for (unsigned int i = 0; i < 3; i++) {
        fake_switched_to = NULL;
        assert_int_equal(access_memory(v, BASE + i * 4), IOREQ_SENT);
        assert_ptr_equal(fake_switched_to, dm->vcpu[0]);
        assert_false(fake_exit_path(v));
        assert_true(take_pending(dm, local_port));
        assert_int_equal(slots[0].addr, BASE + i * 4);
        answer(0, 100 + i, local_port);
        assert_result(v, true, 100 + i);
        assert_false(take_pending(dm, local_port));
    }
}

static void posted_before_binding(void **state)
{
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    new_server();
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    map_slots();
    assert_int_equal(slots[0].state, STATE_IOREQ_READY);
    assert_int_equal(bind(slots[0].vp_eport, &local_port), 0);
    assert_true(take_pending(dm, local_port));
    answer(0, 7, local_port);
    assert_result(v, true, 7);
}

/* It is in the guest's port space, and none of its business. */
static void guest_cannot_touch_the_port(void **state)
{
    struct vcpu *v = guest->vcpu[0];
    struct evtchn_close close_op;
    struct evtchn_bind_vcpu move;
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    evtchn_port_t port;

    (void)state;
    new_server();
    map_slots();
    port = slots[0].vp_eport;
    assert_int_equal(status(v, port), EVTCHNSTAT_unbound);
    for (unsigned int i = 0; i < 2; i++) {
        close_op.port = port;
        move = (struct evtchn_bind_vcpu){.port = port};
        assert_int_equal(evtchn_call(v, EVTCHNOP_close, &close_op, sizeof(close_op)), -EINVAL);
        assert_int_equal(evtchn_call(v, EVTCHNOP_bind_vcpu, &move, sizeof(move)), -EINVAL);
        assert_int_equal(send(v, port), -EINVAL);
        assert_int_equal(evtchn_call(v, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
        if (i == 0) {
            assert_int_equal(bind(port, &local_port), 0);
            assert_int_equal(status(v, port), EVTCHNSTAT_interdomain);
        }
    }
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    answer(0, 9, local_port);
    assert_result(v, true, 9);
}

static void only_the_creator_binds(void **state)
{
    struct evtchn_bind_interdomain op = {.remote_dom = guest->id};

    (void)state;
    new_server();
    map_slots();
    op.remote_port = slots[0].vp_eport;
    assert_int_equal(evtchn_call(control->vcpu[0], EVTCHNOP_bind_interdomain, &op, sizeof(op)),
                     -EINVAL);
}

/* Closed and bound again by the device model: the request waits and is found. */
static void rebinding(void **state)
{
    struct vcpu *v = guest->vcpu[0];
    struct evtchn_close op;

    (void)state;
    bring_up();
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    op.port = local_port;
    assert_int_equal(evtchn_call(dm->vcpu[0], EVTCHNOP_close, &op, sizeof(op)), 0);
    assert_int_equal(status(v, slots[0].vp_eport), EVTCHNSTAT_unbound);
    assert_false(fake_exit_path(v));
    assert_int_equal(bind(slots[0].vp_eport, &local_port), 0);
    assert_true(take_pending(dm, local_port));
    answer(0, 11, local_port);
    assert_result(v, true, 11);
}

static void ports_count_against_the_guest(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    struct vcpu *v;

    (void)state;
    guest->evtchn.max_ports = 3; /* ports 1 and 2 */
    assert_int_equal(dm_op(&op), 0);
    assert_int_equal(dm_op(&op), 0);
    assert_int_equal(dm_op(&op), -ENOSPC);
    assert_int_equal(vcpu_create(guest, 1, 0, &v), -ENOSPC);
    assert_null(domain_vcpu(guest, 1));
    op = (struct xen_dm_op){.op = XEN_DMOP_destroy_ioreq_server};
    assert_int_equal(dm_op(&op), 0);
    assert_int_equal(vcpu_create(guest, 1, 0, &v), 0);
}

static void vcpu_that_comes_later(void **state)
{
    evtchn_port_t second;
    struct vcpu *v;

    (void)state;
    bring_up();
    assert_int_equal(slots[1].vp_eport, 0);
    assert_int_equal(vcpu_create(guest, 1, 0, &v), 0);
    atomic32_set(&v->pause_flags, 0);
    assert_int_not_equal(slots[1].vp_eport, 0);
    assert_int_equal(bind(slots[1].vp_eport, &second), 0);
    assert_int_equal(access_memory(v, BASE + 8), IOREQ_SENT);
    answer(1, 21, second);
    assert_result(v, true, 21);
}

static void destroyed_in_flight(void **state)
{
    struct vcpu *v = guest->vcpu[0];
    evtchn_port_t port;

    (void)state;
    bring_up();
    port = slots[0].vp_eport;
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    assert_int_equal(destroy_server(), 0);
    assert_result(v, false, 0xffffffff);
    /* The device model's end is unbound; what it sends goes nowhere. */
    assert_int_equal(status(v, port), EVTCHNSTAT_closed);
    assert_int_equal(status(dm->vcpu[0], local_port), EVTCHNSTAT_unbound);
    assert_int_equal(send(dm->vcpu[0], local_port), 0);
    /* Its mapping of the page is still good, and nobody else's business. */
    slots[0].state = 9;
    assert_int_equal(access_memory(v, BASE), IOREQ_UNCLAIMED);
    assert_int_equal(fake_exit_path(v), true);
}

static void device_model_crashes(void **state)
{
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    bring_up();
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    domain_crash(dm, "test");
    fake_rcu_run();
    assert_result(v, false, 0xffffffff);
    assert_int_equal(access_memory(v, BASE), IOREQ_UNCLAIMED);
}

static void device_model_is_killed(void **state)
{
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    bring_up();
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    world_kill(&dm);
    fake_rcu_run();
    assert_result(v, false, 0xffffffff);
}

/* The page outlives its guest for as long as it is mapped, and takes the guest's struct along. */
static void guest_is_killed(void **state)
{
    struct xen_remove_from_physmap op = {.domid = DOMID_SELF, .gpfn = IOREQ_GFN};
    unsigned long live;

    (void)state;
    bring_up();
    assert_int_equal(access_memory(guest->vcpu[0], BASE), IOREQ_SENT);
    world_kill(&guest);
    fake_rcu_run();
    slots[0].state = STATE_IORESP_READY;
    assert_int_equal(send(dm->vcpu[0], local_port), 0);
    live = fake_alloc_live;
    memcpy(fake_gva + 0x100, &op, sizeof(op));
    assert_int_equal(
        world_call(dm->vcpu[0], __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, GVA_OP, 0), 0);
    fake_rcu_run();
    assert_true(fake_alloc_live < live);
}

/* The device model breaks the protocol: its guest crashes, nobody else. */
static void bad_state_crashes_the_guest(void **state)
{
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    bring_up();
    assert_int_equal(access_memory(v, BASE), IOREQ_SENT);
    slots[0].state = 12;
    assert_int_equal(send(dm->vcpu[0], local_port), 0);
    assert_false(fake_exit_path(v));
    assert_true(domain_is_shut_down(guest));
    assert_int_equal(atomic32_read(&guest->shutdown_code), SHUTDOWN_crash + 1);
    assert_false(domain_is_shut_down(dm));
    fake_rcu_run();
}

/* Rows of the resource's table that are about arguments. */
static void acquire_errors(void **state)
{
    static const struct {
        const char *what;
        struct xen_mem_acquire_resource op;
        long rc;
    } rows[] = {
        {"pad", {.domid = 2, .nr_frames = 1, .pad = 1, .frame = 1}, -EINVAL},
        {"frame", {.domid = 2, .nr_frames = 1, .frame = UINT64_C(1) << 32}, -EINVAL},
        {"end", {.domid = 2, .nr_frames = 0xffffffff, .frame = 1}, -EINVAL},
        {"domain", {.domid = 9, .nr_frames = 1, .frame = 1}, -ESRCH},
        {"self", {.domid = DOMID_SELF, .nr_frames = 1, .frame = 1}, -ESRCH},
        {"own id", {.domid = 1, .nr_frames = 1, .frame = 1}, -EPERM},
        {"other's guest", {.domid = 0, .nr_frames = 1, .frame = 1}, -EPERM},
        {"type", {.domid = 2, .type = 1, .nr_frames = 1, .frame = 1}, -EOPNOTSUPP},
        {"no frames", {.domid = 2, .nr_frames = 0, .frame = 1}, -EINVAL},
        {"id", {.domid = 2, .id = 0x10000, .nr_frames = 1, .frame = 1}, -EINVAL},
        {"no server", {.domid = 2, .id = 1, .nr_frames = 1, .frame = 1}, -ENOENT},
        {"no ring", {.domid = 2, .nr_frames = 1, .frame = 0}, -ENOENT},
        {"beyond", {.domid = 2, .nr_frames = 1, .frame = 2}, -EINVAL},
        {"second beyond", {.domid = 2, .nr_frames = 2, .frame = 1}, -EIO},
    };
    static const uint64_t frames[2] = {IOREQ_GFN, IOREQ_GFN + 1};

    (void)state;
    new_server();
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct xen_mem_acquire_resource op = rows[i].op;
        long rc;

        op.frame_list.q = GVA_LIST;
        rc = acquire(&op, frames, 2);
        if (rc != rows[i].rc)
            fail_msg("%s: %ld, expected %ld", rows[i].what, rc, rows[i].rc);
    }
}

static void resource_size_query(void **state)
{
    struct xen_mem_acquire_resource op = {.domid = 2};

    (void)state;
    assert_int_equal(acquire(&op, NULL, 0), 0);
    memcpy(&op, fake_gva + 0x100, sizeof(op));
    assert_int_equal(op.nr_frames, 2);
    op.nr_frames = 1;
    assert_int_equal(acquire(&op, NULL, 0), -EINVAL);
}

#define TEST(f) WORLD_TEST(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_and_back),
        TEST(posted_before_binding),
        TEST(guest_cannot_touch_the_port),
        TEST(only_the_creator_binds),
        TEST(rebinding),
        TEST(ports_count_against_the_guest),
        TEST(vcpu_that_comes_later),
        TEST(destroyed_in_flight),
        TEST(device_model_crashes),
        TEST(device_model_is_killed),
        TEST(guest_is_killed),
        TEST(bad_state_crashes_the_guest),
        TEST(acquire_errors),
        TEST(resource_size_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
