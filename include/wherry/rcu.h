/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RCU where the whole stay of a CPU in the hypervisor is one read-side section: readers take no
 * action. A CPU in a guest or idle is quiescent; entering the hypervisor makes it a reader.
 */
#ifndef WHERRY_RCU_H
#define WHERRY_RCU_H

#include <wherry/atomic.h>
#include <wherry/percpu.h>
#include <wherry/types.h>

struct rcu_head {
    struct rcu_head *next;
    void (*fn)(struct rcu_head *head);
};

/* Even: quiescent (guest, idle, offline). Odd: in the hypervisor. Written by its CPU only. */
DECLARE_PER_CPU(uint32_t, rcu_epoch);

/* On entry from the guest or from idle, before any shared pointer is read. */
static inline void rcu_enter(void)
{
    WRITE_ONCE(this_cpu(rcu_epoch), this_cpu(rcu_epoch) + 1);
    smp_mb(); /* epoch before loads of published pointers; partner: synchronize_rcu() */
}

/* Before returning to a guest or idling: no pointer read earlier may be used afterwards. */
static inline void rcu_exit(void)
{
    store_release(&this_cpu(rcu_epoch), this_cpu(rcu_epoch) + 1);
}

/* Publish a pointer to fully written data, and read one so published. */
#define rcu_assign_pointer(p, v) store_release(&(p), (v))
#define rcu_dereference(p)       __atomic_load_n(&(p), __ATOMIC_CONSUME)

/*
 * Run fn(head) when every CPU that is now in the hypervisor has left it once. No allocation, any
 * lock below LOCK_RANK_RCU may be held. fn runs with no lock held, on this CPU, on its way out.
 */
void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head));

/*
 * Wait until every other CPU has left the hypervisor once. Counts as quiescent itself: pointers
 * read before are stale. No lock may be held.
 */
void synchronize_rcu(void);

/* Exit and idle path: run what is ripe. Cheap when nothing is queued. */
void rcu_process_callbacks(void);

/* True when this CPU has callbacks queued (idle must not sleep for ever on them). */
bool rcu_callbacks_pending(void);

#endif
