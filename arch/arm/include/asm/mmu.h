/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own stage-1 tables: mapping and unmapping at EL2 (arch/arm/mmu.c). */
#ifndef WHERRY_ASM_MMU_H
#define WHERRY_ASM_MMU_H

#include <wherry/types.h>

/* What a mapping may be used for. Nothing is ever both writable and executable. */
enum mmu_attr {
    MMU_RX,     /* hypervisor text */
    MMU_RO,     /* read-only data */
    MMU_RW,     /* normal memory, write-back */
    MMU_DEVICE, /* Device-nGnRE */
};

/*
 * Map [va, va + size) to pa, both page aligned, where nothing is mapped yet; 2 MiB and 1 GiB blocks
 * where `blocks`. 0, -ENOMEM (a part may be mapped), -EEXIST. Boot CPU, or with the lock of mmu.c.
 */
int mmu_map(uintptr_t va, paddr_t pa, uint64_t size, enum mmu_attr attr, bool blocks);

/* Unmap pages (mapped as pages, not blocks) and flush their translations on every CPU. */
void mmu_unmap(uintptr_t va, uint64_t size);

/*
 * Map device registers; NULL when there is no space or memory. Any alignment. Never undone:
 * devices of the hypervisor stay. Takes the lock of mmu.c.
 */
void *arch_ioremap(paddr_t pa, uint64_t size);

/* Physical address of something in the image (not of the direct map). */
paddr_t arch_image_to_paddr(const void *va);

#endif
