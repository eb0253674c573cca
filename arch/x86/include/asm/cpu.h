/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's CPUs can do; found once by the boot CPU, then constant. */
#ifndef WHERRY_ASM_CPU_H
#define WHERRY_ASM_CPU_H

#include <wherry/types.h>

struct cpu_features {
    bool svm, vmx;
    bool x2apic, tsc_deadline;
    bool smep, smap, umip;
    uint64_t xcr0; /* what guests may have in it; 0: no XSAVE */
    uint8_t paddr_bits;
};
extern struct cpu_features cpu_features;

/* Bits of guests' physical addresses: the processor's, as it walks their tables, but no more than
 * the p2m has. */
static inline unsigned int cpu_guest_paddr_bits(void)
{
    return cpu_features.paddr_bits < 48 ? cpu_features.paddr_bits : 48;
}

#endif
