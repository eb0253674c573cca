/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE SUBJECT as the rest of the hypervisor sees it: hand an access to the device model that
 * claimed it, and finish it when the answer is there. Implemented in common/ioreq/; with
 * CONFIG_IOREQ_SERVER off, the inline no-ops at the end.
 */
#ifndef WHERRY_IOREQ_H
#define WHERRY_IOREQ_H

#include <wherry/atomic.h>
#include <wherry/rcu.h>
#include <wherry/spinlock.h>
#include <wherry/types.h>

struct domain;
struct vcpu;
struct page;

enum ioreq_space {
    IOREQ_SPACE_PORT = 0, /* numbers as in XEN_DMOP_IO_RANGE_* */
    IOREQ_SPACE_MEMORY = 1,
    IOREQ_SPACE_PCI = 2,
    IOREQ_NR_SPACES
};

/* One access to forward, and what is known of it until it completes. */
struct ioreq_access {
    uint64_t addr;  /* memory: gpaddr; port: number; PCI: sbdf << 32 | register */
    uint64_t data;  /* write: value, masked to size; after completion of a read: the answer */
    uint32_t count; /* 1 unless a REP batch */
    uint8_t size;   /* bytes: 1, 2, 4, 8 */
    uint8_t type;   /* IOREQ_TYPE_* of the public header */
    uint8_t space;  /* enum ioreq_space */
    bool read;
    bool df;
    bool data_is_ptr;
    bool buffered; /* a write that need not be waited for, if its server has a ring with room */
};

/* Frames in the pool of HVM_PARAM_IOREQ_SERVER_PFN, at most. */
#define IOREQ_MAX_LEGACY_GFNS 64

/* May the pages of a server be frames of its guest? */
#ifdef CONFIG_IOREQ_LEGACY_GFN
static inline bool ioreq_has_legacy_gfns(void)
{
    return true;
}
#else
static inline bool ioreq_has_legacy_gfns(void)
{
    return false;
}
#endif

enum ioreq_result {
    IOREQ_SENT, /* the vCPU waits (VPF_IOREQ); arch_ioreq_complete() comes later */
    IOREQ_DONE, /* in the server's buffered ring: finished, arch_ioreq_complete() never comes */
    IOREQ_UNCLAIMED, /* no server, or it cannot take it */
    IOREQ_RETRY,     /* domain is shutting down: leave the instruction for later */
};

#ifdef CONFIG_IOREQ_SERVER

struct ioreq_registry; /* common/ioreq/ */

/* In struct domain: the servers that serve it. */
struct ioreq_domain {
    struct spinlock lock;            /* LOCK_RANK_IOREQ: everything below */
    struct ioreq_registry *registry; /* NULL until the first server; published with release */
    struct vcpu **vcpu;              /* [max_vcpus]: those that joined and have their ports */
    atomic64_t ram_generation;       /* grows each time RAM leaves the p2m; atomic, no lock */
    uint64_t bytes;                  /* allocated for servers, ranges and tables; limited */
    struct rcu_head owner_died;      /* of this domain as an owner; queued while... */
    atomic32_t owner_died_queued;    /* ... this is set */
};

/*
 * In struct vcpu. Written by the vCPU's own pCPU while it is in the hypervisor. Who destroys a
 * server reads the first four from elsewhere, after a grace period.
 */
struct vcpu_ioreq {
    bool in_flight;
    uint8_t last_state;  /* last state sampled, for the monotony check */
    uint32_t server_id;  /* who has the request, looked up again at completion */
    uint64_t generation; /* of that server; ids are reused */
    struct ioreq_access access;
    uint64_t inval_wanted;  /* the ram_generation that every enabled server has to acknowledge */
    uint64_t inval_waiting; /* who was asked and has not answered: bit id */
    /* Last routing hit: valid while the domain's table version is the same. */
    uint64_t hit_version, hit_first, hit_last;
    uint32_t hit_server;
    uint8_t hit_space;
};

/* A domain starts without servers. -ENOMEM. */
int ioreq_init_domain(struct domain *d);
/* Destroy every server of d and refuse new ones. No vCPU of d runs any more. Repeatable. */
void ioreq_destroy_domain(struct domain *d);
/*
 * `owner` is dying or has shut down (already recorded in it): destroy the servers that it has in
 * other domains; requests in flight complete as unclaimed. Done after this CPU left the
 * hypervisor, so it may be called in any context and with any lock held. Repeatable.
 */
void ioreq_owner_died(struct domain *owner);
/* A vCPU joins: give it a port on every server. 0 or -ENOSPC/-ENOMEM: it has none. */
int ioreq_init_vcpu(struct vcpu *v);
/* It leaves for good and is off its pCPU: its ports go. */
void ioreq_destroy_vcpu(struct vcpu *v);

/*
 * Forward an access of current. Lock-free, no allocation, O(log n). On IOREQ_SENT the access is
 * kept in v->ioreq and the vCPU must go to the exit path with its PC still at the instruction.
 * Unclaimed accesses are counted here, not logged.
 */
enum ioreq_result ioreq_forward(struct vcpu *v, const struct ioreq_access *access);

/* Would an access of current to [first, last] of memory be forwarded? Sends nothing. */
bool ioreq_claims(struct vcpu *v, uint64_t first, uint64_t last);

/*
 * RAM has left d's p2m and TLBs, and device models may have cached what was there. The vCPU whose
 * hypercall did it (or, when another domain did, every vCPU of d) returns to its guest only after
 * each enabled server has acknowledged a ram_generation that is no older: VCPU_WORK_INVAL.
 * Any locks may be held but the scheduler's.
 */
void ioreq_ram_removed(struct domain *d);
/* Exit path, VCPU_WORK_INVAL: ask all servers at once, and wait for them. */
void ioreq_invalidate_work(struct vcpu *v);

/* Exit path, VCPU_WORK_IOREQ: completes the access if it is answered, else blocks v again. */
void ioreq_vcpu_work(struct vcpu *v);

/*
 * XENMEM_acquire_resource, type ioreq_server: one frame, with a reference for current's domain.
 * -EINVAL (id > 0xffff, frame > 1), -ENOENT (no such server; frame 0, the buffered ring, of a
 * server without), -EPERM (not the owner).
 */
int ioreq_acquire_frame(struct domain *d, uint32_t id, uint64_t frame, struct page **out);
/* Number of frames the resource has. */
unsigned int ioreq_nr_frames(const struct domain *d);

/* dm_op hypercall (41): `bufs` is the guest virtual address of the array. 0 or -errno. */
long do_dm_op(uint64_t domid, uint64_t nr_bufs, uint64_t bufs);

/* Debug key: servers, ranges, in-flight requests. */
void ioreq_dump(struct domain *d);

/* --- arch hooks --- */
/*
 * v's access is finished: write the result where the instruction wants it and step over it. On a
 * read access->data is masked to size (all ones if `answered` is false:
 * the server went away, and the access ends like one that was given up).
 */
void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered);
/* A DM op of this architecture: 0/-errno, *copy_back set if the op has OUT fields. */
struct xen_dm_op;
int arch_dm_op(struct domain *d, struct xen_dm_op *op, bool *copy_back);
/* Bytes that such an op uses of the union; 0: this architecture does not have it. */
unsigned int arch_dm_op_size(uint32_t op);

#else

struct ioreq_domain {
    char none[0];
};
struct vcpu_ioreq {
    char none[0];
};
static inline int ioreq_init_domain(struct domain *d)
{
    (void)d;
    return 0;
}
static inline void ioreq_destroy_domain(struct domain *d)
{
    (void)d;
}
static inline void ioreq_owner_died(struct domain *owner)
{
    (void)owner;
}
static inline int ioreq_init_vcpu(struct vcpu *v)
{
    (void)v;
    return 0;
}
static inline void ioreq_destroy_vcpu(struct vcpu *v)
{
    (void)v;
}
static inline enum ioreq_result ioreq_forward(struct vcpu *v, const struct ioreq_access *access)
{
    (void)v;
    (void)access;
    return IOREQ_UNCLAIMED;
}
static inline bool ioreq_claims(struct vcpu *v, uint64_t first, uint64_t last)
{
    (void)v;
    (void)first;
    (void)last;
    return false;
}
static inline void ioreq_ram_removed(struct domain *d)
{
    (void)d;
}
static inline void ioreq_invalidate_work(struct vcpu *v)
{
    (void)v;
}
static inline void ioreq_vcpu_work(struct vcpu *v)
{
    (void)v;
}
static inline int ioreq_acquire_frame(struct domain *d, uint32_t id, uint64_t frame,
                                      struct page **out)
{
    (void)d;
    (void)id;
    (void)frame;
    (void)out;
    return -95; /* EOPNOTSUPP: no such resource type */
}
static inline unsigned int ioreq_nr_frames(const struct domain *d)
{
    (void)d;
    return 0;
}

#endif

#if defined(CONFIG_IOREQ_SERVER) && defined(CONFIG_IOREQ_BUFFERED)
/*
 * Put a write into the ring of each enabled server of d that has one. Servers without are skipped;
 * where a ring is full the request is lost, logged and counted. Returns how many lost it. RCU;
 * takes only the lock of one ring at a time.
 */
unsigned int ioreq_broadcast_buffered(struct domain *d, const struct ioreq_access *access);
#else
static inline unsigned int ioreq_broadcast_buffered(struct domain *d,
                                                    const struct ioreq_access *access)
{
    (void)d;
    (void)access;
    return 0;
}
#endif
#endif
