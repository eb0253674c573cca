/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of interval trees share: an allocator that counts and fails, and random numbers.
 */
#ifndef WHERRY_TESTS_LIB_MODEL_H
#define WHERRY_TESTS_LIB_MODEL_H

#include <stdint.h>
#include <stdlib.h>

#include <wherry/lib/alloc.h>

static long model_live;         /* objects not freed */
static unsigned long model_all; /* allocations so far */
static long model_fail_at = -1; /* the n-th allocation from now fails, and all after it */

static inline void *model_alloc_fn(void *ctx, size_t size)
{
    (void)ctx;
    if (model_fail_at == 0)
        return NULL;
    if (model_fail_at > 0)
        model_fail_at--;
    model_live++;
    model_all++;
    return malloc(size);
}

static inline void model_free_fn(void *ctx, void *p)
{
    (void)ctx;
    model_live--;
    free(p);
}

static const struct lib_alloc model_alloc = {.alloc = model_alloc_fn, .free = model_free_fn};

/* xorshift: the same sequence on every run. */
static uint64_t model_random_state = 88172645463325252;

static inline uint64_t model_random(uint64_t below)
{
    model_random_state ^= model_random_state << 13;
    model_random_state ^= model_random_state >> 7;
    model_random_state ^= model_random_state << 17;
    return model_random_state % below;
}

#endif
