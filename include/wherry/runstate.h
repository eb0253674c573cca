/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a vCPU ran, waited for a pCPU, was blocked: the figures of VCPUOP_get_runstate_info and
 * of the area that a guest registers.
 */
#ifndef WHERRY_RUNSTATE_H
#define WHERRY_RUNSTATE_H

#include <wherry/timer.h>
#include <wherry/types.h>

struct vcpu;
struct vcpu_runstate_info;
struct runstate_area; /* where a guest wants its copy; runstate.c */

/* In struct vcpu. Written by its own pCPU, but for `area`: exchanged by whoever registers. */
struct vcpu_runstate {
    s_time_t time[4];           /* RUNSTATE_*, ns */
    s_time_t since;             /* entered `state` */
    uint32_t state;             /* RUNSTATE_* */
    struct runstate_area *area; /* or NULL; read under RCU */
};

/*
 * Switch points of the scheduler: v was given a pCPU, or lost it and is now runnable or not. A
 * vCPU that becomes runnable while it waits counts as blocked until it is given a pCPU. `now`: of
 * arch_now(), the same for who leaves and who comes.
 */
void runstate_enter(struct vcpu *v, uint32_t state, s_time_t now);

/* Copy out, up to now. */
void runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);

/* Lay it out for who has words of 8 or of 4 bytes; its size then. */
size_t runstate_pack(struct vcpu_runstate_info *info, bool words32);

/*
 * VCPUOP_register_runstate_memory_area: by virtual address of current, which may cross a page; 0
 * takes it away. -EINVAL (not the domain's own writable RAM), -ENOMEM.
 */
int runstate_register(struct vcpu *v, uint64_t gva);
/* Death of the vCPU. */
void runstate_release(struct vcpu *v);

#endif
