/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 1 (specification 0.6.96, 3.3) and 2 (2.0, 3.6): what the loader hands over. What does
 * not lie where boot_ptr() reaches, or not within its tag, is left alone.
 */
#include <asm/boot_info.h>
#include <asm/layout.h>
#include <wherry/lib/string.h>

struct mb1_info {
    uint32_t flags;
    uint32_t mem_lower, mem_upper;
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr;
};

#define MB1_CMDLINE 0x04
#define MB1_MODULES 0x08
#define MB1_MMAP    0x40

struct mb1_module {
    uint32_t start, end, string, reserved;
};

/* `size` does not count itself. */
struct mb1_mmap {
    uint32_t size;
    uint64_t addr, length;
    uint32_t type;
} __packed;

/* The first word of a command line is the image's own name. */
static void __init take_mb1_cmdline(uint64_t addr)
{
    const char *text = boot_ptr(addr), *end = text + (BOOT_PTR_END - addr);

    while (text < end && *text != '\0' && *text != ' ')
        text++;
    while (text < end && *text == ' ')
        text++;
    boot_set_cmdline(text, (uint64_t)(end - text));
}

static void __init take_mb1_modules(uint64_t addr, uint32_t count)
{
    const struct mb1_module *m = boot_ptr(addr);

    if (!boot_ptr_reaches(addr, (uint64_t)count * sizeof(*m)))
        return;
    for (uint32_t i = 0; i < count; i++)
        boot_add_module(m[i].start, m[i].end);
}

static void __init take_mb1_memory(uint64_t addr, uint32_t length)
{
    const char *p = boot_ptr(addr), *end = p + length;

    if (!boot_ptr_reaches(addr, length))
        return;
    while (end - p >= (long)sizeof(struct mb1_mmap)) {
        const struct mb1_mmap *e = (const struct mb1_mmap *)p;

        if (e->size < sizeof(*e) - sizeof(e->size))
            return;
        boot_add_region(e->addr, e->length, e->type);
        p += e->size + sizeof(e->size);
    }
}

void __init boot_multiboot1(uint32_t addr)
{
    const struct mb1_info *info = boot_ptr(addr);

    boot_info.protocol = "Multiboot 1";
    if (!boot_ptr_reaches(addr, sizeof(*info)))
        return;
    if (info->flags & MB1_CMDLINE)
        take_mb1_cmdline(info->cmdline);
    if (info->flags & MB1_MODULES)
        take_mb1_modules(info->mods_addr, info->mods_count);
    if (info->flags & MB1_MMAP)
        take_mb1_memory(info->mmap_addr, info->mmap_length);
}

struct mb2_tag {
    uint32_t type, size;
};

enum {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_MODULE = 3,
    MB2_MMAP = 6,
    MB2_ACPI_OLD = 14,
    MB2_ACPI_NEW = 15,
};

struct mb2_module {
    struct mb2_tag tag;
    uint32_t start, end;
};

struct mb2_mmap {
    struct mb2_tag tag;
    uint32_t entry_size, entry_version;
};

struct mb2_mmap_entry {
    uint64_t addr, length;
    uint32_t type, zero;
};

/* A copy of the root pointer: kept, as the loader's memory will be reused. */
static uint8_t rsdp_copy[36] __initdata;

static void __init take_rsdp(const struct mb2_tag *tag)
{
    size_t n = tag->size - sizeof(*tag);

    if (boot_info.rsdp != 0 && tag->type == MB2_ACPI_OLD)
        return;
    memcpy(rsdp_copy, tag + 1, n < sizeof(rsdp_copy) ? n : sizeof(rsdp_copy));
    boot_info.rsdp = (uint64_t)rsdp_copy - IMAGE_OFFSET;
}

static void __init mb2_memory(const struct mb2_mmap *map)
{
    const char *p = (const char *)(map + 1);
    const char *end = (const char *)map + map->tag.size;

    if (map->tag.size < sizeof(*map) || map->entry_size < sizeof(struct mb2_mmap_entry))
        return;
    for (; end - p >= (long)sizeof(struct mb2_mmap_entry); p += map->entry_size) {
        const struct mb2_mmap_entry *e = (const struct mb2_mmap_entry *)p;

        boot_add_region(e->addr, e->length, e->type);
    }
}

static void __init mb2_tag(const struct mb2_tag *tag)
{
    const struct mb2_module *m = (const struct mb2_module *)tag;

    switch (tag->type) {
    case MB2_CMDLINE:
        boot_set_cmdline((const char *)(tag + 1), tag->size - sizeof(*tag));
        break;
    case MB2_MODULE:
        if (tag->size >= sizeof(*m))
            boot_add_module(m->start, m->end);
        break;
    case MB2_MMAP:
        mb2_memory((const struct mb2_mmap *)tag);
        break;
    case MB2_ACPI_OLD:
    case MB2_ACPI_NEW:
        take_rsdp(tag);
        break;
    default:
        break;
    }
}

void __init boot_multiboot2(uint32_t addr)
{
    const uint32_t *header = boot_ptr(addr);
    const char *p = (const char *)(header + 2), *end;

    boot_info.protocol = "Multiboot 2";
    if (!boot_ptr_reaches(addr, 8) || !boot_ptr_reaches(addr, header[0]))
        return;
    end = (const char *)header + header[0];
    while (end - p >= (long)sizeof(struct mb2_tag)) {
        const struct mb2_tag *tag = (const struct mb2_tag *)p;

        if (tag->type == MB2_END || tag->size < sizeof(*tag) || tag->size > end - p)
            break;
        mb2_tag(tag);
        p += ((uint64_t)tag->size + 7) & ~UINT64_C(7);
    }
}
