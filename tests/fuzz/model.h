/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ioreq core should do, said a second time and as simply as possible: plain lists, linear
 * searches, nothing shared with common/ioreq/ but the sizes that its budget counts.
 * fuzz_hypercall.c makes each call on both and compares (model_check.c).
 */
#ifndef WHERRY_FUZZ_MODEL_H
#define WHERRY_FUZZ_MODEL_H

#include <wherry/domain.h>

struct fuzz_input;

#define MODEL_DOMAINS 4
#define MODEL_FRAMES  96 /* of the machine: few, so that they run out */
#define MODEL_VCPUS   3
#define MODEL_SERVERS 64

struct model_range {
    uint64_t first, last;
};

/* Disjoint, not adjacent, ascending. */
struct model_set {
    unsigned int nr, room;
    struct model_range *range;
};

/* What the slot has, as far as the hypervisor ever looks at it. */
struct model_slot {
    uint8_t state;
    uint32_t eport;
    uint64_t data;
};

/* A buffered ring. `read` is what the page has. */
struct model_ring {
    uint8_t mode;
    bool wild; /* the device model wrote our pointer, or where it had none to write */
    uint32_t port, read, write;
    uint64_t last; /* the last slot's word; 0: none yet */
};

struct model_server {
    uint32_t id;
    const struct domain *owner;
    uint64_t generation;
    bool enabled;
    bool settling;   /* disabled by a call that waits for its grace period */
    bool owner_gone; /* killed: goes when the grace period ends */
    struct model_set set[IOREQ_NR_SPACES];
    uint64_t acked;             /* the newest removal of RAM it has acknowledged */
    uint8_t owes[MODEL_VCPUS];  /* last state of an invalidation not yet answered, or NONE */
    bool left[MODEL_VCPUS];     /* a request stays in the slot that nobody waits for */
    uint32_t port[MODEL_VCPUS]; /* whichever the core chose */
    struct model_slot slot[MODEL_VCPUS];
    struct model_ring ring;
};

struct model_vcpu {
    struct vcpu *v;              /* NULL: does not exist */
    bool blocked;                /* VPF_IOREQ */
    bool work_ioreq, work_inval; /* on its way to the guest */
    bool waiting;                /* for the answer to `access` */
    uint32_t server;
    uint64_t generation;
    uint8_t last_state;
    struct ioreq_access access;
    uint64_t inval_wanted, inval_asked;
    unsigned int completions; /* and how the last one came out */
    bool answered;
    uint64_t result;
};

struct model_domain {
    struct domain *d; /* NULL: does not exist */
    uint64_t serial;  /* no two domains ever have the same */
    bool shut_down;
    bool owner_died; /* its servers elsewhere go when the grace period ends */
    unsigned int pauses;
    bool registry;
    uint64_t generation;
    uint64_t ram_generation;
    /* Servers that are gone, until the grace period ends: id, and whom to wake. */
    uint64_t busy;
    struct {
        uint64_t generation;
        uint32_t owed; /* bit: vCPU */
    } retiring[MODEL_SERVERS];
    uint64_t leftover; /* ids of which the core still has intervals, and what they cost */
    uint64_t leftover_bytes[MODEL_SERVERS];
    struct model_server *server[MODEL_SERVERS];
    struct model_vcpu vcpu[MODEL_VCPUS];
    uint64_t forwarded, unclaimed, buffered, buffered_lost;
};

struct model {
    struct model_domain domain[MODEL_DOMAINS];
    unsigned int max_servers, max_ranges; /* limits */
    uint64_t max_bytes;
};

extern struct model model;

/* What the core does to a slot, in the model's words. */
enum model_store {
    MODEL_REQUEST, /* a whole request, READY */
    MODEL_TAKEN,   /* its answer was taken: NONE, the other bits as in the request */
    MODEL_RESET,   /* NONE, nothing else */
    MODEL_PORT,    /* the port is named */
};

/*
 * For a fuzzer in which shared memory changes at every load: where the model's loads and stores go.
 * All NULL: slots are plain memory, that model_sample() has read.
 */
struct model_shared {
    uint64_t (*load)(const struct model_server *s, unsigned int vcpu, unsigned int field);
    void (*store)(const struct model_server *s, unsigned int vcpu, enum model_store what,
                  const struct ioreq_access *a);
    /* The ring: read_pointer; take `by` from both pointers if they are these; a slot, or (pointer
     * MODEL_RING_POINTER) write_pointer. */
    uint32_t (*ring_load)(const struct model_server *s);
    bool (*ring_swap)(const struct model_server *s, uint32_t read, uint32_t write, uint32_t by);
    void (*ring_store)(const struct model_server *s, uint64_t pointer, uint64_t word);
    /* The core may have named a port in vCPU's slots and taken it back. */
    void (*forget)(const struct model_domain *t, unsigned int vcpu);
    uint8_t (*step)(struct fuzz_input *in); /* chooses the next step */
    void (*check)(void);                    /* after each step */
};

/* In place of a slot's pointer: write_pointer itself. */
#define MODEL_RING_POINTER (UINT64_C(1) << 32)

extern struct model_shared model_shared;

/* Forget everything; the limits stay. */
void model_reset(void);
struct model_domain *model_of(const struct domain *d);

/* --- the registry; 0 or -errno, and nothing changed --- */
int model_find(const struct model_domain *t, const struct domain *caller, uint32_t id,
               struct model_server **out);
/* May a server be made: the id, or -errno. Ports and host memory are not looked at. */
int model_may_create(struct model_domain *t, const struct domain *caller);
void model_created(struct model_domain *t, const struct domain *caller, uint32_t id, uint8_t mode);
int model_map(struct model_domain *t, struct model_server *s, uint32_t type, uint64_t first,
              uint64_t last, bool apply);
int model_unmap(struct model_domain *t, struct model_server *s, uint32_t type, uint64_t first,
                uint64_t last, bool apply);
/* The server goes; its id stays taken until model_retired(), which wakes who waits for it. */
void model_destroy(struct model_domain *t, uint32_t id);
void model_retired(struct model_domain *t, uint32_t id);
void model_set_state(struct model_domain *t, uint32_t id, bool enable);
/* After the grace period of disabling: who waits for an acknowledgement looks again. */
void model_disabled(struct model_domain *t, struct model_server *s);
void model_vcpu_added(struct model_domain *t, unsigned int vcpu);
/* A target dies, servers and all. */
void model_domain_gone(struct model_domain *t);
/* What the core has charged the target. */
uint64_t model_bytes(const struct model_domain *t);
uint64_t model_set_bytes(const struct model_server *s);
uint64_t model_server_bytes(const struct model_domain *t, uint8_t mode);
uint64_t model_registry_bytes(void);

/* --- accesses --- */
/* The id of the server that gets [first, last] of a space, or -1. */
int model_winner(const struct model_domain *t, unsigned int space, uint64_t first, uint64_t last);
/* The same of an access. */
int model_route(const struct model_domain *t, const struct ioreq_access *a);

/* --- model_run.c --- */
/* Read every slot, as the device models have left them, before the core looks at any. */
void model_sample(struct model_domain *t);
/* One load of a slot's field (SLOT_*), and one store. */
uint64_t model_load(const struct model_server *s, unsigned int vcpu, unsigned int field);
void model_store(struct model_server *s, unsigned int vcpu, enum model_store what,
                 const struct ioreq_access *a);
/* Where the core has put the ports; unique and nobody else's (checked). */
void model_learn_ports(struct model_domain *t);
enum ioreq_result model_forward(struct model_domain *t, struct model_vcpu *v,
                                const struct ioreq_access *a);
/* A notification arrived on v's port. */
void model_notified(struct model_vcpu *v);
void model_crash(struct model_domain *t);
void model_ram_removed(struct model_domain *t, struct model_vcpu *by);
/* v's exit path: does it reach its guest? */
bool model_exit_path(struct model_domain *t, struct model_vcpu *v);

/* --- model_ring.c --- */
/* Does the access go into the ring of s? */
bool model_ring_post(struct model_domain *t, struct model_server *s, const struct ioreq_access *a);
/* To each enabled server with a ring; how many had no room. */
unsigned int model_broadcast(struct model_domain *t, const struct ioreq_access *a);
void model_check_ring(const struct model_domain *t, const struct model_server *m);

/* --- model_check.c --- */
/* The core is as the model says; aborts with what differs. */
void model_check(const struct model_domain *t);
/* Routing at one point and at the seam behind it. */
void model_check_routing(const struct model_domain *t, unsigned int space, uint64_t at);
/* References and pages of everybody; slower. */
void model_check_references(void);

#endif
