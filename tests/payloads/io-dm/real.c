/* SPDX-License-Identifier: Apache-2.0 */
/* Code in real mode: ports, and a device in a page below 1 MiB that the guest has given back. */
#include "suite.h"

#define ANSWER  UINT64_C(0xfedcba9887654321)
#define SEGMENT 0x9000u
#define DEVICE  0x90000u

static void begin_real(void)
{
    begin();
    real_mode(SEGMENT);
}

static void ports(void)
{
    begin_real();
    give(RDX, 0x220);
    give(RAX, 0x12345678);
    want_in(0x220, 1, ANSWER);
    want(RAX, 0x12345621);
    run_code("real mode: inb %dx, %al", CODE16("inb %dx, %al"));
    begin_real();
    give(RDX, 0x55550220);
    give(RAX, 0x12345678);
    want_in(0x220, 2, ANSWER);
    want(RAX, 0x12344321);
    run_code("real mode: inw %dx, %ax", CODE16("inw %dx, %ax"));
    begin_real();
    give(RDX, 0x220);
    want_in(0x220, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    run_code("real mode: inl %dx, %eax", CODE16("inl %dx, %eax"));
    begin_real();
    give(RAX, 0x12345678);
    want_out(0xc2, 2, 0x5678);
    run_code("real mode: outw %ax, $0xc2", CODE16("outw %ax, $0xc2"));
    begin_real();
    give(RDX, 0x500);
    give(RAX, 0x12345678);
    want(RAX, 0x1234ffff);
    run_code("real mode: inw of nobody's port", CODE16("inw %dx, %ax"));
}

static void memory(void)
{
    begin_real();
    give(RBX, 0x55550100);
    give(RSI, 0x55550020);
    give(RAX, 0x12345678);
    want_read(DEVICE + 0x124, 2, ANSWER);
    want(RAX, 0x12344321);
    run_code("real mode: movw 4(%bx, %si), %ax", CODE16("movw 4(%bx, %si), %ax"));
    begin_real();
    give(RBX, 0x100);
    give(RCX, 0x12345678);
    want_write(DEVICE + 0x100, 4, 0x12345678);
    run_code("real mode: movl %ecx, (%bx)", CODE16("movl %ecx, (%bx)"));
    begin_real();
    give(RBX, 0x100);
    give(RAX, 1);
    give_flags(0);
    want_read(DEVICE + 0x100, 2, 0xffff);
    want_write(DEVICE + 0x100, 2, 0);
    want_flags(0x8d5, 0x55);
    run_code("real mode: addw %ax, (%bx)", CODE16("addw %ax, (%bx)"));
    begin_real();
    give(RBX, 0x100);
    want_read(DEVICE + 0x100, 1, 0x80);
    want(RDX, 0xffffff80);
    run_code("real mode: movsbl (%bx), %edx", CODE16("movsbl (%bx), %edx"));
    begin_real();
    give(RBX, 0x100);
    want_read(DEVICE + 0x100, 2, 40);
    want_rip(41);
    run_code("real mode: jmp *(%bx)", CODE16("jmpw *(%bx)"));
    begin_real();
    want_read(DEVICE + 0xffe, 2, ANSWER);
    want(RAX, (0x11111111u * (RAX + 1) & 0xffff0000) | 0x4321);
    run_code("real mode: movw 0xffe, %ax", CODE16("movw 0xffe, %ax"));
}

static void strings(void)
{
    begin_real();
    give(RDX, 0x220);
    give(RDI, 0x55550100);
    give(RCX, 0x55550003);
    for (unsigned int i = 0; i < 3; i++) {
        want_in(0x220, 2, element(i));
        want_write(DEVICE + 0x100 + 2 * i, 2, element(i));
    }
    want(RDI, 0x55550106);
    want(RCX, 0x55550000);
    run_code("real mode: rep insw to a device", CODE16("rep insw"));
    begin_real();
    give(RAX, 0x87654321);
    give(RDI, 0x100);
    give(RCX, 5);
    want_fill(0, DEVICE + 0x100, 4, 5, 0x87654321);
    want(RDI, 0x114);
    want(RCX, 0);
    run_code("real mode: rep stosl", CODE16("rep stosl"));
    begin_real();
    give(RDX, 0x220);
    give(RSI, 0x10);
    give_flags(0x400);
    want_read(DEVICE + 0x10, 1, 0x99);
    want_out(0x220, 1, 0x99);
    want(RSI, 0xf);
    run_code("real mode: outsb downwards", CODE16("outsb"));
    begin_real();
    give(RDX, 0x220);
    give(RDI, 0xffff);
    want_trap(VEC_GP, 0, 0);
    want_rip(0);
    run_code("real mode: insw over the segment's end leaves the port alone", CODE16("insw"));
}

/* RAM that a batch moves is where the segment says. */
static void batches(void)
{
    uint16_t segment = (uint16_t)((DEVICE + 0x1000) >> 4);

    begin();
    real_mode(segment); /* RAM again: nobody's but the guest's */
    give(RDX, 0x220);
    give(RSI, 0x10);
    give(RDI, 0x10);
    give(RCX, 4);
    start_code(CODE16("rep insw"));
    box_finish(box_of(0));
    tap(nr_requests == 1 && requests[0].data_is_ptr && requests[0].count == 4 &&
            requests[0].size == 2 && requests[0].data == DEVICE + 0x1010 &&
            requests[0].addr == 0x220,
        "real mode: rep insw to RAM is a batch");
}

void test_real_mode(void)
{
    if (!tap_eq(give_back(DEVICE), 1, "the guest gives a low page back"))
        return;
    tap_eq(range(true, server.id, XEN_DMOP_IO_RANGE_MEMORY, DEVICE, DEVICE + 0xfff), 0,
           "which becomes a device");
    ports();
    memory();
    strings();
    batches();
    range(false, server.id, XEN_DMOP_IO_RANGE_MEMORY, DEVICE, DEVICE + 0xfff);
    tap_eq(populate(DEVICE), 1, "and memory again");
}
