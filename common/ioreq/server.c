/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: creating and enabling the servers of a domain, as dmop.c asks. destroy.c is the
 * other end of their life.
 */
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#include "private.h"

static size_t server_bytes(const struct domain *d)
{
    return kalloc_size(sizeof(struct ioreq_server) +
                       d->max_vcpus * sizeof(struct ioreq_server_vcpu));
}

/* Pages included: the target pays for them here, as they are not in its memory account. */
uint64_t ioreq_server_charge(const struct domain *d, uint8_t bufioreq)
{
    return server_bytes(d) + PAGE_SIZE + ioreq_ring_charge(bufioreq);
}

int ioreq_server_owned(struct domain *d, uint32_t id, struct ioreq_server **out)
{
    struct ioreq_registry *reg = d->ioreq.registry;

    if (reg == NULL || id >= IOREQ_SERVERS_LIMIT || reg->server[id] == NULL)
        return -ENOENT;
    if (reg->server[id]->owner != current->domain)
        return -EPERM;
    *out = reg->server[id];
    return 0;
}

/* With the interval that each table has beyond those that ranges pay for (ranges.c). */
static uint64_t registry_charge(void)
{
    return kalloc_size(sizeof(struct ioreq_registry)) +
           IOREQ_NR_SPACES * kalloc_size(sizeof(struct imap_node));
}

static struct ioreq_registry *alloc_registry(struct domain *d)
{
    struct ioreq_registry *reg;

    if (ioreq_charge(d, registry_charge()) != 0)
        return NULL;
    reg = kzalloc(sizeof(*reg));
    if (reg == NULL)
        ioreq_uncharge(d, registry_charge());
    else
        reg->route.version = 1;
    return reg;
}

static int lowest_free_id(const struct ioreq_registry *reg)
{
    for (unsigned int id = 0; id < ioreq_max_servers; id++)
        if ((reg->busy & BIT64(id)) == 0)
            return (int)id;
    return -ENOSPC;
}

/* All that a server holds, but for ports; on failure nothing. The domains outlive `s`. */
static int alloc_server(struct domain *d, struct domain *owner, uint8_t bufioreq,
                        struct ioreq_server **out)
{
    struct ioreq_server *s = kzalloc(server_bytes(d));
    int rc;

    if (s == NULL)
        return -ENOMEM;
    s->target = d;
    s->owner = owner;
    ioreq_ranges_init(s);
    rc = ioreq_pages_alloc(s);
    if (rc != 0)
        goto out_free;
    rc = ioreq_ring_init(s, bufioreq);
    if (rc != 0)
        goto out_page;
    rc = -EINVAL;
    if (!domain_get(d))
        goto out_ring;
    if (!domain_get(owner))
        goto out_target;
    *out = s;
    return 0;

out_target:
    domain_put(d);
out_ring:
    ioreq_ring_free(s);
out_page:
    ioreq_pages_free(s);
out_free:
    kfree(s);
    return rc;
}

void ioreq_server_free(struct ioreq_server *s)
{
    struct domain *d = s->target;

    domain_put(s->owner);
    ioreq_ring_free(s);
    ioreq_pages_free(s);
    kfree(s);
    domain_put(d);
}

static int build_server(struct domain *d, struct ioreq_registry *reg, uint8_t bufioreq, uint32_t id)
{
    struct ioreq_server *s = NULL;
    uint64_t charge = ioreq_server_charge(d, bufioreq);
    int rc = ioreq_charge(d, charge);

    if (rc != 0)
        return rc;
    rc = alloc_server(d, current->domain, bufioreq, &s);
    if (rc != 0)
        goto out_charge;
    s->id = id;
    rc = ioreq_ports_add(s);
    if (rc != 0)
        goto out_server;
    s->generation = ++reg->generation;
    reg->busy |= BIT64(id);
    rcu_assign_pointer(reg->server[id], s);
    return 0;

out_server:
    ioreq_server_free(s);
out_charge:
    ioreq_uncharge(d, charge);
    return rc;
}

static int create_in(struct domain *d, struct ioreq_registry *reg, uint8_t bufioreq, uint32_t *id)
{
    int slot = lowest_free_id(reg);
    int rc;

    if (slot < 0)
        return slot;
    rc = ioreq_ranges_clean(d, reg, (uint32_t)slot); /* of an earlier server */
    if (rc == 0)
        rc = build_server(d, reg, bufioreq, (uint32_t)slot);
    if (rc == 0)
        *id = (uint32_t)slot;
    return rc;
}

/* The first server brings the registry with it. */
static int create_first(struct domain *d, uint8_t bufioreq, uint32_t *id)
{
    struct ioreq_registry *reg = alloc_registry(d);
    int rc;

    if (reg == NULL)
        return -ENOMEM;
    rc = create_in(d, reg, bufioreq, id);
    if (rc == 0) {
        rcu_assign_pointer(d->ioreq.registry, reg);
        return 0;
    }
    kfree(reg);
    ioreq_uncharge(d, registry_charge());
    return rc;
}

static int create_locked(struct domain *d, uint8_t bufioreq, uint32_t *id)
{
    /* Either we see the death of one of the two, or its clean-up sees the new server. */
    if (domain_is_dying(d) || domain_is_shut_down(current->domain) ||
        domain_is_dying(current->domain) || d->ioreq.vcpu == NULL)
        return -EINVAL;
    return d->ioreq.registry != NULL ? create_in(d, d->ioreq.registry, bufioreq, id)
                                     : create_first(d, bufioreq, id);
}

int ioreq_server_create(struct domain *d, uint8_t bufioreq, uint32_t *id)
{
    int rc;

    spin_lock(&d->ioreq.lock);
    rc = create_locked(d, bufioreq, id);
    spin_unlock(&d->ioreq.lock);
    return rc;
}

/*
 * Once "disabled" is answered, no vCPU is on its way to post a request any more, and none waits for
 * an acknowledgement. An access in flight may still be answered.
 */
static void settle_disabled(struct domain *d, uint32_t id, uint64_t generation)
{
    struct ioreq_server *s;

    if (!domain_get(d))
        return;
    synchronize_rcu();
    spin_lock(&d->ioreq.lock);
    if (ioreq_server_owned(d, id, &s) != 0 || s->generation != generation)
        goto out;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->ioreq.vcpu[i] != NULL && ioreq_invalidate_owed(s, d->ioreq.vcpu[i])) {
            /* No vCPU looks at it: they all see that the server is disabled. */
            WRITE_ONCE(s->vcpu[i].inval_state, STATE_IOREQ_NONE);
            ioreq_notified(d->ioreq.vcpu[i], 0);
        }
    ioreq_gfns_disable(s);
    s->settling = false;
out:
    spin_unlock(&d->ioreq.lock);
    domain_put(d);
}

int ioreq_server_set_state(struct domain *d, uint32_t id, bool enable)
{
    struct ioreq_server *s;
    uint64_t generation = 0;
    bool changed = false;
    int rc;

    spin_lock(&d->ioreq.lock);
    rc = ioreq_server_owned(d, id, &s);
    if (rc != 0)
        goto out;
    rc = s->settling ? -ERESTART : 0; /* by another call, which is not over */
    if (rc != 0)
        goto out;
    changed = enable != ((d->ioreq.registry->route.enabled & BIT64(id)) != 0);
    if (!changed)
        goto out;
    rc = enable ? ioreq_gfns_enable(s) : 0;
    if (rc != 0) {
        changed = false;
        goto out;
    }
    if (enable)
        for (unsigned int i = 0; i < d->max_vcpus; i++)
            if (d->ioreq.vcpu[i] != NULL)
                ioreq_pages_publish_port(s, d->ioreq.vcpu[i]);
    ioreq_route_enable(d->ioreq.registry, id, enable);
    s->settling = !enable;
    generation = s->generation;
out:
    spin_unlock(&d->ioreq.lock);
    if (changed && !enable)
        settle_disabled(d, id, generation);
    return rc;
}

int ioreq_server_info(struct domain *d, struct xen_dm_op_get_ioreq_server_info *op)
{
    struct ioreq_server *s;
    int rc;

    spin_lock(&d->ioreq.lock);
    rc = ioreq_server_owned(d, op->id, &s);
    if (rc == 0 && (op->flags & XEN_DMOP_no_gfns) == 0)
        rc = ioreq_gfns_map(s, op);
    if (rc == 0)
        ioreq_ring_info(s, op);
    spin_unlock(&d->ioreq.lock);
    return rc;
}
