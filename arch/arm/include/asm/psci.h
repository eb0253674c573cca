/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's PSCI as the hypervisor calls it (Arm DEN 0022), through SMC. */
#ifndef WHERRY_ASM_PSCI_H
#define WHERRY_ASM_PSCI_H

#include <wherry/types.h>

/* Version (major << 16 | minor), 0: none. */
uint32_t psci_version(void);

/* Start a CPU at a physical address, x0 = context. 0, or -errno made of PSCI's code. */
int psci_cpu_on(uint64_t mpidr, paddr_t entry, uint64_t context);

/* They return only if the firmware does not do it. */
void psci_system_off(void);
void psci_system_reset(void);

#endif
