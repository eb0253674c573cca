/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First C code: map the device tree, find a console, go to start_hypervisor(). Entered at EL1, say
 * so and stop. Also the end of the boot.
 */
#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/setup.h>
#include <asm/sysreg.h>
#include <asm/uart.h>
#include <wherry/bug.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/machine.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>

#define FDT_MAX_SIZE UINT64_C(0x200000) /* the boot protocol's limit */

/* Set here, then constant: the tree stays where the firmware put it, mapped read-only. */
static struct fdt fdt;
static paddr_t fdt_start, fdt_end;

const struct fdt *host_fdt(void)
{
    return &fdt;
}

void boot_fdt_range(paddr_t *start, paddr_t *end)
{
    *start = fdt_start;
    *end = fdt_end;
}

/* Map the first page, learn the size from it, map the rest, check everything. */
static int __init map_fdt(uint64_t pa)
{
    uint64_t offset = pa & ~PAGE_MASK;
    uint64_t first = pa - offset;
    const uint8_t *blob = (const uint8_t *)BOOT_FDT_VIRT + offset;
    uint64_t size, span;
    int rc;

    if (pa == 0 || pa % 8 != 0)
        return -EINVAL;
    rc = mmu_map(BOOT_FDT_VIRT, paddr(first), PAGE_SIZE, MMU_RO, false);
    if (rc != 0)
        return rc;
    if (fdt_get32(blob) != 0xd00dfeed)
        return -EINVAL;
    size = fdt_get32(blob + 4);
    if (size > FDT_MAX_SIZE)
        return -E2BIG;
    span = (offset + size + PAGE_SIZE - 1) & PAGE_MASK;
    if (span > PAGE_SIZE)
        rc = mmu_map(BOOT_FDT_VIRT + PAGE_SIZE, paddr(first + PAGE_SIZE), span - PAGE_SIZE, MMU_RO,
                     false);
    if (rc != 0)
        return rc;
    fdt_start = paddr(first);
    fdt_end = paddr(first + span);
    return fdt_check(&fdt, blob, size);
}

/* The node that /chosen names for the console: a path or an alias, options after a colon. */
static int __init stdout_node(void)
{
    int chosen = fdt_find_path(&fdt, "/chosen");
    const char *path = chosen >= 0 ? fdt_prop_string(&fdt, chosen, "stdout-path") : NULL;
    char name[128];
    char *colon;
    int aliases;

    if (path == NULL || str_copy(name, path, sizeof(name)) >= sizeof(name))
        return -ENOENT;
    colon = strchr(name, ':');
    if (colon != NULL)
        *colon = '\0';
    if (name[0] == '/')
        return fdt_find_path(&fdt, name);
    aliases = fdt_find_path(&fdt, "/aliases");
    path = aliases >= 0 ? fdt_prop_string(&fdt, aliases, name) : NULL;
    return path != NULL ? fdt_find_path(&fdt, path) : -ENOENT;
}

static void __init find_console(void)
{
    int node = stdout_node();

    if (node >= 0 && device_probe_node(&fdt, node, DEVICE_SERIAL) == 0)
        return;
    device_probe_class(&fdt, DEVICE_SERIAL);
}

void __init arm_boot(uint64_t fdt_pa)
{
    int rc;

    percpu_offset[0] = arch_percpu_offset();
    /* Our stack is mapped in its guarded slot; take away the image's view of it. */
    mmu_unmap((uintptr_t)_boot_stack, STACK_SIZE);
    rc = map_fdt(fdt_pa);
    if (rc == 0)
        find_console();
    else
        panic("boot: no usable device tree at %lx (%d)\n", fdt_pa, rc);
    start_hypervisor();
}

/* --- EL1: no per-CPU data, hence no printk(), no locks --- */

static const struct early_uart *__init match_early_uart(int node)
{
    for (const struct early_uart *u = __early_uarts_start; u < __early_uarts_end; u++)
        for (const char *const *c = u->compatible; *c != NULL; c++)
            if (fdt_is_compatible(&fdt, node, *c))
                return u;
    return NULL;
}

static void __init early_say(int node, const char *text)
{
    const struct early_uart *u = node >= 0 ? match_early_uart(node) : NULL;
    uint64_t addr, size;
    volatile void *regs;

    if (u == NULL || fdt_get_reg_root(&fdt, node, 0, &addr, &size) != 0)
        return;
    regs = mmu_map_device(paddr(addr), size);
    if (regs == NULL)
        return;
    u->chip->init(regs);
    for (; *text != '\0'; text++)
        uart_transmit(u->chip, regs, *text);
}

void __init boot_report_el1(uint64_t fdt_pa)
{
    if (map_fdt(fdt_pa) == 0)
        early_say(stdout_node(), "(wherry) entered at EL1: a hypervisor needs EL2 (QEMU: "
                                 "-machine virtualization=on). Stopped.\r\n");
    machine_halt();
}

/* --- the end --- */

void arch_boot_finished(void)
{
    mmu_drop_identity();
    mem_free_init();
    printk("boot finished\n");
}
