/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv2 (IHI 0048B) with virtualization extensions as the host's controller: GIC-400 and the
 * like. Four register blocks: distributor, CPU interface, virtual interface control (GICH) and what
 * guests get as their CPU interface (GICV).
 */
#include "gic_priv.h"
#include <asm/mmu.h>
#include <asm/sysreg.h>
#include <wherry/device.h>
#include <wherry/lib/errno.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/smp.h>

#define GICC_CTLR 0x0000
#define GICC_PMR  0x0004
#define GICC_BPR  0x0008
#define GICC_IAR  0x000c
#define GICC_EOIR 0x0010

#define GICC_CTLR_ENABLE  BIT(0)
#define GICC_CTLR_EOIMODE BIT(9)

#define GICH_HCR  0x000
#define GICH_VTR  0x004
#define GICH_VMCR 0x008
#define GICH_APR  0x0f0
#define GICH_LR   0x100

/* GICH_LR<n>. */
#define LR2_VIRQ_MASK      0x3ffu
#define LR2_PHYS_SHIFT     10
#define LR2_EOI            BIT(19)
#define LR2_PRIORITY_SHIFT 23
#define LR2_STATE_SHIFT    28
#define LR2_GROUP1         BIT(30)
#define LR2_HW             BIT(31)

/* Set by the probe. */
static volatile void *dist, *cpuif, *dir, *gich;
/* What each CPU interface is called in the distributor. Written by its CPU. */
static uint8_t target_mask[CONFIG_NR_CPUS];

/* The byte that this CPU reads for a private interrupt: its own bit; none on one-CPU systems. */
static uint8_t own_target(void)
{
    for (unsigned int irq = 0; irq < 32; irq += 4) {
        uint32_t val = gic_read32(dist, GICD_ITARGETSR + irq);

        val |= val >> 16;
        val |= val >> 8;
        if ((uint8_t)val != 0)
            return (uint8_t)val;
    }
    return 1;
}

static void v2_init_cpu(void)
{
    target_mask[smp_processor_id()] = own_target();
    gic_quiesce(dist, 0, 32);
    gic_write32(gich, GICH_HCR, 0);
    for (unsigned int n = 0; n <= (gic_read32(gich, GICH_VTR) & 0x3f); n++)
        gic_write32(gich, GICH_LR + n * 4, 0); /* all, not only those that are used */
    gic_write32(cpuif, GICC_PMR, 0xff);
    gic_write32(cpuif, GICC_BPR, 0);
    gic_write32(cpuif, GICC_CTLR, GICC_CTLR_ENABLE | GICC_CTLR_EOIMODE);
}

static void v2_send_sgi(unsigned int cpu, unsigned int sgi)
{
    /* What the receiver will look at is visible before the interrupt is. */
    dsb_ishst();
    gic_write32(dist, GICD_SGIR, ((uint32_t)target_mask[cpu] << 16) | sgi);
}

static void v2_enable(unsigned int irq)
{
    gic_write_bit(dist, GICD_ISENABLER, irq);
}

static void v2_disable(unsigned int irq)
{
    gic_write_bit(dist, GICD_ICENABLER, irq);
    (void)gic_read32(dist, GICD_ICENABLER); /* the write has arrived */
}

static void v2_set_type(unsigned int irq, unsigned int type)
{
    gic_set_cfg(dist, irq, type);
}

static void v2_route(unsigned int irq, unsigned int cpu)
{
    gic_write8(dist, GICD_ITARGETSR + irq, target_mask[cpu]);
}

static void v2_set_active(unsigned int irq, bool active)
{
    gic_write_bit(dist, active ? GICD_ISACTIVER : GICD_ICACTIVER, irq);
}

static unsigned int v2_ack(void)
{
    return gic_read32(cpuif, GICC_IAR);
}

static void v2_drop(unsigned int iar)
{
    gic_write32(cpuif, GICC_EOIR, iar);
}

static void v2_deactivate(unsigned int iar)
{
    gic_write32(dir, 0, iar);
}

static uint64_t v2_read_lr(unsigned int n)
{
    uint32_t val = gic_read32(gich, GICH_LR + n * 4);
    uint64_t lr = val & LR2_VIRQ_MASK;

    lr |= (uint64_t)((val >> LR2_STATE_SHIFT) & 3) << 62;
    lr |= (uint64_t)((val >> LR2_PRIORITY_SHIFT) & 0x1f) << (LR_PRIORITY_SHIFT + 3);
    if (val & LR2_GROUP1)
        lr |= LR_GROUP1;
    if (val & LR2_HW)
        return lr | LR_HW | ((uint64_t)((val >> LR2_PHYS_SHIFT) & 0x3ff) << LR_PHYS_SHIFT);
    if (val & LR2_EOI)
        lr |= LR_EOI;
    return lr | ((uint64_t)((val >> LR2_PHYS_SHIFT) & 7) << LR_PHYS_SHIFT);
}

static void v2_write_lr(unsigned int n, uint64_t lr)
{
    uint32_t val = LR_VIRQ(lr) & LR2_VIRQ_MASK;

    val |= (uint32_t)(lr >> 62) << LR2_STATE_SHIFT;
    val |= (LR_PRIORITY(lr) >> 3) << LR2_PRIORITY_SHIFT;
    if (lr & LR_GROUP1)
        val |= LR2_GROUP1;
    if (lr & LR_HW)
        val |= LR2_HW | ((uint32_t)((lr & LR_PHYS_MASK) >> LR_PHYS_SHIFT) << LR2_PHYS_SHIFT);
    else
        val |= (LR_SOURCE(lr) << LR2_PHYS_SHIFT) | ((lr & LR_EOI) ? LR2_EOI : 0);
    gic_write32(gich, GICH_LR + n * 4, val);
}

static void v2_write_hcr(uint32_t hcr)
{
    gic_write32(gich, GICH_HCR, hcr);
}

/* GICH_VMCR has the fields of ICH_VMCR_EL2 in the same places. */
static uint64_t v2_read_vmcr(void)
{
    return gic_read32(gich, GICH_VMCR);
}

static void v2_write_vmcr(uint64_t vmcr)
{
    gic_write32(gich, GICH_VMCR, (uint32_t)vmcr);
}

static void v2_read_apr(uint32_t apr[8])
{
    apr[0] = gic_read32(gich, GICH_APR);
}

static void v2_write_apr(const uint32_t apr[8])
{
    gic_write32(gich, GICH_APR, apr[0]);
}

static const struct gic_ops v2_ops = {
    .version = 2,
    .init_cpu = v2_init_cpu,
    .send_sgi = v2_send_sgi,
    .enable = v2_enable,
    .disable = v2_disable,
    .set_type = v2_set_type,
    .route = v2_route,
    .set_active = v2_set_active,
    .ack = v2_ack,
    .drop = v2_drop,
    .deactivate = v2_deactivate,
    .read_lr = v2_read_lr,
    .write_lr = v2_write_lr,
    .write_hcr = v2_write_hcr,
    .read_vmcr = v2_read_vmcr,
    .write_vmcr = v2_write_vmcr,
    .read_apr = v2_read_apr,
    .write_apr = v2_write_apr,
};

static void __init dist_init(struct gic_host *host)
{
    unsigned int nr = MIN(((gic_read32(dist, GICD_TYPER) & 0x1f) + 1) * 32, GIC_MAX_IRQS);
    uint32_t boot_cpu = own_target() * UINT32_C(0x01010101);

    host->nr_irqs = nr;
    gic_write32(dist, GICD_CTLR, 0);
    gic_quiesce(dist, 32, nr);
    for (unsigned int irq = 32; irq < nr; irq += 4)
        gic_write32(dist, GICD_ITARGETSR + irq, boot_cpu);
    gic_write32(dist, GICD_CTLR, 1);
}

/*
 * A block of 128 KiB or more has its two pages 64 KiB apart, each repeated over its 64 KiB: boards
 * wire it so for guests with large pages. Otherwise they follow each other.
 */
static uint64_t second_page(uint64_t size)
{
    return size >= 0x20000 ? 0x10000 : 0x1000;
}

static int __init v2_probe(const struct fdt *fdt, int node)
{
    struct gic_host host = {.ops = &v2_ops};
    uint64_t gich_base, gich_size;

    if (fdt_get_reg_root(fdt, node, 0, &host.dist_base, &host.dist_size) != 0 ||
        fdt_get_reg_root(fdt, node, 1, &host.cpu_base, &host.cpu_size) != 0) {
        printk("gic: bad \"reg\"\n");
        return -EINVAL;
    }
    if (fdt_get_reg_root(fdt, node, 2, &gich_base, &gich_size) != 0 ||
        fdt_get_reg_root(fdt, node, 3, &host.vcpu_base, &host.vcpu_size) != 0) {
        printk("gic: no virtualization extensions in \"reg\"\n");
        return -EINVAL;
    }
    host.vcpu_page2 = second_page(host.vcpu_size);
    dist = arch_ioremap(paddr(host.dist_base), PAGE_SIZE);
    cpuif = arch_ioremap(paddr(host.cpu_base), PAGE_SIZE);
    dir = arch_ioremap(paddr(host.cpu_base + second_page(host.cpu_size)), PAGE_SIZE);
    gich = arch_ioremap(paddr(gich_base), PAGE_SIZE);
    if (dist == NULL || cpuif == NULL || dir == NULL || gich == NULL)
        return -ENOMEM;
    dist_init(&host);
    gic_parse_vtr(&host, gic_read32(gich, GICH_VTR));
    return gic_register(fdt, node, &host);
}

static const char *const v2_compatible[] = {"arm,gic-400", "arm,cortex-a15-gic",
                                            "arm,cortex-a7-gic", NULL};
DEVICE_DRIVER(gicv2, DEVICE_INTERRUPT_CONTROLLER, v2_compatible, v2_probe);
