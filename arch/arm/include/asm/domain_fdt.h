/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree that a guest gets. */
#ifndef WHERRY_ASM_DOMAIN_FDT_H
#define WHERRY_ASM_DOMAIN_FDT_H

#include <asm/kernel_image.h>
#include <wherry/lib/fdt.h>
#include <wherry/types.h>

/* What the tree says; numbers of interrupts are GIC ids. */
struct guest_fdt_info {
    const struct guest_layout *layout;
    const char *bootargs;
    unsigned int cpus;
    uint64_t (*cpu_mpidr)(unsigned int vcpu);
    unsigned int gic_version; /* 2 or 3 */
    uint64_t gicd_base, gicd_size;
    uint64_t gicc_base, gicc_size; /* version 3: the redistributors */
    bool hypervisor;               /* there is a /hypervisor node */
    uint32_t evtchn_ppi;
    bool vpl011;
    uint64_t vpl011_base;
    uint32_t vpl011_irq;
    const struct fdt *partial; /* the partial tree passed through, or NULL */
};

/* Write the tree into buf: its size, or -ENOSPC. */
long guest_fdt_write(const struct guest_fdt_info *info, void *buf, size_t size);

#endif
