/* SPDX-License-Identifier: Apache-2.0 */
/* Hypervisor ports in a table, bound and notified by the test. */
#include "fake.h"

#include <string.h>
#include <wherry/bug.h>
#include <wherry/lib/errno.h>

static struct fake_port port_table[CONFIG_MAX_DOMAINS][FAKE_MAX_PORTS];
unsigned int fake_port_limit = FAKE_MAX_PORTS - 1;

void fake_evtchn_reset(void)
{
    memset(port_table, 0, sizeof(port_table));
    fake_port_limit = FAKE_MAX_PORTS - 1;
}

struct fake_port *fake_port(struct domain *d, evtchn_port port)
{
    return &port_table[d->id][port];
}

int evtchn_alloc_consumer(struct vcpu *v, domid_t remote, evtchn_consumer_fn fn)
{
    for (unsigned int p = 1; p <= fake_port_limit; p++) {
        struct fake_port *port = fake_port(v->domain, p);

        if (port->v != NULL)
            continue;
        *port = (struct fake_port){.v = v, .remote = remote, .fn = fn};
        return (int)p;
    }
    return -ENOSPC;
}

void evtchn_free_consumer(struct domain *d, evtchn_port port)
{
    BUG_ON(fake_port(d, port)->v == NULL);
    memset(fake_port(d, port), 0, sizeof(struct fake_port));
}

struct vcpu *evtchn_notify_consumer_peer(struct domain *d, evtchn_port port)
{
    fake_port(d, port)->notified++;
    return fake_port(d, port)->bound;
}

void fake_send(struct domain *d, evtchn_port port)
{
    struct fake_port *p = fake_port(d, port);

    BUG_ON(p->v == NULL);
    p->fn(p->v, port);
}

unsigned int fake_ports_in_use(struct domain *d)
{
    unsigned int n = 0;

    for (unsigned int p = 1; p < FAKE_MAX_PORTS; p++)
        n += fake_port(d, p)->v != NULL;
    return n;
}
