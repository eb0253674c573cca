/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures of hypercalls whose members have the size of a word (include/wherry/guest_access.h):
 * callers of 32 bits lay them out more tightly. Called by the handlers of hypercalls.
 */
#include <wherry/bug.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define MAX_BYTES 32

unsigned int guest_word_bytes(void)
{
    return arch_guest_has_words32() ? 4 : 8;
}

/* Of a member, by its letter. */
static unsigned int width_of(char field, unsigned int word)
{
    switch (field) {
    case 'h':
        return 2;
    case 'i':
        return 4;
    case 'q':
        return 8;
    default:
        return word;
    }
}

/* 64-bit members of 32-bit callers begin at multiples of 4. */
static unsigned int place(unsigned int at, unsigned int width, unsigned int word)
{
    unsigned int align = width < word ? width : word;

    return (at + align - 1) & ~(align - 1);
}

/* Up to the end of the last member. */
static unsigned int bytes_of(const char *fields, unsigned int word)
{
    unsigned int at = 0;

    for (; *fields != 0; fields++) {
        unsigned int width = width_of(*fields, word);

        at = place(at, width, word) + width;
    }
    return at;
}

static void widen(uint8_t *to, const uint8_t *from, const char *fields)
{
    unsigned int ours = 0, theirs = 0;

    for (; *fields != 0; fields++) {
        unsigned int wide = width_of(*fields, 8), narrow = width_of(*fields, 4);

        ours = place(ours, wide, 8);
        theirs = place(theirs, narrow, 4);
        memcpy(to + ours, from + theirs, narrow);
        ours += wide;
        theirs += narrow;
    }
}

int guest_struct_from(void *dst, uint64_t gva, size_t size, const char *fields)
{
    uint8_t narrow[MAX_BYTES];
    unsigned int bytes;

    if (likely(!arch_guest_has_words32()))
        return guest_copy_from(dst, gva, size);
    bytes = bytes_of(fields, 4);
    BUG_ON(bytes > sizeof(narrow) || bytes_of(fields, 8) > size);
    if (guest_copy_from(narrow, gva, bytes) != 0)
        return -EFAULT;
    memset(dst, 0, size);
    widen(dst, narrow, fields);
    return 0;
}

int guest_word_from(uint64_t *dst, uint64_t array, uint64_t i)
{
    unsigned int bytes = guest_word_bytes();

    *dst = 0; /* little endian: half a word is the low one */
    return guest_copy_from(dst, array + i * bytes, bytes);
}
