/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own page tables (arch/x86/mmu.c). */
#ifndef WHERRY_ASM_MMU_H
#define WHERRY_ASM_MMU_H

#include <asm/layout.h>
#include <wherry/types.h>

/* What a mapping may be used for. Nothing is ever both writable and executable. */
enum mmu_attr {
    MMU_RX,     /* hypervisor text */
    MMU_RO,     /* read-only data */
    MMU_RW,     /* normal memory, write-back */
    MMU_DEVICE, /* uncached */
};

/*
 * Map [va, va + size) to pa, both page aligned, where nothing is mapped yet; 2 MiB and 1 GiB blocks
 * where `blocks`. 0, -ENOMEM (a part may be mapped), -EEXIST. Boot CPU, or with the lock of mmu.c.
 */
int mmu_map(uintptr_t va, paddr_t pa, uint64_t size, enum mmu_attr attr, bool blocks);

/* Unmap pages (not blocks). This CPU's translations only: others must not have used them. */
void mmu_unmap(uintptr_t va, uint64_t size);

/*
 * Map device registers; NULL when there is no space or memory. Any alignment. Never undone:
 * devices of the hypervisor stay. Takes the lock of mmu.c.
 */
void *arch_ioremap(paddr_t pa, uint64_t size);

/* Physical address of something in the image (not of the direct map). */
static inline paddr_t arch_image_to_paddr(const void *va)
{
    return paddr((uint64_t)va - IMAGE_OFFSET);
}

/* The root of the hypervisor's tables, for a CPU that starts. */
paddr_t mmu_root(void);

/* Boot: tables of our own instead of head.S's; W^X for the image. Once, boot CPU. */
void mmu_init(void);
/* Tables may come from page_alloc() from now on. */
void mmu_use_heap(void);
/* Allocate and map the stack of a CPU above its guard; 0 or -ENOMEM. */
int mmu_map_stack(unsigned int cpu);
/* The first 4 GiB at their own addresses go: no CPU starts any more. */
void mmu_drop_identity(void);

#endif
