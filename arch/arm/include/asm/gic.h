/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's interrupt controller: what arch/arm/irq.c, SMP and the virtual controller ask of
 * it. gicv2.c and gicv3.c each fill in struct gic_ops; their device-tree probe chooses.
 *
 * Priority drop and deactivation are separate (EOImode 1): an interrupt that belongs to a guest is
 * dropped here and deactivated by the guest, through its list register.
 */
#ifndef WHERRY_ASM_GIC_H
#define WHERRY_ASM_GIC_H

#include <wherry/types.h>

struct fdt;

#define GIC_NR_SGIS   16
#define GIC_FIRST_SPI 32
#define GIC_MAX_IRQS  1020 /* 1020 to 1023 are special */
#define GIC_PRIORITY  0xa0 /* of every host interrupt */
#define GIC_MAX_LRS   16

/*
 * A list register in the form of ICH_LR<n>_EL2 (GICv3/v4 specification 12.4); gicv2.c converts.
 * Without LR_HW the field of the physical number holds LR_EOI and, on GICv2, an SGI's sender.
 */
#define LR_VIRQ(lr)       ((uint32_t)((lr)&0xffffffff))
#define LR_PHYS_SHIFT     32
#define LR_PHYS_MASK      (UINT64_C(0x3ff) << LR_PHYS_SHIFT)
#define LR_SOURCE(lr)     ((unsigned int)((lr) >> LR_PHYS_SHIFT) & 7)
#define LR_EOI            BIT64(41) /* maintenance interrupt when deactivated */
#define LR_PRIORITY_SHIFT 48
#define LR_PRIORITY(lr)   ((unsigned int)((lr) >> LR_PRIORITY_SHIFT) & 0xff)
#define LR_GROUP1         BIT64(60)
#define LR_HW             BIT64(61)
#define LR_PENDING        BIT64(62)
#define LR_ACTIVE         BIT64(63)
#define LR_STATE          (LR_PENDING | LR_ACTIVE)

/* ICH_HCR_EL2, GICH_HCR: same bits in both. */
#define GICH_HCR_EN   BIT(0)
#define GICH_HCR_UIE  BIT(1) /* at most one list register is in use */
#define GICH_HCR_NPIE BIT(3) /* none is pending */

/* Fields of the VM control register, in the form of ICH_VMCR_EL2; gicv2.c converts. */
#define VMCR_ENG0      BIT(0)
#define VMCR_ENG1      BIT(1)
#define VMCR_FIQEN     BIT(3)
#define VMCR_PMR(vmcr) ((unsigned int)((vmcr) >> 24) & 0xff)

struct gic_ops {
    unsigned int version;
    void (*init_cpu)(void); /* CPU interface, private interrupts, virtual interface of this CPU */
    void (*send_sgi)(unsigned int cpu, unsigned int sgi);

    /* Private numbers (< 32) mean this CPU's. */
    void (*enable)(unsigned int irq);
    void (*disable)(unsigned int irq); /* done when it returns: the line signals no more */
    void (*set_type)(unsigned int irq, unsigned int type);
    void (*route)(unsigned int irq, unsigned int cpu); /* SPIs */
    void (*set_active)(unsigned int irq, bool active);

    unsigned int (*ack)(void); /* number (and, v2, the SGI's sender in bits 12:10) */
    void (*drop)(unsigned int iar);
    void (*deactivate)(unsigned int iar);

    /* Virtual interface of this CPU. */
    uint64_t (*read_lr)(unsigned int n);
    void (*write_lr)(unsigned int n, uint64_t lr);
    void (*write_hcr)(uint32_t hcr);
    uint64_t (*read_vmcr)(void);
    void (*write_vmcr)(uint64_t vmcr);
    void (*read_apr)(uint32_t apr[8]);
    void (*write_apr)(const uint32_t apr[8]);
};

/* Where the host's controller is and what it can do; set by the probe, then constant. */
struct gic_host {
    const struct gic_ops *ops;
    unsigned int nr_irqs; /* 32 + SPIs */
    uint64_t dist_base, dist_size;
    uint64_t cpu_base, cpu_size;   /* v2: GICC; v3: first region of redistributors */
    uint64_t vcpu_base, vcpu_size; /* v2: GICV */
    uint64_t vcpu_page2;           /* v2: offset of its second page */
    unsigned int maintenance_irq;
    unsigned int nr_lrs;
    unsigned int prio_mask; /* of virtual priorities: bits that exist */
    unsigned int nr_aprs;   /* v3: active priority registers of each group */
};

extern struct gic_host gic_host;

/* Probe: the driver found its registers; fills in the rest and starts this CPU's interface. */
int gic_register(const struct fdt *fdt, int node, const struct gic_host *host);

/* CPU interface of the calling CPU; secondaries have it called by CPU_INIT_IRQ. */
void gic_init_cpu(void);

/* Make `sgi` pending on pCPU `cpu`, ordered after all earlier stores. Any lock may be held. */
void gic_send_sgi(unsigned int cpu, unsigned int sgi);

/*
 * As irq_request(), for a private interrupt that is linked to a guest's: arch_irq_poll() drops its
 * priority only, who deactivates it is fn's business (vgic_inject_hw()).
 */
int irq_request_linked(unsigned int irq, unsigned int type,
                       void (*fn)(unsigned int irq, void *data), void *data);

#endif
