/* SPDX-License-Identifier: Apache-2.0 */
/* See include/wherry/boot_ram.h. Called by the arch's memory set-up. */
#include <wherry/boot_ram.h>
#include <wherry/bug.h>
#include <wherry/linear_map.h>
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
static struct ranges ram __initdata;    /* all of it */
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

void __init boot_ram_add(uint64_t start, uint64_t end)
{
    struct ranges *all[] = {&ram, &mapped, &usable};

    if (end < start || end > BIT64(RAM_PA_BITS)) {
        printk("mem: %lx-%lx is out of reach, ignored in part\n", start, end);
        end = BIT64(RAM_PA_BITS);
    }
    start = (start + PAGE_SIZE - 1) & PAGE_MASK;
    end &= PAGE_MASK;
    for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
        ranges_sub(all[i], start, end);
        ranges_add(all[i], start, end);
    }
}

void __init boot_ram_reserve(uint64_t start, uint64_t end)
{
    if (start < end)
        ranges_sub(&usable, start, end);
}

void __init boot_ram_hide(uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    ranges_sub(&mapped, start, end);
    ranges_sub(&usable, start, end);
}

/* Disjoint ranges may touch, so one look may not be enough. */
bool __init boot_ram_is_mapped(uint64_t start, uint64_t size)
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

bool __init boot_ram_touches(uint64_t start, uint64_t size)
{
    uint64_t end = start + size;

    for (unsigned int i = 0; i < mapped.n; i++)
        if (start < mapped.r[i].end && mapped.r[i].start < end)
            return true;
    return false;
}

static void __init map_direct(void)
{
    for (unsigned int i = 0; i < mapped.n; i++) {
        const struct range *r = &mapped.r[i];
        int rc = 0;

        if (r->start < r->end)
            rc = arch_map_ram((uintptr_t)DIRECTMAP_VIRT + r->start, paddr(r->start),
                              r->end - r->start);
        if (rc != 0)
            panic("mem: direct map of %lx-%lx fails (%d)\n", r->start, r->end, rc);
    }
}

/* Take `size` bytes, aligned to it, from usable memory before the allocator exists. */
static paddr_t __init take(uint64_t size)
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
    if (arch_map_ram(va, take(bytes), bytes) != 0)
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

void __init boot_ram_setup(void)
{
    if (ram.n == 0)
        panic("mem: the firmware describes no memory\n");
    map_direct();
    build_frame_table();
    for (unsigned int i = 0; i < ram.n; i++)
        if (ram.r[i].start < ram.r[i].end)
            printk("mem: RAM %lx-%lx\n", ram.r[i].start, ram.r[i].end - 1);
    for (unsigned int i = 0; i < usable.n; i++)
        if (usable.r[i].start < usable.r[i].end)
            page_add_region(paddr(usable.r[i].start), paddr(usable.r[i].end));
}
