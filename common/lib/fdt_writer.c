/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree writer of include/wherry/lib/fdt.h. The structure block grows from the front of
 * the buffer, the strings from its end; fdtw_finish() closes the gap.
 */
#include <wherry/lib/errno.h>
#include <wherry/lib/fdt.h>
#include <wherry/lib/string.h>

#define FDT_MAGIC      0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_END        9

/* Header and an empty reservation map come first. */
#define HEADER_SIZE   40
#define STRUCTS_START (HEADER_SIZE + 16)

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* The first error is the one that stays. */
static void fail(struct fdt_writer *w, int error)
{
    if (w->error == 0)
        w->error = error;
}

/* Room for n bytes, padded to cells, at the end of the structure block; NULL: no room. */
static uint8_t *grow(struct fdt_writer *w, size_t n)
{
    size_t padded = (n + 3) & ~(size_t)3;
    uint8_t *p;

    if (w->error != 0 || padded < n || padded > w->strings - w->structs) {
        fail(w, -ENOSPC);
        return NULL;
    }
    p = w->buf + w->structs;
    memset(p, 0, padded);
    w->structs += padded;
    return p;
}

static void put_token(struct fdt_writer *w, uint32_t token)
{
    uint8_t *p = grow(w, 4);

    if (p != NULL)
        put32(p, token);
}

/*
 * Offset of a property name counted from the end of the buffer: strings are stored towards the
 * front, so only that distance is constant until the end.
 */
static uint32_t string_from_end(struct fdt_writer *w, const char *s)
{
    size_t n = strlen(s) + 1;
    size_t at = w->strings;

    while (at < w->size) {
        const char *have = (const char *)w->buf + at;

        if (strcmp(have, s) == 0)
            return (uint32_t)(w->size - at);
        at += strlen(have) + 1;
    }
    if (n > w->strings - w->structs) {
        fail(w, -ENOSPC);
        return 0;
    }
    w->strings -= n;
    memcpy(w->buf + w->strings, s, n);
    return (uint32_t)(w->size - w->strings);
}

void fdtw_begin(struct fdt_writer *w, void *buf, size_t size)
{
    *w = (struct fdt_writer){.buf = buf, .size = size, .structs = STRUCTS_START, .strings = size};
    if (size < STRUCTS_START + 8) {
        fail(w, -ENOSPC);
        return;
    }
    memset(buf, 0, STRUCTS_START);
}

void fdtw_begin_node(struct fdt_writer *w, const char *name)
{
    size_t n = strlen(name) + 1;
    uint8_t *p;

    if (w->depth == 0 && w->had_root)
        fail(w, -EINVAL);
    put_token(w, FDT_BEGIN_NODE);
    p = grow(w, n);
    if (p != NULL)
        memcpy(p, name, n);
    w->depth++;
    w->had_root = true;
    w->props_ok = true;
}

void fdtw_end_node(struct fdt_writer *w)
{
    if (w->depth == 0) {
        fail(w, -EINVAL);
        return;
    }
    w->depth--;
    w->props_ok = false;
    put_token(w, FDT_END_NODE);
}

void fdtw_prop(struct fdt_writer *w, const char *name, const void *data, size_t len)
{
    uint32_t from_end;
    uint8_t *p;

    if (!w->props_ok)
        fail(w, -EINVAL);
    from_end = w->error == 0 ? string_from_end(w, name) : 0;
    p = grow(w, 12);
    if (p == NULL)
        return;
    put32(p, FDT_PROP);
    put32(p + 4, (uint32_t)len);
    put32(p + 8, from_end); /* made an offset by fix_names() */
    p = grow(w, len);
    if (p != NULL && len > 0)
        memcpy(p, data, len);
}

void fdtw_prop_empty(struct fdt_writer *w, const char *name)
{
    fdtw_prop(w, name, NULL, 0);
}

void fdtw_prop_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, unsigned int n)
{
    uint8_t be[64];

    if (n > sizeof(be) / 4) {
        fail(w, -EINVAL);
        return;
    }
    for (unsigned int i = 0; i < n; i++)
        put32(be + 4 * i, cells[i]);
    fdtw_prop(w, name, be, 4 * (size_t)n);
}

void fdtw_prop_u32(struct fdt_writer *w, const char *name, uint32_t v)
{
    fdtw_prop_cells(w, name, &v, 1);
}

void fdtw_prop_u64(struct fdt_writer *w, const char *name, uint64_t v)
{
    uint32_t cells[2] = {(uint32_t)(v >> 32), (uint32_t)v};

    fdtw_prop_cells(w, name, cells, 2);
}

void fdtw_prop_string(struct fdt_writer *w, const char *name, const char *s)
{
    fdtw_prop(w, name, s, strlen(s) + 1);
}

/* Turn the names' distances from the end into offsets of the strings block. */
static void fix_names(struct fdt_writer *w, uint32_t strings_size)
{
    size_t off = STRUCTS_START;

    while (off < w->structs) {
        uint8_t *p = w->buf + off;

        switch (fdt_get32(p)) {
        case FDT_PROP:
            put32(p + 8, strings_size - fdt_get32(p + 8));
            off += 12 + ((fdt_get32(p + 4) + 3) & ~UINT32_C(3));
            break;
        case FDT_BEGIN_NODE:
            off += 4 + ((strlen((char *)p + 4) + 4) & ~(size_t)3);
            break;
        default:
            off += 4;
            break;
        }
    }
}

long fdtw_finish(struct fdt_writer *w, uint32_t boot_cpu)
{
    uint32_t strings_size = (uint32_t)(w->size - w->strings);
    uint32_t total;
    uint8_t *h = w->buf;

    put_token(w, FDT_END);
    if (w->depth != 0 || !w->had_root)
        fail(w, -EINVAL);
    if (w->error != 0)
        return w->error;
    fix_names(w, strings_size);
    memmove(w->buf + w->structs, w->buf + w->strings, strings_size);
    total = (uint32_t)w->structs + strings_size;
    put32(h, FDT_MAGIC);
    put32(h + 4, total);
    put32(h + 8, STRUCTS_START);
    put32(h + 12, (uint32_t)w->structs);
    put32(h + 16, HEADER_SIZE);
    put32(h + 20, 17);
    put32(h + 24, 16);
    put32(h + 28, boot_cpu);
    put32(h + 32, strings_size);
    put32(h + 36, (uint32_t)w->structs - STRUCTS_START);
    return (long)total;
}
