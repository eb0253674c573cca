/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of what a device model sees: as control domain, over guests that run guest-suite (1, 2
 * vCPUs, and 2 to 8, which cases crash or destroy). One file for each subject.
 */
#ifndef DM_SUITE_H
#define DM_SUITE_H

#include "payload.h"
#include "suite_control.h"

#define GUEST 1

/* No stage 1 maps it: hypercall buffers here give EFAULT. */
#define BAD_POINTER ((void *)0x10000000000)

void test_dm_ops(void);
void test_resource(void);
void test_foreign(void);
void test_forms(void);
void test_routing(void);
void test_vcpus(void);
void test_interrupts(void);
void test_guest_rights(void);
void test_invalidation(void);
void test_history(void);
void test_hostile(void);
void test_security(void);

/* --- the architecture's part (arch/) --- */

/* Did the guest's read of that address find nothing and nobody? */
bool nothing_there(const struct box *b, uint64_t addr);
/* Does it have the DM op? */
bool arch_has_op(uint32_t nr);
void arch_test_dm_ops(void);
/* Mistakes of the past; both vCPUs of guest 1 run. */
void arch_test_security(void);
/* Many changes of a word in memory by read-modify-write. */
void arch_hammer(uint64_t *word);

/* --- the guests --- */

struct box *box_of(domid_t dom, unsigned int vcpu);
/* Wait until guest-suite runs in the domain; false: it does not. */
bool guest_attach(domid_t dom);
/* Give its control page back. */
void guest_detach(domid_t dom);
/* Post a command: fill in the box, then go. */
void box_go(struct box *b, unsigned int op);

/* --- serving --- */

#define MAX_SEEN 32

/* Requests as they came, and what each was or will be answered with. */
extern struct ioreq seen[MAX_SEEN];
extern uint64_t reply[MAX_SEEN];
extern unsigned int nr_seen;
extern unsigned int seen_vcpu[MAX_SEEN], seen_server[MAX_SEEN];

/* Serve these servers from now on (NULL ends the list); forgets what was seen. */
void serve_with(struct dm_server *a, struct dm_server *b);
/* Replaces the answer reply[n] while set. */
extern uint64_t (*answer_fn)(const struct ioreq *r);
/* Serve until the box is done; ends the suite when it is not and nothing comes either. */
bool box_finish(struct box *b);
/* Serve nothing, but see whether the box gets done within so long. */
bool box_done_within(const struct box *b, unsigned int us);
/* Serve nothing, but wait until the box is done; false: it does not come. */
bool box_comes(const struct box *b);
/* Wait for a request in the slot without taking it. */
bool wait_ready(struct dm_server *s, unsigned int vcpu);
/* Both at once: run one command and serve it. */
bool box_run(struct box *b, unsigned int op);
/* A read of 8 bytes by the guest on this vCPU; result, and trapped, are in the box. */
bool guest_read(struct box *b, uint64_t addr);

/* A guest's hypercall; the result, or -1000 if it did not come back. */
long guest_hypercall(struct box *b, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2);

#endif
