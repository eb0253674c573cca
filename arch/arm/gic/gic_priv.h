/* SPDX-License-Identifier: Apache-2.0 */
/* Registers that gicv2.c and gicv3.c share, and access to them. */
#ifndef WHERRY_GIC_PRIV_H
#define WHERRY_GIC_PRIV_H

#include <asm/gic.h>

/* Distributor; in GICv3 the ones for private interrupts are in the redistributor's second frame. */
#define GICD_CTLR       0x000
#define GICD_TYPER      0x004
#define GICD_IGROUPR    0x080
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_ISPENDR    0x200
#define GICD_ICPENDR    0x280
#define GICD_ISACTIVER  0x300
#define GICD_ICACTIVER  0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800
#define GICD_ICFGR      0xc00
#define GICD_SGIR       0xf00

static inline uint32_t gic_read32(const volatile void *base, uint32_t offset)
{
    return *(const volatile uint32_t *)((const volatile char *)base + offset);
}

static inline void gic_write32(volatile void *base, uint32_t offset, uint32_t val)
{
    *(volatile uint32_t *)((volatile char *)base + offset) = val;
}

static inline void gic_write8(volatile void *base, uint32_t offset, uint8_t val)
{
    *(volatile uint8_t *)((volatile char *)base + offset) = val;
}

/* Write one interrupt's bit to a register with set or clear semantics. */
static inline void gic_write_bit(volatile void *base, uint32_t offset, unsigned int irq)
{
    gic_write32(base, offset + irq / 32 * 4, UINT32_C(1) << (irq % 32));
}

/* Edge or level; callers hold the lock of irq.c or the CPU is alone. */
void gic_set_cfg(volatile void *base, unsigned int irq, unsigned int type);

/* Reset state for interrupts [first, end): off, inactive, one priority. */
void gic_quiesce(volatile void *base, unsigned int first, unsigned int end);

/* Virtual interface: fields of ICH_VTR_EL2/GICH_VTR, which are the same. */
void gic_parse_vtr(struct gic_host *host, uint32_t vtr);

#endif
