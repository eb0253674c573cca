/* SPDX-License-Identifier: Apache-2.0 */
/* What the device tree says: command line, memory, vCPUs, interrupts, the region of /hypervisor. */
#include "payload.h"
#include "tree.h"

struct fdt fdt;
unsigned int timer_irq;

static void find_cpus(void)
{
    int parent = fdt_find_path(&fdt, "/cpus");
    int node;

    if (parent < 0)
        return;
    fdt_for_each_subnode (&fdt, node, parent) {
        const char *type = fdt_prop_string(&fdt, node, "device_type");
        uint64_t reg, size;

        if (type == NULL || strcmp(type, "cpu") != 0 || nr_cpus == MAX_CPUS)
            continue;
        if (fdt_get_reg(&fdt, node, 0, &reg, &size) != 0)
            continue;
        cpus[nr_cpus].index = nr_cpus;
        cpus[nr_cpus++].arch.mpidr = reg;
    }
}

static void find_timer(void)
{
    int node = fdt_find_compatible(&fdt, -1, "arm,armv8-timer");
    uint32_t len = 0;
    const uint8_t *cells = node < 0 ? NULL : fdt_getprop(&fdt, node, "interrupts", &len);

    /* secure, non-secure, virtual, hypervisor; three cells each */
    if (cells != NULL && len >= 36)
        timer_irq = 16 + fdt_get32(cells + 28);
}

static void find_chosen(void)
{
    int node = fdt_find_path(&fdt, "/chosen");
    const char *s = node < 0 ? NULL : fdt_prop_string(&fdt, node, "bootargs");
    uint64_t end;

    if (s != NULL)
        bootargs = s;
    if (node < 0 || fdt_prop_u64(&fdt, node, "linux,initrd-start", &initrd_base) != 0 ||
        fdt_prop_u64(&fdt, node, "linux,initrd-end", &end) != 0)
        return;
    initrd_size = end - initrd_base;
}

static void find_memory(void)
{
    uint64_t base, size;
    int node;

    fdt_for_each_subnode (&fdt, node, fdt_root(&fdt)) {
        const char *type = fdt_prop_string(&fdt, node, "device_type");

        if (type != NULL && strcmp(type, "memory") == 0 &&
            fdt_get_reg(&fdt, node, 0, &base, &size) == 0)
            memory_size += size;
    }
}

static void find_console(void)
{
    int node = fdt_find_compatible(&fdt, -1, "arm,sbsa-uart");
    uint64_t addr, size;

    if (!under_hypervisor) /* the machine's own UART */
        node = fdt_find_compatible(&fdt, -1, "arm,pl011");
    if (node >= 0 && fdt_get_reg_root(&fdt, node, 0, &addr, &size) == 0)
        console_uart = addr;
}

static void find_hypervisor(void)
{
    int node = fdt_find_compatible(&fdt, -1, "xen,xen");
    uint32_t len = 0;
    const uint8_t *cells;

    if (node < 0)
        return;
    under_hypervisor = true;
    if (fdt_get_reg(&fdt, node, 0, &scratch_base, &scratch_size) == 0)
        mmu_map(scratch_base, scratch_size, MAP_RAM);
    cells = fdt_getprop(&fdt, node, "interrupts", &len);
    if (cells != NULL && len >= 12)
        evtchn_irq = fdt_get32(cells + 4) + (fdt_get32(cells) == 1 ? 16 : 32);
}

void platform_init(void)
{
    find_chosen();
    find_memory();
    find_cpus();
    find_timer();
    find_hypervisor();
    find_console();
}

bool events_upcall_waits(void)
{
    return irq_is_pending(evtchn_irq);
}
