/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain looks like on Arm: its memory banks, where its images go, passed-through devices,
 * the state of its first vCPU. Called by common/boot/build.c for each domain of the boot tree.
 */
#include <asm/cache.h>
#include <asm/domain.h>
#include <asm/domain_fdt.h>
#include <asm/gic.h>
#include <asm/guest.h>
#include <asm/kernel_image.h>
#include <asm/setup.h>
#include <wherry/boot.h>
#include <wherry/boot_ram.h>
#include <wherry/device.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/irq.h>
#include <wherry/lib/bits.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/printf.h>
#include <wherry/mm.h>
#include <wherry/mmio.h>
#include <wherry/p2m.h>
#include <wherry/printk.h>
#include <wherry/slab.h>
#include <public/arch-arm.h>

/* Guest trees are small; a partial tree passed through is part of it. */
#define GUEST_FDT_SIZE 65536

/* No device's registers are larger; bounds the look at each page. */
#define MAX_DEVICE_SIZE (UINT64_C(1) << 32)

/* Give the domain RAM at g, in the largest blocks that alignment and free memory allow. */
static __init int populate(struct domain *d, gfn_t g, uint64_t nr)
{
    unsigned int limit = PAGE_MAX_ORDER;

    while (nr > 0) {
        unsigned int order = MIN(limit, ilog2(nr));
        struct page *pg;
        int rc;

        while (g.v & ((UINT64_C(1) << order) - 1))
            order--;
        pg = domain_alloc_pages(d, order, false);
        if (pg == NULL && order == 0)
            return -ENOMEM;
        if (pg == NULL) {
            limit = order - 1;
            continue;
        }
        rc = p2m_map(d, g, UINT64_C(1) << order, page_to_mfn(pg), P2M_RAM_RW);
        if (rc != 0)
            return rc;
        g = gfn_add(g, UINT64_C(1) << order);
        nr -= UINT64_C(1) << order;
    }
    return 0;
}

/* Split the memory over the two RAM banks of the guest's map. */
static __init int give_memory(struct domain *d, uint64_t bytes, struct guest_layout *l)
{
    static const uint64_t base[] = {GUEST_RAM0_BASE, GUEST_RAM1_BASE};
    static const uint64_t size[] = {GUEST_RAM0_SIZE, GUEST_RAM1_SIZE};

    for (unsigned int i = 0; i < ARRAY_SIZE(base) && bytes > 0; i++) {
        uint64_t here = MIN(bytes, size[i]);
        int rc = populate(d, gpaddr_to_gfn(gpaddr(base[i])), here >> PAGE_SHIFT);

        if (rc != 0)
            return rc;
        l->bank[l->nr_banks++] = (struct guest_bank){base[i], here};
        bytes -= here;
    }
    return bytes == 0 ? 0 : -EINVAL;
}

/* The size of a domain's memory is in its own node, or in the hypervisor's command line. */
static __init const char *memory_property(const struct domain_config *cfg)
{
    return cfg->is_control ? "dom0_mem" : "memory";
}

/* Copy a boot module into guest RAM. */
static __init int load_module(struct domain *d, const struct boot_module *m, uint64_t at)
{
    return gpa_copy_to(d, gpaddr(at), arch_paddr_to_virt(paddr(m->addr)), m->size);
}

/* Kernel, initrd and tree go where kernel_image.c says that they fit. */
static __init int load_images(struct domain *d, const struct domain_config *cfg,
                              struct guest_layout *l)
{
    int rc = guest_layout_place(l, arch_paddr_to_virt(paddr(cfg->kernel.addr)), cfg->kernel.size,
                                cfg->ramdisk.size, GUEST_FDT_SIZE);

    if (rc != 0) {
        if (rc == -ENOMEM)
            boot_config_complain(cfg, memory_property(cfg), "too little for kernel and ramdisk");
        else
            boot_config_complain(cfg, "kernel", "not an Image that can be loaded");
        return rc;
    }
    rc = load_module(d, &cfg->kernel, l->kernel_addr);
    if (rc == 0 && cfg->ramdisk.size != 0)
        rc = load_module(d, &cfg->ramdisk, l->initrd_addr);
    return rc;
}

static __init int write_fdt(struct domain *d, const struct domain_config *cfg,
                            const struct guest_layout *l, const struct fdt *partial)
{
    const struct arch_domain_config *c = &d->arch.config;
    struct guest_fdt_info info = {
        .layout = l,
        .bootargs = cfg->bootargs,
        .cpus = d->max_vcpus,
        .cpu_mpidr = vcpu_id_to_mpidr,
        .gic_version = c->gic_version,
        .gicd_base = d->arch.vgic.dist_base,
        .gicd_size = d->arch.vgic.dist_size,
        .gicc_base = d->arch.vgic.cpu_base,
        .gicc_size = d->arch.vgic.cpu_size,
        .hypervisor = cfg->enhanced,
        .evtchn_ppi = c->evtchn_ppi,
        .vpl011 = c->vpl011,
        .vpl011_base = c->vpl011_base,
        .vpl011_irq = c->vpl011_irq,
        .partial = partial,
    };
    void *buf = kzalloc(GUEST_FDT_SIZE);
    long size;
    int rc;

    if (buf == NULL)
        return -ENOMEM;
    size = guest_fdt_write(&info, buf, GUEST_FDT_SIZE);
    rc = size < 0 ? (int)size : gpa_copy_to(d, gpaddr(l->fdt_addr), buf, (size_t)size);
    kfree(buf);
    return rc;
}

/* --- devices passed through --- */

static __init bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* Is there nothing yet of the guest's own at these addresses? */
static __init bool guest_range_free(struct domain *d, const struct guest_layout *l, uint64_t at,
                                    uint64_t size)
{
    enum p2m_type type;

    for (unsigned int i = 0; i < l->nr_banks; i++)
        if (overlap(at, size, l->bank[i].base, l->bank[i].size))
            return false;
    for (unsigned int i = 0; i < d->mmio.count; i++) {
        const struct mmio_handler *h = &d->mmio.table[i];

        if (overlap(at, size, h->first, h->last - h->first + 1))
            return false;
    }
    if (overlap(at, size, GUEST_GNTTAB_BASE, GUEST_GNTTAB_SIZE))
        return false;
    for (uint64_t a = at; a < at + size; a += PAGE_SIZE) {
        p2m_lookup(d, gpaddr_to_gfn(gpaddr(a)), &type);
        if (type != P2M_INVALID)
            return false;
    }
    return true;
}

/* Devices that nobody has yet, in whole pages, where the guest has nothing. RAM has an owner. */
static __init int map_one(struct domain *d, const struct guest_layout *l, uint64_t machine,
                          uint64_t size, uint64_t guest)
{
    if (((machine | size | guest) & ~PAGE_MASK) != 0 || size == 0 || size > MAX_DEVICE_SIZE ||
        machine + size < machine || guest + size < guest)
        return -EINVAL;
    if (mem_touches_ram(machine, size))
        return -EINVAL;
    if (device_regs_are_used(host_fdt(), machine, size))
        return -EBUSY;
    if (!guest_range_free(d, l, guest, size))
        return -EEXIST;
    return p2m_map(d, gpaddr_to_gfn(gpaddr(guest)), size >> PAGE_SHIFT,
                   paddr_to_mfn(paddr(machine)), P2M_MMIO_DIRECT_DEV);
}

/* xen,reg of a node: machine address, size, guest address, in the parent's cells. */
static __init int map_device(struct domain *d, const struct guest_layout *l, const struct fdt *f,
                             int parent, int node)
{
    unsigned int ac = fdt_address_cells(f, parent);
    unsigned int sc = fdt_size_cells(f, parent);
    uint32_t entry = (2 * ac + sc) * 4;
    uint32_t len;
    const uint8_t *r = fdt_getprop(f, node, "xen,reg", &len);

    if (r == NULL)
        return 0;
    if (ac == 0 || ac > 2 || sc == 0 || sc > 2 || len % entry != 0)
        return -EINVAL;
    for (; len > 0; len -= entry, r += entry) {
        int rc = map_one(d, l, fdt_get_cells(r, ac), fdt_get_cells(r + 4 * ac, sc),
                         fdt_get_cells(r + 4 * (ac + sc), ac));

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The interrupts of the host's node that xen,path names; the numbers stay the same. */
static __init int route_interrupts(struct domain *d, const struct fdt *f, int node)
{
    const char *path = fdt_prop_string(f, node, "xen,path");
    const struct fdt *host = host_fdt();
    int dev = path != NULL ? fdt_find_path(host, path) : -ENOENT;
    uint32_t len = 0;
    const uint8_t *cells;
    int rc;

    if (path == NULL)
        return 0;
    if (dev < 0 || device_is_used(dev))
        return -EBUSY;
    rc = device_mark_used(dev);
    if (rc != 0)
        return rc;
    cells = fdt_getprop(host, dev, "interrupts", &len);
    for (; cells != NULL && len >= 12; len -= 12, cells += 12) {
        unsigned int irq = 32 + fdt_get32(cells + 4);
        unsigned int type = (fdt_get32(cells + 8) & 3) != 0 ? IRQ_TYPE_EDGE : IRQ_TYPE_LEVEL;

        if (fdt_get32(cells) != 0)
            return -EINVAL; /* private interrupts cannot be passed through */
        rc = irq_route_to_guest(d, irq, irq, type);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static __init void complain_partial(const struct domain *d, const struct fdt *f, int node,
                                    const char *property, int rc)
{
    char path[96];

    fdt_node_path(f, node, path, sizeof(path));
    printk("d%u: partial device tree: %s: %s: cannot be passed through (%d); domain left out\n",
           d->id, path, property, rc);
}

static __init int pass_through_below(struct domain *d, const struct guest_layout *l,
                                     const struct fdt *f, int parent)
{
    int node;

    fdt_for_each_subnode (f, node, parent) {
        int rc = map_device(d, l, f, parent, node);

        if (rc != 0) {
            complain_partial(d, f, node, "xen,reg", rc);
            return rc;
        }
        rc = route_interrupts(d, f, node);
        if (rc != 0) {
            complain_partial(d, f, node, "xen,path", rc);
            return rc;
        }
        rc = pass_through_below(d, l, f, node);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Check the partial tree and give the domain the devices that it names. */
static __init int open_partial(struct domain *d, const struct domain_config *cfg,
                               const struct guest_layout *l, struct fdt *f)
{
    int node;

    if (fdt_check(f, arch_paddr_to_virt(paddr(cfg->device_tree.addr)), cfg->device_tree.size) !=
        0) {
        boot_config_complain(cfg, "multiboot,device-tree", "not a valid device tree");
        return -EINVAL;
    }
    node = fdt_find_path(f, "/passthrough");
    return node < 0 ? 0 : pass_through_below(d, l, f, node);
}

void __init arch_domain_config_from_boot(const struct domain_config *cfg,
                                         struct arch_domain_config *out)
{
    uint32_t spis =
        cfg->nr_spis == BOOT_DEFAULT_SPIS ? gic_host.nr_irqs - GIC_FIRST_SPI : cfg->nr_spis;

    *out = (struct arch_domain_config){
        .nr_spis = (uint16_t)spis,
        .vpl011 = cfg->vpl011,
    };
}

/* A module may say that it is where no memory is: then the domain is left out, nothing else. */
static __init int check_module(const struct domain_config *cfg, const char *what,
                               const struct boot_module *m)
{
    char text[96];

    if (m->size == 0 || boot_ram_is_mapped(m->addr, m->size))
        return 0;
    snprintf(text, sizeof(text), "%s: no memory at 0x%llx to 0x%llx", what,
             (unsigned long long)m->addr, (unsigned long long)(m->addr + m->size - 1));
    boot_config_complain(cfg, "reg", text);
    return -EINVAL;
}

static __init int check_modules(const struct domain_config *cfg)
{
    int rc = check_module(cfg, "kernel", &cfg->kernel);

    if (rc == 0)
        rc = check_module(cfg, "ramdisk", &cfg->ramdisk);
    if (rc == 0)
        rc = check_module(cfg, "device tree", &cfg->device_tree);
    return rc;
}

int __init arch_domain_build(struct domain *d, const struct domain_config *cfg)
{
    struct guest_layout layout = {0};
    struct fdt partial;
    bool has_partial = cfg->device_tree.size != 0;
    int rc = check_modules(cfg);

    if (rc == 0) {
        rc = give_memory(d, cfg->memory, &layout);
        if (rc != 0)
            boot_config_complain(cfg, memory_property(cfg), "more than the machine has left");
    }
    if (rc == 0)
        rc = load_images(d, cfg, &layout);
    if (rc == 0 && has_partial)
        rc = open_partial(d, cfg, &layout, &partial);
    if (rc == 0)
        rc = write_fdt(d, cfg, &layout, has_partial ? &partial : NULL);
    if (rc != 0)
        return rc;
    arch_invalidate_icache();
    arch_vcpu_boot(domain_vcpu(d, 0), layout.kernel_addr, layout.fdt_addr);
    return 0;
}
