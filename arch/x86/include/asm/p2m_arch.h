/* SPDX-License-Identifier: Apache-2.0 */
/* What a p2m has on x86 besides its tables (include/wherry/p2m_tree.h). */
#ifndef WHERRY_ASM_P2M_ARCH_H
#define WHERRY_ASM_P2M_ARCH_H

#include <wherry/atomic.h>
#include <wherry/types.h>

struct p2m_arch {
    paddr_t root; /* what nested CR3 or the EPT pointer names */
    /*
     * Grows each time translations are taken away. A vCPU enters its guest only with translations
     * that were cached under the present one (hvm_flush_needed()); arch_p2m_flush() waits for the
     * pCPUs that are in a guest of this p2m meanwhile. Atomic.
     */
    atomic64_t epoch;
    /*
     * VMX: the epoch at which each pCPU last forgot what it had cached through these tables. Each
     * pCPU its own.
     */
    uint64_t flushed[CONFIG_NR_CPUS];
};

#endif
