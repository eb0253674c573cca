/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers of the hypervisor against the nodes of the host's device tree (include/wherry/device.h).
 */
#include <wherry/device.h>
#include <wherry/lib/errno.h>
#include <wherry/printk.h>

#define MAX_USED 256

extern const struct device_driver __device_drivers_start[], __device_drivers_end[];

/* Both: boot CPU, before any domain exists. */
static int used[MAX_USED];
static unsigned int nr_used;

static bool driver_matches(const struct device_driver *drv, const struct fdt *fdt, int node)
{
    for (const char *const *c = drv->compatible; *c != NULL; c++)
        if (fdt_is_compatible(fdt, node, *c))
            return true;
    return false;
}

int device_probe_node(const struct fdt *fdt, int node, enum device_class class)
{
    for (const struct device_driver *drv = __device_drivers_start; drv < __device_drivers_end;
         drv++) {
        int rc;

        if (drv->class != class || !driver_matches(drv, fdt, node))
            continue;
        rc = drv->probe(fdt, node);
        if (rc == 0)
            device_mark_used(node);
        return rc;
    }
    return -ENODEV;
}

int device_probe_class(const struct fdt *fdt, enum device_class class)
{
    for (int node = fdt_root(fdt); node >= 0; node = fdt_next_node(fdt, node)) {
        int rc;

        if (!fdt_is_available(fdt, node))
            continue;
        rc = device_probe_node(fdt, node, class);
        if (rc == 0)
            return 0;
        if (rc != -ENODEV)
            printk("device: %s: not usable (%d)\n", fdt_node_name(fdt, node), rc);
    }
    return -ENODEV;
}

int device_mark_used(int node)
{
    if (device_is_used(node))
        return 0;
    if (nr_used == MAX_USED)
        return -ENOSPC;
    used[nr_used++] = node;
    return 0;
}

static bool node_has_regs(const struct fdt *fdt, int node, uint64_t start, uint64_t end)
{
    uint64_t addr, size;

    for (unsigned int i = 0; fdt_get_reg_root(fdt, node, i, &addr, &size) == 0; i++)
        if (addr < end && start < addr + size)
            return true;
    return false;
}

bool device_regs_are_used(const struct fdt *fdt, uint64_t start, uint64_t size)
{
    for (unsigned int i = 0; i < nr_used; i++)
        if (node_has_regs(fdt, used[i], start, start + size))
            return true;
    return false;
}

bool device_is_used(int node)
{
    for (unsigned int i = 0; i < nr_used; i++)
        if (used[i] == node)
            return true;
    return false;
}
