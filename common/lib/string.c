/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/lib/string.h; the compiler itself also calls memcpy, memset, memmove and memcmp.
 */
#include <stdbool.h>
#include <stdint.h>
#include <wherry/lib/string.h>

/* Word accesses through a type that may alias anything. */
typedef uint64_t __attribute__((__may_alias__)) word_t;

/* The compiler must not make a call to the very function out of its loop. */
#if !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

static bool word_aligned(const void *p)
{
    return ((uintptr_t)p & 7) == 0;
}

/*
 * Words at any address: where the machine does that as well as at aligned ones (device memory and
 * caches that are off do not matter there).
 */
#ifdef __x86_64__
#define WORDS_ANYWHERE 1
typedef word_t __attribute__((aligned(1))) any_word_t;
#else
#define WORDS_ANYWHERE 0
typedef word_t any_word_t;
#endif

/* The start of one may lie in the end of the other, d below s. */
static void copy_forward(uint8_t *d, const uint8_t *s, size_t n)
{
    if (WORDS_ANYWHERE || (((uintptr_t)d ^ (uintptr_t)s) & 7) == 0) {
        for (; !WORDS_ANYWHERE && n > 0 && !word_aligned(d); n--)
            *d++ = *s++;
        for (; n >= 32; n -= 32, d += 32, s += 32) {
            word_t a = ((const any_word_t *)(const void *)s)[0];
            word_t b = ((const any_word_t *)(const void *)s)[1];
            word_t c = ((const any_word_t *)(const void *)s)[2];
            word_t e = ((const any_word_t *)(const void *)s)[3];

            ((any_word_t *)(void *)d)[0] = a;
            ((any_word_t *)(void *)d)[1] = b;
            ((any_word_t *)(void *)d)[2] = c;
            ((any_word_t *)(void *)d)[3] = e;
        }
        for (; n >= 8; n -= 8, d += 8, s += 8)
            *(any_word_t *)(void *)d = *(const any_word_t *)(const void *)s;
    }
    while (n-- > 0)
        *d++ = *s++;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    copy_forward(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if ((uintptr_t)d - (uintptr_t)s >= n) {
        copy_forward(d, s, n);
        return dst;
    }
    while (n-- > 0)
        d[n] = s[n];
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    uint8_t *d = dst;
    word_t w = UINT64_C(0x0101010101010101) * (uint8_t)c;

    for (; n > 0 && !word_aligned(d); n--)
        *d++ = (uint8_t)c;
    for (; n >= 32; n -= 32, d += 32) {
        ((word_t *)(void *)d)[0] = w;
        ((word_t *)(void *)d)[1] = w;
        ((word_t *)(void *)d)[2] = w;
        ((word_t *)(void *)d)[3] = w;
    }
    for (; n >= 8; n -= 8, d += 8)
        *(word_t *)(void *)d = w;
    while (n-- > 0)
        *d++ = (uint8_t)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const uint8_t *p = s;

    for (; n > 0; n--, p++)
        if (*p == (uint8_t)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0')
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (*a != *b || *a == '\0')
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (*s == '\0')
            return NULL;
    }
}

size_t str_copy(char *dst, const char *src, size_t size)
{
    size_t len = strlen(src);

    if (size > 0) {
        size_t n = len < size ? len : size - 1;

        memcpy(dst, src, n);
        dst[n] = '\0';
    }
    return len;
}
