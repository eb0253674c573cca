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

#include "slot.h"

/* Ids index bits of one word. */
#define IOREQ_SERVERS_LIMIT 64

/* Limits that the host's owner sets; constant after boot (limits.c). */
extern unsigned int ioreq_max_servers; /* a target domain; <= IOREQ_SERVERS_LIMIT */
extern unsigned int ioreq_max_ranges;  /* merged ranges of a server in one space */
extern uint64_t ioreq_max_bytes;       /* of memory for one target domain's registry */

/*
 * One device model's claim on a target. Constant after creation but for the ranges (ioreq lock)
 * and the ports, each of which is set before its vCPU first runs.
 */
struct ioreq_server {
    struct domain *target, *owner; /* references */
    struct page *page;             /* reference; the slots, shared with the owner */
    struct ioreq_slot *slots;      /* [vcpu id] */
    uint32_t id;
    uint64_t generation;                     /* never twice in a domain */
    struct rangeset ranges[IOREQ_NR_SPACES]; /* ioreq lock */
    struct rcu_head rcu;
    evtchn_port port[]; /* [vcpu id], 0: none. Ours: the slot's copy is never believed */
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
    uint64_t leftover;   /* ids of which `route` still has intervals; ioreq lock */
    uint64_t leftover_charge[IOREQ_SERVERS_LIMIT]; /* bytes that those cost; ioreq lock */
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
 * -ERESTART from create.
 */
int ioreq_server_create(struct domain *d, uint32_t *id);
int ioreq_server_set_state(struct domain *d, uint32_t id, bool enable);
int ioreq_server_info(struct domain *d, uint32_t id, bool no_gfns);
/* What one server of d costs, without ranges. */
uint64_t ioreq_server_charge(const struct domain *d);
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
/* Put a request of current into its slot of s and notify: IOREQ_SENT or IOREQ_UNCLAIMED. */
enum ioreq_result ioreq_post(struct vcpu *v, struct ioreq_server *s,
                             const struct ioreq_access *access);

/* --- invalidate.c --- */
/* One server has answered, or will not: ask the next. */
void ioreq_invalidate_next(struct vcpu *v);

/* --- ranges.c --- */
/* Claim or give up [start, end] of a space. They take the lock. errnos of the interface. */
int ioreq_range_map(struct domain *d, uint32_t id, uint32_t type, uint64_t start, uint64_t end);
int ioreq_range_unmap(struct domain *d, uint32_t id, uint32_t type, uint64_t start, uint64_t end);
void ioreq_ranges_init(struct ioreq_server *s);
/* Empty a server's rangesets. What they and the table's intervals cost remains charged. */
void ioreq_ranges_free(struct ioreq_server *s);
/* What that is. ioreq lock held. */
uint64_t ioreq_ranges_charge(const struct ioreq_server *s);

/* --- route.c; ioreq lock held unless said otherwise --- */
/* A change of the table, made but not yet published. */
struct ioreq_route_change {
    struct imap_txn txn;
    struct ioreq_route_garbage *garbage; /* for what it replaces */
    enum ioreq_space space;
};

/*
 * Add server `id` to (or take it from) all of [first, last]: 0, then one of the next two; or
 * -ENOMEM, nothing to undo.
 */
int ioreq_route_prepare(const struct ioreq_registry *reg, struct ioreq_route_change *change,
                        enum ioreq_space space, uint64_t first, uint64_t last, uint32_t id,
                        bool add);
void ioreq_route_commit(struct ioreq_registry *reg, struct ioreq_route_change *change);
void ioreq_route_abort(struct ioreq_route_change *change);
/* Whether server `id` takes part. Cannot fail; readers may still act on what was before. */
void ioreq_route_enable(struct ioreq_registry *reg, uint32_t id, bool on);
/* Take `id` out of every interval. -ERESTART, -ENOMEM: some remain, call again. */
int ioreq_route_purge(struct ioreq_registry *reg, uint32_t id);
/* Free the tables; no reader is left. */
void ioreq_route_free(struct ioreq_registry *reg);
/* The id of the winner for an access of v that covers [first, last], or -1. RCU, no lock. */
int ioreq_route(struct vcpu *v, const struct ioreq_registry *reg, enum ioreq_space space,
                uint64_t first, uint64_t last);

/* --- pages.c --- */
/* The page of slots. -ENOMEM, -EINVAL when the target is dying. */
int ioreq_pages_alloc(struct ioreq_server *s);
void ioreq_pages_free(struct ioreq_server *s);
/* Tell the device model v's port. ioreq lock held. */
void ioreq_pages_publish_port(struct ioreq_server *s, const struct vcpu *v);

/* --- complete.c --- */
/* The consumer of every server's ports (evtchn.h): v's request may be answered. Lock-free. */
void ioreq_notified(struct vcpu *v, evtchn_port port);

#endif
