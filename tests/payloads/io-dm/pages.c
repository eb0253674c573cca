/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses over the end of a page, partly in RAM, partly nowhere; faults of their pages. */
#include "suite.h"

#define DATA UINT64_C(0x8877665544332211)

/* The sizes into which the ABI splits: pages, then the largest power of two that is left. */
static unsigned int piece(uint64_t at, unsigned int left)
{
    unsigned int in_page = PAGE_SIZE - (unsigned int)(at % PAGE_SIZE);
    unsigned int size = 8;

    while (size > left || size > in_page)
        size /= 2;
    return size;
}

static void want_pieces(bool read, uint64_t at, unsigned int size, uint64_t data)
{
    for (unsigned int done = 0, n; done < size; done += n) {
        n = piece(at + done, size - done);
        want_request(IOREQ_TYPE_COPY, read ? READ : WRITE, at + done, n,
                     (data >> 8 * done) & size_mask(n));
    }
}

/* All sizes at all offsets about the end of a page. */
static void splits(void)
{
    static const unsigned int sizes[] = {2, 4, 8};

    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
        for (unsigned int below = 1; below <= sizes[i]; below++) {
            uint64_t at = MMIO + PAGE_SIZE - below;
            unsigned int size = sizes[i];

            begin();
            give(RBX, at);
            give(RAX, 0);
            want_pieces(true, at, size, DATA);
            want(RAX, DATA & size_mask(size));
            run_code("a read over the end of a page", size == 2   ? CODE("movw (%rbx), %ax")
                                                      : size == 4 ? CODE("movl (%rbx), %eax")
                                                                  : CODE("movq (%rbx), %rax"));
            begin();
            give(RBX, at);
            give(RAX, DATA);
            want_pieces(false, at, size, DATA);
            run_code("a write over the end of a page", size == 2   ? CODE("movw %ax, (%rbx)")
                                                       : size == 4 ? CODE("movl %eax, (%rbx)")
                                                                   : CODE("movq %rax, (%rbx)"));
        }
}

/* Inside a page the alignment does not count. */
static void unaligned(void)
{
    for (unsigned int o = 1; o < 8; o++) {
        begin();
        give(RBX, MMIO + 0x100 + o);
        want_read(MMIO + 0x100 + o, 8, DATA);
        want(RAX, DATA);
        RUN_AS("8 bytes at any address are one request", "movq (%rbx), %rax");
    }
}

static void modify(void)
{
    begin();
    give(RBX, MMIO + PAGE_SIZE - 3);
    give(RAX, 1);
    give_flags(0);
    want_pieces(true, MMIO + PAGE_SIZE - 3, 8, DATA);
    want_pieces(false, MMIO + PAGE_SIZE - 3, 8, DATA + 1);
    want_flags(0x8d5, 0x84); /* 0x12 */
    RUN_AS("addq over the end of a page", "addq %rax, (%rbx)");
}

/* The view has the device's first page, RAM, and the device's second in a row. */
static void straddles(void)
{
    uint64_t to_ram = VIEW(V_MMIO_RAM) - 2, to_device = VIEW(V_MMIO_LAST) - 2;

    begin();
    give(RBX, to_ram);
    give_ram_int(0, DATA >> 16, 6);
    want_read(MMIO + PAGE_SIZE - 2, 2, DATA);
    want(RAX, DATA);
    RUN_AS("a read of a device and RAM", "movq (%rbx), %rax");
    begin();
    give(RBX, to_ram);
    give(RAX, DATA);
    want_write(MMIO + PAGE_SIZE - 2, 2, DATA);
    want_ram_int(0, DATA >> 16, 6);
    RUN_AS("a write to a device and RAM", "movq %rax, (%rbx)");
    begin();
    give(RBX, to_device);
    give_ram_int(PAGE_SIZE - 2, DATA, 2);
    want_read(MMIO + PAGE_SIZE, 4, DATA >> 16);
    want_read(MMIO + PAGE_SIZE + 4, 2, DATA >> 48);
    want(RAX, DATA);
    RUN_AS("a read of RAM and a device", "movq (%rbx), %rax");
    begin();
    give(RBX, to_device);
    give(RAX, DATA);
    want_ram_int(PAGE_SIZE - 2, DATA, 2);
    want_write(MMIO + PAGE_SIZE, 4, DATA >> 16);
    want_write(MMIO + PAGE_SIZE + 4, 2, DATA >> 48);
    RUN_AS("a write to RAM and a device", "movq %rax, (%rbx)");
}

/* --- page faults --- */

#define PF_WRITE   2
#define PF_PRESENT 1

static void plain_faults(void)
{
    begin();
    give(RBX, VIEW(V_GAP));
    want_trap(VEC_PF, 0, VIEW(V_GAP));
    RUN_AS("a read of nothing", "movl (%rbx), %eax");
    begin();
    give(RBX, VIEW(V_MMIO) - 2);
    want_trap(VEC_PF, 0, VIEW(V_MMIO) - 2);
    RUN_AS("a read of nothing and a device", "movl (%rbx), %eax");
    begin();
    give(RBX, VIEW(V_GAP2) - 2);
    want_trap(VEC_PF, 0, VIEW(V_GAP2));
    RUN_AS("a read of a device and nothing asks nobody", "movl (%rbx), %eax");
    begin();
    give(RBX, VIEW(V_GAP2) - 2);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP2));
    RUN_AS("a write to a device and nothing tells nobody", "movl %eax, (%rbx)");
    begin();
    give(RBX, VIEW(V_GAP2) - 2);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP2));
    RUN_AS("addl to a device and nothing asks nobody", "addl %eax, (%rbx)");
}

/* A case of REP: what was done before the fault stays. */
static void begin_rep(enum io_reg reg, uint64_t at, unsigned int count, unsigned int done,
                      int64_t step)
{
    begin();
    give(RDX, 0x240);
    give(reg, at);
    give(RCX, count);
    want(reg, at + (uint64_t)step * done);
    want(RCX, count - done);
}

static void fill_ram(unsigned int at, unsigned int size, unsigned int n, unsigned int first)
{
    for (unsigned int i = 0; i < n; i++)
        want_ram_int(at + i * size, element(first + i), size);
}

static void port_faults(void)
{
    unsigned int last = 4 * PAGE_SIZE;

    begin_rep(RDI, VIEW(V_GAP) - 16, 20, 8, 2);
    want_batch(IOREQ_TYPE_PIO, READ, 0x240, 2, 8, guest_ram + last - 16, 0);
    fill_ram(last - 16, 2, 8, 0);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP));
    RUN_AS("rep insw up to nothing", "rep insw");
    begin_rep(RDI, VIEW(V_GAP) - 14, 20, 3, 4);
    want_batch(IOREQ_TYPE_PIO, READ, 0x240, 4, 3, guest_ram + last - 14, 0);
    fill_ram(last - 14, 4, 3, 0);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP));
    RUN_AS("rep insl up to half an element before nothing", "rep insl");
    begin_rep(RDI, VIEW(V_READ_ONLY), 20, 0, 2);
    want_trap(VEC_PF, PF_WRITE | PF_PRESENT, VIEW(V_READ_ONLY));
    RUN_AS("rep insw to a page that is read-only", "rep insw");
    begin();
    give(RDI, VIEW(V_GAP) + 5);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP) + 5);
    RUN_AS("insb to nothing leaves the port alone", "insb");
    begin_rep(RSI, VIEW(V_GAP) - 3, 20, 3, 1);
    want_batch(IOREQ_TYPE_PIO, WRITE, 0x240, 1, 3, guest_ram + last - 3, 0);
    for (unsigned int i = 0; i < 3; i++)
        give_ram_int(last - 3 + i, element(i), 1);
    want_trap(VEC_PF, 0, VIEW(V_GAP));
    RUN_AS("rep outsb up to nothing", "rep outsb");
    begin_rep(RSI, VIEW(V_GAP) - 1, 20, 1, 1);
    want_out(0x240, 1, 0x44);
    give_ram_int(last - 1, 0x44, 1);
    want_trap(VEC_PF, 0, VIEW(V_GAP));
    RUN_AS("rep outsb, one element before nothing", "rep outsb");
    begin_rep(RSI, VIEW(V_READ_ONLY) + 0x10, 5, 5, 1);
    want_batch(IOREQ_TYPE_PIO, WRITE, 0x240, 1, 5, guest_ram + PAGE_SIZE + 0x10, 0);
    for (unsigned int i = 0; i < 5; i++)
        give_ram_int(PAGE_SIZE + 0x10 + i, element(i), 1);
    RUN_AS("rep outsb of a page that is read-only", "rep outsb");
}

static void memory_faults(void)
{
    unsigned int last = 4 * PAGE_SIZE;

    begin_rep(RSI, VIEW(V_GAP2) - 12, 20, 3, 4);
    give(RDI, VIEW(V_RAM) + 0x80);
    want(RDI, VIEW(V_RAM) + 0x8c);
    want_batch(IOREQ_TYPE_COPY, READ, MMIO_LAST + 1 - 12, 4, 3, guest_ram + 0x80, 0);
    fill_ram(0x80, 4, 3, 0);
    want_trap(VEC_PF, 0, VIEW(V_GAP2));
    RUN_AS("rep movsl, the source ends", "rep movsl");
    begin_rep(RSI, VIEW(V_MMIO), 20, 3, 4);
    give(RDI, VIEW(V_GAP) - 12);
    want(RDI, VIEW(V_GAP));
    want_batch(IOREQ_TYPE_COPY, READ, MMIO, 4, 3, guest_ram + last - 12, 0);
    fill_ram(last - 12, 4, 3, 0);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP));
    RUN_AS("rep movsl, the destination ends", "rep movsl");
    begin_rep(RDI, VIEW(V_GAP2) - 12, 20, 3, 4);
    give(RAX, 0x12345678);
    want_fill(0, MMIO_LAST + 1 - 12, 4, 3, 0x12345678);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_GAP2));
    RUN_AS("rep stosl, the destination ends", "rep stosl");
    begin_rep(RDI, VIEW(V_MMIO) + 4, 20, 2, -4);
    give(RAX, 0x12345678);
    give_flags(0x400);
    want_fill(DOWN, MMIO + 4, 4, 2, 0x12345678);
    want_trap(VEC_PF, PF_WRITE, VIEW(V_MMIO) - 4);
    RUN_AS("rep stosl downwards, the destination ends", "rep stosl");
    begin_rep(RSI, VIEW(V_GAP2) - 2, 20, 2, 1);
    want_read(MMIO_LAST - 1, 1, 1);
    want_read(MMIO_LAST, 1, 2);
    want(RAX, (UINT64_C(0x9182a3b4c5d6e7f8) * (RAX + 1) & ~UINT64_C(0xff)) | 2);
    want_trap(VEC_PF, 0, VIEW(V_GAP2));
    RUN_AS("rep lodsb, the source ends", "rep lodsb");
}

/* One string over pages that alternate: the device, RAM, the device. */
static void alternating(void)
{
    begin();
    give(RSI, VIEW(V_MMIO_RAM) - 8);
    give(RDI, VIEW(V_RAM) + 2 * PAGE_SIZE);
    give(RCX, 8 + 4096 + 8);
    want(RSI, VIEW(V_MMIO_LAST) + 8);
    want(RDI, VIEW(V_RAM) + 3 * PAGE_SIZE + 16);
    want(RCX, 0);
    want_batch(IOREQ_TYPE_COPY, READ, MMIO + PAGE_SIZE - 8, 1, 8, guest_ram + 2 * PAGE_SIZE, 0);
    fill_ram(2 * PAGE_SIZE, 1, 8, 0);
    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        give_ram_int(i, i * 11 + 5, 1);
        want_ram_int(2 * PAGE_SIZE + 8 + i, i * 11 + 5, 1);
    }
    want_batch(IOREQ_TYPE_COPY, READ, MMIO + PAGE_SIZE, 1, 8, guest_ram + 3 * PAGE_SIZE + 8, 50);
    fill_ram(3 * PAGE_SIZE + 8, 1, 8, 50);
    RUN_AS("rep movsb from a device, RAM, a device", "rep movsb");
}

#define PTE_A UINT64_C(0x20)
#define PTE_D UINT64_C(0x40)

/* The accessed and dirty bits of a page that had none, after an instruction. */
static void bits(const char *text, unsigned int page, uint64_t gpa, uint64_t want_bits,
                 struct code code)
{
    struct io_box *b = box_of(0);

    set_page(page, gpa | 7);
    run_in_guest(code);
    b->a0 = page;
    box_run(b, IO_GET_PAGE);
    tap_eq((int64_t)(b->result & (PTE_A | PTE_D)), (int64_t)want_bits, "A and D: %s", text);
    set_page(page, gpa | PTE_RAM);
}

static void begin_bits(unsigned int page)
{
    begin();
    give(RDX, 0x240);
    give(RBX, VIEW(page));
    give(RSI, VIEW(page));
    give(RDI, VIEW(page));
    give(RCX, 5);
}

static void accessed_and_dirty(void)
{
    uint64_t last = guest_ram + 3 * PAGE_SIZE;

    begin_bits(V_RAM_END);
    bits("insb", V_RAM_END, last, PTE_A | PTE_D, CODE("insb"));
    begin_bits(V_RAM_END);
    want_batch(IOREQ_TYPE_PIO, READ, 0x240, 1, 5, last, 0);
    bits("rep insb", V_RAM_END, last, PTE_A | PTE_D, CODE("rep insb"));
    begin_bits(V_RAM_END);
    bits("outsb", V_RAM_END, last, PTE_A, CODE("outsb"));
    begin_bits(V_RAM_END);
    want_batch(IOREQ_TYPE_PIO, WRITE, 0x240, 1, 5, last, 0);
    for (unsigned int i = 0; i < 5; i++)
        give_ram_int(3 * PAGE_SIZE + i, element(i), 1);
    bits("rep outsb", V_RAM_END, last, PTE_A, CODE("rep outsb"));
    begin_bits(V_MMIO_FIRST);
    bits("a read of a device", V_MMIO_FIRST, MMIO, PTE_A, CODE("movl (%rbx), %eax"));
    begin_bits(V_MMIO_FIRST);
    bits("a write to a device", V_MMIO_FIRST, MMIO, PTE_A | PTE_D, CODE("movl %eax, (%rbx)"));
    begin_bits(V_MMIO_FIRST);
    bits("an increment on a device", V_MMIO_FIRST, MMIO, PTE_A | PTE_D, CODE("incl (%rbx)"));
    begin_bits(V_MMIO_FIRST);
    give(RSI, VIEW(V_RAM));
    bits("rep movsb to a device", V_MMIO_FIRST, MMIO, PTE_A | PTE_D, CODE("movsb"));
}

void test_pages(void)
{
    accessed_and_dirty();
    splits();
    unaligned();
    modify();
    straddles();
    plain_faults();
    port_faults();
    memory_faults();
    alternating();
}
