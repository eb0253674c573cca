/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual interrupt controller (arch/arm/vgic): state and the calls of the rest of arch/arm.
 *
 * State is in words of 32 interrupts, as the registers are, and changed by atomic operations, so
 * raising an interrupt takes no lock. What a pCPU's list registers hold is changed only there, by
 * vgic_flush(): everybody else leaves a mark in `scan` and sets VCPU_WORK_IRQ.
 */
#ifndef WHERRY_ASM_VGIC_H
#define WHERRY_ASM_VGIC_H

#include <wherry/atomic.h>
#include <wherry/spinlock.h>
#include <wherry/types.h>

struct vcpu;
struct domain;

#define VGIC_NR_PRIVATE 32  /* SGIs and PPIs */
#define VGIC_MAX_SPIS   960 /* numbers 32 to 991 */
#define VGIC_MAX_LRS    16
#define VGIC_NO_VCPU    0xff

/*
 * 32 interrupts, one bit each. A level interrupt is pending while its line or its latch is up, an
 * edge interrupt while its latch is up; an interrupt in a list register as pending has lr_pending.
 */
struct vgic_bank {
    atomic32_t enabled;
    atomic32_t latch;      /* pending by edge, register write or SGI */
    atomic32_t line;       /* level of the input */
    atomic32_t active;     /* as of the last look at the list registers */
    atomic32_t edge;       /* configuration */
    atomic32_t group1;     /* else group 0 */
    atomic32_t lr_pending; /* in a list register, not acknowledged */
    atomic32_t lr_latch;   /* of those: because of the latch, which was taken down */
    atomic32_t hw;         /* linked to a host interrupt. Set while the domain is built */
    atomic32_t held;       /* of those: the host's is active until the guest deactivates it */
    uint8_t priority[32] __aligned(4); /* implemented bits only; plain stores of words or bytes */
};

/* What a shared interrupt has beside its bits. */
struct vgic_spi {
    atomic32_t owner;  /* vCPU that has it in a list register, + 1; 0: none */
    uint32_t affinity; /* GICv3: Aff3.Aff2.Aff1.Aff0 as written; vgic lock */
    uint16_t host_irq; /* 0: none. Constant once routed */
    uint8_t targets;   /* GICv2: mask of vCPUs; vgic lock */
    uint8_t route;     /* the vCPU it goes to, or VGIC_NO_VCPU; vgic lock to write */
};

struct vgic_domain {
    struct spinlock lock; /* LOCK_RANK_VGIC: routes, enable bits of host interrupts */
    unsigned int version; /* 2 or 3; constant, as what follows */
    unsigned int nr_irqs; /* 32 + SPIs, rounded up to 32 */
    /* Guest physical: distributor; GICC (v2) or all redistributors (v3). */
    uint64_t dist_base, dist_size;
    uint64_t cpu_base, cpu_size;
    unsigned int evtchn_ppi;
    atomic32_t groups;      /* GICD_CTLR: bit 0 group 0, bit 1 group 1 are forwarded */
    struct vgic_bank *bank; /* of SPIs: [nr_irqs / 32 - 1] */
    struct vgic_spi *spi;   /* [nr_irqs - 32] */
};

/* The interface of a vCPU. Own pCPU only (or nobody, when switched out) except the atomics. */
struct vgic_vcpu {
    atomic32_t scan;          /* bit w: look at bank w. Set by anybody before VCPU_WORK_IRQ */
    struct vgic_bank bank;    /* SGIs and PPIs */
    atomic32_t sgi_source[4]; /* GICv2: senders of pending SGIs, a byte each, as in SPENDSGIR */
    uint32_t overflow;        /* banks with more to deliver than list registers: bit w */
    uint16_t used;            /* list registers in use */
    uint16_t lr_active;       /* of those: seen active */
    uint16_t lr_irq[VGIC_MAX_LRS];
    uint32_t in_lr; /* private interrupts in a list register */
    uint32_t hcr;   /* ICH_HCR/GICH_HCR while loaded */
    /* While not loaded (list registers: those in `used`). */
    uint64_t lr[VGIC_MAX_LRS];
    uint64_t vmcr;
    uint32_t apr[8]; /* AP0R0-3, AP1R0-3; GICv2: APR in the first */
    bool loaded;
};

/* --- life; d->arch.config is settled. 0, -ENOMEM, -EINVAL (no such GIC on this host) --- */

int vgic_domain_init(struct domain *d);
void vgic_domain_destroy(struct domain *d);
int vgic_vcpu_init(struct vcpu *v);
void vgic_vcpu_destroy(struct vcpu *v);
/* The vCPU is powered on or off: its CPU interface is as after reset. v does not run. */
void vgic_vcpu_reset(struct vcpu *v);

/* GIC version that a domain gets by default: the host's. */
unsigned int vgic_host_version(void);

/* --- raising interrupts: any pCPU, no lock needed or taken --- */

/*
 * Set the level of an interrupt's line: irq 16 to 31 of v, or from 32 on of the domain (v is
 * ignored). A level interrupt is pending while it is up; an edge interrupt becomes pending when it
 * goes up. Wakes the vCPU if it became deliverable. The virtual timer's PPI is linked to the
 * host's: here its line only wakes the vCPU, the CPU's own timer does the rest once it runs.
 */
void vgic_inject(struct domain *d, struct vcpu *v, unsigned int irq, bool level);

/* One edge, as vgic_inject(true) and (false). */
void vgic_inject_edge(struct domain *d, struct vcpu *v, unsigned int irq);

/*
 * Host interrupt linked to `irq` fired for v (private) or d: pending, in a list register with the
 * hardware link, so the guest's deactivation is the host's. The caller dropped the priority only.
 */
void vgic_inject_hw(struct domain *d, struct vcpu *v, unsigned int irq);

/* Is a shared interrupt driven by a host interrupt or by a device in the hypervisor? */
bool vgic_irq_is_assigned(const struct domain *d, unsigned int irq);

/* Link virq to a host interrupt (irq_route_to_guest()): -EINVAL, -EBUSY. Building time. */
int vgic_link_hw(struct domain *d, unsigned int virq, unsigned int host_irq, unsigned int type);

/* --- running --- */

/* VCPU_WORK_IRQ: look at the list registers, then fill them. v is current and loaded. */
void vgic_flush(struct vcpu *v);
/* Switch: only what is in use is moved. The virtual timer must be off in between. */
void vgic_vcpu_save(struct vcpu *v);
void vgic_vcpu_load(struct vcpu *v);
/* Would an interrupt be signalled to v now (ends WFI)? v is current. */
bool vgic_vcpu_pending_irq(struct vcpu *v);

/* --- traps --- */

/* ICC_* that trap, `reg` as in the ISS without Rt and direction. False: undefined. */
bool vgic_sysreg(struct vcpu *v, uint32_t reg, uint64_t *val, bool read);

/* Debug key. */
void vgic_dump(struct vcpu *v);

#endif
