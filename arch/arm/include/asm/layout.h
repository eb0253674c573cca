/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own address space at EL2: 48 bits, 4 KiB granule. For C, assembly and the linker
 * script.
 *
 *   0x0000_0000_0000_0000  nothing, but for one page of boot code mapped at its physical address
 *                          (CPUs turn their MMU on there); gone when the boot is over
 *   0x0000_8000_0020_0000  the image, W^X page by page
 *   0x0000_8000_4000_0000  pCPU stacks, each above an unmapped guard
 *   0x0000_8000_8000_0000  devices (arch_ioremap)
 *   0x0000_8000_c000_0000  boot: the device tree as the firmware gave it
 *   0x0000_9000_0000_0000  frame table, by mfn; only the parts of existing RAM are mapped
 *   0x0000_a000_0000_0000  direct map: RAM at its physical address plus this
 */
#ifndef WHERRY_ASM_LAYOUT_H
#define WHERRY_ASM_LAYOUT_H

#define IMAGE_VIRT      0x0000800000200000
#define IMAGE_MAX_SIZE  0x400000
#define STACKS_VIRT     0x0000800040000000
#define IOREMAP_VIRT    0x0000800080000000
#define IOREMAP_SIZE    0x40000000
#define BOOT_FDT_VIRT   0x00008000c0000000
#define FRAMETABLE_VIRT 0x0000900000000000
#define DIRECTMAP_VIRT  0x0000a00000000000

/*
 * A CPU's stack is the upper half of its slot; the lower half is never mapped, so running over
 * the end faults whatever the size of the frame.
 */
#define STACK_SIZE      0x8000
#define STACK_SLOT_SIZE 0x10000

/* Where faults of the hypervisor itself are handled: per CPU, in the per-CPU area. */
#define EMERGENCY_STACK_SIZE 0x2000
#define HYP_FAULT_REGS_SIZE  304

/* RAM above this physical address is not used. */
#define RAM_PA_BITS 40

#endif
