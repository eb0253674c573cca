/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Factors between clocks: fixed point with 48 fraction bits, so that a conversion is one
 * multiplication and the error a nanosecond in years.
 */
#ifndef WHERRY_LIB_FIXED_H
#define WHERRY_LIB_FIXED_H

#include <stdint.h>

#define FIXED_FRACTION 48

/* a times a factor; the product's integer part must fit 64 bits. */
static inline uint64_t fixed_mul(uint64_t a, uint64_t factor)
{
    return (uint64_t)(((unsigned __int128)a * factor) >> FIXED_FRACTION);
}

/* The factor a / b, bit by bit: there may be no 128-bit division. a, b below 2^63; b not 0. */
static inline uint64_t fixed_div(uint64_t a, uint64_t b)
{
    uint64_t quotient = a / b;
    uint64_t rest = a % b;

    for (unsigned int i = 0; i < FIXED_FRACTION; i++) {
        rest <<= 1;
        quotient <<= 1;
        if (rest >= b) {
            rest -= b;
            quotient |= 1;
        }
    }
    return quotient;
}

#endif
