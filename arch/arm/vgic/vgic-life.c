/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual interrupt controller's beginning and end: for a domain, a vCPU, a pCPU (maintenance
 * interrupt), and links to host interrupts; the debug key.
 */
#include "vgic_priv.h"
#include <asm/smp.h>
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/init.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/printk.h>
#include <wherry/slab.h>

#include <public/arch-arm.h>

unsigned int vgic_host_version(void)
{
    return gic_host.ops->version;
}

/*
 * Reset state. Group 1 with a GICv3, where the guest comes after firmware that left interrupts to
 * it; group 0 with a GICv2 without the security extensions (IHI 0048B 4.3.4).
 */
static void bank_reset(struct vgic_bank *b, unsigned int version)
{
    *b = (struct vgic_bank){.group1 = {version == 3 ? UINT32_MAX : 0}};
}

int vgic_domain_init(struct domain *d)
{
    struct vgic_domain *g = &d->arch.vgic;
    const struct arch_domain_config *c = &d->arch.config;
    unsigned int banks = (c->nr_spis + 31u) / 32;
    int rc;

    if (c->gic_version != gic_host.ops->version || c->nr_spis > VGIC_MAX_SPIS)
        return -EINVAL;
    spin_lock_init(&g->lock, LOCK_RANK_VGIC, "vgic");
    g->version = c->gic_version;
    g->nr_irqs = VGIC_NR_PRIVATE + banks * 32;
    g->evtchn_ppi = c->evtchn_ppi;
    if (banks != 0) {
        g->bank = kcalloc(banks, sizeof(*g->bank));
        g->spi = kcalloc(banks * 32, sizeof(*g->spi));
        if (g->bank == NULL || g->spi == NULL) {
            vgic_domain_destroy(d);
            return -ENOMEM;
        }
    }
    for (unsigned int w = 0; w < banks; w++)
        bank_reset(&g->bank[w], g->version);
    rc = g->version == 3 ? vgic_v3_init(d) : vgic_v2_init(d);
    if (rc != 0)
        vgic_domain_destroy(d);
    return rc;
}

void vgic_domain_destroy(struct domain *d)
{
    kfree(d->arch.vgic.bank);
    kfree(d->arch.vgic.spi);
    d->arch.vgic.bank = NULL;
    d->arch.vgic.spi = NULL;
    d->arch.vgic.nr_irqs = VGIC_NR_PRIVATE;
}

int vgic_vcpu_init(struct vcpu *v)
{
    struct vgic_bank *b = &v->arch.vgic.bank;

    bank_reset(b, vgic_of(v)->version);
    atomic32_set(&b->edge, UINT32_C(0xffff));                  /* SGIs */
    atomic32_set(&b->hw, UINT32_C(1) << GUEST_TIMER_VIRT_PPI); /* the CPU's own timer */
    if (vgic_of(v)->version == 2)
        atomic32_set(&b->enabled, UINT32_C(0xffff));
    vgic_vcpu_reset(v);
    return 0;
}

void vgic_vcpu_destroy(struct vcpu *v)
{
    ASSERT(!v->arch.vgic.loaded);
    (void)v;
}

void vgic_vcpu_reset(struct vcpu *v)
{
    struct vgic_vcpu *vv = &v->arch.vgic;

    vv->vmcr = vgic_of(v)->version == 3 ? VMCR_FIQEN : 0; /* RES1 with system registers */
    for (unsigned int i = 0; i < ARRAY_SIZE(vv->apr); i++)
        vv->apr[i] = 0;
}

/* --- links to the host's --- */

bool vgic_irq_is_assigned(const struct domain *d, unsigned int irq)
{
    const struct arch_domain_config *c = &d->arch.config;

    if (irq < VGIC_NR_PRIVATE || irq >= d->arch.vgic.nr_irqs)
        return false;
    return vgic_spi(&d->arch.vgic, irq)->host_irq != 0 || (c->vpl011 && irq == c->vpl011_irq);
}

int vgic_link_hw(struct domain *d, unsigned int virq, unsigned int host_irq, unsigned int type)
{
    struct vgic_domain *g = &d->arch.vgic;
    uint32_t bit = UINT32_C(1) << (virq % 32);

    if (virq < VGIC_NR_PRIVATE || virq >= g->nr_irqs)
        return -EINVAL;
    if (vgic_irq_is_assigned(d, virq))
        return -EBUSY;
    vgic_spi(g, virq)->host_irq = (uint16_t)host_irq;
    atomic32_fetch_or(&g->bank[virq / 32 - 1].hw, bit);
    if (type == IRQ_TYPE_EDGE)
        atomic32_fetch_or(&g->bank[virq / 32 - 1].edge, bit);
    return 0;
}

/* --- maintenance interrupt --- */

/* Level: its reason must be gone before the handler returns. */
static void maintenance(unsigned int irq, void *data)
{
    struct vcpu *v = current;

    (void)irq;
    (void)data;
    if (v != NULL && v->arch.vgic.loaded)
        vgic_flush(v);
    else
        gic_host.ops->write_hcr(0);
}

static int maintenance_request(void)
{
    return irq_request(gic_host.maintenance_irq, IRQ_TYPE_LEVEL, maintenance, NULL);
}
INIT_CALL(INIT_CORE, maintenance_request);

static void maintenance_cpu_init(void)
{
    BUG_ON(maintenance_request() != 0);
}
CPU_INIT_CALL(CPU_INIT_TIMER, maintenance_cpu_init);

/* --- debug key --- */

static void bank_dump(const char *what, const struct vgic_bank *b)
{
    printk("  %s enabled %08x latch %08x line %08x active %08x lr %08x edge %08x\n", what,
           atomic32_read(&b->enabled), atomic32_read(&b->latch), atomic32_read(&b->line),
           atomic32_read(&b->active), atomic32_read(&b->lr_pending), atomic32_read(&b->edge));
}

/* List registers are those of the last switch if it runs elsewhere. */
void vgic_dump(struct vcpu *v)
{
    const struct vgic_vcpu *vv = &v->arch.vgic;

    printk("d%uv%u: scan %08x overflow %08x vmcr %08lx\n", v->domain->id, v->id,
           atomic32_read(&vv->scan), vv->overflow, (unsigned long)vv->vmcr);
    bank_dump("private", &vv->bank);
    for (unsigned int n = 0; n < gic_host.nr_lrs; n++)
        if ((vv->used >> n) & 1)
            printk("  LR%u: irq %u, %016lx\n", n, vv->lr_irq[n], (unsigned long)vv->lr[n]);
}

static void dump_all(void)
{
    struct domain *d;
    struct vcpu *v;
    unsigned int i;

    for_each_domain (d) {
        for_each_vcpu (d, v, i)
            vgic_dump(v);
        for (unsigned int w = 1; w < d->arch.vgic.nr_irqs / 32; w++) {
            const struct vgic_bank *b = &d->arch.vgic.bank[w - 1];

            if (atomic32_read(&b->enabled) || bank_pending(b) || atomic32_read(&b->active))
                bank_dump("shared", b);
        }
    }
}
DEBUG_KEY('g', dump_all, "virtual interrupt controllers");
