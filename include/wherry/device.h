/* SPDX-License-Identifier: Apache-2.0 */
/* Boards are data: drivers of the hypervisor register the `compatible` strings they serve. */
#ifndef WHERRY_DEVICE_H
#define WHERRY_DEVICE_H

#include <wherry/lib/fdt.h>
#include <wherry/types.h>

enum device_class {
    DEVICE_SERIAL,
    DEVICE_INTERRUPT_CONTROLLER,
    DEVICE_TIMER,
};

struct device_driver {
    const char *const *compatible; /* NULL terminated */
    int (*probe)(const struct fdt *fdt, int node);
    const char *name;
    uint32_t class; /* enum device_class */
};

#define DEVICE_DRIVER(id, class_, compatible_, probe_)                                       \
    static const struct device_driver device_driver_##id __used __section(".device_drivers") \
        __aligned(8) = {                                                                     \
            .compatible = (compatible_), .probe = (probe_), .name = #id, .class = (class_)}

/* Probe the first matching node with its driver; -ENODEV. */
int device_probe_class(const struct fdt *fdt, enum device_class class);
/* Probe exactly this node. */
int device_probe_node(const struct fdt *fdt, int node, enum device_class class);

/* The host's tree, checked; valid from INIT_EARLY on. Device nodes the hypervisor took. */
const struct fdt *host_fdt(void);
/* Remember that a node is taken: by the hypervisor or by a domain. -ENOSPC: too many are. */
int device_mark_used(int node);
bool device_is_used(int node);
/* Do these physical addresses belong to registers of a node that is taken? */
bool device_regs_are_used(const struct fdt *fdt, uint64_t start, uint64_t size);

#endif
