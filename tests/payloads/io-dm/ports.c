/* SPDX-License-Identifier: Apache-2.0 */
/* IN and OUT: sizes, forms, what a register gets, who has the port. */
#include "suite.h"

#define ANSWER UINT64_C(0xfedcba9887654321)

/* RAX as IN of so many bytes leaves it. */
static uint64_t merged(uint64_t rax, unsigned int size, uint64_t data)
{
    if (size == 4)
        return (uint32_t)data;
    return (rax & ~size_mask(size)) | (data & size_mask(size));
}

static const uint64_t RAX_VALUE = UINT64_C(0x8877665544332211);

static void begin_in(uint16_t port, unsigned int size, uint64_t answer, bool claimed)
{
    begin();
    give(RAX, RAX_VALUE);
    give(RDX, 0xabcdef0000 | port);
    if (claimed)
        want_in(port, size, answer);
    want(RAX, merged(RAX_VALUE, size, claimed ? answer : UINT64_MAX));
}

static void begin_out(uint16_t port, unsigned int size, bool claimed)
{
    begin();
    give(RAX, RAX_VALUE);
    give(RDX, 0xabcdef0000 | port);
    if (claimed)
        want_out(port, size, RAX_VALUE);
}

/* The answer has more bits than were asked for. */
static void forms(void)
{
    begin_in(0xc3, 1, ANSWER, true);
    RUN("inb $0xc3, %al");
    begin_in(0xc3, 2, ANSWER, true);
    RUN("inw $0xc3, %ax");
    begin_in(0xc3, 4, ANSWER, true);
    RUN("inl $0xc3, %eax");
    begin_in(0x213, 1, ANSWER, true);
    RUN("inb %dx, %al");
    begin_in(0x213, 2, ANSWER, true);
    RUN("inw %dx, %ax");
    begin_in(0x213, 4, ANSWER, true);
    RUN("inl %dx, %eax");
    begin_in(0x213, 4, ANSWER, true);
    RUN_AS("rex.w inl %dx, %eax: 4 bytes", ".byte 0x48, 0xed");
    begin_out(0xc3, 1, true);
    RUN("outb %al, $0xc3");
    begin_out(0xc3, 2, true);
    RUN("outw %ax, $0xc3");
    begin_out(0xc3, 4, true);
    RUN("outl %eax, $0xc3");
    begin_out(0x213, 1, true);
    RUN("outb %al, %dx");
    begin_out(0x213, 2, true);
    RUN("outw %ax, %dx");
    begin_out(0x213, 4, true);
    RUN("outl %eax, %dx");
    begin_out(0x213, 4, true);
    RUN_AS("rex.w outl %eax, %dx: 4 bytes", ".byte 0x48, 0xef");
    begin_in(0x213, 1, ANSWER, true);
    RUN_AS("rep inb %dx, %al: once", ".byte 0xf3, 0xec");
    begin_out(0x213, 1, true);
    RUN_AS("repne outb %al, %dx: once", ".byte 0xf2, 0xee");
    begin_in(0x213, 1, ANSWER, true);
    RUN_AS("addr32 inb %dx, %al", ".byte 0x67, 0xec");
    begin_in(0x213, 2, ANSWER, true);
    RUN_AS("many prefixes: inw %dx, %ax", ".byte 0x2e, 0x36, 0x66, 0x66, 0x67, 0xed");
}

/* Each value of the answer goes into the register unchanged. */
static void answers(void)
{
    static const uint64_t values[] = {0, UINT64_MAX, 0x80, 0x8000, 0x80000000};

    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        begin_in(0x220, 1, values[i], true);
        RUN("inb %dx, %al");
        begin_in(0x220, 2, values[i], true);
        RUN("inw %dx, %ax");
        begin_in(0x220, 4, values[i], true);
        RUN("inl %dx, %eax");
    }
}

static void every_flag(void)
{
    static const uint32_t flags[] = {0, 0x8d5, 0x400, 0x4000, 0x40000};

    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
        begin_in(0x220, 4, ANSWER, true);
        give_flags(flags[i]);
        run_code("inl %dx, %eax keeps the flags", CODE("inl %dx, %eax"));
        begin_out(0x220, 2, true);
        give_flags(flags[i]);
        run_code("outw %ax, %dx keeps the flags", CODE("outw %ax, %dx"));
    }
}

static void nobody(void)
{
    begin_in(0x500, 1, 0, false);
    RUN_AS("nobody's port: inb gives ones", "inb %dx, %al");
    begin_in(0x500, 2, 0, false);
    RUN_AS("nobody's port: inw gives ones", "inw %dx, %ax");
    begin_in(0x500, 4, 0, false);
    RUN_AS("nobody's port: inl gives ones", "inl %dx, %eax");
    begin_out(0x500, 1, false);
    RUN_AS("nobody's port: outb is dropped", "outb %al, %dx");
    begin_out(0x500, 4, false);
    RUN_AS("nobody's port: outl is dropped", "outl %eax, %dx");
}

/* All of the access has to be in one range; the server's first and last ports. */
static void edges(void)
{
    begin_in(PORTS_LAST, 1, ANSWER, true);
    RUN_AS("the last port: inb", "inb %dx, %al");
    begin_in(PORTS_LAST, 2, 0, false);
    RUN_AS("the last port: inw is nobody's", "inw %dx, %ax");
    begin_in(PORTS_LAST - 1, 2, ANSWER, true);
    RUN_AS("the last two ports: inw", "inw %dx, %ax");
    begin_in(PORTS_LAST - 2, 4, 0, false);
    RUN_AS("the last three ports: inl is nobody's", "inl %dx, %eax");
    begin_out(PORTS_LAST - 2, 4, false);
    RUN_AS("the last three ports: outl is dropped", "outl %eax, %dx");
    begin_in(PORTS, 4, ANSWER, true);
    RUN_AS("the first ports: inl", "inl %dx, %eax");
    begin_in(PORTS - 1, 4, 0, false);
    RUN_AS("one port before: inl is nobody's", "inl %dx, %eax");
    begin_in(PORTS - 1, 1, 0, false);
    RUN_AS("one port before: inb is nobody's", "inb %dx, %al");
}

static void last_of_all(void)
{
    range(true, server.id, XEN_DMOP_IO_RANGE_PORT, 0xfff0, 0xffff);
    begin_in(0xffff, 1, ANSWER, true);
    RUN_AS("port 0xffff: inb", "inb %dx, %al");
    begin_out(0xffff, 1, true);
    RUN_AS("port 0xffff: outb", "outb %al, %dx");
    begin_in(0xfffe, 2, ANSWER, true);
    RUN_AS("port 0xfffe: inw", "inw %dx, %ax");
    begin_in(0xfffc, 4, ANSWER, true);
    RUN_AS("port 0xfffc: inl", "inl %dx, %eax");
    range(false, server.id, XEN_DMOP_IO_RANGE_PORT, 0xfff0, 0xffff);
}

void test_ports(void)
{
    forms();
    answers();
    every_flag();
    nobody();
    edges();
    last_of_all();
}
