/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels, 2-level ABI.
 *
 * A port's whole binding is one 64-bit word (state, peer domain, peer port, notify vCPU), so that
 * sending reads it once and takes no lock. Changes are made under the domain's evtchn lock.
 */
#ifndef WHERRY_EVTCHN_H
#define WHERRY_EVTCHN_H

#include <public/event_channel.h>
#include <wherry/atomic.h>
#include <wherry/spinlock.h>
#include <wherry/timer.h>
#include <wherry/types.h>

struct domain;
struct vcpu;
struct evtchn;

typedef uint32_t evtchn_port;

#define EVTCHN_MAX_PORTS    4096 /* 2-level, 64-bit words */
#define EVTCHN_BUCKET_PORTS 128
#define EVTCHN_BUCKETS      (EVTCHN_MAX_PORTS / EVTCHN_BUCKET_PORTS)

struct evtchn_domain {
    struct spinlock lock;                  /* LOCK_RANK_EVTCHN: allocation and binding of ports */
    struct evtchn *bucket[EVTCHN_BUCKETS]; /* set once with release; freed with the domain */
    unsigned int max_ports;                /* limit for this domain */
    uint64_t *mask;                        /* in shared_info; any vCPU of the domain moves it */
    bool words32;                          /* shared_info is as 32-bit code has it; as above */
    bool dead;                             /* destroyed: no port can be allocated; lock */
    atomic64_t pollers;                    /* bit n: vCPU n waits in SCHEDOP_poll */
};

#define EVTCHN_NR_VIRQS 24

struct vcpu_evtchn {
    struct vcpu_info *info;              /* inside shared_info or registered; hypervisor mapping */
    struct page *info_page;              /* reference when registered, else NULL */
    uint16_t virq_port[EVTCHN_NR_VIRQS]; /* 0: unbound; evtchn lock to write */
    uint32_t poll_port;                  /* SCHEDOP_poll on exactly this port, 0: several or none */
    struct timer poll_timer;             /* end of a SCHEDOP_poll */
};

_Static_assert(CONFIG_MAX_VCPUS <= 64, "pollers are a bit mask");

int evtchn_init(struct domain *d);
/* Close every port. Domain is dying, its vCPUs are stopped. */
void evtchn_destroy(struct domain *d);
/* Free the memory (no reader can have it: after the last reference). */
void evtchn_free(struct domain *d);
/*
 * Whether the words of shared_info and vcpu_info have 4 bytes or 8, as the domain's own code says
 * when it begins. What is there is not moved; a guest of 4 bytes gets ports below 1024 only.
 */
void evtchn_set_layout(struct domain *d, bool words32);
int evtchn_init_vcpu(struct vcpu *v);
void evtchn_destroy_vcpu(struct vcpu *v);

/*
 * Called in the sender's context when the peer of a hypervisor port notifies it: `v` is the vCPU
 * named at allocation. Lock-free path: must not take locks, may set work and wake.
 */
typedef void (*evtchn_consumer_fn)(struct vcpu *v, evtchn_port port);

/*
 * A port in v's domain whose local end is the hypervisor; `remote` may bind to it with
 * bind_interdomain. The guest can see it (status) but not close, send on or reset it.
 * Returns the port (> 0) or -ENOSPC/-ENOMEM. One of at most 8 consumer functions, registered by
 * first use.
 */
int evtchn_alloc_consumer(struct vcpu *v, domid_t remote, evtchn_consumer_fn fn);
/* Unbind and free it (closes the peer's end to unbound/closed as the ABI says). */
void evtchn_free_consumer(struct domain *d, evtchn_port port);
/*
 * Hypervisor end -> peer: set the peer's port pending. Lock-free. Returns the vCPU that was
 * notified (for a directed switch), or NULL when nothing is bound there.
 */
struct vcpu *evtchn_notify_consumer_peer(struct domain *d, evtchn_port port);

/* VIRQs: per-vCPU and global (delivered to the vCPU that bound it, vCPU 0's table). */
void evtchn_send_vcpu_virq(struct vcpu *v, unsigned int virq);
void evtchn_send_global_virq(struct domain *d, unsigned int virq);

/* Has v an unmasked upcall pending (for block/WFI decisions)? Reads vcpu_info once. */
bool evtchn_upcall_pending(const struct vcpu *v);

/* VCPUOP_register_vcpu_info: once for a vCPU, own RAM, else -EINVAL; 8-byte aligned on one page,
 * else -ENXIO. */
int evtchn_register_vcpu_info(struct vcpu *v, gfn_t gfn, unsigned int offset);

/*
 * SCHEDOP_poll of current: returns at once if one of the ports is pending or an event is
 * deliverable; else blocks until then or until `timeout` (absolute ns; 0: none). -EINVAL.
 */
int evtchn_poll(const evtchn_port *ports, unsigned int n, uint64_t timeout);

void evtchn_dump(struct domain *d);

/* --- arch hook --- */
/*
 * v's evtchn_upcall_pending became 1: raise the upcall interrupt (level: stays while the flag is
 * set). Any pCPU, no lock needed, must be cheap; ends with vcpu_wake_event() if deliverable.
 */
void arch_evtchn_upcall(struct vcpu *v);

#endif
