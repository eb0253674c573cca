/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains that /chosen describes, read into struct boot_config (include/wherry/boot.h). Called
 * once by build.c; no hypervisor state, so the unit tests call it too.
 */
#include <wherry/boot.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>

struct parser {
    const struct fdt *fdt;
    boot_log_fn log;
    void *ctx;
};

/* One line about a property of a node; path and property always named. */
static void report(const struct parser *p, int node, const char *property, const char *what)
{
    char path[96];
    char line[192];

    fdt_node_path(p->fdt, node, path, sizeof(path));
    snprintf(line, sizeof(line), "device tree: %s: %s: %s", path, property, what);
    p->log(p->ctx, line);
}

static bool is_module(const struct fdt *fdt, int node)
{
    return fdt_is_compatible(fdt, node, "multiboot,module") ||
           fdt_is_compatible(fdt, node, "xen,multiboot-module") ||
           fdt_is_compatible(fdt, node, "multiboot,kernel") ||
           fdt_is_compatible(fdt, node, "multiboot,ramdisk") ||
           fdt_is_compatible(fdt, node, "multiboot,device-tree");
}

bool boot_module_region(const struct fdt *fdt, int node, uint64_t *addr, uint64_t *size)
{
    return is_module(fdt, node) && fdt_get_reg(fdt, node, 0, addr, size) == 0 && *size != 0 &&
           *addr + *size > *addr;
}

enum module_kind { MODULE_KERNEL, MODULE_RAMDISK, MODULE_DEVICE_TREE, MODULE_OTHER };

/* By its own type; a plain module is a kernel if it is the first, a ramdisk if the second. */
static enum module_kind module_kind(const struct fdt *fdt, int node, unsigned int nth)
{
    if (fdt_is_compatible(fdt, node, "multiboot,kernel") ||
        fdt_is_compatible(fdt, node, "xen,linux-zimage"))
        return MODULE_KERNEL;
    if (fdt_is_compatible(fdt, node, "multiboot,ramdisk") ||
        fdt_is_compatible(fdt, node, "xen,linux-initrd"))
        return MODULE_RAMDISK;
    if (fdt_is_compatible(fdt, node, "multiboot,device-tree"))
        return MODULE_DEVICE_TREE;
    if (nth == 0)
        return MODULE_KERNEL;
    return nth == 1 ? MODULE_RAMDISK : MODULE_OTHER;
}

static void set_module(struct domain_config *c, enum module_kind kind, uint64_t addr, uint64_t size)
{
    struct boot_module m = {.addr = addr, .size = size};

    if (kind == MODULE_KERNEL)
        c->kernel = m;
    else if (kind == MODULE_RAMDISK)
        c->ramdisk = m;
    else if (kind == MODULE_DEVICE_TREE)
        c->device_tree = m;
}

/* The module nodes directly below `node`. False: one was malformed, and reported. */
static bool parse_modules(const struct parser *p, int node, struct domain_config *c)
{
    unsigned int nth = 0;
    int child;

    fdt_for_each_subnode (p->fdt, child, node) {
        enum module_kind kind;
        uint64_t addr, size;
        const char *args;

        if (!is_module(p->fdt, child))
            continue;
        if (!boot_module_region(p->fdt, child, &addr, &size)) {
            report(p, child, "reg", "missing or malformed; domain left out");
            return false;
        }
        kind = module_kind(p->fdt, child, nth++);
        set_module(c, kind, addr, size);
        args = fdt_prop_string(p->fdt, child, "bootargs");
        if (kind == MODULE_KERNEL && args != NULL)
            c->bootargs = args;
    }
    return true;
}

/* --- control domain --- */

/*
 * Whose command line is /chosen/bootargs? The control domain's when the hypervisor has its own
 * (xen,xen-bootargs).
 */
static const char *control_bootargs(const struct fdt *fdt, int chosen, const char *module_args)
{
    const char *args = fdt_prop_string(fdt, chosen, "xen,dom0-bootargs");

    if (args == NULL && *module_args != '\0')
        args = module_args;
    if (args == NULL && fdt_has_prop(fdt, chosen, "xen,xen-bootargs"))
        args = fdt_prop_string(fdt, chosen, "bootargs");
    return args != NULL ? args : "";
}

static void parse_control(const struct parser *p, int chosen, const struct control_options *options,
                          struct boot_config *config)
{
    struct domain_config *c = &config->doms[config->nr_doms];

    *c = (struct domain_config){
        .is_control = true, .device_model_for = -1, .nr_spis = BOOT_DEFAULT_SPIS, .bootargs = ""};
    if (!parse_modules(p, chosen, c) || c->kernel.size == 0)
        return;
    str_copy(c->name, "control", sizeof(c->name));
    c->memory = options->memory != 0 ? options->memory : BOOT_CONTROL_MEMORY;
    c->cpus = options->cpus != 0 ? options->cpus : 1;
    if (c->cpus > CONFIG_MAX_VCPUS)
        c->cpus = CONFIG_MAX_VCPUS;
    c->bootargs = control_bootargs(p->fdt, chosen, c->bootargs);
    config->nr_doms++;
}

/* --- the others --- */

static const char *const known_properties[] = {
    "compatible",    "#address-cells", "#size-cells",         "cpus",    "memory",
    "vpl011",        "nr_spis",        "xen,enhanced",        "phandle", "name",
    "linux,phandle", "bootargs",       "wherry,device-model",
};

static bool is_known(const char *name)
{
    for (unsigned int i = 0; i < sizeof(known_properties) / sizeof(known_properties[0]); i++)
        if (strcmp(known_properties[i], name) == 0)
            return true;
    return false;
}

static void report_unknown(const struct parser *p, int node)
{
    struct fdt_prop prop;

    for (int off = fdt_first_prop(p->fdt, node, &prop); off >= 0;
         off = fdt_next_prop(p->fdt, off, &prop))
        if (!is_known(prop.name))
            report(p, node, prop.name, "not known, ignored");
}

static bool parse_cpus(const struct parser *p, int node, struct domain_config *c)
{
    uint32_t cpus = 1;
    int rc = fdt_prop_u32(p->fdt, node, "cpus", &cpus);

    if ((rc != 0 && rc != -ENOENT) || cpus == 0 || cpus > CONFIG_MAX_VCPUS) {
        report(p, node, "cpus", "not a number of vCPUs that can be had; domain left out");
        return false;
    }
    c->cpus = cpus;
    return true;
}

/* In KiB, as one or two cells. */
static bool parse_memory(const struct parser *p, int node, struct domain_config *c)
{
    uint64_t kib;

    if (fdt_prop_u64(p->fdt, node, "memory", &kib) != 0 || kib < 4 || kib > UINT64_MAX >> 10) {
        report(p, node, "memory", "missing or not a size in KiB; domain left out");
        return false;
    }
    c->memory = (kib << 10) & PAGE_MASK;
    return true;
}

static bool parse_options(const struct parser *p, int node, struct domain_config *c)
{
    uint32_t spis = BOOT_DEFAULT_SPIS;
    int rc = fdt_prop_u32(p->fdt, node, "nr_spis", &spis);

    if ((rc != 0 && rc != -ENOENT) || (rc == 0 && spis > 960)) {
        report(p, node, "nr_spis", "not a number from 0 to 960; domain left out");
        return false;
    }
    c->nr_spis = spis;
    c->vpl011 = fdt_has_prop(p->fdt, node, "vpl011");
    return true;
}

/* vCPUs' pCPUs: subnodes compatible "xen,vcpu" with id and hard-affinity ("0-3,5"). */
static uint64_t parse_cpu_list(const char *s)
{
    uint64_t mask = 0;
    unsigned int from = 0, v = 0;
    bool in_range = false;

    for (;; s++) {
        if (*s >= '0' && *s <= '9') {
            v = v * 10 + (unsigned int)(*s - '0');
            continue;
        }
        if (*s == '-') {
            from = v;
            in_range = true;
        } else {
            for (unsigned int n = in_range ? from : v; n <= v && n < 64; n++)
                mask |= UINT64_C(1) << n;
            in_range = false;
        }
        v = 0;
        if (*s == '\0')
            return mask;
    }
}

static void parse_affinity(const struct parser *p, int node, struct domain_config *c)
{
    int child;

    fdt_for_each_subnode (p->fdt, child, node) {
        const char *list = fdt_prop_string(p->fdt, child, "hard-affinity");
        uint32_t id;

        if (!fdt_is_compatible(p->fdt, child, "xen,vcpu") || list == NULL)
            continue;
        if (fdt_prop_u32(p->fdt, child, "id", &id) != 0 || id >= c->cpus)
            report(p, child, "id", "not a vCPU of the domain, ignored");
        else
            c->affinity[id] = parse_cpu_list(list);
    }
}

static bool parse_domain(const struct parser *p, int node, struct domain_config *c)
{
    *c = (struct domain_config){.device_model_for = -1, .bootargs = ""};
    str_copy(c->name, fdt_node_name(p->fdt, node), sizeof(c->name));
    report_unknown(p, node);
    if (!parse_cpus(p, node, c) || !parse_memory(p, node, c) || !parse_options(p, node, c) ||
        !parse_modules(p, node, c))
        return false;
    if (c->kernel.size == 0) {
        report(p, node, "multiboot,kernel", "no such module; domain left out");
        return false;
    }
    parse_affinity(p, node, c);
    return true;
}

static struct domain_config *find_by_name(struct boot_config *config, const char *name)
{
    for (unsigned int i = 0; i < config->nr_doms; i++)
        if (strcmp(config->doms[i].name, name) == 0)
            return &config->doms[i];
    return NULL;
}

/* "wherry,device-model" in the served domain's node names the node of the domain that serves it. */
static void connect_device_models(const struct parser *p, int chosen, struct boot_config *config)
{
    int node;

    fdt_for_each_subnode (p->fdt, node, chosen) {
        const char *server = fdt_prop_string(p->fdt, node, "wherry,device-model");
        struct domain_config *served = find_by_name(config, fdt_node_name(p->fdt, node));
        struct domain_config *dm = server != NULL ? find_by_name(config, server) : NULL;

        if (server == NULL || served == NULL)
            continue;
        if (dm == NULL || dm == served)
            report(p, node, "wherry,device-model", "names no other domain's node, ignored");
        else
            dm->device_model_for = served->id;
    }
}

void boot_config_parse(const struct fdt *fdt, const struct control_options *options,
                       struct boot_config *config, boot_log_fn log, void *ctx)
{
    struct parser p = {.fdt = fdt, .log = log, .ctx = ctx};
    int chosen = fdt_find_path(fdt, "/chosen");
    domid_t id = 1;
    int node;

    config->nr_doms = 0;
    if (chosen < 0) {
        log(ctx, "device tree: /chosen: missing: no domains are described");
        return;
    }
    parse_control(&p, chosen, options, config);
    fdt_for_each_subnode (fdt, node, chosen) {
        if (!fdt_is_compatible(fdt, node, "xen,domain"))
            continue;
        if (config->nr_doms == CONFIG_MAX_DOMAINS || id == CONFIG_MAX_DOMAINS) {
            report(&p, node, "compatible", "more domains than this build can have; left out");
            continue;
        }
        /* A domain's id is its place in the tree, whatever becomes of those before it. */
        if (parse_domain(&p, node, &config->doms[config->nr_doms]))
            config->doms[config->nr_doms++].id = id;
        id++;
    }
    connect_device_models(&p, chosen, config);
}
