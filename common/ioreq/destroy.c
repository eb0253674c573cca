/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a server goes: by its owner's wish (dmop.c), or with its owner or target (domain.c).
 *
 * Two steps. unpublish() under the lock: no vCPU can find the server from now on and its ports are
 * closed. A grace period later retire_server(): every vCPU that posted to it before has left the
 * hypervisor, so those that wait are known; they wake up, find no server and complete their access
 * as unclaimed.
 */
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#include "private.h"

/* What needs no grace period. */
static void withdraw(struct ioreq_server *s)
{
    ioreq_ports_remove(s);
    ioreq_ranges_free(s);
    ioreq_uncharge(s->target, ioreq_server_charge(s->target, ioreq_ring_mode(s)));
}

/* Without memory, or with very many ranges, the table is cleaned before the id is used again. */
static void unpublish(struct ioreq_server *s)
{
    struct ioreq_registry *reg = s->target->ioreq.registry;

    ioreq_route_enable(reg, s->id, false);
    ioreq_ranges_leave(s);
    (void)ioreq_ranges_clean(s->target, reg, s->id); /* what fails now is tried again then */
    rcu_assign_pointer(reg->server[s->id], NULL);
    withdraw(s);
}

/* After a grace period: in_flight of every vCPU that found the server is visible. */
static void wake_waiters(const struct ioreq_server *s)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (s->target, v, i)
        if (ioreq_in_flight_at(v, s) || ioreq_invalidate_owed(s, v))
            ioreq_notified(v, 0);
}

/* The second step, no lock held. */
static void retire_server(struct ioreq_server *s)
{
    struct domain *d = s->target;

    wake_waiters(s);
    spin_lock(&d->ioreq.lock);
    if (d->ioreq.registry != NULL)
        d->ioreq.registry->busy &= ~BIT64(s->id);
    ioreq_gfns_release(s, d->ioreq.registry);
    spin_unlock(&d->ioreq.lock);
    ioreq_server_free(s);
}

static void retire_server_rcu(struct rcu_head *head)
{
    retire_server(container_of(head, struct ioreq_server, rcu));
}

int ioreq_server_destroy(struct domain *d, uint32_t id)
{
    struct ioreq_server *s;
    int rc;

    spin_lock(&d->ioreq.lock);
    rc = ioreq_server_owned(d, id, &s);
    if (rc == 0)
        unpublish(s);
    spin_unlock(&d->ioreq.lock);
    if (rc != 0)
        return rc;
    synchronize_rcu(); /* d may be gone; the server holds a reference on its target */
    retire_server(s);
    return 0;
}

/* The servers of `owner` in d. */
static void destroy_owned(struct domain *d, const struct domain *owner)
{
    spin_lock(&d->ioreq.lock);
    for (unsigned int id = 0; d->ioreq.registry != NULL && id < IOREQ_SERVERS_LIMIT; id++) {
        struct ioreq_server *s = d->ioreq.registry->server[id];

        if (s == NULL || s->owner != owner)
            continue;
        unpublish(s);
        rcu_call(&s->rcu, retire_server_rcu);
    }
    spin_unlock(&d->ioreq.lock);
}

static void owner_died(struct rcu_head *head)
{
    struct domain *owner = container_of(head, struct domain, ioreq.owner_died);
    struct domain *d;

    /* First, so that a later death is not taken for this one. */
    atomic32_xchg(&owner->ioreq.owner_died_queued, 0);
    for_each_domain (d)
        destroy_owned(d, owner);
    domain_put(owner);
}

void ioreq_owner_died(struct domain *owner)
{
    uint32_t no = 0;

    if (!atomic32_cmpxchg(&owner->ioreq.owner_died_queued, &no, 1))
        return;
    if (domain_get(owner))
        rcu_call(&owner->ioreq.owner_died, owner_died);
}

int ioreq_init_domain(struct domain *d)
{
    spin_lock_init(&d->ioreq.lock, LOCK_RANK_IOREQ, "ioreq");
    d->ioreq.vcpu = kcalloc(d->max_vcpus, sizeof(struct vcpu *));
    return d->ioreq.vcpu != NULL ? 0 : -ENOMEM;
}

static void free_registry_rcu(struct rcu_head *head)
{
    struct ioreq_registry *reg = container_of(head, struct ioreq_registry, rcu);

    ioreq_ranges_free_left(reg);
    ioreq_route_free(reg);
    kfree(reg);
}

void ioreq_destroy_domain(struct domain *d)
{
    struct ioreq_registry *reg;
    struct vcpu **vcpu;

    spin_lock(&d->ioreq.lock);
    reg = d->ioreq.registry;
    vcpu = d->ioreq.vcpu;
    for (unsigned int id = 0; reg != NULL && id < IOREQ_SERVERS_LIMIT; id++) {
        struct ioreq_server *s = reg->server[id];

        if (s == NULL)
            continue;
        withdraw(s);
        rcu_call(&s->rcu, retire_server_rcu);
    }
    d->ioreq.registry = NULL;
    d->ioreq.vcpu = NULL;
    d->ioreq.bytes = 0;
    spin_unlock(&d->ioreq.lock);
    kfree(vcpu);
    if (reg != NULL)
        rcu_call(&reg->rcu, free_registry_rcu);
}
