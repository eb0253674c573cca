/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the Arm boot: head.S, setup.c, mem.c, mmu.c, smp.c, time.c. */
#ifndef WHERRY_ASM_SETUP_H
#define WHERRY_ASM_SETUP_H

#include <wherry/lib/fdt.h>
#include <wherry/types.h>

/* Linker script. */
extern char _start[], _end[], _text_end[], _rodata_end[], _data_end[];
extern char _idmap_start[], _idmap_end[], _boot_stack[];
extern char _init_text_start[], _init_text_end[], _init_data_start[], _init_data_end[];

/* --- setup.c: from head.S, with the physical address of the device tree --- */
void __noreturn arm_boot(uint64_t fdt_pa);
void __noreturn boot_report_el1(uint64_t fdt_pa);

/* Physical range of the device tree as the firmware gave it. */
void boot_fdt_range(paddr_t *start, paddr_t *end);

/* --- mmu.c --- */
void mmu_map_boot_stack(void);
/* Allocate and map the stack of another CPU above its guard; 0 or -ENOMEM. */
int mmu_map_stack(unsigned int cpu);
/* Tables may come from page_alloc() from now on. */
void mmu_use_heap(void);
void mmu_drop_identity(void);
/* arch_ioremap() without the lock: boot CPU only. */
void *mmu_map_device(paddr_t pa, uint64_t size);

/* --- head.S --- */
void secondary_start(void);
/* --- smp.c, from head.S --- */
void __noreturn smp_secondary_start(unsigned int cpu);

/* --- mem.c --- */
/* Is any of it RAM that is the hypervisor's to use or to give away? While booting only. */
bool mem_touches_ram(uint64_t start, uint64_t size);
/* arch_boot_finished(): .init's pages become ordinary RAM. */
void mem_free_init(void);

/* --- smp.c --- */
/* Per-CPU areas of all CPUs found; once page_alloc() works. */
void smp_alloc_percpu(void);

#endif
