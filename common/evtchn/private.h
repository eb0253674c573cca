/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of common/evtchn: the binding word and what they call of each other. */
#ifndef WHERRY_EVTCHN_PRIVATE_H
#define WHERRY_EVTCHN_PRIVATE_H

#include <wherry/domain.h>
#include <wherry/evtchn.h>

#define EVTCHN_MAX_PORTS32 (32 * 32) /* that words of 32 bits have room for */

enum evtchn_state {
    PORT_FREE,
    PORT_UNBOUND,     /* `dom` may bind to it */
    PORT_INTERDOMAIN, /* connected to port `peer` of `dom` */
    PORT_VIRQ,        /* `peer` is the VIRQ */
    PORT_IPI,
};

/* A port. The word is read once without a lock; written under the domain's evtchn lock. */
struct evtchn {
    uint64_t word;
};

/* The word unpacked. */
struct binding {
    uint8_t state;    /* enum evtchn_state */
    uint8_t consumer; /* 0: the guest's; else index + 1 of the hypervisor's handler */
    domid_t dom;
    uint32_t peer;
    uint16_t vcpu; /* whom an event notifies */
};

static inline struct binding binding_unpack(uint64_t w)
{
    return (struct binding){
        .state = w & 0xf,
        .consumer = (w >> 4) & 0xf,
        .dom = (domid_t)(w >> 8),
        .peer = (w >> 24) & 0xffffff,
        .vcpu = (uint16_t)(w >> 48),
    };
}

static inline uint64_t binding_pack(const struct binding *b)
{
    return (uint64_t)b->state | (uint64_t)b->consumer << 4 | (uint64_t)b->dom << 8 |
           (uint64_t)(b->peer & 0xffffff) << 24 | (uint64_t)b->vcpu << 48;
}

/* The port's entry, or NULL when there is none. */
static inline struct evtchn *evtchn_of(const struct domain *d, evtchn_port port)
{
    struct evtchn *bucket;

    if (port == 0 || port >= d->evtchn.max_ports)
        return NULL;
    bucket =
        load_acquire(&d->evtchn.bucket[port / EVTCHN_BUCKET_PORTS]); /* partner: add_bucket() */
    return bucket != NULL ? &bucket[port % EVTCHN_BUCKET_PORTS] : NULL;
}

static inline struct binding evtchn_binding(const struct evtchn *e)
{
    return binding_unpack(__atomic_load_n(&e->word, __ATOMIC_ACQUIRE)); /* partner: evtchn_set() */
}

static inline void evtchn_set(struct evtchn *e, const struct binding *b)
{
    store_release(&e->word, binding_pack(b)); /* partner: evtchn_binding() */
}

/* --- ops.c --- */
/* One for the domain, in vCPU 0's table, as opposed to one for each vCPU. */
bool evtchn_virq_is_global(uint32_t virq);

/* --- ports.c --- */
/* A free port with `b` in it: its number, or -ENOSPC/-ENOMEM. Lock held. */
int evtchn_alloc_port(struct domain *d, const struct binding *b);
/* Make a port free, and its pending and mask bits clear. Lock held. */
void evtchn_release_port(struct domain *d, evtchn_port port);
/* Unbind and free. Takes the locks. `consumer`: the hypervisor closes its own. -EINVAL. */
int evtchn_close(struct domain *d, evtchn_port port, bool consumer);

/* --- deliver.c --- */
/* Pend the port and notify its vCPU, which is returned. Lock-free. */
struct vcpu *evtchn_set_pending(struct domain *d, evtchn_port port, unsigned int vcpu);
bool evtchn_is_pending(const struct domain *d, evtchn_port port);
bool evtchn_is_masked(const struct domain *d, evtchn_port port);
void evtchn_clear_pending(struct domain *d, evtchn_port port);
/* Clear the mask; an event that waited behind it is delivered. */
void evtchn_unmask(struct domain *d, evtchn_port port, unsigned int vcpu);
/* The guest sends on its port. -EINVAL. */
int evtchn_send(struct domain *d, evtchn_port port);

#endif
