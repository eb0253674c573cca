/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a server as frames of its guest (common/ioreq/legacy_gfn.c), as a device model gets them
 * through hypercalls, with the real domains, event channels and memory operations.
 */
#include "fake/world.h"

#include <string.h>

#include <asm/fake.h>
#include <public/hvm/dm_op.h>
#include <public/hvm/ioreq.h>
#include <public/hvm/params.h>
#include <public/memory.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"

#define BASE     UINT64_C(0x0c000000)
#define POOL     0x20 /* guest frames */
#define SINGLE   0x28
#define SINGLE_B 0x29
#define MAPPED   0x100 /* a frame of the device model's */

static long param_of(struct domain *caller, int cmd, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param op = {.domid = guest->id, .index = index, .value = *value};
    long rc = world_op(caller->vcpu[0], __HYPERVISOR_hvm_op, (uint64_t)cmd, &op, sizeof(op));

    *value = op.value;
    return rc;
}

static long set_param(uint32_t index, uint64_t value)
{
    return param_of(dm, HVMOP_set_param, index, &value);
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

/* A server with a range; its id. */
static uint16_t server(uint8_t ring)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    uint16_t id;

    op.u.create_ioreq_server.handle_bufioreq = ring;
    assert_int_equal(dm_op(&op), 0);
    id = op.u.create_ioreq_server.id;
    op = (struct xen_dm_op){.op = XEN_DMOP_map_io_range_to_ioreq_server};
    op.u.map_io_range_to_ioreq_server.id = id;
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_MEMORY;
    op.u.map_io_range_to_ioreq_server.start = BASE + id * PAGE_SIZE;
    op.u.map_io_range_to_ioreq_server.end = BASE + id * PAGE_SIZE + 0xfff;
    assert_int_equal(dm_op(&op), 0);
    return id;
}

static long enable(uint16_t id, bool on)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_ioreq_server_state};

    op.u.set_ioreq_server_state.id = id;
    op.u.set_ioreq_server_state.enabled = on;
    return dm_op(&op);
}

static long destroy(uint16_t id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_destroy_ioreq_server};

    op.u.destroy_ioreq_server.id = id;
    return dm_op(&op);
}

static struct xen_dm_op_get_ioreq_server_info info;

static long get_info(uint16_t id, uint16_t flags)
{
    struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};
    long rc;

    op.u.get_ioreq_server_info.id = id;
    op.u.get_ioreq_server_info.flags = flags;
    op.u.get_ioreq_server_info.bufioreq_gfn = 0x5555;
    rc = dm_op(&op);
    info = op.u.get_ioreq_server_info;
    return rc;
}

static long acquire(uint16_t id, uint64_t frame)
{
    struct xen_mem_acquire_resource op = {
        .domid = guest->id, .id = id, .nr_frames = 1, .frame = frame};
    const uint64_t at = MAPPED;

    op.frame_list.q = GVA_LIST;
    memcpy(fake_gva + 0x200, &at, sizeof(at));
    return world_op(dm->vcpu[0], __HYPERVISOR_memory_op, XENMEM_acquire_resource, &op, sizeof(op));
}

static void add_ram(uint64_t frame)
{
    struct page *pg = domain_alloc_pages(guest, 0, false);

    assert_non_null(pg);
    memset(page_to_virt(pg), 0xa5, PAGE_SIZE);
    assert_int_equal(p2m_map(guest, gfn(frame), 1, page_to_mfn(pg), P2M_RAM_RW), 0);
}

static unsigned char *frame_of(struct domain *d, uint64_t frame)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(d, gfn(frame), &t);

    return t == P2M_INVALID ? NULL : mfn_to_virt(m);
}

static bool is_clear(const unsigned char *p)
{
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        if (p[i] != 0)
            return false;
    return true;
}

/* Two frames in the pool, one beside it. */
static void pool(void)
{
    add_ram(POOL);
    add_ram(POOL + 1);
    add_ram(SINGLE);
    assert_int_equal(set_param(HVM_PARAM_IOREQ_SERVER_PFN, POOL), 0);
    assert_int_equal(set_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, 2), 0);
}

/* The device model maps a frame of its guest, as it does with any memory. */
static void *map_foreign(uint64_t frame)
{
    struct xen_add_to_physmap_batch op = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1};
    const uint64_t list[2] = {frame, MAPPED};

    op.u.foreign_domid = guest->id;
    op.idxs.q = GVA_LIST;
    op.gpfns.q = GVA_LIST + 8;
    op.errs.q = GVA_LIST + 16;
    memcpy(fake_gva + 0x200, list, sizeof(list));
    memset(fake_gva + 0x210, 0xff, 4);
    assert_int_equal(
        world_op(dm->vcpu[0], __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, &op, sizeof(op)),
        0);
    assert_int_equal(fake_gva[0x210], 0);
    return frame_of(dm, MAPPED);
}

static enum ioreq_result read_memory(uint64_t addr)
{
    const struct ioreq_access a = {.addr = addr,
                                   .count = 1,
                                   .size = 4,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = true};
    struct vcpu *prev = current;
    enum ioreq_result r;

    current = guest->vcpu[0];
    r = ioreq_forward(current, &a);
    current = prev;
    return r;
}

static evtchn_port_t bind(evtchn_port_t remote)
{
    struct evtchn_bind_interdomain op = {.remote_dom = guest->id, .remote_port = remote};

    assert_int_equal(world_op(dm->vcpu[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain,
                              &op, sizeof(op)),
                     0);
    return op.local_port;
}

static void ended(bool answered, uint64_t result)
{
    struct vcpu *v = guest->vcpu[0];

    assert_true(fake_exit_path(v));
    assert_int_equal(v->arch.completions, 1);
    assert_int_equal(v->arch.answered, answered);
    assert_true(v->arch.result == result);
    v->arch.completions = 0;
}

/* --- parameters --- */

static void parameters_are_set_once(void **state)
{
    static const uint32_t all[] = {HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN,
                                   HVM_PARAM_IOREQ_SERVER_PFN, HVM_PARAM_NR_IOREQ_SERVER_PAGES};
    uint64_t value;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
        value = 7;
        assert_int_equal(param_of(guest, HVMOP_set_param, all[i], &value), -EPERM);
        assert_int_equal(param_of(guest, HVMOP_get_param, all[i], &value), -EPERM);
        assert_int_equal(set_param(all[i], 7), 0);
        assert_int_equal(set_param(all[i], 7), 0);
        assert_int_equal(set_param(all[i], 8), -EEXIST);
        assert_int_equal(set_param(all[i], 0), -EEXIST);
        value = 0;
        assert_int_equal(param_of(dm, HVMOP_get_param, all[i], &value), 0);
        assert_true(value == 7);
        value = 0;
        assert_int_equal(param_of(control, HVMOP_get_param, all[i], &value), 0);
        assert_true(value == 7);
    }
    /* those that were before them */
    assert_int_equal(set_param(26, 1), -EINVAL);
    assert_int_equal(set_param(13, 1), -EINVAL);
}

static void the_pools_size(void **state)
{
    (void)state;
    assert_int_equal(set_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, 0), -EINVAL);
    assert_int_equal(set_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, 65), -EINVAL);
    assert_int_equal(set_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, ~UINT64_C(0)), -EINVAL);
    assert_int_equal(set_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, 64), 0);
}

/* --- frames --- */

static void frames_are_given_lowest_first(void **state)
{
    uint16_t a, b, c;

    (void)state;
    a = server(HVM_IOREQSRV_BUFIOREQ_OFF);
    assert_int_equal(get_info(a, 0), -ENOMEM); /* nothing is set */
    pool();
    assert_int_equal(get_info(a, 0), 0);
    assert_int_equal(info.ioreq_gfn, POOL);
    assert_int_equal(info.bufioreq_gfn, 0x5555); /* it has no ring */
    assert_int_equal(get_info(a, 0), 0);         /* the same */
    assert_int_equal(info.ioreq_gfn, POOL);
    b = server(HVM_IOREQSRV_BUFIOREQ_ATOMIC);
    assert_int_equal(get_info(b, 0), -ENOMEM); /* it needs two */
    assert_int_equal(set_param(HVM_PARAM_BUFIOREQ_PFN, SINGLE), 0);
    assert_int_equal(get_info(b, 0), 0);
    assert_int_equal(info.ioreq_gfn, POOL + 1);
    assert_int_equal(info.bufioreq_gfn, SINGLE);
    assert_true(info.bufioreq_port != 0);
    c = server(HVM_IOREQSRV_BUFIOREQ_OFF);
    assert_int_equal(get_info(c, 0), -ENOMEM);
    assert_int_equal(get_info(c, XEN_DMOP_no_gfns), 0);
    assert_int_equal(destroy(b), 0);
    assert_int_equal(get_info(c, 0), 0);
    assert_int_equal(info.ioreq_gfn, POOL + 1);
    assert_int_equal(destroy(c), 0);
    b = server(HVM_IOREQSRV_BUFIOREQ_LEGACY);
    assert_int_equal(get_info(b, 0), 0); /* the single one was given back too */
    assert_int_equal(info.bufioreq_gfn, SINGLE);
}

static void frames_without_ram(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_ATOMIC);

    (void)state;
    assert_int_equal(set_param(HVM_PARAM_IOREQ_PFN, SINGLE), 0);
    assert_int_equal(set_param(HVM_PARAM_BUFIOREQ_PFN, SINGLE_B), 0);
    assert_int_equal(get_info(id, 0), -EINVAL);
    add_ram(SINGLE);
    assert_int_equal(get_info(id, 0), -EINVAL); /* the second; the first is free again */
    add_ram(SINGLE_B);
    assert_int_equal(get_info(id, 0), 0);
    assert_int_equal(info.ioreq_gfn, SINGLE);
    assert_int_equal(info.bufioreq_gfn, SINGLE_B);
}

static void one_way_or_the_other(void **state)
{
    uint16_t a = server(HVM_IOREQSRV_BUFIOREQ_ATOMIC), b = server(HVM_IOREQSRV_BUFIOREQ_OFF);
    uint16_t c = server(HVM_IOREQSRV_BUFIOREQ_OFF);

    (void)state;
    pool();
    assert_int_equal(get_info(a, 2), -EINVAL);
    assert_int_equal(get_info(7, 0), -ENOENT);
    assert_int_equal(acquire(a, 0), 0);
    assert_int_equal(get_info(a, 0), -EPERM);
    assert_int_equal(get_info(a, XEN_DMOP_no_gfns), 0);
    assert_int_equal(get_info(b, 0), 0);
    assert_int_equal(acquire(b, 1), -EPERM);
    assert_int_equal(acquire(b, 0), -EPERM);
    assert_int_equal(acquire(b, 9), -EPERM);
    guest->state = DOMAIN_DYING;
    assert_int_equal(get_info(c, 0), -EINVAL);
    guest->state = DOMAIN_ALIVE;
}

/* --- the way of a request --- */

static void there_and_back(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_OFF);
    unsigned char *before;
    struct evtchn_send send = {0};
    ioreq_t *slots;

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    slots = map_foreign(POOL);
    before = frame_of(guest, POOL);
    assert_ptr_equal(slots, before);
    assert_int_equal(before[9], 0xa5); /* not touched yet */
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(enable(id, true), 0);
        assert_null(frame_of(guest, POOL)); /* the guest has it no more */
        assert_true(slots[0].vp_eport != 0);
        assert_int_equal(slots[0].state, STATE_IOREQ_NONE);
        assert_int_equal(slots[1].vp_eport, 0);
        if (i == 0)
            send.port = bind(slots[0].vp_eport);
        assert_int_equal(read_memory(BASE + 4), IOREQ_SENT);
        assert_false(fake_exit_path(guest->vcpu[0]));
        assert_int_equal(slots[0].addr, BASE + 4);
        assert_int_equal(slots[0].state, STATE_IOREQ_READY);
        slots[0].data = 41 + i;
        slots[0].state = STATE_IORESP_READY;
        assert_int_equal(world_op(dm->vcpu[0], __HYPERVISOR_event_channel_op, EVTCHNOP_send, &send,
                                  sizeof(send)),
                         0);
        ended(true, 41 + i);
        assert_int_equal(enable(id, false), 0);
        assert_ptr_equal(frame_of(guest, POOL), before);
        assert_true(is_clear(before));
        memset(before, 0x5a, PAGE_SIZE); /* it is the guest's */
    }
    assert_int_equal(READ_ONCE(guest->tot_pages), 3);
}

/* In flight when its server is disabled: the page is cleared, which is an answer. */
static void disabled_in_flight(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_OFF);

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    assert_int_equal(enable(id, true), 0);
    assert_int_equal(read_memory(BASE), IOREQ_SENT);
    assert_false(fake_exit_path(guest->vcpu[0]));
    assert_int_equal(enable(id, false), 0);
    ended(true, 0xffffffff);
}

/* It asks for its frames when it is enabled already: they are used from the next time on. */
static void asked_for_late(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_OFF);
    ioreq_t *slots;

    (void)state;
    pool();
    assert_int_equal(enable(id, true), 0);
    assert_int_equal(get_info(id, 0), 0);
    slots = map_foreign(POOL);
    assert_int_equal(read_memory(BASE), IOREQ_SENT);
    assert_false(fake_exit_path(guest->vcpu[0]));
    assert_int_equal(enable(id, false), 0);
    assert_int_equal(enable(id, true), 0);
    assert_null(frame_of(guest, POOL));
    assert_int_equal(slots[0].addr, BASE); /* what was in flight came along */
    assert_int_equal(slots[0].state, STATE_IOREQ_READY);
    assert_int_equal(destroy(id), 0);
    ended(false, 0xffffffff);
}

static void destroyed_while_enabled(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_ATOMIC);
    unsigned char *a, *b;

    (void)state;
    pool();
    a = frame_of(guest, POOL);
    b = frame_of(guest, POOL + 1);
    assert_int_equal(get_info(id, 0), 0);
    assert_int_equal(enable(id, true), 0);
    assert_null(frame_of(guest, POOL));
    assert_null(frame_of(guest, POOL + 1));
    assert_true(is_clear(b));
    assert_int_equal(read_memory(BASE), IOREQ_SENT);
    assert_int_equal(destroy(id), 0);
    ended(false, 0xffffffff);
    assert_ptr_equal(frame_of(guest, POOL), a);
    assert_ptr_equal(frame_of(guest, POOL + 1), b);
    assert_true(is_clear(a) && is_clear(b));
}

/* The device model ends: the guest has its frames again. */
static void its_owner_ends(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_OFF);

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    assert_int_equal(enable(id, true), 0);
    world_kill(&dm);
    fake_rcu_run();
    assert_non_null(frame_of(guest, POOL));
}

static void the_guest_ends(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_ATOMIC);

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    map_foreign(POOL);
    assert_int_equal(enable(id, true), 0);
    world_kill(&guest); /* the tear-down looks for what is left */
}

/* The guest gives the frame away, or puts another page there. */
static void frames_that_went_away(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_OFF);
    unsigned char *other;

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    assert_int_equal(enable(id, true), 0);
    add_ram(POOL);
    other = frame_of(guest, POOL);
    assert_int_equal(enable(id, false), 0);
    assert_ptr_equal(frame_of(guest, POOL), other);
    assert_int_equal(other[0], 0xa5);
    assert_false(domain_is_shut_down(guest));
    assert_int_equal(enable(id, true), 0); /* another page than the server's */
    assert_true(domain_is_shut_down(guest));
}

static void a_frame_given_back(void **state)
{
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_OFF);

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    assert_int_equal(p2m_unmap(guest, gfn(POOL), 1), 0);
    assert_int_equal(enable(id, true), 0);
    assert_true(domain_is_shut_down(guest));
}

static void the_ring(void **state)
{
    static const struct ioreq_access a = {.addr = 0x1234,
                                          .data = 0x77,
                                          .count = 1,
                                          .size = 1,
                                          .type = IOREQ_TYPE_COPY,
                                          .space = IOREQ_SPACE_MEMORY,
                                          .buffered = true};
    uint16_t id = server(HVM_IOREQSRV_BUFIOREQ_LEGACY);
    uint32_t *ring;

    (void)state;
    pool();
    assert_int_equal(get_info(id, 0), 0);
    ring = map_foreign(info.bufioreq_gfn);
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(enable(id, true), 0);
        assert_int_equal(ioreq_broadcast_buffered(guest, &a), 0);
        assert_int_equal(ring[1], 1);    /* write_pointer starts anew */
        assert_int_equal(ring[3], 0x77); /* data of the first slot */
        assert_int_equal(enable(id, false), 0);
        assert_true(is_clear((unsigned char *)ring));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(parameters_are_set_once),
        WORLD_TEST(the_pools_size),
        WORLD_TEST(frames_are_given_lowest_first),
        WORLD_TEST(frames_without_ram),
        WORLD_TEST(one_way_or_the_other),
        WORLD_TEST(there_and_back),
        WORLD_TEST(disabled_in_flight),
        WORLD_TEST(asked_for_late),
        WORLD_TEST(destroyed_while_enabled),
        WORLD_TEST(its_owner_ends),
        WORLD_TEST(the_guest_ends),
        WORLD_TEST(frames_that_went_away),
        WORLD_TEST(a_frame_given_back),
        WORLD_TEST(the_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
