/* SPDX-License-Identifier: Apache-2.0 */
/* Between fuzz_hypercall.c (the world, the stream) and hypercall_dm.c (device models' calls). */
#ifndef WHERRY_FUZZ_HYPERCALL_H
#define WHERRY_FUZZ_HYPERCALL_H

#include "input.h"
#include "model.h"

/* With FUZZ_TRACE in the environment: a line for each step. */
void trace(const char *fmt, ...) __printf(1, 2);

long call_as(struct domain *caller, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2);

/* An address near one of few places. */
uint64_t fuzz_address(struct fuzz_input *in);

unsigned int model_vcpus(const struct model_domain *t);
unsigned int ports_free(const struct domain *d);
uint64_t pages_free(void);

/* Has the allocation that was to fail since failed? */
bool memory_failed(void);
/* May an operation have stopped half way through very many ranges? */
bool may_restart(void);
/* A server has gone with `bytes` of ranges: without memory they may stay a while. */
void may_leave(struct model_domain *t, uint32_t id, uint64_t bytes);
/* Which ids the core has cleaned up, or not yet. */
void learn_cleaned(struct model_domain *t);

void dm_op_step(struct fuzz_input *in, struct domain *caller, domid_t target);
void many_ranges_step(struct fuzz_input *in, struct domain *caller, domid_t target);
void acquire_step(struct fuzz_input *in, struct domain *caller, domid_t target);

#endif
