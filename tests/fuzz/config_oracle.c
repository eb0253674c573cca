/* SPDX-License-Identifier: Apache-2.0 */
/* config_oracle.h. Written from docs/boot.md; a node is an offset as libfdt has it. */
#include "config_oracle.h"

#include "../unit/fdt_reference.h"

static const void *tree;
static struct boot_config want;

struct value {
    const uint8_t *at; /* NULL: there is no such property */
    int len;
};

static struct value get(int node, const char *name)
{
    struct value v = {.len = 0};

    v.at = ref_getprop(tree, node, name, &v.len);
    return v;
}

static uint64_t number(const uint8_t *p, int bytes)
{
    uint64_t v = 0;

    while (bytes-- > 0)
        v = v << 8 | *p++;
    return v;
}

static bool is_text(struct value v)
{
    return v.at != NULL && v.len > 0 && v.at[v.len - 1] == '\0';
}

static bool is_word(struct value v, const char *word)
{
    return is_text(v) && strcmp((const char *)v.at, word) == 0;
}

/* One of the strings of a list, which ends where its last terminated string does. */
static bool has(int node, const char *word)
{
    struct value v = get(node, "compatible");
    int begin = 0;

    for (int i = 0; v.at != NULL && i < v.len; i++) {
        if (v.at[i] != '\0')
            continue;
        if (strcmp((const char *)v.at + begin, word) == 0)
            return true;
        begin = i + 1;
    }
    return false;
}

/* --- modules --- */

const struct boot_module oracle_loaded[ORACLE_NR_LOADED] = {
    {.addr = 0x1000, .size = 0x234},
    {.addr = 0x2000},                           /* empty */
    {.addr = UINT64_MAX - 0xfff, .size = 4096}, /* to the last address and one more */
    {.addr = 0x8000, .size = 1},
};
unsigned int oracle_nr_loaded;

/* A count of cells: what is not one cell counts as not there; more than two cannot be. */
static int cells(int node, const char *name, int otherwise)
{
    struct value v = get(node, name);

    return v.at == NULL || v.len != 4 ? otherwise
           : number(v.at, 4) <= 2     ? (int)number(v.at, 4)
                                      : -1;
}

static bool module_memory(int parent, int node, struct boot_module *m)
{
    int ac = cells(parent, "#address-cells", 2), sc = cells(parent, "#size-cells", 1);
    struct value reg = get(node, "reg"), place = get(node, "module-index");

    if (place.at != NULL && place.len == 4) {
        if (number(place.at, 4) >= oracle_nr_loaded)
            return false;
        *m = oracle_loaded[number(place.at, 4)];
        return m->size != 0 && UINT64_MAX - m->addr >= m->size;
    }
    if (reg.at == NULL || ac < 1 || sc < 0 || reg.len == 0 || reg.len % (4 * (ac + sc)) != 0)
        return false;
    m->addr = number(reg.at, 4 * ac);
    m->size = number(reg.at + 4 * ac, 4 * sc);
    return m->size != 0 && UINT64_MAX - m->addr >= m->size;
}

static bool optional_text(int node, const char *name, const char **text)
{
    struct value v = get(node, name);

    if (is_text(v))
        *text = (const char *)v.at;
    return v.at == NULL || is_text(v);
}

static bool one_module(int parent, int node, int *nr_untyped, struct domain_config *c)
{
    bool untyped = is_text(get(node, "compatible")) &&
                   (is_word(get(node, "compatible"), "multiboot,module") ||
                    is_word(get(node, "compatible"), "xen,multiboot-module"));
    struct boot_module m, *to = NULL;

    if (!module_memory(parent, node, &m))
        return false;
    if (has(node, "multiboot,kernel") || has(node, "xen,linux-zimage"))
        to = &c->kernel;
    else if (has(node, "multiboot,ramdisk") || has(node, "xen,linux-initrd"))
        to = &c->ramdisk;
    else if (has(node, "multiboot,device-tree"))
        to = &c->device_tree;
    else if (untyped && (*nr_untyped)++ < 2)
        to = *nr_untyped == 1 ? &c->kernel : &c->ramdisk;
    if (to == NULL || to->size != 0)
        return true;
    *to = m;
    return to != &c->kernel || optional_text(node, "bootargs", &c->bootargs);
}

static bool modules(int parent, struct domain_config *c)
{
    int nr_untyped = 0;

    for (int n = ref_first_subnode(tree, parent); n >= 0; n = ref_next_subnode(tree, n)) {
        bool is_one = has(n, "multiboot,module") || has(n, "xen,multiboot-module") ||
                      has(n, "multiboot,kernel") || has(n, "multiboot,ramdisk") ||
                      has(n, "multiboot,device-tree");

        if (is_one && !one_module(parent, n, &nr_untyped, c))
            return false;
    }
    return true;
}

/* --- domains --- */

static bool control(int chosen, const struct control_options *options, struct domain_config *c)
{
    const char *of_module;

    *c = (struct domain_config){.node = chosen, .is_control = true, .enhanced = true};
    c->device_model_for = -1;
    c->nr_spis = BOOT_DEFAULT_SPIS;
    c->bootargs = "";
    strcpy(c->name, "control");
    if (!modules(chosen, c) || c->kernel.size == 0)
        return false;
    of_module = c->bootargs;
    if (get(chosen, "xen,dom0-bootargs").at != NULL) {
        if (!optional_text(chosen, "xen,dom0-bootargs", &c->bootargs))
            return false;
    } else if (of_module[0] == '\0' && !optional_text(chosen, "bootargs", &c->bootargs)) {
        return false;
    }
    c->memory = (options->memory != 0 ? options->memory : 512u << 20) / 4096 * 4096;
    c->cpus = options->cpus == 0 ? 1 : options->cpus;
    c->cpus = c->cpus > CONFIG_MAX_VCPUS ? CONFIG_MAX_VCPUS : c->cpus;
    return true;
}

/* "0-3,5": the numbers that are in it; 0 if it is no such list. */
static uint64_t cpu_list(const char *s)
{
    uint64_t mask = 0;

    do {
        unsigned long from, to;
        char *end;

        if (*s < '0' || *s > '9')
            return 0;
        from = to = strtoul(s, &end, 10);
        if (*end == '-') {
            if (end[1] < '0' || end[1] > '9')
                return 0;
            to = strtoul(end + 1, &end, 10);
        }
        if (to > 63 || to < from || (*end != ',' && *end != '\0'))
            return 0;
        for (; from <= to; from++)
            mask |= UINT64_C(1) << from;
        s = *end == ',' ? end + 1 : "";
        if (*end == ',' && *s == '\0')
            return 0;
    } while (*s != '\0');
    return mask;
}

static void affinity(int node, struct domain_config *c)
{
    for (int n = ref_first_subnode(tree, node); n >= 0; n = ref_next_subnode(tree, n)) {
        struct value list = get(n, "hard-affinity"), id = get(n, "id");

        if (!has(n, "xen,vcpu") || !is_text(list) || id.at == NULL || id.len != 4)
            continue;
        if (number(id.at, 4) < c->cpus && cpu_list((const char *)list.at) != 0)
            c->affinity[number(id.at, 4)] = cpu_list((const char *)list.at);
    }
}

static bool domain(int node, struct domain_config *c)
{
    struct value cpus = get(node, "cpus"), memory = get(node, "memory");
    struct value spis = get(node, "nr_spis"), enhanced = get(node, "xen,enhanced");

    *c = (struct domain_config){.node = node, .device_model_for = -1, .bootargs = ""};
    strncpy(c->name, ref_node_name(tree, node), sizeof(c->name) - 1);
    c->cpus = 1;
    if (cpus.at != NULL) {
        if (cpus.len != 4 || number(cpus.at, 4) == 0 || number(cpus.at, 4) > CONFIG_MAX_VCPUS)
            return false;
        c->cpus = (unsigned int)number(cpus.at, 4);
    }
    if (memory.at == NULL || (memory.len != 4 && memory.len != 8) ||
        number(memory.at, memory.len) < 4 || number(memory.at, memory.len) >= UINT64_C(1) << 54)
        return false;
    c->memory = number(memory.at, memory.len) / 4 * 4096;
    c->nr_spis = BOOT_DEFAULT_SPIS;
    if (spis.at != NULL) {
        if (spis.len != 4 || number(spis.at, 4) > 960)
            return false;
        c->nr_spis = (uint32_t)number(spis.at, 4);
    }
    c->vpl011 = get(node, "vpl011").at != NULL;
    c->enhanced = !is_word(enhanced, "disabled");
    if (enhanced.at != NULL && enhanced.len > 0 && c->enhanced && !is_word(enhanced, "") &&
        !is_word(enhanced, "enabled") && !is_word(enhanced, "no-xenstore"))
        return false;
    if (!optional_text(node, "bootargs", &c->bootargs) || !modules(node, c) || c->kernel.size == 0)
        return false;
    affinity(node, c);
    return true;
}

/* --- who serves whom --- */

/* Index of the domain whose node has the name, with or without its unit address; -1: none. */
static int by_name(const char *name)
{
    for (unsigned int i = 0; i < want.nr_doms; i++) {
        const struct domain_config *c = &want.doms[i];
        const char *have = c->is_control ? "control" : ref_node_name(tree, c->node);
        size_t n = strlen(name);

        if (strlen(have) >= n && memcmp(have, name, n) == 0 && (have[n] == '\0' || have[n] == '@'))
            return (int)i;
    }
    return -1;
}

static int server_of(const struct domain_config *c)
{
    struct value v = get(c->node, "wherry,device-model");
    int found = is_text(v) ? by_name((const char *)v.at) : -1;
    int node;

    if (found >= 0 || v.at == NULL || v.len != 4)
        return found;
    node = ref_find_phandle(tree, (uint32_t)number(v.at, 4));
    for (unsigned int i = 0; i < want.nr_doms && node >= 0; i++)
        if (want.doms[i].node == node)
            return (int)i;
    return -1;
}

static void connect(void)
{
    for (unsigned int i = 0; i < want.nr_doms; i++) {
        int dm = want.doms[i].is_control ? -1 : server_of(&want.doms[i]);

        if (dm >= 0 && dm != (int)i && want.doms[dm].device_model_for < 0)
            want.doms[dm].device_model_for = want.doms[i].id;
    }
}

static void read_tree(const struct control_options *options)
{
    int chosen = ref_find_path(tree, "/chosen");
    unsigned int id = 1;

    want.nr_doms = 0;
    if (chosen < 0)
        return;
    want.nr_doms = control(chosen, options, &want.doms[0]);
    for (int n = ref_first_subnode(tree, chosen); n >= 0; n = ref_next_subnode(tree, n)) {
        if (!has(n, "xen,domain") || want.nr_doms == CONFIG_MAX_DOMAINS || id == CONFIG_MAX_DOMAINS)
            continue;
        if (domain(n, &want.doms[want.nr_doms]))
            want.doms[want.nr_doms++].id = (domid_t)id;
        id++;
    }
    connect();
}

static bool same_module(const struct boot_module *a, const struct boot_module *b)
{
    return a->addr == b->addr && a->size == b->size;
}

void compare_config(const void *blob, const struct control_options *options,
                    const struct boot_config *got)
{
    tree = blob;
    read_tree(options);
    fuzz_check(got->nr_doms == want.nr_doms, "%u domains, not %u", got->nr_doms, want.nr_doms);
    for (unsigned int i = 0; i < want.nr_doms; i++) {
        const struct domain_config *g = &got->doms[i], *w = &want.doms[i];

        fuzz_check(g->node == w->node && g->id == w->id, "node or id of %u", i);
        fuzz_check(strcmp(g->name, w->name) == 0, "name %s, not %s", g->name, w->name);
        fuzz_check(g->is_control == w->is_control && g->enhanced == w->enhanced, "enhanced %u", i);
        fuzz_check(g->vpl011 == w->vpl011 && g->nr_spis == w->nr_spis, "options of %u", i);
        fuzz_check(g->cpus == w->cpus, "%u: %u vCPUs, not %u", i, g->cpus, w->cpus);
        fuzz_check(g->memory == w->memory, "memory of %u", i);
        fuzz_check(g->device_model_for == w->device_model_for, "%u serves %d, not %d", i,
                   g->device_model_for, w->device_model_for);
        fuzz_check(strcmp(g->bootargs, w->bootargs) == 0, "command line %s", g->bootargs);
        fuzz_check(same_module(&g->kernel, &w->kernel), "kernel of %u", i);
        fuzz_check(same_module(&g->ramdisk, &w->ramdisk), "ramdisk of %u", i);
        fuzz_check(same_module(&g->device_tree, &w->device_tree), "device tree of %u", i);
        fuzz_check(memcmp(g->affinity, w->affinity, sizeof(w->affinity)) == 0, "affinity of %u", i);
    }
}
