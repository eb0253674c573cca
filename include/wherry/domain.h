/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains and vCPUs: identity, life, pausing, shutdown.
 *
 * Life of a domain: domain_create() -> vcpu_create() ... -> domain_start() ->
 * domain_shutdown()/domain_crash() -> domain_kill() -> last domain_put() frees the struct after a
 * grace period. References: the domain table (until killed), each accounted page (all of them
 * together hold one), each ioreq server of which it is the emulator, domain_get() callers.
 * vCPU structs live as long as their domain.
 */
#ifndef WHERRY_DOMAIN_H
#define WHERRY_DOMAIN_H

#include <asm/domain.h>
#include <public/xen.h>
#include <wherry/atomic.h>
#include <wherry/evtchn.h>
#include <wherry/ioreq.h>
#include <wherry/mm.h>
#include <wherry/mmio.h>
#include <wherry/p2m.h>
#include <wherry/runstate.h>
#include <wherry/sched.h>
#include <wherry/smp.h>
#include <wherry/spinlock.h>
#include <wherry/types.h>

/*
 * Deferred work of a vCPU, tested as one word on the way to the guest. Set by vcpu_set_work()
 * from any pCPU; taken and done by the exit path on the vCPU's own pCPU.
 */
#define VCPU_WORK_RESCHED 0x01 /* pause flags changed, slice over: run the scheduler */
#define VCPU_WORK_IOREQ   0x02 /* a forwarded access may be answered */
#define VCPU_WORK_IRQ     0x04 /* virtual interrupt state changed: flush to list registers */
#define VCPU_WORK_INVAL   0x08 /* owes device models a mapcache invalidation */
#define VCPU_WORK_RCU     0x10 /* this pCPU has RCU callbacks to look at */

struct vcpu {
    struct arch_vcpu arch;  /* first: the trap entry saves registers at its start */
    atomic32_t work;        /* VCPU_WORK_* */
    atomic32_t pause_flags; /* VPF_*, and the pause count; runnable when 0 */
    struct domain *domain;
    unsigned int id;
    struct sched_vcpu sched;
    struct vcpu_ioreq ioreq;
    struct vcpu_evtchn evtchn;
    struct vcpu_runstate runstate;
    bool initialised; /* has registers (VCPUOP_initialise, PSCI CPU_ON) */
};

enum domain_state {
    DOMAIN_BUILDING, /* not yet run */
    DOMAIN_ALIVE,
    DOMAIN_DYING, /* domain_kill() under way: no new resources may be attached */
    DOMAIN_DEAD,  /* off the table; only references keep the struct */
};

struct domain_stats {
    atomic64_t forwarded;      /* requests sent to device models */
    atomic64_t buffered;       /* requests put into device models' rings */
    atomic64_t buffered_lost;  /* broadcasts that a ring had no room for */
    atomic64_t unclaimed;      /* accesses that nobody claimed */
    atomic64_t undecoded;      /* accesses whose instruction could not be decoded */
    atomic64_t hypercalls_bad; /* unknown hypercalls */
};

struct domain {
    domid_t id;
    bool is_control; /* may act on every other domain */
    atomic32_t refs;
    uint32_t state; /* enum domain_state; domctl lock to write, READ_ONCE to read */

    unsigned int max_vcpus;
    struct vcpu **vcpu; /* [max_vcpus]; entries set once, with release, under the domctl lock */

    /* Memory. */
    struct spinlock page_lock; /* LOCK_RANK_PAGE_OWNER: the two counters */
    uint64_t tot_pages, max_pages;
    struct p2m p2m;
    struct page *shared_info_page; /* constant from creation to the last reference */
    struct shared_info *shared_info;

    struct evtchn_domain evtchn;
    struct ioreq_domain ioreq;
    struct mmio_handlers mmio;

    /* HVM parameters, each a single word: READ_ONCE/WRITE_ONCE, set-once rules by cmpxchg. */
    uint64_t hvm_params[DOMAIN_NR_HVM_PARAMS];

    domid_t device_model_for; /* this domain may act on that one, or DOMID_INVALID. Constant */

    atomic32_t control_pauses; /* domctl pauses outstanding (domctl.c) */
    atomic32_t shutdown_code;  /* SHUTDOWN_* + 1, or 0 while running */
    struct domain_stats stats;
    atomic64_t log_budget; /* gprintk token bucket: time of next allowed line; see printk.c */
    atomic32_t log_dropped;

    struct console_domain *console; /* line assembly of console_io and vpl011 (console.c) */
    struct arch_domain arch;
    struct rcu_head shutdown_rcu; /* pending release of what it serves, once */
    struct rcu_head rcu;
};

struct domain_create_params {
    domid_t id;
    bool is_control;
    unsigned int max_vcpus;
    uint64_t max_pages;
    domid_t device_model_for;
    struct arch_domain_config arch;
};

/* Create an empty, paused domain. Takes the domctl lock. -EEXIST, -ENOMEM, -EINVAL. */
int domain_create(const struct domain_create_params *params, struct domain **out);
/* Create vCPU `id` < max_vcpus, VPF_DOWN. affinity 0: any. Adds it to every ioreq server. */
int vcpu_create(struct domain *d, unsigned int id, uint64_t affinity, struct vcpu **out);

/* Building is over: let it run. */
void domain_start(struct domain *d);

/* The domain with this id, or NULL; valid until this CPU leaves the hypervisor (RCU). */
struct domain *domain_by_id(domid_t id);
/* A longer reference; false if the struct is already on its way out. */
bool __must_check domain_get(struct domain *d);
void domain_put(struct domain *d);
/* Iterate over the table under RCU: next domain with id >= `from`, or NULL. */
struct domain *domain_next(unsigned int from);

#define for_each_domain(d) \
    for ((d) = domain_next(0); (d) != NULL; (d) = domain_next((unsigned int)(d)->id + 1))

static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? load_acquire(&d->vcpu[id]) : NULL;
}

#define for_each_vcpu(d, v, i)                 \
    for ((i) = 0; (i) < (d)->max_vcpus; (i)++) \
        if (((v) = domain_vcpu((d), (i))) != NULL)

static inline bool domain_is_dying(const struct domain *d)
{
    return READ_ONCE(d->state) >= DOMAIN_DYING;
}

static inline bool domain_is_shut_down(const struct domain *d)
{
    return atomic32_read(&d->shutdown_code) != 0;
}

/* May `caller` act on `target` as its device model (DM_PRIV of ABI.md 1.2)? */
static inline bool domain_may_serve(const struct domain *caller, const struct domain *target)
{
    return caller->is_control || caller->device_model_for == target->id;
}

/* Nested pause of all vCPUs, as vcpu_pause(). A new vCPU starts paused once, like its domain. */
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
/* No vCPU of a paused domain is on a pCPU any more. */
bool domain_is_quiescent(const struct domain *d);

/*
 * The guest is done (SCHEDOP_shutdown, PSCI), any locks held: record the first reason (SHUTDOWN_*),
 * stop its vCPUs, tell the control domain (VIRQ_DOM_EXC). SHUTDOWN_reboot rebuilds nothing.
 */
void domain_shutdown(struct domain *d, unsigned int reason);

/* The guest cannot go on: logs `fmt` rate limited, then domain_shutdown(SHUTDOWN_crash). */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);

/*
 * Destroy: stop, destroy servers, close event channels, free memory. -ERESTART: not finished, call
 * again after passing the exit path (its vCPUs have to stop; a piece of memory was freed).
 */
int domain_kill(struct domain *d);

/* --- arch hooks --- */
int arch_domain_create(struct domain *d, const struct arch_domain_config *config);
void arch_domain_destroy(struct domain *d);
int arch_vcpu_create(struct vcpu *v);
void arch_vcpu_destroy(struct vcpu *v);
/* Where vCPU 0's guest starts etc. is arch business (PSCI CPU_ON, domain builder). */
void arch_vcpu_dump(const struct vcpu *v);

/*
 * Set deferred work for v and, if it is running in its guest on another pCPU, kick it there.
 * The caller published what the work refers to before.
 */
static inline void vcpu_set_work(struct vcpu *v, uint32_t work)
{
    uint32_t old = atomic32_fetch_or(&v->work, work); /* full barrier; partner: exit path */

    if ((old & work) == work)
        return;
    if (v != current && READ_ONCE(v->sched.on_cpu))
        arch_smp_kick(v->sched.cpu);
}

#endif
