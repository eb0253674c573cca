/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host memory at boot: RAM from the device tree, minus what is in use, into direct map, frame table
 * and page allocator.
 */
#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/page.h>
#include <asm/setup.h>
#include <wherry/boot.h>
#include <wherry/bug.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>
#include <wherry/printk.h>

uint64_t arch_frame_end;
uint64_t arch_frame_sections[FRAME_NR_SECTIONS / 64];

#define MAX_RANGES   64
#define SECTION_SIZE BIT64(FRAME_SECTION_SHIFT)

/* Disjoint physical ranges, page aligned, unordered. */
struct ranges {
    unsigned int n;
    struct range {
        uint64_t start, end;
    } r[MAX_RANGES];
};

/* Boot CPU only; gone with .init. */
static struct ranges ram __initdata;    /* what the tree calls memory */
static struct ranges mapped __initdata; /* of that, what the direct map gets */
static struct ranges usable __initdata; /* of that, what is free */

static void __init ranges_add(struct ranges *rs, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    if (rs->n == MAX_RANGES)
        panic("mem: more than %u pieces of memory\n", MAX_RANGES);
    rs->r[rs->n++] = (struct range){start, end};
}

/* Take [start, end) out, widened to whole pages. */
static void __init ranges_sub(struct ranges *rs, uint64_t start, uint64_t end)
{
    unsigned int n = rs->n;

    start &= PAGE_MASK;
    end = (end + PAGE_SIZE - 1) & PAGE_MASK;
    for (unsigned int i = 0; i < n; i++) {
        struct range *r = &rs->r[i];
        uint64_t tail = r->end;

        if (end <= r->start || start >= r->end)
            continue;
        r->end = MAX(start, r->start); /* may become empty */
        ranges_add(rs, end, tail);
    }
}

static void __init add_memory_node(const struct fdt *fdt, int node)
{
    uint64_t addr, size;

    for (unsigned int i = 0; fdt_get_reg_root(fdt, node, i, &addr, &size) == 0; i++) {
        uint64_t end = addr + size;

        if (end < addr || end > BIT64(RAM_PA_BITS)) {
            printk("mem: %s: \"reg\" %lx+%lx is out of reach, ignored in part\n",
                   fdt_node_name(fdt, node), addr, size);
            end = BIT64(RAM_PA_BITS);
        }
        addr = (addr + PAGE_SIZE - 1) & PAGE_MASK;
        end &= PAGE_MASK;
        ranges_sub(&ram, addr, end); /* two nodes may overlap */
        ranges_add(&ram, addr, end);
    }
}

static void __init find_ram(const struct fdt *fdt)
{
    int node;

    fdt_for_each_subnode (fdt, node, fdt_root(fdt)) {
        const char *type = fdt_prop_string(fdt, node, "device_type");

        if (type != NULL && strcmp(type, "memory") == 0 && fdt_is_available(fdt, node))
            add_memory_node(fdt, node);
    }
    if (ram.n == 0)
        panic("mem: no memory node in the device tree\n");
}

static void __init sub_reg(struct ranges *rs, const struct fdt *fdt, int node)
{
    uint64_t addr, size;

    for (unsigned int i = 0; fdt_get_reg_root(fdt, node, i, &addr, &size) == 0; i++)
        if (addr + size > addr)
            ranges_sub(rs, addr, addr + size);
}

/* /reserved-memory: not to be allocated; and not even mapped where it says so. */
static void __init sub_reserved_memory(const struct fdt *fdt)
{
    int parent = fdt_find_path(fdt, "/reserved-memory");
    int node;

    if (parent < 0)
        return;
    fdt_for_each_subnode (fdt, node, parent) {
        sub_reg(&usable, fdt, node);
        if (fdt_has_prop(fdt, node, "no-map"))
            sub_reg(&mapped, fdt, node);
    }
}

/* Boot modules anywhere below a node: kernels, ramdisks, partial trees of domains. */
static void __init sub_modules(const struct fdt *fdt, int parent, unsigned int depth)
{
    int node;

    fdt_for_each_subnode (fdt, node, parent) {
        uint64_t addr, size;

        /* /chosen has no ranges: the address is the host's as it is written. */
        if (boot_module_region(fdt, node, &addr, &size))
            ranges_sub(&usable, addr, addr + size);
        if (depth != 0)
            sub_modules(fdt, node, depth - 1);
    }
}

static void __init sub_linux_initrd(const struct fdt *fdt, int chosen)
{
    uint64_t start, end;

    if (fdt_prop_u64(fdt, chosen, "linux,initrd-start", &start) == 0 &&
        fdt_prop_u64(fdt, chosen, "linux,initrd-end", &end) == 0 && start < end)
        ranges_sub(&usable, start, end);
}

static void __init find_usable(const struct fdt *fdt)
{
    uint64_t image = arch_image_to_paddr(_start).v;
    uint64_t image_end = arch_image_to_paddr(_end).v;
    int chosen = fdt_find_path(fdt, "/chosen");
    uint64_t addr, size;
    paddr_t start, end;

    mapped = ram;
    usable = ram;
    /* The image has its own mapping; a second, writable one of its text must not be. */
    ranges_sub(&mapped, image, image_end);
    ranges_sub(&usable, image, image_end);
    boot_fdt_range(&start, &end);
    ranges_sub(&usable, start.v, end.v);
    for (unsigned int i = 0; fdt_get_reserved(fdt, i, &addr, &size) == 0; i++)
        if (addr + size > addr)
            ranges_sub(&usable, addr, addr + size);
    sub_reserved_memory(fdt);
    if (chosen >= 0) {
        sub_modules(fdt, chosen, 4);
        sub_linux_initrd(fdt, chosen);
    }
}

/* Disjoint ranges may touch, so one look may not be enough. */
bool __init mem_is_mapped(uint64_t start, uint64_t size)
{
    uint64_t end = start + size;

    for (unsigned int i = 0; i < mapped.n && start < end; i++) {
        if (start >= mapped.r[i].start && start < mapped.r[i].end) {
            start = mapped.r[i].end;
            i = (unsigned int)-1; /* the one behind it may be anywhere */
        }
    }
    return start >= end;
}

bool __init mem_touches_ram(uint64_t start, uint64_t size)
{
    uint64_t end = start + size;

    if (start < arch_image_to_paddr(_end).v && arch_image_to_paddr(_start).v < end)
        return true;
    for (unsigned int i = 0; i < mapped.n; i++)
        if (start < mapped.r[i].end && mapped.r[i].start < end)
            return true;
    return false;
}

static void __init map_direct(void)
{
    for (unsigned int i = 0; i < mapped.n; i++) {
        const struct range *r = &mapped.r[i];
        int rc = mmu_map((uintptr_t)DIRECTMAP_VIRT + r->start, paddr(r->start), r->end - r->start,
                         MMU_RW, true);

        if (rc != 0)
            panic("mem: direct map of %lx-%lx fails (%d)\n", r->start, r->end, rc);
    }
}

/* Take `size` bytes, aligned to it, from usable memory before the allocator exists. */
static paddr_t __init boot_alloc(uint64_t size)
{
    for (unsigned int i = 0; i < usable.n; i++) {
        uint64_t start = (usable.r[i].start + size - 1) & ~(size - 1);

        if (start + size <= usable.r[i].end && start >= usable.r[i].start) {
            ranges_sub(&usable, start, start + size);
            memset(arch_paddr_to_virt(paddr(start)), 0, size);
            return paddr(start);
        }
    }
    panic("mem: no memory for the frame table\n");
}

/* Frame table for one section: 1 MiB of entries for 128 MiB of memory. */
static void __init populate_section(uint64_t section)
{
    const uint64_t bytes = (SECTION_SIZE >> PAGE_SHIFT) * sizeof(struct page);
    uintptr_t va = (uintptr_t)FRAMETABLE_VIRT + section * bytes;

    _Static_assert(sizeof(struct page) == 32, "a section's entries are whole pages, a power of 2");
    if (arch_frame_sections[section / 64] & BIT64(section % 64))
        return;
    if (mmu_map(va, boot_alloc(bytes), bytes, MMU_RW, true) != 0)
        panic("mem: frame table cannot be mapped\n");
    arch_frame_sections[section / 64] |= BIT64(section % 64);
}

static void __init build_frame_table(void)
{
    for (unsigned int i = 0; i < ram.n; i++) {
        const struct range *r = &ram.r[i];

        if (r->start >= r->end)
            continue;
        for (uint64_t a = r->start & ~(SECTION_SIZE - 1); a < r->end; a += SECTION_SIZE)
            populate_section(a >> FRAME_SECTION_SHIFT);
        arch_frame_end = MAX(arch_frame_end, r->end >> PAGE_SHIFT);
    }
}

static int __init mem_init(void)
{
    const struct fdt *fdt = host_fdt();

    find_ram(fdt);
    find_usable(fdt);
    map_direct();
    build_frame_table();
    for (unsigned int i = 0; i < ram.n; i++)
        if (ram.r[i].start < ram.r[i].end)
            printk("mem: RAM %lx-%lx\n", ram.r[i].start, ram.r[i].end - 1);
    for (unsigned int i = 0; i < usable.n; i++)
        if (usable.r[i].start < usable.r[i].end)
            page_add_region(paddr(usable.r[i].start), paddr(usable.r[i].end));
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
