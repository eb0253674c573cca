/* SPDX-License-Identifier: Apache-2.0 */
/* A host thread is a pCPU. Its offset is 0, the template itself, unless a test gives it a copy. */
#ifndef WHERRY_ASM_PERCPU_H
#define WHERRY_ASM_PERCPU_H

#include <wherry/types.h>

extern _Thread_local uintptr_t fake_percpu_offset;

static inline uintptr_t arch_percpu_offset(void)
{
    return fake_percpu_offset;
}

#endif
