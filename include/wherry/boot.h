/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains described in the boot device tree, as plain data, and the arch's part in building them.
 * docs/boot.md is the reference of nodes and properties.
 */
#ifndef WHERRY_BOOT_H
#define WHERRY_BOOT_H

#include <wherry/lib/fdt.h>
#include <wherry/types.h>

struct domain;
struct arch_domain_config;

#define BOOT_NAME_LEN 32

#define BOOT_DEFAULT_SPIS UINT32_MAX

/* An image that the boot loader put into memory; size 0: there is none. */
struct boot_module {
    uint64_t addr, size;
};

struct domain_config {
    char name[BOOT_NAME_LEN];
    int node; /* of the boot tree; /chosen for the control domain */
    domid_t id;
    bool is_control;
    bool enhanced; /* its device tree tells it of the hypervisor */
    bool vpl011;
    unsigned int cpus;
    uint64_t memory;      /* bytes, whole pages */
    uint32_t nr_spis;     /* BOOT_DEFAULT_SPIS: as many as the host has */
    int device_model_for; /* id of the domain that this one serves, or -1 */
    const char *bootargs; /* inside the tree; "" if there are none */
    struct boot_module kernel, ramdisk, device_tree;
    uint64_t affinity[CONFIG_MAX_VCPUS]; /* pCPUs allowed for each vCPU; 0: any */
};

struct boot_config {
    unsigned int nr_doms;
    struct domain_config doms[CONFIG_MAX_DOMAINS];
};

/* What the hypervisor's command line says about the control domain; 0: default. */
struct control_options {
    uint64_t memory; /* dom0_mem=, bytes */
    unsigned int cpus;
};

#define BOOT_CONTROL_MEMORY (UINT64_C(512) << 20)

typedef void (*boot_log_fn)(void *ctx, const char *line);

/*
 * Read /chosen. What is malformed is logged in one line that names node and property, and that
 * domain is left out; unknown properties are logged once each and ignored. Pure: tested on the
 * build host.
 */
void boot_config_parse(const struct fdt *fdt, const struct control_options *options,
                       struct boot_config *config, boot_log_fn log, void *ctx);

/*
 * Does `node` describe a boot module, and which memory does it occupy? Boot memory set-up must
 * keep these away from the allocator. False for anything else or a malformed reg.
 */
bool boot_module_region(const struct fdt *fdt, int node, uint64_t *addr, uint64_t *size);

/*
 * Boot loaders that choose addresses themselves: their modules in order, which "module-index" of a
 * module node counts from 0. Before the tree is read; `list` stays.
 */
void boot_set_modules(const struct boot_module *list, unsigned int n);

/* One line about a domain that cannot be built as its node says: node, property, what is wrong. */
void boot_config_complain(const struct domain_config *cfg, const char *property, const char *what);

/* --- arch hooks --- */
/* The arch's part of the parameters for domain_create(). */
void arch_domain_config_from_boot(const struct domain_config *cfg, struct arch_domain_config *out);
/*
 * Memory, images, device tree, passed-through devices and the first vCPU's registers of a created
 * domain. 0/-errno; the caller kills the domain on failure.
 */
int arch_domain_build(struct domain *d, const struct domain_config *cfg);

#endif
