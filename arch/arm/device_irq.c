/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts of device nodes in the GIC's binding (asm/device.h): for the drivers of the host. */
#include <asm/device.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>

#define CELLS 3 /* kind, number, flags; a GICv3 with partitions has a fourth, which is not ours */

#define KIND_SPI 0
#define KIND_PPI 1

#define FLAGS_EDGE_RISING 1
#define FLAGS_SENSE_MASK  0xf

/* How many cells an interrupt of this node has; 0: unknown. */
static uint32_t interrupt_cells(const struct fdt *fdt, int node)
{
    uint32_t phandle, cells;
    int at = node;

    while (at >= 0 && fdt_prop_u32(fdt, at, "interrupt-parent", &phandle) != 0)
        at = fdt_parent(fdt, at);
    if (at < 0)
        return 0;
    at = fdt_find_phandle(fdt, phandle);
    if (at < 0 || fdt_prop_u32(fdt, at, "#interrupt-cells", &cells) != 0)
        return 0;
    return cells;
}

int arch_device_irq(const struct fdt *fdt, int node, unsigned int index, unsigned int *irq,
                    unsigned int *type)
{
    uint32_t len;
    const uint8_t *data = fdt_getprop(fdt, node, "interrupts", &len);
    uint32_t cells = interrupt_cells(fdt, node);
    uint32_t number;

    if (data == NULL)
        return -ENOENT;
    if (cells < CELLS || cells > CELLS + 1)
        return -EINVAL;
    if (len / (cells * 4) <= index)
        return -ENOENT;
    data += (size_t)index * cells * 4;
    number = fdt_get32(data + 4);
    switch (fdt_get32(data)) {
    case KIND_SPI:
        *irq = number + 32;
        break;
    case KIND_PPI:
        *irq = number + 16;
        break;
    default:
        return -EINVAL;
    }
    if (*irq > 1019 || (fdt_get32(data) == KIND_PPI && *irq > 31))
        return -EINVAL;
    *type = (fdt_get32(data + 8) & FLAGS_SENSE_MASK) == FLAGS_EDGE_RISING ? IRQ_TYPE_EDGE
                                                                          : IRQ_TYPE_LEVEL;
    return 0;
}
