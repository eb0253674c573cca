/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains that /chosen describes, read into struct boot_config (include/wherry/boot.h). Called
 * once by build.c; no hypervisor state, so the unit tests call it too.
 */
#include <wherry/boot.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>

#include "parser.h"

void boot_report(const struct boot_parser *p, int node, const char *property, const char *what)
{
    char path[96];
    char line[192];

    fdt_node_path(p->fdt, node, path, sizeof(path));
    snprintf(line, sizeof(line), "device tree: %s: %s: %s", path, property, what);
    p->log(p->ctx, line);
}

bool boot_parse_args(const struct boot_parser *p, int node, const char *property, const char **args)
{
    const char *s = fdt_prop_string(p->fdt, node, property);

    if (s == NULL && fdt_has_prop(p->fdt, node, property)) {
        boot_report(p, node, property, "not a string; domain left out");
        return false;
    }
    if (s != NULL)
        *args = s;
    return true;
}

/* --- control domain --- */

/*
 * "xen,dom0-bootargs", else what the kernel module says, else /chosen/bootargs: who has neither of
 * the others has left that one to the kernel (common/cmdline.c goes by the same rule).
 */
static bool control_bootargs(const struct boot_parser *p, int chosen, const char **args)
{
    const char *module_args = *args;

    if (!boot_parse_args(p, chosen, "xen,dom0-bootargs", args))
        return false;
    if (fdt_has_prop(p->fdt, chosen, "xen,dom0-bootargs") || *module_args != '\0')
        return true;
    return boot_parse_args(p, chosen, "bootargs", args);
}

static void parse_control(const struct boot_parser *p, int chosen,
                          const struct control_options *options, struct boot_config *config)
{
    struct domain_config *c = &config->doms[config->nr_doms];

    *c = (struct domain_config){.node = chosen,
                                .is_control = true,
                                .enhanced = true,
                                .device_model_for = -1,
                                .nr_spis = BOOT_DEFAULT_SPIS,
                                .bootargs = ""};
    if (!boot_parse_modules(p, chosen, c) || c->kernel.size == 0 ||
        !control_bootargs(p, chosen, &c->bootargs))
        return;
    str_copy(c->name, "control", sizeof(c->name));
    c->memory = (options->memory != 0 ? options->memory : BOOT_CONTROL_MEMORY) & PAGE_MASK;
    c->cpus = options->cpus != 0 ? options->cpus : 1;
    if (c->cpus > CONFIG_MAX_VCPUS)
        c->cpus = CONFIG_MAX_VCPUS;
    config->nr_doms++;
}

/* --- the others --- */

static const char *const known_properties[] = {
    "compatible",
    "#address-cells",
    "#size-cells",
    "cpus",
    "memory",
    "vpl011",
    "nr_spis",
    "xen,enhanced",
    "phandle",
    "name",
    "linux,phandle",
    "bootargs",
    "wherry,device-model",
    "wherry,device-model-pages",
    "wherry,vga",
};

/* In /chosen only names of this family are the hypervisor's; common/cmdline.c reads the first. */
static const char *const known_in_chosen[] = {"xen,xen-bootargs", "xen,dom0-bootargs"};

static bool is_in(const char *name, const char *const *list, size_t n)
{
    while (n-- > 0)
        if (strcmp(list[n], name) == 0)
            return true;
    return false;
}

/* Reports the properties that begin with `prefix` and are not in the list. */
static void report_unknown(const struct boot_parser *p, int node, const char *prefix,
                           const char *const *list, size_t n)
{
    struct fdt_prop prop;

    for (int off = fdt_first_prop(p->fdt, node, &prop); off >= 0;
         off = fdt_next_prop(p->fdt, off, &prop))
        if (strncmp(prop.name, prefix, strlen(prefix)) == 0 && !is_in(prop.name, list, n))
            boot_report(p, node, prop.name, "not known, ignored");
}

/*
 * Absent, empty or "enabled": the domain is told of the hypervisor; so is one with
 * "no-xenstore", as there is none for anyone. "disabled": it is not.
 */
static bool parse_enhanced(const struct boot_parser *p, int node, struct domain_config *c)
{
    static const char *const on[] = {"", "enabled", "no-xenstore"};
    const char *value = fdt_prop_string(p->fdt, node, "xen,enhanced");
    uint32_t len = 0;

    if (fdt_getprop(p->fdt, node, "xen,enhanced", &len) == NULL || len == 0)
        value = "";
    c->enhanced = true;
    if (value != NULL && is_in(value, on, ARRAY_SIZE(on)))
        return true;
    c->enhanced = false;
    if (value != NULL && strcmp(value, "disabled") == 0)
        return true;
    boot_report(p, node, "xen,enhanced", "neither enabled nor disabled; domain left out");
    return false;
}

static bool parse_cpus(const struct boot_parser *p, int node, struct domain_config *c)
{
    uint32_t cpus = 1;
    int rc = fdt_prop_u32(p->fdt, node, "cpus", &cpus);

    if ((rc != 0 && rc != -ENOENT) || cpus == 0 || cpus > CONFIG_MAX_VCPUS) {
        boot_report(p, node, "cpus", "not a number of vCPUs that can be had; domain left out");
        return false;
    }
    c->cpus = cpus;
    return true;
}

/* In KiB, as one or two cells. */
static bool parse_memory(const struct boot_parser *p, int node, struct domain_config *c)
{
    uint64_t kib;

    if (fdt_prop_u64(p->fdt, node, "memory", &kib) != 0 || kib < 4 || kib > UINT64_MAX >> 10) {
        boot_report(p, node, "memory", "missing or not a size in KiB; domain left out");
        return false;
    }
    c->memory = (kib << 10) & PAGE_MASK;
    return true;
}

static bool parse_options(const struct boot_parser *p, int node, struct domain_config *c)
{
    uint32_t spis = BOOT_DEFAULT_SPIS;
    int rc = fdt_prop_u32(p->fdt, node, "nr_spis", &spis);

    if ((rc != 0 && rc != -ENOENT) || (rc == 0 && spis > 960)) {
        boot_report(p, node, "nr_spis", "not a number from 0 to 960; domain left out");
        return false;
    }
    c->nr_spis = spis;
    c->vpl011 = fdt_has_prop(p->fdt, node, "vpl011");
    return true;
}

/* Decimal number at *s below 64; -1 if there is none. *s is behind it then. */
static int parse_cpu_number(const char **s)
{
    unsigned int v = 0;
    const char *start = *s;

    for (; **s >= '0' && **s <= '9' && v < 64; (*s)++)
        v = v * 10 + (unsigned int)(**s - '0');
    return *s == start || v >= 64 ? -1 : (int)v;
}

/* A list of pCPUs and ranges of them, "0-3,5"; 0 if it is malformed. */
static uint64_t parse_cpu_list(const char *s)
{
    uint64_t mask = 0;

    for (;; s++) {
        int from = parse_cpu_number(&s);
        int to = from;

        if (*s == '-') {
            s++;
            to = parse_cpu_number(&s);
        }
        if (from < 0 || to < from || (*s != ',' && *s != '\0'))
            return 0;
        for (; from <= to; from++)
            mask |= UINT64_C(1) << from;
        if (*s == '\0')
            return mask;
    }
}

/* vCPUs' pCPUs: subnodes compatible "xen,vcpu" with id and hard-affinity. */
static void parse_affinity(const struct boot_parser *p, int node, struct domain_config *c)
{
    int child;

    fdt_for_each_subnode (p->fdt, child, node) {
        const char *list = fdt_prop_string(p->fdt, child, "hard-affinity");
        uint64_t mask;
        uint32_t id;

        if (!fdt_is_compatible(p->fdt, child, "xen,vcpu") ||
            !fdt_has_prop(p->fdt, child, "hard-affinity"))
            continue;
        mask = list != NULL ? parse_cpu_list(list) : 0;
        if (mask == 0)
            boot_report(p, child, "hard-affinity", "not a list of pCPUs, ignored");
        else if (fdt_prop_u32(p->fdt, child, "id", &id) != 0 || id >= c->cpus)
            boot_report(p, child, "id", "not a vCPU of the domain, ignored");
        else
            c->affinity[id] = mask;
    }
}

static bool parse_domain(const struct boot_parser *p, int node, struct domain_config *c)
{
    *c = (struct domain_config){.node = node, .device_model_for = -1, .bootargs = ""};
    str_copy(c->name, fdt_node_name(p->fdt, node), sizeof(c->name));
    report_unknown(p, node, "", known_properties, ARRAY_SIZE(known_properties));
    if (!parse_cpus(p, node, c) || !parse_memory(p, node, c) || !parse_options(p, node, c) ||
        !parse_enhanced(p, node, c) || !boot_parse_args(p, node, "bootargs", &c->bootargs) ||
        !boot_parse_modules(p, node, c))
        return false;
    if (c->kernel.size == 0) {
        boot_report(p, node, "multiboot,kernel", "no such module; domain left out");
        return false;
    }
    parse_affinity(p, node, c);
    return true;
}

static struct domain_config *find_by_node(struct boot_config *config, int node)
{
    for (unsigned int i = 0; i < config->nr_doms; i++)
        if (config->doms[i].node == node)
            return &config->doms[i];
    return NULL;
}

/* "control", or the name of a node of /chosen with or without its unit address. */
static struct domain_config *find_by_name(const struct boot_parser *p, struct boot_config *config,
                                          const char *name)
{
    for (unsigned int i = 0; i < config->nr_doms; i++) {
        struct domain_config *c = &config->doms[i];
        const char *have = c->is_control ? c->name : fdt_node_name(p->fdt, c->node);
        size_t n = strlen(name);

        if (strncmp(have, name, n) == 0 && (have[n] == '\0' || have[n] == '@'))
            return c;
    }
    return NULL;
}

/* Whom wherry,device-model of a node means: a domain's name, or a phandle of its node. */
static struct domain_config *find_server(const struct boot_parser *p, struct boot_config *config,
                                         int node)
{
    const char *name = fdt_prop_string(p->fdt, node, "wherry,device-model");
    struct domain_config *dm = name != NULL ? find_by_name(p, config, name) : NULL;
    uint32_t phandle;

    if (dm == NULL && fdt_prop_u32(p->fdt, node, "wherry,device-model", &phandle) == 0)
        dm = find_by_node(config, fdt_find_phandle(p->fdt, phandle));
    return dm;
}

static void connect_device_models(const struct boot_parser *p, struct boot_config *config)
{
    for (unsigned int i = 0; i < config->nr_doms; i++) {
        struct domain_config *served = &config->doms[i];
        struct domain_config *dm;

        if (served->is_control || !fdt_has_prop(p->fdt, served->node, "wherry,device-model"))
            continue;
        dm = find_server(p, config, served->node);
        if (dm == NULL || dm == served)
            boot_report(p, served->node, "wherry,device-model", "names no other domain, ignored");
        else if (dm->device_model_for >= 0)
            boot_report(p, served->node, "wherry,device-model",
                        "that domain serves another one already, ignored");
        else
            dm->device_model_for = served->id;
    }
}

void boot_config_parse(const struct fdt *fdt, const struct control_options *options,
                       struct boot_config *config, boot_log_fn log, void *ctx)
{
    struct boot_parser p = {.fdt = fdt, .log = log, .ctx = ctx};
    int chosen = fdt_find_path(fdt, "/chosen");
    domid_t id = 1;
    int node;

    config->nr_doms = 0;
    if (chosen < 0) {
        log(ctx, "device tree: /chosen: missing: no domains are described");
        return;
    }
    report_unknown(&p, chosen, "xen,", known_in_chosen, ARRAY_SIZE(known_in_chosen));
    parse_control(&p, chosen, options, config);
    fdt_for_each_subnode (fdt, node, chosen) {
        if (!fdt_is_compatible(fdt, node, "xen,domain"))
            continue;
        if (config->nr_doms == CONFIG_MAX_DOMAINS || id == CONFIG_MAX_DOMAINS) {
            boot_report(&p, node, "compatible", "more domains than this build can have; left out");
            continue;
        }
        /* A domain's id is its place in the tree, whatever becomes of those before it. */
        if (parse_domain(&p, node, &config->doms[config->nr_doms]))
            config->doms[config->nr_doms++].id = id;
        id++;
    }
    connect_device_models(&p, config);
}
