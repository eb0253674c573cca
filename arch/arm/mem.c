/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host memory at boot: what the device tree calls RAM, minus what is in use. common/boot/ram.c does
 * the rest.
 */
#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/page.h>
#include <asm/setup.h>
#include <wherry/boot.h>
#include <wherry/boot_ram.h>
#include <wherry/bug.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

static void __init add_memory_node(const struct fdt *fdt, int node)
{
    uint64_t addr, size;

    for (unsigned int i = 0; fdt_get_reg_root(fdt, node, i, &addr, &size) == 0; i++)
        boot_ram_add(addr, addr + size);
}

static void __init find_ram(const struct fdt *fdt)
{
    int node;

    fdt_for_each_subnode (fdt, node, fdt_root(fdt)) {
        const char *type = fdt_prop_string(fdt, node, "device_type");

        if (type != NULL && strcmp(type, "memory") == 0 && fdt_is_available(fdt, node))
            add_memory_node(fdt, node);
    }
}

typedef void (*range_fn)(uint64_t start, uint64_t end);

static void __init for_each_reg(const struct fdt *fdt, int node, range_fn fn)
{
    uint64_t addr, size;

    for (unsigned int i = 0; fdt_get_reg_root(fdt, node, i, &addr, &size) == 0; i++)
        fn(addr, addr + size);
}

/* /reserved-memory: not to be allocated; and not even mapped where it says so. */
static void __init reserve_reserved_memory(const struct fdt *fdt)
{
    int parent = fdt_find_path(fdt, "/reserved-memory");
    int node;

    if (parent < 0)
        return;
    fdt_for_each_subnode (fdt, node, parent)
        for_each_reg(fdt, node,
                     fdt_has_prop(fdt, node, "no-map") ? boot_ram_hide : boot_ram_reserve);
}

/* Boot modules anywhere below a node: kernels, ramdisks, partial trees of domains. */
static void __init reserve_modules(const struct fdt *fdt, int parent, unsigned int depth)
{
    int node;

    fdt_for_each_subnode (fdt, node, parent) {
        uint64_t addr, size;

        /* /chosen has no ranges: the address is the host's as it is written. */
        if (boot_module_region(fdt, node, &addr, &size))
            boot_ram_reserve(addr, addr + size);
        if (depth != 0)
            reserve_modules(fdt, node, depth - 1);
    }
}

static void __init reserve_linux_initrd(const struct fdt *fdt, int chosen)
{
    uint64_t start, end;

    if (fdt_prop_u64(fdt, chosen, "linux,initrd-start", &start) == 0 &&
        fdt_prop_u64(fdt, chosen, "linux,initrd-end", &end) == 0)
        boot_ram_reserve(start, end);
}

static void __init reserve_used(const struct fdt *fdt)
{
    int chosen = fdt_find_path(fdt, "/chosen");
    uint64_t addr, size;
    paddr_t start, end;

    /* The image has its own mapping; a second, writable one of its text must not be. */
    boot_ram_hide(arch_image_to_paddr(_start).v, arch_image_to_paddr(_end).v);
    boot_fdt_range(&start, &end);
    boot_ram_reserve(start.v, end.v);
    for (unsigned int i = 0; fdt_get_reserved(fdt, i, &addr, &size) == 0; i++)
        boot_ram_reserve(addr, addr + size);
    reserve_reserved_memory(fdt);
    if (chosen >= 0) {
        reserve_modules(fdt, chosen, 4);
        reserve_linux_initrd(fdt, chosen);
    }
}

bool __init mem_touches_ram(uint64_t start, uint64_t size)
{
    if (start < arch_image_to_paddr(_end).v && arch_image_to_paddr(_start).v < start + size)
        return true;
    return boot_ram_touches(start, size);
}

int __init arch_map_ram(uintptr_t va, paddr_t pa, uint64_t size)
{
    return mmu_map(va, pa, size, MMU_RW, true);
}

static int __init mem_init(void)
{
    const struct fdt *fdt = host_fdt();

    find_ram(fdt);
    reserve_used(fdt);
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
    if (!arch_frame_populated(paddr_to_mfn(pa)))
        return; /* the firmware put us outside what it calls RAM */
    if (mmu_map((uintptr_t)DIRECTMAP_VIRT + pa.v, pa, size, MMU_RW, false) == 0)
        page_add_region(pa, paddr(pa.v + size));
}

void mem_free_init(void)
{
    free_image_part(_init_text_start, _init_text_end);
    free_image_part(_init_data_start, _init_data_end);
}
