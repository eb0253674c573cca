/* SPDX-License-Identifier: Apache-2.0 */
/* Entered by the ELF note: struct hvm_start_info (the PVH boot protocol's public header). */
#include <asm/boot_info.h>
#include <asm/layout.h>
#include <wherry/bug.h>
#include <public/arch-x86/hvm/start_info.h>

void __init boot_pvh(uint32_t addr)
{
    const struct hvm_start_info *info = boot_ptr(addr);
    uint64_t modules, entries;

    if (!boot_ptr_reaches(addr, sizeof(*info)) || info->magic != XEN_HVM_START_MAGIC_VALUE)
        panic("boot: no start info at %x\n", addr);
    boot_info.protocol = "PVH";
    boot_info.rsdp = info->rsdp_paddr;
    modules = (uint64_t)info->nr_modules * sizeof(struct hvm_modlist_entry);
    if (info->cmdline_paddr != 0 && boot_ptr_reaches(info->cmdline_paddr, 1))
        boot_set_cmdline(boot_ptr(info->cmdline_paddr), BOOT_PTR_END - info->cmdline_paddr);
    if (boot_ptr_reaches(info->modlist_paddr, modules)) {
        const struct hvm_modlist_entry *m = boot_ptr(info->modlist_paddr);

        for (uint32_t i = 0; i < info->nr_modules; i++)
            boot_add_module(m[i].paddr, m[i].paddr + m[i].size);
    }
    if (info->version == 0)
        return; /* which has no memory map */
    entries = (uint64_t)info->memmap_entries * sizeof(struct hvm_memmap_table_entry);
    if (boot_ptr_reaches(info->memmap_paddr, entries)) {
        const struct hvm_memmap_table_entry *e = boot_ptr(info->memmap_paddr);

        for (uint32_t i = 0; i < info->memmap_entries; i++)
            boot_add_region(e[i].addr, e[i].size, e[i].type);
    }
}
