/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own address space on x86-64: 4-level paging. For C, assembly and the linker
 * script.
 *
 *   0x0000_0000_0000_0000  boot: the first 4 GiB at their physical addresses; gone when it is over
 *   0xffff_8000_0000_0000  direct map: RAM at its physical address plus this
 *   0xffff_c000_0000_0000  frame table, by mfn; only the parts of existing RAM are mapped
 *   0xffff_d000_0000_0000  devices (arch_ioremap)
 *   0xffff_d100_0000_0000  pCPU stacks, each above an unmapped guard
 *   0xffff_ffff_8000_0000  physical address 0 as the image sees it: it is linked and loaded at 2
 * MiB
 */
#ifndef WHERRY_ASM_LAYOUT_H
#define WHERRY_ASM_LAYOUT_H

#define IMAGE_OFFSET    0xffffffff80000000
#define IMAGE_PHYS      0x200000
#define IMAGE_MAX_SIZE  0x800000
#define DIRECTMAP_VIRT  0xffff800000000000
#define FRAMETABLE_VIRT 0xffffc00000000000
#define IOREMAP_VIRT    0xffffd00000000000
#define IOREMAP_SIZE    0x40000000
#define STACKS_VIRT     0xffffd10000000000

/* Physical addresses of RAM that the tables are made for. */
#define RAM_PA_BITS 40

#define STACK_SIZE      0x8000
#define STACK_SLOT_SIZE 0x10000

/* Real-mode code of starting CPUs is copied here: a page below 1 MiB. */
#define TRAMPOLINE_PHYS 0x8000

/* Selectors of the GDT (desc.c and head.S agree). */
#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18
#define SEL_TSS    0x20

#endif
