/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the virtual interrupt controller. */
#ifndef WHERRY_VGIC_PRIV_H
#define WHERRY_VGIC_PRIV_H

#include <asm/gic.h>
#include <asm/vgic.h>
#include <wherry/domain.h>
#include <wherry/lib/bits.h>

/*
 * Registers of one bit an interrupt, the same in distributor and redistributor: number of the
 * 128-byte block that holds them.
 */
enum vgic_bits {
    VGIC_IGROUPR = 1,
    VGIC_ISENABLER,
    VGIC_ICENABLER,
    VGIC_ISPENDR,
    VGIC_ICPENDR,
    VGIC_ISACTIVER,
    VGIC_ICACTIVER,
};

/* Identification registers, from 0xfd0 of a 4 KiB block: ArchRev is the GIC version. */
uint32_t vgic_id_reg(unsigned int version, uint32_t offset);

#define VGIC_IIDR 0x5700043b

static inline struct vgic_domain *vgic_of(const struct vcpu *v)
{
    return &v->domain->arch.vgic;
}

/* Bank w of the domain, or of v for the private one. */
static inline struct vgic_bank *vgic_bank(struct vcpu *v, unsigned int w)
{
    return w == 0 ? &v->arch.vgic.bank : &vgic_of(v)->bank[w - 1];
}

static inline struct vgic_spi *vgic_spi(const struct vgic_domain *g, unsigned int irq)
{
    return &g->spi[irq - VGIC_NR_PRIVATE];
}

/* Atomics only where something changes: most of the time nothing does. */
static inline void bits_set(atomic32_t *a, uint32_t bits)
{
    if ((atomic32_read(a) & bits) != bits)
        atomic32_fetch_or(a, bits);
}

static inline uint32_t bits_clear(atomic32_t *a, uint32_t bits)
{
    return (atomic32_read(a) & bits) != 0 ? atomic32_fetch_and(a, ~bits) & bits : 0;
}

/* Pending, apart from what a list register already has. */
static inline uint32_t bank_pending(const struct vgic_bank *b)
{
    return atomic32_read(&b->latch) | (atomic32_read(&b->line) & ~atomic32_read(&b->edge));
}

/* Interrupts whose group the distributor forwards. */
static inline uint32_t bank_forwarded(const struct vgic_domain *g, const struct vgic_bank *b)
{
    uint32_t groups = atomic32_read(&g->groups);
    uint32_t group1 = atomic32_read(&b->group1);

    return ((groups & 2) ? group1 : 0) | ((groups & 1) ? ~group1 : 0);
}

/* Enabled and forwarded. */
static inline uint32_t bank_open(const struct vgic_domain *g, const struct vgic_bank *b)
{
    return atomic32_read(&b->enabled) & bank_forwarded(g, b);
}

/* Ask v's pCPU to look at bank w; `wake` if something may have become deliverable. */
void vgic_notify(struct vcpu *v, unsigned int w, bool wake);
/* The same for the vCPU to which each interrupt of `irqs` in bank w goes. v: owner of bank 0. */
void vgic_notify_targets(struct domain *d, struct vcpu *v, unsigned int w, uint32_t irqs);
/* For the vCPUs that have an interrupt of `irqs` in a list register. */
void vgic_notify_owners(struct domain *d, struct vcpu *v, unsigned int w, uint32_t irqs);
/* All vCPUs, all banks. */
void vgic_notify_all(struct domain *d);

/* Bring state up to date with the list registers; v is current and loaded. */
void vgic_sync(struct vcpu *v);

/* The host's active state of linked interrupts that nothing holds up any more goes. */
void vgic_release_held(struct domain *d, struct vcpu *v, unsigned int w);

/* Take the line of the upcall interrupt from vcpu_info. */
void vgic_sample_upcall(struct vcpu *v);

/*
 * One-bit registers of bank w (v: whose, if private). No lock needed. Only for existing w.
 */
uint32_t vgic_bits_read(struct vcpu *v, unsigned int w, enum vgic_bits reg);
void vgic_bits_write(struct vcpu *v, unsigned int w, enum vgic_bits reg, uint32_t val);

/* ICFGR number n (16 interrupts) and IPRIORITYR bytes from interrupt irq. As above. */
uint32_t vgic_cfg_read(struct vcpu *v, unsigned int n);
void vgic_cfg_write(struct vcpu *v, unsigned int n, uint32_t val);
uint32_t vgic_priority_read(struct vcpu *v, unsigned int irq, unsigned int size);
void vgic_priority_write(struct vcpu *v, unsigned int irq, unsigned int size, uint32_t val);

/* An SPI goes to `route` from now on. vgic lock. */
void vgic_set_route(struct domain *d, unsigned int irq, uint8_t route);

/* GICD_CTLR: enable bits of the groups. */
void vgic_set_groups(struct domain *d, uint32_t groups);

/* Raise SGI `sgi` of target, sent by vCPU `source`. */
void vgic_send_sgi(struct vcpu *target, unsigned int sgi, unsigned int source);

/* vgic-v2.c, vgic-v3.c: register the MMIO handlers. 0 or -errno. */
int vgic_v2_init(struct domain *d);
int vgic_v3_init(struct domain *d);

#endif
