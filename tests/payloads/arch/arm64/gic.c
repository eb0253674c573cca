/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's interrupt controller, GICv2 (IHI 0048) or GICv3 (IHI 0069), and the dispatch of
 * interrupts to handlers.
 */
#include "payload.h"
#include "tree.h"

#define GICD_CTLR       0x000
#define GICD_TYPER      0x004
#define GICD_IGROUPR    0x080
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_ISPENDR    0x200
#define GICD_ICPENDR    0x280
#define GICD_ISACTIVER  0x300
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800
#define GICD_ICFGR      0xc00
#define GICD_SGIR       0xf00
#define GICD_IROUTER    0x6000

#define GICC_CTLR 0x00
#define GICC_PMR  0x04
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10
#define GICC_RPR  0x14

#define GICR_WAKER 0x0014
#define GICR_TYPER 0x0008
#define GICR_SGI   0x10000
#define GICR_STEP  0x20000

#define ICC_PMR   "s3_0_c4_c6_0"
#define ICC_IAR1  "s3_0_c12_c12_0"
#define ICC_EOIR1 "s3_0_c12_c12_1"
#define ICC_RPR   "s3_0_c12_c11_3"
#define ICC_SGI1R "s3_0_c12_c11_5"
#define ICC_SRE   "s3_0_c12_c12_5"
#define ICC_GRPE1 "s3_0_c12_c12_7"

#define DEFAULT_PRIORITY 0xa0

struct gic gic;
static struct {
    irq_handler_t fn;
    void *ctx;
} handlers[NR_IRQS];
static uintptr_t redist[MAX_CPUS];

/* Where the registers of an interrupt are: the distributor, or this vCPU's redistributor. */
static uintptr_t bank(unsigned int irq)
{
    if (gic.version == 3 && irq < 32)
        return redist[this_cpu()->index] + GICR_SGI;
    return gic.dist;
}

static uint32_t bit_read(unsigned int reg, unsigned int irq)
{
    return mmio_read32(bank(irq) + reg + irq / 32 * 4) >> (irq % 32) & 1;
}

static void bit_write(unsigned int reg, unsigned int irq)
{
    mmio_write32(bank(irq) + reg + irq / 32 * 4, 1u << (irq % 32));
}

void irq_enable(unsigned int irq)
{
    bit_write(GICD_ISENABLER, irq);
}

void irq_disable(unsigned int irq)
{
    bit_write(GICD_ICENABLER, irq);
}

void irq_set_priority(unsigned int irq, uint8_t priority)
{
    mmio_write8(bank(irq) + GICD_IPRIORITYR + irq, priority);
}

uint8_t irq_get_priority(unsigned int irq)
{
    return mmio_read8(bank(irq) + GICD_IPRIORITYR + irq);
}

void irq_set_edge(unsigned int irq, bool edge)
{
    uintptr_t reg = bank(irq) + GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = 2u << (irq % 16 * 2);
    uint32_t v = mmio_read32(reg);

    mmio_write32(reg, edge ? v | bit : v & ~bit);
}

void irq_set_target(unsigned int irq, unsigned int cpu)
{
    if (gic.version == 3)
        mmio_write64(gic.dist + GICD_IROUTER + irq * 8ul, cpus[cpu].arch.mpidr & 0xff00ffffff);
    else
        mmio_write8(gic.dist + GICD_ITARGETSR + irq, (uint8_t)(1u << cpu));
}

void irq_set_pending(unsigned int irq)
{
    bit_write(GICD_ISPENDR, irq);
}

void irq_clear_pending(unsigned int irq)
{
    bit_write(GICD_ICPENDR, irq);
}

bool irq_is_pending(unsigned int irq)
{
    return bit_read(GICD_ISPENDR, irq) != 0;
}

bool irq_is_active(unsigned int irq)
{
    return bit_read(GICD_ISACTIVER, irq) != 0;
}

void sgi_send(unsigned int sgi, unsigned int cpu)
{
    uint64_t aff = cpus[cpu].arch.mpidr;

    mb(); /* what the interrupt announces before it */
    if (gic.version == 2)
        mmio_write32(gic.dist + GICD_SGIR, 1u << (16 + cpu) | sgi);
    else
        SYSREG_WRITE(ICC_SGI1R, (aff >> 8 & 0xff) << 16 | (aff >> 16 & 0xff) << 32 |
                                    (uint64_t)sgi << 24 | UINT64_C(1) << (aff & 0xf));
    isb();
}

void gic_set_mask(uint8_t priority)
{
    if (gic.version == 2)
        mmio_write32(gic.cpu_or_redist + GICC_PMR, priority);
    else
        SYSREG_WRITE(ICC_PMR, priority);
    isb();
}

uint8_t gic_running_priority(void)
{
    return (uint8_t)(gic.version == 2 ? mmio_read32(gic.cpu_or_redist + GICC_RPR)
                                      : SYSREG_READ(ICC_RPR));
}

/* The whole acknowledge register: on GICv2 the sender of an SGI is in its upper bits. */
static uint32_t ack_raw(void)
{
    uint32_t v;

    if (gic.version == 2)
        return mmio_read32(gic.cpu_or_redist + GICC_IAR);
    v = (uint32_t)SYSREG_READ(ICC_IAR1);
    mb();
    return v;
}

static void eoi_raw(uint32_t iar)
{
    if (gic.version == 2)
        mmio_write32(gic.cpu_or_redist + GICC_EOIR, iar);
    else
        SYSREG_WRITE(ICC_EOIR1, iar);
    isb();
}

static uint32_t last_iar[MAX_CPUS];

unsigned int gic_ack(void)
{
    uint32_t iar = ack_raw();

    last_iar[this_cpu()->index] = iar;
    return gic.version == 2 ? iar & 0x3ff : iar & 0xffffff;
}

void gic_eoi(unsigned int irq)
{
    uint32_t iar = last_iar[this_cpu()->index];

    eoi_raw(gic.version == 2 && (iar & 0x3ff) == irq ? iar : irq);
}

void trap_irq(struct trap_frame *f)
{
    uint32_t iar = ack_raw();
    unsigned int irq = gic.version == 2 ? iar & 0x3ff : iar & 0xffffff;

    (void)f;
    if (irq >= NR_IRQS)
        return;
    if (handlers[irq].fn != NULL)
        handlers[irq].fn(irq, handlers[irq].ctx);
    else
        irq_disable(irq);
    eoi_raw(iar);
}

void irq_set_handler(unsigned int irq, irq_handler_t fn, void *ctx)
{
    handlers[irq].ctx = ctx;
    handlers[irq].fn = fn;
}

static void find_redist(struct cpu *c)
{
    uint64_t aff = SYSREG_READ("mpidr_el1");
    uint32_t want = (uint32_t)(aff & 0xffffff) | (uint32_t)(aff >> 32 & 0xff) << 24;
    uintptr_t r = gic.cpu_or_redist;

    for (;; r += GICR_STEP) {
        uint64_t typer = mmio_read64(r + GICR_TYPER);

        if (typer >> 32 == want)
            break;
        if ((typer & 0x10) != 0 || r - gic.cpu_or_redist >= gic.redist_size - GICR_STEP)
            die("vCPU %u has no redistributor", c->index);
    }
    redist[c->index] = r;
}

void gic_cpu_init(void)
{
    struct cpu *c = this_cpu();

    if (gic.version == 0)
        return;
    if (gic.version == 3) {
        SYSREG_WRITE(ICC_SRE, SYSREG_READ(ICC_SRE) | 1);
        isb();
        find_redist(c);
        mmio_write32(redist[c->index] + GICR_WAKER, 0);
        mmio_write32(redist[c->index] + GICR_SGI + GICD_IGROUPR, 0xffffffff);
    }
    for (unsigned int i = 0; i < 32; i++)
        irq_set_priority(i, DEFAULT_PRIORITY);
    mmio_write32(bank(0) + GICD_ICENABLER, 0xffff0000);
    mmio_write32(bank(0) + GICD_ISENABLER, 0x0000ffff);
    gic_set_mask(0xff);
    if (gic.version == 3)
        SYSREG_WRITE(ICC_GRPE1, 1);
    else
        mmio_write32(gic.cpu_or_redist + GICC_CTLR, 1);
    isb();
}

static void find_gic(void)
{
    int node = fdt_find_compatible(&fdt, -1, "arm,gic-v3");
    uint64_t size;

    gic.version = 3;
    if (node < 0) {
        gic.version = 2;
        node = fdt_find_compatible(&fdt, -1, "arm,gic-400");
    }
    if (node < 0)
        node = fdt_find_compatible(&fdt, -1, "arm,cortex-a15-gic");
    if (node < 0 || fdt_get_reg(&fdt, node, 0, &gic.dist, &size) != 0 ||
        fdt_get_reg(&fdt, node, 1, &gic.cpu_or_redist, &gic.redist_size) != 0)
        gic.version = 0;
}

void gic_init(void)
{
    find_gic();
    if (gic.version == 0)
        return;
    gic.lines = 32 * ((mmio_read32(gic.dist + GICD_TYPER) & 0x1f) + 1);
    if (gic.lines > NR_IRQS)
        gic.lines = NR_IRQS;
    mmio_write32(gic.dist + GICD_CTLR, gic.version == 3 ? 0x12 : 1); /* ARE, group 1 */
    for (unsigned int i = 32; i < gic.lines; i += 32)
        if (gic.version == 3)
            mmio_write32(gic.dist + GICD_IGROUPR + i / 8, 0xffffffff);
    for (unsigned int i = 32; i < gic.lines; i++) {
        irq_set_priority(i, DEFAULT_PRIORITY);
        irq_set_target(i, 0);
    }
    gic_cpu_init();
}
