/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event channels of a server, one for each vCPU of its target and one for its buffered ring,
 * and the vCPUs that have them. Called as servers (server.c, destroy.c) and vCPUs (domain.c) come
 * and go. A port is known to the slot once its server is enabled.
 */
#include <wherry/lib/errno.h>

#include "private.h"

/* On failure some may be there. */
static int add_port(struct ioreq_server *s, struct vcpu *v)
{
    int port = evtchn_alloc_consumer(v, s->owner->id, ioreq_notified);

    if (port < 0)
        return port;
    s->vcpu[v->id].port = (evtchn_port)port;
    if (s->target->ioreq.registry != NULL &&
        (s->target->ioreq.registry->route.enabled & BIT64(s->id)) != 0)
        ioreq_pages_publish_port(s, v);
    return ioreq_ring_add_port(s, v);
}

static void remove_port(struct ioreq_server *s, unsigned int vcpu)
{
    evtchn_port port = s->vcpu[vcpu].port;

    ioreq_ring_remove_port(s, vcpu);
    if (port == 0)
        return;
    evtchn_free_consumer(s->target, port);
    WRITE_ONCE(s->vcpu[vcpu].port, 0);
}

void ioreq_ports_remove(struct ioreq_server *s)
{
    for (unsigned int i = 0; i < s->target->max_vcpus; i++)
        remove_port(s, i);
}

int ioreq_ports_add(struct ioreq_server *s)
{
    for (unsigned int i = 0; i < s->target->max_vcpus; i++) {
        struct vcpu *v = s->target->ioreq.vcpu[i];
        int rc = v != NULL ? add_port(s, v) : 0;

        if (rc != 0) {
            ioreq_ports_remove(s);
            return rc;
        }
    }
    return 0;
}

static void remove_vcpu(struct domain *d, unsigned int vcpu)
{
    struct ioreq_registry *reg = d->ioreq.registry;

    for (unsigned int id = 0; reg != NULL && id < IOREQ_SERVERS_LIMIT; id++)
        if (reg->server[id] != NULL)
            remove_port(reg->server[id], vcpu);
    if (d->ioreq.vcpu != NULL)
        d->ioreq.vcpu[vcpu] = NULL;
}

static int add_vcpu(struct domain *d, struct vcpu *v)
{
    struct ioreq_registry *reg = d->ioreq.registry;

    if (d->ioreq.vcpu == NULL)
        return -EINVAL;
    for (unsigned int id = 0; reg != NULL && id < IOREQ_SERVERS_LIMIT; id++) {
        int rc = reg->server[id] != NULL ? add_port(reg->server[id], v) : 0;

        if (rc != 0) {
            remove_vcpu(d, v->id);
            return rc;
        }
    }
    d->ioreq.vcpu[v->id] = v;
    return 0;
}

int ioreq_init_vcpu(struct vcpu *v)
{
    int rc;

    spin_lock(&v->domain->ioreq.lock);
    rc = add_vcpu(v->domain, v);
    spin_unlock(&v->domain->ioreq.lock);
    return rc;
}

void ioreq_destroy_vcpu(struct vcpu *v)
{
    spin_lock(&v->domain->ioreq.lock);
    remove_vcpu(v->domain, v->id);
    spin_unlock(&v->domain->ioreq.lock);
}
