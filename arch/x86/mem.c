/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory at boot, from the boot loader's map; common/boot/ram.c does the rest. */
#include <asm/boot_info.h>
#include <asm/mmu.h>
#include <asm/page.h>
#include <asm/setup.h>
#include <wherry/boot_ram.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/mm.h>

/* What firmware and starting CPUs use: nobody gets it, but it can be read. */
#define LOW_MEMORY_END 0x100000

static int __init mem_init(void)
{
    mmu_init();
    for (unsigned int i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.region[i];

        if (r->type == BOOT_MEM_RAM)
            boot_ram_add(r->start, r->start + r->size);
    }
    boot_ram_reserve(0, LOW_MEMORY_END);
    boot_ram_hide(arch_image_to_paddr(_start).v, arch_image_to_paddr(_end).v);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        boot_ram_reserve(boot_info.module[i].addr,
                         boot_info.module[i].addr + boot_info.module[i].size);
    boot_ram_setup();
    mmu_use_heap();
    smp_alloc_percpu();
    return 0;
}
INIT_CALL(INIT_MEMORY, mem_init);

/* A part of the image that is done with becomes RAM like any other. */
static void free_image_part(const char *start, const char *end)
{
    paddr_t pa = arch_image_to_paddr(start);
    uint64_t size = (uint64_t)(end - start);

    if (size == 0)
        return;
    mmu_unmap((uintptr_t)start, size);
    if (mmu_map((uintptr_t)DIRECTMAP_VIRT + pa.v, pa, size, MMU_RW, false) == 0)
        page_add_region(pa, paddr(pa.v + size));
}

void mem_free_init(void)
{
    free_image_part(_init_text_start, _init_text_end);
    free_image_part(_init_data_start, _init_data_end);
}
