/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot loader said, whichever protocol it speaks: copied out of its memory before that is
 * used for anything else. arch/x86/boot/ has one file for each protocol.
 */
#ifndef WHERRY_ASM_BOOT_INFO_H
#define WHERRY_ASM_BOOT_INFO_H

#include <asm/layout.h>
#include <wherry/boot.h>
#include <wherry/types.h>

#define BOOT_MAX_REGIONS 64
#define BOOT_MAX_MODULES 32
#define BOOT_CMDLINE_LEN 1024

/* Memory map entries as ACPI numbers them. */
#define BOOT_MEM_RAM  1
#define BOOT_MEM_ACPI 3

struct boot_region {
    uint64_t start, size;
    uint32_t type;
};

struct boot_info {
    const char *protocol;
    uint64_t rsdp; /* physical address of the ACPI root pointer, or 0: search */
    unsigned int nr_regions, nr_modules;
    struct boot_region region[BOOT_MAX_REGIONS];
    struct boot_module module[BOOT_MAX_MODULES]; /* in the loader's order */
    char cmdline[BOOT_CMDLINE_LEN];
};

/* Filled in by x86_boot(), then constant; until the boot is over. */
extern struct boot_info boot_info;

void boot_add_region(uint64_t start, uint64_t size, uint32_t type);
void boot_add_module(uint64_t start, uint64_t end);
/* At most `max` bytes of text, to its terminator if there is one. */
void boot_set_cmdline(const char *text, uint64_t max);

#define BOOT_PTR_END (UINT64_C(1) << 32)

/* Can boot_ptr() reach all of it? */
static inline bool boot_ptr_reaches(uint64_t pa, uint64_t size)
{
    return pa <= BOOT_PTR_END && size <= BOOT_PTR_END - pa;
}

/* Something at a physical address below 4 GiB, through the tables of head.S. */
static inline void *boot_ptr(uint64_t pa)
{
    return (void *)(DIRECTMAP_VIRT + pa);
}

#define MULTIBOOT1_MAGIC 0x2badb002
#define MULTIBOOT2_MAGIC 0x36d76289
#define PVH_MAGIC        0x336ec578

void boot_multiboot1(uint32_t info);
void boot_multiboot2(uint32_t info);
void boot_pvh(uint32_t info);

#endif
