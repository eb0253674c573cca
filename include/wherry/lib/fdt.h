/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattened device trees (Devicetree Specification 0.3, chapter 5): a reader over a checked blob
 * and a writer. A node or property is its offset in the structure block, >= 0; errors are negative.
 */
#ifndef WHERRY_LIB_FDT_H
#define WHERRY_LIB_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fdt {
    const uint8_t *blob;
    uint32_t total_size;
    const uint8_t *structs;
    uint32_t structs_size;
    const char *strings;
    uint32_t strings_size;
    const uint8_t *reserved; /* pairs of big-endian 64-bit address and size, ended by two zeros */
    uint32_t nr_reserved;
};

/*
 * Check a blob of at most `max` bytes completely (bounds, nesting, terminated names) and set *f up
 * to read it. -EINVAL. After this no reader function can leave the blob.
 */
int fdt_check(struct fdt *f, const void *blob, size_t max);

int fdt_root(const struct fdt *f);
int fdt_first_subnode(const struct fdt *f, int node); /* -ENOENT at the end */
int fdt_next_subnode(const struct fdt *f, int node);
/* The node behind `node` in the order of the blob, whatever its depth: walks the whole tree. */
int fdt_next_node(const struct fdt *f, int node);
int fdt_parent(const struct fdt *f, int node);
/* "name@unit"; "" for the root. */
const char *fdt_node_name(const struct fdt *f, int node);
/* Full path into buf, truncated to size. */
void fdt_node_path(const struct fdt *f, int node, char *buf, size_t size);

#define fdt_for_each_subnode(f, child, node)                     \
    for ((child) = fdt_first_subnode((f), (node)); (child) >= 0; \
         (child) = fdt_next_subnode((f), (child)))

struct fdt_prop {
    const char *name;
    const uint8_t *data;
    uint32_t len;
};

/* Properties of a node in order: an offset for the next call, or -ENOENT. */
int fdt_first_prop(const struct fdt *f, int node, struct fdt_prop *p);
int fdt_next_prop(const struct fdt *f, int prop, struct fdt_prop *p);

/* Data of a property (unaligned, big-endian) or NULL. */
const void *fdt_getprop(const struct fdt *f, int node, const char *name, uint32_t *len);
static inline bool fdt_has_prop(const struct fdt *f, int node, const char *name)
{
    return fdt_getprop(f, node, name, NULL) != NULL;
}
/* A property that is a terminated string (the first one, if it is a list), or NULL. */
const char *fdt_prop_string(const struct fdt *f, int node, const char *name);
/* -ENOENT; -EINVAL when the length is wrong. u64 takes one or two cells. */
int fdt_prop_u32(const struct fdt *f, int node, const char *name, uint32_t *out);
int fdt_prop_u64(const struct fdt *f, int node, const char *name, uint64_t *out);
/* Is `s` one of the strings of a list property ("compatible")? */
bool fdt_prop_has_string(const struct fdt *f, int node, const char *name, const char *s);
static inline bool fdt_is_compatible(const struct fdt *f, int node, const char *s)
{
    return fdt_prop_has_string(f, node, "compatible", s);
}

/* status absent, "okay" or "ok". */
bool fdt_is_available(const struct fdt *f, int node);

/* "/a/b@1"; a component without @ matches a node with a unit address if it is the first such. */
int fdt_find_path(const struct fdt *f, const char *path);
/* 0 and all ones stand for no node, whatever a node says of itself. */
int fdt_find_phandle(const struct fdt *f, uint32_t phandle);
/* First node behind `after` (-1: from the start) that is compatible with s. */
int fdt_find_compatible(const struct fdt *f, int after, const char *s);

uint32_t fdt_get32(const void *p);
uint64_t fdt_get64(const void *p);
/* `cells` (0 to 2) big-endian cells as a number. */
uint64_t fdt_get_cells(const void *p, unsigned int cells);

/* #address-cells/#size-cells of a node for its children; defaults 2 and 1; more than 2: 0xff. */
unsigned int fdt_address_cells(const struct fdt *f, int node);
unsigned int fdt_size_cells(const struct fdt *f, int node);

/*
 * Entry `index` of reg, by the parent's cells: as written, and translated through the parents'
 * `ranges` to the root's address space. -ENOENT, -EINVAL.
 */
int fdt_get_reg(const struct fdt *f, int node, unsigned int index, uint64_t *addr, uint64_t *size);
int fdt_get_reg_root(const struct fdt *f, int node, unsigned int index, uint64_t *addr,
                     uint64_t *size);

/* Memory reservation `index`; -ENOENT behind the last. */
int fdt_get_reserved(const struct fdt *f, unsigned int index, uint64_t *addr, uint64_t *size);

/* --- writer: nodes and properties in order; the first error sticks until fdtw_finish() --- */

struct fdt_writer {
    uint8_t *buf;
    size_t size;
    size_t structs; /* end of the structure block so far */
    size_t strings; /* start of the strings, which grow down from the end of buf */
    unsigned int depth;
    bool had_root;
    bool props_ok; /* a node's properties come before its children */
    int error;
};

void fdtw_begin(struct fdt_writer *w, void *buf, size_t size);
void fdtw_begin_node(struct fdt_writer *w, const char *name);
void fdtw_end_node(struct fdt_writer *w);
void fdtw_prop(struct fdt_writer *w, const char *name, const void *data, size_t len);
void fdtw_prop_empty(struct fdt_writer *w, const char *name);
void fdtw_prop_u32(struct fdt_writer *w, const char *name, uint32_t v);
void fdtw_prop_u64(struct fdt_writer *w, const char *name, uint64_t v);
void fdtw_prop_string(struct fdt_writer *w, const char *name, const char *s);
/* `n` cells given in host order, at most 16. */
void fdtw_prop_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, unsigned int n);
/* Close the tree: its total size, or -ENOSPC; -EINVAL: nodes and properties do not fit together. */
long fdtw_finish(struct fdt_writer *w, uint32_t boot_cpu);

#endif
