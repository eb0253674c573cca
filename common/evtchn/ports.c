/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: their table, allocation, closing; per-domain and per-vCPU state of event channels. */
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>
#include <wherry/slab.h>

#include "private.h"

/* Whose VIRQ table: a global one is in vCPU 0's. */
static struct vcpu *virq_owner(const struct domain *d, const struct binding *b)
{
    return domain_vcpu(d, evtchn_virq_is_global(b->peer) ? 0 : b->vcpu);
}

static int add_bucket(struct domain *d, unsigned int n)
{
    struct evtchn *bucket = kcalloc(EVTCHN_BUCKET_PORTS, sizeof(struct evtchn));

    if (bucket == NULL)
        return -ENOMEM;
    store_release(&d->evtchn.bucket[n], bucket); /* partner: evtchn_of() */
    return 0;
}

/* Port 0 is never given out. */
static int find_free(struct domain *d)
{
    unsigned int end = d->evtchn.max_ports;

    if (READ_ONCE(d->evtchn.words32))
        end = MIN(end, EVTCHN_MAX_PORTS32);
    for (evtchn_port port = 1; port < end; port++) {
        unsigned int n = port / EVTCHN_BUCKET_PORTS;

        if (d->evtchn.bucket[n] == NULL && add_bucket(d, n) != 0)
            return -ENOMEM;
        if (evtchn_binding(evtchn_of(d, port)).state == PORT_FREE)
            return (int)port;
    }
    return -ENOSPC;
}

int evtchn_alloc_port(struct domain *d, const struct binding *b)
{
    int port = d->evtchn.dead ? -ENOSPC : find_free(d);

    if (port > 0)
        evtchn_set(evtchn_of(d, (evtchn_port)port), b);
    return port;
}

void evtchn_release_port(struct domain *d, evtchn_port port)
{
    static const struct binding nothing = {.state = PORT_FREE};

    evtchn_set(evtchn_of(d, port), &nothing);
    evtchn_clear_pending(d, port);
}

/* Leave a VIRQ's table. Lock held. */
static void unbind_virq(struct domain *d, const struct binding *b, evtchn_port port)
{
    struct vcpu *v = virq_owner(d, b);

    if (v != NULL && v->evtchn.virq_port[b->peer] == port)
        WRITE_ONCE(v->evtchn.virq_port[b->peer], 0);
}

/* The peer's end goes back to waiting for our domain. Both locks held. */
static void unbind_peer(struct domain *d, evtchn_port port, struct domain *rd,
                        const struct binding *b)
{
    struct evtchn *re = evtchn_of(rd, b->peer);
    struct binding rb;

    if (re == NULL)
        return;
    rb = evtchn_binding(re);
    if (rb.state != PORT_INTERDOMAIN || rb.dom != d->id || rb.peer != port)
        return;
    rb.state = PORT_UNBOUND;
    rb.peer = 0;
    evtchn_set(re, &rb);
}

/* Close with the locks of d and (interdomain) the peer's domain held. -EAGAIN: peer changed. */
static int close_locked(struct domain *d, evtchn_port port, bool consumer, struct domain *rd)
{
    struct evtchn *e = evtchn_of(d, port);
    struct binding b;

    if (e == NULL)
        return -EINVAL;
    b = evtchn_binding(e);
    if (b.state == PORT_FREE || (b.consumer != 0) != consumer)
        return -EINVAL;
    if (b.state == PORT_VIRQ)
        unbind_virq(d, &b, port);
    if (b.state == PORT_INTERDOMAIN) {
        struct domain *peer = domain_by_id(b.dom);

        if (peer != rd)
            return -EAGAIN;
        if (rd != NULL)
            unbind_peer(d, port, rd, &b);
    }
    evtchn_release_port(d, port);
    return 0;
}

int evtchn_close(struct domain *d, evtchn_port port, bool consumer)
{
    for (;;) {
        const struct evtchn *e = evtchn_of(d, port);
        struct domain *rd = NULL;
        struct binding b;
        int rc;

        if (e == NULL)
            return -EINVAL;
        b = evtchn_binding(e);
        if (b.state == PORT_INTERDOMAIN)
            rd = domain_by_id(b.dom);
        spin_lock_pair(&d->evtchn.lock, rd != NULL ? &rd->evtchn.lock : &d->evtchn.lock);
        rc = close_locked(d, port, consumer, rd);
        spin_unlock_pair(&d->evtchn.lock, rd != NULL ? &rd->evtchn.lock : &d->evtchn.lock);
        if (rc != -EAGAIN)
            return rc; /* else it was bound between the look and the lock: again, with that peer */
    }
}

int evtchn_init(struct domain *d)
{
    spin_lock_init(&d->evtchn.lock, LOCK_RANK_EVTCHN, "evtchn");
    d->evtchn.max_ports = EVTCHN_MAX_PORTS;
    d->evtchn.mask = d->shared_info->evtchn_mask;
    memset(d->shared_info->evtchn_mask, 0xff, sizeof(d->shared_info->evtchn_mask));
    return 0;
}

/* Pending bits have the same place in both. */
void evtchn_set_layout(struct domain *d, bool words32)
{
    char *pending = (char *)d->shared_info->evtchn_pending;

    WRITE_ONCE(d->evtchn.words32, words32);
    WRITE_ONCE(d->evtchn.mask, words32 ? (uint64_t *)(void *)(pending + EVTCHN_MAX_PORTS32 / 8)
                                       : d->shared_info->evtchn_mask);
}

void evtchn_destroy(struct domain *d)
{
    spin_lock(&d->evtchn.lock);
    d->evtchn.dead = true;
    spin_unlock(&d->evtchn.lock);
    for (evtchn_port port = 1; port < d->evtchn.max_ports; port++) {
        const struct evtchn *e = evtchn_of(d, port);

        if (e != NULL && evtchn_binding(e).state != PORT_FREE)
            evtchn_close(d, port, evtchn_binding(e).consumer != 0);
    }
}

void evtchn_free(struct domain *d)
{
    for (unsigned int n = 0; n < EVTCHN_BUCKETS; n++)
        kfree(d->evtchn.bucket[n]);
}

static void poll_timeout(void *data)
{
    vcpu_wake_event(data);
}

int evtchn_init_vcpu(struct vcpu *v)
{
    timer_init(&v->evtchn.poll_timer, poll_timeout, v, v->sched.cpu);
    if (v->id < XEN_LEGACY_MAX_VCPUS)
        v->evtchn.info = &v->domain->shared_info->vcpu_info[v->id];
    return 0;
}

void evtchn_destroy_vcpu(struct vcpu *v)
{
    timer_stop(&v->evtchn.poll_timer);
    WRITE_ONCE(v->evtchn.info, NULL);
    if (v->evtchn.info_page != NULL)
        page_put(v->evtchn.info_page);
    v->evtchn.info_page = NULL;
}

int evtchn_register_vcpu_info(struct vcpu *v, gfn_t gfn, unsigned int offset)
{
    struct vcpu_info *info;
    enum p2m_type type;
    struct page *pg;

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || (offset & 7) != 0)
        return -ENXIO;
    pg = p2m_get_page(v->domain, gfn, true, false, &type);
    if (pg == NULL)
        return -EINVAL;
    spin_lock(&v->domain->evtchn.lock);
    if (v->evtchn.info_page != NULL) {
        spin_unlock(&v->domain->evtchn.lock);
        page_put(pg);
        return -EINVAL;
    }
    info = (struct vcpu_info *)(void *)((char *)page_to_virt(pg) + offset);
    if (v->evtchn.info != NULL)
        memcpy(info, v->evtchn.info, sizeof(*info));
    v->evtchn.info_page = pg;
    store_release(&v->evtchn.info, info); /* partner: mark_upcall() */
    spin_unlock(&v->domain->evtchn.lock);

    /* An event may have been noted in the old place, or nowhere: let the guest look everywhere. */
    if (READ_ONCE(v->domain->evtchn.words32))
        WRITE_ONCE(((uint32_t *)info)[1], ~UINT32_C(0));
    else
        WRITE_ONCE(info->evtchn_pending_sel, ~UINT64_C(0));
    smp_wmb(); /* selector before flag; partner: the guest */
    WRITE_ONCE(info->evtchn_upcall_pending, 1);
    arch_evtchn_upcall(v);
    return 0;
}

static bool any_pending(const struct domain *d, const evtchn_port *ports, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        if (evtchn_is_pending(d, ports[i]))
            return true;
    return false;
}

static void set_polling(struct vcpu *v, bool on)
{
    uint64_t bit = UINT64_C(1) << v->id;

    if (on)
        __atomic_fetch_or(&v->domain->evtchn.pollers.v, bit, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&v->domain->evtchn.pollers.v, ~bit, __ATOMIC_SEQ_CST);
}

int evtchn_poll(const evtchn_port *ports, unsigned int n, uint64_t timeout)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;

    for (unsigned int i = 0; i < n; i++)
        if (ports[i] >= d->evtchn.max_ports)
            return -EINVAL;
    if (READ_ONCE(v->evtchn.poll_timer.active))
        timer_stop(&v->evtchn.poll_timer); /* of a poll that an event ended */
    if (any_pending(d, ports, n)) {
        set_polling(v, false);
        return 0;
    }
    WRITE_ONCE(v->evtchn.poll_port, n == 1 ? ports[0] : 0);
    set_polling(v, true);
    vcpu_block(); /* full barrier: flag and mask before the look below; partner: set_pending() */
    if (any_pending(d, ports, n))
        vcpu_wake_event(v);
    else if (timeout != 0)
        timer_set(&v->evtchn.poll_timer, timeout > STIME_MAX ? STIME_MAX : (s_time_t)timeout);
    return 0;
}

void evtchn_dump(struct domain *d)
{
    static const char *const names[] = {"free", "unbound", "interdomain", "virq", "ipi"};

    printk("d%u event channels:\n", d->id);
    for (evtchn_port port = 1; port < d->evtchn.max_ports; port++) {
        const struct evtchn *e = evtchn_of(d, port);
        struct binding b;

        if (e == NULL)
            continue;
        b = evtchn_binding(e);
        if (b.state != PORT_FREE)
            printk("  %u: %s d%u %u, v%u%s%s%s\n", port, names[b.state], b.dom, b.peer, b.vcpu,
                   b.consumer != 0 ? ", hypervisor" : "",
                   evtchn_is_pending(d, port) ? ", pending" : "",
                   evtchn_is_masked(d, port) ? ", masked" : "");
    }
}
