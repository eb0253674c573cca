/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/lib/parse.h */
#include <stddef.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/parse.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Leading number of s; *end is behind it. */
static int number(const char *s, const char **end, uint64_t *out)
{
    int base = 10;
    uint64_t v = 0;
    const char *start;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    for (start = s; digit(*s) < base; s++) {
        if (v > (UINT64_MAX - (uint64_t)digit(*s)) / (uint64_t)base)
            return -ERANGE;
        v = v * (uint64_t)base + (uint64_t)digit(*s);
    }
    if (s == start)
        return -EINVAL;
    *end = s;
    *out = v;
    return 0;
}

int parse_u64(const char *s, uint64_t *out)
{
    const char *end;
    uint64_t v;
    int rc = number(s, &end, &v);

    if (rc != 0)
        return rc;
    if (*end != '\0')
        return -EINVAL;
    *out = v;
    return 0;
}

static int suffix_shift(char c)
{
    switch (c) {
    case '\0':
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    case 't':
    case 'T':
        return 40;
    case 'b':
    case 'B':
        return 0;
    default:
        return -EINVAL;
    }
}

int parse_size(const char *s, uint64_t *out)
{
    const char *end;
    uint64_t v;
    int rc = number(s, &end, &v);
    int shift;

    if (rc != 0)
        return rc;
    shift = suffix_shift(*end);
    if (shift < 0 || (end[0] != '\0' && end[1] != '\0'))
        return -EINVAL;
    if (v > UINT64_MAX >> shift)
        return -ERANGE;
    *out = v << shift;
    return 0;
}
