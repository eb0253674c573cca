/* SPDX-License-Identifier: Apache-2.0 */
/* fdt_fuzz.h: our reader and libfdt side by side, and where ours takes less than libfdt. */
#include "fdt_fuzz.h"

#include "../unit/fdt_reference.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define PATH_SIZE 512

/* --- the same tree --- */

static void compare_props(const struct fdt *f, int node)
{
    int theirs = ref_first_prop(f->blob, node);
    struct fdt_prop p;

    for (int ours = fdt_first_prop(f, node, &p); ours >= 0; ours = fdt_next_prop(f, ours, &p)) {
        const void *first, *value;
        const char *name;
        uint32_t our_len = 0;
        int len;

        fuzz_check(ours == theirs, "property at %d, libfdt at %d", ours, theirs);
        value = ref_prop(f->blob, theirs, &name, &len);
        fuzz_check(value == p.data && (uint32_t)len == p.len, "value of %s", name);
        fuzz_check(strcmp(name, p.name) == 0, "name %s, libfdt %s", p.name, name);
        first = ref_getprop(f->blob, node, name, &len);
        fuzz_check(fdt_getprop(f, node, name, &our_len) == first && our_len == (uint32_t)len,
                   "found by name %s", name);
        theirs = ref_next_prop(f->blob, theirs);
    }
    fuzz_check(theirs < 0, "libfdt has one property more at %d", theirs);
    fuzz_check(fdt_getprop(f, node, "no such name", NULL) == NULL, "a property that is not there");
}

/* A subnode or parent: ours gives -ENOENT where libfdt gives any error. */
static void compare_node(const char *what, int node, int ours, int theirs)
{
    fuzz_check(ours == (theirs < 0 ? -ENOENT : theirs), "%s of %d: %d, libfdt %d", what, node, ours,
               theirs);
}

/* A node below the root may have an empty name, though none should: paths cannot tell it. */
static bool has_unnamed(const char *path)
{
    for (const char *p = path; *p != '\0'; p++)
        if (p[0] == '/' && (p[1] == '/' || (p[1] == '\0' && p != path)))
            return true;
    return false;
}

/* libfdt drops a name from its path up to the last slash: one too little if the name has a slash.
 */
static bool has_slashes(const struct fdt *f)
{
    for (int node = fdt_root(f); node >= 0; node = fdt_next_node(f, node))
        if (strchr(fdt_node_name(f, node), '/') != NULL)
            return true;
    return false;
}

/* The node's path, and what looking it up gives: maybe another node of the same name. */
static void compare_path(const struct fdt *f, int node)
{
    char ours[PATH_SIZE], theirs[PATH_SIZE];
    int want;

    fdt_node_path(f, node, ours, sizeof(ours));
    if (ref_node_path(f->blob, node, theirs, sizeof(theirs)) != 0) {
        fuzz_check(strnlen(ours, sizeof(ours)) < sizeof(ours), "path is not terminated");
        return;
    }
    if (has_unnamed(theirs))
        return;
    fuzz_check(strcmp(ours, theirs) == 0, "path %s, libfdt %s", ours, theirs);
    want = ref_find_path(f->blob, ours);
    fuzz_check(fdt_find_path(f, ours) == (want < 0 ? -ENOENT : want), "node of %s", ours);
    /* Without the last unit address, or with the last character of the name cut off. */
    ours[strlen(ours) - 1] = '\0';
    want = ref_find_path(f->blob, ours);
    if (ours[0] == '/')
        fuzz_check(fdt_find_path(f, ours) == (want < 0 ? -ENOENT : want), "node of %s", ours);
}

/* All nodes that are compatible with s. */
static void compare_compatible(const struct fdt *f, const char *s)
{
    int ours = -1, theirs = -1;

    do {
        ours = fdt_find_compatible(f, ours, s);
        theirs = ref_find_compatible(f->blob, theirs, s);
        compare_node(s, theirs, ours, theirs);
    } while (ours >= 0);
}

/* A terminated string of the list is s. */
static bool in_list(const uint8_t *list, uint32_t len, const char *s)
{
    uint32_t begin = 0;

    for (uint32_t i = 0; i < len; i++) {
        if (list[i] != '\0')
            continue;
        if (i - begin == strlen(s) && memcmp(list + begin, s, i - begin) == 0)
            return true;
        begin = i + 1;
    }
    return false;
}

static void compare_values(const struct fdt *f, int node, bool lists_end)
{
    static const char *const words[] = {"ok", "okay", "one", "wo", ""};
    const uint8_t *p;
    uint32_t len;
    uint32_t phandle = 0;
    int want;

    p = fdt_getprop(f, node, "compatible", &len);
    for (unsigned int i = 0; p != NULL && i < ARRAY_SIZE(words); i++)
        fuzz_check(fdt_is_compatible(f, node, words[i]) == in_list(p, len, words[i]), "%s of %d",
                   words[i], node);
    /* For an empty string libfdt looks at the byte behind an empty list. */
    if (lists_end && p != NULL && len > 0 && *p != '\0')
        compare_compatible(f, (const char *)p);
    if (fdt_prop_u32(f, node, "phandle", &phandle) == 0 ||
        fdt_prop_u32(f, node, "linux,phandle", &phandle) == 0) {
        want = ref_find_phandle(f->blob, phandle);
        compare_node("phandle", (int)phandle, fdt_find_phandle(f, phandle), want);
    }
}

/* libfdt takes a last string that has no end, if a zero happens to be behind it; ours does not. */
static bool all_lists_end(const struct fdt *f)
{
    for (int node = fdt_root(f); node >= 0; node = fdt_next_node(f, node)) {
        uint32_t len;
        const uint8_t *p = fdt_getprop(f, node, "compatible", &len);

        if (p != NULL && len > 0 && p[len - 1] != '\0')
            return false;
    }
    return true;
}

/* libfdt ends the list at a size of zero, the specification at both address and size zero. */
static void compare_reserved(const struct fdt *f)
{
    int theirs = ref_nr_reserved(f->blob);
    uint64_t a, b, c, d;

    fuzz_check(theirs >= 0 && (unsigned int)theirs <= f->nr_reserved, "%u reservations, libfdt %d",
               f->nr_reserved, theirs);
    for (unsigned int i = 0; i < f->nr_reserved; i++) {
        fuzz_check(fdt_get_reserved(f, i, &a, &b) == 0, "reservation %u", i);
        fuzz_check(ref_reserved(f->blob, (int)i, &c, &d) == 0, "reservation %u", i);
        fuzz_check(a == c && b == d, "reservation %u", i);
        fuzz_check((b == 0 && i >= (unsigned int)theirs) || b != 0 || i > (unsigned int)theirs,
                   "libfdt does not end at reservation %u", i);
    }
    fuzz_check((unsigned int)theirs == f->nr_reserved ||
                   (fdt_get_reserved(f, (unsigned int)theirs, &a, &b) == 0 && b == 0),
               "libfdt ends at %d, not at a size of zero", theirs);
    fuzz_check(fdt_get_reserved(f, f->nr_reserved, &a, &b) == -ENOENT, "one reservation too many");
}

/* Addresses have no like in libfdt: a call must only stay inside. */
static void read_addresses(const struct fdt *f, int node)
{
    uint64_t addr, size;

    for (unsigned int i = 0; i < 3; i++) {
        fdt_get_reg(f, node, i, &addr, &size);
        fdt_get_reg_root(f, node, i, &addr, &size);
    }
    fdt_prop_u64(f, node, "reg", &addr);
    fdt_is_available(f, node);
}

void compare_tree(const struct fdt *f)
{
    bool lists_end = all_lists_end(f), slashes = has_slashes(f);
    int theirs = ref_next_node(f->blob, -1);

    for (int node = fdt_root(f); node >= 0; node = fdt_next_node(f, node)) {
        int parent = ref_parent(f->blob, node);

        fuzz_check(node == theirs, "node at %d, libfdt at %d", node, theirs);
        fuzz_check(strcmp(fdt_node_name(f, node), ref_node_name(f->blob, node)) == 0,
                   "name of node %d", node);
        compare_node("parent", node, fdt_parent(f, node), parent);
        compare_node("first subnode", node, fdt_first_subnode(f, node),
                     ref_first_subnode(f->blob, node));
        if (parent >= 0)
            compare_node("next subnode", node, fdt_next_subnode(f, node),
                         ref_next_subnode(f->blob, node));
        compare_props(f, node);
        if (!slashes)
            compare_path(f, node);
        compare_values(f, node, lists_end);
        read_addresses(f, node);
        theirs = ref_next_node(f->blob, theirs);
    }
    fuzz_check(theirs < 0, "libfdt has one node more at %d", theirs);
    compare_reserved(f);
}

/* --- less than libfdt takes --- */

static uint32_t cell(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The list of reservations has no entry of two zeros before the end of the blob. */
static bool reserved_has_no_end(const uint8_t *blob)
{
    uint32_t total = cell(blob + 4);

    for (uint32_t at = cell(blob + 16); total >= 16 && at <= total - 16; at += 16) {
        uint8_t any = 0;

        for (unsigned int i = 0; i < 16; i++)
            any |= blob[at + i];
        if (any == 0)
            return false;
    }
    return true;
}

static const char padded[] = "NOP behind the root";

/* Rules of the structure block, on one that a reader has taken. */
static const char *stricter_structs(const uint8_t *at)
{
    unsigned int depth = 0, roots = 0;
    uint32_t last = 0;

    for (;;) {
        uint32_t token = cell(at);

        at += 4;
        if (token == 9)
            return roots == 0 ? "no root" : last == 4 && depth == 0 ? padded : NULL;
        if (token == 4) {
            last = last == 2 && depth > 0 ? 2 : 4;
            continue;
        }
        if (token == 1) {
            if (depth == 0 && ++roots > 1)
                return "second root";
            if (depth == 0 && *at != '\0')
                return "name of the root";
            if (++depth > 64)
                return "more than 64 levels";
            at += (strlen((const char *)at) + 4) & ~(size_t)3;
        } else if (token == 2) {
            depth--;
        } else {
            if (last == 2 || depth == 0)
                return "property behind a subnode";
            at += 8 + (((size_t)cell(at) + 3) & ~(size_t)3);
        }
        last = token;
    }
}

bool laxer_rule(const struct fdt *f)
{
    return stricter_structs(f->structs) == padded;
}

const char *stricter_rule(const uint8_t *blob, size_t size)
{
    if (size < 40 || cell(blob + 20) < 17)
        return "version 17";
    if ((cell(blob + 8) & 3) != 0)
        return "alignment of the structure block";
    if ((cell(blob + 16) & 7) != 0)
        return "alignment of the reservations";
    if (reserved_has_no_end(blob))
        return "end of the reservations";
    return stricter_structs(blob + cell(blob + 8));
}
