/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting loops of the fake architecture: host threads, which the kernel schedules. */
#ifndef WHERRY_ASM_RELAX_H
#define WHERRY_ASM_RELAX_H

/* There are fewer host CPUs than pCPUs: whoever is waited for may need this one. */
void arch_relax(void);

#endif
