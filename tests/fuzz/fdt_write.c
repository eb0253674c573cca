/* SPDX-License-Identifier: Apache-2.0 */
/* fdt_fuzz.h: calls of the writer, kept in a list that the tree must then say again. */
#include "fdt_fuzz.h"

#include "../unit/fdt_reference.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define MAX_CALLS 256
#define MAX_VALUE 20

enum kind { BEGIN, END, PROP };

static struct call {
    enum kind kind;
    const char *name;
    uint8_t value[MAX_VALUE];
    size_t len;
} calls[MAX_CALLS];
static unsigned int nr_calls;

static const char *const names[] = {"a", "b@1",     "reg", "compatible",
                                    "x", "phandle", "",    "ompatible"};

static struct call *keep(enum kind kind, unsigned int name)
{
    struct call *c = &calls[nr_calls++];

    *c = (struct call){.kind = kind, .name = names[name % ARRAY_SIZE(names)]};
    return c;
}

static void big_endian(struct call *c, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        c->value[c->len++] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

/* One property in each of the writer's ways. */
static void write_prop(struct fdt_writer *w, struct fuzz_input *in, unsigned int way)
{
    struct call *c = keep(PROP, fuzz_u8(in));
    uint64_t v = fuzz_uint(in, 3) << (fuzz_u8(in) % 41);
    uint32_t cells[4] = {(uint32_t)v, 1, (uint32_t)(v >> 32), 4};

    switch (way % 6) {
    case 0:
        fdtw_prop_empty(w, c->name);
        break;
    case 1:
        big_endian(c, v, 4);
        fdtw_prop_u32(w, c->name, (uint32_t)v);
        break;
    case 2:
        big_endian(c, v, 8);
        fdtw_prop_u64(w, c->name, v);
        break;
    case 3:
        c->len = strlen(names[v % ARRAY_SIZE(names)]) + 1;
        memcpy(c->value, names[v % ARRAY_SIZE(names)], c->len);
        fdtw_prop_string(w, c->name, (const char *)c->value);
        break;
    case 4:
        for (unsigned int i = 0; i < 4; i++)
            big_endian(c, cells[i], 4);
        fdtw_prop_cells(w, c->name, cells, 4);
        break;
    default:
        c->len = v % MAX_VALUE;
        for (size_t i = 0; i < c->len; i++)
            c->value[i] = fuzz_u8(in);
        fdtw_prop(w, c->name, c->value, c->len);
        break;
    }
}

static void write_one(struct fdt_writer *w, struct fuzz_input *in)
{
    unsigned int op = fuzz_u8(in);

    if (op % 4 == 0) {
        fdtw_begin_node(w, keep(BEGIN, nr_calls == 0 ? 6 : op >> 2)->name);
    } else if (op % 4 == 1) {
        keep(END, 0);
        fdtw_end_node(w);
    } else {
        write_prop(w, in, op >> 2);
    }
}

/* Do the calls make a tree: one root, balanced, properties before subnodes? Deepest level in it. */
static bool is_tree(unsigned int *deepest)
{
    unsigned int depth = 0;
    bool props = false;

    *deepest = 0;
    for (unsigned int i = 0; i < nr_calls; i++) {
        if (depth == 0 && (i > 0 || calls[i].kind != BEGIN))
            return false;
        if (calls[i].kind == PROP && !props)
            return false;
        depth += (calls[i].kind == BEGIN) - (calls[i].kind == END);
        *deepest = depth > *deepest ? depth : *deepest;
        props = calls[i].kind != END;
    }
    return depth == 0 && nr_calls > 0;
}

/* Bytes that the tree needs at least, with each name stored once and no sharing of tails. */
static size_t needed(void)
{
    bool seen[ARRAY_SIZE(names)] = {false};
    size_t n = 56 + 4;

    if (nr_calls == 0)
        return n + 4; /* less is refused from the start */
    for (unsigned int i = 0; i < nr_calls; i++) {
        const struct call *c = &calls[i];

        n += 4;
        if (c->kind == BEGIN)
            n += (strlen(c->name) + 4) & ~(size_t)3;
        if (c->kind != PROP)
            continue;
        n += 8 + ((c->len + 3) & ~(size_t)3);
        for (unsigned int k = 0; k < ARRAY_SIZE(names); k++)
            if (names[k] == c->name && !seen[k]) {
                seen[k] = true;
                n += strlen(c->name) + 1;
            }
    }
    return n;
}

/* The tree says the calls again, in order. */
static void read_back(const struct fdt *f)
{
    int node = -1, prop = -1;
    struct fdt_prop p;

    for (unsigned int i = 0; i < nr_calls; i++) {
        const struct call *c = &calls[i];

        if (c->kind == BEGIN) {
            node = node < 0 ? fdt_root(f) : fdt_next_node(f, node);
            fuzz_check(node >= 0, "call %u: no node %s", i, c->name);
            fuzz_check(strcmp(fdt_node_name(f, node), c->name) == 0, "call %u: name", i);
            prop = fdt_first_prop(f, node, &p);
        } else if (c->kind == END) {
            fuzz_check(prop < 0 || i == 0 || calls[i - 1].kind == END, "a property too many");
        } else {
            fuzz_check(prop >= 0, "call %u: no property %s", i, c->name);
            fuzz_check(strcmp(p.name, c->name) == 0, "call %u: %s", i, p.name);
            fuzz_check(p.len == c->len && memcmp(p.data, c->value, c->len) == 0, "call %u: value",
                       i);
            prop = fdt_next_prop(f, prop, &p);
        }
    }
    fuzz_check(fdt_next_node(f, node) == -ENOENT, "a node too many");
}

void fuzz_writer(struct fuzz_input *in)
{
    size_t size = fuzz_uint(in, 2) % 4096;
    bool close = (fuzz_u8(in) & 3) != 0;
    uint32_t boot_cpu = fuzz_u8(in);
    uint8_t *buf = malloc(size + 1);
    unsigned int open = 0, deepest;
    struct fdt_writer w;
    struct fdt f;
    long got;

    nr_calls = 0;
    fdtw_begin(&w, buf, size);
    while (fuzz_left(in) && nr_calls < MAX_CALLS / 2) {
        write_one(&w, in);
        open += calls[nr_calls - 1].kind == BEGIN;
        open -= calls[nr_calls - 1].kind == END && open > 0;
    }
    for (; close && open > 0; open--) {
        keep(END, 0);
        fdtw_end_node(&w);
    }
    got = fdtw_finish(&w, boot_cpu);
    if (!is_tree(&deepest)) {
        fuzz_check(got == -EINVAL || (got == -ENOSPC && size < needed()), "no tree, yet %ld", got);
    } else if (size < needed()) {
        fuzz_check(got == -ENOSPC, "%zu bytes do for %zu: %ld", size, needed(), got);
    } else {
        fuzz_check(got == (long)needed(), "%ld bytes in place of %zu", got, needed());
        fuzz_check(ref_check(buf, (size_t)got) == 0, "libfdt does not take it");
        fuzz_check(fdt_get32(buf + 28) == boot_cpu, "boot CPU");
        if (deepest <= 64) {
            fuzz_check(fdt_check(&f, buf, (size_t)got) == 0, "our own reader does not take it");
            compare_tree(&f);
            read_back(&f);
        }
    }
    free(buf);
}
