/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercall dispatch. The arch passes number and five arguments and stores the result. A handler
 * that returns -ERESTART is executed again with the same registers after pending work was done;
 * its progress lives in the caller's buffers or registers.
 */
#ifndef WHERRY_HYPERCALL_H
#define WHERRY_HYPERCALL_H

#include <wherry/types.h>

struct vcpu;

#define NR_HYPERCALL_ARGS 5

/* Returns the value for the guest, or -ERESTART. Unknown numbers: -ENOSYS. */
long hypercall(unsigned int nr, const uint64_t args[NR_HYPERCALL_ARGS]);

/* Handlers register with one line, in section .hypercalls (looked up through a table). */
struct hypercall_entry {
    long (*fn)(const uint64_t args[NR_HYPERCALL_ARGS]);
    uint32_t nr;
};

#define HYPERCALL(nr_, fn_)                                                                   \
    static const struct hypercall_entry hypercall_entry_##nr_ __used __section(".hypercalls") \
        __aligned(8) = {.fn = (fn_), .nr = (nr_)}

/* --- arch hook --- */
/* Replace argument n of the running hypercall of v: what its repetition after -ERESTART sees. */
void arch_hypercall_set_arg(struct vcpu *v, unsigned int n, uint64_t value);
/* Whether a domain sets this parameter (HVM_PARAM_*) of its own. */
bool arch_hvm_guest_sets(uint32_t index);
/* It has: `index` is one of those. */
void arch_hvm_guest_has_set(uint32_t index);
/* An hvm_op that only the architecture has; `arg` is the guest's pointer. -ENOSYS: it has not. */
long arch_hvm_op(unsigned int cmd, uint64_t arg);
/* The same of vcpu_op, for a vCPU of current's domain. Its error for what is not there is its own.
 */
long arch_vcpu_op(unsigned int cmd, struct vcpu *v, uint64_t arg);
/* The same of memory_op. */
long arch_memory_op(uint64_t cmd, uint64_t arg);

#endif
