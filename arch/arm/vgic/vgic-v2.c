/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv2 (IHI 0048B) as a guest sees it: the distributor is emulated here, the CPU interface is the
 * hardware's virtual one (GICV), mapped where the guest expects GICC.
 */
#include "vgic_priv.h"
#include <wherry/lib/errno.h>

#include <public/arch-arm.h>

#define GICD_CTLR       0x000
#define GICD_TYPER      0x004
#define GICD_IIDR       0x008
#define GICD_IGROUPR    0x080
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800
#define GICD_ICFGR      0xc00
#define GICD_SGIR       0xf00
#define GICD_CPENDSGIR  0xf10
#define GICD_SPENDSGIR  0xf20
#define GICD_ID         0xfd0
#define GICD_SIZE       0x1000

#define V2_MAX_VCPUS 8

/* Blocks of one bit, two bits and eight bits an interrupt. */
#define IS_BITS(offset)     ((offset) >= GICD_IGROUPR && (offset) < GICD_IPRIORITYR)
#define IS_PRIORITY(offset) ((offset) >= GICD_IPRIORITYR && (offset) < GICD_ITARGETSR)
#define IS_TARGETS(offset)  ((offset) >= GICD_ITARGETSR && (offset) < GICD_ICFGR)
#define IS_CFG(offset)      ((offset) >= GICD_ICFGR && (offset) < 0xd00)
#define IS_SGI_PEND(offset) ((offset) >= GICD_CPENDSGIR && (offset) < 0xf30)

/* --- targets --- */

static uint32_t targets_read(struct vcpu *v, unsigned int irq, unsigned int size)
{
    uint32_t val = 0;

    for (unsigned int i = 0; i < size; i++) {
        uint32_t targets =
            irq + i < VGIC_NR_PRIVATE ? 1u << v->id : vgic_spi(vgic_of(v), irq + i)->targets;

        val |= targets << (8 * i);
    }
    return val;
}

/* Of several targets the lowest takes it, always: the architecture leaves the choice open. */
static void targets_write(struct vcpu *v, unsigned int irq, unsigned int size, uint32_t val)
{
    uint32_t exist = (1u << v->domain->max_vcpus) - 1;

    if (irq < VGIC_NR_PRIVATE)
        return;
    spin_lock(&vgic_of(v)->lock);
    for (unsigned int i = 0; i < size; i++) {
        uint32_t targets = (val >> (8 * i)) & 0xff & exist;

        vgic_spi(vgic_of(v), irq + i)->targets = (uint8_t)targets;
        vgic_set_route(v->domain, irq + i, targets != 0 ? (uint8_t)ctz64(targets) : VGIC_NO_VCPU);
    }
    spin_unlock(&vgic_of(v)->lock);
}

/* --- SGIs --- */

static void sgir_write(struct vcpu *v, uint32_t val)
{
    uint32_t exist = (1u << v->domain->max_vcpus) - 1;
    uint32_t targets;

    switch ((val >> 24) & 3) {
    case 0:
        targets = (val >> 16) & 0xff & exist;
        break;
    case 1:
        targets = exist & ~(1u << v->id);
        break;
    case 2:
        targets = 1u << v->id;
        break;
    default:
        return;
    }
    for (; targets != 0; targets &= targets - 1) {
        struct vcpu *target = domain_vcpu(v->domain, ctz64(targets));

        if (target != NULL)
            vgic_send_sgi(target, val & 15, v->id);
    }
}

/* Senders of the pending SGIs in a word, with those that a list register already has. */
static uint32_t sgi_pend_read(struct vcpu *v, unsigned int word)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    uint32_t val = atomic32_read(&vv->sgi_source[word]);

    vgic_sync(v);
    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1) {
        unsigned int n = ctz64(todo);
        unsigned int sgi = vv->lr_irq[n];
        uint64_t lr = sgi / 4 == word ? gic_host.ops->read_lr(n) : 0;

        if (lr & LR_PENDING)
            val |= UINT32_C(1) << (sgi % 4 * 8 + LR_SOURCE(lr));
    }
    return val;
}

static void sgi_pend_set(struct vcpu *v, unsigned int word, uint32_t val)
{
    uint32_t exist = ((1u << v->domain->max_vcpus) - 1) * UINT32_C(0x01010101);

    val &= exist & ~sgi_pend_read(v, word);
    atomic32_fetch_or(&v->arch.vgic.sgi_source[word], val);
    for (unsigned int i = 0; i < 4; i++)
        if ((val >> (8 * i)) & 0xff)
            vgic_inject_edge(v->domain, v, word * 4 + i);
}

static void sgi_pend_clear(struct vcpu *v, unsigned int word, uint32_t val)
{
    struct vgic_vcpu *vv = &v->arch.vgic;

    vgic_sync(v);
    atomic32_fetch_and(&vv->sgi_source[word], ~val);
    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1) {
        unsigned int n = ctz64(todo);
        unsigned int sgi = vv->lr_irq[n];
        uint64_t lr = sgi / 4 == word ? gic_host.ops->read_lr(n) : 0;

        if ((lr & LR_PENDING) && ((val >> (sgi % 4 * 8 + LR_SOURCE(lr))) & 1)) {
            bits_clear(&vv->bank.lr_latch, UINT32_C(1) << sgi);
            vgic_notify(v, 0, false);
        }
    }
    for (unsigned int i = 0; i < 4; i++)
        if (((atomic32_read(&vv->sgi_source[word]) >> (8 * i)) & 0xff) == 0)
            bits_clear(&vv->bank.latch, UINT32_C(1) << (word * 4 + i));
}

/* --- the distributor --- */

static noinline uint32_t dist_read(struct vcpu *v, uint32_t offset, unsigned int size)
{
    const struct vgic_domain *g = vgic_of(v);
    unsigned int index = offset & 0x7f; /* within a block of one-bit registers */

    if (IS_BITS(offset))
        return index / 4 < g->nr_irqs / 32 ? vgic_bits_read(v, index / 4, offset / 0x80) : 0;
    if (IS_PRIORITY(offset)) {
        index = offset - GICD_IPRIORITYR;
        return index < g->nr_irqs ? vgic_priority_read(v, index, size) : 0;
    }
    if (IS_TARGETS(offset)) {
        index = offset - GICD_ITARGETSR;
        return index < g->nr_irqs ? targets_read(v, index, size) : 0;
    }
    if (IS_CFG(offset)) {
        index = (offset - GICD_ICFGR) / 4;
        return index < g->nr_irqs / 16 ? vgic_cfg_read(v, index) : 0;
    }
    if (IS_SGI_PEND(offset))
        return sgi_pend_read(v, (offset & 15) / 4) >> (size == 1 ? (offset & 3) * 8 : 0);
    switch (offset) {
    case GICD_CTLR:
        return atomic32_read(&g->groups);
    case GICD_TYPER:
        return (g->nr_irqs / 32 - 1) | ((v->domain->max_vcpus - 1) << 5);
    case GICD_IIDR:
        return VGIC_IIDR;
    default:
        return offset >= GICD_ID ? vgic_id_reg(2, offset) : 0;
    }
}

/* SGIs are made pending by their own registers only. */
static uint32_t writable_bits(unsigned int w, enum vgic_bits reg, uint32_t val)
{
    if (w == 0 && (reg == VGIC_ISPENDR || reg == VGIC_ICPENDR))
        val &= ~UINT32_C(0xffff);
    if (w == 0 && (reg == VGIC_ICENABLER))
        val &= ~UINT32_C(0xffff); /* SGIs are always enabled: IHI 0048B 4.3.5 leaves the choice */
    return val;
}

static void dist_write(struct vcpu *v, uint32_t offset, unsigned int size, uint32_t val)
{
    const struct vgic_domain *g = vgic_of(v);
    unsigned int index = offset & 0x7f;

    if (IS_BITS(offset)) {
        if (index / 4 < g->nr_irqs / 32)
            vgic_bits_write(v, index / 4, offset / 0x80,
                            writable_bits(index / 4, offset / 0x80, val));
    } else if (IS_PRIORITY(offset)) {
        index = offset - GICD_IPRIORITYR;
        if (index < g->nr_irqs)
            vgic_priority_write(v, index, size, val);
    } else if (IS_TARGETS(offset)) {
        index = offset - GICD_ITARGETSR;
        if (index < g->nr_irqs)
            targets_write(v, index, size, val);
    } else if (IS_CFG(offset)) {
        index = (offset - GICD_ICFGR) / 4;
        if (index < g->nr_irqs / 16)
            vgic_cfg_write(v, index, val);
    } else if (IS_SGI_PEND(offset)) {
        val <<= size == 1 ? (offset & 3) * 8 : 0;
        if (offset < GICD_SPENDSGIR)
            sgi_pend_clear(v, (offset & 15) / 4, val);
        else
            sgi_pend_set(v, (offset & 15) / 4, val);
    } else if (offset == GICD_CTLR) {
        vgic_set_groups(v->domain, val & 3);
    }
}

/* Words everywhere, bytes where a register is an array of bytes (4.1.4). */
static bool size_allowed(uint32_t offset, unsigned int size)
{
    if (offset & (size - 1))
        return false;
    if (size == 4)
        return true;
    return size == 1 && (IS_PRIORITY(offset) || IS_TARGETS(offset) || IS_SGI_PEND(offset));
}

static noinline bool dist_access_slow(struct vcpu *v, struct mmio_access *a, uint32_t offset)
{
    if (unlikely(!size_allowed(offset, a->size)))
        return false;
    if (offset >= GICD_SIZE) {
        a->data = 0; /* the rest of a block that is larger on the host */
    } else if (a->read) {
        a->data = dist_read(v, offset, a->size);
        if (a->size == 1)
            a->data &= 0xff;
    } else if (offset == GICD_SGIR) {
        sgir_write(v, (uint32_t)a->data);
    } else {
        dist_write(v, offset, a->size, (uint32_t)a->data);
    }
    return true;
}

static bool dist_access(struct vcpu *v, struct mmio_access *a, void *opaque)
{
    const struct vgic_domain *g = opaque;
    uint32_t offset = (uint32_t)(a->addr.v - g->dist_base);

    if (likely(a->read && a->size == 4 && (offset & 3) == 0 && offset < GICD_SIZE)) {
        a->data = dist_read(v, offset, 4);
        return true;
    }
    return dist_access_slow(v, a, offset);
}

/* --- set-up --- */

/* The CPU interface's two pages; on the host they may be 64 KiB apart, for the guest they are not.
 */
static int map_gicv(struct domain *d)
{
    struct vgic_domain *g = &d->arch.vgic;
    paddr_t page1 = paddr(gic_host.vcpu_base);
    paddr_t page2 = paddr(gic_host.vcpu_base + gic_host.vcpu_page2);
    gfn_t at = gpaddr_to_gfn(gpaddr(g->cpu_base));
    int rc;

    if (d->arch.config.direct_map) /* as on the host, with its distance */
        return p2m_map(d, at, MIN(gic_host.cpu_size, gic_host.vcpu_size) >> PAGE_SHIFT,
                       paddr_to_mfn(page1), P2M_MMIO_DIRECT_DEV);
    rc = p2m_map(d, at, 1, paddr_to_mfn(page1), P2M_MMIO_DIRECT_DEV);
    if (rc == 0)
        rc = p2m_map(d, gfn_add(at, 1), 1, paddr_to_mfn(page2), P2M_MMIO_DIRECT_DEV);
    return rc;
}

int vgic_v2_init(struct domain *d)
{
    struct vgic_domain *g = &d->arch.vgic;
    int rc;

    if (d->max_vcpus > V2_MAX_VCPUS)
        return -EINVAL;
    g->dist_base = d->arch.config.direct_map ? gic_host.dist_base : GUEST_GICD_BASE;
    g->dist_size = d->arch.config.direct_map ? gic_host.dist_size : GUEST_GICD_SIZE;
    g->cpu_base = d->arch.config.direct_map ? gic_host.cpu_base : GUEST_GICC_BASE;
    g->cpu_size = d->arch.config.direct_map ? gic_host.cpu_size : GUEST_GICC_SIZE;
    for (unsigned int irq = VGIC_NR_PRIVATE; irq < g->nr_irqs; irq++)
        vgic_spi(g, irq)->targets = 1;
    rc = mmio_register(d, gpaddr(g->dist_base), g->dist_size, dist_access, g);
    return rc != 0 ? rc : map_gicv(d);
}
