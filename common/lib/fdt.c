/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree reader of include/wherry/lib/fdt.h. fdt_check() proves the structure block well
 * formed; everything after it relies on that and bounds only what the caller passes in.
 */
#include <wherry/lib/errno.h>
#include <wherry/lib/fdt.h>
#include <wherry/lib/string.h>

#define FDT_MAGIC       0xd00dfeed
#define FDT_BEGIN_NODE  1
#define FDT_END_NODE    2
#define FDT_PROP        3
#define FDT_NOP         4
#define FDT_END         9
#define FDT_HEADER_SIZE 40
#define FDT_MAX_DEPTH   64

uint32_t fdt_get32(const void *p)
{
    const uint8_t *b = p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t fdt_get64(const void *p)
{
    return (uint64_t)fdt_get32(p) << 32 | fdt_get32((const uint8_t *)p + 4);
}

uint64_t fdt_get_cells(const void *p, unsigned int cells)
{
    switch (cells) {
    case 1:
        return fdt_get32(p);
    case 2:
        return fdt_get64(p);
    default:
        return 0;
    }
}

static uint32_t align4(uint32_t v)
{
    return (v + 3) & ~UINT32_C(3);
}

static uint32_t token_at(const struct fdt *f, uint32_t off)
{
    return fdt_get32(f->structs + off);
}

/* Bytes of the token at off with what belongs to it. The blob is checked. */
static uint32_t token_size(const struct fdt *f, uint32_t off)
{
    switch (token_at(f, off)) {
    case FDT_BEGIN_NODE:
        return 4 + align4((uint32_t)strlen((const char *)f->structs + off + 4) + 1);
    case FDT_PROP:
        return 12 + align4(fdt_get32(f->structs + off + 4));
    default:
        return 4;
    }
}

/* --- checking --- */

/* A block of the blob [off, off + size) is inside and behind the header. */
static bool block_ok(uint32_t total, uint32_t off, uint32_t size)
{
    return off >= FDT_HEADER_SIZE && off <= total && size <= total - off;
}

static int check_header(struct fdt *f, const uint8_t *b, size_t max)
{
    uint32_t total, structs, strings, reserved;

    if (max < FDT_HEADER_SIZE || ((uintptr_t)b & 7) != 0 || fdt_get32(b) != FDT_MAGIC)
        return -EINVAL;
    total = fdt_get32(b + 4);
    structs = fdt_get32(b + 8);
    strings = fdt_get32(b + 12);
    reserved = fdt_get32(b + 16);
    f->strings_size = fdt_get32(b + 32);
    f->structs_size = fdt_get32(b + 36);
    /* Version 17 is what has a structure size; last compatible version at most that. */
    if (total < FDT_HEADER_SIZE || total > max || fdt_get32(b + 20) < 17 || fdt_get32(b + 24) > 17)
        return -EINVAL;
    if (!block_ok(total, structs, f->structs_size) || !block_ok(total, strings, f->strings_size) ||
        !block_ok(total, reserved, 0))
        return -EINVAL;
    if ((structs & 3) != 0 || (reserved & 7) != 0)
        return -EINVAL;
    f->blob = b;
    f->total_size = total;
    f->structs = b + structs;
    f->strings = (const char *)b + strings;
    f->reserved = b + reserved;
    return 0;
}

static int check_reserved(struct fdt *f)
{
    uint32_t room = (uint32_t)(f->blob + f->total_size - f->reserved);

    for (uint32_t n = 0; n < room / 16; n++) {
        const uint8_t *e = f->reserved + 16 * (size_t)n;

        if (fdt_get64(e) == 0 && fdt_get64(e + 8) == 0) {
            f->nr_reserved = n;
            return 0;
        }
    }
    return -EINVAL;
}

/* A terminated string starts at off of the strings block. */
static bool string_ok(const struct fdt *f, uint32_t off)
{
    return off < f->strings_size && memchr(f->strings + off, 0, f->strings_size - off) != NULL;
}

/* Size of the node or property at off if it is inside, else 0. */
static uint32_t checked_size(const struct fdt *f, uint32_t off, uint32_t token)
{
    uint32_t left = f->structs_size - off;
    uint32_t len;

    if (token == FDT_BEGIN_NODE) {
        const uint8_t *name = f->structs + off + 4;
        const uint8_t *end = left > 4 ? memchr(name, 0, left - 4) : NULL;

        if (end == NULL)
            return 0;
        len = 4 + align4((uint32_t)(end - name) + 1);
        return len <= left ? len : 0;
    }
    if (left < 12)
        return 0;
    len = fdt_get32(f->structs + off + 4);
    if (len > left - 12 || align4(len) > left - 12)
        return 0;
    return string_ok(f, fdt_get32(f->structs + off + 8)) ? 12 + align4(len) : 0;
}

/* The structure block: one root node, properly nested, properties before subnodes, then END. */
static int check_structs(const struct fdt *f)
{
    unsigned int depth = 0;
    bool had_root = false;
    bool props_ok = false;
    uint32_t off = 0;

    while (off <= f->structs_size && f->structs_size - off >= 4) {
        uint32_t token = token_at(f, off);
        uint32_t size = 4;

        switch (token) {
        case FDT_BEGIN_NODE:
            if ((depth == 0 && had_root) || ++depth > FDT_MAX_DEPTH)
                return -EINVAL;
            props_ok = true;
            size = checked_size(f, off, token);
            if (!had_root && size != 0 && f->structs[off + 4] != 0)
                return -EINVAL; /* the root has no name */
            had_root = true;
            break;
        case FDT_END_NODE:
            if (depth-- == 0)
                return -EINVAL;
            props_ok = false;
            break;
        case FDT_PROP:
            if (!props_ok)
                return -EINVAL;
            size = checked_size(f, off, token);
            break;
        case FDT_NOP:
            break;
        case FDT_END:
            return depth == 0 && had_root ? 0 : -EINVAL;
        default:
            return -EINVAL;
        }
        if (size == 0)
            return -EINVAL;
        off += size;
    }
    return -EINVAL;
}

int fdt_check(struct fdt *f, const void *blob, size_t max)
{
    int rc = check_header(f, blob, max);

    if (rc == 0)
        rc = check_reserved(f);
    if (rc == 0)
        rc = check_structs(f);
    return rc;
}

/* --- walking --- */

static uint32_t skip_nops(const struct fdt *f, uint32_t off)
{
    while (token_at(f, off) == FDT_NOP)
        off += 4;
    return off;
}

int fdt_root(const struct fdt *f)
{
    return (int)skip_nops(f, 0);
}

/* Behind the node's own tokens and properties: the first subnode's BEGIN or the node's END. */
static uint32_t skip_props(const struct fdt *f, int node)
{
    uint32_t off = (uint32_t)node + token_size(f, (uint32_t)node);

    while (token_at(f, off) == FDT_PROP || token_at(f, off) == FDT_NOP)
        off += token_size(f, off);
    return off;
}

/* Behind the node's END. */
static uint32_t skip_node(const struct fdt *f, int node)
{
    uint32_t off = (uint32_t)node;
    unsigned int depth = 0;

    do {
        uint32_t token = token_at(f, off);

        if (token == FDT_BEGIN_NODE)
            depth++;
        else if (token == FDT_END_NODE)
            depth--;
        off += token_size(f, off);
    } while (depth > 0);
    return off;
}

static int node_at(const struct fdt *f, uint32_t off)
{
    off = skip_nops(f, off);
    return token_at(f, off) == FDT_BEGIN_NODE ? (int)off : -ENOENT;
}

int fdt_first_subnode(const struct fdt *f, int node)
{
    return node_at(f, skip_props(f, node));
}

int fdt_next_subnode(const struct fdt *f, int node)
{
    return node_at(f, skip_node(f, node));
}

int fdt_next_node(const struct fdt *f, int node)
{
    uint32_t off = (uint32_t)node;

    for (;;) {
        off += token_size(f, off);
        if (token_at(f, off) == FDT_END)
            return -ENOENT;
        if (token_at(f, off) == FDT_BEGIN_NODE)
            return (int)off;
    }
}

int fdt_parent(const struct fdt *f, int node)
{
    int stack[FDT_MAX_DEPTH];
    unsigned int depth = 0;
    uint32_t off = (uint32_t)fdt_root(f);

    for (;; off += token_size(f, off)) {
        uint32_t token = token_at(f, off);

        if (token == FDT_END)
            return -ENOENT;
        if (token == FDT_END_NODE)
            depth--;
        if (token != FDT_BEGIN_NODE)
            continue;
        if ((int)off == node)
            // Balanced nodes. NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn)
            return depth == 0 ? -ENOENT : stack[depth - 1];
        stack[depth++] = (int)off;
    }
}

const char *fdt_node_name(const struct fdt *f, int node)
{
    return (const char *)f->structs + node + 4;
}

void fdt_node_path(const struct fdt *f, int node, char *buf, size_t size)
{
    int parent = fdt_parent(f, node);
    size_t len;

    if (size == 0)
        return;
    if (parent < 0) {
        str_copy(buf, "/", size);
        return;
    }
    fdt_node_path(f, parent, buf, size);
    len = strlen(buf);
    if (len > 1 && len + 1 < size)
        buf[len++] = '/';
    str_copy(buf + len, fdt_node_name(f, node), size - len);
}

/* --- properties --- */

static int prop_at(const struct fdt *f, uint32_t off, struct fdt_prop *p)
{
    off = skip_nops(f, off);
    if (token_at(f, off) != FDT_PROP)
        return -ENOENT;
    p->len = fdt_get32(f->structs + off + 4);
    p->name = f->strings + fdt_get32(f->structs + off + 8);
    p->data = f->structs + off + 12;
    return (int)off;
}

int fdt_first_prop(const struct fdt *f, int node, struct fdt_prop *p)
{
    return prop_at(f, (uint32_t)node + token_size(f, (uint32_t)node), p);
}

int fdt_next_prop(const struct fdt *f, int prop, struct fdt_prop *p)
{
    return prop_at(f, (uint32_t)prop + token_size(f, (uint32_t)prop), p);
}

const void *fdt_getprop(const struct fdt *f, int node, const char *name, uint32_t *len)
{
    struct fdt_prop p;

    for (int off = fdt_first_prop(f, node, &p); off >= 0; off = fdt_next_prop(f, off, &p)) {
        if (strcmp(p.name, name) != 0)
            continue;
        if (len != NULL)
            *len = p.len;
        return p.data;
    }
    return NULL;
}

const char *fdt_prop_string(const struct fdt *f, int node, const char *name)
{
    uint32_t len;
    const char *s = fdt_getprop(f, node, name, &len);

    return s != NULL && len > 0 && s[len - 1] == '\0' ? s : NULL;
}

int fdt_prop_u32(const struct fdt *f, int node, const char *name, uint32_t *out)
{
    uint32_t len;
    const void *p = fdt_getprop(f, node, name, &len);

    if (p == NULL)
        return -ENOENT;
    if (len != 4)
        return -EINVAL;
    *out = fdt_get32(p);
    return 0;
}

int fdt_prop_u64(const struct fdt *f, int node, const char *name, uint64_t *out)
{
    uint32_t len;
    const void *p = fdt_getprop(f, node, name, &len);

    if (p == NULL)
        return -ENOENT;
    if (len != 4 && len != 8)
        return -EINVAL;
    *out = fdt_get_cells(p, len / 4);
    return 0;
}

bool fdt_prop_has_string(const struct fdt *f, int node, const char *name, const char *s)
{
    uint32_t len;
    const char *list = fdt_getprop(f, node, name, &len);

    while (list != NULL && len > 0) {
        size_t n = strnlen(list, len);

        if (n == len)
            return false; /* not terminated */
        if (strcmp(list, s) == 0)
            return true;
        list += n + 1;
        len -= (uint32_t)n + 1;
    }
    return false;
}

bool fdt_is_available(const struct fdt *f, int node)
{
    const char *status = fdt_prop_string(f, node, "status");

    return status == NULL || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

/* --- finding --- */

/* Does the component [s, s + n) name this node? Without a unit address, any will do. */
static bool name_matches(const char *name, const char *s, size_t n)
{
    if (strncmp(name, s, n) != 0)
        return false;
    return name[n] == '\0' || (name[n] == '@' && memchr(s, '@', n) == NULL);
}

static int find_component(const struct fdt *f, int node, const char *s, size_t n)
{
    int child;

    fdt_for_each_subnode (f, child, node)
        if (name_matches(fdt_node_name(f, child), s, n))
            return child;
    return -ENOENT;
}

int fdt_find_path(const struct fdt *f, const char *path)
{
    int node = fdt_root(f);

    if (*path != '/')
        return -EINVAL;
    while (node >= 0) {
        const char *end;

        while (*path == '/')
            path++;
        if (*path == '\0')
            return node;
        end = strchr(path, '/');
        if (end == NULL)
            end = path + strlen(path);
        node = find_component(f, node, path, (size_t)(end - path));
        path = end;
    }
    return node;
}

int fdt_find_phandle(const struct fdt *f, uint32_t phandle)
{
    if (phandle == 0 || phandle == UINT32_MAX)
        return -ENOENT;
    for (int node = fdt_root(f); node >= 0; node = fdt_next_node(f, node)) {
        uint32_t v;

        /* The old name counts where the other is not there. */
        if (fdt_prop_u32(f, node, "phandle", &v) != 0 &&
            fdt_prop_u32(f, node, "linux,phandle", &v) != 0)
            continue;
        if (v == phandle)
            return node;
    }
    return -ENOENT;
}

int fdt_find_compatible(const struct fdt *f, int after, const char *s)
{
    int node = after < 0 ? fdt_root(f) : fdt_next_node(f, after);

    for (; node >= 0; node = fdt_next_node(f, node))
        if (fdt_is_compatible(f, node, s))
            return node;
    return -ENOENT;
}

/* --- addresses --- */

static unsigned int cells_of(const struct fdt *f, int node, const char *name,
                             unsigned int otherwise)
{
    uint32_t v;

    if (fdt_prop_u32(f, node, name, &v) != 0)
        return otherwise;
    return v <= 2 ? v : 0xff;
}

unsigned int fdt_address_cells(const struct fdt *f, int node)
{
    return cells_of(f, node, "#address-cells", 2);
}

unsigned int fdt_size_cells(const struct fdt *f, int node)
{
    return cells_of(f, node, "#size-cells", 1);
}

static int reg_with_parent(const struct fdt *f, int node, int parent, unsigned int index,
                           uint64_t *addr, uint64_t *size)
{
    unsigned int ac = parent < 0 ? 2 : fdt_address_cells(f, parent);
    unsigned int sc = parent < 0 ? 1 : fdt_size_cells(f, parent);
    uint32_t len;
    const uint8_t *reg = fdt_getprop(f, node, "reg", &len);
    uint32_t entry = (ac + sc) * 4;

    if (reg == NULL)
        return -ENOENT;
    if (ac > 2 || sc > 2 || ac == 0 || len % entry != 0)
        return -EINVAL;
    if (index >= len / entry)
        return -ENOENT;
    reg += (size_t)index * entry;
    *addr = fdt_get_cells(reg, ac);
    *size = fdt_get_cells(reg + ac * 4, sc);
    return 0;
}

int fdt_get_reg(const struct fdt *f, int node, unsigned int index, uint64_t *addr, uint64_t *size)
{
    return reg_with_parent(f, node, fdt_parent(f, node), index, addr, size);
}

/* One level up: from bus `node`'s child space to that of its parent. */
static int translate(const struct fdt *f, int node, int parent, uint64_t *addr)
{
    unsigned int child_ac = fdt_address_cells(f, node);
    unsigned int parent_ac = fdt_address_cells(f, parent);
    unsigned int sc = fdt_size_cells(f, node);
    uint32_t entry = (child_ac + parent_ac + sc) * 4;
    uint32_t len;
    const uint8_t *r = fdt_getprop(f, node, "ranges", &len);

    if (r == NULL || child_ac > 2 || parent_ac > 2 || sc > 2)
        return -EINVAL;
    if (len == 0)
        return 0; /* identity */
    if (entry == 0 || len % entry != 0)
        return -EINVAL;
    for (; len >= entry; len -= entry, r += entry) {
        uint64_t from = fdt_get_cells(r, child_ac);
        uint64_t to = fdt_get_cells(r + child_ac * 4, parent_ac);
        uint64_t size = fdt_get_cells(r + (child_ac + parent_ac) * 4, sc);

        if (*addr >= from && *addr - from < size) {
            *addr = to + (*addr - from);
            return *addr >= to ? 0 : -EINVAL;
        }
    }
    return -EINVAL;
}

int fdt_get_reg_root(const struct fdt *f, int node, unsigned int index, uint64_t *addr,
                     uint64_t *size)
{
    int bus = fdt_parent(f, node);
    int rc = reg_with_parent(f, node, bus, index, addr, size);

    while (rc == 0 && bus >= 0) {
        int parent = fdt_parent(f, bus);

        if (parent < 0)
            break;
        rc = translate(f, bus, parent, addr);
        bus = parent;
    }
    return rc;
}

int fdt_get_reserved(const struct fdt *f, unsigned int index, uint64_t *addr, uint64_t *size)
{
    if (index >= f->nr_reserved)
        return -ENOENT;
    *addr = fdt_get64(f->reserved + 16 * (size_t)index);
    *size = fdt_get64(f->reserved + 16 * (size_t)index + 8);
    return 0;
}
