/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot tree's domains (common/boot) against config_oracle.c, and the tree that a guest gets
 * (arch/arm/domain_fdt.c) with the same tree as its partial one. The input's first byte says
 * whether the rest is a blob, or names the nodes and properties of one. docs/fuzzing.md.
 */
#include "config_oracle.h"

#include "../unit/fdt_reference.h"

#include <asm/domain_fdt.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define MAX_BLOB  16384
#define MAX_GUEST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct boot_config config;
static unsigned int nr_lines;

static void count_line(void *ctx, const char *line)
{
    fuzz_check(ctx == &nr_lines, "context of the log");
    fuzz_check(strncmp(line, "device tree: /", 14) == 0 && strlen(line) < 192, "line %s", line);
    nr_lines++;
}

/* --- a tree from the input --- */

static const char *const names[] = {"chosen",   "a",   "b@1",         "dm",
                                    "module@1", "gic", "passthrough", "aliases"};
static const char *const strings[] = {
    "multiboot,module",
    "multiboot,kernel",
    "multiboot,ramdisk",
    "multiboot,device-tree",
    "xen,multiboot-module",
    "xen,linux-zimage",
    "xen,linux-initrd",
    "xen,domain",
    "xen,vcpu",
    "disabled",
    "enabled",
    "no-xenstore",
    "control",
    "0-3,5",
    "63",
    "dm",
    "1,",
    "5-2",
    "64",
    "",
};
static const char *const props[] = {
    "compatible",     "reg",          "bootargs",
    "cpus",           "memory",       "nr_spis",
    "vpl011",         "xen,enhanced", "wherry,device-model",
    "hard-affinity",  "id",           "phandle",
    "#address-cells", "#size-cells",  "xen,dom0-bootargs",
    "linux,phandle",  "xen,other",    "other",
    "module-index",
};

static void add_prop(struct fdt_writer *w, struct fuzz_input *in)
{
    const char *name = props[fuzz_u8(in) % ARRAY_SIZE(props)];
    unsigned int way = fuzz_u8(in), n = way >> 4;
    uint8_t value[64];
    size_t len = 0;

    switch (way % 4) {
    case 0: /* one or two strings */
        for (unsigned int i = 0; i <= (n & 1); i++) {
            const char *s = strings[fuzz_u8(in) % ARRAY_SIZE(strings)];

            memcpy(value + len, s, strlen(s) + 1);
            len += strlen(s) + 1;
        }
        len -= n == 15; /* the end cut off */
        break;
    case 1: /* cells of small numbers, one of them any */
        memset(value, n == 15 ? 0xff : 0, sizeof(value));
        for (len = 0; len < 4u * (n % 8); len += 4)
            value[len + (n < 8 ? 3 : fuzz_u8(in) % 4)] = fuzz_u8(in);
        break;
    case 2:
        break;
    default:
        for (; len < n; len++)
            value[len] = fuzz_u8(in);
        break;
    }
    fdtw_prop(w, name, value, len);
}

/* What most trees need: a kernel for the node that is open. */
static void add_kernel(struct fdt_writer *w, uint8_t where)
{
    const uint32_t reg[3] = {0, where, 1};

    fdtw_begin_node(w, "kernel");
    fdtw_prop_string(w, "compatible", "multiboot,kernel");
    fdtw_prop_cells(w, "reg", reg, 3);
    fdtw_end_node(w);
}

static void add_domain(struct fdt_writer *w, struct fuzz_input *in, unsigned int name)
{
    unsigned int n = fuzz_u8(in) % 4;

    fdtw_begin_node(w, names[name % ARRAY_SIZE(names)]);
    fdtw_prop_string(w, "compatible", "xen,domain");
    while (n-- > 0)
        add_prop(w, in);
    fdtw_prop_u32(w, "memory", 1024);
}

/* The tree up to the end of the input; /chosen is open at first. Its size. */
static long make_tree(struct fuzz_input *in, uint8_t *blob)
{
    unsigned int depth = 2, props_left = 200;
    bool props_ok = true;
    struct fdt_writer w;

    fdtw_begin(&w, blob, MAX_BLOB);
    fdtw_begin_node(&w, "");
    fdtw_begin_node(&w, "chosen");
    while (fuzz_left(in) && props_left-- > 0) {
        unsigned int op = fuzz_u8(in);

        if (op % 8 < 3 && props_ok) {
            add_prop(&w, in);
        } else if (op % 8 == 3 && depth < 60) {
            fdtw_begin_node(&w, names[(op >> 3) % ARRAY_SIZE(names)]);
            props_ok = true;
            depth++;
        } else if (op % 8 == 4 && depth < 60) {
            add_domain(&w, in, op >> 3);
            props_ok = true;
            depth++;
        } else if (op % 8 == 5) {
            add_kernel(&w, (uint8_t)op);
            props_ok = false;
        } else if (op % 8 >= 6 && depth > 1) {
            fdtw_end_node(&w);
            props_ok = false;
            depth--;
        }
    }
    while (depth-- > 0)
        fdtw_end_node(&w);
    return fdtw_finish(&w, 0);
}

/* --- the guest's tree --- */

static uint64_t mpidr(unsigned int vcpu)
{
    return vcpu;
}

/* Children of a partial tree's node are those of the guest's, but for properties "xen,". */
static void same_subtree(const void *guest, int at, const struct fdt *f, int node)
{
    int child, copy = ref_first_subnode(guest, at), prop = ref_first_prop(guest, at);
    struct fdt_prop p;

    for (int o = fdt_first_prop(f, node, &p); o >= 0; o = fdt_next_prop(f, o, &p)) {
        const char *name;
        const void *value;
        int len;

        if (memcmp(p.name, "xen,", strnlen(p.name, 4)) == 0 && strlen(p.name) >= 4)
            continue;
        value = ref_prop(guest, prop, &name, &len);
        fuzz_check(value != NULL && strcmp(name, p.name) == 0, "property %s", p.name);
        fuzz_check((uint32_t)len == p.len && memcmp(value, p.data, p.len) == 0, "value of %s",
                   name);
        prop = ref_next_prop(guest, prop);
    }
    fuzz_check(prop < 0, "a property too many");
    fdt_for_each_subnode (f, child, node) {
        fuzz_check(copy >= 0 && strcmp(ref_node_name(guest, copy), fdt_node_name(f, child)) == 0,
                   "subnode %s", fdt_node_name(f, child));
        same_subtree(guest, copy, f, child);
        copy = ref_next_subnode(guest, copy);
    }
    fuzz_check(copy < 0, "a subnode too many");
}

static void check_guest(const struct fdt *partial, const struct domain_config *c, size_t room)
{
    static const char *const copied[] = {"/aliases", "/passthrough"};
    struct guest_layout layout = {.nr_banks = 1, .bank = {{0x40000000, 0x1000000}}};
    struct guest_fdt_info info = {
        .layout = &layout,
        .bootargs = c->bootargs,
        .cpus = c->cpus,
        .cpu_mpidr = mpidr,
        .gic_version = c->vpl011 ? 2 : 3,
        .hypervisor = c->enhanced,
        .vpl011 = c->vpl011,
        .partial = partial,
    };
    uint8_t *buf = malloc(room);
    long size;
    const char *args;
    int len;

    layout.initrd_size = c->ramdisk.size;
    size = guest_fdt_write(&info, buf, room);
    if (size < 0) {
        fuzz_check(size == -ENOSPC, "error %ld", size);
        fuzz_check(room < MAX_GUEST, "no room in %zu bytes", room);
        free(buf);
        return;
    }
    fuzz_check((size_t)size <= room && ref_check(buf, (size_t)size) == 0, "libfdt refuses it");
    args = ref_getprop(buf, ref_find_path(buf, "/chosen"), "bootargs", &len);
    fuzz_check(args != NULL && strcmp(args, c->bootargs) == 0, "command line");
    fuzz_check((ref_getprop(buf, ref_find_path(buf, "/chosen"), "linux,initrd-end", &len) !=
                NULL) == (c->ramdisk.size != 0),
               "initrd");
    fuzz_check((ref_find_path(buf, "/hypervisor") >= 0) == c->enhanced, "/hypervisor");
    for (unsigned int i = 0; i < ARRAY_SIZE(copied); i++) {
        int from = fdt_find_path(partial, copied[i]), to = ref_find_path(buf, copied[i]);

        fuzz_check((from >= 0) == (to >= 0), "%s", copied[i]);
        if (from >= 0)
            same_subtree(buf, to, partial, from);
    }
    free(buf);
}

static void check_blob(const uint8_t *bytes, size_t size, const struct control_options *options,
                       size_t room)
{
    uint8_t *blob = malloc(size + (size == 0));
    struct fdt f;

    memcpy(blob, bytes, size);
    if (fdt_check(&f, blob, size) == 0) {
        memset(&config, 0xa5, sizeof(config));
        nr_lines = 0;
        boot_config_parse(&f, options, &config, count_line, &nr_lines);
        /* At most some for each node, and one for each property. */
        fuzz_check(nr_lines <= 1 + size / 4, "%u lines", nr_lines);
        compare_config(blob, options, &config);
        for (unsigned int i = 0; i < config.nr_doms && i < 3; i++)
            check_guest(&f, &config.doms[i], room);
    }
    free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t blob[MAX_BLOB];
    struct fuzz_input in = {.at = data, .end = data + size};
    unsigned int kind = fuzz_u8(&in);
    struct control_options options = {.memory = (uint64_t)fuzz_u8(&in) << 10,
                                      .cpus = kind & 4 ? fuzz_u8(&in) : 0};
    size_t room = kind & 8 ? fuzz_uint(&in, 2) + 1 : MAX_GUEST;
    long made;

    boot_set_modules(oracle_loaded, kind & 16 ? ORACLE_NR_LOADED : 0);
    oracle_nr_loaded = kind & 16 ? ORACLE_NR_LOADED : 0;
    if (kind & 1) {
        check_blob(in.at, (size_t)(in.end - in.at), &options, room);
        return 0;
    }
    made = make_tree(&in, blob);
    fuzz_check(made > 0 || made == -ENOSPC, "the writer: %ld", made);
    if (made > 0)
        check_blob(blob, (size_t)made, &options, room);
    return 0;
}
