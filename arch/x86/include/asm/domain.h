/* SPDX-License-Identifier: Apache-2.0 */
/* The x86 part of domains and vCPUs. */
#ifndef WHERRY_ASM_DOMAIN_H
#define WHERRY_ASM_DOMAIN_H

#include <asm/regs.h>
#include <wherry/types.h>

#define DOMAIN_NR_HVM_PARAMS 48

struct arch_vcpu {
    struct cpu_user_regs regs; /* first: see regs.h */
};

struct arch_domain_config {
    uint8_t none;
};

struct arch_domain {
    uint8_t none;
};

#endif
