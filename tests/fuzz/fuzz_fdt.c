/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device trees: common/lib/fdt.c against Debian's libfdt on the same bytes, and the trees of
 * fdt_writer.c read back by both. The input's first byte says which of three: a blob as it is, a
 * blob put together from the parts that the rest names, or the writer. docs/fuzzing.md.
 */
#include "fdt_fuzz.h"

#include "../unit/fdt_reference.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define STRUCTS_AT 72 /* header, one reservation, its end */
#define MAX_BLOB   8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both readers on a copy of exactly that size: a read behind its end is seen. */
static void compare_blob(const uint8_t *bytes, size_t size)
{
    uint8_t *blob = malloc(size + (size == 0));
    int theirs, ours;
    struct fdt f;

    memcpy(blob, bytes, size);
    theirs = ref_check(blob, size);
    ours = fdt_check(&f, blob, size);
    fuzz_check(ours == 0 || ours == -EINVAL, "error %d", ours);
    if (ours == 0) {
        fuzz_check(theirs == 0 || laxer_rule(&f), "good here, libfdt says %d", theirs);
        compare_tree(&f);
    } else if (theirs == 0) {
        fuzz_check(stricter_rule(blob, size) != NULL, "good for libfdt, and by all our rules");
    }
    free(blob);
}

/* --- a blob from parts --- */

static uint8_t built[MAX_BLOB];
static size_t built_size;

static void put(size_t at, uint32_t v)
{
    for (unsigned int i = 0; i < 4; i++)
        built[at + i] = (uint8_t)(v >> (24 - 8 * i));
}

static void add(uint32_t v)
{
    put(built_size, v);
    built_size += 4;
}

static void add_bytes(const void *p, size_t n)
{
    memcpy(built + built_size, p, n);
    built_size += (n + 3) & ~(size_t)3;
}

static const char strings[] = "compatible\0phandle\0linux,phandle\0reg\0ranges\0status\0"
                              "#address-cells\0#size-cells\0x";
static const uint8_t string_at[] = {0, 11, 19, 33, 37, 44, 51, 66, 78, 1, 79};
static const char *const names[] = {"",     "a", "a@1", "b", "ab", "b@10", "a@12", "long-name@1000",
                                    "a@1@2"};

static void add_prop(struct fuzz_input *in)
{
    static const char text[] = "ok\0okay\0one\0two";
    unsigned int name = fuzz_u8(in), kind = fuzz_u8(in);
    uint8_t value[16];
    size_t n = kind & 0xf;

    add(3);
    add((uint32_t)n);
    add(string_at[name % sizeof(string_at)]);
    for (size_t i = 0; i < n; i++)
        value[i] = (kind & 0x80) != 0 ? (uint8_t)text[(i + (kind >> 4)) % sizeof(text)]
                                      : (i % 4 == 3 ? fuzz_u8(in) : 0);
    add_bytes(value, n);
}

/* One part; true if it is the last. */
static bool add_part(struct fuzz_input *in)
{
    unsigned int op = fuzz_u8(in);
    const char *name = names[(op >> 4) % ARRAY_SIZE(names)];

    switch (op & 0xf) {
    case 0:
    case 1:
    case 2:
        add(1);
        add_bytes(name, strlen(name) + 1);
        return false;
    case 3:
    case 4:
    case 5:
        add(2);
        return false;
    case 6:
        add(4);
        return false;
    case 7:
        add((uint32_t)fuzz_uint(in, 4));
        return false;
    case 8:
        return true;
    default:
        add_prop(in);
        return false;
    }
}

static void fuzz_parts(struct fuzz_input *in)
{
    uint8_t flags = fuzz_u8(in);
    unsigned int open = 1;
    size_t end;

    memset(built, 0, sizeof(built));
    built_size = STRUCTS_AT;
    put(44, flags & 1 ? fuzz_u8(in) : 0);
    put(52, flags & 2 ? fuzz_u8(in) : 0);
    add(1);
    add(0);
    while (fuzz_left(in) && built_size < MAX_BLOB - 1024) {
        size_t at = built_size;

        if (add_part(in))
            break;
        open += (built[at + 3] == 1) - (built[at + 3] == 2);
    }
    for (; (flags & 4) == 0 && open > 0 && open < 80; open--)
        add(2);
    add(9);
    end = built_size;
    add_bytes(strings, sizeof(strings));
    put(0, 0xd00dfeed);
    put(4, (uint32_t)built_size);
    put(8, STRUCTS_AT);
    put(12, (uint32_t)end);
    put(16, 40);
    put(20, 17);
    put(24, 16);
    put(32, sizeof(strings));
    put(36, (uint32_t)end - STRUCTS_AT);
    while (fuzz_left(in)) { /* what is left of the input changes the header */
        unsigned int field = fuzz_u8(in) % 10;
        uint32_t v = (uint32_t)fuzz_uint(in, 2);

        put((size_t)4 * field, flags & 8 ? v : fdt_get32(built + (size_t)4 * field) + (int8_t)v);
    }
    compare_blob(built, built_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.at = data, .end = data + size};

    switch (fuzz_u8(&in) % 3) {
    case 0:
        compare_blob(in.at, (size_t)(in.end - in.at));
        break;
    case 1:
        fuzz_parts(&in);
        break;
    default:
        fuzz_writer(&in);
        break;
    }
    return 0;
}
