/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to function names, for backtraces. The table is linked in by the build. */
#ifndef WHERRY_SYMBOLS_H
#define WHERRY_SYMBOLS_H

#include <wherry/types.h>

/* The function containing addr and the offset in it; NULL if outside the text. */
const char *symbol_lookup(uintptr_t addr, uintptr_t *offset);

/* Print the call chain from a frame pointer, bounded, only inside this CPU's stack. */
void backtrace(uintptr_t fp, uintptr_t pc);
/* From here. */
void dump_backtrace(void);

/* --- arch hook --- */
/* [*low, *high) of this CPU's stack. */
void arch_stack_bounds(uintptr_t *low, uintptr_t *high);

#endif
