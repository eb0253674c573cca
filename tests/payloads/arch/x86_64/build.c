/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the guests of a payload that is the control domain of Xen: there nobody has made any. The
 * image is the payload's module; a guest gets memory from 0, a start info page and its vCPUs' first
 * registers, as the PVH boot protocol says. Structures are those of the toolstack interface 0x15
 * (xen/domctl.h, xen/hvm/save.h); tests/layout compares them. Called through guest_provide().
 */
#include "payload.h"
#include "build_abi.h"
#include <public/domctl.h>
#include <public/arch-x86/hvm/start_info.h>

#define GUEST_MIB    64u
#define GUEST_FRAMES (GUEST_MIB << 8)
#define LOW_PAGE     0x1000u /* start info, command line */
#define BLOCK_ORDER  9u
#define HOLE         0xa0u /* a VGA card's memory */
#define HOLE_FRAMES  0x20u

#define ELF_LOAD 1
#define NOTE_PVH 18

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

static uint64_t window; /* where a page of the guest is mapped for a moment */

static long domctl(domid_t dom, unsigned int cmd, struct build_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = dom;
    return hypercall(__HYPERVISOR_domctl, arg(op), 0, 0, 0, 0);
}

static void must(long rc, const char *what)
{
    if (rc != 0)
        die("building a guest: %s: %ld", what, rc);
}

static void create(domid_t dom, unsigned int vcpus)
{
    struct build_domctl op = {.cmd = 0};

    op.u.create = (struct build_create){
        .handle = {(uint8_t)dom},
        .flags = CDF_HVM | CDF_HAP,
        .max_vcpus = vcpus,
        .max_evtchn_port = 4095,
        .max_grant_frames = 1,
        .grant_opts = 1,
        .emulation_flags = EMU_LAPIC,
    };
    must(domctl(dom, DOMCTL_CREATEDOMAIN, &op), "createdomain");
    op = (struct build_domctl){.u.word = vcpus};
    must(domctl(dom, DOMCTL_MAX_VCPUS, &op), "max_vcpus");
    op = (struct build_domctl){.u.word = (GUEST_MIB + 2) << 10};
    must(domctl(dom, DOMCTL_MAX_MEM, &op), "max_mem");
    op = (struct build_domctl){.u.pool = UINT64_C(8) << 20};
    must(domctl(dom, DOMCTL_SET_PAGING_MEMPOOL_SIZE, &op), "set_paging_mempool_size");
}

static void populate(domid_t dom)
{
    static xen_pfn_t blocks[GUEST_FRAMES >> BLOCK_ORDER], hole[HOLE_FRAMES];
    struct xen_memory_reservation r = {
        .nr_extents = ARRAY_SIZE(blocks), .extent_order = BLOCK_ORDER, .domid = dom};

    for (unsigned int i = 0; i < ARRAY_SIZE(blocks); i++)
        blocks[i] = (xen_pfn_t)i << BLOCK_ORDER;
    set_xen_guest_handle(r.extent_start, blocks);
    if (memory_op(XENMEM_populate_physmap, &r) != ARRAY_SIZE(blocks))
        die("building a guest: no memory");
    for (unsigned int i = 0; i < ARRAY_SIZE(hole); i++)
        hole[i] = HOLE + i;
    r = (struct xen_memory_reservation){.nr_extents = ARRAY_SIZE(hole), .domid = dom};
    set_xen_guest_handle(r.extent_start, hole);
    if (memory_op(XENMEM_decrease_reservation, &r) != ARRAY_SIZE(hole))
        die("building a guest: no hole");
}

/* Copy to the guest, page by page; zeroes where there is no source. */
static void copy(domid_t dom, uint64_t to, const uint8_t *from, uint64_t bytes)
{
    while (bytes != 0) {
        uint64_t n = PAGE_SIZE - to % PAGE_SIZE;

        n = n < bytes ? n : bytes;
        must(foreign_map(dom, to >> PAGE_SHIFT, window), "mapping its memory");
        if (from != NULL) {
            memcpy((void *)(uintptr_t)(window + to % PAGE_SIZE), from, n);
            from += n;
        } else {
            memset((void *)(uintptr_t)(window + to % PAGE_SIZE), 0, n);
        }
        must(foreign_unmap(window), "unmapping its memory");
        to += n;
        bytes -= n;
    }
}

/* The 32-bit entry that the image's PVH note names. */
static uint32_t load_image(domid_t dom, const uint8_t *image, uint64_t size)
{
    const struct elf_header *h = (const void *)image;
    const struct elf_segment *s = (const void *)(image + h->phoff);
    uint32_t entry = 0;

    if (size < sizeof(*h) || h->ident[4] != 2 || h->phentsize != sizeof(*s))
        die("building a guest: the module is no 64-bit ELF image");
    for (unsigned int i = 0; i < h->phnum; i++, s++) {
        const uint32_t *note = (const void *)(image + s->offset);

        if (s->type == ELF_LOAD) {
            copy(dom, s->paddr, image + s->offset, s->filesz);
            copy(dom, s->paddr + s->filesz, NULL, s->memsz - s->filesz);
        } else if (s->type == 4 && note[0] == 4 && note[2] == NOTE_PVH) {
            entry = note[4];
        }
    }
    if (entry == 0)
        die("building a guest: the module has no PVH entry");
    return entry;
}

static void start_info(domid_t dom)
{
    static struct {
        struct hvm_start_info info;
        struct hvm_memmap_table_entry map[2];
        char bootargs[256]; /* ours, so that one command line is for both */
    } low;

    low.info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .cmdline_paddr = LOW_PAGE + offsetof(__typeof__(low), bootargs),
        .memmap_paddr = LOW_PAGE + offsetof(__typeof__(low), map),
        .memmap_entries = ARRAY_SIZE(low.map),
    };
    low.map[0].size = HOLE << PAGE_SHIFT;
    low.map[1].addr = (HOLE + HOLE_FRAMES) << PAGE_SHIFT;
    low.map[1].size = ((uint64_t)GUEST_FRAMES << PAGE_SHIFT) - low.map[1].addr;
    low.map[0].type = low.map[1].type = XEN_HVM_MEMMAP_TYPE_RAM;
    str_copy(low.bootargs, bootargs, sizeof(low.bootargs));
    copy(dom, LOW_PAGE, (const uint8_t *)&low, sizeof(low));
}

static void first_registers(struct build_cpu *c, uint32_t entry)
{
    memset(c, 0, sizeof(*c));
    c->rbx = LOW_PAGE;
    c->rip = entry;
    c->rflags = 2;
    c->cr0 = 0x11; /* PE, ET */
    c->dr6 = 0xffff0ff0;
    c->dr7 = 0x400;
    for (unsigned int i = 0; i < SEG_TR; i++) {
        c->limit[i] = 0xffffffff;
        c->rights[i] = i == SEG_CS ? 0xc9b : 0xc93;
    }
    c->limit[SEG_TR] = 0x67;
    c->rights[SEG_TR] = 0x8b;
    c->rights[SEG_LDT] = 0x82;
}

/* The header that this hypervisor writes, then only what is ours to say. */
static void set_registers(domid_t dom, uint32_t entry)
{
    static uint8_t saved[0x20000];
    static struct build_context ctx;
    struct build_domctl op = {.u.context = {.size = sizeof(saved), .buffer = arg(saved)}};
    const struct build_record *r = (const void *)saved;

    must(domctl(dom, DOMCTL_GETHVMCONTEXT, &op), "gethvmcontext");
    if (r->type != SAVE_HEADER || r->length != sizeof(ctx.header))
        die("building a guest: its saved context begins with record %u", r->type);
    memcpy(&ctx, saved, offsetof(struct build_context, cpu_record));
    ctx.cpu_record = (struct build_record){SAVE_CPU, 0, sizeof(ctx.cpu)};
    first_registers(&ctx.cpu, entry);
    op = (struct build_domctl){.u.context = {.size = sizeof(ctx), .buffer = arg(&ctx)}};
    must(domctl(dom, DOMCTL_SETHVMCONTEXT, &op), "sethvmcontext");
}

static void build(domid_t dom, unsigned int vcpus)
{
    struct build_domctl op = {.cmd = 0};
    uint32_t entry;

    create(dom, vcpus);
    populate(dom);
    entry = load_image(dom, (const uint8_t *)(uintptr_t)initrd_base, initrd_size);
    start_info(dom);
    set_registers(dom, entry);
    must(domctl(dom, XEN_DOMCTL_unpausedomain, &op), "unpausedomain");
}

void guest_provide(domid_t dom, unsigned int vcpus)
{
    unsigned int count;

    if (dm_nr_vcpus(dom, &count) != -XEN_ESRCH || initrd_size == 0)
        return; /* without a module the suite says so: there is no guest */
    if (window == 0)
        window = scratch_alloc(1);
    build(dom, vcpus);
}
