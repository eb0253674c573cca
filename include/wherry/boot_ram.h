/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host memory at boot: the arch says what RAM there is and what of it is in use; from that come the
 * direct map, the frame table and what the page allocator gets. Boot CPU only, until INIT_MEMORY is
 * over; for architectures with include/wherry/linear_map.h.
 */
#ifndef WHERRY_BOOT_RAM_H
#define WHERRY_BOOT_RAM_H

#include <wherry/types.h>

/* RAM in [start, end), cut to whole pages and to RAM_PA_BITS; may overlap what was added. */
void boot_ram_add(uint64_t start, uint64_t end);
/* Of that, what the allocator must not give away, widened to whole pages. */
void boot_ram_reserve(uint64_t start, uint64_t end);
/* The same, and the direct map must not show it. */
void boot_ram_hide(uint64_t start, uint64_t end);

/* Can all of these physical addresses be read through the direct map? */
bool boot_ram_is_mapped(uint64_t start, uint64_t size);
/* Is any of them in the direct map? */
bool boot_ram_touches(uint64_t start, uint64_t size);

/* Everything is said: direct map, frame table, allocator. Panics when there is no RAM. */
void boot_ram_setup(void);

/* --- arch hook --- */
/* Map RAM for the hypervisor, read-write, not executable, in large blocks. 0/-errno. */
int arch_map_ram(uintptr_t va, paddr_t pa, uint64_t size);

#endif
