/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomics and barriers over the compiler's builtins, so that every architecture has the same.
 * Names: the plain form is relaxed, _acquire/_release order one way, the read-modify-write
 * forms are full barriers.
 */
#ifndef WHERRY_ATOMIC_H
#define WHERRY_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/* Order between CPUs (inner shareable). Each use names its partner in a comment. */
static inline void smp_mb(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void smp_rmb(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void smp_wmb(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

#define load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

typedef struct {
    uint32_t v;
} atomic32_t;

typedef struct {
    uint64_t v;
} atomic64_t;

static inline uint32_t atomic32_read(const atomic32_t *a)
{
    return __atomic_load_n(&a->v, __ATOMIC_RELAXED);
}

static inline void atomic32_set(atomic32_t *a, uint32_t v)
{
    __atomic_store_n(&a->v, v, __ATOMIC_RELAXED);
}

/* All below return the OLD value and are full barriers. */
static inline uint32_t atomic32_fetch_add(atomic32_t *a, uint32_t n)
{
    uint32_t old = __atomic_fetch_add(&a->v, n, __ATOMIC_SEQ_CST);

    smp_mb(); /* later loads too: a store-exclusive alone does not hold them back */
    return old;
}

static inline uint32_t atomic32_fetch_sub(atomic32_t *a, uint32_t n)
{
    uint32_t old = __atomic_fetch_sub(&a->v, n, __ATOMIC_SEQ_CST);

    smp_mb(); /* later loads too: a store-exclusive alone does not hold them back */
    return old;
}

static inline uint32_t atomic32_fetch_or(atomic32_t *a, uint32_t bits)
{
    uint32_t old = __atomic_fetch_or(&a->v, bits, __ATOMIC_SEQ_CST);

    smp_mb(); /* later loads too: a store-exclusive alone does not hold them back */
    return old;
}

static inline uint32_t atomic32_fetch_and(atomic32_t *a, uint32_t bits)
{
    uint32_t old = __atomic_fetch_and(&a->v, bits, __ATOMIC_SEQ_CST);

    smp_mb(); /* later loads too: a store-exclusive alone does not hold them back */
    return old;
}

static inline uint32_t atomic32_xchg(atomic32_t *a, uint32_t v)
{
    uint32_t old = __atomic_exchange_n(&a->v, v, __ATOMIC_SEQ_CST);

    smp_mb();
    return old;
}

static inline bool atomic32_cmpxchg(atomic32_t *a, uint32_t *expected, uint32_t v)
{
    return __atomic_compare_exchange_n(&a->v, expected, v, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* Add one unless the value is zero (a dead object); false when it was. */
static inline bool atomic32_inc_not_zero(atomic32_t *a)
{
    uint32_t old = atomic32_read(a);

    while (old != 0)
        if (atomic32_cmpxchg(a, &old, old + 1))
            return true;
    return false;
}

static inline uint64_t atomic64_read(const atomic64_t *a)
{
    return __atomic_load_n(&a->v, __ATOMIC_RELAXED);
}

static inline void atomic64_set(atomic64_t *a, uint64_t v)
{
    __atomic_store_n(&a->v, v, __ATOMIC_RELAXED);
}

static inline uint64_t atomic64_fetch_add(atomic64_t *a, uint64_t n)
{
    uint64_t old = __atomic_fetch_add(&a->v, n, __ATOMIC_SEQ_CST);

    smp_mb(); /* later loads too: a store-exclusive alone does not hold them back */
    return old;
}

/* Statistics: one more, ordered with nothing. */
static inline void atomic64_count(atomic64_t *a)
{
    __atomic_fetch_add(&a->v, 1, __ATOMIC_RELAXED);
}

static inline bool atomic64_cmpxchg(atomic64_t *a, uint64_t *expected, uint64_t v)
{
    return __atomic_compare_exchange_n(&a->v, expected, v, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

#endif
