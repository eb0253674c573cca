/* SPDX-License-Identifier: Apache-2.0 */
/* Ticket spinlocks and, in debug builds, the check of the lock order; called from everywhere. */
#include <asm/relax.h>
#include <wherry/atomic.h>
#include <wherry/bug.h>
#include <wherry/percpu.h>
#include <wherry/spinlock.h>

#ifdef CONFIG_DEBUG

#define MAX_HELD 8

/* The locks this CPU holds, in the order of acquisition. */
struct held_locks {
    unsigned int n;
    const struct spinlock *lock[MAX_HELD];
};

static DEFINE_PER_CPU(struct held_locks, held_locks);

static void check_order(const struct spinlock *l, bool pair)
{
    const struct held_locks *held = &this_cpu(held_locks);

    for (unsigned int i = 0; i < held->n; i++) {
        const struct spinlock *h = held->lock[i];

        if (h == l)
            panic("lock %s taken twice\n", l->name);
        if (h->rank > l->rank || (h->rank == l->rank && !(pair && h < l)))
            panic("lock order: %s (rank %u) taken while holding %s (rank %u)\n", l->name, l->rank,
                  h->name, h->rank);
    }
}

static void note_taken(const struct spinlock *l)
{
    struct held_locks *held = &this_cpu(held_locks);

    if (held->n == MAX_HELD)
        panic("more than %u locks held, last %s\n", MAX_HELD, l->name);
    held->lock[held->n++] = l;
}

static void note_released(const struct spinlock *l)
{
    struct held_locks *held = &this_cpu(held_locks);
    unsigned int i = held->n;

    while (i > 0 && held->lock[i - 1] != l)
        i--;
    if (i == 0)
        panic("lock %s released but not held\n", l->name);
    for (; i < held->n; i++)
        held->lock[i - 1] = held->lock[i];
    held->n--;
}

void spin_lock_assert_none_held(void)
{
    const struct held_locks *held = &this_cpu(held_locks);

    if (held->n != 0)
        panic("lock %s held where none may be\n", held->lock[held->n - 1]->name);
}

static void set_debug(struct spinlock *l, enum lock_rank rank, const char *name)
{
    l->rank = (uint16_t)rank;
    l->name = name;
}

#else

static inline void check_order(const struct spinlock *l, bool pair)
{
    (void)l;
    (void)pair;
}

static inline void note_taken(const struct spinlock *l)
{
    (void)l;
}

static inline void note_released(const struct spinlock *l)
{
    (void)l;
}

static inline void set_debug(struct spinlock *l, enum lock_rank rank, const char *name)
{
    (void)l;
    (void)rank;
    (void)name;
}

#endif

void spin_lock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
    *l = (struct spinlock){0};
    set_debug(l, rank, name);
}

static void acquire(struct spinlock *l)
{
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    /* Acquire; partner: the release in spin_unlock(). */
    while (load_acquire(&l->owner) != ticket)
        arch_relax();
}

void spin_lock(struct spinlock *l)
{
    check_order(l, false);
    acquire(l);
    note_taken(l);
}

bool spin_trylock(struct spinlock *l)
{
    uint16_t owner = load_acquire(&l->owner); /* partner: spin_unlock() */
    uint16_t expected = owner;

    /* Trying cannot deadlock, so the order is not checked. */
    if (!__atomic_compare_exchange_n(&l->next, &expected, (uint16_t)(owner + 1), false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    note_taken(l);
    return true;
}

void spin_unlock(struct spinlock *l)
{
    note_released(l);
    /* Release what was done under the lock; partner: acquire(). */
    store_release(&l->owner, (uint16_t)(l->owner + 1));
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    struct spinlock *first = a < b ? a : b;
    struct spinlock *second = a < b ? b : a;

    spin_lock(first);
    if (first == second)
        return;
    check_order(second, true);
    acquire(second);
    note_taken(second);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b)
        spin_unlock(a);
    spin_unlock(b);
}

bool spin_is_locked(const struct spinlock *l)
{
    return READ_ONCE(l->owner) != READ_ONCE(l->next);
}
