/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending and delivering events: the lock-free half of event channels, on the path of every
 * forwarded access. The bits live in memory that the guest writes too, so nothing read from there
 * is relied on beyond the one decision at hand.
 */
#include <wherry/bug.h>
#include <wherry/lib/errno.h>

#include "private.h"

/*
 * A guest that writes a word all the time can make an exclusive store fail; not for ever, since it
 * must write with its own exclusives or stores at just that rate. Beyond this it is on purpose.
 */
#define MAX_TRIES 1000

/* Set bits of a word in the guest's page; *old is what was there. False: it was kept from us. */
static bool shared_set_bits(struct domain *d, uint64_t *word, uint64_t bits, uint64_t *old)
{
    uint64_t seen = READ_ONCE(*word);

    for (unsigned int i = 0; i < MAX_TRIES; i++)
        if (__atomic_compare_exchange_n(word, &seen, seen | bits, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            *old = seen;
            return true;
        }
    domain_crash(d, "shared_info kept busy");
    return false;
}

static bool shared_clear_bits(struct domain *d, uint64_t *word, uint64_t bits)
{
    uint64_t seen = READ_ONCE(*word);

    for (unsigned int i = 0; i < MAX_TRIES; i++)
        if (__atomic_compare_exchange_n(word, &seen, seen & ~bits, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return true;
    domain_crash(d, "shared_info kept busy");
    return false;
}

static inline uint64_t bit_of(evtchn_port port)
{
    return UINT64_C(1) << (port % 64);
}

bool evtchn_is_pending(const struct domain *d, evtchn_port port)
{
    return (READ_ONCE(d->shared_info->evtchn_pending[port / 64]) & bit_of(port)) != 0;
}

bool evtchn_is_masked(const struct domain *d, evtchn_port port)
{
    return (READ_ONCE(d->evtchn.mask[port / 64]) & bit_of(port)) != 0;
}

void evtchn_clear_pending(struct domain *d, evtchn_port port)
{
    shared_clear_bits(d, &d->shared_info->evtchn_pending[port / 64], bit_of(port));
}

/*
 * Set the flag; true if it was clear. Not an unconditional exchange: that could be kept from us for
 * ever, as above.
 */
static bool shared_set_flag(struct domain *d, uint8_t *flag)
{
    for (unsigned int i = 0; i < MAX_TRIES; i++) {
        uint8_t seen = READ_ONCE(*flag);

        if (seen != 0)
            return false;
        if (__atomic_compare_exchange_n(flag, &seen, 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return true;
    }
    domain_crash(d, "vcpu_info kept busy");
    return false;
}

/* With words of 4 bytes it is the upper half of the structure's first 8. */
static uint64_t *selector(const struct domain *d, struct vcpu_info *info)
{
    return READ_ONCE(d->evtchn.words32) ? (uint64_t *)(void *)info : &info->evtchn_pending_sel;
}

/* None for a port that 32-bit code does not have: it got it before it said so. */
static uint64_t selector_bit(const struct domain *d, evtchn_port port)
{
    if (!READ_ONCE(d->evtchn.words32))
        return UINT64_C(1) << (port / 64);
    return port < EVTCHN_MAX_PORTS32 ? UINT64_C(1) << (32 + port / 32) : 0;
}

/* Tell the vCPU that the port's word has something. No vcpu_info yet: it finds out on registering.
 */
static void mark_upcall(struct domain *d, struct vcpu *v, evtchn_port port)
{
    struct vcpu_info *info = load_acquire(&v->evtchn.info); /* partner: register_vcpu_info */
    uint64_t word_bit = selector_bit(d, port);
    uint64_t old;

    if (info == NULL || !shared_set_bits(d, selector(d, info), word_bit, &old))
        return;
    if (old & word_bit)
        return; /* whoever set it has notified, or the guest is just looking */
    smp_mb();   /* selector before the look at the flag; partner: the guest clears, then looks */
    if (shared_set_flag(d, &info->evtchn_upcall_pending))
        arch_evtchn_upcall(v);
}

/* Masked events count for SCHEDOP_poll. */
static void wake_pollers(struct domain *d, evtchn_port port)
{
    uint64_t pollers = atomic64_read(&d->evtchn.pollers);

    for (; pollers != 0; pollers &= pollers - 1) {
        struct vcpu *v = domain_vcpu(d, (unsigned int)__builtin_ctzll(pollers));
        uint32_t only = READ_ONCE(v->evtchn.poll_port);

        if (only == 0 || only == port)
            vcpu_wake_event(v);
    }
}

struct vcpu *evtchn_set_pending(struct domain *d, evtchn_port port, unsigned int vcpu)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    uint64_t old;

    if (v == NULL)
        return NULL;
    if (!shared_set_bits(d, &d->shared_info->evtchn_pending[port / 64], bit_of(port), &old))
        return NULL;
    if (old & bit_of(port))
        return v;
    smp_mb(); /* pending before the pollers' mask; partner: evtchn_poll() */
    if (!evtchn_is_masked(d, port))
        mark_upcall(d, v, port);
    if (unlikely(atomic64_read(&d->evtchn.pollers) != 0))
        wake_pollers(d, port);
    return v;
}

void evtchn_unmask(struct domain *d, evtchn_port port, unsigned int vcpu)
{
    struct vcpu *v = domain_vcpu(d, vcpu);

    if (!shared_clear_bits(d, &d->evtchn.mask[port / 64], bit_of(port)))
        return;
    smp_mb(); /* mask before pending; partner: evtchn_set_pending() */
    if (v != NULL && evtchn_is_pending(d, port))
        mark_upcall(d, v, port);
}

/* The handlers of hypervisor ports, by first use. Entries are set once, by cmpxchg. */
#define MAX_CONSUMERS 8
static evtchn_consumer_fn consumers[MAX_CONSUMERS];

static int consumer_index(evtchn_consumer_fn fn)
{
    for (int i = 0; i < MAX_CONSUMERS; i++) {
        evtchn_consumer_fn seen = NULL;

        if (__atomic_compare_exchange_n(&consumers[i], &seen, fn, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST) ||
            seen == fn)
            return i;
    }
    BUG();
}

int evtchn_alloc_consumer(struct vcpu *v, domid_t remote, evtchn_consumer_fn fn)
{
    struct binding b = {
        .state = PORT_UNBOUND,
        .consumer = (uint8_t)(consumer_index(fn) + 1),
        .dom = remote,
        .vcpu = (uint16_t)v->id,
    };
    int port;

    spin_lock(&v->domain->evtchn.lock);
    port = evtchn_alloc_port(v->domain, &b);
    spin_unlock(&v->domain->evtchn.lock);
    return port;
}

void evtchn_free_consumer(struct domain *d, evtchn_port port)
{
    evtchn_close(d, port, true);
}

/* The binding word of the port at the other end, if that end says so too; 0 if not (closing). */
static inline uint64_t peer_word(const struct domain *d, evtchn_port port, const struct binding *b,
                                 struct domain **rd)
{
    const struct evtchn *re;
    struct binding rb;
    uint64_t word;

    *rd = domain_by_id(b->dom);
    re = *rd != NULL ? evtchn_of(*rd, b->peer) : NULL;
    if (re == NULL)
        return 0;
    word = load_acquire(&re->word); /* partner: evtchn_set() */
    rb = binding_unpack(word);
    return rb.state == PORT_INTERDOMAIN && rb.dom == d->id && rb.peer == port ? word : 0;
}

static void notify_peer(const struct domain *d, evtchn_port port, const struct binding *b)
{
    struct domain *rd;
    uint64_t word = peer_word(d, port, b, &rd);
    struct binding rb = binding_unpack(word);
    struct vcpu *v;

    if (word == 0)
        return;
    if (rb.consumer == 0) {
        evtchn_set_pending(rd, b->peer, rb.vcpu);
        return;
    }
    v = domain_vcpu(rd, rb.vcpu);
    if (v != NULL)
        READ_ONCE(consumers[rb.consumer - 1])(v, b->peer);
}

int evtchn_send(struct domain *d, evtchn_port port)
{
    const struct evtchn *e = evtchn_of(d, port);
    struct binding b;

    if (e == NULL)
        return -EINVAL;
    b = evtchn_binding(e);
    if (b.consumer != 0)
        return -EINVAL; /* the hypervisor's end */
    switch (b.state) {
    case PORT_INTERDOMAIN:
        notify_peer(d, port, &b);
        return 0;
    case PORT_IPI:
        evtchn_set_pending(d, port, b.vcpu);
        return 0;
    case PORT_UNBOUND:
        return 0; /* nobody is there to hear it */
    default:
        return -EINVAL;
    }
}

struct vcpu *evtchn_notify_consumer_peer(struct domain *d, evtchn_port port)
{
    const struct evtchn *e = evtchn_of(d, port);
    struct binding b, rb;
    struct domain *rd;
    uint64_t word;

    if (e == NULL)
        return NULL;
    b = evtchn_binding(e);
    if (b.state != PORT_INTERDOMAIN)
        return NULL;
    word = peer_word(d, port, &b, &rd);
    rb = binding_unpack(word);
    return word != 0 && rb.consumer == 0 ? evtchn_set_pending(rd, b.peer, rb.vcpu) : NULL;
}

void evtchn_send_vcpu_virq(struct vcpu *v, unsigned int virq)
{
    uint32_t port = READ_ONCE(v->evtchn.virq_port[virq]);
    const struct evtchn *e = evtchn_of(v->domain, port);
    struct binding b;

    if (e == NULL)
        return;
    b = evtchn_binding(e);
    if (b.state == PORT_VIRQ && b.peer == virq)
        evtchn_set_pending(v->domain, port, b.vcpu);
}

void evtchn_send_global_virq(struct domain *d, unsigned int virq)
{
    struct vcpu *v = domain_vcpu(d, 0);

    if (v != NULL)
        evtchn_send_vcpu_virq(v, virq);
}

bool evtchn_upcall_pending(const struct vcpu *v)
{
    const struct vcpu_info *info = READ_ONCE(v->evtchn.info);

    return info != NULL && READ_ONCE(info->evtchn_upcall_pending) != 0;
}
