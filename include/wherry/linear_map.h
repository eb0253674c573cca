/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The direct map and the frame table of architectures that lay both out by physical address
 * (asm/layout.h: DIRECTMAP_VIRT, FRAMETABLE_VIRT, RAM_PA_BITS), so that a translation is one
 * addition: what asm/page.h has to give for include/wherry/mm.h. Filled in by common/boot/ram.c.
 */
#ifndef WHERRY_LINEAR_MAP_H
#define WHERRY_LINEAR_MAP_H

#include <asm/layout.h>
#include <wherry/types.h>

struct page;

#define arch_frame_table ((struct page *)FRAMETABLE_VIRT)
/* The table starts with frame 0: no subtraction in mfn_to_page(). */
#define arch_frame_base UINT64_C(0)

/* One past the last frame of RAM. Set while the boot CPU is alone, then constant. */
extern uint64_t arch_frame_end;

/* The table is populated in sections of 128 MiB of physical address space. */
#define FRAME_SECTION_SHIFT 27
#define FRAME_NR_SECTIONS   (1u << (RAM_PA_BITS - FRAME_SECTION_SHIFT))

/* Bit per section. Set while the boot CPU is alone, then constant. */
extern uint64_t arch_frame_sections[FRAME_NR_SECTIONS / 64];

/* Whether the frame table has an entry for m (it may still be a hole: PAGE_RAM). */
static inline bool arch_frame_populated(mfn_t m)
{
    uint64_t section = m.v >> (FRAME_SECTION_SHIFT - PAGE_SHIFT);

    return section < FRAME_NR_SECTIONS &&
           ((arch_frame_sections[section / 64] >> (section % 64)) & 1);
}

/* RAM only: what is not RAM has no mapping there. */
static inline void *arch_paddr_to_virt(paddr_t p)
{
    return (void *)(DIRECTMAP_VIRT + p.v);
}

static inline paddr_t arch_virt_to_paddr(const void *va)
{
    return paddr((uint64_t)va - DIRECTMAP_VIRT);
}

#endif
