/* SPDX-License-Identifier: Apache-2.0 */
/* Bit arithmetic on 64-bit words and on arrays of them. */
#ifndef WHERRY_LIB_BITS_H
#define WHERRY_LIB_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* Highest set bit of v != 0. */
static inline unsigned int ilog2(uint64_t v)
{
    return 63u - (unsigned int)__builtin_clzll(v);
}

/* Lowest set bit of v != 0. */
static inline unsigned int ctz64(uint64_t v)
{
    return (unsigned int)__builtin_ctzll(v);
}

static inline bool is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

/* `align` is a power of two. */
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline uint64_t align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline bool bitmap_test(const uint64_t *map, unsigned int bit)
{
    return (map[bit / 64] >> (bit % 64)) & 1;
}

static inline void bitmap_set(uint64_t *map, unsigned int bit)
{
    map[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, unsigned int bit)
{
    map[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

#endif
