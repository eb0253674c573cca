/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/lib/fdt.c and fdt_writer.c: the reader gives what Debian's libfdt gives, on whole, cut and
 * damaged trees, and never leaves the blob (the sanitizer watches); the writer's trees are what was
 * asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dts.h"
#include "fdt_reference.h"
#include "lib_model.h"

#include <wherry/lib/errno.h>
#include <wherry/lib/fdt.h>
#include <wherry/lib/string.h>

static const char tree_source[] =
    "/dts-v1/;\n"
    "/memreserve/ 0x40000000 0x10000;\n"
    "/memreserve/ 0x100000000 0x200000;\n"
    "/ { model = \"test\"; compatible = \"one,board\", \"two,board\"; #address-cells = <2>;\n"
    "  #size-cells = <2>; empty; bytes = [01 02 03];\n"
    "  chosen { bootargs = \"a b c\"; #address-cells = <1>; #size-cells = <1>;\n"
    "    module@40 { compatible = \"multiboot,module\"; reg = <0x40 0x20 0x80 0x10>; };\n"
    "    module@41 { compatible = \"multiboot,kernel\", \"multiboot,module\"; reg = <0x41 0x20>; "
    "};\n"
    "  };\n"
    "  cpus { #address-cells = <1>; #size-cells = <0>;\n"
    "    cpu@0 { reg = <0>; device_type = \"cpu\"; }; cpu@100 { reg = <0x100>; }; };\n"
    "  soc { compatible = \"simple-bus\"; #address-cells = <1>; #size-cells = <1>;\n"
    "    ranges = <0x0 0x1 0x0 0x1000>, <0x8000 0x2 0x0 0x1000>;\n"
    "    inner@10 { #address-cells = <2>; #size-cells = <1>; ranges = <7 0x10 0x100 0x100>;\n"
    "      uart: uart@10 { reg = <7 0x18 0x8>; status = \"disabled\"; }; };\n"
    "    plain { #address-cells = <1>; #size-cells = <1>; ranges;\n"
    "      dev@8004 { reg = <0x8004 4 0x5000 4>; status = \"ok\"; }; };\n"
    "    closed { #address-cells = <1>; #size-cells = <1>; dev@0 { reg = <0 4>; }; };\n"
    "  };\n"
    "  gic: gic@8000000 { reg = <0 0x8000000 0 0x10000>; interrupt-controller; status = \"okay\"; "
    "};\n"
    "  user { gic = <&gic>; uart = <&uart>; number = <5>; big = <1 2>; odd = [aa bb]; };\n"
    "};\n";

static uint8_t *blob;
static size_t blob_size;
static struct fdt tree;

static int setup(void **state)
{
    (void)state;
    blob = dts_compile(tree_source, &blob_size);
    assert_int_equal(fdt_check(&tree, blob, blob_size), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(blob);
    return 0;
}

/* --- against libfdt --- */

static void same_props(const struct fdt *f, int node)
{
    struct fdt_prop p;
    int ours = fdt_first_prop(f, node, &p), theirs = ref_first_prop(f->blob, node);

    for (; ours >= 0; ours = fdt_next_prop(f, ours, &p)) {
        const char *name;
        const void *value;
        uint32_t our_len;
        int len;

        assert_int_equal(ours, theirs);
        value = ref_prop(f->blob, theirs, &name, &len);
        assert_ptr_equal(p.data, value);
        assert_int_equal(p.len, len);
        assert_string_equal(p.name, name);
        assert_ptr_equal(fdt_getprop(f, node, name, &our_len),
                         ref_getprop(f->blob, node, name, &len));
        assert_int_equal(our_len, len);
        theirs = ref_next_prop(f->blob, theirs);
    }
    assert_true(theirs < 0);
}

/* Every node and property as libfdt sees them; returns the number of nodes. */
static unsigned int same_tree(const struct fdt *f)
{
    int node = fdt_root(f), theirs = ref_next_node(f->blob, -1);
    unsigned int n = 0;
    uint64_t v[4];

    for (; node >= 0; node = fdt_next_node(f, node), n++) {
        int child = fdt_first_subnode(f, node), sibling = fdt_next_subnode(f, node);
        int parent = ref_parent(f->blob, node);

        assert_int_equal(node, theirs);
        assert_string_equal(fdt_node_name(f, node), ref_node_name(f->blob, node));
        same_props(f, node);
        assert_int_equal(child, child < 0 ? -ENOENT : ref_first_subnode(f->blob, node));
        assert_true(child >= 0 || ref_first_subnode(f->blob, node) < 0);
        if (parent >= 0) {
            assert_int_equal(fdt_parent(f, node), parent);
            assert_int_equal(sibling < 0, ref_next_subnode(f->blob, node) < 0);
            assert_true(sibling < 0 || sibling == ref_next_subnode(f->blob, node));
        } else {
            assert_int_equal(fdt_parent(f, node), -ENOENT);
        }
        theirs = ref_next_node(f->blob, theirs);
    }
    assert_true(theirs < 0);
    assert_int_equal(f->nr_reserved, ref_nr_reserved(f->blob));
    for (unsigned int i = 0; i < f->nr_reserved; i++) {
        assert_int_equal(fdt_get_reserved(f, i, &v[0], &v[1]), 0);
        assert_int_equal(ref_reserved(f->blob, (int)i, &v[2], &v[3]), 0);
        assert_true(v[0] == v[2] && v[1] == v[3]);
    }
    assert_int_equal(fdt_get_reserved(f, f->nr_reserved, &v[0], &v[1]), -ENOENT);
    return n;
}

static void walks_as_libfdt(void **state)
{
    (void)state;
    assert_int_equal(ref_check(blob, blob_size), 0);
    assert_int_equal(same_tree(&tree), 16);
    assert_int_equal(tree.nr_reserved, 2);
}

static void finds_as_libfdt(void **state)
{
    static const char *const paths[] = {
        "/",
        "//chosen",
        "/chosen/",
        "/chosen/module",
        "/chosen/module@41",
        "/soc/inner/uart",
        "/soc/inner@10/uart@10",
        "/soc/inner@1",
        "/nothing",
        "/chosen/nothing",
        "/chose",
        "/cpus/cpu",
    };
    static const char *const compatible[] = {"multiboot,module", "multiboot,kernel", "two,board",
                                             "simple-bus",       "multiboot",        "board"};
    char ours[64], theirs[64];

    (void)state;
    for (unsigned int i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int want = ref_find_path(blob, paths[i]);

        assert_int_equal(fdt_find_path(&tree, paths[i]), want < 0 ? -ENOENT : want);
    }
    for (int node = fdt_root(&tree); node >= 0; node = fdt_next_node(&tree, node)) {
        assert_int_equal(ref_node_path(blob, node, theirs, sizeof(theirs)), 0);
        fdt_node_path(&tree, node, ours, sizeof(ours));
        assert_string_equal(ours, theirs);
        assert_int_equal(fdt_find_path(&tree, ours), node);
    }
    for (uint32_t p = 0; p < 4; p++) {
        int want = ref_find_phandle(blob, p);

        assert_int_equal(fdt_find_phandle(&tree, p), want < 0 ? -ENOENT : want);
    }
    for (unsigned int i = 0; i < sizeof(compatible) / sizeof(compatible[0]); i++) {
        int have = -1, want = -1;

        do {
            have = fdt_find_compatible(&tree, have, compatible[i]);
            want = ref_find_compatible(blob, want, compatible[i]);
            assert_int_equal(have, want < 0 ? -ENOENT : want);
        } while (have >= 0);
    }
}

/* The blob in memory of exactly that size; true if it passes. libfdt has to agree with a pass. */
static bool passes(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    struct fdt f;
    bool ok;

    memcpy(copy, bytes, size);
    ok = fdt_check(&f, copy, size) == 0;
    if (ok) {
        assert_int_equal(ref_check(copy, size), 0);
        same_tree(&f);
    }
    free(copy);
    return ok;
}

static void truncated_trees_fail(void **state)
{
    (void)state;
    for (size_t size = 0; size < blob_size; size++)
        assert_false(passes(blob, size));
    assert_true(passes(blob, blob_size));
}

/* The same with the header's total size made to match. */
static void short_blocks_fail(void **state)
{
    uint8_t *copy = malloc(blob_size);
    unsigned int passed = 0;

    (void)state;
    for (size_t size = 40; size < blob_size; size++) {
        memcpy(copy, blob, blob_size);
        copy[4] = 0;
        copy[5] = 0;
        copy[6] = (uint8_t)(size >> 8);
        copy[7] = (uint8_t)size;
        passed += passes(copy, size);
    }
    assert_int_equal(passed, 0);
    free(copy);
}

static void damaged_trees_are_safe(void **state)
{
    uint8_t *copy = malloc(blob_size);
    unsigned int passed = 0, failed = 0;

    (void)state;
    for (unsigned int round = 0; round < 30000; round++) {
        unsigned int hits = 1 + (unsigned int)model_random(3);

        memcpy(copy, blob, blob_size);
        while (hits-- > 0) {
            size_t at = model_random(2) != 0 ? model_random(blob_size)
                                             : model_random(blob_size / 4) * 4 + 3;

            copy[at] = (uint8_t)(model_random(2) != 0 ? model_random(256) : model_random(12));
        }
        if (passes(copy, blob_size))
            passed++;
        else
            failed++;
    }
    assert_true(passed > 1000 && failed > 1000);
    free(copy);
}

static void put(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* A minimal tree with these structure words; the strings are "a". */
static int check_words(const uint32_t *words, unsigned int n)
{
    uint8_t b[1024] __attribute__((aligned(8))) = {0};
    const uint32_t header[10] = {0xd00dfeed, 56 + 4 * n + 2, 56, 56 + 4 * n, 40, 17, 16, 0,
                                 2,          4 * n};
    struct fdt f;

    for (unsigned int i = 0; i < 10; i++)
        put(b + 4 * i, header[i]);
    for (unsigned int i = 0; i < n; i++)
        put(b + 56 + 4 * i, words[i]);
    b[56 + 4 * n] = 'a';
    return fdt_check(&f, b, 56 + 4 * n + 2);
}

#define CHECK(...) \
    check_words((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void structure_is_checked(void **state)
{
    uint32_t deep[200];

    (void)state;
    assert_int_equal(CHECK(1, 0, 2, 9), 0);
    assert_int_equal(CHECK(4, 1, 0, 4, 2, 4, 9), 0);
    assert_int_equal(CHECK(1, 0, 3, 0, 0, 2, 9), 0);
    assert_int_equal(CHECK(1, 0, 3, 4, 1, 77, 2, 9), 0);
    assert_int_equal(CHECK(1, 0x61000000, 2, 9), -EINVAL); /* the root has a name */
    assert_int_equal(CHECK(9), -EINVAL);                   /* no root */
    assert_int_equal(CHECK(1, 0, 2), -EINVAL);             /* no end */
    assert_int_equal(CHECK(1, 0, 9), -EINVAL);             /* a node is open */
    assert_int_equal(CHECK(2, 9), -EINVAL);                /* none is */
    assert_int_equal(CHECK(1, 0, 2, 1, 0, 2, 9), -EINVAL); /* two roots */
    assert_int_equal(CHECK(3, 0, 0, 1, 0, 2, 9), -EINVAL); /* a property of nothing */
    assert_int_equal(CHECK(1, 0, 1, 0x61000000, 2, 3, 0, 0, 2, 9), -EINVAL); /* behind a child */
    assert_int_equal(CHECK(1, 0, 3, 0, 2, 2, 9), -EINVAL);                   /* name outside */
    assert_int_equal(CHECK(1, 0, 3, 0xfffffffd, 0, 2, 9), -EINVAL);          /* rounds up to 0 */
    assert_int_equal(CHECK(1, 0, 3, 13, 0, 2, 9), -EINVAL);
    assert_int_equal(CHECK(1, 0, 5, 2, 9), -EINVAL); /* no such token */
    assert_int_equal(CHECK(1, 0x61616161, 0x61616161), -EINVAL);
    for (unsigned int depth = 64; depth <= 65; depth++) {
        for (unsigned int i = 0; i < depth; i++) {
            deep[2 * i] = 1;
            deep[2 * i + 1] = 0;
            deep[2 * depth + i] = 2;
        }
        deep[3 * depth] = 9;
        assert_int_equal(check_words(deep, 3 * depth + 1), depth == 64 ? 0 : -EINVAL);
    }
}

/* --- properties and addresses --- */

static void typed_properties(void **state)
{
    int user = fdt_find_path(&tree, "/user"), root = fdt_root(&tree);
    uint64_t v64;
    uint32_t v;

    (void)state;
    assert_int_equal(fdt_prop_u32(&tree, user, "number", &v), 0);
    assert_int_equal(v, 5);
    assert_int_equal(fdt_prop_u32(&tree, user, "big", &v), -EINVAL);
    assert_int_equal(fdt_prop_u32(&tree, user, "none", &v), -ENOENT);
    assert_int_equal(fdt_prop_u64(&tree, user, "big", &v64), 0);
    assert_true(v64 == (UINT64_C(1) << 32 | 2));
    assert_int_equal(fdt_prop_u64(&tree, user, "number", &v64), 0);
    assert_true(v64 == 5);
    assert_int_equal(fdt_prop_u64(&tree, user, "odd", &v64), -EINVAL);
    assert_int_equal(fdt_prop_u64(&tree, user, "none", &v64), -ENOENT);
    assert_string_equal(fdt_prop_string(&tree, root, "model"), "test");
    assert_null(fdt_prop_string(&tree, user, "odd"));
    assert_null(fdt_prop_string(&tree, user, "number"));
    assert_string_equal(fdt_prop_string(&tree, root, "compatible"), "one,board");
    assert_null(fdt_prop_string(&tree, root, "empty"));
    assert_true(fdt_has_prop(&tree, root, "empty"));
    assert_true(fdt_is_compatible(&tree, root, "two,board"));
    assert_false(fdt_is_compatible(&tree, root, "two,boar"));
    assert_false(fdt_prop_has_string(&tree, user, "odd", "\xaa\xbb"));
    assert_true(fdt_is_available(&tree, fdt_find_path(&tree, "/gic")));
    assert_true(fdt_is_available(&tree, user));
    assert_true(fdt_is_available(&tree, fdt_find_path(&tree, "/soc/plain/dev")));
    assert_false(fdt_is_available(&tree, fdt_find_path(&tree, "/soc/inner/uart")));
}

static void expect_reg(const char *path, unsigned int index, uint64_t bus, uint64_t root,
                       uint64_t size)
{
    int node = fdt_find_path(&tree, path);
    uint64_t a, s;

    assert_int_equal(fdt_get_reg(&tree, node, index, &a, &s), 0);
    assert_true(a == bus && s == size);
    assert_int_equal(fdt_get_reg_root(&tree, node, index, &a, &s), 0);
    assert_true(a == root && s == size);
}

static void addresses(void **state)
{
    uint64_t a, s;

    (void)state;
    expect_reg("/gic", 0, 0x8000000, 0x8000000, 0x10000);
    expect_reg("/soc/inner/uart", 0, UINT64_C(0x700000018), UINT64_C(0x100000108), 8);
    expect_reg("/soc/plain/dev", 0, 0x8004, UINT64_C(0x200000004), 4);
    assert_int_equal(fdt_get_reg(&tree, fdt_find_path(&tree, "/cpus/cpu@100"), 0, &a, &s), 0);
    assert_true(a == 0x100 && s == 0);
    assert_int_equal(fdt_get_reg(&tree, fdt_find_path(&tree, "/chosen/module@40"), 1, &a, &s), 0);
    assert_true(a == 0x80 && s == 0x10);
    assert_int_equal(fdt_get_reg(&tree, fdt_find_path(&tree, "/gic"), 1, &a, &s), -ENOENT);
    assert_int_equal(fdt_get_reg(&tree, fdt_find_path(&tree, "/user"), 0, &a, &s), -ENOENT);
    /* Outside of every range; on a bus that is not mapped at all. */
    assert_int_equal(fdt_get_reg_root(&tree, fdt_find_path(&tree, "/soc/plain/dev"), 1, &a, &s),
                     -EINVAL);
    assert_int_equal(fdt_get_reg_root(&tree, fdt_find_path(&tree, "/soc/closed/dev"), 0, &a, &s),
                     -EINVAL);
}

/* Cells that no address can have, lengths that are no entries, wrapping: errors, no hang. */
static void odd_addresses(void **state)
{
    static const char source[] =
        "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;\n"
        "  partly { reg = <0 1 0>; };\n"
        "  wide { #address-cells = <3>; #size-cells = <2>; dev { reg = <0 0 0 0 0>; }; };\n"
        "  huge { #address-cells = <0xffffffff>; #size-cells = <0xffffffff>; dev { reg = <0>; }; "
        "};\n"
        "  none { #address-cells = <0>; #size-cells = <0>; ranges; dev { reg = <>; };\n"
        "    inner { #address-cells = <0>; #size-cells = <0>; ranges = <1>;\n"
        "      bus { #address-cells = <1>; #size-cells = <1>; ranges = <0 9>; dev { reg = <0 1>; "
        "}; };\n"
        "    }; };\n"
        "  wraps { #address-cells = <1>; #size-cells = <1>;\n"
        "    ranges = <0 0xffffffff 0xfffff000 0x2000>; dev { reg = <0x1000 4>; }; };\n"
        "  cut { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0>; dev { reg = <0 4>; }; "
        "};\n"
        "};\n";
    size_t size;
    void *b = dts_compile(source, &size);
    uint64_t a, s;
    struct fdt f;

    (void)state;
    assert_int_equal(fdt_check(&f, b, size), 0);
    assert_int_equal(fdt_get_reg(&f, fdt_find_path(&f, "/partly"), 0, &a, &s), -EINVAL);
    assert_int_equal(fdt_get_reg(&f, fdt_find_path(&f, "/wide/dev"), 0, &a, &s), -EINVAL);
    assert_int_equal(fdt_get_reg(&f, fdt_find_path(&f, "/huge/dev"), 0, &a, &s), -EINVAL);
    assert_int_equal(fdt_get_reg(&f, fdt_find_path(&f, "/none/dev"), 0, &a, &s), -EINVAL);
    assert_int_equal(fdt_get_reg_root(&f, fdt_find_path(&f, "/none/inner/bus/dev"), 0, &a, &s),
                     -EINVAL);
    assert_int_equal(fdt_get_reg_root(&f, fdt_find_path(&f, "/wraps/dev"), 0, &a, &s), -EINVAL);
    assert_int_equal(fdt_get_reg_root(&f, fdt_find_path(&f, "/cut/dev"), 0, &a, &s), -EINVAL);
    free(b);
}

static void paths_are_cut_to_fit(void **state)
{
    int node = fdt_find_path(&tree, "/soc/inner/uart");
    char buf[32];

    (void)state;
    for (size_t size = 1; size < sizeof(buf); size++) {
        memset(buf, 'x', sizeof(buf));
        fdt_node_path(&tree, node, buf, size);
        assert_true(strlen(buf) < size);
        assert_int_equal(strncmp("/soc/inner@10/uart@10", buf, strlen(buf)), 0);
    }
    assert_string_equal(buf, "/soc/inner@10/uart@10");
}

/* --- writer --- */

static long write_tree(void *buf, size_t size)
{
    static const uint32_t cells[] = {1, 0x80000000, 3};
    struct fdt_writer w;

    fdtw_begin(&w, buf, size);
    fdtw_begin_node(&w, "");
    fdtw_prop_u32(&w, "#address-cells", 2);
    fdtw_prop_u64(&w, "reg", UINT64_C(0x123456789abcdef0));
    fdtw_prop_string(&w, "compatible", "abc");
    fdtw_prop(&w, "bytes", "\x01\x02\x03\x04\x05", 5);
    fdtw_begin_node(&w, "child@1");
    fdtw_prop_cells(&w, "words", cells, 3);
    fdtw_prop_empty(&w, "empty");
    fdtw_prop_u32(&w, "reg", 7);
    fdtw_begin_node(&w, "leaf");
    fdtw_end_node(&w);
    fdtw_end_node(&w);
    fdtw_begin_node(&w, "child@2");
    fdtw_prop_string(&w, "compatible", "");
    fdtw_end_node(&w);
    fdtw_end_node(&w);
    return fdtw_finish(&w, 3);
}

/* A node that has both names of the property goes by the new one alone. */
static void old_phandles(void **state)
{
    uint8_t buf[256] __attribute__((aligned(8)));
    struct fdt_writer w;
    struct fdt f;
    long size;

    (void)state;
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_begin_node(&w, "");
    fdtw_prop_u32(&w, "linux,phandle", 6);
    fdtw_prop_u32(&w, "phandle", 5);
    fdtw_begin_node(&w, "a");
    fdtw_prop_u32(&w, "linux,phandle", 6);
    fdtw_end_node(&w);
    fdtw_end_node(&w);
    size = fdtw_finish(&w, 0);
    assert_int_equal(fdt_check(&f, buf, (size_t)size), 0);
    for (uint32_t phandle = 5; phandle <= 6; phandle++)
        assert_int_equal(fdt_find_phandle(&f, phandle), ref_find_phandle(buf, phandle));
    assert_int_equal(fdt_find_phandle(&f, 6), fdt_find_path(&f, "/a"));
}

static void writer_writes(void **state)
{
    static const char source[] =
        "/dts-v1/; / { #address-cells = <2>; reg = <0x12345678 0x9abcdef0>; compatible = \"abc\";\n"
        " bytes = [01 02 03 04 05]; child@1 { words = <1 0x80000000 3>; empty; reg = <7>; leaf {}; "
        "};\n"
        " child@2 { compatible = \"\"; }; };";
    uint8_t buf[1024] __attribute__((aligned(8)));
    size_t want_size;
    uint8_t *want = dts_compile(source, &want_size);
    long size = write_tree(buf, sizeof(buf));
    struct fdt a, b;

    (void)state;
    assert_in_range(size, 1, sizeof(buf));
    assert_int_equal(ref_check(buf, (size_t)size), 0);
    assert_int_equal(fdt_check(&a, buf, (size_t)size), 0);
    assert_int_equal(fdt_check(&b, want, want_size), 0);
    same_tree(&a);
    assert_int_equal(a.structs_size, b.structs_size);
    assert_int_equal(a.strings_size, b.strings_size); /* every name once */
    assert_int_equal(fdt_get32(buf + 28), 3);
    for (int n = fdt_root(&a), m = fdt_root(&b); n >= 0 || m >= 0;
         n = fdt_next_node(&a, n), m = fdt_next_node(&b, m)) {
        struct fdt_prop p, q;
        int i = fdt_first_prop(&a, n, &p), j = fdt_first_prop(&b, m, &q);

        assert_string_equal(fdt_node_name(&a, n), fdt_node_name(&b, m));
        for (; i >= 0 || j >= 0; i = fdt_next_prop(&a, i, &p), j = fdt_next_prop(&b, j, &q)) {
            assert_string_equal(p.name, q.name);
            assert_int_equal(p.len, q.len);
            assert_memory_equal(p.data, q.data, p.len);
        }
    }
    free(want);
}

/* Whatever does not fit is refused, one byte less than needed included. */
static void writer_stays_in_its_buffer(void **state)
{
    uint8_t big[1024] __attribute__((aligned(8)));
    long need = write_tree(big, sizeof(big));

    (void)state;
    for (size_t size = 0; size <= (size_t)need; size++) {
        uint8_t *buf = aligned_alloc(8, (size + 8) & ~(size_t)7);
        uint8_t *tail = buf + ((size + 8) & ~(size_t)7) - size;

        /* The buffer ends where the heap block does. */
        assert_int_equal(write_tree(tail, size), size < (size_t)need ? -ENOSPC : need);
        free(buf);
    }
}

static void writer_refuses_nonsense(void **state)
{
    uint8_t buf[256];
    uint32_t cells[17] = {0};
    struct fdt_writer w;

    (void)state;
    fdtw_begin(&w, buf, sizeof(buf));
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL); /* no root */
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_begin_node(&w, "");
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL); /* a node is open */
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_end_node(&w);
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL);
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_prop_empty(&w, "a");
    fdtw_begin_node(&w, "");
    fdtw_end_node(&w);
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL); /* a property of nothing */
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_begin_node(&w, "");
    fdtw_begin_node(&w, "a");
    fdtw_end_node(&w);
    fdtw_prop_empty(&w, "b");
    fdtw_end_node(&w);
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL); /* behind a child */
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_begin_node(&w, "");
    fdtw_end_node(&w);
    fdtw_begin_node(&w, "");
    fdtw_end_node(&w);
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL); /* two roots */
    fdtw_begin(&w, buf, sizeof(buf));
    fdtw_begin_node(&w, "");
    fdtw_prop_cells(&w, "a", cells, 17);
    fdtw_end_node(&w);
    assert_int_equal(fdtw_finish(&w, 0), -EINVAL); /* more cells than it takes */
    fdtw_begin(&w, buf, 64);
    fdtw_begin_node(&w, "a long name for a node");
    fdtw_end_node(&w);
    fdtw_end_node(&w);
    assert_int_equal(fdtw_finish(&w, 0), -ENOSPC); /* the first error stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_as_libfdt),         cmocka_unit_test(finds_as_libfdt),
        cmocka_unit_test(truncated_trees_fail),    cmocka_unit_test(short_blocks_fail),
        cmocka_unit_test(damaged_trees_are_safe),  cmocka_unit_test(structure_is_checked),
        cmocka_unit_test(typed_properties),        cmocka_unit_test(addresses),
        cmocka_unit_test(odd_addresses),           cmocka_unit_test(paths_are_cut_to_fit),
        cmocka_unit_test(writer_writes),           cmocka_unit_test(writer_stays_in_its_buffer),
        cmocka_unit_test(writer_refuses_nonsense), cmocka_unit_test(old_phandles),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
