/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First C code: descriptors, console, what the boot loader said, the device tree among its modules;
 * then start_hypervisor(). Also the end of the boot.
 */
#include <asm/boot_info.h>
#include <asm/mmu.h>
#include <asm/setup.h>
#include <asm/uart.h>
#include <wherry/bug.h>
#include <wherry/cmdline.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>

/* Set here, then constant: the tree stays where the loader put it. */
static struct fdt fdt;

const struct fdt *host_fdt(void)
{
    return &fdt;
}

#define FDT_MAGIC 0xd00dfeed

static bool __init is_fdt(const struct boot_module *m)
{
    return m->size >= 40 && boot_ptr_reaches(m->addr, m->size) &&
           fdt_get32(boot_ptr(m->addr)) == FDT_MAGIC;
}

/* The first module that is a device tree. Partial trees of domains come behind it. */
static void __init find_fdt(void)
{
    int rc = -ENOENT;

    for (unsigned int i = 0; i < boot_info.nr_modules && rc == -ENOENT; i++)
        if (is_fdt(&boot_info.module[i]))
            rc = fdt_check(&fdt, boot_ptr(boot_info.module[i].addr), boot_info.module[i].size);
    if (rc != 0)
        panic("boot: no usable device tree among the %u boot modules (%d); the first one has to "
              "describe the domains\n",
              boot_info.nr_modules, rc);
}

static void __init read_loader(uint32_t magic, uint32_t info)
{
    switch (magic) {
    case MULTIBOOT1_MAGIC:
        boot_multiboot1(info);
        return;
    case MULTIBOOT2_MAGIC:
        boot_multiboot2(info);
        return;
    case PVH_MAGIC:
        boot_pvh(info);
        return;
    default:
        panic("boot: unknown boot protocol %x\n", magic);
    }
}

void __init x86_boot(uint32_t magic, uint32_t info)
{
    percpu_offset[0] = arch_percpu_offset();
    desc_setup();
    uart_early_init();
    read_loader(magic, info);
    cpu_setup();
    find_fdt();
    boot_set_modules(boot_info.module, boot_info.nr_modules);
    start_hypervisor();
}

/* The loader's command line, besides the tree's. */
static int __init loader_cmdline(void)
{
    printk("boot: %s, %u modules, \"%s\"\n", boot_info.protocol, boot_info.nr_modules,
           boot_info.cmdline);
    cmdline_parse(boot_info.cmdline);
    return 0;
}
INIT_CALL(INIT_EARLY, loader_cmdline);

void arch_boot_finished(void)
{
    mmu_drop_identity();
    mem_free_init();
    printk("boot finished\n");
}
