/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host interrupts (include/wherry/irq.h): who gets which, and taking them. The entry of an
 * interrupt from a guest and the idle loop call arch_irq_poll().
 */
#include <asm/gic.h>
#include <asm/regs.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/printk.h>
#include <wherry/sched.h>

/* Of one call of arch_irq_poll(); what is left makes the next entry of a guest trap again. */
#define POLL_LIMIT 64

enum irq_kind {
    IRQ_FREE,
    IRQ_HOST,   /* fn handles it, then it is deactivated */
    IRQ_LINKED, /* fn hands it on; a guest deactivates it */
    IRQ_GUEST,  /* an SPI that belongs to a domain */
};

struct irq_desc {
    uint32_t kind; /* enum irq_kind; written last, with release, under irq_lock */
    void (*fn)(unsigned int irq, void *data);
    void *data;
    struct domain *guest;
    unsigned int virq;
};

/* Changes of descriptors and of the distributor's configuration registers. */
static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_RANK_IRQ_DESC, "irq");
/* irq_lock to write. Private numbers share one descriptor between CPUs. */
static struct irq_desc descs[GIC_MAX_IRQS];

/* Claim or, for a private number that another CPU claimed in the same way, join. */
static int claim(unsigned int irq, enum irq_kind kind, void (*fn)(unsigned int irq, void *data),
                 void *data)
{
    struct irq_desc *desc = &descs[irq];

    if (desc->kind != IRQ_FREE)
        return irq < GIC_FIRST_SPI && desc->kind == kind && desc->fn == fn && desc->data == data
                   ? 0
                   : -EBUSY;
    desc->fn = fn;
    desc->data = data;
    store_release(&desc->kind, (uint32_t)kind); /* partner: dispatch() */
    return 0;
}

static int request(unsigned int irq, unsigned int type, enum irq_kind kind,
                   void (*fn)(unsigned int irq, void *data), void *data)
{
    int rc;

    if (irq >= gic_host.nr_irqs)
        return -EINVAL;
    spin_lock(&irq_lock);
    rc = claim(irq, kind, fn, data);
    if (rc == 0) {
        if (irq >= GIC_NR_SGIS)
            gic_host.ops->set_type(irq, type);
        if (irq >= GIC_FIRST_SPI)
            gic_host.ops->route(irq, 0);
        gic_host.ops->enable(irq);
    }
    spin_unlock(&irq_lock);
    return rc;
}

int irq_request(unsigned int irq, unsigned int type, void (*fn)(unsigned int irq, void *data),
                void *data)
{
    return request(irq, type, IRQ_HOST, fn, data);
}

int irq_request_linked(unsigned int irq, unsigned int type,
                       void (*fn)(unsigned int irq, void *data), void *data)
{
    return irq < GIC_FIRST_SPI ? request(irq, type, IRQ_LINKED, fn, data) : -EINVAL;
}

int irq_route_to_guest(struct domain *d, unsigned int irq, unsigned int virq, unsigned int type)
{
    struct irq_desc *desc = &descs[irq];
    int rc;

    if (irq < GIC_FIRST_SPI || irq >= gic_host.nr_irqs)
        return -EINVAL;
    if (READ_ONCE(desc->kind) != IRQ_FREE)
        return -EBUSY;
    rc = vgic_link_hw(d, virq, irq, type);
    if (rc != 0)
        return rc;
    spin_lock(&irq_lock);
    if (desc->kind != IRQ_FREE) {
        rc = -EBUSY;
    } else {
        desc->guest = d;
        desc->virq = virq;
        gic_host.ops->set_type(irq, type);
        gic_host.ops->route(irq, 0);
        store_release(&desc->kind, IRQ_GUEST); /* partner: dispatch() */
    }
    spin_unlock(&irq_lock);
    return rc; /* enabled when the guest enables its own */
}

void irq_release_guest(struct domain *d)
{
    spin_lock(&irq_lock);
    for (unsigned int irq = GIC_FIRST_SPI; irq < gic_host.nr_irqs; irq++) {
        struct irq_desc *desc = &descs[irq];

        if (desc->kind != IRQ_GUEST || desc->guest != d)
            continue;
        gic_host.ops->disable(irq);
        gic_host.ops->set_active(irq, false);
        store_release(&desc->kind, IRQ_FREE);
    }
    spin_unlock(&irq_lock);
}

/* Nobody wants it: it must not come again. */
static void unexpected(unsigned int irq)
{
    if (irq >= GIC_NR_SGIS)
        gic_host.ops->disable(irq);
    printk("irq: %u is nobody's, disabled\n", irq);
}

static void dispatch(unsigned int iar, unsigned int irq)
{
    const struct irq_desc *desc = &descs[irq];

    gic_host.ops->drop(iar);
    switch (load_acquire(&desc->kind)) { /* partners: claim(), irq_route_to_guest() */
    case IRQ_LINKED:
        desc->fn(irq, desc->data);
        return;
    case IRQ_GUEST:
        vgic_inject_hw(desc->guest, NULL, desc->virq);
        return;
    case IRQ_HOST:
        desc->fn(irq, desc->data);
        break;
    default:
        unexpected(irq);
    }
    gic_host.ops->deactivate(iar);
}

void arch_irq_poll(void)
{
    const struct gic_ops *ops = gic_host.ops;

    for (unsigned int n = 0; n < POLL_LIMIT; n++) {
        unsigned int iar = ops->ack();
        unsigned int irq = ops->version == 2 ? iar & 0x3ff : iar;

        if (irq >= GIC_MAX_IRQS)
            return;
        dispatch(iar, irq);
        if (!arch_irq_pending())
            return;
    }
}

bool arch_irq_pending(void)
{
    /* ISR_EL1 at EL2: physical interrupts pending for this CPU, IRQ and FIQ. */
    return (READ_SYSREG(isr_el1) & (PSR_I | PSR_F)) != 0;
}
