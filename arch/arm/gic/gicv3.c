/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 (IHI 0069) as the host's controller: affinity routing, system registers for the CPU
 * interface and for the virtual one. No LPIs.
 */
#include "gic_priv.h"
#include <asm/mmu.h>
#include <asm/smp.h>
#include <asm/sysreg.h>
#include <wherry/device.h>
#include <wherry/lib/errno.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/smp.h>

#define GICD_IROUTER    0x6000
#define CTLR_RWP        BIT(31)
#define CTLR_ENABLE_G1  BIT(0) /* group 0 where there is one security state */
#define CTLR_ENABLE_G1A BIT(1)
#define CTLR_ARE        BIT(4)

#define GICR_CTLR  0x0000
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI   0x10000 /* the frame of private interrupts */

#define GICR_CTLR_RWP        BIT(3)
#define GICR_TYPER_VLPIS     BIT(1)
#define GICR_TYPER_LAST      BIT(4)
#define WAKER_SLEEP          BIT(1)
#define WAKER_CHILDREN_SLEEP BIT(2)

#define MAX_REGIONS   32
#define FRAME_SIZE    UINT64_C(0x20000)
#define FRAME_SIZE_V4 UINT64_C(0x40000)

#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_DIR_EL1     S3_0_C12_C11_1
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_BPR1_EL1    S3_0_C12_C12_3
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL2     S3_4_C12_C9_5
#define ICH_HCR_EL2     S3_4_C12_C11_0
#define ICH_VTR_EL2     S3_4_C12_C11_1
#define ICH_VMCR_EL2    S3_4_C12_C11_7

/* Names above are macros: expand them before they become part of the instruction. */
#define READ_ICC(name)       READ_SYSREG(name)
#define WRITE_ICC(val, name) WRITE_SYSREG(val, name)

#define ICC_SRE_ALL      0x7 /* SRE, no bypass of FIQ and IRQ */
#define ICC_CTLR_EOIMODE BIT64(1)

/* ICH_LR<n>_EL2, by number. */
#define FOR_EACH_LR(F)    \
    F(0, S3_4_C12_C12_0)  \
    F(1, S3_4_C12_C12_1)  \
    F(2, S3_4_C12_C12_2)  \
    F(3, S3_4_C12_C12_3)  \
    F(4, S3_4_C12_C12_4)  \
    F(5, S3_4_C12_C12_5)  \
    F(6, S3_4_C12_C12_6)  \
    F(7, S3_4_C12_C12_7)  \
    F(8, S3_4_C12_C13_0)  \
    F(9, S3_4_C12_C13_1)  \
    F(10, S3_4_C12_C13_2) \
    F(11, S3_4_C12_C13_3) \
    F(12, S3_4_C12_C13_4) \
    F(13, S3_4_C12_C13_5) \
    F(14, S3_4_C12_C13_6) \
    F(15, S3_4_C12_C13_7)

/* Set by the probe. */
static volatile void *dist;
static volatile void *rdist[CONFIG_NR_CPUS]; /* first frame of each CPU's */

static volatile void *sgi_frame(unsigned int cpu)
{
    return (volatile char *)rdist[cpu] + GICR_SGI;
}

/* The block with the registers of an interrupt, seen from this CPU. */
static volatile void *frame_of(unsigned int irq)
{
    return irq < GIC_FIRST_SPI ? sgi_frame(smp_processor_id()) : dist;
}

/* The architecture bounds the wait only by "finite": a broken one must not hang the machine. */
static void wait_clear(volatile void *base, uint32_t offset, uint32_t bits)
{
    for (unsigned int i = 0; i < 1000000; i++)
        if ((gic_read32(base, offset) & bits) == 0)
            return;
    printk("gic: register %x does not settle\n", offset);
}

static void v3_init_cpu(void)
{
    unsigned int cpu = smp_processor_id();
    volatile void *rd = rdist[cpu];

    if (rd == NULL) {
        printk("gic: CPU %u has no redistributor\n", cpu);
        return;
    }
    gic_write32(rd, GICR_WAKER, gic_read32(rd, GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
    wait_clear(rd, GICR_WAKER, WAKER_CHILDREN_SLEEP);
    gic_quiesce(sgi_frame(cpu), 0, 32);
    gic_write32(sgi_frame(cpu), GICD_IGROUPR, ~UINT32_C(0));
    wait_clear(rd, GICR_CTLR, GICR_CTLR_RWP);

    WRITE_ICC(ICC_SRE_ALL, ICC_SRE_EL2);
    isb();
    WRITE_ICC(ICC_SRE_ALL, ICC_SRE_EL1);
    isb(); /* the system registers exist from here on */
    WRITE_ICC(0xff, ICC_PMR_EL1);
    WRITE_ICC(0, ICC_BPR1_EL1);
    WRITE_ICC(ICC_CTLR_EOIMODE, ICC_CTLR_EL1);
    WRITE_ICC(0, ICH_HCR_EL2);
    for (unsigned int n = 0; n < gic_host.nr_lrs; n++)
        gic_host.ops->write_lr(n, 0);
    WRITE_ICC(1, ICC_IGRPEN1_EL1);
    isb();
}

static void v3_send_sgi(unsigned int cpu, unsigned int sgi)
{
    uint64_t mpidr = cpu_mpidr[cpu];
    uint64_t val = (uint64_t)sgi << 24;

    val |= ((mpidr >> 32) & 0xff) << 48;             /* Aff3 */
    val |= ((mpidr >> 16) & 0xff) << 32;             /* Aff2 */
    val |= ((mpidr >> 8) & 0xff) << 16;              /* Aff1 */
    val |= (mpidr & 0xf0) << 40 | BIT64(mpidr & 15); /* Aff0: range and bit */
    /* What the receiver will look at is visible before the interrupt is. */
    dsb_ishst();
    WRITE_ICC(val, ICC_SGI1R_EL1);
    isb();
}

static void v3_enable(unsigned int irq)
{
    gic_write_bit(frame_of(irq), GICD_ISENABLER, irq);
}

static void v3_disable(unsigned int irq)
{
    gic_write_bit(frame_of(irq), GICD_ICENABLER, irq);
    if (irq < GIC_FIRST_SPI)
        wait_clear(rdist[smp_processor_id()], GICR_CTLR, GICR_CTLR_RWP);
    else
        wait_clear(dist, GICD_CTLR, CTLR_RWP);
}

static void v3_set_type(unsigned int irq, unsigned int type)
{
    gic_set_cfg(frame_of(irq), irq, type);
}

static void v3_route(unsigned int irq, unsigned int cpu)
{
    *(volatile uint64_t *)((volatile char *)dist + GICD_IROUTER + irq * 8) = cpu_mpidr[cpu];
}

static void v3_set_active(unsigned int irq, bool active)
{
    gic_write_bit(frame_of(irq), active ? GICD_ISACTIVER : GICD_ICACTIVER, irq);
}

static unsigned int v3_ack(void)
{
    return (unsigned int)READ_ICC(ICC_IAR1_EL1) & 0xffffff;
}

static void v3_drop(unsigned int iar)
{
    WRITE_ICC(iar, ICC_EOIR1_EL1);
}

static void v3_deactivate(unsigned int iar)
{
    WRITE_ICC(iar, ICC_DIR_EL1);
}

#define READ_CASE(n, reg) \
    case n:               \
        return READ_SYSREG(reg);

static uint64_t v3_read_lr(unsigned int lr)
{
    switch (lr) {
        FOR_EACH_LR(READ_CASE)
    default:
        return 0;
    }
}

#define WRITE_CASE(n, reg)      \
    case n:                     \
        WRITE_SYSREG(val, reg); \
        return;

static void v3_write_lr(unsigned int lr, uint64_t val)
{
    switch (lr) {
        FOR_EACH_LR(WRITE_CASE)
    default:
        return;
    }
}

static void v3_write_hcr(uint32_t hcr)
{
    WRITE_ICC(hcr, ICH_HCR_EL2);
}

static uint64_t v3_read_vmcr(void)
{
    return READ_ICC(ICH_VMCR_EL2);
}

static void v3_write_vmcr(uint64_t vmcr)
{
    WRITE_ICC(vmcr, ICH_VMCR_EL2);
}

static void v3_read_apr(uint32_t apr[8])
{
    apr[0] = (uint32_t)READ_SYSREG(S3_4_C12_C8_0);
    apr[4] = (uint32_t)READ_SYSREG(S3_4_C12_C9_0);
    if (gic_host.nr_aprs < 2)
        return;
    apr[1] = (uint32_t)READ_SYSREG(S3_4_C12_C8_1);
    apr[5] = (uint32_t)READ_SYSREG(S3_4_C12_C9_1);
    if (gic_host.nr_aprs < 4)
        return;
    apr[2] = (uint32_t)READ_SYSREG(S3_4_C12_C8_2);
    apr[3] = (uint32_t)READ_SYSREG(S3_4_C12_C8_3);
    apr[6] = (uint32_t)READ_SYSREG(S3_4_C12_C9_2);
    apr[7] = (uint32_t)READ_SYSREG(S3_4_C12_C9_3);
}

static void v3_write_apr(const uint32_t apr[8])
{
    WRITE_SYSREG(apr[0], S3_4_C12_C8_0);
    WRITE_SYSREG(apr[4], S3_4_C12_C9_0);
    if (gic_host.nr_aprs < 2)
        return;
    WRITE_SYSREG(apr[1], S3_4_C12_C8_1);
    WRITE_SYSREG(apr[5], S3_4_C12_C9_1);
    if (gic_host.nr_aprs < 4)
        return;
    WRITE_SYSREG(apr[2], S3_4_C12_C8_2);
    WRITE_SYSREG(apr[3], S3_4_C12_C8_3);
    WRITE_SYSREG(apr[6], S3_4_C12_C9_2);
    WRITE_SYSREG(apr[7], S3_4_C12_C9_3);
}

static const struct gic_ops v3_ops = {
    .version = 3,
    .init_cpu = v3_init_cpu,
    .send_sgi = v3_send_sgi,
    .enable = v3_enable,
    .disable = v3_disable,
    .set_type = v3_set_type,
    .route = v3_route,
    .set_active = v3_set_active,
    .ack = v3_ack,
    .drop = v3_drop,
    .deactivate = v3_deactivate,
    .read_lr = v3_read_lr,
    .write_lr = v3_write_lr,
    .write_hcr = v3_write_hcr,
    .read_vmcr = v3_read_vmcr,
    .write_vmcr = v3_write_vmcr,
    .read_apr = v3_read_apr,
    .write_apr = v3_write_apr,
};

static void __init dist_init(struct gic_host *host)
{
    unsigned int nr = MIN(((gic_read32(dist, GICD_TYPER) & 0x1f) + 1) * 32, GIC_MAX_IRQS);

    host->nr_irqs = nr;
    gic_write32(dist, GICD_CTLR, 0);
    wait_clear(dist, GICD_CTLR, CTLR_RWP);
    gic_quiesce(dist, 32, nr);
    for (unsigned int irq = 32; irq < nr; irq += 32)
        gic_write32(dist, GICD_IGROUPR + irq / 8, ~UINT32_C(0));
    gic_write32(dist, GICD_CTLR, CTLR_ARE | CTLR_ENABLE_G1 | CTLR_ENABLE_G1A);
    wait_clear(dist, GICD_CTLR, CTLR_RWP);
    for (unsigned int irq = 32; irq < nr; irq++)
        v3_route(irq, 0);
}

/* GICR_TYPER names a CPU by Aff3.Aff2.Aff1.Aff0 in its upper half. */
static void __init claim_rdist(volatile void *rd)
{
    uint32_t affinity = gic_read32(rd, GICR_TYPER + 4);
    uint64_t mpidr = (affinity & 0xffffff) | (uint64_t)(affinity >> 24) << 32;

    for (unsigned int cpu = 0; cpu < CONFIG_NR_CPUS; cpu++)
        if (cpu_mpidr[cpu] == mpidr)
            rdist[cpu] = rd;
}

/* Map the redistributors of one region one by one, up to the one that says that it is the last. */
static int __init scan_region(uint64_t base, uint64_t size, uint64_t stride)
{
    uint64_t step;

    for (uint64_t at = 0; at + FRAME_SIZE <= size; at += step) {
        volatile void *rd = arch_ioremap(paddr(base + at), FRAME_SIZE);
        uint32_t typer;

        if (rd == NULL)
            return -ENOMEM;
        claim_rdist(rd);
        typer = gic_read32(rd, GICR_TYPER);
        if (typer & GICR_TYPER_LAST)
            return 0;
        step = typer & GICR_TYPER_VLPIS ? FRAME_SIZE_V4 : FRAME_SIZE;
        step = MAX(step, stride);
    }
    return 0;
}

static int __init scan_regions(const struct fdt *fdt, int node)
{
    uint32_t regions = 1;
    uint64_t stride = 0, base, size;

    fdt_prop_u32(fdt, node, "#redistributor-regions", &regions);
    fdt_prop_u64(fdt, node, "redistributor-stride", &stride);
    if (regions == 0 || regions > MAX_REGIONS)
        return -EINVAL;
    for (unsigned int i = 0; i < regions; i++) {
        int rc = fdt_get_reg_root(fdt, node, 1 + i, &base, &size);

        if (rc == 0)
            rc = scan_region(base, size, stride);
        if (rc != 0)
            return rc;
    }
    return rdist[0] != NULL ? 0 : -ENODEV;
}

static int __init v3_probe(const struct fdt *fdt, int node)
{
    struct gic_host host = {.ops = &v3_ops};
    int rc;

    if (fdt_get_reg_root(fdt, node, 0, &host.dist_base, &host.dist_size) != 0 ||
        fdt_get_reg_root(fdt, node, 1, &host.cpu_base, &host.cpu_size) != 0) {
        printk("gic: bad \"reg\"\n");
        return -EINVAL;
    }
    dist = arch_ioremap(paddr(host.dist_base), 0x10000);
    if (dist == NULL)
        return -ENOMEM;
    rc = scan_regions(fdt, node);
    if (rc != 0) {
        printk("gic: no redistributor for the boot CPU (%d)\n", rc);
        return rc;
    }
    WRITE_ICC(ICC_SRE_ALL, ICC_SRE_EL2);
    isb(); /* ICH_VTR_EL2 may not exist before */
    gic_parse_vtr(&host, (uint32_t)READ_ICC(ICH_VTR_EL2));
    dist_init(&host);
    return gic_register(fdt, node, &host);
}

static const char *const v3_compatible[] = {"arm,gic-v3", NULL};
DEVICE_DRIVER(gicv3, DEVICE_INTERRUPT_CONTROLLER, v3_compatible, v3_probe);
