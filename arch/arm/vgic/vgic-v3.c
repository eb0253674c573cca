/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 (IHI 0069) as a guest sees it: distributor and redistributors are emulated here, the CPU
 * interface is the hardware's virtual one, but for sending SGIs. Affinity routing always on, one
 * security state, no LPIs.
 */
#include "vgic_priv.h"
#include <asm/guest.h>
#include <wherry/lib/errno.h>

#include <public/arch-arm.h>

#define GICD_CTLR        0x0000
#define GICD_TYPER       0x0004
#define GICD_IIDR        0x0008
#define GICD_IGROUPR     0x0080
#define GICD_IPRIORITYR  0x0400
#define GICD_ITARGETSR   0x0800
#define GICD_ICFGR       0x0c00
#define GICD_IROUTER     0x6000
#define GICD_IROUTER32   0x6100
#define GICD_IROUTER_END 0x8000
#define GIC_ID           0xffd0

#define CTLR_ARE        BIT(4)
#define CTLR_DS         BIT(6)
#define TYPER_NO1N      BIT(25) /* no delivery to any one of several */
#define TYPER_IDBITS(n) (((n)-1u) << 19)

#define GICR_CTLR       0x0000
#define GICR_IIDR       0x0004
#define GICR_TYPER      0x0008
#define GICR_WAKER      0x0014
#define GICR_FRAME      0x10000
#define GICR_STRIDE     0x20000
#define GICR_TYPER_LAST BIT64(4)

/* Syndrome encodings (op0, op1, CRn, CRm, op2 in their places of the ISS). */
#define SYSREG(op0, op1, crn, crm, op2) \
    (((op0) << 20) | ((op2) << 17) | ((op1) << 14) | ((crn) << 10) | ((crm) << 1))
#define ICC_SGI1R  SYSREG(3u, 0u, 12u, 11u, 5u)
#define ICC_ASGI1R SYSREG(3u, 0u, 12u, 11u, 6u)
#define ICC_SGI0R  SYSREG(3u, 0u, 12u, 11u, 7u)
#define ICC_SRE    SYSREG(3u, 0u, 12u, 12u, 5u)

#define SGIR_IRM BIT64(40)

#define IS_BITS(offset)     ((offset) >= GICD_IGROUPR && (offset) < GICD_IPRIORITYR)
#define IS_PRIORITY(offset) ((offset) >= GICD_IPRIORITYR && (offset) < GICD_ITARGETSR)
#define IS_CFG(offset)      ((offset) >= GICD_ICFGR && (offset) < 0xd00)
#define IS_ROUTER(offset)   ((offset) >= GICD_IROUTER32 && (offset) < GICD_IROUTER_END)

/* The four affinity fields in 32 bits, as in GICR_TYPER, and as in MPIDR_EL1 and IROUTER. */
static uint32_t affinity_pack(uint64_t mpidr)
{
    return (uint32_t)(mpidr & 0xffffff) | (uint32_t)((mpidr >> 32) & 0xff) << 24;
}

static uint64_t affinity_unpack(uint32_t affinity)
{
    return (affinity & 0xffffff) | (uint64_t)(affinity >> 24) << 32;
}

/* --- SGIs --- */

/* A group 0 write reaches group 0 SGIs only; one for group 1 both, as there is one state. */
static void send_to(struct vcpu *v, unsigned int sgi, bool group1)
{
    if (!group1 && ((atomic32_read(&v->arch.vgic.bank.group1) >> sgi) & 1))
        return;
    vgic_send_sgi(v, sgi, 0);
}

static void sgi_write(struct vcpu *v, uint64_t val, bool group1)
{
    unsigned int sgi = (unsigned int)(val >> 24) & 15;
    uint64_t cluster = ((val >> 16) & 0xff) << 8 | ((val >> 32) & 0xff) << 16 |
                       ((val >> 48) & 0xff) << 32 | ((val >> 44) & 15) << 4;
    struct vcpu *target;
    unsigned int i;

    if (val & SGIR_IRM) {
        for_each_vcpu (v->domain, target, i)
            if (target != v)
                send_to(target, sgi, group1);
        return;
    }
    for (uint32_t list = val & 0xffff; list != 0; list &= list - 1) {
        unsigned int id = mpidr_to_vcpu_id(cluster | ctz64(list));

        target = domain_vcpu(v->domain, id);
        if (target != NULL)
            send_to(target, sgi, group1);
    }
}

bool vgic_sysreg(struct vcpu *v, uint32_t reg, uint64_t *val, bool read)
{
    if (vgic_of(v)->version != 3)
        return false;
    switch (reg) {
    case ICC_SGI1R:
    case ICC_SGI0R:
    case ICC_ASGI1R: /* the other security state's: there is none */
        if (read)
            return false;
        if (reg != ICC_ASGI1R)
            sgi_write(v, *val, reg == ICC_SGI1R);
        return true;
    case ICC_SRE: /* system registers, for good; bypass is not there */
        *val = 7;
        return true;
    default:
        return false;
    }
}

/* --- distributor --- */

static noinline uint32_t dist_read(struct vcpu *v, uint32_t offset, unsigned int size)
{
    const struct vgic_domain *g = vgic_of(v);
    unsigned int index;

    if (IS_BITS(offset)) {
        index = (offset & 0x7f) / 4;
        return index != 0 && index < g->nr_irqs / 32 ? vgic_bits_read(v, index, offset / 0x80) : 0;
    }
    if (IS_PRIORITY(offset)) {
        index = offset - GICD_IPRIORITYR;
        return index >= VGIC_NR_PRIVATE && index < g->nr_irqs ? vgic_priority_read(v, index, size)
                                                              : 0;
    }
    if (IS_CFG(offset)) {
        index = (offset - GICD_ICFGR) / 4;
        return index >= 2 && index < g->nr_irqs / 16 ? vgic_cfg_read(v, index) : 0;
    }
    switch (offset) {
    case GICD_CTLR:
        return atomic32_read(&g->groups) | CTLR_ARE | CTLR_DS;
    case GICD_TYPER:
        return (g->nr_irqs / 32 - 1) | TYPER_NO1N | TYPER_IDBITS(10);
    case GICD_IIDR:
        return VGIC_IIDR;
    default:
        return offset >= GIC_ID ? vgic_id_reg(3, offset) : 0;
    }
}

static void dist_write(struct vcpu *v, uint32_t offset, unsigned int size, uint32_t val)
{
    const struct vgic_domain *g = vgic_of(v);
    unsigned int index;

    if (IS_BITS(offset)) {
        index = (offset & 0x7f) / 4;
        if (index != 0 && index < g->nr_irqs / 32)
            vgic_bits_write(v, index, offset / 0x80, val);
    } else if (IS_PRIORITY(offset)) {
        index = offset - GICD_IPRIORITYR;
        if (index >= VGIC_NR_PRIVATE && index < g->nr_irqs)
            vgic_priority_write(v, index, size, val);
    } else if (IS_CFG(offset)) {
        index = (offset - GICD_ICFGR) / 4;
        if (index >= 2 && index < g->nr_irqs / 16)
            vgic_cfg_write(v, index, val);
    } else if (offset == GICD_CTLR) {
        vgic_set_groups(v->domain, val & 3);
    }
}

/* IROUTER<n>, whole or one half. */
static void router_access(struct vcpu *v, struct mmio_access *a, uint32_t offset)
{
    struct vgic_domain *g = vgic_of(v);
    unsigned int irq = (offset - GICD_IROUTER) / 8;
    unsigned int shift = (offset & 4) * 8;
    uint64_t mask = a->size == 8 ? UINT64_MAX : UINT64_C(0xffffffff) << shift;
    struct vgic_spi *spi;
    uint64_t mpidr;
    unsigned int id;

    if (a->read)
        a->data = 0;
    if (irq >= g->nr_irqs)
        return;
    spi = vgic_spi(g, irq);
    if (a->read) {
        a->data = (affinity_unpack(READ_ONCE(spi->affinity)) & mask) >> shift;
        return;
    }
    spin_lock(&g->lock);
    mpidr = affinity_unpack(spi->affinity);
    spi->affinity = affinity_pack((mpidr & ~mask) | ((a->data << shift) & mask));
    id = mpidr_to_vcpu_id(affinity_unpack(spi->affinity));
    vgic_set_route(v->domain, irq, id < v->domain->max_vcpus ? (uint8_t)id : VGIC_NO_VCPU);
    spin_unlock(&g->lock);
}

/* Words; bytes for priorities; double words for routers (12.1.3). */
static bool dist_size_allowed(uint32_t offset, unsigned int size)
{
    if (offset & (size - 1))
        return false;
    return size == 4 || (size == 1 && IS_PRIORITY(offset)) || (size == 8 && IS_ROUTER(offset));
}

static noinline bool dist_access_slow(struct vcpu *v, struct mmio_access *a, uint32_t offset)
{
    if (unlikely(!dist_size_allowed(offset, a->size)))
        return false;
    if (IS_ROUTER(offset))
        router_access(v, a, offset);
    else if (a->read)
        a->data = dist_read(v, offset, a->size);
    else
        dist_write(v, offset, a->size, (uint32_t)a->data);
    return true;
}

static bool dist_access(struct vcpu *v, struct mmio_access *a, void *opaque)
{
    const struct vgic_domain *g = opaque;
    uint32_t offset = (uint32_t)(a->addr.v - g->dist_base);

    if (likely(a->read && a->size == 4 && (offset & 3) == 0 && !IS_ROUTER(offset))) {
        a->data = dist_read(v, offset, 4);
        return true;
    }
    return dist_access_slow(v, a, offset);
}

/* --- redistributors --- */

static uint64_t rd_typer(const struct vcpu *v)
{
    uint64_t typer = (uint64_t)affinity_pack(vcpu_id_to_mpidr(v->id)) << 32 | (uint64_t)v->id << 8;

    return v->id + 1 == v->domain->max_vcpus ? typer | GICR_TYPER_LAST : typer;
}

/* First frame: control. All that can be written there belongs to LPIs and to power saving. */
static uint64_t rd_read(const struct vcpu *v, uint32_t offset)
{
    switch (offset) {
    case GICR_IIDR:
        return VGIC_IIDR;
    case GICR_TYPER:
        return rd_typer(v);
    case GICR_TYPER + 4:
        return rd_typer(v) >> 32;
    default: /* WAKER: awake */
        return offset >= GIC_ID ? vgic_id_reg(3, offset) : 0;
    }
}

/* Second frame: SGIs and PPIs. */
static uint32_t sgi_frame_read(struct vcpu *v, uint32_t offset, unsigned int size)
{
    if (IS_BITS(offset) && (offset & 0x7f) == 0)
        return vgic_bits_read(v, 0, offset / 0x80);
    if (offset >= GICD_IPRIORITYR && offset < GICD_IPRIORITYR + VGIC_NR_PRIVATE)
        return vgic_priority_read(v, offset - GICD_IPRIORITYR, size);
    if (offset == GICD_ICFGR || offset == GICD_ICFGR + 4)
        return vgic_cfg_read(v, (offset - GICD_ICFGR) / 4);
    return 0;
}

static void sgi_frame_write(struct vcpu *v, uint32_t offset, unsigned int size, uint32_t val)
{
    if (IS_BITS(offset) && (offset & 0x7f) == 0)
        vgic_bits_write(v, 0, offset / 0x80, val);
    else if (offset >= GICD_IPRIORITYR && offset < GICD_IPRIORITYR + VGIC_NR_PRIVATE)
        vgic_priority_write(v, offset - GICD_IPRIORITYR, size, val);
    else if (offset == GICD_ICFGR + 4)
        vgic_cfg_write(v, 1, val);
}

/* In the second frame bytes for priorities; in the first double words for what has 64 bits. */
static bool rdist_size_allowed(uint32_t offset, unsigned int size)
{
    if (offset & (size - 1))
        return false;
    if (size == 4)
        return true;
    if (offset >= GICR_FRAME)
        return size == 1 && IS_PRIORITY(offset - GICR_FRAME);
    return size == 8 && (offset == GICR_TYPER || (offset >= 0x40 && offset < 0xc0));
}

static bool rdist_access(struct vcpu *v, struct mmio_access *a, void *opaque)
{
    struct vgic_domain *g = opaque;
    uint64_t where = a->addr.v - g->cpu_base;
    struct vcpu *target = domain_vcpu(v->domain, (unsigned int)(where / GICR_STRIDE));
    uint32_t offset = (uint32_t)(where % GICR_STRIDE);

    if (unlikely(target == NULL || !rdist_size_allowed(offset, a->size)))
        return false;
    if (offset < GICR_FRAME) {
        if (a->read)
            a->data = rd_read(target, offset);
    } else if (a->read) {
        a->data = sgi_frame_read(target, offset - GICR_FRAME, a->size);
    } else {
        sgi_frame_write(target, offset - GICR_FRAME, a->size, (uint32_t)a->data);
    }
    return true;
}

int vgic_v3_init(struct domain *d)
{
    struct vgic_domain *g = &d->arch.vgic;
    int rc;

    g->dist_base = d->arch.config.direct_map ? gic_host.dist_base : GUEST_GICV3_GICD_BASE;
    g->dist_size = GUEST_GICV3_GICD_SIZE;
    g->cpu_base = d->arch.config.direct_map ? gic_host.cpu_base : GUEST_GICV3_GICR0_BASE;
    g->cpu_size = (uint64_t)d->max_vcpus * GICR_STRIDE;
    if (d->arch.config.direct_map && g->cpu_size > gic_host.cpu_size)
        return -EINVAL;
    rc = mmio_register(d, gpaddr(g->dist_base), g->dist_size, dist_access, g);
    if (rc != 0)
        return rc;
    return mmio_register(d, gpaddr(g->cpu_base), g->cpu_size, rdist_access, g);
}
