/* SPDX-License-Identifier: Apache-2.0 */
/* See asm/boot_info.h. */
#include <asm/boot_info.h>
#include <asm/layout.h>
#include <wherry/lib/string.h>

struct boot_info boot_info __initdata;

void __init boot_add_region(uint64_t start, uint64_t size, uint32_t type)
{
    if (size == 0 || start + size < start || boot_info.nr_regions == BOOT_MAX_REGIONS)
        return;
    boot_info.region[boot_info.nr_regions++] = (struct boot_region){start, size, type};
}

void __init boot_add_module(uint64_t start, uint64_t end)
{
    if (start >= end || boot_info.nr_modules == BOOT_MAX_MODULES)
        return;
    boot_info.module[boot_info.nr_modules++] = (struct boot_module){start, end - start};
}

void __init boot_set_cmdline(const char *text, uint64_t max)
{
    size_t n = 0;

    while (n < max && n < sizeof(boot_info.cmdline) - 1 && text[n] != '\0')
        n++;
    memcpy(boot_info.cmdline, text, n);
    boot_info.cmdline[n] = '\0';
}
