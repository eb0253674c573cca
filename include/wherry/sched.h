/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs on pCPUs: a run queue for each pCPU, round robin with time slices, directed switch.
 *
 * A vCPU is runnable when v->pause_flags is 0. It never waits inside the hypervisor: whoever
 * wants it to wait sets a flag, and the exit path then picks another vCPU.
 */
#ifndef WHERRY_SCHED_H
#define WHERRY_SCHED_H

#include <wherry/lib/list.h>
#include <wherry/percpu.h>
#include <wherry/timer.h>
#include <wherry/types.h>

struct vcpu;
struct domain;

/* Why a vCPU does not run: bits of v->pause_flags. */
#define VPF_BLOCKED 0x01 /* WFI or SCHEDOP_block; cleared by vcpu_wake_event() */
#define VPF_POLL    0x02 /* SCHEDOP_poll */
#define VPF_IOREQ   0x04 /* a forwarded access waits for its device model */
#define VPF_DOWN    0x08 /* not brought up (PSCI, VCPUOP) */
/* The rest of the word counts nested pauses, so that one test of the word answers "runnable?". */
#define VPF_PAUSE_ONE 0x100

/* The vCPU whose guest state is loaded on this pCPU, or NULL (idle, boot). */
DECLARE_PER_CPU(struct vcpu *, current_vcpu);
#define current (this_cpu(current_vcpu))

struct sched_vcpu {
    struct list_head list; /* on its pCPU's run queue when `queued`; that queue's lock */
    unsigned int cpu;      /* the pCPU it runs on */
    uint64_t affinity;     /* allowed pCPUs, never 0 */
    bool queued;           /* run queue's lock */
    bool yielded;          /* gives up the rest of its slice; own pCPU */
    bool on_cpu;           /* its state is live on `cpu`; written by that pCPU */
};

/* Give v a pCPU; affinity 0 means any. It starts VPF_DOWN and paused once. domctl lock held. */
void sched_init_vcpu(struct vcpu *v, uint64_t affinity);

/*
 * v will be freed: take it from the run queue, where it may still stand though it is paused. Call
 * after a grace period, when nobody can wake it any more. Takes LOCK_RANK_SCHED.
 */
void sched_forget_vcpu(struct vcpu *v);

/* Set flags (from any pCPU). The vCPU stops at its next pass of the exit path; it is kicked. */
void vcpu_pause_set(struct vcpu *v, uint32_t flags);
/* Clear flags; queues the vCPU and kicks its pCPU if none is left. */
void vcpu_pause_clear(struct vcpu *v, uint32_t flags);

/* An event or interrupt arrived for v: end WFI/block. Cheap when v is not blocked. */
void vcpu_wake_event(struct vcpu *v);

/*
 * WFI and SCHEDOP_block of current: block unless an event is already deliverable. The flag is set
 * before the check, so a concurrent vcpu_wake_event() is never lost.
 */
void vcpu_block(void);

/* current gives up the rest of its slice. */
void sched_yield(void);
/* Run v next on this pCPU if it is queued here: the directed switch of a forwarded access. */
void sched_switch_to(struct vcpu *v);

/*
 * Nested pause of one vCPU: it stops at its next pass of the exit path. Nobody waits for that in
 * the hypervisor; who needs it stopped looks at vcpu_is_off_cpu() and returns -ERESTART.
 */
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

/* Its state is saved and no pCPU touches it; acquires what switch_out() released. */
bool vcpu_is_off_cpu(const struct vcpu *v);

/*
 * The exit path, called by the arch with the guest's registers saved, before each return to a
 * guest. Does deferred work, switches vCPUs, idles. Returns the vCPU to enter: `current`, with
 * its state loaded, nothing pending, RCU quiescent (rcu_exit() was called).
 */
struct vcpu *sched_exit_to_guest(void);

/* Enter the scheduler for good from a boot or secondary CPU's stack. */
void __noreturn sched_start(void);

/* A long hypercall asks: should I stop and continue later (-ERESTART)? */
bool hypercall_preempt_check(void);

/* Debug key output. */
void sched_dump(void);

/* --- arch hooks --- */

/* Save/load what differs between vCPUs and is not saved at each trap. `v` is current. */
void arch_vcpu_save(struct vcpu *v);
void arch_vcpu_load(struct vcpu *v);
/* Enter v on this pCPU for the first time on this stack (never returns here). */
void __noreturn arch_enter_guest(struct vcpu *v);
/* Wait for an interrupt with interrupts masked (WFI); returns with one pending or spuriously. */
void arch_idle_wait(void);
/* SCHEDOP_block of current: its upcall interrupt may come now. */
void arch_event_delivery_enable(struct vcpu *v);
/* Something is deliverable to v: an unmasked virtual interrupt or upcall (ends WFI/block). */
bool arch_vcpu_event_pending(struct vcpu *v);
/* VCPU_WORK_IRQ: bring the virtual interrupt state into the hardware; v is current and loaded. */
void arch_vcpu_flush_irq(struct vcpu *v);
/* Take and handle every pending host interrupt, without enabling them in the CPU. */
void arch_irq_poll(void);
/* Is a host interrupt pending for this CPU (ISR_EL1)? */
bool arch_irq_pending(void);

#endif
