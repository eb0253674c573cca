/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of common/ioreq/ share: servers, the registry of a domain, and who calls what.
 *
 * The registry changes under the target's ioreq lock. vCPUs that forward or complete an access
 * read it without: they are inside one RCU read-side section (rcu.h), so whatever they found stays
 * until they leave the hypervisor, and who removes something waits for a grace period.
 */
#ifndef WHERRY_IOREQ_PRIVATE_H
#define WHERRY_IOREQ_PRIVATE_H

#include <wherry/domain.h>
#include <wherry/ioreq.h>
#include <wherry/lib/imap.h>
#include <wherry/lib/rangeset.h>

#include "buffered.h"
#include "legacy_gfn.h"
#include "slot.h"

/* Ids index bits of one word. */
#define IOREQ_SERVERS_LIMIT 64

/* Limits that the host's owner sets; constant after boot (limits.c). */
extern unsigned int ioreq_max_servers; /* a target domain; <= IOREQ_SERVERS_LIMIT */
extern unsigned int ioreq_max_ranges;  /* merged ranges of a server in one space */
extern uint64_t ioreq_max_bytes;       /* of memory for one target domain's registry */

/* What a server has for a vCPU of its target. */
struct ioreq_server_vcpu {
    evtchn_port
        port; /* 0: none. Set before the vCPU first runs; the slot's copy is never believed */
    uint8_t inval_state; /* NONE, or the last state sampled of an invalidation it owes; own pCPU */
};

/*
 * One device model's claim on a target. Constant after creation but for the ranges (ioreq lock),
 * the newest acknowledgement and what each vCPU has.
 */
struct ioreq_server {
    struct domain *target, *owner; /* references */
    struct page *page;             /* reference; the slots, shared with the owner. With... */
    struct ioreq_slot *slots;      /* ... this, by vCPU, another one perhaps when enabled */
    uint32_t id;
    uint64_t generation;                     /* never twice in a domain */
    bool settling;                           /* being disabled, not over yet; ioreq lock */
    bool acquired;                           /* a page, by acquire_resource; ioreq lock */
    struct ioreq_gfns gfns;                  /* its pages as frames of the target; ioreq lock */
    struct rangeset ranges[IOREQ_NR_SPACES]; /* ioreq lock */
    struct rcu_head rcu;
    atomic64_t inval_acked; /* has forgotten all RAM that left up to this ram_generation; grows */
    struct ioreq_ring ring; /* its own lock */
    struct ioreq_server_vcpu vcpu[]; /* [vcpu id] */
};

/*
 * A domain's servers. `server` and `route` are read under RCU. A server's ranges stay in `route`
 * while it is disabled; `enabled` says whose count.
 */
struct ioreq_registry {
    struct ioreq_route {
        uint64_t version;                        /* changed after any of the rest; starts at 1 */
        uint64_t enabled;                        /* bit: server id */
        struct imap_node *root[IOREQ_NR_SPACES]; /* intervals -> bit set of the servers */
    } route;
    struct ioreq_server *server[IOREQ_SERVERS_LIMIT];
    uint64_t generation; /* last one given away; ioreq lock */
    uint64_t busy;       /* ids in use, or of a server that readers may still see; ioreq lock */
    uint64_t leftover;   /* ids of which `route` still has ranges; ioreq lock */
    struct ioreq_gfn_pool gfns; /* ioreq lock */
    /* Those ranges. ioreq lock. */
    struct ioreq_leftover {
        struct imap_node *ranges[IOREQ_NR_SPACES];
        uint64_t next;  /* those of the first space below this address are out of `route` */
        uint32_t count; /* to be paid for until all are */
    } left[IOREQ_SERVERS_LIMIT];
    struct rcu_head rcu;
};

/* --- limits.c; ioreq lock held --- */
/* Count `bytes` against d's limit, or -ENOMEM. */
int ioreq_charge(struct domain *d, uint64_t bytes);
void ioreq_uncharge(struct domain *d, uint64_t bytes);
/* The memory of rangesets and tables. What it costs is charged by merged range (ranges.c). */
extern const struct lib_alloc ioreq_alloc;

/* --- server.c; ioreq lock held unless said otherwise --- */
/* current's domain's server `id` of d: 0, -ENOENT, -EPERM. */
int ioreq_server_owned(struct domain *d, uint32_t id, struct ioreq_server **out);
/*
 * The following take the lock; current's domain is the caller. errnos of the interface, and
 * -ERESTART from create, and from set_state while another call disables the same server.
 */
int ioreq_server_create(struct domain *d, uint8_t bufioreq, uint32_t *id);
int ioreq_server_set_state(struct domain *d, uint32_t id, bool enable);
int ioreq_server_info(struct domain *d, struct xen_dm_op_get_ioreq_server_info *op);
/* What one server of d costs, without ranges; `bufioreq` is the mode of its buffered ring. */
uint64_t ioreq_server_charge(const struct domain *d, uint8_t bufioreq);
/* Give back memory and references: no port, no range, no reader is left. No lock held. */
void ioreq_server_free(struct ioreq_server *s);

/* A server by id and generation, or NULL. RCU, no lock. */
static inline struct ioreq_server *ioreq_server_find(const struct domain *d, uint32_t id,
                                                     uint64_t generation)
{
    struct ioreq_registry *reg = rcu_dereference(d->ioreq.registry);
    struct ioreq_server *s;

    if (reg == NULL)
        return NULL;
    s = rcu_dereference(reg->server[id]);
    return s != NULL && s->generation == generation ? s : NULL;
}

/* --- destroy.c --- */
/* Takes the lock, waits for a grace period: `d` may be stale afterwards. */
int ioreq_server_destroy(struct domain *d, uint32_t id);

/* --- ports.c; ioreq lock held --- */
/* A port for each vCPU that the target has: 0, or -ENOSPC/-ENOMEM and none. */
int ioreq_ports_add(struct ioreq_server *s);
void ioreq_ports_remove(struct ioreq_server *s);

/* --- forward.c --- */
/*
 * The three steps of a request of current in its slot of s. Fill the slot: false if the device
 * model left it unusable (logged), and then there is no request.
 */
bool ioreq_slot_prepare(const struct vcpu *v, struct ioreq_server *s,
                        const struct ioreq_access *access);
/* current waits from here on: before any request is visible, lest the answer comes first. */
void ioreq_start_waiting(struct vcpu *v);
/* The device model may see the request, and is told. */
void ioreq_slot_publish(struct vcpu *v, struct ioreq_server *s, const struct ioreq_access *access);

/* Does an access of v wait for s? Exact once a grace period has passed since v last posted to s. */
static inline bool ioreq_in_flight_at(const struct vcpu *v, const struct ioreq_server *s)
{
    const struct vcpu_ioreq *vi = &v->ioreq;

    return READ_ONCE(vi->in_flight) && READ_ONCE(vi->server_id) == s->id &&
           READ_ONCE(vi->generation) == s->generation;
}

/* --- invalidate.c --- */
/* current is woken and waits for acknowledgements: look at each, go on when none is owed. */
void ioreq_invalidate_answers(struct vcpu *v);
/* Does s owe v an acknowledgement? Exact once a grace period has passed since s last was asked. */
static inline bool ioreq_invalidate_owed(const struct ioreq_server *s, const struct vcpu *v)
{
    return READ_ONCE(s->vcpu[v->id].inval_state) != STATE_IOREQ_NONE;
}

/* --- ranges.c --- */
/* Claim or give up [start, end] of a space. They take the lock. errnos of the interface. */
int ioreq_range_map(struct domain *d, uint32_t id, uint32_t type, uint64_t start, uint64_t end);
int ioreq_range_unmap(struct domain *d, uint32_t id, uint32_t type, uint64_t start, uint64_t end);
void ioreq_ranges_init(struct ioreq_server *s);
/* Free a server's rangesets. What its ranges cost remains charged. */
void ioreq_ranges_free(struct ioreq_server *s);
/*
 * The server goes: its ranges stay behind with its id, to be taken out of the table. ioreq lock
 * held, as for the following.
 */
void ioreq_ranges_leave(struct ioreq_server *s);
/* Do that, for some of them. 0: none is left, nor charged. -ERESTART, -ENOMEM: call again. */
int ioreq_ranges_clean(struct domain *d, struct ioreq_registry *reg, uint32_t id);
/* Free what was left behind, with the tables. */
void ioreq_ranges_free_left(struct ioreq_registry *reg);

/* --- route.c; ioreq lock held unless said otherwise --- */
/* A change of the table, made but not yet published. */
struct ioreq_route_change {
    struct imap_txn txn;
    struct ioreq_route_garbage *garbage; /* for what it replaces */
    enum ioreq_space space;
};

/*
 * Add server `id` to all of [first, last], or take it from there, whichever it is not: 0, then one
 * of the next two; or -ENOMEM, nothing to undo. O(log n), whoever else claims how much of that.
 */
int ioreq_route_prepare(const struct ioreq_registry *reg, struct ioreq_route_change *change,
                        enum ioreq_space space, uint64_t first, uint64_t last, uint32_t id);
void ioreq_route_commit(struct ioreq_registry *reg, struct ioreq_route_change *change);
void ioreq_route_abort(struct ioreq_route_change *change);
/* Whether server `id` takes part. Cannot fail; readers may still act on what was before. */
void ioreq_route_enable(struct ioreq_registry *reg, uint32_t id, bool on);
/*
 * Take `id` out of at most n of its ranges from address *next on, which becomes where to go on; 0:
 * that was the last. How many, or -ENOMEM and nothing changed.
 */
int ioreq_route_remove(struct ioreq_registry *reg, enum ioreq_space space,
                       const struct imap_node *ranges, unsigned int n, uint32_t id, uint64_t *next);
/* Free the tables; no reader is left. */
void ioreq_route_free(struct ioreq_registry *reg);
/* The id of the winner for an access of v that covers [first, last], or -1. RCU, no lock. */
int ioreq_route(struct vcpu *v, const struct ioreq_registry *reg, enum ioreq_space space,
                uint64_t first, uint64_t last);

/* --- pages.c --- */
/* The page of slots. -ENOMEM, -EINVAL when the target is dying. */
int ioreq_pages_alloc(struct ioreq_server *s);
void ioreq_pages_free(struct ioreq_server *s);
/* Make v's slot ready for requests: the port, and nothing left of an answer that came too late. */
void ioreq_pages_publish_port(struct ioreq_server *s, const struct vcpu *v);

/* --- complete.c --- */
/* The consumer of every server's ports (evtchn.h): v's request may be answered. Lock-free. */
void ioreq_notified(struct vcpu *v, evtchn_port port);
/* Not answered: block current again, unless a notification came since the slot was read. */
void ioreq_wait_again(struct vcpu *v);

#endif
