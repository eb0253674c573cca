/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot modules: the nodes that say where the boot loader put kernels, ramdisks and partial device
 * trees. Called by domain_config.c, and by whoever has to keep their memory from being given away.
 */
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#include "parser.h"

static bool is_module(const struct fdt *fdt, int node)
{
    return fdt_is_compatible(fdt, node, "multiboot,module") ||
           fdt_is_compatible(fdt, node, "xen,multiboot-module") ||
           fdt_is_compatible(fdt, node, "multiboot,kernel") ||
           fdt_is_compatible(fdt, node, "multiboot,ramdisk") ||
           fdt_is_compatible(fdt, node, "multiboot,device-tree");
}

/* Set once at boot, before anything reads the tree. */
static const struct boot_module *loaded;
static unsigned int nr_loaded;

void boot_set_modules(const struct boot_module *list, unsigned int n)
{
    loaded = list;
    nr_loaded = n;
}

/* Where it is: by its place among the loader's modules, or as the tree says. */
static int module_place(const struct fdt *fdt, int node, uint64_t *addr, uint64_t *size)
{
    uint32_t index;

    if (fdt_prop_u32(fdt, node, "module-index", &index) != 0)
        return fdt_get_reg(fdt, node, 0, addr, size);
    if (index >= nr_loaded)
        return -ENOENT;
    *addr = loaded[index].addr;
    *size = loaded[index].size;
    return 0;
}

bool boot_module_region(const struct fdt *fdt, int node, uint64_t *addr, uint64_t *size)
{
    return is_module(fdt, node) && module_place(fdt, node, addr, size) == 0 && *size != 0 &&
           *addr + *size > *addr;
}

enum module_kind { MODULE_KERNEL, MODULE_RAMDISK, MODULE_DEVICE_TREE, MODULE_OTHER };

/* Says nothing about what it is: "multiboot,module" comes first in compatible, or the old name. */
static bool is_untyped(const struct fdt *fdt, int node)
{
    const char *first = fdt_prop_string(fdt, node, "compatible");

    return first != NULL &&
           (strcmp(first, "multiboot,module") == 0 || strcmp(first, "xen,multiboot-module") == 0);
}

/* By its own type; of those that have none the first is a kernel, the second a ramdisk. */
static enum module_kind module_kind(const struct fdt *fdt, int node, unsigned int *untyped)
{
    if (fdt_is_compatible(fdt, node, "multiboot,kernel") ||
        fdt_is_compatible(fdt, node, "xen,linux-zimage"))
        return MODULE_KERNEL;
    if (fdt_is_compatible(fdt, node, "multiboot,ramdisk") ||
        fdt_is_compatible(fdt, node, "xen,linux-initrd"))
        return MODULE_RAMDISK;
    if (fdt_is_compatible(fdt, node, "multiboot,device-tree"))
        return MODULE_DEVICE_TREE;
    if (!is_untyped(fdt, node))
        return MODULE_OTHER;
    switch ((*untyped)++) {
    case 0:
        return MODULE_KERNEL;
    case 1:
        return MODULE_RAMDISK;
    default:
        return MODULE_OTHER;
    }
}

static struct boot_module *module_slot(struct domain_config *c, enum module_kind kind)
{
    switch (kind) {
    case MODULE_KERNEL:
        return &c->kernel;
    case MODULE_RAMDISK:
        return &c->ramdisk;
    case MODULE_DEVICE_TREE:
        return &c->device_tree;
    default:
        return NULL;
    }
}

static bool parse_module(const struct boot_parser *p, int node, unsigned int *untyped,
                         struct domain_config *c)
{
    enum module_kind kind = module_kind(p->fdt, node, untyped);
    struct boot_module *slot = module_slot(c, kind);
    struct boot_module m;

    if (!boot_module_region(p->fdt, node, &m.addr, &m.size)) {
        boot_report(p, node, "reg", "missing or malformed; domain left out");
        return false;
    }
    if (slot == NULL) {
        boot_report(p, node, "compatible", "no kind of module that is used here, ignored");
        return true;
    }
    if (slot->size != 0) {
        boot_report(p, node, "compatible", "the domain has a module of this kind already, ignored");
        return true;
    }
    *slot = m;
    return kind != MODULE_KERNEL || boot_parse_args(p, node, "bootargs", &c->bootargs);
}

bool boot_parse_modules(const struct boot_parser *p, int node, struct domain_config *c)
{
    unsigned int untyped = 0;
    int child;

    fdt_for_each_subnode (p->fdt, child, node)
        if (is_module(p->fdt, child) && !parse_module(p, child, &untyped, c))
            return false;
    return true;
}
