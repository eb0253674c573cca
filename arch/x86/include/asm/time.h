/* SPDX-License-Identifier: Apache-2.0 */
/* Host time on x86: the TSC. */
#ifndef WHERRY_ASM_TIME_H
#define WHERRY_ASM_TIME_H

#include <wherry/timer.h>

/* TSC ticks a second. */
uint64_t time_tsc_hz(void);
/* The TSC at boot, when time was 0. */
uint64_t time_boot_tsc(void);
/* Between lengths of time and of the TSC. */
s_time_t time_tsc_to_ns(uint64_t ticks);
uint64_t time_ns_to_tsc(s_time_t ns);
/* Seconds since 1970 when time was 0; 0: not known. */
uint64_t time_boot_wallclock(void);
/* Busy wait, where nothing else is to run: at boot, and at the end. */
void time_delay(s_time_t ns);

#endif
