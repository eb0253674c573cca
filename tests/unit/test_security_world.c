/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes of the past, as test_security.c, where they need the real domains, event channels and
 * memory operations. docs/security.md has the list.
 */
#include <string.h>

#include "fake/world.h"

#include <asm/fake.h>
#include <public/event_channel.h>
#include <public/hvm/dm_op.h>
#include <public/memory.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"

#define GFN                   UINT64_C(0x40) /* memory of a domain */
#define AT                    UINT64_C(0x80) /* where another domain's page goes */
#define HYPERCALL_grant_table 20

static long memory(struct domain *d, uint64_t cmd, void *arg, size_t size)
{
    return world_op(d->vcpu[0], __HYPERVISOR_memory_op, cmd, arg, size);
}

static long event(struct domain *d, uint64_t cmd, void *arg, size_t size)
{
    return world_op(d->vcpu[0], __HYPERVISOR_event_channel_op, cmd, arg, size);
}

static long reserve(struct domain *d, uint64_t cmd, domid_t dom, uint64_t frame)
{
    struct xen_memory_reservation r = {.extent_start.q = GVA_LIST, .nr_extents = 1, .domid = dom};

    memcpy(fake_gva + (GVA_LIST - FAKE_GVA_BASE), &frame, sizeof(frame));
    return memory(d, cmd, &r, sizeof(r));
}

static long remove_page(struct domain *d, uint64_t frame)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = frame};

    return memory(d, XENMEM_remove_from_physmap, &r, sizeof(r));
}

static long acquire(struct domain *d, unsigned int id, uint64_t frame)
{
    struct xen_mem_acquire_resource r = {.domid = 2,
                                         .type = XENMEM_resource_ioreq_server,
                                         .id = id,
                                         .nr_frames = 1,
                                         .frame = 1,
                                         .frame_list.q = GVA_LIST};

    memcpy(fake_gva + (GVA_LIST - FAKE_GVA_BASE), &frame, sizeof(frame));
    return memory(d, XENMEM_acquire_resource, &r, sizeof(r));
}

static long map_foreign(struct domain *d, domid_t dom, uint64_t idx, uint64_t at)
{
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = dom};
    const uint64_t list[2] = {idx, at};
    int32_t err;
    long rc;

    memcpy(fake_gva + (GVA_LIST - FAKE_GVA_BASE), list, sizeof(list));
    b.idxs.q = GVA_LIST;
    b.gpfns.q = GVA_LIST + 8;
    b.errs.q = GVA_OUT;
    rc = memory(d, XENMEM_add_to_physmap_batch, &b, sizeof(b));
    memcpy(&err, fake_gva + (GVA_OUT - FAKE_GVA_BASE), sizeof(err));
    return rc != 0 ? rc : err;
}

static long dm_call(struct domain *d, struct xen_dm_op *op)
{
    const uint64_t buf[2] = {GVA_OP, sizeof(*op)};
    long rc;

    memcpy(fake_gva + (GVA_BUFS - FAKE_GVA_BASE), buf, sizeof(buf));
    memcpy(fake_gva + (GVA_OP - FAKE_GVA_BASE), op, sizeof(*op));
    rc = world_call(d->vcpu[0], __HYPERVISOR_dm_op, 2, 1, GVA_BUFS);
    memcpy(op, fake_gva + (GVA_OP - FAKE_GVA_BASE), sizeof(*op));
    return rc;
}

/* id or -errno */
static long create_server(struct domain *d)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc = dm_call(d, &op);

    return rc != 0 ? rc : op.u.create_ioreq_server.id;
}

static long destroy_server(struct domain *d, unsigned int id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_destroy_ioreq_server};

    op.u.destroy_ioreq_server.id = (ioservid_t)id;
    return dm_call(d, &op);
}

static uint64_t free_pages(void)
{
    uint64_t total, n;

    page_stats(&total, &n);
    return n;
}

static struct page *page_at(struct domain *d, uint64_t frame, enum p2m_type *type)
{
    mfn_t m = p2m_lookup(d, gfn(frame), type);

    return *type == P2M_INVALID ? NULL : mfn_to_page(m);
}

/* The longest lists that the interface can express, with somebody waiting for the pCPU. */
static void xsa_27_long_operations_give_way(void **state)
{
    struct xen_memory_reservation r = {
        .extent_start.q = GVA_LIST, .nr_extents = (UINT64_C(1) << 58) - 1, .domid = DOMID_SELF};
    struct xen_add_to_physmap_batch b = {.domid = DOMID_SELF,
                                         .space = XENMAPSPACE_gmfn_foreign,
                                         .size = UINT16_MAX,
                                         .u.foreign_domid = 2,
                                         .idxs.q = GVA_LIST,
                                         .gpfns.q = GVA_LIST,
                                         .errs.q = GVA_OUT};
    uint64_t list[64];

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
        list[i] = GFN + i;
    memcpy(fake_gva + (GVA_LIST - FAKE_GVA_BASE), list, sizeof(list));
    fake_irq_pending_flag = true;
    assert_int_equal(memory(guest, XENMEM_populate_physmap, &r, sizeof(r)), -ERESTART);
    assert_int_equal(fake_continued_with >> 6, 1); /* one was done, and that is remembered */
    assert_int_equal(guest->tot_pages, 1);
    assert_int_equal(memory(guest, fake_continued_with, &r, sizeof(r)), -ERESTART);
    assert_int_equal(guest->tot_pages, 2);
    assert_int_equal(memory(guest, XENMEM_decrease_reservation, &r, sizeof(r)), -ERESTART);
    assert_int_equal(memory(dm, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -ERESTART);
    assert_int_equal(fake_continued_with >> 6, 1);
    r.extent_order = 10; /* one extent is no way around it */
    assert_int_equal(memory(guest, XENMEM_populate_physmap, &r, sizeof(r)), 0);
    r.extent_order = UINT32_MAX;
    assert_int_equal(memory(guest, XENMEM_populate_physmap, &r, sizeof(r)), 0);
}

/* Numbers that choose something: spaces, resources, operations, interrupts. */
static void xsa_28_every_number(void **state)
{
    uint64_t page[16] = {0};

    (void)state;
    for (uint32_t n = 0; n < 0x10000; n++) {
        struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = n, .gpfn = GFN, .idx = 1};
        struct xen_mem_acquire_resource res = {.domid = 2, .type = (uint16_t)n, .nr_frames = 1};
        struct evtchn_bind_virq virq = {.virq = n + NR_VIRQS};
        struct evtchn_bind_ipi ipi = {.vcpu = n + 2};

        assert_true(memory(guest, XENMEM_add_to_physmap, &add, sizeof(add)) < 0);
        assert_true(memory(dm, XENMEM_acquire_resource, &res, sizeof(res)) < 0);
        assert_int_equal(event(guest, EVTCHNOP_bind_virq, &virq, sizeof(virq)), -EINVAL);
        assert_int_equal(event(guest, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), -ENOENT);
        if (n > EVTCHNOP_set_priority)
            assert_int_equal(event(guest, n, page, sizeof(page)), -ENOSYS);
        if (n >= 64)
            assert_int_equal(world_call(guest->vcpu[0], n, 0, 0, 0), -ENOSYS);
    }
    for (unsigned int bit = 16; bit < 32; bit++) {
        struct evtchn_bind_virq virq = {.virq = 1u << bit};

        assert_int_equal(event(guest, EVTCHNOP_bind_virq, &virq, sizeof(virq)), -EINVAL);
        assert_int_equal(world_call(guest->vcpu[0], 1u << bit, 0, 0, 0), -ENOSYS);
    }
}

/* Ports are of two levels only: what would switch to the other kind does nothing. */
static void xsa_107_events_stay_two_level(void **state)
{
    static const unsigned int cmds[] = {EVTCHNOP_init_control, EVTCHNOP_expand_array,
                                        EVTCHNOP_set_priority};
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 1};
    struct evtchn_bind_interdomain b = {.remote_dom = 2};
    struct evtchn_send send;
    uint64_t arg[8] = {0};

    (void)state;
    assert_int_equal(event(guest, EVTCHNOP_alloc_unbound, &a, sizeof(a)), 0);
    b.remote_port = a.port;
    assert_int_equal(event(dm, EVTCHNOP_bind_interdomain, &b, sizeof(b)), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
        assert_int_equal(event(dm, cmds[i], arg, sizeof(arg)), -ENOSYS);
        assert_int_equal(event(guest, cmds[i], arg, sizeof(arg)), -ENOSYS);
    }
    send.port = b.local_port;
    assert_int_equal(event(dm, EVTCHNOP_send, &send, sizeof(send)), 0);
    assert_true(guest->shared_info->evtchn_pending[0] & UINT64_C(1) << a.port);
}

/* A page never changes hands: what would do that is not there. */
static void xsa_217_no_page_changes_hands(void **state)
{
    uint64_t arg[8] = {0};
    enum p2m_type type;
    struct page *pg;

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, GFN), 1);
    assert_int_equal(map_foreign(dm, guest->id, GFN, AT), 0);
    for (unsigned int cmd = 0; cmd < 16; cmd++)
        assert_int_equal(world_call(guest->vcpu[0], HYPERCALL_grant_table, cmd, GVA_OP, 1),
                         -ENOSYS);
    assert_int_equal(memory(guest, XENMEM_exchange, arg, sizeof(arg)), -ENOSYS);
    pg = page_at(dm, AT, &type);
    assert_ptr_equal(pg->owner, guest);
    assert_ptr_equal(page_at(guest, GFN, &type), pg);
    /* Given back by the guest it is still nobody else's. */
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, GFN), 1);
    fake_rcu_run();
    assert_ptr_equal(page_at(dm, AT, &type), pg);
    assert_ptr_equal(pg->owner, guest);
    assert_int_equal(atomic32_read(&pg->refs), 1);
}

/* Everything that takes a page out of a domain, tried on the page of requests. */
static void xsa_276_nobody_frees_the_request_page(void **state)
{
    long id = create_server(dm);
    enum p2m_type type;
    struct page *pg;

    (void)state;
    assert_int_equal(id, 0);
    assert_int_equal(acquire(dm, 0, AT), 0);
    pg = page_at(dm, AT, &type);
    assert_int_equal(type, P2M_FOREIGN_RW);
    assert_int_equal(reserve(dm, XENMEM_decrease_reservation, DOMID_SELF, AT), 0);
    assert_int_equal(reserve(control, XENMEM_decrease_reservation, dm->id, AT), 0);
    assert_ptr_equal(page_at(dm, AT, &type), pg);
    assert_int_equal(atomic32_read(&pg->refs), 2);
    /* Nor is it the device model's own to be mapped by somebody else. */
    assert_int_equal(map_foreign(control, dm->id, AT, AT), -EINVAL);
    /* Something else in its place drops the mapping's reference and no more. */
    assert_int_equal(reserve(dm, XENMEM_populate_physmap, DOMID_SELF, AT), 1);
    fake_rcu_run();
    assert_int_equal(atomic32_read(&pg->refs), 1);
    assert_ptr_equal(pg->owner, guest);
    assert_int_equal(acquire(dm, 0, AT + 1), 0);
    assert_int_equal(destroy_server(dm, 0), 0);
    fake_rcu_run();
    assert_int_equal(atomic32_read(&pg->refs), 1);
    world_kill(&guest);
    fake_rcu_run();
    assert_ptr_equal(page_at(dm, AT + 1, &type), pg);
    assert_int_equal(remove_page(dm, AT + 1), 0);
}

/* References and RCU sections are given back each time: a count of 32 bits or a list would tell. */
static void xsa_334_a_million_acquisitions(void **state)
{
    enum p2m_type type;
    uint32_t held;

    (void)state;
    assert_int_equal(create_server(dm), 0);
    assert_int_equal(acquire(dm, 0, AT), 0);
    held = atomic32_read(&guest->refs);
    for (unsigned int i = 0; i < 1000000; i++) {
        assert_int_equal(acquire(dm, 0, AT), 0);
        assert_true(acquire(dm, 7, AT) < 0); /* and where it fails */
    }
    fake_rcu_run();
    assert_int_equal(atomic32_read(&page_at(dm, AT, &type)->refs), 2);
    assert_int_equal(atomic32_read(&guest->refs), held);
    assert_int_equal(remove_page(dm, AT), 0);
    world_kill(&guest);
}

/* Every operation on every kind of port number that there is not. */
static void xsa_342_ports_beyond_the_end(void **state)
{
    static const uint32_t ports[] = {0, 1, 63, 64, 4095, 4096, 131072, 1u << 24, UINT32_MAX};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
        struct evtchn_send send = {.port = ports[i]};
        struct evtchn_close close = {.port = ports[i]};
        struct evtchn_unmask unmask = {.port = ports[i]};
        struct evtchn_bind_vcpu bv = {.port = ports[i]};
        struct evtchn_bind_interdomain b = {.remote_dom = 2, .remote_port = ports[i]};
        struct evtchn_status st = {.dom = DOMID_SELF, .port = ports[i]};
        long rc;

        assert_int_equal(event(guest, EVTCHNOP_send, &send, sizeof(send)), -EINVAL);
        assert_int_equal(event(guest, EVTCHNOP_close, &close, sizeof(close)), -EINVAL);
        assert_int_equal(event(guest, EVTCHNOP_bind_vcpu, &bv, sizeof(bv)), -EINVAL);
        assert_int_equal(event(dm, EVTCHNOP_bind_interdomain, &b, sizeof(b)), -EINVAL);
        rc = event(guest, EVTCHNOP_unmask, &unmask, sizeof(unmask));
        assert_true(rc == -EINVAL || (rc == 0 && ports[i] < EVTCHN_MAX_PORTS));
        rc = event(guest, EVTCHNOP_status, &st, sizeof(st));
        assert_true(rc == -EINVAL || (rc == 0 && st.status == EVTCHNSTAT_closed));
    }
}

/* The same frame at two places is two references, whatever order they go in. */
static void xsa_379_one_frame_at_two_places(void **state)
{
    enum p2m_type type;
    struct page *pg;

    (void)state;
    assert_int_equal(create_server(dm), 0);
    assert_int_equal(acquire(dm, 0, AT), 0);
    assert_int_equal(acquire(dm, 0, AT + 1), 0);
    assert_int_equal(acquire(dm, 0, AT + 1), 0); /* over itself */
    pg = page_at(dm, AT, &type);
    assert_int_equal(atomic32_read(&pg->refs), 3);
    assert_int_equal(destroy_server(dm, 0), 0);
    fake_rcu_run();
    assert_int_equal(remove_page(dm, AT), 0);
    assert_int_equal(remove_page(dm, AT), -ENOENT);
    assert_int_equal(atomic32_read(&pg->refs), 1);
    assert_ptr_equal(page_at(dm, AT + 1, &type), pg);
    assert_int_equal(remove_page(dm, AT + 1), 0);
}

/* Nothing is given to a domain that is being taken apart. */
static void xsa_410_no_memory_for_the_dying(void **state)
{
    const uint32_t was = guest->state;

    (void)state;
    guest->state = DOMAIN_DYING;
    assert_int_equal(reserve(control, XENMEM_populate_physmap, guest->id, GFN), 0);
    assert_int_equal(guest->tot_pages, 0);
    assert_int_equal(create_server(dm), -EINVAL);
    guest->state = was;
    assert_int_equal(reserve(control, XENMEM_populate_physmap, guest->id, GFN), 1);
}

/* A page that a hypercall may just be using: removed, it is reused after the grace period only. */
static void xsa_473_a_removed_page_waits(void **state)
{
    uint64_t before;

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, GFN), 1);
    assert_int_equal(map_foreign(dm, guest->id, GFN, AT), 0);
    before = free_pages();
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, GFN), 1);
    fake_rcu_run();
    assert_int_equal(free_pages(), before);
    assert_int_equal(remove_page(dm, AT), 0);
    assert_int_equal(free_pages(), before);
    fake_rcu_run();
    assert_int_equal(free_pages(), before + 1);
}

static void use_up_ports(struct domain *d)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = 0};
    long rc;

    do {
        rc = event(d, EVTCHNOP_alloc_unbound, &a, sizeof(a));
    } while (rc == 0);
    assert_int_equal(rc, -ENOSPC);
}

/* Without a port nothing is half done: no server, no owner of a global interrupt. */
static void xsa_496_no_ports_left(void **state)
{
    struct evtchn_bind_virq virq = {.virq = VIRQ_DOM_EXC};
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    (void)state;
    use_up_ports(guest);
    use_up_ports(control);
    assert_int_equal(create_server(dm), -ENOSPC);
    assert_int_equal(event(control, EVTCHNOP_bind_virq, &virq, sizeof(virq)), -ENOSPC);
    assert_int_equal(event(guest, EVTCHNOP_bind_virq, &virq, sizeof(virq)), -ENOSPC);
    evtchn_send_global_virq(control, VIRQ_DOM_EXC); /* nobody listens */
    assert_int_equal(event(control, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
    assert_int_equal(event(guest, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
    assert_int_equal(create_server(dm), 0);
    assert_int_equal(event(control, EVTCHNOP_bind_virq, &virq, sizeof(virq)), 0);
    evtchn_send_global_virq(control, VIRQ_DOM_EXC);
    assert_true(control->shared_info->evtchn_pending[0] & UINT64_C(1) << virq.port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(xsa_27_long_operations_give_way),
        WORLD_TEST(xsa_28_every_number),
        WORLD_TEST(xsa_107_events_stay_two_level),
        WORLD_TEST(xsa_217_no_page_changes_hands),
        WORLD_TEST(xsa_276_nobody_frees_the_request_page),
        WORLD_TEST(xsa_334_a_million_acquisitions),
        WORLD_TEST(xsa_342_ports_beyond_the_end),
        WORLD_TEST(xsa_379_one_frame_at_two_places),
        WORLD_TEST(xsa_410_no_memory_for_the_dying),
        WORLD_TEST(xsa_473_a_removed_page_waits),
        WORLD_TEST(xsa_496_no_ports_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
