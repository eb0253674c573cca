/* SPDX-License-Identifier: Apache-2.0 */
/* Caches are coherent with what guests see, whatever their own attributes: nothing to do. */
#ifndef WHERRY_ASM_CACHE_H
#define WHERRY_ASM_CACHE_H

#include <wherry/types.h>

static inline void arch_clean_dcache(const void *va, size_t size)
{
    (void)va;
    (void)size;
}

#endif
