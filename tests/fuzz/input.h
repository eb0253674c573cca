/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one fuzzer input, taken one value after the other; zeros behind the end. */
#ifndef WHERRY_FUZZ_INPUT_H
#define WHERRY_FUZZ_INPUT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wherry/types.h>

struct fuzz_input {
    const uint8_t *at, *end;
};

static inline bool fuzz_left(const struct fuzz_input *in)
{
    return in->at < in->end;
}

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* Little endian, of n bytes. */
static inline uint64_t fuzz_uint(struct fuzz_input *in, unsigned int n)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < n; i++)
        v |= (uint64_t)fuzz_u8(in) << (8 * i);
    return v;
}

/* For checks: of no interest to the fuzzer's sense of what is new, and slow if counted. */
#define FUZZ_UNCOUNTED __attribute__((no_sanitize("coverage")))

/* A difference between what should be and what is: said, then abort(), which the fuzzer reports. */
static inline void __attribute__((noreturn, format(printf, 3, 4)))
fuzz_die_at(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

#define fuzz_die(...) fuzz_die_at(__FILE__, __LINE__, __VA_ARGS__)
#define fuzz_check(cond, ...)      \
    do {                           \
        if (!(cond))               \
            fuzz_die(__VA_ARGS__); \
    } while (0)

#endif
