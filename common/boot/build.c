/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains at boot: takes the parsed boot configuration and makes each domain with its vCPUs,
 * memory and images. What the memory map and the guest's device tree look like is the arch's
 * (arch_domain_build()). A domain that cannot be built is reported and left out.
 */
#include <wherry/boot.h>
#include <wherry/bug.h>
#include <wherry/cmdline.h>
#include <wherry/device.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/parse.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>
#include <wherry/rcu.h>

static struct boot_config boot_config __initdata;
static struct control_options options __initdata;

/* "512M"; of Xen's min:/max: forms the first size counts. */
static __init int parse_dom0_mem(const char *value)
{
    char size[24];
    size_t n = 0;

    if (strncmp(value, "min:", 4) == 0 || strncmp(value, "max:", 4) == 0)
        value += 4;
    while (n < sizeof(size) - 1 && value[n] != '\0' && value[n] != ',') {
        size[n] = value[n];
        n++;
    }
    size[n] = '\0';
    return parse_size(size, &options.memory);
}
CMDLINE_PARAM(dom0_mem, "dom0_mem", parse_dom0_mem);

static __init int parse_dom0_max_vcpus(const char *value)
{
    uint64_t n;
    int rc = parse_u64(value, &n);

    if (rc != 0 || n == 0)
        return -EINVAL;
    options.cpus = n > CONFIG_MAX_VCPUS ? CONFIG_MAX_VCPUS : (unsigned int)n;
    return 0;
}
CMDLINE_PARAM(dom0_max_vcpus, "dom0_max_vcpus", parse_dom0_max_vcpus);

static __init void log_line(void *ctx, const char *line)
{
    (void)ctx;
    printk("%s\n", line);
}

void __init boot_config_complain(const struct domain_config *cfg, const char *property,
                                 const char *what)
{
    char path[96];

    fdt_node_path(host_fdt(), cfg->node, path, sizeof(path));
    printk("device tree: %s: %s: %s; domain left out\n", path, property, what);
}

static __init int create_vcpus(struct domain *d, const struct domain_config *cfg)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v;
        int rc = vcpu_create(d, i, cfg->affinity[i], &v);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static __init domid_t served_domain(const struct domain_config *cfg)
{
    return cfg->device_model_for < 0 ? DOMID_INVALID : (domid_t)cfg->device_model_for;
}

static __init int build_one(domid_t id, const struct domain_config *cfg)
{
    struct domain_create_params params = {
        .id = id,
        .is_control = cfg->is_control,
        .max_vcpus = cfg->cpus,
        .max_pages = cfg->memory >> PAGE_SHIFT,
        .device_model_for = served_domain(cfg),
    };
    struct domain *d;
    int rc;

    arch_domain_config_from_boot(cfg, &params.arch);
    rc = domain_create(&params, &d);
    if (rc != 0)
        return rc;
    rc = create_vcpus(d, cfg);
    if (rc == 0)
        rc = arch_domain_build(d, cfg);
    if (rc == 0)
        return 0;
    /* Nothing of it ever ran, so nothing can be in the way. */
    while (domain_kill(d) == -ERESTART)
        barrier();
    while (rcu_callbacks_pending()) /* its memory is for those behind it */
        rcu_process_callbacks();
    return rc;
}

static __init int build_domains(void)
{
    unsigned int built = 0;
    struct domain *d;

    if (options.cpus == 0)
        options.cpus = MIN(num_online_cpus(), (unsigned int)CONFIG_MAX_VCPUS);
    boot_config_parse(host_fdt(), &options, &boot_config, log_line, NULL);
    for (unsigned int i = 0; i < boot_config.nr_doms; i++) {
        const struct domain_config *cfg = &boot_config.doms[i];
        int rc;

        printk("d%u (%s): %u vCPUs, %lu MiB\n", cfg->id, cfg->name, cfg->cpus,
               (unsigned long)(cfg->memory >> 20));
        rc = build_one(cfg->id, cfg);
        if (rc != 0)
            printk("d%u (%s): not started: error %d\n", cfg->id, cfg->name, rc);
        else
            built++;
    }
    if (built == 0)
        panic("no domain to run: give the device tree's /chosen a kernel module or a xen,domain "
              "node\n");
    for_each_domain (d)
        domain_start(d);
    return 0;
}
INIT_CALL(INIT_DOMAINS, build_domains);
