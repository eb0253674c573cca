/* SPDX-License-Identifier: Apache-2.0 */
/* Device tree facts with an Arm-specific meaning: interrupts of the GIC binding. */
#ifndef WHERRY_ASM_DEVICE_H
#define WHERRY_ASM_DEVICE_H

#include <wherry/lib/fdt.h>
#include <wherry/types.h>

/*
 * The index-th interrupt of a node whose parent is a GIC (three or more cells): its number as the
 * GIC counts (SPI + 32, PPI + 16) and IRQ_TYPE_EDGE or _LEVEL. -ENOENT, -EINVAL.
 */
int arch_device_irq(const struct fdt *fdt, int node, unsigned int index, unsigned int *irq,
                    unsigned int *type);

#endif
