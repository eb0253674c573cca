/* SPDX-License-Identifier: Apache-2.0 */
/* Host frames of the fake architecture: a piece of the test program's own memory. */
#ifndef WHERRY_ASM_PAGE_H
#define WHERRY_ASM_PAGE_H

#include <wherry/types.h>

struct page;

/* Machine addresses start here, so that a virtual address never passes for one. */
#define FAKE_RAM_BASE   UINT64_C(0x40000000)
#define FAKE_RAM_FRAMES 4096

extern struct page *const arch_frame_table;
extern unsigned char fake_ram[FAKE_RAM_FRAMES << PAGE_SHIFT];

#define arch_frame_base (FAKE_RAM_BASE >> PAGE_SHIFT)
#define arch_frame_end  (arch_frame_base + FAKE_RAM_FRAMES)

static inline bool arch_frame_populated(mfn_t m)
{
    return m.v >= arch_frame_base && m.v < arch_frame_end;
}

static inline void *arch_paddr_to_virt(paddr_t p)
{
    return fake_ram + (p.v - FAKE_RAM_BASE);
}

static inline paddr_t arch_virt_to_paddr(const void *va)
{
    return paddr((uint64_t)((const unsigned char *)va - fake_ram) + FAKE_RAM_BASE);
}

#endif
