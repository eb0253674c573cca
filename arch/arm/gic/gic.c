/* SPDX-License-Identifier: Apache-2.0 */
/* What both host drivers have in common, and the choice between them. */
#include "gic_priv.h"
#include <asm/device.h>
#include <asm/smp.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/printk.h>

/* Set at INIT_IRQ, then constant. */
struct gic_host gic_host;

void gic_set_cfg(volatile void *base, unsigned int irq, unsigned int type)
{
    uint32_t offset = GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = UINT32_C(2) << (irq % 16 * 2);
    uint32_t val = gic_read32(base, offset) & ~bit;

    gic_write32(base, offset, type == IRQ_TYPE_EDGE ? val | bit : val);
}

void gic_quiesce(volatile void *base, unsigned int first, unsigned int end)
{
    unsigned int irq;

    for (irq = first; irq < end; irq += 32) {
        gic_write32(base, GICD_ICENABLER + irq / 8, ~UINT32_C(0));
        gic_write32(base, GICD_ICPENDR + irq / 8, ~UINT32_C(0));
        gic_write32(base, GICD_ICACTIVER + irq / 8, ~UINT32_C(0));
    }
    for (irq = first; irq < end; irq += 4)
        gic_write32(base, GICD_IPRIORITYR + irq, GIC_PRIORITY * UINT32_C(0x01010101));
}

void gic_parse_vtr(struct gic_host *host, uint32_t vtr)
{
    unsigned int prio_bits = (vtr >> 29) + 1;

    host->nr_lrs = MIN((vtr & 0x3f) + 1, GIC_MAX_LRS);
    host->prio_mask = (0xff << (8 - prio_bits)) & 0xff;
    host->nr_aprs = 1u << (MAX(((vtr >> 26) & 7) + 1, 5u) - 5);
}

void gic_init_cpu(void)
{
    gic_host.ops->init_cpu();
}
CPU_INIT_CALL(CPU_INIT_IRQ, gic_init_cpu);

void gic_send_sgi(unsigned int cpu, unsigned int sgi)
{
    gic_host.ops->send_sgi(cpu, sgi);
}

int __init gic_register(const struct fdt *fdt, int node, const struct gic_host *host)
{
    unsigned int type;

    gic_host = *host;
    if (arch_device_irq(fdt, node, 0, &gic_host.maintenance_irq, &type) != 0) {
        printk("gic: no maintenance interrupt in the device tree\n");
        return -EINVAL;
    }
    device_mark_used(node);
    gic_init_cpu();
    printk("gic: GICv%u, %u interrupts, %u list registers\n", gic_host.ops->version,
           gic_host.nr_irqs, gic_host.nr_lrs);
    return 0;
}

static int __init gic_init(void)
{
    int rc = device_probe_class(host_fdt(), DEVICE_INTERRUPT_CONTROLLER);

    if (rc != 0)
        printk("gic: no usable interrupt controller (%d)\n", rc);
    return rc;
}
INIT_CALL(INIT_IRQ, gic_init);
