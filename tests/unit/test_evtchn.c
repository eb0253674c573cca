/* SPDX-License-Identifier: Apache-2.0 */
/* Event channels through their hypercall: every operation's errors, delivery, and both ends' ends.
 */
#include <string.h>

#include "fake/world.h"

#include <asm/fake.h>
#include <public/event_channel.h>
#include <public/sched.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"

#define NOBODY 7 /* no such domain */

static long op(struct domain *d, int cmd, void *arg, size_t size)
{
    return world_op(d->vcpu[0], __HYPERVISOR_event_channel_op, (uint64_t)cmd, arg, size);
}

static long alloc_unbound(struct domain *caller, domid_t dom, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound a = {.dom = dom, .remote_dom = remote};
    long rc = op(caller, EVTCHNOP_alloc_unbound, &a, sizeof(a));

    *port = a.port;
    return rc;
}

static long bind(struct domain *caller, domid_t remote, evtchn_port_t rport, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain a = {.remote_dom = remote, .remote_port = rport};
    long rc = op(caller, EVTCHNOP_bind_interdomain, &a, sizeof(a));

    *port = a.local_port;
    return rc;
}

static long bind_virq(struct domain *caller, uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq a = {.virq = virq, .vcpu = vcpu};
    long rc = op(caller, EVTCHNOP_bind_virq, &a, sizeof(a));

    *port = a.port;
    return rc;
}

static long bind_ipi(struct domain *caller, uint32_t vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_ipi a = {.vcpu = vcpu};
    long rc = op(caller, EVTCHNOP_bind_ipi, &a, sizeof(a));

    *port = a.port;
    return rc;
}

static long close_port(struct domain *caller, evtchn_port_t port)
{
    struct evtchn_close a = {.port = port};

    return op(caller, EVTCHNOP_close, &a, sizeof(a));
}

static long send(struct domain *caller, evtchn_port_t port)
{
    struct evtchn_send a = {.port = port};

    return op(caller, EVTCHNOP_send, &a, sizeof(a));
}

static long unmask(struct domain *caller, evtchn_port_t port)
{
    struct evtchn_unmask a = {.port = port};

    return op(caller, EVTCHNOP_unmask, &a, sizeof(a));
}

static struct evtchn_status status(struct domain *caller, domid_t dom, evtchn_port_t port,
                                   long want)
{
    struct evtchn_status a = {.dom = dom, .port = port};

    assert_int_equal(op(caller, EVTCHNOP_status, &a, sizeof(a)), want);
    return a;
}

static bool pending(struct domain *d, evtchn_port_t port)
{
    return (d->shared_info->evtchn_pending[port / 64] >> (port % 64)) & 1;
}

static void clear_pending(struct domain *d, evtchn_port_t port)
{
    d->shared_info->evtchn_pending[port / 64] &= ~(UINT64_C(1) << (port % 64));
}

/* As a guest's upcall handler does. */
static void take_upcall(struct domain *d)
{
    d->vcpu[0]->evtchn.info->evtchn_upcall_pending = 0;
    d->vcpu[0]->evtchn.info->evtchn_pending_sel = 0;
}

/* dm's port connected to guest's. */
static void connect(evtchn_port_t *dm_port, evtchn_port_t *guest_port)
{
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, dm->id, guest_port), 0);
    assert_int_equal(bind(dm, guest->id, *guest_port, dm_port), 0);
    clear_pending(dm, *dm_port);
    take_upcall(dm);
}

static void alloc_unbound_checks(void **state)
{
    evtchn_port_t port;

    (void)state;
    assert_int_equal(alloc_unbound(guest, NOBODY, 0, &port), -ESRCH);
    assert_int_equal(alloc_unbound(guest, dm->id, 0, &port), -EPERM);
    assert_int_equal(alloc_unbound(control, guest->id, dm->id, &port), 0);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).u.unbound.dom, dm->id);
    assert_int_equal(alloc_unbound(guest, guest->id, DOMID_SELF, &port), 0);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).u.unbound.dom, guest->id);
}

static void ports_run_out_and_come_back(void **state)
{
    evtchn_port_t port, last = 0;

    (void)state;
    guest->evtchn.max_ports = 10;
    for (unsigned int i = 1; i < 10; i++) {
        assert_int_equal(alloc_unbound(guest, DOMID_SELF, 0, &last), 0);
        assert_int_equal(last, i);
    }
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, 0, &port), -ENOSPC);
    assert_int_equal(close_port(guest, 4), 0);
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, 0, &port), 0);
    assert_int_equal(port, 4);
}

static void no_memory_for_ports(void **state)
{
    evtchn_port_t port;

    (void)state;
    fake_alloc_fail_at = 0;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, 0, &port), -ENOMEM);
    fake_alloc_fail_at = -1;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, 0, &port), 0);
    assert_int_equal(port, 1);
}

static void bind_interdomain_checks(void **state)
{
    evtchn_port_t port, other, local;

    (void)state;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, dm->id, &port), 0);
    assert_int_equal(bind(dm, NOBODY, port, &local), -ESRCH);
    assert_int_equal(bind(dm, guest->id, port + 1, &local), -EINVAL);
    assert_int_equal(bind(dm, guest->id, 0, &local), -EINVAL);
    assert_int_equal(bind(dm, guest->id, 1u << 24, &local), -EINVAL);
    assert_int_equal(bind(control, guest->id, port, &local), -EINVAL); /* meant for dm */
    assert_int_equal(bind(dm, guest->id, port, &local), 0);
    assert_int_equal(bind(dm, guest->id, port, &other), -EINVAL); /* taken */
    assert_true(pending(dm, local)); /* what was sent before is not lost */
    assert_int_equal(status(dm, DOMID_SELF, local, 0).u.interdomain.dom, guest->id);
    assert_int_equal(status(dm, DOMID_SELF, local, 0).u.interdomain.port, port);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).u.interdomain.port, local);
}

static void bind_fails_without_a_local_port(void **state)
{
    evtchn_port_t port, local;

    (void)state;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, dm->id, &port), 0);
    dm->evtchn.max_ports = 1;
    assert_int_equal(bind(dm, guest->id, port, &local), -ENOSPC);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).status, EVTCHNSTAT_unbound);
}

static void own_domain_as_peer(void **state)
{
    evtchn_port_t port, local;

    (void)state;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, DOMID_SELF, &port), 0);
    assert_int_equal(bind(guest, DOMID_SELF, port, &local), 0);
    assert_int_equal(send(guest, local), 0);
    assert_true(pending(guest, port));
    assert_int_equal(close_port(guest, local), 0);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).status, EVTCHNSTAT_unbound);
}

static void virq_checks(void **state)
{
    evtchn_port_t port, again;

    (void)state;
    assert_int_equal(bind_virq(guest, NR_VIRQS, 0, &port), -EINVAL);
    assert_int_equal(bind_virq(guest, VIRQ_DOM_EXC, 1, &port), -EINVAL); /* global: vCPU 0 */
    assert_int_equal(bind_virq(guest, VIRQ_TIMER, 1, &port), -ENOENT);   /* not created */
    assert_int_equal(bind_virq(guest, VIRQ_TIMER, 9, &port), -ENOENT);
    assert_int_equal(bind_virq(guest, VIRQ_DOM_EXC, 0, &port), 0);
    assert_int_equal(bind_virq(guest, VIRQ_DOM_EXC, 0, &again), -EEXIST);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).status, EVTCHNSTAT_virq);
    assert_int_equal(status(guest, DOMID_SELF, port, 0).u.virq, VIRQ_DOM_EXC);
    assert_int_equal(send(guest, port), -EINVAL);
    evtchn_send_global_virq(guest, VIRQ_DOM_EXC);
    assert_true(pending(guest, port));
    assert_int_equal(close_port(guest, port), 0);
    assert_false(pending(guest, port));
    evtchn_send_global_virq(guest, VIRQ_DOM_EXC); /* nobody listens */
    assert_int_equal(bind_virq(guest, VIRQ_DOM_EXC, 0, &again), 0);
}

static void ipi_checks(void **state)
{
    evtchn_port_t port;

    (void)state;
    assert_int_equal(bind_ipi(guest, 1, &port), -ENOENT);
    assert_int_equal(bind_ipi(guest, 0, &port), 0);
    assert_int_equal(send(guest, port), 0);
    assert_true(pending(guest, port));
    assert_int_equal(status(guest, DOMID_SELF, port, 0).status, EVTCHNSTAT_ipi);
}

static void sending_sets_bit_selector_and_flag(void **state)
{
    evtchn_port_t dm_port, guest_port;
    struct vcpu_info *info = guest->vcpu[0]->evtchn.info;
    unsigned int upcalls;

    (void)state;
    connect(&dm_port, &guest_port);
    assert_int_equal(unmask(guest, guest_port), 0);
    upcalls = guest->vcpu[0]->arch.upcalls;
    assert_int_equal(send(dm, dm_port), 0);
    assert_true(pending(guest, guest_port));
    assert_int_equal(info->evtchn_pending_sel, UINT64_C(1) << (guest_port / 64));
    assert_int_equal(info->evtchn_upcall_pending, 1);
    assert_int_equal(guest->vcpu[0]->arch.upcalls, upcalls + 1);
    assert_int_equal(send(dm, dm_port), 0); /* pending already: nothing more to say */
    assert_int_equal(guest->vcpu[0]->arch.upcalls, upcalls + 1);
}

static void masked_events_wait(void **state)
{
    evtchn_port_t dm_port, guest_port;
    struct vcpu_info *info = guest->vcpu[0]->evtchn.info;

    (void)state;
    connect(&dm_port, &guest_port); /* ports begin masked */
    assert_int_equal(send(dm, dm_port), 0);
    assert_true(pending(guest, guest_port));
    assert_int_equal(info->evtchn_upcall_pending, 0);
    assert_int_equal(unmask(guest, guest_port), 0);
    assert_int_equal(info->evtchn_upcall_pending, 1);
    assert_int_equal(unmask(guest, 0), -EINVAL);
    assert_int_equal(unmask(guest, guest_port + 200), -EINVAL);
}

static void sending_to_nobody(void **state)
{
    evtchn_port_t port;

    (void)state;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, dm->id, &port), 0);
    assert_int_equal(send(guest, port), 0);
    assert_int_equal(send(guest, port + 1), -EINVAL);
    assert_int_equal(send(guest, 0), -EINVAL);
    assert_int_equal(send(guest, ~0u), -EINVAL);
}

static void closing_unbinds_the_peer(void **state)
{
    evtchn_port_t dm_port, guest_port;

    (void)state;
    connect(&dm_port, &guest_port);
    assert_int_equal(send(guest, guest_port), 0);
    assert_int_equal(close_port(dm, dm_port), 0);
    assert_false(pending(dm, dm_port)); /* who gets the number next gets no old event */
    assert_int_equal(close_port(dm, dm_port), -EINVAL);
    assert_int_equal(status(dm, DOMID_SELF, dm_port, 0).status, EVTCHNSTAT_closed);
    assert_int_equal(status(guest, DOMID_SELF, guest_port, 0).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(guest, DOMID_SELF, guest_port, 0).u.unbound.dom, dm->id);
    assert_int_equal(bind(dm, guest->id, guest_port, &dm_port), 0);
}

static void death_unbinds_the_peer(void **state)
{
    evtchn_port_t dm_port, guest_port;

    (void)state;
    connect(&dm_port, &guest_port);
    world_kill(&dm);
    assert_int_equal(status(guest, DOMID_SELF, guest_port, 0).status, EVTCHNSTAT_unbound);
    assert_int_equal(send(guest, guest_port), 0);
    world_kill(&guest);
}

static void status_checks(void **state)
{
    evtchn_port_t port;

    (void)state;
    assert_int_equal(alloc_unbound(guest, DOMID_SELF, dm->id, &port), 0);
    status(guest, NOBODY, port, -ESRCH);
    status(dm, guest->id, port, -EPERM);
    status(guest, DOMID_SELF, ~0u, -EINVAL);
    assert_int_equal(status(control, guest->id, port, 0).status, EVTCHNSTAT_unbound);
}

static void binding_to_a_vcpu(void **state)
{
    struct evtchn_bind_vcpu a = {.vcpu = 1};
    evtchn_port_t ipi, global;
    struct vcpu *v;

    (void)state;
    assert_int_equal(bind_ipi(guest, 0, &ipi), 0);
    assert_int_equal(bind_virq(guest, VIRQ_DOM_EXC, 0, &global), 0);
    a.port = global;
    assert_int_equal(op(guest, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -ENOENT);
    assert_int_equal(vcpu_create(guest, 1, 0, &v), 0);
    assert_int_equal(op(guest, EVTCHNOP_bind_vcpu, &a, sizeof(a)), 0);
    assert_int_equal(status(guest, DOMID_SELF, global, 0).vcpu, 1);
    a.port = ipi; /* bound to its vCPU for good */
    assert_int_equal(op(guest, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -EINVAL);
    a.port = 0;
    assert_int_equal(op(guest, EVTCHNOP_bind_vcpu, &a, sizeof(a)), -EINVAL);
}

static void reset_closes_all(void **state)
{
    struct evtchn_reset a = {.dom = DOMID_SELF};
    evtchn_port_t dm_port, guest_port, ipi;

    (void)state;
    connect(&dm_port, &guest_port);
    assert_int_equal(bind_ipi(guest, 0, &ipi), 0);
    a.dom = guest->id;
    assert_int_equal(op(dm, EVTCHNOP_reset, &a, sizeof(a)), -EPERM);
    a.dom = NOBODY;
    assert_int_equal(op(guest, EVTCHNOP_reset, &a, sizeof(a)), -ESRCH);
    a.dom = DOMID_SELF;
    assert_int_equal(op(guest, EVTCHNOP_reset, &a, sizeof(a)), 0);
    assert_int_equal(status(guest, DOMID_SELF, guest_port, 0).status, EVTCHNSTAT_closed);
    assert_int_equal(status(guest, DOMID_SELF, ipi, 0).status, EVTCHNSTAT_closed);
    assert_int_equal(status(dm, DOMID_SELF, dm_port, 0).status, EVTCHNSTAT_unbound);
}

/* Many ports: the work is cut, and what is closed stays closed. */
static void xsa_344_reset_is_continued(void **state)
{
    struct evtchn_reset a = {.dom = DOMID_SELF};
    evtchn_port_t port;
    unsigned int calls = 0;
    long rc;

    (void)state;
    for (unsigned int i = 0; i < 300; i++)
        assert_int_equal(alloc_unbound(guest, DOMID_SELF, 0, &port), 0);
    fake_irq_pending_flag = true;
    do {
        rc = op(guest, EVTCHNOP_reset, &a, sizeof(a));
        calls++;
    } while (rc == -ERESTART);
    assert_int_equal(rc, 0);
    assert_true(calls > 2 && calls < 10);
    for (port = 1; port <= 300; port++)
        assert_int_equal(status(guest, DOMID_SELF, port, 0).status, EVTCHNSTAT_closed);
}

static unsigned int consumed;

static void consume(struct vcpu *v, evtchn_port port)
{
    (void)v, (void)port;
    consumed++;
}

static void xsa_338_the_hypervisors_ports_stay(void **state)
{
    struct evtchn_reset r = {.dom = DOMID_SELF};
    struct evtchn_bind_vcpu bv = {.vcpu = 0};
    evtchn_port_t local;
    int port = evtchn_alloc_consumer(guest->vcpu[0], dm->id, consume);

    (void)state;
    assert_true(port > 0);
    bv.port = (evtchn_port_t)port;
    assert_int_equal(close_port(guest, (evtchn_port_t)port), -EINVAL);
    assert_int_equal(send(guest, (evtchn_port_t)port), -EINVAL);
    assert_int_equal(op(guest, EVTCHNOP_bind_vcpu, &bv, sizeof(bv)), -EINVAL);
    assert_int_equal(op(guest, EVTCHNOP_reset, &r, sizeof(r)), 0);
    assert_int_equal(status(guest, DOMID_SELF, (evtchn_port_t)port, 0).status, EVTCHNSTAT_unbound);
    assert_null(evtchn_notify_consumer_peer(guest, (evtchn_port)port));
    assert_int_equal(bind(dm, guest->id, (evtchn_port_t)port, &local), 0);
    clear_pending(dm, local);
    consumed = 0;
    assert_int_equal(send(dm, local), 0);
    assert_int_equal(consumed, 1);
    assert_ptr_equal(evtchn_notify_consumer_peer(guest, (evtchn_port)port), dm->vcpu[0]);
    assert_true(pending(dm, local));
    evtchn_free_consumer(guest, (evtchn_port)port);
    assert_int_equal(status(dm, DOMID_SELF, local, 0).status, EVTCHNSTAT_unbound);
}

static void polling(void **state)
{
    evtchn_port_t dm_port, guest_port;
    evtchn_port none = EVTCHN_MAX_PORTS;
    struct vcpu *v;

    (void)state;
    connect(&dm_port, &guest_port);
    v = guest->vcpu[0];
    current = v;
    assert_int_equal(evtchn_poll(&none, 1, 0), -EINVAL);
    assert_int_equal(evtchn_poll(&guest_port, 1, 0), 0);
    assert_true(atomic32_read(&v->pause_flags) & VPF_BLOCKED);
    current = dm->vcpu[0];
    assert_int_equal(send(dm, dm_port), 0); /* masked, and yet it ends the poll */
    assert_false(atomic32_read(&v->pause_flags) & VPF_BLOCKED);
    current = v;
    assert_int_equal(evtchn_poll(&guest_port, 1, 0), 0); /* pending: does not block */
    assert_false(atomic32_read(&v->pause_flags) & VPF_BLOCKED);
    current = control->vcpu[0];
}

/* An event ends a poll that also has a timeout: it must not end the next one. */
static void polling_with_a_timeout(void **state)
{
    evtchn_port_t dm_port, guest_port;
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    connect(&dm_port, &guest_port);
    current = v;
    assert_int_equal(evtchn_poll(&guest_port, 1, 5000), 0);
    assert_true(v->evtchn.poll_timer.active);
    assert_int_equal(v->evtchn.poll_timer.expires, 5000);
    assert_int_equal(send(dm, dm_port), 0);
    clear_pending(guest, guest_port);
    assert_int_equal(evtchn_poll(&guest_port, 1, 0), 0);
    assert_false(v->evtchn.poll_timer.active);
    assert_true(atomic32_read(&v->pause_flags) & VPF_BLOCKED);

    assert_int_equal(evtchn_poll(NULL, 0, UINT64_MAX), 0);
    assert_int_equal(v->evtchn.poll_timer.expires, STIME_MAX);
    v->evtchn.poll_timer.fn(v->evtchn.poll_timer.data);
    assert_false(atomic32_read(&v->pause_flags) & VPF_BLOCKED);
    current = control->vcpu[0];
}

/* The upcall flag belongs to the guest as well: whatever it holds, one upcall a selector bit. */
static void flag_already_set(void **state)
{
    struct vcpu_info *info = dm->vcpu[0]->evtchn.info;
    evtchn_port_t dm_port, guest_port;
    unsigned int before;

    (void)state;
    connect(&dm_port, &guest_port);
    dm->shared_info->evtchn_mask[dm_port / 64] = 0;
    info->evtchn_upcall_pending = 2;
    before = dm->vcpu[0]->arch.upcalls;
    assert_int_equal(send(guest, guest_port), 0);
    assert_int_equal(info->evtchn_upcall_pending, 2);
    assert_int_equal(dm->vcpu[0]->arch.upcalls, before);
    assert_int_equal(info->evtchn_pending_sel, 1);
}

/* A guest of 32 bits: its mask and selector are where its own headers have them. */
static void words_of_32_bits(void **state)
{
    struct vcpu_info *info = dm->vcpu[0]->evtchn.info;
    uint32_t *pending = (uint32_t *)(void *)dm->shared_info->evtchn_pending, *mask = pending + 32;
    uint32_t *half = (uint32_t *)(void *)info;
    evtchn_port_t dm_port = 0, guest_port = 0;
    struct evtchn_unmask u;
    unsigned int before;

    (void)state;
    memset(mask, 0xff, 128);
    evtchn_set_layout(dm, true);
    while (dm_port < 37) /* bit 5 of the second word */
        connect(&dm_port, &guest_port);
    assert_int_equal(dm_port, 37);
    half[0] = half[1] = 0;
    before = dm->vcpu[0]->arch.upcalls;
    assert_int_equal(send(guest, guest_port), 0);
    assert_int_equal(pending[1], 1u << 5);
    assert_int_equal(half[0] | half[1], 0);
    u.port = dm_port;
    assert_int_equal(op(dm, EVTCHNOP_unmask, &u, sizeof(u)), 0);
    assert_int_equal(mask[1], ~(1u << 5));
    assert_int_equal(half[0], 1);
    assert_int_equal(half[1], 2);
    assert_int_equal(dm->vcpu[0]->arch.upcalls, before + 1);
    assert_int_equal(dm->shared_info->evtchn_mask[0], UINT64_MAX);
}

/* No more ports than there are bits for. One of before is of no use then, and does no harm. */
static void ports_of_32_bits(void **state)
{
    evtchn_port_t port = 0, dm_port = 0, guest_port = 0;
    uint32_t *half = (uint32_t *)(void *)dm->vcpu[0]->evtchn.info;

    (void)state;
    while (port < 1023)
        assert_int_equal(alloc_unbound(dm, DOMID_SELF, guest->id, &port), 0);
    evtchn_set_layout(dm, true);
    assert_int_equal(alloc_unbound(dm, DOMID_SELF, guest->id, &port), -ENOSPC);
    evtchn_set_layout(dm, false);
    connect(&dm_port, &guest_port);
    assert_int_equal(dm_port, 1024);
    evtchn_set_layout(dm, true);
    half[0] = half[1] = 0;
    ((uint32_t *)(void *)dm->evtchn.mask)[32] = 0;
    assert_int_equal(send(guest, guest_port), 0);
    assert_int_equal(half[1], 0);
}

static void registering_vcpu_info(void **state)
{
    struct page *pg = domain_alloc_pages(guest, 0, false);
    struct vcpu *v = guest->vcpu[0];
    struct vcpu_info *info;

    (void)state;
    assert_non_null(pg);
    assert_int_equal(p2m_map(guest, gfn(0x50), 1, page_to_mfn(pg), P2M_RAM_RW), 0);
    assert_int_equal(evtchn_register_vcpu_info(v, gfn(0x51), 0), -EINVAL);
    assert_int_equal(evtchn_register_vcpu_info(v, gfn(0x50), 4), -ENXIO);
    assert_int_equal(evtchn_register_vcpu_info(v, gfn(0x50), PAGE_SIZE - 8), -ENXIO);
    assert_int_equal(evtchn_register_vcpu_info(v, gfn(0x50), 64), 0);
    assert_int_equal(evtchn_register_vcpu_info(v, gfn(0x50), 128), -EINVAL);
    info = (struct vcpu_info *)(void *)((char *)page_to_virt(pg) + 64);
    assert_ptr_equal(v->evtchn.info, info);
    assert_int_equal(info->evtchn_upcall_pending, 1); /* look everywhere: nothing is lost */
    assert_true(info->evtchn_pending_sel == ~UINT64_C(0));
}

static void operations_that_are_not_there(void **state)
{
    static const int cmds[] = {EVTCHNOP_bind_pirq,
                               EVTCHNOP_init_control,
                               EVTCHNOP_expand_array,
                               EVTCHNOP_set_priority,
                               14,
                               99,
                               -1};
    uint64_t arg[4] = {0};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
        assert_int_equal(op(guest, cmds[i], arg, sizeof(arg)), -ENOSYS);
}

/* Every operation on an argument that cannot be read. */
static void bad_addresses(void **state)
{
    static const int cmds[] = {
        EVTCHNOP_bind_interdomain, EVTCHNOP_bind_virq,     EVTCHNOP_close,    EVTCHNOP_send,
        EVTCHNOP_status,           EVTCHNOP_alloc_unbound, EVTCHNOP_bind_ipi, EVTCHNOP_bind_vcpu,
        EVTCHNOP_unmask,           EVTCHNOP_reset,
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
        assert_int_equal(
            world_call(guest->vcpu[0], __HYPERVISOR_event_channel_op, (uint64_t)cmds[i], 0, 0),
            -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(alloc_unbound_checks),
        WORLD_TEST(ports_run_out_and_come_back),
        WORLD_TEST(no_memory_for_ports),
        WORLD_TEST(bind_interdomain_checks),
        WORLD_TEST(bind_fails_without_a_local_port),
        WORLD_TEST(own_domain_as_peer),
        WORLD_TEST(virq_checks),
        WORLD_TEST(ipi_checks),
        WORLD_TEST(sending_sets_bit_selector_and_flag),
        WORLD_TEST(masked_events_wait),
        WORLD_TEST(sending_to_nobody),
        WORLD_TEST(closing_unbinds_the_peer),
        WORLD_TEST(death_unbinds_the_peer),
        WORLD_TEST(status_checks),
        WORLD_TEST(binding_to_a_vcpu),
        WORLD_TEST(reset_closes_all),
        WORLD_TEST(xsa_344_reset_is_continued),
        WORLD_TEST(xsa_338_the_hypervisors_ports_stay),
        WORLD_TEST(polling),
        WORLD_TEST(polling_with_a_timeout),
        WORLD_TEST(flag_already_set),
        WORLD_TEST(words_of_32_bits),
        WORLD_TEST(ports_of_32_bits),
        WORLD_TEST(registering_vcpu_info),
        WORLD_TEST(operations_that_are_not_there),
        WORLD_TEST(bad_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
