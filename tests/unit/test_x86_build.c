/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest finds when it starts (arch/x86/hvm/build.c, acpi.c): its memory and the map of it,
 * the start info, the ACPI tables; and kernels that are no kernels. The p2m is a list of ranges;
 * the guest's memory is an address space in which only what is in that list may be written.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <wherry/types.h>

/* In place of asm/page.h: physical addresses of the host are pointers. */
#define WHERRY_ASM_PAGE_H

struct page;
static struct page *const arch_frame_table = (struct page *)0x100000000000;
#define arch_frame_base UINT64_C(0)

static inline void *arch_paddr_to_virt(paddr_t p)
{
    return (void *)(uintptr_t)p.v;
}

static inline paddr_t arch_virt_to_paddr(const void *va)
{
    return paddr((uintptr_t)va);
}

#include "../../arch/x86/hvm/acpi.c"
#include "../../arch/x86/hvm/build.c"

#define GIB   (UINT64_C(1) << 30)
#define SPACE (UINT64_C(64) * GIB)

/* --- the hypervisor around it --- */

static struct domain d;
static struct vcpu vcpus[CONFIG_MAX_VCPUS];
static struct vcpu *vcpu_list[CONFIG_MAX_VCPUS];
static uint8_t *memory; /* of the guest */
static struct range {
    uint64_t start, end;
} mapped[65536];
static unsigned int nr_mapped, complaints;
static uint64_t pages_given, pages_left, largest;
static bool no_ram_there, vga;
static uint32_t ioreq_pages;
static int ioreq_rc;
static uint32_t started_at, start_info;
static unsigned int started;

struct page *domain_alloc_pages(struct domain *dom, unsigned int order, bool unaccounted)
{
    assert_true(dom == &d && !unaccounted);
    if (UINT64_C(1) << order > largest || UINT64_C(1) << order > pages_left ||
        pages_given + (UINT64_C(1) << order) > d.max_pages)
        return NULL;
    pages_left -= UINT64_C(1) << order;
    pages_given += UINT64_C(1) << order;
    return (struct page *)((uintptr_t)arch_frame_table + 64 * (uintptr_t)pages_given);
}

int p2m_map(struct domain *dom, gfn_t g, uint64_t nr, mfn_t m, enum p2m_type t)
{
    struct range r = {g.v << PAGE_SHIFT, (g.v + nr) << PAGE_SHIFT};

    (void)m;
    assert_true(dom == &d && nr != 0);
    assert_int_equal(t, P2M_RAM_RW);
    assert_true(g.v >> 36 == 0 && nr <= UINT64_C(1) << 36);
    assert_int_equal(g.v & (nr - 1), 0);
    for (unsigned int i = 0; i < nr_mapped; i++)
        assert_true(r.start >= mapped[i].end || r.end <= mapped[i].start);
    if (nr_mapped != 0 && mapped[nr_mapped - 1].end == r.start)
        mapped[nr_mapped - 1].end = r.end;
    else
        mapped[nr_mapped++] = r;
    assert_true(nr_mapped < ARRAY_SIZE(mapped));
    return 0;
}

int gpa_copy_to(struct domain *dom, gpaddr_t addr, const void *src, size_t size)
{
    assert_true(dom == &d);
    if (size == 0)
        return 0;
    for (unsigned int i = 0; i < nr_mapped; i++) {
        if (addr.v >= mapped[i].start && addr.v < mapped[i].end && size <= mapped[i].end - addr.v) {
            assert_true(addr.v + size <= SPACE);
            memcpy(memory + addr.v, src, size);
            return 0;
        }
    }
    return -EFAULT;
}

const struct fdt *host_fdt(void)
{
    return NULL;
}

int fdt_prop_u32(const struct fdt *f, int node, const char *name, uint32_t *out)
{
    (void)f, (void)node;
    assert_string_equal(name, "wherry,device-model-pages");
    *out = ioreq_pages;
    return ioreq_rc;
}

const void *fdt_getprop(const struct fdt *f, int node, const char *name, uint32_t *len)
{
    (void)f, (void)node, (void)len;
    assert_string_equal(name, "wherry,vga");
    return vga ? "" : NULL;
}

bool boot_ram_is_mapped(uint64_t start, uint64_t size)
{
    (void)start, (void)size;
    return !no_ram_there;
}

void boot_config_complain(const struct domain_config *cfg, const char *property, const char *what)
{
    (void)cfg, (void)property, (void)what;
    complaints++;
}

size_t str_copy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

void hvm_vcpu_enter_pvh(struct vcpu *v, uint32_t entry, uint32_t info)
{
    assert_true(v == &vcpus[0]);
    started_at = entry;
    start_info = info;
    started++;
}

uint32_t vlapic_id(const struct vcpu *v)
{
    return v->id * 2;
}

/* --- a kernel --- */

#define ENTRY 0x100040u

static uint8_t kernel[1024];
static struct domain_config cfg;

static void make_kernel(void)
{
    static const uint32_t note[] = {4, 4, 18, 0x006e6558, ENTRY};
    const struct elf_header h = {
        .ident = {0x7f, 'E', 'L', 'F', 2},
        .machine = 62,
        .phoff = 64,
        .phentsize = 56,
        .phnum = 3,
    };
    const struct elf_segment segs[] = {
        {.type = 4, .offset = 512, .filesz = sizeof(note)},
        {.type = 1, .offset = 600, .paddr = 0x100000, .filesz = 200, .memsz = 0x3000},
        {.type = 6, .offset = 64, .filesz = 168}, /* headers: neither loaded nor a note */
    };

    memset(kernel, 0x5a, sizeof(kernel));
    memset(kernel, 0, 512);
    memcpy(kernel, &h, sizeof(h));
    memcpy(kernel + 64, segs, sizeof(segs));
    memcpy(kernel + 512, note, sizeof(note));
}

static int reset(void **state)
{
    (void)state;
    if (memory != NULL)
        munmap(memory, SPACE);
    memory = mmap(NULL, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    memset(&d, 0, sizeof(d));
    for (unsigned int i = 0; i < CONFIG_MAX_VCPUS; i++) {
        vcpus[i] = (struct vcpu){.domain = &d, .id = i};
        vcpu_list[i] = &vcpus[i];
    }
    d.max_vcpus = 2;
    d.vcpu = vcpu_list;
    nr_mapped = complaints = started = 0;
    pages_given = 0;
    pages_left = UINT64_MAX;
    largest = UINT64_C(1) << 18;
    no_ram_there = vga = false;
    ioreq_rc = -ENOENT;
    ioreq_pages = 0;
    make_kernel();
    cfg = (struct domain_config){.memory = 32 << 20, .bootargs = "console=hvc0 x"};
    cfg.kernel = (struct boot_module){(uintptr_t)kernel, sizeof(kernel)};
    return 0;
}

static int build(void)
{
    d.max_pages = cfg.memory >> PAGE_SHIFT;
    return arch_domain_build(&d, &cfg);
}

static const struct hvm_start_info *info(void)
{
    return (const struct hvm_start_info *)(memory + start_info);
}

/* --- the map --- */

static bool is_mapped(uint64_t start, uint64_t size)
{
    uint64_t at = start;

    for (bool more = true; more && at < start + size;) {
        more = false;
        for (unsigned int i = 0; i < nr_mapped; i++) {
            if (at >= mapped[i].start && at < mapped[i].end) {
                at = mapped[i].end;
                more = true;
            }
        }
    }
    return at >= start + size;
}

/* In order, apart, all of it there, and all that is there in it. */
static void check_map(uint64_t ram)
{
    const struct hvm_memmap_table_entry *m =
        (const struct hvm_memmap_table_entry *)(memory + info()->memmap_paddr);
    uint64_t sum = 0, all = 0;

    assert_in_range(info()->memmap_entries, 2, HVM_MEMMAP_MAX);
    assert_int_equal(info()->memmap_entries, d.arch.nr_memmap);
    assert_memory_equal(m, d.arch.memmap, d.arch.nr_memmap * sizeof(*m));
    for (unsigned int i = 0; i < info()->memmap_entries; i++) {
        assert_true(m[i].size != 0 && ((m[i].addr | m[i].size) & ~PAGE_MASK) == 0);
        assert_int_equal(m[i].reserved, 0);
        if (i != 0)
            assert_true(m[i].addr >= m[i - 1].addr + m[i - 1].size);
        assert_true(is_mapped(m[i].addr, m[i].size));
        all += m[i].size;
        if (m[i].type == XEN_HVM_MEMMAP_TYPE_RAM) {
            sum += m[i].size;
            assert_true(m[i].addr + m[i].size <= 3 * GIB || m[i].addr >= 4 * GIB);
        }
    }
    assert_true(sum == ram);
    assert_true(all == pages_given << PAGE_SHIFT && pages_given == d.max_pages);
}

static void sizes_of_memory(void **state)
{
    static const uint64_t sizes[] = {
        0x105000,         4 << 20,          GIB,      3 * GIB - 0x1000, 3 * GIB,
        3 * GIB + 0x1000, 4 * GIB + 0x5000, 60 * GIB,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (unsigned int how = 0; how < 4; how++) {
            bool small = how & 1; /* the allocator has 2 MiB at once at most */

            reset(state);
            largest = small ? 512 : largest;
            vga = how & 2;
            cfg.memory = sizes[i];
            ioreq_rc = how == 3 ? 0 : -ENOENT;
            ioreq_pages = how == 3 ? 64 : 0;
            if (build() != 0)
                fail_msg("%lx: not built", (unsigned long)sizes[i]);
            assert_int_equal(complaints, 0);
            assert_int_equal(started, 1);
            check_map(sizes[i] - (vga ? 0x20000 : 0));
            if (vga)
                assert_false(is_mapped(0xa0000, 1) || is_mapped(0xbf000, 1));
        }
    }
}

static void too_little_memory(void **state)
{
    static const uint64_t sizes[] = {0, 0x1000, 0x100000, 0x102000, 0x103000};

    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        reset(state);
        cfg.memory = sizes[i];
        assert_true(build() < 0);
        assert_int_equal(started, 0);
    }
    for (unsigned int i = 0; i < 2; i++) { /* the card's place needs some behind it */
        reset(state);
        vga = true;
        cfg.memory = i == 0 ? 0xa0000 : 0xc0000;
        assert_int_equal(build(), -EINVAL);
        assert_int_equal(complaints, 1);
    }
}

/* What the machine has left is less, at each point. */
static void the_host_runs_out(void **state)
{
    static const uint64_t left[] = {0, 1, 512, 3 * GIB >> 12, (4 * GIB >> 12) - 1};

    for (unsigned int i = 0; i < ARRAY_SIZE(left); i++) {
        reset(state);
        cfg.memory = 4 * GIB;
        pages_left = left[i];
        assert_int_equal(build(), -ENOMEM);
        assert_int_equal(complaints, 1);
        assert_int_equal(started, 0);
    }
    reset(state);
    cfg.memory = UINT64_C(1) << 47; /* more than there can be */
    pages_left = 16 * GIB >> 12;
    assert_int_equal(build(), -ENOMEM);
    reset(state);
    pages_left = 32 << 8; /* the ACPI tables' page is missing */
    assert_int_equal(build(), -ENOMEM);
}

static void frames_for_servers(void **state)
{
    static const uint32_t bad[] = {0, 65, 0x80000000, UINT32_MAX};

    (void)state;
    ioreq_rc = 0;
    ioreq_pages = 3;
    assert_int_equal(build(), 0);
    check_map(32 << 20);
    assert_true(d.hvm_params[HVM_PARAM_IOREQ_SERVER_PFN] == 0xfeffd);
    assert_true(d.hvm_params[HVM_PARAM_NR_IOREQ_SERVER_PAGES] == 3);
    assert_true(is_mapped(0xfeffd000, 0x3000));
    for (unsigned int i = 0; i < ARRAY_SIZE(bad) + 1; i++) {
        reset(state);
        ioreq_rc = i == ARRAY_SIZE(bad) ? -EINVAL : 0;
        ioreq_pages = i == ARRAY_SIZE(bad) ? 1 : bad[i];
        assert_int_equal(build(), -EINVAL);
        assert_int_equal(complaints, 1);
    }
    reset(state);
    ioreq_rc = 0;
    ioreq_pages = 3;
    cfg.is_control = true; /* has no device model */
    assert_int_equal(build(), 0);
    check_map(32 << 20);
    assert_true(d.hvm_params[HVM_PARAM_NR_IOREQ_SERVER_PAGES] == 0);
}

/* --- the start info --- */

static void start_info_and_kernel(void **state)
{
    static uint8_t disk[0x2345];
    const struct hvm_modlist_entry *m;

    for (unsigned int i = 0; i < 2; i++) {
        reset(state);
        memset(disk, 0xd1, sizeof(disk));
        if (i == 1) {
            cfg.ramdisk = (struct boot_module){(uintptr_t)disk, sizeof(disk)};
            d.is_control = true;
        }
        assert_int_equal(build(), 0);
        assert_int_equal(started_at, ENTRY);
        assert_memory_equal(memory + 0x100000, kernel + 600, 200);
        assert_int_equal(start_info & ~PAGE_MASK, 0);
        assert_int_equal(info()->magic, 0x336ec578);
        assert_int_equal(info()->version, 1);
        assert_int_equal(info()->flags, i == 1 ? SIF_PRIVILEGED | SIF_INITDOMAIN : 0);
        assert_string_equal(memory + info()->cmdline_paddr, "console=hvc0 x");
        assert_int_equal(info()->reserved, 0);
        assert_int_equal(info()->nr_modules, i);
        assert_memory_equal(memory + info()->rsdp_paddr, "RSD PTR ", 8);
        m = (const struct hvm_modlist_entry *)(memory + info()->modlist_paddr);
        if (i == 0)
            continue;
        assert_true(m->paddr >= 0x103000 && (m->paddr & ~PAGE_MASK) == 0);
        assert_true(m->size == sizeof(disk) && m->cmdline_paddr == 0 && m->reserved == 0);
        assert_memory_equal(memory + m->paddr, disk, sizeof(disk));
        assert_true(start_info >= m->paddr + m->size);
    }
}

static void command_lines(void **state)
{
    static char text[CMDLINE_MAX + 1];

    (void)state;
    memset(text, 'x', CMDLINE_MAX);
    cfg.bootargs = text;
    assert_int_equal(build(), -E2BIG);
    assert_int_equal(started, 0);
    reset(state);
    text[CMDLINE_MAX - 1] = '\0';
    cfg.bootargs = text;
    assert_int_equal(build(), 0);
    assert_string_equal(memory + info()->cmdline_paddr, text);
}

/* A ramdisk up to the last page, and one byte more; and of sizes that nothing has. */
static void ramdisks(void **state)
{
    static uint8_t disk[1 << 20];
    static const uint64_t huge[] = {32 << 20, UINT64_MAX, UINT64_MAX - 0x103000, GIB << 30};

    (void)state;
    memset(disk, 0xd1, sizeof(disk));
    cfg.memory = 0x103000 + sizeof(disk) + PAGE_SIZE;
    cfg.ramdisk = (struct boot_module){(uintptr_t)disk, sizeof(disk)};
    assert_int_equal(build(), 0);
    assert_true(start_info == 0x103000 + sizeof(disk));
    reset(state);
    cfg.memory = 0x103000 + sizeof(disk);
    cfg.ramdisk = (struct boot_module){(uintptr_t)disk, sizeof(disk)};
    assert_int_equal(build(), -ENOMEM); /* no room for the start info */
    for (unsigned int i = 0; i < ARRAY_SIZE(huge); i++) {
        reset(state);
        cfg.ramdisk = (struct boot_module){(uintptr_t)disk, huge[i]};
        assert_int_equal(build(), -ENOMEM);
        assert_int_equal(complaints, 1);
    }
    reset(state);
    no_ram_there = true;
    assert_int_equal(build(), -EINVAL);
    assert_int_equal(complaints, 1);
}

/* --- kernels --- */

/* Each of these alone makes it no kernel. */
static void what_is_no_kernel(void **state)
{
    static const struct {
        unsigned int offset, size;
        uint64_t value;
    } bad[] = {
        {0, 4, 0},
        {4, 1, 1},           /* 32 bits */
        {18, 2, 183},        /* of another machine */
        {54, 2, 55},         /* size of a program header */
        {56, 2, 0},          /* none of them */
        {56, 2, 65535},      /* more than the file has */
        {32, 8, 1024 - 55},  /* they begin too late */
        {32, 8, UINT64_MAX}, /* they wrap */
        {32, 8, UINT64_MAX - 55},
        {64, 4, 0},         /* no note */
        {72, 8, 1024 - 19}, /* the note ends behind the file */
        {72, 8, UINT64_MAX - 8},
        {96, 8, UINT64_MAX - 400},
        {96, 8, 19}, /* the note is cut */
        {96, 8, 11},
        {96, 8, 0},
        {120 + 8, 8, 1024 - 199}, /* what is to be loaded ends behind it */
        {120 + 8, 8, UINT64_MAX - 10},
        {120 + 24, 8, 32 << 20}, /* it is loaded where no memory is */
        {120 + 24, 8, (32 << 20) - 0x2fff},
        {120 + 24, 8, UINT64_MAX - 0x1000}, /* wraps */
        {120 + 32, 8, 0x3001},              /* more in the file than in memory */
        {120 + 32, 8, UINT64_MAX},
        {120 + 40, 8, 199},
        {120 + 40, 8, UINT64_MAX - 0xfffff},
        {120 + 40, 8, 32 << 20},
        {512, 4, 5}, /* another name's length */
        {512, 4, UINT32_MAX},
        {516, 4, 3}, /* no room for an address */
        {516, 4, UINT32_MAX - 3},
        {520, 4, 17},         /* another note */
        {524, 4, 0x786e6558}, /* of another name */
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        int rc;

        reset(state);
        memcpy(kernel + bad[i].offset, &bad[i].value, bad[i].size);
        rc = build();
        if (rc != -EINVAL && rc != -ENOEXEC)
            fail_msg("case %u: %d", i, rc);
        assert_int_equal(complaints, 1);
        assert_int_equal(started, 0);
    }
}

/* Each length of the file, in memory of just that size. */
static void kernels_cut_short(void **state)
{
    for (size_t size = 0; size <= sizeof(kernel); size++) {
        uint8_t *copy = malloc(size);

        reset(state);
        memcpy(copy, kernel, size);
        cfg.kernel = (struct boot_module){(uintptr_t)copy, size};
        if ((build() == 0) != (size >= 800))
            fail_msg("%zu bytes", size);
        free(copy);
    }
}

/* The entry is found behind other notes, whatever their sizes. */
static void notes_before_it(void **state)
{
    static const uint32_t ours[] = {4, 4, 18, 0x006e6558, ENTRY};

    for (uint32_t name = 0; name < 10; name++) {
        for (uint32_t desc = 0; desc < 10; desc++) {
            const uint32_t other[] = {name, desc, 18};
            uint32_t at = 512 + 12 + ((name + 3) & ~3u) + ((desc + 3) & ~3u);
            uint64_t size = at + sizeof(ours) - 512;

            reset(state);
            memcpy(kernel + 512, other, sizeof(other));
            memset(kernel + 524, 'X', at - 524);
            memcpy(kernel + at, ours, sizeof(ours));
            memcpy(kernel + 96, &size, sizeof(size));
            assert_int_equal(build(), 0);
            assert_int_equal(started_at, ENTRY);
        }
    }
}

/* Headers of edge values at random: built or refused, and nothing else is touched. */
static void headers_at_random(void **state)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     4,
                                     0xfff,
                                     0x1000,
                                     1023,
                                     1024,
                                     UINT32_MAX,
                                     0x80000000,
                                     UINT64_MAX,
                                     512,
                                     UINT64_MAX - 4095,
                                     UINT64_C(1) << 63};
    unsigned int built = 0;

    srand(1);
    for (unsigned int i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(sizeof(kernel));

        if (i % 64 == 0) {
            reset(state);
        } else {
            nr_mapped = 0;
            pages_given = 0;
            d.arch.nr_memmap = 0;
            make_kernel();
        }
        for (int n = rand() % 3; n >= 0; n--) {
            unsigned int at = (unsigned int)(rand() % 60) * 4;
            uint64_t v = edges[(unsigned int)rand() % ARRAY_SIZE(edges)] + (uint64_t)(rand() % 3);

            memcpy(kernel + (at < 232 ? at : 280 + at), &v, rand() % 2 ? 4 : 8);
        }
        memcpy(copy, kernel, sizeof(kernel));
        cfg.kernel.addr = (uintptr_t)copy;
        built += build() == 0;
        free(copy);
    }
    assert_in_range(built, 1000, 19000);
}

/* --- ACPI --- */

static uint8_t sum(const void *p, size_t n)
{
    uint8_t s = 0;

    for (size_t i = 0; i < n; i++)
        s = (uint8_t)(s + ((const uint8_t *)p)[i]);
    return s;
}

static uint64_t get(const uint8_t *p, unsigned int bytes)
{
    uint64_t v = 0;

    memcpy(&v, p, bytes);
    return v;
}

/* A whole table within the page: its signature, revision, sum. */
static const uint8_t *check_table(uint64_t at, const char *name, uint8_t revision)
{
    const uint8_t *p = memory + at;

    assert_true(at >= ACPI_TABLES && at < ACPI_TABLES + PAGE_SIZE);
    assert_memory_equal(p, name, 4);
    assert_true(get(p + 4, 4) >= 36 && at + get(p + 4, 4) <= ACPI_TABLES + PAGE_SIZE);
    assert_int_equal(p[8], revision);
    assert_int_equal(sum(p, get(p + 4, 4)), 0);
    return p;
}

static void check_madt(const uint8_t *p, unsigned int n)
{
    const uint8_t *e = p + 44, *end = p + get(p + 4, 4);
    unsigned int found = 0;

    assert_int_equal(get(p + 36, 4), 0xfee00000);
    assert_int_equal(get(p + 40, 4) & 1, 0); /* no 8259 */
    for (; e < end; e += e[1]) {
        assert_true(e[1] >= 2 && e[1] <= end - e);
        assert_int_equal(e[0], 0); /* 8-bit ids will do: none is 255 or above */
        assert_int_equal(e[1], 8);
        assert_int_equal(e[2], found);
        assert_int_equal(e[3], 2 * found);
        assert_int_equal(get(e + 4, 4), 1);
        found++;
    }
    assert_int_equal(found, n);
    assert_true(2 * (n - 1) < 255);
}

static void acpi_tables(void **state)
{
    for (unsigned int n = 1; n <= CONFIG_MAX_VCPUS; n++) {
        const uint8_t *rsdp, *xsdt, *fadt, *dsdt;

        reset(state);
        d.max_vcpus = n;
        vga = n & 1;
        assert_int_equal(build(), 0);
        rsdp = memory + info()->rsdp_paddr;
        assert_int_equal(rsdp - memory, ACPI_TABLES);
        assert_int_equal(sum(rsdp, 20), 0);
        assert_int_equal(sum(rsdp, 36), 0);
        assert_int_equal(rsdp[15], 2);
        assert_int_equal(get(rsdp + 16, 4), 0);
        assert_int_equal(get(rsdp + 20, 4), 36);
        xsdt = check_table(get(rsdp + 24, 8), "XSDT", 1);
        assert_int_equal(get(xsdt + 4, 4), 36 + 2 * 8);
        fadt = check_table(get(xsdt + 36, 8), "FACP", 6);
        assert_int_equal(get(fadt + 4, 4), 276);
        assert_int_equal(fadt[131], 3);
        assert_true(get(fadt + 112, 4) & BIT(20)); /* hardware-reduced */
        assert_true(get(fadt + 112, 4) & BIT(0));
        assert_int_equal(get(fadt + 109, 2), BIT(5) | (vga ? 0 : BIT(2)));
        assert_true(get(fadt + 40, 4) == get(fadt + 140, 8)); /* both name the DSDT */
        for (unsigned int i = 44; i < 109; i++)
            assert_int_equal(fadt[i], 0); /* no ports at all */
        for (unsigned int i = 148; i < 276; i++)
            assert_int_equal(fadt[i], 0);
        dsdt = check_table(get(fadt + 140, 8), "DSDT", 2);
        assert_int_equal(get(dsdt + 4, 4), 36);
        check_madt(check_table(get(xsdt + 44, 8), "APIC", 4), n);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
    const struct CMUnitTest tests[] = {
        TEST(sizes_of_memory),    TEST(too_little_memory),     TEST(the_host_runs_out),
        TEST(frames_for_servers), TEST(start_info_and_kernel), TEST(command_lines),
        TEST(ramdisks),           TEST(what_is_no_kernel),     TEST(kernels_cut_short),
        TEST(notes_before_it),    TEST(headers_at_random),     TEST(acpi_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
