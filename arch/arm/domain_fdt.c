/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's device tree (asm/domain_fdt.h): processors, memory, interrupt controller, timer, PSCI,
 * the hypervisor node, a UART of the hypervisor, and the nodes of a partial tree. Called by
 * domain_build.c; no hypervisor state.
 */
#include <asm/domain_fdt.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>
#include <public/arch-arm.h>
#include <public/device_tree_defs.h>

#define IRQ_SPI       0
#define IRQ_PPI       1
#define FLAG_LEVEL    4
#define FLAG_PPI      0xf08 /* level, low, all processors of a GICv2 */
#define MAX_NODE_NAME 48

/* One three-cell interrupt of the GIC binding. */
static void irq_cells(uint32_t out[3], uint32_t irq, uint32_t flags)
{
    out[0] = irq < 32 ? IRQ_PPI : IRQ_SPI;
    out[1] = irq < 32 ? irq - 16 : irq - 32;
    out[2] = flags;
}

static void begin_at(struct fdt_writer *w, const char *base, uint64_t addr)
{
    char name[MAX_NODE_NAME];

    snprintf(name, sizeof(name), "%s@%llx", base, (unsigned long long)addr);
    fdtw_begin_node(w, name);
}

static void prop_regs(struct fdt_writer *w, const uint64_t *v, unsigned int n)
{
    uint32_t cells[8];

    for (unsigned int i = 0; i < n; i++) {
        cells[2 * i] = (uint32_t)(v[i] >> 32);
        cells[2 * i + 1] = (uint32_t)v[i];
    }
    fdtw_prop_cells(w, "reg", cells, 2 * n);
}

/* A property that is a list of two strings. */
static void prop_strings(struct fdt_writer *w, const char *name, const char *a, const char *b)
{
    char list[64];
    size_t n = strlen(a) + 1;

    str_copy(list, a, sizeof(list));
    str_copy(list + n, b, sizeof(list) - n);
    fdtw_prop(w, name, list, n + strlen(b) + 1);
}

static void write_chosen(struct fdt_writer *w, const struct guest_fdt_info *i)
{
    const struct guest_layout *l = i->layout;

    fdtw_begin_node(w, "chosen");
    fdtw_prop_string(w, "bootargs", i->bootargs);
    if (l->initrd_size != 0) {
        fdtw_prop_u64(w, "linux,initrd-start", l->initrd_addr);
        fdtw_prop_u64(w, "linux,initrd-end", l->initrd_addr + l->initrd_size);
    }
    fdtw_end_node(w);
}

static void write_memory(struct fdt_writer *w, const struct guest_layout *l)
{
    for (unsigned int b = 0; b < l->nr_banks; b++) {
        uint64_t reg[2] = {l->bank[b].base, l->bank[b].size};

        begin_at(w, "memory", reg[0]);
        fdtw_prop_string(w, "device_type", "memory");
        prop_regs(w, reg, 2);
        fdtw_end_node(w);
    }
}

static void write_cpus(struct fdt_writer *w, const struct guest_fdt_info *i)
{
    fdtw_begin_node(w, "cpus");
    fdtw_prop_u32(w, "#address-cells", 1);
    fdtw_prop_u32(w, "#size-cells", 0);
    for (unsigned int v = 0; v < i->cpus; v++) {
        uint32_t affinity = (uint32_t)i->cpu_mpidr(v) & 0xffffff;

        begin_at(w, "cpu", affinity);
        fdtw_prop_string(w, "device_type", "cpu");
        fdtw_prop_string(w, "compatible", "arm,armv8");
        fdtw_prop_string(w, "enable-method", "psci");
        fdtw_prop_u32(w, "reg", affinity);
        fdtw_end_node(w);
    }
    fdtw_end_node(w);
}

static void write_psci(struct fdt_writer *w)
{
    fdtw_begin_node(w, "psci");
    prop_strings(w, "compatible", "arm,psci-1.0", "arm,psci-0.2");
    fdtw_prop_string(w, "method", "hvc");
    fdtw_end_node(w);
}

static void write_timer(struct fdt_writer *w)
{
    static const uint32_t ppi[] = {GUEST_TIMER_PHYS_S_PPI, GUEST_TIMER_PHYS_NS_PPI,
                                   GUEST_TIMER_VIRT_PPI};
    uint32_t cells[9];

    for (unsigned int n = 0; n < 3; n++)
        irq_cells(cells + 3 * n, ppi[n], FLAG_PPI);
    fdtw_begin_node(w, "timer");
    fdtw_prop_string(w, "compatible", "arm,armv8-timer");
    fdtw_prop_cells(w, "interrupts", cells, 9);
    fdtw_prop_empty(w, "always-on");
    fdtw_end_node(w);
}

/* A partial tree may carry the controller's phandle in a node of its own, /gic. */
static uint32_t gic_phandle(const struct fdt *partial)
{
    int node = partial != NULL ? fdt_find_path(partial, "/gic") : -1;
    uint32_t phandle;

    if (node >= 0 && fdt_prop_u32(partial, node, "phandle", &phandle) == 0)
        return phandle;
    return GUEST_PHANDLE_GIC;
}

static void write_gic(struct fdt_writer *w, const struct guest_fdt_info *i)
{
    uint64_t regs[4] = {i->gicd_base, i->gicd_size, i->gicc_base, i->gicc_size};

    begin_at(w, "interrupt-controller", i->gicd_base);
    if (i->gic_version == 3)
        fdtw_prop_string(w, "compatible", "arm,gic-v3");
    else
        prop_strings(w, "compatible", "arm,gic-400", "arm,cortex-a15-gic");
    fdtw_prop_u32(w, "#interrupt-cells", 3);
    fdtw_prop_u32(w, "#address-cells", 0);
    fdtw_prop_empty(w, "interrupt-controller");
    prop_regs(w, regs, 4);
    fdtw_prop_u32(w, "phandle", gic_phandle(i->partial));
    fdtw_end_node(w);
}

static void write_hypervisor(struct fdt_writer *w, const struct guest_fdt_info *i)
{
    static const uint64_t reg[2] = {GUEST_GNTTAB_BASE, GUEST_GNTTAB_SIZE};
    uint32_t cells[3];

    irq_cells(cells, i->evtchn_ppi, FLAG_PPI);
    fdtw_begin_node(w, "hypervisor");
    prop_strings(w, "compatible", "xen,xen-4.17", "xen,xen");
    prop_regs(w, reg, 2);
    fdtw_prop_cells(w, "interrupts", cells, 3);
    fdtw_end_node(w);
}

static void write_vpl011(struct fdt_writer *w, const struct guest_fdt_info *i)
{
    uint64_t reg[2] = {i->vpl011_base, GUEST_PL011_SIZE};
    uint32_t cells[3];

    irq_cells(cells, i->vpl011_irq, FLAG_LEVEL);
    begin_at(w, "sbsa-uart", reg[0]);
    fdtw_prop_string(w, "compatible", "arm,sbsa-uart");
    prop_regs(w, reg, 2);
    fdtw_prop_cells(w, "interrupts", cells, 3);
    fdtw_prop_u32(w, "current-speed", 115200);
    fdtw_end_node(w);
}

/* Properties that are for the hypervisor and not for the guest. */
static bool is_ours(const char *name)
{
    return strncmp(name, "xen,", 4) == 0;
}

/* A node of the partial tree with all below it. Depth is bounded by the reader's check. */
static void copy_node(struct fdt_writer *w, const struct fdt *f, int node)
{
    struct fdt_prop p;
    int child;

    fdtw_begin_node(w, fdt_node_name(f, node));
    for (int off = fdt_first_prop(f, node, &p); off >= 0; off = fdt_next_prop(f, off, &p))
        if (!is_ours(p.name))
            fdtw_prop(w, p.name, p.data, p.len);
    fdt_for_each_subnode (f, child, node)
        copy_node(w, f, child);
    fdtw_end_node(w);
}

static void copy_partial(struct fdt_writer *w, const struct fdt *f)
{
    static const char *const paths[] = {"/aliases", "/passthrough"};

    for (unsigned int n = 0; n < ARRAY_SIZE(paths); n++) {
        int node = fdt_find_path(f, paths[n]);

        if (node >= 0)
            copy_node(w, f, node);
    }
}

long guest_fdt_write(const struct guest_fdt_info *info, void *buf, size_t size)
{
    struct fdt_writer w;

    fdtw_begin(&w, buf, size);
    fdtw_begin_node(&w, "");
    fdtw_prop_string(&w, "model", "XENVM-4.17");
    prop_strings(&w, "compatible", "xen,xenvm-4.17", "xen,xenvm");
    fdtw_prop_u32(&w, "interrupt-parent", gic_phandle(info->partial));
    fdtw_prop_u32(&w, "#address-cells", GUEST_ROOT_ADDRESS_CELLS);
    fdtw_prop_u32(&w, "#size-cells", GUEST_ROOT_SIZE_CELLS);
    write_chosen(&w, info);
    write_memory(&w, info->layout);
    write_cpus(&w, info);
    write_psci(&w);
    write_timer(&w);
    write_gic(&w, info);
    if (info->hypervisor)
        write_hypervisor(&w, info);
    if (info->vpl011)
        write_vpl011(&w, info);
    if (info->partial != NULL)
        copy_partial(&w, info->partial);
    fdtw_end_node(&w);
    return fdtw_finish(&w, 0);
}
