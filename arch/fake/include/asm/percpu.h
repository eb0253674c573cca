/* SPDX-License-Identifier: Apache-2.0 */
/* One pCPU, or one host thread after the other: per-CPU variables are the template itself. */
#ifndef WHERRY_ASM_PERCPU_H
#define WHERRY_ASM_PERCPU_H

#include <wherry/types.h>

static inline uintptr_t arch_percpu_offset(void)
{
    return 0;
}

#endif
