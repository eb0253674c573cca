/* SPDX-License-Identifier: Apache-2.0 */
/* What a p2m has on Arm besides its tables (include/wherry/p2m_tree.h). */
#ifndef WHERRY_ASM_P2M_ARCH_H
#define WHERRY_ASM_P2M_ARCH_H

#include <wherry/types.h>

struct p2m_arch {
    uint64_t vttbr; /* VMID and base */
};

/* VTCR_EL2 for every domain; each pCPU programs it once. */
uint64_t p2m_vtcr(void);

#endif
