/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of the hypervisor itself: from vectors.S to fault.c. */
#ifndef WHERRY_ASM_FAULT_H
#define WHERRY_ASM_FAULT_H

#include <asm/layout.h>
#include <wherry/types.h>

/* Filled in by hyp_fault_entry in vectors.S, which knows the offsets. */
struct hyp_fault_regs {
    uint64_t x[31];
    uint64_t sp;
    uint64_t elr, spsr;
    uint64_t esr, far;
    uint64_t vector; /* number in the table */
    uint64_t pad;
};

_Static_assert(sizeof(struct hyp_fault_regs) == HYP_FAULT_REGS_SIZE, "vectors.S");
_Static_assert(offsetof(struct hyp_fault_regs, vector) == 36 * 8, "vectors.S");

void __noreturn hyp_fault(const struct hyp_fault_regs *regs);

#endif
