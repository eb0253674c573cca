/* SPDX-License-Identifier: Apache-2.0 */
/* Data and instruction cache maintenance by address of the hypervisor's mapping. */
#ifndef WHERRY_ASM_CACHE_H
#define WHERRY_ASM_CACHE_H

#include <wherry/types.h>

/*
 * Clean and invalidate to the point of coherency: what a guest with its caches off will read,
 * and what it must not find stale when it turns them on. For new RAM and loaded images.
 */
void arch_clean_dcache(const void *va, size_t size);

/* Drop stale instructions on all CPUs, after code was written and cleaned. */
void arch_invalidate_icache(void);

#endif
