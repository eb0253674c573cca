/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket spinlocks. The hypervisor runs with interrupts masked and is never preempted, so there
 * is one form only. Every lock has a rank (lock_order.h); debug builds check the order.
 */
#ifndef WHERRY_SPINLOCK_H
#define WHERRY_SPINLOCK_H

#include <wherry/lock_order.h>
#include <wherry/types.h>

struct spinlock {
    uint16_t next;  /* next ticket to hand out */
    uint16_t owner; /* ticket being served */
#ifdef CONFIG_DEBUG
    uint16_t rank;
    const char *name;
#endif
};

#ifdef CONFIG_DEBUG
#define SPINLOCK_INIT(rank_, name_)      \
    {                                    \
        .rank = (rank_), .name = (name_) \
    }
#else
#define SPINLOCK_INIT(rank_, name_) \
    {                               \
        0                           \
    }
#endif

/* Prepare a lock in allocated memory. `name` must live as long as the lock. */
void spin_lock_init(struct spinlock *l, enum lock_rank rank, const char *name);

void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);

/* Take two locks of one rank, lowest address first; they may be the same lock. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);

/* Debug builds panic if this CPU holds any lock: before waiting for other CPUs. */
#ifdef CONFIG_DEBUG
void spin_lock_assert_none_held(void);
#else
static inline void spin_lock_assert_none_held(void)
{
}
#endif

/* For assertions: whether some CPU holds the lock. */
bool spin_is_locked(const struct spinlock *l);

#endif
