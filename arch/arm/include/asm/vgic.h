/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual interrupt controller. All state of a domain is under one lock; the list registers hold a
 * part of it only while a vCPU is loaded, and are folded back when it is switched out or anything
 * about its interrupts changes.
 */
#ifndef WHERRY_ASM_VGIC_H
#define WHERRY_ASM_VGIC_H

#include <asm/gic.h>
#include <wherry/lib/list.h>
#include <wherry/spinlock.h>
#include <wherry/types.h>

struct domain;
struct vcpu;

#define VGIC_NR_PRIVATE 32
#define VGIC_NO_LR      0xff

/* One interrupt; everything under the domain's vgic lock. */
struct vgic_irq {
    struct list_head list; /* on target's `ready` list when `listed` */
    struct vcpu *target;   /* who gets it; NULL: nobody (empty target list) */
    uint16_t number;
    uint16_t hw_irq;     /* host interrupt, 0: none */
    uint8_t priority;    /* lower value first */
    uint8_t targets;     /* GICD_ITARGETSR byte */
    uint8_t sources;     /* pending SGI of a GICv2: which CPUs sent it */
    uint8_t active_from; /* active SGI of a GICv2: sender */
    uint8_t lr;          /* list register that holds it, or VGIC_NO_LR */
    bool listed;
    bool enabled;
    bool level;  /* level-triggered */
    bool line;   /* level of the line */
    bool latch;  /* pending by an edge or by ISPENDR */
    bool active;
    uint64_t router; /* GICD_IROUTER */
};

struct vgic_vcpu {
    struct vgic_irq *private; /* [VGIC_NR_PRIVATE] */
    struct list_head ready;   /* pending and enabled, or active, or in a list register */
    struct gic_vcpu_state state;
    uint32_t used_lrs; /* bits of list registers in use; own pCPU, while loaded */
    bool timer_masked; /* the host's virtual timer line is masked until the guest ends its own */
    uint16_t in_lr[GIC_MAX_LRS]; /* interrupt in each used list register */
};

struct vgic_domain {
    struct spinlock lock; /* LOCK_RANK_VGIC: all of the domain's interrupt state */
    unsigned int version;
    unsigned int nr_irqs; /* private and shared */
    struct vgic_irq *spi; /* [nr_irqs - 32] */
    bool enabled;         /* GICD_CTLR */
};

unsigned int vgic_host_version(void);

int vgic_domain_init(struct domain *d);
void vgic_domain_destroy(struct domain *d);
int vgic_vcpu_init(struct vcpu *v);
void vgic_vcpu_destroy(struct vcpu *v);

/* Guest addresses: distributor, and CPU interface (v2) or redistributors (v3). */
void vgic_guest_regions(const struct domain *d, uint64_t *dist, uint64_t *dist_size, uint64_t *cpu,
                        uint64_t *cpu_size);

/*
 * Drive the line of an interrupt of the domain (v: whose, for private ones; else NULL). An edge
 * interrupt pends when the line rises. Unknown numbers are ignored. Any CPU.
 */
void vgic_inject(struct domain *d, struct vcpu *v, unsigned int irq, bool level);

/* A host interrupt that belongs to the guest fired: pend it, linked to the host's. */
void vgic_inject_hw(struct domain *d, unsigned int virq);
/* Link or unlink (host_irq 0) a shared interrupt with a host interrupt. -EINVAL, -EBUSY. */
int vgic_link_hw(struct domain *d, unsigned int virq, unsigned int host_irq, bool level);
/* Does it belong to a passed-through device? */
bool vgic_irq_is_assigned(struct domain *d, unsigned int irq);

/* The vCPU leaves or enters this CPU. */
void vgic_vcpu_save(struct vcpu *v);
void vgic_vcpu_load(struct vcpu *v);
/* v is loaded: bring the list registers in line with its state (VCPU_WORK_IRQ, maintenance). */
void vgic_flush(struct vcpu *v);

/* Would an interrupt be taken if the guest unmasked them? v is current. */
bool vgic_vcpu_pending_irq(struct vcpu *v);

/* Trapped ICC_* register: false for one that is not there. */
bool vgic_sysreg(struct vcpu *v, uint32_t reg, uint64_t *val, bool read);

/* Reset of a vCPU (PSCI CPU_ON). */
void vgic_vcpu_reset(struct vcpu *v);

void vgic_dump(struct domain *d);

/* The virtual timer's line of a loaded vCPU (vtimer.c). */
bool vtimer_virt_level(const struct vcpu *v);

#endif
