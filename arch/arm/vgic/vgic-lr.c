/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List registers of the vCPU that is loaded here: what the guest did with them goes back to the
 * banks (fold), what is to be delivered comes in (fill). The other side is vgic.c, whose head
 * explains how the two meet.
 */
#include "vgic_priv.h"

#define ALL_LRS ((1u << gic_host.nr_lrs) - 1)

static inline uint64_t lr_read(unsigned int n)
{
    return gic_host.ops->read_lr(n);
}

static inline void lr_write(unsigned int n, uint64_t lr)
{
    gic_host.ops->write_lr(n, lr);
}

static unsigned int host_number(const struct vgic_domain *g, unsigned int irq)
{
    return irq < VGIC_NR_PRIVATE ? irq : vgic_spi(g, irq)->host_irq;
}

void vgic_release_held(struct domain *d, struct vcpu *v, unsigned int w)
{
    struct vgic_bank *b = w == 0 ? &v->arch.vgic.bank : &d->arch.vgic.bank[w - 1];
    uint32_t idle = atomic32_read(&b->held);

    if (likely(idle == 0))
        return;
    idle &= ~(atomic32_read(&b->latch) | atomic32_read(&b->lr_pending) | atomic32_read(&b->active));
    if (w == 0)
        idle &= ~v->arch.vgic.in_lr;
    for (; idle != 0; idle &= idle - 1) {
        unsigned int irq = w * 32 + ctz64(idle);

        if (w != 0 && atomic32_read(&vgic_spi(&d->arch.vgic, irq)->owner) != 0)
            continue;
        bits_clear(&b->held, UINT32_C(1) << (irq % 32));
        gic_host.ops->set_active(host_number(&d->arch.vgic, irq), false);
    }
}

static bool goes_to(const struct vcpu *v, unsigned int irq)
{
    return irq < VGIC_NR_PRIVATE || READ_ONCE(vgic_spi(vgic_of(v), irq)->route) == v->id;
}

/* The claim makes sure that one interrupt is in one list register only. */
static bool lr_claim(struct vcpu *v, unsigned int irq)
{
    uint32_t none = 0;

    if (irq >= VGIC_NR_PRIVATE)
        return atomic32_cmpxchg(&vgic_spi(vgic_of(v), irq)->owner, &none, v->id + 1);
    if (v->arch.vgic.in_lr & (UINT32_C(1) << irq))
        return false;
    v->arch.vgic.in_lr |= UINT32_C(1) << irq;
    return true;
}

/* Not in a list register any more; who else wants it is told. */
static void lr_unclaim(struct vcpu *v, struct vgic_bank *b, unsigned int irq)
{
    uint32_t bit = UINT32_C(1) << (irq % 32);

    if (irq < VGIC_NR_PRIVATE) {
        v->arch.vgic.in_lr &= ~bit;
        return;
    }
    atomic32_set(&vgic_spi(vgic_of(v), irq)->owner, 0);
    smp_mb(); /* owner before state; partner: vgic_notify_targets() and its callers */
    if (!goes_to(v, irq))
        vgic_notify_targets(v->domain, v, irq / 32,
                            (bank_pending(b) | atomic32_read(&b->active)) & bit);
}

static void lr_free(struct vcpu *v, struct vgic_bank *b, unsigned int n)
{
    struct vgic_vcpu *vv = &v->arch.vgic;

    vv->used &= (uint16_t)~BIT(n);
    vv->lr_active &= (uint16_t)~BIT(n);
    lr_unclaim(v, b, vv->lr_irq[n]);
}

static bool is_v2_sgi(const struct vcpu *v, unsigned int irq)
{
    return irq < GIC_NR_SGIS && vgic_of(v)->version == 2;
}

/*
 * Does an SGI wait from somebody else than the sender whose own is in a list register? What that
 * one sends again before it is acknowledged is the same interrupt.
 */
static bool other_senders(struct vcpu *v, struct vgic_bank *b, unsigned int sgi,
                          unsigned int sender)
{
    atomic32_t *word = &v->arch.vgic.sgi_source[sgi / 4];
    uint32_t bit = UINT32_C(1) << sgi;

    if (!(atomic32_read(&b->latch) & bit))
        return false;
    atomic32_fetch_and(&b->latch, ~bit); /* before the senders; partner: vgic_send_sgi() */
    atomic32_fetch_and(word, ~(UINT32_C(1) << (sgi % 4 * 8 + sender)));
    if (((atomic32_read(word) >> (sgi % 4 * 8)) & 0xff) == 0)
        return false;
    atomic32_fetch_or(&b->latch, bit);
    return true;
}

/* An unacknowledged interrupt leaves its list register: pending again if it was by its latch. */
static void put_back(struct vcpu *v, struct vgic_bank *b, unsigned int irq, uint64_t lr)
{
    uint32_t bit = UINT32_C(1) << (irq % 32);

    bits_clear(&b->lr_pending, bit);
    if (bits_clear(&b->lr_latch, bit) == 0)
        return;
    if (is_v2_sgi(v, irq))
        bits_set(&v->arch.vgic.sgi_source[irq / 4], UINT32_C(1) << (irq % 4 * 8 + LR_SOURCE(lr)));
    bits_set(&b->latch, bit);
}

/* The guest deactivated a linked interrupt, and so the host's, which may have fired again since. */
static void hw_ended(struct vgic_bank *b, uint32_t bit)
{
    atomic32_fetch_and(&b->held, ~bit); /* before the latch is read; partner: vgic_inject_hw() */
    if (atomic32_read(&b->latch) & bit)
        atomic32_fetch_or(&b->held, bit);
}

/* Active state of list register n: to the bank if the guest changed it, from it if a register did.
 */
static uint64_t fold_active(struct vgic_vcpu *vv, struct vgic_bank *b, unsigned int n, uint64_t lr)
{
    uint32_t bit = UINT32_C(1) << (vv->lr_irq[n] % 32);
    bool known = (vv->lr_active & BIT(n)) != 0;
    bool marked = (atomic32_read(&b->active) & bit) != 0;

    if (lr & LR_ACTIVE) {
        if (!known)
            bits_set(&b->active, bit); /* acknowledged */
        else if (!marked)
            lr &= ~LR_ACTIVE; /* ICACTIVER */
    } else if (known) {
        bits_clear(&b->active, bit); /* deactivated */
    } else if (marked && !(lr & LR_HW)) {
        if (lr & LR_PENDING)
            lr |= LR_ACTIVE; /* ISACTIVER */
        else
            bits_clear(&b->active, bit); /* acknowledged and deactivated since */
    }
    if (lr & LR_ACTIVE)
        vv->lr_active |= (uint16_t)BIT(n);
    else
        vv->lr_active &= (uint16_t)~BIT(n);
    return lr;
}

/* Not acknowledged yet: is it still wanted here? */
static uint64_t fold_pending(struct vcpu *v, struct vgic_bank *b, unsigned int irq, uint64_t lr)
{
    uint32_t bit = UINT32_C(1) << (irq % 32);
    uint32_t why =
        atomic32_read(&b->lr_latch) | (atomic32_read(&b->line) & ~atomic32_read(&b->edge));

    if (!(why & bank_open(vgic_of(v), b) & bit) || !goes_to(v, irq)) {
        put_back(v, b, irq, lr);
        return lr & ~LR_PENDING;
    }
    if (is_v2_sgi(v, irq)) {
        if (other_senders(v, b, irq, LR_SOURCE(lr)))
            lr |= LR_EOI; /* when this one is done */
    } else if (bits_clear(&b->latch, bit)) {
        bits_set(&b->lr_latch, bit); /* two edges before the acknowledgement are one */
    }
    return (atomic32_read(&b->group1) & bit) ? lr | LR_GROUP1 : lr & ~LR_GROUP1;
}

/* Active, and pending again by its latch. */
static uint64_t fold_again(struct vcpu *v, struct vgic_bank *b, unsigned int irq, uint64_t lr)
{
    uint32_t bit = UINT32_C(1) << (irq % 32);

    if (is_v2_sgi(v, irq))
        return lr | LR_EOI;
    /* Linked ones cannot be both; those with LR_EOI are looked at when they end. */
    if ((lr & (LR_HW | LR_EOI)) || !(bank_open(vgic_of(v), b) & bit))
        return lr;
    bits_set(&b->lr_latch, bit);
    bits_set(&b->lr_pending, bit);
    return bits_clear(&b->latch, bit) ? lr | LR_PENDING : lr;
}

/* One list register against its bank; returns the bank to look at again if it got free. */
static uint32_t fold_one(struct vcpu *v, unsigned int n)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    unsigned int irq = vv->lr_irq[n];
    struct vgic_bank *b = vgic_bank(v, irq / 32);
    uint32_t bit = UINT32_C(1) << (irq % 32);
    uint64_t was = lr_read(n);
    uint64_t lr;

    if (!(was & LR_PENDING)) {
        bits_clear(&b->lr_pending, bit);
        bits_clear(&b->lr_latch, bit);
    }
    lr = fold_active(vv, b, n, was);
    if (lr & LR_PENDING)
        lr = fold_pending(v, b, irq, lr);
    else if ((lr & LR_ACTIVE) && (atomic32_read(&b->latch) & bit))
        lr = fold_again(v, b, irq, lr);
    if (lr & LR_STATE) {
        if (lr != was)
            lr_write(n, lr);
        return 0;
    }
    if ((was & (LR_STATE | LR_HW)) == LR_HW)
        hw_ended(b, bit);
    lr_write(n, 0); /* LR_EOI would go on asking for attention */
    lr_free(v, b, n);
    return UINT32_C(1) << (irq / 32);
}

/* All list registers in use; returns the banks to look at again. */
static uint32_t fold(struct vcpu *v)
{
    uint32_t again = 0;

    for (uint32_t todo = v->arch.vgic.used; todo != 0; todo &= todo - 1)
        again |= fold_one(v, ctz64(todo));
    return again;
}

void vgic_sync(struct vcpu *v)
{
    uint32_t again;

    if (v->arch.vgic.used == 0)
        return;
    again = fold(v);
    if (again != 0) {
        v->arch.vgic.overflow |= again;
        vcpu_set_work(v, VCPU_WORK_IRQ);
    }
}

/* Make room: take out the least urgent unacknowledged interrupt if it is less urgent than prio. */
static int evict(struct vcpu *v, unsigned int prio)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    unsigned int worst_prio = prio;
    uint64_t worst_lr = 0;
    int worst = -1;

    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1) {
        unsigned int n = ctz64(todo);
        uint64_t lr = lr_read(n);

        if ((lr & LR_STATE) == LR_PENDING && LR_PRIORITY(lr) > worst_prio) {
            worst_prio = LR_PRIORITY(lr);
            worst_lr = lr;
            worst = (int)n;
        }
    }
    if (worst >= 0) {
        unsigned int irq = vv->lr_irq[worst];
        struct vgic_bank *b = vgic_bank(v, irq / 32);

        put_back(v, b, irq, worst_lr);
        lr_write((unsigned int)worst, 0);
        lr_free(v, b, (unsigned int)worst);
        vv->overflow |= UINT32_C(1) << (irq / 32);
    }
    return worst;
}

/* The sender that goes first; false when all were taken back. */
static bool take_source(struct vcpu *v, unsigned int sgi, uint64_t *lr)
{
    atomic32_t *word = &v->arch.vgic.sgi_source[sgi / 4];
    uint32_t senders = (atomic32_read(word) >> (sgi % 4 * 8)) & 0xff;
    unsigned int first;

    if (senders == 0)
        return false;
    first = ctz64(senders);
    bits_clear(word, UINT32_C(1) << (sgi % 4 * 8 + first));
    *lr |= (uint64_t)first << LR_PHYS_SHIFT;
    if (senders & (senders - 1)) {
        bits_set(&v->arch.vgic.bank.latch, UINT32_C(1) << sgi);
        *lr |= LR_EOI;
    }
    return true;
}

/* Claimed: take its pending state over into lr. False: there is none any more. */
static bool take_pending(struct vcpu *v, struct vgic_bank *b, unsigned int irq, uint64_t *lr)
{
    uint32_t bit = UINT32_C(1) << (irq % 32);
    uint32_t why;

    atomic32_fetch_or(&b->lr_pending, bit);
    if (atomic32_read(&b->latch) & bit) {
        bits_set(&b->lr_latch, bit);
        if (!bits_clear(&b->latch, bit))
            bits_clear(&b->lr_latch, bit);
    }
    if (is_v2_sgi(v, irq) && !take_source(v, irq, lr))
        bits_clear(&b->lr_latch, bit);
    why = atomic32_read(&b->lr_latch) | (atomic32_read(&b->line) & ~atomic32_read(&b->edge));
    if ((why & bank_open(vgic_of(v), b) & bit) && goes_to(v, irq)) {
        *lr |= LR_PENDING;
        return true;
    }
    put_back(v, b, irq, *lr);
    return false;
}

/* Put one interrupt into a list register. False: it has to wait for one. */
static bool fill_one(struct vcpu *v, struct vgic_bank *b, unsigned int irq)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    uint32_t bit = UINT32_C(1) << (irq % 32);
    unsigned int prio = b->priority[irq % 32];
    uint32_t idle = ALL_LRS & ~(uint32_t)vv->used;
    uint64_t lr = irq | (uint64_t)prio << LR_PRIORITY_SHIFT;
    int n = idle != 0 ? (int)ctz64(idle) : evict(v, prio);

    if (n < 0)
        return false;
    if (!lr_claim(v, irq))
        return true; /* another vCPU has it still, and will tell */
    if (atomic32_read(&b->group1) & bit)
        lr |= LR_GROUP1;
    if (atomic32_read(&b->active) & bit) {
        lr |= LR_ACTIVE;
        vv->lr_active |= (uint16_t)BIT(n);
    } else if (!take_pending(v, b, irq, &lr)) {
        lr_unclaim(v, b, irq);
        return true;
    }
    if (atomic32_read(&b->hw) & bit)
        lr |= LR_HW | (uint64_t)host_number(vgic_of(v), irq) << LR_PHYS_SHIFT;
    else if (!(atomic32_read(&b->edge) & bit))
        lr |= LR_EOI; /* the line is looked at again when the guest is done */
    vv->used |= (uint16_t)BIT(n);
    vv->lr_irq[n] = (uint16_t)irq;
    lr_write((unsigned int)n, lr);
    return true;
}

static void fill_from(struct vcpu *v, unsigned int w)
{
    struct vgic_bank *b = vgic_bank(v, w);
    uint32_t active = atomic32_read(&b->active);
    uint32_t want = (bank_pending(b) & bank_open(vgic_of(v), b)) | active;

    if (w == 0)
        want &= ~v->arch.vgic.in_lr;
    for (; want != 0; want &= want - 1) {
        unsigned int irq = w * 32 + ctz64(want);

        if (w != 0 && (!goes_to(v, irq) || atomic32_read(&vgic_spi(vgic_of(v), irq)->owner) != 0))
            continue;
        if (!fill_one(v, b, irq))
            v->arch.vgic.overflow |= UINT32_C(1) << w;
    }
}

/*
 * More than fits: have the CPU tell when there is room. NPIE while something is pending; when all
 * are active, the end of any software interrupt or of all but one (UIE).
 */
static uint32_t overflow_hcr(struct vcpu *v)
{
    uint32_t used = v->arch.vgic.used;

    for (uint32_t todo = used; todo != 0; todo &= todo - 1)
        if ((lr_read(ctz64(todo)) & LR_STATE) == LR_PENDING) /* active too does not count there */
            return GICH_HCR_EN | GICH_HCR_NPIE;
    for (uint32_t todo = used; todo != 0; todo &= todo - 1) {
        uint64_t lr = lr_read(ctz64(todo));

        if (!(lr & LR_HW))
            lr_write(ctz64(todo), lr | LR_EOI);
    }
    /* With one register in use UIE would be true at once, and for good. */
    return (used & (used - 1)) ? GICH_HCR_EN | GICH_HCR_UIE : (uint32_t)GICH_HCR_EN;
}

void vgic_flush(struct vcpu *v)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    uint32_t scan = atomic32_xchg(&vv->scan, 0) | vv->overflow; /* partner: vgic_notify() */
    uint32_t hcr;

    if ((scan & 1) || (vv->in_lr & BIT(vgic_of(v)->evtchn_ppi)))
        vgic_sample_upcall(v);
    vv->overflow = 0;
    for (scan |= fold(v); scan != 0; scan &= scan - 1) {
        vgic_release_held(v->domain, v, ctz64(scan));
        fill_from(v, ctz64(scan));
    }
    hcr = vv->overflow == 0 ? (uint32_t)GICH_HCR_EN : overflow_hcr(v);
    if (hcr != vv->hcr) {
        vv->hcr = hcr;
        gic_host.ops->write_hcr(hcr);
    }
}

/* --- switch --- */

/* The vCPU goes off for long: what it has not acknowledged is for others, or for later. */
static noinline void give_up_lrs(struct vcpu *v)
{
    struct vgic_vcpu *vv = &v->arch.vgic;

    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1) {
        unsigned int n = ctz64(todo);
        struct vgic_bank *b = vgic_bank(v, vv->lr_irq[n] / 32);
        uint64_t lr = lr_read(n);

        if (lr & LR_PENDING)
            put_back(v, b, vv->lr_irq[n], lr);
        lr_write(n, 0);
        vv->overflow |= UINT32_C(1) << (vv->lr_irq[n] / 32);
        lr_free(v, b, n);
    }
    vcpu_set_work(v, VCPU_WORK_IRQ);
}

void vgic_vcpu_save(struct vcpu *v)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    uint32_t held;

    vgic_sync(v);
    if (unlikely(atomic32_read(&v->pause_flags) & VPF_DOWN))
        give_up_lrs(v);
    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1) {
        unsigned int n = ctz64(todo);

        vv->lr[n] = lr_read(n);
        lr_write(n, 0);
    }
    vv->vmcr = gic_host.ops->read_vmcr();
    gic_host.ops->read_apr(vv->apr);
    gic_host.ops->write_hcr(0);
    for (held = atomic32_read(&vv->bank.held); held != 0; held &= held - 1)
        gic_host.ops->set_active(ctz64(held), false);
    vv->loaded = false;
}

void vgic_vcpu_load(struct vcpu *v)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    uint32_t held;

    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1)
        lr_write(ctz64(todo), vv->lr[ctz64(todo)]);
    gic_host.ops->write_vmcr(vv->vmcr);
    gic_host.ops->write_apr(vv->apr);
    vv->hcr |= GICH_HCR_EN;
    gic_host.ops->write_hcr(vv->hcr);
    /* Before the line can go up again (vtimer_load()): it must not interrupt twice. */
    for (held = atomic32_read(&vv->bank.held); held != 0; held &= held - 1)
        gic_host.ops->set_active(ctz64(held), true);
    vv->loaded = true;
}

/* Would list register value lr be signalled with this state of the CPU interface? */
static bool lr_signals(uint64_t lr, uint64_t vmcr)
{
    uint64_t enabled = (lr & LR_GROUP1) ? VMCR_ENG1 : VMCR_ENG0;

    return (lr & LR_STATE) == LR_PENDING && (vmcr & enabled) && LR_PRIORITY(lr) < VMCR_PMR(vmcr);
}

bool vgic_vcpu_pending_irq(struct vcpu *v)
{
    struct vgic_vcpu *vv = &v->arch.vgic;
    uint64_t vmcr;

    if (evtchn_upcall_pending(v))
        return true;
    if (!vv->loaded)
        return atomic32_read(&vv->scan) != 0 || vv->used != 0;
    if (atomic32_read(&vv->scan) != 0 || vv->used != 0 || vv->overflow != 0)
        vgic_flush(v);
    if (vv->used == 0)
        return false;
    vmcr = gic_host.ops->read_vmcr();
    for (uint32_t todo = vv->used; todo != 0; todo &= todo - 1)
        if (lr_signals(lr_read(ctz64(todo)), vmcr))
            return true;
    return false;
}
