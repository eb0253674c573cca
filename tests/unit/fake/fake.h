/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for the neighbours of common/ioreq/ in its unit tests: allocator with failure
 * injection, RCU whose grace periods the test ends, scheduler and event channels that record. Each
 * real one has tests of its own.
 */
#ifndef WHERRY_TESTS_FAKE_H
#define WHERRY_TESTS_FAKE_H

#include <wherry/domain.h>

/* --- alloc.c --- */
extern long fake_alloc_fail_at;         /* the n-th kzalloc() from now fails, from 0; -1: none */
extern bool fake_alloc_fail_all;        /* ... and all after it */
extern unsigned long fake_alloc_live;   /* objects not freed */
extern unsigned long fake_alloc_failed; /* how many were made to fail */
extern unsigned long fake_alloc_calls;  /* all ever made */
/* Has the allocation that is about to be made to fail? Counts it. */
bool fake_alloc_fails(void);

/* --- panic.c --- */
#define FAKE_LOG_SIZE 65536
extern char fake_log[FAKE_LOG_SIZE]; /* what was printed, as long as it fits; a test clears it */

/* --- rcu.c --- */
extern unsigned int fake_grace_periods;     /* synchronize_rcu() calls */
extern void (*fake_synchronize_hook)(void); /* called while it waits; NULL: nothing */
/* End the grace period: run what rcu_call() queued, and what that queues. */
void fake_rcu_run(void);

/* --- sched.c --- */
extern struct vcpu *fake_switched_to; /* last sched_switch_to() */
extern unsigned int fake_wakes;       /* pause_flags that became 0 */
/* One pass of v's exit path: true if it reached its guest, false if it waits. */
bool fake_exit_path(struct vcpu *v);

/* --- domain.c --- */
/* A running domain with all its vCPUs. */
struct domain *fake_domain_create(domid_t id, unsigned int max_vcpus);
/* Without vCPUs; add them one by one. */
struct domain *fake_domain_create_empty(domid_t id, unsigned int max_vcpus);
/* 0 or ioreq_init_vcpu()'s error, and then there is no vCPU. */
int fake_vcpu_create(struct domain *d, unsigned int id);
/* What domain_kill() does of interest here, in its order. */
void fake_domain_kill(struct domain *d);
/* Kill all, end grace periods, check that nothing is left of any. */
void fake_domains_cleanup(void);
extern unsigned int fake_crashes; /* domain_crash() calls */

/* --- evtchn.c --- */
struct fake_port {
    struct vcpu *v; /* NULL: free */
    domid_t remote;
    evtchn_consumer_fn fn;
    struct vcpu *bound; /* the device model's vCPU, if it bound the port */
    unsigned int notified;
};
#define FAKE_MAX_PORTS 1024
extern unsigned int fake_port_limit; /* highest port number of each domain */
struct fake_port *fake_port(struct domain *d, evtchn_port port);
/* The device model notifies. */
void fake_send(struct domain *d, evtchn_port port);
unsigned int fake_ports_in_use(struct domain *d);
void fake_evtchn_reset(void);

#endif
