/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain and a vCPU are on the fake architecture: what its hooks record for tests. */
#ifndef WHERRY_ASM_DOMAIN_H
#define WHERRY_ASM_DOMAIN_H

#include <wherry/types.h>

#define DOMAIN_NR_HVM_PARAMS 48

struct arch_vcpu {
    /* arch_ioreq_complete(): how often, and the last result. */
    unsigned int completions;
    bool answered;
    uint64_t result;
    unsigned int upcalls;            /* arch_evtchn_upcall() */
    unsigned int deliveries_enabled; /* arch_event_delivery_enable() */
};

struct arch_domain_config {
    uint8_t none;
};

struct arch_domain {
    unsigned int spi_level_calls; /* arch_dm_op(set_irq_level) */
    uint32_t spi;
    uint8_t spi_level;
};

#endif
