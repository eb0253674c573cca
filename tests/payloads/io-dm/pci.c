/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space through ports 0xCF8 and 0xCFC: by function, not by port. */
#include "suite.h"

#define SBDF(bus, dev, fn) ((uint32_t)(bus) << 8 | (dev) << 3 | (fn))
#define OURS               SBDF(0, 3, 0)
#define THEIRS             SBDF(2, 31, 7)
#define NOBODYS            SBDF(0, 4, 0)
#define ENABLE             0x80000000u
#define ANSWER             UINT64_C(0xfedcba9887654321)

static uint64_t address(uint32_t sbdf, unsigned int reg)
{
    return (uint64_t)sbdf << 32 | reg;
}

/* Nobody has the port itself: the write is seen by the hypervisor alone. */
static void select(uint32_t value)
{
    begin();
    give(RDX, 0xcf8);
    give(RAX, value);
    run_in_guest(CODE("outl %eax, %dx"));
}

/* An access to 0xCFC + at; who is 0 if nobody answers, else the type of the request and where. */
static void begin_access(unsigned int at, unsigned int size, bool read, unsigned int type,
                         uint64_t addr)
{
    const uint64_t rax = UINT64_C(0x1122334455667788);
    uint64_t got = type == UINT32_MAX ? UINT64_MAX : ANSWER;

    begin();
    give(RDX, 0xcfc + at);
    give(RAX, rax);
    if (type != UINT32_MAX)
        want_request(type, read ? READ : WRITE, addr, size, read ? ANSWER : rax);
    if (read)
        want(RAX, size == 4 ? (uint32_t)got : (rax & ~size_mask(size)) | (got & size_mask(size)));
}

static void access(const char *what, unsigned int at, unsigned int size, unsigned int type,
                   uint64_t addr)
{
    char text[80];

    begin_access(at, size, true, type, addr);
    snprintf(text, sizeof(text), "%s: %u bytes of 0x%x", what, size, 0xcfc + at);
    run_code(text, size == 1   ? CODE("inb %dx, %al")
                   : size == 2 ? CODE("inw %dx, %ax")
                               : CODE("inl %dx, %eax"));
    begin_access(at, size, false, type, addr);
    snprintf(text, sizeof(text), "%s: %u bytes to 0x%x", what, size, 0xcfc + at);
    run_code(text, size == 1   ? CODE("outb %al, %dx")
                   : size == 2 ? CODE("outw %ax, %dx")
                               : CODE("outl %eax, %dx"));
}

/* Widths and offsets; over the end it is still the function of the first byte. */
static void widths(void)
{
    select(ENABLE | OURS << 8 | 0x40);
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int at = 0; at < 4; at++)
            access("our function", at, size, IOREQ_TYPE_PCI_CONFIG, address(OURS, 0x40 + at));
}

static void select_bits(void)
{
    select(ENABLE | OURS << 8 | 0xff);
    access("the lowest two bits of the register do not count", 0, 4, IOREQ_TYPE_PCI_CONFIG,
           address(OURS, 0xfc));
    select(ENABLE | 0x7f000000 | OURS << 8 | 0x10);
    access("bits 30 to 24 do not count", 1, 1, IOREQ_TYPE_PCI_CONFIG, address(OURS, 0x11));
    select(ENABLE | THEIRS << 8 | 4);
    access("the other server's function", 0, 4, IOREQ_TYPE_PCI_CONFIG, address(THEIRS, 4));
    tap_eq(requests[0].vp_eport, other.id, "which the other server gets");
    select(ENABLE | NOBODYS << 8);
    access("nobody's function", 0, 4, UINT32_MAX, 0);
    access("nobody's function", 3, 1, UINT32_MAX, 0);
    select(ENABLE | SBDF(1, 3, 0) << 8);
    access("another bus", 0, 4, UINT32_MAX, 0);
    select(ENABLE | SBDF(0, 3, 1) << 8);
    access("another function of the device", 0, 2, UINT32_MAX, 0);
}

/* Without the enable bit 0xCFC is a port like others. */
static void plain_port(void)
{
    select(OURS << 8 | 0x40);
    access("not enabled, nobody's port", 0, 4, UINT32_MAX, 0);
    range(true, server.id, XEN_DMOP_IO_RANGE_PORT, 0xcfc, 0xcff);
    access("not enabled, a server's port", 2, 2, IOREQ_TYPE_PIO, 0xcfe);
    access("not enabled, over the end of the server's ports", 2, 4, UINT32_MAX, 0);
    select(ENABLE | NOBODYS << 8);
    access("enabled, nobody's function on a server's port", 0, 4, UINT32_MAX, 0);
    select(ENABLE | OURS << 8 | 8);
    access("enabled, our function on a server's port", 0, 4, IOREQ_TYPE_PCI_CONFIG,
           address(OURS, 8));
    range(false, server.id, XEN_DMOP_IO_RANGE_PORT, 0xcfc, 0xcff);
}

/* Only 4 bytes to 0xCF8 itself select. */
static void index_port(void)
{
    begin();
    give(RDX, 0xcf8);
    want(RAX, UINT32_MAX);
    RUN_AS("0xcf8, nobody's: ones", "inl %dx, %eax");
    select(ENABLE | OURS << 8 | 8);
    range(true, other.id, XEN_DMOP_IO_RANGE_PORT, 0xcf8, 0xcfb);
    begin();
    give(RDX, 0xcf8);
    give(RAX, 0);
    want_out(0xcf8, 1, 0);
    RUN_AS("a byte to 0xcf8 is a server's", "outb %al, %dx");
    begin();
    give(RDX, 0xcfb);
    give(RAX, 0);
    want_out(0xcfb, 1, 0);
    RUN_AS("a byte to 0xcfb is a server's", "outb %al, %dx");
    begin();
    give(RDX, 0xcfa);
    give(RAX, 0);
    want_out(0xcfa, 2, 0);
    RUN_AS("two bytes to 0xcfa are a server's", "outw %ax, %dx");
    access("and select nothing", 0, 4, IOREQ_TYPE_PCI_CONFIG, address(OURS, 8));
    begin();
    give(RDX, 0xcf8);
    give(RAX, ENABLE | THEIRS << 8 | 0xc);
    want_out(0xcf8, 4, ENABLE | THEIRS << 8 | 0xc);
    RUN_AS("four bytes to 0xcf8 are a server's too", "outl %eax, %dx");
    access("and select", 0, 4, IOREQ_TYPE_PCI_CONFIG, address(THEIRS, 0xc));
    begin();
    give(RDX, 0xcf8);
    want_in(0xcf8, 4, 0x1234567890);
    want(RAX, 0x34567890);
    RUN_AS("what 0xcf8 reads is the server's", "inl %dx, %eax");
    range(false, other.id, XEN_DMOP_IO_RANGE_PORT, 0xcf8, 0xcfb);
}

/* The other instructions that access ports select and are selected as well. */
static void strings(void)
{
    begin();
    give(RDX, 0xcf8);
    give(RSI, VIEW(V_RAM) + 0x20);
    give_ram_int(0x20, ENABLE | OURS << 8 | 0x2c, 4);
    want(RSI, VIEW(V_RAM) + 0x24);
    RUN_AS("outsl to 0xcf8", "outsl");
    access("selects", 0, 4, IOREQ_TYPE_PCI_CONFIG, address(OURS, 0x2c));
    begin();
    give(RDX, 0xcfc);
    give(RDI, VIEW(V_RAM) + 0x20);
    want_request(IOREQ_TYPE_PCI_CONFIG, READ, address(OURS, 0x2c), 4, ANSWER);
    want_ram_int(0x20, ANSWER, 4);
    want(RDI, VIEW(V_RAM) + 0x24);
    RUN_AS("insl of 0xcfc", "insl");
    begin();
    give(RDX, 0xcfc);
    give(RDI, VIEW(V_RAM) + 0x20);
    give(RCX, 3);
    want_batch(IOREQ_TYPE_PCI_CONFIG, READ, address(OURS, 0x2c), 4, 3, guest_ram + 0x20, 0);
    for (unsigned int i = 0; i < 3; i++)
        want_ram_int(0x20 + 4 * i, element(i), 4);
    want(RDI, VIEW(V_RAM) + 0x2c);
    want(RCX, 0);
    RUN_AS("rep insl of 0xcfc", "rep insl");
}

void test_pci(void)
{
    tap_eq(range(true, server.id, XEN_DMOP_IO_RANGE_PCI, OURS, OURS), 0, "a function is mapped");
    tap_eq(range(true, other.id, XEN_DMOP_IO_RANGE_PCI, THEIRS, THEIRS), 0, "another one");
    widths();
    select_bits();
    plain_port();
    index_port();
    strings();
    range(false, server.id, XEN_DMOP_IO_RANGE_PCI, OURS, OURS);
    select(ENABLE | OURS << 8);
    access("unmapped again", 0, 4, UINT32_MAX, 0);
    range(false, other.id, XEN_DMOP_IO_RANGE_PCI, THEIRS, THEIRS);
}
