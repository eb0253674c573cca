/* SPDX-License-Identifier: Apache-2.0 */
/* Time in nanoseconds since boot and one-shot timers, queued on a pCPU each. */
#ifndef WHERRY_TIMER_H
#define WHERRY_TIMER_H

#include <wherry/lib/list.h>
#include <wherry/types.h>

typedef int64_t s_time_t;

#define MILLISECS(n) ((s_time_t)(n)*1000000)
#define MICROSECS(n) ((s_time_t)(n)*1000)
#define STIME_MAX    INT64_MAX

struct timer {
    struct list_head list; /* on its pCPU's queue, by deadline; queue's lock */
    s_time_t expires;
    unsigned int cpu; /* whose queue; changes only while stopped */
    bool active;
    void (*fn)(void *data); /* runs on that pCPU, no lock held, in interrupt-poll context */
    void *data;
};

/* Monotonic time, equal on all pCPUs. */
s_time_t arch_now(void);

/* Program this pCPU's timer interrupt for absolute time `deadline`; STIME_MAX: off. */
void arch_timer_program(s_time_t deadline);

void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu);
/* (Re)arm for an absolute time; a past one fires soon. Any pCPU may call. */
void timer_set(struct timer *t, s_time_t expires);
/* After return fn is neither queued nor will start (it may still be running elsewhere). */
void timer_stop(struct timer *t);
/* Stop and move the timer to another pCPU's queue, rearmed if it was armed. */
void timer_migrate(struct timer *t, unsigned int cpu);

/* From the arch's timer interrupt: run what is due and reprogram. */
void timer_interrupt(void);

#endif
