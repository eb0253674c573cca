/* SPDX-License-Identifier: Apache-2.0 */
/* Code of 32 and 16 bits, at CPL 3, and step by step. */
#include "suite.h"

#define ANSWER UINT64_C(0xfedcba9887654321)
#define VEC_DB 1
#define TF     0x100u

/* Registers of 32-bit code have no upper halves to keep: begin with none. */
static void begin_narrow(unsigned int cs)
{
    begin();
    for (unsigned int i = 0; i < IO_NR_REGS; i++)
        give(i, 0x11111111u * (i + 1));
    code_is(cs);
}

static void code32(void)
{
    begin_narrow(SEL_CODE32);
    give(RDX, 0x220);
    want_in(0x220, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    run_code("32-bit: inl %dx, %eax", CODE32("inl %dx, %eax"));
    begin_narrow(SEL_CODE32);
    give(RDX, 0x220);
    give(RAX, 0x12345678);
    want_out(0x220, 2, 0x5678);
    run_code("32-bit: outw %ax, %dx", CODE32("outw %ax, %dx"));
    begin_narrow(SEL_CODE32);
    give(RBX, MMIO);
    want_read(MMIO + 0x10, 4, ANSWER);
    want(RCX, (uint32_t)ANSWER);
    run_code("32-bit: movl 0x10(%ebx), %ecx", CODE32("movl 0x10(%ebx), %ecx"));
    begin_narrow(SEL_CODE32);
    give(RCX, 0x12345678);
    want_write(MMIO + 4, 4, 0x12345678);
    run_code("32-bit: movl %ecx, (device)", CODE32("movl %ecx, 0xd0010004"));
    begin_narrow(SEL_CODE32);
    give(RBX, MMIO);
    give_flags(0);
    want_read(MMIO, 4, 0xffffffff);
    want_write(MMIO, 4, 0);
    want_flags(0x8d5, 0x54);
    run_code("32-bit: incl (%ebx)", CODE32("incl (%ebx)"));
    begin_narrow(SEL_CODE32);
    give(RBX, MMIO);
    give(RAX, 0x7f);
    give_flags(0);
    want_read(MMIO, 1, 1);
    want_write(MMIO, 1, 0x80);
    want_flags(0x8d5, 0x890);
    run_code("32-bit: addb %al, (%ebx)", CODE32("addb %al, (%ebx)"));
    begin_narrow(SEL_CODE32);
    give(RDX, 0x220);
    give(RDI, guest_ram + 0x40);
    give(RCX, 5);
    want_batch(IOREQ_TYPE_PIO, READ, 0x220, 4, 5, guest_ram + 0x40, 0);
    for (unsigned int i = 0; i < 5; i++)
        want_ram_int(0x40 + 4 * i, element(i), 4);
    want(RDI, guest_ram + 0x54);
    want(RCX, 0);
    run_code("32-bit: rep insl", CODE32("rep insl"));
    begin_narrow(SEL_CODE32);
    give(RAX, 0x87654321);
    give(RDI, MMIO + 0x40);
    give(RCX, 5);
    want_fill(0, MMIO + 0x40, 4, 5, 0x87654321);
    want(RDI, MMIO + 0x54);
    want(RCX, 0);
    run_code("32-bit: rep stosl", CODE32("rep stosl"));
    begin_narrow(SEL_CODE32);
    give_rsp(MMIO + 0x100);
    give(RAX, 0x87654321);
    want_write(MMIO + 0xfc, 4, 0x87654321);
    want_rsp(MMIO + 0xfc);
    run_code("32-bit: pushl %eax on a device", CODE32("pushl %eax"));
    begin_narrow(SEL_CODE32);
    give(RBX, MMIO);
    give_rsp(guest_ram + 0x100);
    want_read(MMIO, 4, box_of(0)->code_at + 40);
    want_ram_int(0xfc, box_of(0)->code_at + 2, 4);
    want_rsp(guest_ram + 0xfc);
    want_rip(box_of(0)->code_at + 41);
    run_code("32-bit: call *(%ebx)", CODE32("call *(%ebx)"));
}

static void code16(void)
{
    begin_narrow(SEL_CODE16);
    give(RDX, 0x220);
    give(RAX, 0x12345678);
    want_in(0x220, 2, ANSWER);
    want(RAX, 0x12344321);
    run_code("16-bit: inw %dx, %ax", CODE16("inw %dx, %ax"));
    begin_narrow(SEL_CODE16);
    give(RDX, 0x220);
    want_in(0x220, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    run_code("16-bit: inl %dx, %eax", CODE16("inl %dx, %eax"));
    begin_narrow(SEL_CODE16);
    give(RAX, 0x12345678);
    want_out(0xc4, 1, 0x78);
    run_code("16-bit: outb %al, $0xc4", CODE16("outb %al, $0xc4"));
    begin_narrow(SEL_CODE16);
    give(RBX, MMIO);
    want_read(MMIO + 2, 2, ANSWER);
    want(RCX, (0x11111111u * (RCX + 1) & 0xffff0000) | 0x4321);
    run_code("16-bit: movw 2(%ebx), %cx", CODE16("movw 2(%ebx), %cx"));
    begin_narrow(SEL_CODE16);
    give(RAX, 0x87654321);
    give(RDI, MMIO + 0x40);
    give(RCX, 5);
    want_fill(0, MMIO + 0x40, 4, 5, 0x87654321);
    want(RDI, MMIO + 0x54);
    want(RCX, 0);
    run_code("16-bit: rep addr32 stosl", CODE(".byte 0xf3, 0x67, 0x66, 0xab"));
    begin_narrow(SEL_CODE16);
    give(RBX, MMIO);
    want_read(MMIO, 2, 40);
    want_rip(41);
    run_code("16-bit: jmp *(%ebx)", CODE16("jmpw *(%ebx)"));
}

/* Code that loads ES from AX first. */
#define WITH_ES "movw %ax, %es\n\t"

static void begin_es(unsigned int selector)
{
    begin_narrow(SEL_CODE16);
    give(RAX, selector);
}

/* Offsets of 16 bits wrap; a segment has a base, and ends. */
static void segments(void)
{
    range(true, server.id, XEN_DMOP_IO_RANGE_MEMORY, IO_SEGMENT, IO_SEGMENT + 0xffff);
    begin_es(SEL_WIDE);
    give(RBX, 0x55550100);
    give(RSI, 0x66660020);
    want_read(IO_SEGMENT + 0x130, 2, ANSWER);
    want(RCX, (0x11111111u * (RCX + 1) & 0xffff0000) | 0x4321);
    run_code("16-bit: movw %es:0x10(%bx, %si), %cx",
             CODE16(WITH_ES "movw %es:0x10(%bx, %si), %cx"));
    begin_es(SEL_WIDE);
    give(RBX, 0x5555fff0);
    give(RCX, 0x12345678);
    want_write(IO_SEGMENT + 0x10, 4, 0x12345678);
    run_code("16-bit: the offset wraps", CODE16(WITH_ES "movl %ecx, %es:0x20(%bx)"));
    begin_es(SEL_WIDE);
    give(RDI, 0x5555ffff);
    want(RDI, 0x55550000);
    want_write(IO_SEGMENT + 0xffff, 1, SEL_WIDE);
    run_code("16-bit: stosb at the last offset", CODE16(WITH_ES "stosb"));
    begin_es(SEL_WIDE);
    give(RDI, 0x5555ffff);
    want(RDI, 0x55550001);
    give(RCX, 0x66660002);
    want(RCX, 0x66660000);
    want_write(IO_SEGMENT + 0xffff, 1, SEL_WIDE);
    want_write(IO_SEGMENT, 1, SEL_WIDE);
    run_code("16-bit: rep stosb over the last offset", CODE16(WITH_ES "rep stosb"));
    begin_es(SEL_SMALL);
    give(RDX, 0x220);
    give(RDI, 0x100);
    want_trap(VEC_GP, 0, 0);
    want_rip(2);
    run_code("16-bit: insb behind the segment leaves the port alone", CODE16(WITH_ES "insb"));
    begin_es(SEL_SMALL);
    give(RDX, 0x220);
    give(RDI, 0xff);
    want_trap(VEC_GP, 0, 0);
    want_rip(2);
    run_code("16-bit: insw over the segment's end leaves the port alone", CODE16(WITH_ES "insw"));
    begin_es(SEL_SMALL);
    give(RDX, 0x220);
    give(RDI, 0xfe);
    give(RCX, 4);
    for (unsigned int i = 0; i < 2; i++) {
        want_in(0x220, 1, 0x55 + i);
        want_write(IO_SEGMENT + 0xfe + i, 1, 0x55 + i);
    }
    want(RDI, 0x100);
    want(RCX, 2);
    want_trap(VEC_GP, 0, 0);
    want_rip(2);
    run_code("16-bit: rep insb up to the segment's end", CODE16(WITH_ES "rep insb"));
    range(false, server.id, XEN_DMOP_IO_RANGE_MEMORY, IO_SEGMENT, IO_SEGMENT + 0xffff);
    begin();
    give(RCX, 0xc0000100); /* FS_BASE */
    give(RAX, (uint32_t)MMIO);
    give(RDX, 0);
    give(RBX, 0x20);
    want_read(MMIO + 0x24, 4, ANSWER);
    want(R8, (uint32_t)ANSWER);
    RUN_AS("movl %fs:4(%rbx), %r8d", "wrmsr\n\tmovl %fs:4(%rbx), %r8d");
}

/* At CPL 3 with IOPL 0 the TSS decides, before anything is forwarded. */
static void user(void)
{
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_PORT);
    want_in(IO_USER_PORT, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    RUN_AS("CPL 3: inl, allowed by the TSS", "inl %dx, %eax");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_LAST);
    give(RAX, 0x99);
    want_out(IO_USER_LAST, 1, 0x99);
    RUN_AS("CPL 3: outb, allowed by the TSS", "outb %al, %dx");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_LAST);
    want_trap(VEC_GP, 0, 0);
    RUN_AS("CPL 3: inw, half allowed by the TSS", "inw %dx, %ax");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_PORT - 1);
    want_trap(VEC_GP, 0, 0);
    RUN_AS("CPL 3: outb, not allowed by the TSS", "outb %al, %dx");
    begin();
    code_is(SEL_USER);
    give_flags(0x3000);
    give(RDX, IO_USER_PORT - 1);
    give(RAX, 0x99);
    want_out(IO_USER_PORT - 1, 1, 0x99);
    RUN_AS("CPL 3, IOPL 3: outb, not asked", "outb %al, %dx");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_PORT);
    give(RDI, guest_ram + 0x40);
    give(RCX, 3);
    want_batch(IOREQ_TYPE_PIO, READ, IO_USER_PORT, 1, 3, guest_ram + 0x40, 0);
    for (unsigned int i = 0; i < 3; i++)
        want_ram_int(0x40 + i, element(i), 1);
    want(RDI, guest_ram + 0x43);
    want(RCX, 0);
    RUN_AS("CPL 3: rep insb, allowed by the TSS", "rep insb");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_PORT);
    give(RSI, guest_ram + 0x40);
    give_ram_int(0x40, 0x87654321, 4);
    want_out(IO_USER_PORT, 4, 0x87654321);
    want(RSI, guest_ram + 0x44);
    RUN_AS("CPL 3: outsl, allowed by the TSS", "outsl");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_LAST + 1);
    give(RDI, guest_ram + 0x40);
    give(RCX, 3);
    want_trap(VEC_GP, 0, 0);
    RUN_AS("CPL 3: rep insb, not allowed by the TSS", "rep insb");
    begin();
    code_is(SEL_USER);
    give(RBX, MMIO);
    want_read(MMIO, 8, ANSWER);
    want(RAX, ANSWER);
    RUN_AS("CPL 3: movq of a device", "movq (%rbx), %rax");
    set_page(V_MMIO_FIRST, (MMIO | PTE_RAM) & ~UINT64_C(4));
    begin();
    code_is(SEL_USER);
    give(RBX, VIEW(V_MMIO_FIRST));
    want_trap(VEC_PF, 5, VIEW(V_MMIO_FIRST));
    RUN_AS("CPL 3: movq of the kernel's device", "movq (%rbx), %rax");
    begin();
    code_is(SEL_USER);
    give(RDX, IO_USER_PORT);
    give(RDI, VIEW(V_GAP) - 1);
    give(RCX, 3);
    want(RDI, VIEW(V_GAP));
    want(RCX, 2);
    want_in(IO_USER_PORT, 1, 0x44);
    want_ram_int(4 * PAGE_SIZE - 1, 0x44, 1);
    want_trap(VEC_PF, 6, VIEW(V_GAP));
    RUN_AS("CPL 3: rep insb up to nothing", "rep insb");
    set_page(V_MMIO_FIRST, MMIO | PTE_RAM);
}

/* With TF set the exception comes behind an instruction, or behind one element of REP. */
static void begin_step(void)
{
    begin();
    give_flags(TF | 0x2);
}

static void want_step(unsigned int bytes)
{
    want_trap(VEC_DB, 0, 0);
    want_rip(box_of(0)->code_at + bytes);
}

static void steps(void)
{
    begin_step();
    want_step(1);
    RUN_AS("TF: nop", "nop");
    begin_step();
    give(RDX, 0x220);
    want_in(0x220, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    want_step(1);
    RUN_AS("TF: inl", "inl %dx, %eax");
    begin_step();
    give(RDX, 0x220);
    give(RAX, 0x99);
    want_out(0x220, 1, 0x99);
    want_step(1);
    RUN_AS("TF: outb", "outb %al, %dx");
    begin_step();
    give(RDX, 0x500);
    give(RAX, 0x99);
    want_step(1);
    RUN_AS("TF: outb to nobody", "outb %al, %dx");
    begin_step();
    give(RBX, MMIO);
    want_read(MMIO, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    want_step(2);
    RUN_AS("TF: movl of a device", "movl (%rbx), %eax");
    begin_step();
    give(RDX, 0x220);
    give(RDI, guest_ram + 0x40);
    want_in(0x220, 1, 0x44);
    want_ram_int(0x40, 0x44, 1);
    want(RDI, guest_ram + 0x41);
    want_step(1);
    RUN_AS("TF: insb", "insb");
}

/* Code is not fetched from a device. */
static void fetch(void)
{
    begin();
    want_trap(VEC_GP, 0, 0);
    give(RAX, MMIO);
    want_rip(MMIO);
    RUN_AS("code on a device: #GP", "jmp *%rax");
    begin();
    give(RBX, MMIO & ~0xfu);
    want_trap(VEC_GP, 0, 0);
    RUN_AS("fxsave to a device: #GP", "fxsave (%rbx)");
}

void test_modes(void)
{
    code32();
    code16();
    segments();
    user();
    if (!bootarg_has("nosteps"))
        steps();
    fetch();
}
