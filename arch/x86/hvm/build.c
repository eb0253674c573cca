/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a guest from its description: memory, an ELF kernel with a PVH entry, what the PVH boot
 * protocol hands over (start info, modules, command line, memory map).
 *
 *   0            RAM up to 3 GiB, the rest from 4 GiB
 *   kernel       where its program headers say
 *   above it     the module (a ramdisk), then one page: start info, command line, memory map
 *   0xfc000000   a page of ACPI tables
 */
#include <asm/guest.h>
#include <wherry/boot.h>
#include <wherry/boot_ram.h>
#include <wherry/device.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>
#include <public/arch-x86/hvm/start_info.h>
#include <public/hvm/params.h>

#define LOW_MEMORY_END UINT64_C(0xc0000000)
#define HIGH_MEMORY    UINT64_C(0x100000000)
#define CMDLINE_MAX    2048
#define ACPI_TABLES    UINT64_C(0xfc000000)

/* Frames that device models may have a server's pages in end here. */
#define SPECIAL_END UINT64_C(0xff000000)

struct layout {
    uint64_t low, high; /* bytes of RAM below and above 4 GiB */
    uint64_t entry, image_end;
    uint64_t module, module_size;
    uint64_t hole; /* that of a VGA card begins here; the end of the low RAM if there is none */
    uint32_t ioreq_pages; /* below SPECIAL_END */
};

static int __init give_range(struct domain *d, uint64_t gpa, uint64_t size)
{
    while (size != 0) {
        unsigned int order = 0;
        struct page *pg;
        int rc;

        while (order < 18 && (gpa & ((PAGE_SIZE << (order + 1)) - 1)) == 0 &&
               size >= PAGE_SIZE << (order + 1))
            order++;
        do
            pg = domain_alloc_pages(d, order, false);
        while (pg == NULL && order-- != 0);
        if (pg == NULL)
            return -ENOMEM;
        rc = p2m_map(d, gpaddr_to_gfn(gpaddr(gpa)), UINT64_C(1) << order, page_to_mfn(pg),
                     P2M_RAM_RW);
        if (rc != 0)
            return rc; /* the domain goes, and its pages with it */
        gpa += PAGE_SIZE << order;
        size -= PAGE_SIZE << order;
    }
    return 0;
}

static int __init give_memory(struct domain *d, uint64_t size, struct layout *l)
{
    int rc;

    l->low = size < LOW_MEMORY_END ? size : LOW_MEMORY_END;
    l->high = size - l->low;
    l->hole = l->low;
    if (d->arch.vga && l->low > HVM_VGA_END) {
        l->hole = HVM_VGA_BASE;
        d->max_pages -= (HVM_VGA_END - HVM_VGA_BASE) >> PAGE_SHIFT;
    }
    rc = give_range(d, 0, l->hole);
    if (rc == 0 && l->hole != l->low)
        rc = give_range(d, HVM_VGA_END, l->low - HVM_VGA_END);
    if (rc == 0 && l->high != 0)
        rc = give_range(d, HIGH_MEMORY, l->high);
    return rc;
}

/* Frames of the guest for servers that want some there (wherry,device-model-pages). */
static int __init give_ioreq_pages(struct domain *d, const struct domain_config *cfg,
                                   struct layout *l)
{
    uint32_t n = 0;
    uint64_t base;
    int rc = fdt_prop_u32(host_fdt(), cfg->node, "wherry,device-model-pages", &n);

    if (rc == -ENOENT || cfg->is_control)
        return 0;
    if (rc != 0 || n == 0 || n > IOREQ_MAX_LEGACY_GFNS) {
        boot_config_complain(cfg, "wherry,device-model-pages", "not a number from 1 to 64");
        return -EINVAL;
    }
    l->ioreq_pages = n;
    d->max_pages += n;
    base = SPECIAL_END - n * PAGE_SIZE;
    rc = give_range(d, base, n * PAGE_SIZE);
    if (rc != 0)
        return rc;
    d->hvm_params[HVM_PARAM_IOREQ_SERVER_PFN] = base >> PAGE_SHIFT;
    d->hvm_params[HVM_PARAM_NR_IOREQ_SERVER_PAGES] = n;
    return 0;
}

static int __init give_acpi_tables(struct domain *d)
{
    int rc;

    d->max_pages++;
    rc = give_range(d, ACPI_TABLES, PAGE_SIZE);
    return rc != 0 ? rc : hvm_write_acpi(d, ACPI_TABLES);
}

/* --- the kernel: ELF, 32 or 64 bits (the generic ABI's chapters 4 and 5) --- */

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define ELF_CLASS64 2
#define PT_LOAD     1
#define PT_NOTE     4
#define NOTE_PHYS32 18
#define EM_X86_64   62

struct image {
    const uint8_t *data;
    uint64_t size;
};

static bool __init inside(const struct image *im, uint64_t offset, uint64_t size)
{
    return offset <= im->size && size <= im->size - offset;
}

/* A note named "Xen" with the entry's address. */
static bool __init find_entry(const struct image *im, const struct elf_segment *s, uint64_t *entry)
{
    uint64_t at = s->offset, end = s->offset + s->filesz;

    while (at + 12 <= end) {
        uint32_t word[3], value;
        uint64_t desc;

        memcpy(word, im->data + at, sizeof(word));
        if (word[0] > 256 || word[1] > 4096)
            return false;
        desc = at + 12 + ((word[0] + 3) & ~3u);
        if (desc + word[1] > end)
            return false;
        if (word[2] == NOTE_PHYS32 && word[0] == 4 && memcmp(im->data + at + 12, "Xen", 4) == 0 &&
            word[1] >= 4) {
            memcpy(&value, im->data + desc, sizeof(value));
            *entry = value;
            return true;
        }
        at = desc + ((word[1] + 3) & ~3u);
    }
    return false;
}

static int __init load_segment(struct domain *d, const struct image *im,
                               const struct elf_segment *s, struct layout *l)
{
    if (s->filesz > s->memsz || s->paddr + s->memsz < s->paddr || s->paddr + s->memsz > l->low)
        return -EINVAL;
    if (s->paddr + s->memsz > l->image_end)
        l->image_end = s->paddr + s->memsz;
    return gpa_copy_to(d, gpaddr(s->paddr), im->data + s->offset, s->filesz);
}

static int __init load_kernel(struct domain *d, const struct image *im, struct layout *l)
{
    struct elf_header h;
    bool found = false;

    if (im->size < sizeof(h))
        return -EINVAL;
    memcpy(&h, im->data, sizeof(h));
    if (memcmp(h.ident, "\177ELF", 4) != 0 || h.ident[4] != ELF_CLASS64 || h.machine != EM_X86_64 ||
        h.phentsize != sizeof(struct elf_segment))
        return -EINVAL;
    for (unsigned int i = 0; i < h.phnum; i++) {
        uint64_t at = h.phoff + i * sizeof(struct elf_segment);
        struct elf_segment s;
        int rc = 0;

        if (!inside(im, at, sizeof(s)))
            return -EINVAL;
        memcpy(&s, im->data + at, sizeof(s));
        if (!inside(im, s.offset, s.filesz))
            return -EINVAL;
        if (s.type == PT_LOAD)
            rc = load_segment(d, im, &s, l);
        else if (s.type == PT_NOTE)
            found |= find_entry(im, &s, &l->entry);
        if (rc != 0)
            return rc;
    }
    return found ? 0 : -ENOEXEC;
}

/* --- what it is told --- */

struct start_page {
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry map[HVM_MEMMAP_MAX];
    char cmdline[CMDLINE_MAX];
};

_Static_assert(sizeof(struct start_page) <= PAGE_SIZE, "one page");

static void __init add_to_map(struct domain *d, uint64_t addr, uint64_t size, uint32_t type)
{
    if (size != 0)
        d->arch.memmap[d->arch.nr_memmap++] =
            (struct hvm_memmap_table_entry){.addr = addr, .size = size, .type = type};
}

static void __init make_map(struct domain *d, const struct layout *l)
{
    add_to_map(d, 0, l->hole, XEN_HVM_MEMMAP_TYPE_RAM);
    if (l->hole != l->low)
        add_to_map(d, HVM_VGA_END, l->low - HVM_VGA_END, XEN_HVM_MEMMAP_TYPE_RAM);
    add_to_map(d, ACPI_TABLES, PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_ACPI);
    add_to_map(d, SPECIAL_END - l->ioreq_pages * PAGE_SIZE, l->ioreq_pages * PAGE_SIZE,
               XEN_HVM_MEMMAP_TYPE_RESERVED);
    add_to_map(d, HIGH_MEMORY, l->high, XEN_HVM_MEMMAP_TYPE_RAM);
}

static int __init write_start_page(struct domain *d, const struct domain_config *cfg,
                                   const struct layout *l, uint64_t at)
{
    static struct start_page p __initdata;

    memset(&p, 0, sizeof(p));
    p.info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .flags = d->is_control ? SIF_PRIVILEGED | SIF_INITDOMAIN : 0,
        .nr_modules = l->module_size != 0,
        .modlist_paddr = at + offsetof(struct start_page, module),
        .cmdline_paddr = at + offsetof(struct start_page, cmdline),
        .rsdp_paddr = ACPI_TABLES,
        .memmap_paddr = at + offsetof(struct start_page, map),
        .memmap_entries = d->arch.nr_memmap,
    };
    p.module.paddr = l->module;
    p.module.size = l->module_size;
    memcpy(p.map, d->arch.memmap, sizeof(p.map));
    if (str_copy(p.cmdline, cfg->bootargs, sizeof(p.cmdline)) >= sizeof(p.cmdline))
        return -E2BIG;
    return gpa_copy_to(d, gpaddr(at), &p, sizeof(p));
}

static uint64_t page_up(uint64_t a)
{
    return (a + PAGE_SIZE - 1) & PAGE_MASK;
}

static int __init load_ramdisk(struct domain *d, const struct domain_config *cfg, struct layout *l)
{
    l->module = page_up(l->image_end);
    l->module_size = cfg->ramdisk.size;
    if (l->module_size == 0)
        return 0;
    if (l->module_size > l->low || l->module > l->low - l->module_size)
        return -ENOMEM;
    return gpa_copy_to(d, gpaddr(l->module), arch_paddr_to_virt(paddr(cfg->ramdisk.addr)),
                       l->module_size);
}

void __init arch_domain_config_from_boot(const struct domain_config *cfg,
                                         struct arch_domain_config *out)
{
    (void)cfg;
    *out = (struct arch_domain_config){0};
}

static int __init check_module(const struct domain_config *cfg, const char *what,
                               const struct boot_module *m)
{
    if (m->size == 0 || boot_ram_is_mapped(m->addr, m->size))
        return 0;
    boot_config_complain(cfg, what, "is where no memory is");
    return -EINVAL;
}

static int __init load_images(struct domain *d, const struct domain_config *cfg, struct layout *l)
{
    struct image im = {arch_paddr_to_virt(paddr(cfg->kernel.addr)), cfg->kernel.size};
    int rc = load_kernel(d, &im, l);

    if (rc != 0) {
        boot_config_complain(cfg, "multiboot,kernel",
                             "no 64-bit ELF image with a PVH entry that fits");
        return rc;
    }
    rc = load_ramdisk(d, cfg, l);
    if (rc != 0)
        boot_config_complain(cfg, "multiboot,ramdisk", "does not fit the domain's memory");
    return rc;
}

int __init arch_domain_build(struct domain *d, const struct domain_config *cfg)
{
    struct layout l = {0};
    uint64_t start;
    int rc = check_module(cfg, "multiboot,kernel", &cfg->kernel);

    if (rc == 0)
        rc = check_module(cfg, "multiboot,ramdisk", &cfg->ramdisk);
    if (rc != 0)
        return rc;
    d->arch.vga = !cfg->is_control && fdt_has_prop(host_fdt(), cfg->node, "wherry,vga");
    if (d->arch.vga && cfg->memory <= HVM_VGA_END) {
        boot_config_complain(cfg, "wherry,vga", "not with so little memory");
        return -EINVAL;
    }
    rc = give_memory(d, cfg->memory, &l);
    if (rc != 0) {
        boot_config_complain(cfg, "memory", "more than the machine has left");
        return rc;
    }
    rc = give_ioreq_pages(d, cfg, &l);
    if (rc == 0)
        rc = give_acpi_tables(d);
    if (rc == 0)
        rc = load_images(d, cfg, &l);
    if (rc != 0)
        return rc;
    start = page_up(l.module + l.module_size);
    if (start + PAGE_SIZE > l.low)
        return -ENOMEM;
    make_map(d, &l);
    rc = write_start_page(d, cfg, &l, start);
    if (rc == 0)
        hvm_vcpu_enter_pvh(domain_vcpu(d, 0), (uint32_t)l.entry, (uint32_t)start);
    return rc;
}
