/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the x86 boot: head.S, setup.c, boot/, mem.c, mmu.c, smp.c. */
#ifndef WHERRY_ASM_SETUP_H
#define WHERRY_ASM_SETUP_H

#include <wherry/types.h>

/* Linker script. */
extern char _start[], _end[], _text_end[], _rodata_end[], _data_end[], _boot_guard[], _boot_stack[];
extern char _init_text_start[], _init_text_end[], _init_data_start[], _init_data_end[];

/* --- head.S --- */
extern uint64_t boot_pml4[512];
extern char trampoline_start[], trampoline_end[];
extern uint64_t trampoline_cr3, trampoline_stack, trampoline_offset;

/* --- setup.c: from head.S, with the boot loader's magic number and the address of its data --- */
void __noreturn x86_boot(uint32_t magic, uint32_t info);

/* --- smp.c, from head.S --- */
void __noreturn smp_secondary_start(void);
/* Per-CPU areas of all CPUs found; once page_alloc() works. */
void smp_alloc_percpu(void);

/* --- mem.c --- */
/* arch_boot_finished(): .init's pages become ordinary RAM. */
void mem_free_init(void);

/* --- cpu.c --- */
/* Each CPU, first of all: features that it must have, control registers. */
void cpu_setup(void);

/* --- desc.c --- */
/* Each CPU: GDT, TSS and IDT of its own. */
void desc_setup(void);

#endif
