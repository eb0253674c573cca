/* SPDX-License-Identifier: Apache-2.0 */
/* The architected counter (CNTPCT) against hypervisor time. */
#ifndef WHERRY_ASM_TIME_H
#define WHERRY_ASM_TIME_H

#include <wherry/timer.h>
#include <wherry/types.h>

/* Counter value at a hypervisor time (rounded down), and back (0 for before the boot). */
uint64_t arch_ns_to_counter(s_time_t ns);
s_time_t arch_counter_to_ns(uint64_t ticks);

/* Ticks per second. */
uint64_t arch_counter_frequency(void);

#endif
