/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's interrupt controller: what the rest of the Arm backend asks of it, and what each
 * version's driver gives. Interrupts are dropped in priority when taken and deactivated separately
 * (EOI mode 1), so that one routed to a guest stays active until the guest ends it.
 */
#ifndef WHERRY_ASM_GIC_H
#define WHERRY_ASM_GIC_H

#include <wherry/types.h>

#define GIC_NR_SGIS   16
#define GIC_FIRST_SPI 32
#define GIC_MAX_IRQS  1020
#define GIC_SPURIOUS  1023
#define GIC_MAX_LRS   16

#define GIC_PRIORITY_HOST 0x80 /* of every host interrupt: they do not nest */

/* One list register, version-neutral. */
struct gic_lr {
    uint16_t irq;    /* virtual */
    uint16_t hw_irq; /* physical, when hw */
    uint8_t priority;
    uint8_t source;  /* SGI of a GICv2: the sending CPU */
    bool hw;         /* the guest's deactivation also deactivates hw_irq */
    bool eoi;        /* maintenance interrupt when the guest ends it; not with hw */
    bool pending, active;
};

/* CPU interface state of a vCPU that is not loaded. */
struct gic_vcpu_state {
    uint64_t vmcr;
    uint32_t ap0r[4], ap1r[4];
};

struct gic_ops {
    unsigned int version; /* 2 or 3 */
    void (*init_cpu)(void);
    uint32_t (*acknowledge)(void); /* interrupt number, source in the upper bits on GICv2 */
    void (*drop_priority)(uint32_t ack);
    void (*deactivate)(uint32_t ack);
    void (*send_sgi)(unsigned int cpu, unsigned int sgi);
    void (*set_enabled)(unsigned int irq, bool enabled); /* private ones: of this CPU */
    void (*set_type)(unsigned int irq, unsigned int type);
    void (*route_spi)(unsigned int irq, unsigned int cpu);

    /* The virtual CPU interface of this CPU. */
    unsigned int (*nr_lrs)(void);
    void (*write_lr)(unsigned int n, const struct gic_lr *lr);
    void (*clear_lr)(unsigned int n);
    void (*read_lr)(unsigned int n, struct gic_lr *lr);
    void (*set_virtual)(bool on, bool underflow); /* deliver; interrupt when LRs run empty */
    void (*save)(struct gic_vcpu_state *s);
    void (*load)(const struct gic_vcpu_state *s);
    uint8_t (*priority_mask)(void); /* the guest's, now */
};

/* The driver in use; set once at boot. */
extern const struct gic_ops *gic;

/* From a driver's probe: nr_irqs counts all interrupts, maintenance is that interrupt's number. */
void gic_register(const struct gic_ops *ops, unsigned int nr_irqs, unsigned int maintenance,
                  unsigned int maintenance_type);

/* This CPU's interface; on each CPU before interrupts are used there. */
void gic_init_cpu(void);

unsigned int gic_nr_irqs(void);
void gic_send_sgi(unsigned int cpu, unsigned int sgi);

/* Reset values of the CPU interface of a vCPU. */
void gic_reset_vcpu_state(struct gic_vcpu_state *s);

/* GICv2: machine address of the two pages of the virtual CPU interface, for guests. */
paddr_t gicv2_vcpu_interface(void);

#endif
