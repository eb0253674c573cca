/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1 (specification 0.6.96, 3.3) and 2 (2.0, 3.6): what the loader hands over. */
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
static const char *__init after_name(const char *text)
{
    while (*text != '\0' && *text != ' ')
        text++;
    while (*text == ' ')
        text++;
    return text;
}

void __init boot_multiboot1(uint32_t addr)
{
    const struct mb1_info *info = boot_ptr(addr);

    boot_info.protocol = "Multiboot 1";
    if (info->flags & MB1_CMDLINE)
        boot_set_cmdline(after_name(boot_ptr(info->cmdline)));
    if (info->flags & MB1_MODULES) {
        const struct mb1_module *m = boot_ptr(info->mods_addr);

        for (uint32_t i = 0; i < info->mods_count; i++)
            boot_add_module(m[i].start, m[i].end);
    }
    if (info->flags & MB1_MMAP) {
        const char *p = boot_ptr(info->mmap_addr);
        const char *end = p + info->mmap_length;

        while (p < end) {
            const struct mb1_mmap *e = (const struct mb1_mmap *)p;

            boot_add_region(e->addr, e->length, e->type);
            p += e->size + sizeof(e->size);
        }
    }
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

    for (; p < end && map->entry_size != 0; p += map->entry_size) {
        const struct mb2_mmap_entry *e = (const struct mb2_mmap_entry *)p;

        boot_add_region(e->addr, e->length, e->type);
    }
}

static void __init mb2_tag(const struct mb2_tag *tag)
{
    const struct mb2_module *m = (const struct mb2_module *)tag;

    switch (tag->type) {
    case MB2_CMDLINE:
        boot_set_cmdline((const char *)(tag + 1));
        break;
    case MB2_MODULE:
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
    const char *p = (const char *)(header + 2);
    const char *end = (const char *)header + header[0];

    boot_info.protocol = "Multiboot 2";
    while (p < end) {
        const struct mb2_tag *tag = (const struct mb2_tag *)p;

        if (tag->type == MB2_END || tag->size < sizeof(*tag))
            break;
        mb2_tag(tag);
        p += (tag->size + 7) & ~7u;
    }
}
