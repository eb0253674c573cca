/* SPDX-License-Identifier: Apache-2.0 */
/* Host interrupts: descriptors, handlers of the hypervisor, and routing lines to a guest. */
#ifndef WHERRY_IRQ_H
#define WHERRY_IRQ_H

#include <wherry/types.h>

struct domain;

#define IRQ_TYPE_EDGE  1
#define IRQ_TYPE_LEVEL 4

/*
 * Claim a host interrupt for the hypervisor. fn runs from arch_irq_poll() with no lock held.
 * -EBUSY when it is taken. Per-CPU interrupts (PPI) are enabled on the calling CPU only.
 */
int irq_request(unsigned int irq, unsigned int type, void (*fn)(unsigned int irq, void *data),
                void *data);

/* Give a host SPI to a domain as virtual interrupt virq (hardware-backed in the vGIC). */
int irq_route_to_guest(struct domain *d, unsigned int irq, unsigned int virq, unsigned int type);
/* Take it back (domain death): masked, deactivated. */
void irq_release_guest(struct domain *d);

#endif
