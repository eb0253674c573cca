/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers that the distributor of GICv2 and GICv3 and the redistributor have in common: one bit,
 * two bits or a byte for each interrupt. vgic-v2.c and vgic-v3.c know where they are.
 *
 * Each write is an atomic change of a word, followed by the marks that it calls for. The domain's
 * vgic lock is for what has to agree with something else: a route with the targets as written, a
 * host interrupt's enable bit with the guest's.
 */
#include "vgic_priv.h"

uint32_t vgic_id_reg(unsigned int version, uint32_t offset)
{
    switch (offset & 0x3f) {
    case 0x10: /* PIDR4 */
        return 0x44;
    case 0x20: /* PIDR0 */
        return version == 2 ? 0x90 : 0x92;
    case 0x24:
        return 0xb4;
    case 0x28: /* PIDR2: architecture revision */
        return (version << 4) | 0xb;
    case 0x30: /* CIDR0 to 3 */
        return 0x0d;
    case 0x34:
        return 0xf0;
    case 0x38:
        return 0x05;
    case 0x3c:
        return 0xb1;
    default:
        return 0;
    }
}

/* --- one bit --- */

static uint32_t pending_read(struct vcpu *v, unsigned int w, const struct vgic_bank *b)
{
    if (w == 0 && v == current)
        vgic_sample_upcall(v);
    return bank_pending(b) | atomic32_read(&b->lr_pending);
}

uint32_t vgic_bits_read(struct vcpu *v, unsigned int w, enum vgic_bits reg)
{
    const struct vgic_bank *b = vgic_bank(v, w);

    if (reg >= VGIC_ISPENDR && current->arch.vgic.used != 0)
        vgic_sync(current);
    switch (reg) {
    case VGIC_IGROUPR:
        return atomic32_read(&b->group1);
    case VGIC_ISENABLER:
    case VGIC_ICENABLER:
        return atomic32_read(&b->enabled);
    case VGIC_ISPENDR:
    case VGIC_ICPENDR:
        return pending_read(v, w, b);
    default:
        return atomic32_read(&b->active);
    }
}

/* Shared interrupts with a host's behind them: its line is open while the guest's is. */
static noinline void hw_enable(struct vgic_domain *g, unsigned int w, uint32_t irqs)
{
    spin_lock(&g->lock);
    for (; irqs != 0; irqs &= irqs - 1) {
        unsigned int irq = w * 32 + ctz64(irqs);

        if ((atomic32_read(&g->bank[w - 1].enabled) >> (irq % 32)) & 1)
            gic_host.ops->enable(vgic_spi(g, irq)->host_irq);
        else
            gic_host.ops->disable(vgic_spi(g, irq)->host_irq);
    }
    spin_unlock(&g->lock);
}

static void enable_write(struct vcpu *v, unsigned int w, struct vgic_bank *b, uint32_t val)
{
    uint32_t fresh = val & ~atomic32_fetch_or(&b->enabled, val);

    if (w != 0 && (fresh & atomic32_read(&b->hw)))
        hw_enable(vgic_of(v), w, fresh & atomic32_read(&b->hw));
    if (w == 0)
        vgic_notify_targets(v->domain, v, 0, fresh); /* the upcall's line is sampled, not stored */
    else
        vgic_notify_targets(v->domain, v, w, fresh & (bank_pending(b) | atomic32_read(&b->active)));
}

static void disable_write(struct vcpu *v, unsigned int w, struct vgic_bank *b, uint32_t val)
{
    uint32_t gone = val & atomic32_fetch_and(&b->enabled, ~val);

    if (w != 0 && (gone & atomic32_read(&b->hw)))
        hw_enable(vgic_of(v), w, gone & atomic32_read(&b->hw));
    vgic_notify_owners(v->domain, v, w, gone & atomic32_read(&b->lr_pending));
}

static void pend_write(struct vcpu *v, unsigned int w, struct vgic_bank *b, uint32_t val)
{
    atomic32_fetch_or(&b->latch, val);
    vgic_notify_targets(v->domain, v, w, val & atomic32_read(&b->enabled));
}

static void unpend_write(struct vcpu *v, unsigned int w, struct vgic_bank *b, uint32_t val)
{
    atomic32_fetch_and(&b->latch, ~val);
    atomic32_fetch_and(&b->lr_latch, ~val);
    vgic_notify_owners(v->domain, v, w, val & atomic32_read(&b->lr_pending));
    if (w != 0)
        vgic_release_held(v->domain, NULL, w);
    else if (val & atomic32_read(&b->held))
        vgic_notify(v, 0, false); /* its own pCPU does it */
}

static void deactivate_write(struct vcpu *v, unsigned int w, struct vgic_bank *b, uint32_t val)
{
    uint32_t gone = val & atomic32_fetch_and(&b->active, ~val);

    vgic_notify_owners(v->domain, v, w, gone);
    /* Pending behind the active state and in no list register. */
    vgic_notify_targets(v->domain, v, w, gone & bank_pending(b) & atomic32_read(&b->enabled));
    if (w != 0)
        vgic_release_held(v->domain, NULL, w);
}

static void group_write(struct vcpu *v, unsigned int w, struct vgic_bank *b, uint32_t val)
{
    uint32_t changed = val ^ atomic32_xchg(&b->group1, val);

    vgic_notify_owners(v->domain, v, w, changed & atomic32_read(&b->lr_pending));
    vgic_notify_targets(v->domain, v, w, changed & bank_pending(b) & atomic32_read(&b->enabled));
}

void vgic_bits_write(struct vcpu *v, unsigned int w, enum vgic_bits reg, uint32_t val)
{
    struct vgic_bank *b = vgic_bank(v, w);

    if (reg >= VGIC_ISPENDR && current->arch.vgic.used != 0)
        vgic_sync(current);
    switch (reg) {
    case VGIC_IGROUPR:
        group_write(v, w, b, val);
        return;
    case VGIC_ISENABLER:
        enable_write(v, w, b, val);
        return;
    case VGIC_ICENABLER:
        disable_write(v, w, b, val);
        return;
    case VGIC_ISPENDR:
        pend_write(v, w, b, val);
        return;
    case VGIC_ICPENDR:
        unpend_write(v, w, b, val);
        return;
    case VGIC_ISACTIVER:
        atomic32_fetch_or(&b->active, val);
        vgic_notify_owners(v->domain, v, w, val);
        vgic_notify_targets(v->domain, v, w, val);
        return;
    case VGIC_ICACTIVER:
        deactivate_write(v, w, b, val);
        return;
    }
}

/* --- two bits: only the upper one, edge or level, means something --- */

/* Bit i of the lower half to bit 2i + 1, and back. */
static uint32_t spread(uint32_t x)
{
    x &= 0xffff;
    x = (x | x << 8) & 0x00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f;
    x = (x | x << 2) & 0x33333333;
    x = (x | x << 1) & 0x55555555;
    return x << 1;
}

static uint32_t gather(uint32_t x)
{
    x = (x >> 1) & 0x55555555;
    x = (x | x >> 1) & 0x33333333;
    x = (x | x >> 2) & 0x0f0f0f0f;
    x = (x | x >> 4) & 0x00ff00ff;
    return (x | x >> 8) & 0xffff;
}

uint32_t vgic_cfg_read(struct vcpu *v, unsigned int n)
{
    return spread(atomic32_read(&vgic_bank(v, n / 2)->edge) >> (n % 2 * 16));
}

void vgic_cfg_write(struct vcpu *v, unsigned int n, uint32_t val)
{
    struct vgic_bank *b = vgic_bank(v, n / 2);
    uint32_t half = UINT32_C(0xffff) << (n % 2 * 16);
    uint32_t edge = gather(val) << (n % 2 * 16);

    if (n == 0)
        return; /* SGIs are what they are */
    atomic32_fetch_and(&b->edge, ~half | edge);
    atomic32_fetch_or(&b->edge, edge);
    vgic_notify_owners(v->domain, v, n / 2, half & atomic32_read(&b->lr_pending));
    vgic_notify_targets(v->domain, v, n / 2, half & bank_pending(b) & atomic32_read(&b->enabled));
}

/* --- bytes --- */

uint32_t vgic_priority_read(struct vcpu *v, unsigned int irq, unsigned int size)
{
    const uint8_t *p = &vgic_bank(v, irq / 32)->priority[irq % 32];

    return size == 1 ? READ_ONCE(*p) : READ_ONCE(*(const uint32_t *)(const void *)p);
}

/* A new priority is used when the interrupt gets into a list register next. */
void vgic_priority_write(struct vcpu *v, unsigned int irq, unsigned int size, uint32_t val)
{
    uint8_t *p = &vgic_bank(v, irq / 32)->priority[irq % 32];

    val &= gic_host.prio_mask * UINT32_C(0x01010101);
    if (size == 1)
        WRITE_ONCE(*p, (uint8_t)val);
    else
        WRITE_ONCE(*(uint32_t *)(void *)p, val);
}

/* --- whole distributor --- */

void vgic_set_route(struct domain *d, unsigned int irq, uint8_t route)
{
    struct vgic_spi *spi = vgic_spi(&d->arch.vgic, irq);
    const struct vgic_bank *b = &d->arch.vgic.bank[irq / 32 - 1];
    uint32_t bit = UINT32_C(1) << (irq % 32);

    if (spi->route == route)
        return;
    WRITE_ONCE(spi->route, route);
    smp_mb(); /* route before state; partners: raise_latch(), lr_unclaim(), fill_one() */
    vgic_notify_owners(d, NULL, irq / 32, bit);
    vgic_notify_targets(
        d, NULL, irq / 32,
        ((bank_pending(b) & atomic32_read(&b->enabled)) | atomic32_read(&b->active)) & bit);
}

void vgic_set_groups(struct domain *d, uint32_t groups)
{
    if (atomic32_xchg(&d->arch.vgic.groups, groups) != groups)
        vgic_notify_all(d);
}
