/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core of the virtual interrupt controller: raising interrupts, from any pCPU. vgic-lr.c moves them
 * between the banks and the list registers of the vCPU that runs.
 *
 * Two sides meet without a lock. Who raises or changes an interrupt: change the bank's word, full
 * barrier, then find whom it concerns (route, owner) and mark him. Who fills a list register: claim
 * the interrupt (owner), set lr_pending, full barrier, then look at the bank again. Whichever is
 * second sees the other.
 */
#include "vgic_priv.h"

/* --- marks --- */

void vgic_notify(struct vcpu *v, unsigned int w, bool wake)
{
    atomic32_fetch_or(&v->arch.vgic.scan, UINT32_C(1) << w); /* partner: vgic_flush() */
    vcpu_set_work(v, VCPU_WORK_IRQ);
    if (wake)
        vcpu_wake_event(v);
}

void vgic_notify_targets(struct domain *d, struct vcpu *v, unsigned int w, uint32_t irqs)
{
    if (irqs == 0)
        return;
    if (w == 0) {
        vgic_notify(v, 0, true);
        return;
    }
    for (; irqs != 0; irqs &= irqs - 1) {
        unsigned int irq = w * 32 + ctz64(irqs);
        struct vcpu *target = domain_vcpu(d, READ_ONCE(vgic_spi(&d->arch.vgic, irq)->route));

        if (target != NULL)
            vgic_notify(target, w, true);
    }
}

void vgic_notify_owners(struct domain *d, struct vcpu *v, unsigned int w, uint32_t irqs)
{
    if (irqs == 0)
        return;
    if (w == 0) {
        vgic_notify(v, 0, false);
        return;
    }
    for (; irqs != 0; irqs &= irqs - 1) {
        unsigned int irq = w * 32 + ctz64(irqs);
        uint32_t owner = atomic32_read(&vgic_spi(&d->arch.vgic, irq)->owner);

        if (owner != 0)
            vgic_notify(domain_vcpu(d, owner - 1), w, false);
    }
}

void vgic_notify_all(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (d, v, i) {
        atomic32_fetch_or(&v->arch.vgic.scan, UINT32_MAX >> (32 - d->arch.vgic.nr_irqs / 32));
        vgic_notify(v, 0, true);
    }
}

/* --- raising --- */

static struct vgic_bank *bank_for(struct domain *d, struct vcpu *v, unsigned int irq)
{
    if (irq >= d->arch.vgic.nr_irqs)
        return NULL;
    if (irq >= VGIC_NR_PRIVATE)
        return &d->arch.vgic.bank[irq / 32 - 1];
    return v != NULL ? &v->arch.vgic.bank : NULL;
}

static void raise_latch(struct domain *d, struct vcpu *v, struct vgic_bank *b, unsigned int irq)
{
    uint32_t bit = UINT32_C(1) << (irq % 32);

    atomic32_fetch_or(&b->latch, bit);
    vgic_notify_targets(d, v, irq / 32, atomic32_read(&b->enabled) & bit);
}

void vgic_inject(struct domain *d, struct vcpu *v, unsigned int irq, bool level)
{
    struct vgic_bank *b = bank_for(d, v, irq);
    uint32_t bit = UINT32_C(1) << (irq % 32);
    uint32_t old;

    if (b == NULL)
        return;
    if (atomic32_read(&b->hw) & bit) {
        if (level && irq < VGIC_NR_PRIVATE)
            vcpu_wake_event(v);
        return;
    }
    if (!level) {
        old = atomic32_fetch_and(&b->line, ~bit);
        if ((old & bit) != 0)
            vgic_notify_owners(d, v, irq / 32,
                               atomic32_read(&b->lr_pending) & ~atomic32_read(&b->edge) & bit);
        return;
    }
    old = atomic32_fetch_or(&b->line, bit);
    if ((old & bit) != 0)
        return;
    if (atomic32_read(&b->edge) & bit)
        raise_latch(d, v, b, irq);
    else
        vgic_notify_targets(d, v, irq / 32, atomic32_read(&b->enabled) & bit);
}

void vgic_inject_edge(struct domain *d, struct vcpu *v, unsigned int irq)
{
    struct vgic_bank *b = bank_for(d, v, irq);

    if (b != NULL)
        raise_latch(d, v, b, irq);
}

void vgic_inject_hw(struct domain *d, struct vcpu *v, unsigned int irq)
{
    struct vgic_bank *b = bank_for(d, v, irq);
    uint32_t bit = UINT32_C(1) << (irq % 32);

    if (b == NULL)
        return;
    /* In this order: the end of the one before may be seen only now; partner: hw_ended(). */
    atomic32_fetch_or(&b->latch, bit);
    atomic32_fetch_or(&b->held, bit);
    vgic_notify_targets(d, v, irq / 32, atomic32_read(&b->enabled) & bit);
}

void vgic_send_sgi(struct vcpu *target, unsigned int sgi, unsigned int source)
{
    if (vgic_of(target)->version == 2)
        atomic32_fetch_or(&target->arch.vgic.sgi_source[sgi / 4], UINT32_C(1)
                                                                      << (sgi % 4 * 8 + source));
    raise_latch(target->domain, target, &target->arch.vgic.bank, sgi);
}

/*
 * The upcall line is a flag in memory that the guest clears without telling: nothing is stored
 * here, vgic_flush() samples it. A guest that does not enable the interrupt costs nothing.
 */
void arch_evtchn_upcall(struct vcpu *v)
{
    smp_mb(); /* flag before the enable bit is read; partner: vgic_bits_write() */
    if (atomic32_read(&v->arch.vgic.bank.enabled) & BIT(vgic_of(v)->evtchn_ppi))
        vgic_notify(v, 0, true);
    else
        vcpu_wake_event(v);
}

void vgic_sample_upcall(struct vcpu *v)
{
    struct vgic_bank *b = &v->arch.vgic.bank;
    uint32_t bit = UINT32_C(1) << vgic_of(v)->evtchn_ppi;

    if (evtchn_upcall_pending(v))
        bits_set(&b->line, bit);
    else
        bits_clear(&b->line, bit);
}
