/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit protected mode without paging, with two levels of tables, and with PAE. */
#include "suite.h"

#define ANSWER UINT64_C(0xfedcba9887654321)

static enum io_paging paging;
static const char *const names[] = {"unpaged", "two levels", "PAE"};

static void begin_here(void)
{
    begin();
    protected_mode(paging);
}

static void run(const char *text, struct code code)
{
    char line[96];

    snprintf(line, sizeof(line), "32-bit, %s: %s", names[paging], text);
    run_code(line, code);
}

/* Into this mode and out again. False: that is left out, and so has to be all that needs it. */
static bool there_and_back(void)
{
    char line[96];

    snprintf(line, sizeof(line), "32-bit, %s: there and back", names[paging]);
    if (tap_skip(line))
        return false;
    begin_here();
    run_code(line, CODE32("nop"));
    return true;
}

/* Where RAM is its own address. */
static void flat(void)
{
    begin_here();
    give(RDX, 0x220);
    want_in(0x220, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    run("inl %dx, %eax", CODE32("inl %dx, %eax"));
    begin_here();
    give(RAX, 0x12345678);
    want_out(0xc2, 1, 0x78);
    run("outb %al, $0xc2", CODE32("outb %al, $0xc2"));
    begin_here();
    give(RBX, MMIO + 0x10);
    want_read(MMIO + 0x14, 4, ANSWER);
    want(RAX, (uint32_t)ANSWER);
    run("movl 4(%ebx), %eax", CODE32("movl 4(%ebx), %eax"));
    begin_here();
    give(RBX, MMIO);
    give_flags(0);
    want_read(MMIO, 4, 0xffffffff);
    want_write(MMIO, 4, 0);
    want_flags(0x8d5, 0x54);
    run("incl (%ebx)", CODE32("incl (%ebx)"));
    begin_here();
    give(RBX, MMIO + PAGE_SIZE - 2);
    want_read(MMIO + PAGE_SIZE - 2, 2, 0x1122);
    want_read(MMIO + PAGE_SIZE, 2, 0x3344);
    want(RAX, 0x33441122);
    run("movl over the end of a page", CODE32("movl (%ebx), %eax"));
    begin_here();
    give(RDX, 0x220);
    give(RDI, guest_ram + 0xff0);
    give(RCX, 6);
    want_batch(IOREQ_TYPE_PIO, READ, 0x220, 4, 4, guest_ram + 0xff0, 0);
    want_batch(IOREQ_TYPE_PIO, READ, 0x220, 4, 2, guest_ram + 0x1000, 4);
    for (unsigned int i = 0; i < 6; i++)
        want_ram_int(0xff0 + 4 * i, element(i), 4);
    want(RDI, guest_ram + 0x1008);
    want(RCX, 0);
    run("rep insl", CODE32("rep insl"));
    begin_here();
    give(RSI, MMIO + 0x40);
    give(RDI, guest_ram + 0x100);
    give(RCX, 6);
    want_batch(IOREQ_TYPE_COPY, READ, MMIO + 0x40, 2, 6, guest_ram + 0x100, 0);
    for (unsigned int i = 0; i < 6; i++)
        want_ram_int(0x100 + 2 * i, element(i), 2);
    want(RSI, MMIO + 0x4c);
    want(RDI, guest_ram + 0x10c);
    want(RCX, 0);
    run("rep movsw", CODE32("rep movsw"));
    begin_here();
    give(RBX, MMIO);
    want_read(MMIO, 8, UINT64_C(0x1122334455667788));
    want(RAX, 0x55667788);
    run("movq (%ebx), %xmm2", CODE32("movq (%ebx), %xmm2\n\tmovd %xmm2, %eax"));
}

/* Through the view's tables. */
static void mapped(void)
{
    begin_here();
    give(RBX, VIEW(V_MMIO_RAM) - 1);
    give_ram_int(0, 0x445566, 3);
    want_read(MMIO + PAGE_SIZE - 1, 1, 0x77);
    want(RAX, 0x44556677);
    run("movl of a device and RAM", CODE32("movl (%ebx), %eax"));
    begin_here();
    give(RBX, VIEW(V_GAP));
    want_trap(VEC_PF, 2, VIEW(V_GAP));
    run("movl to nothing", CODE32("movl %eax, (%ebx)"));
    begin_here();
    give(RBX, VIEW(V_GAP2) - 2);
    want_trap(VEC_PF, 0, VIEW(V_GAP2));
    run("movl of a device and nothing", CODE32("movl (%ebx), %eax"));
    begin_here();
    give(RDX, 0x220);
    give(RDI, VIEW(V_GAP) - 3);
    give(RCX, 6);
    want_batch(IOREQ_TYPE_PIO, READ, 0x220, 1, 3, guest_ram + 4 * PAGE_SIZE - 3, 0);
    for (unsigned int i = 0; i < 3; i++)
        want_ram_int(4 * PAGE_SIZE - 3 + i, element(i), 1);
    want(RDI, VIEW(V_GAP));
    want(RCX, 3);
    want_trap(VEC_PF, 2, VIEW(V_GAP));
    run("rep insb up to nothing", CODE32("rep insb"));
    begin_here();
    give(RDX, 0x220);
    give(RDI, VIEW(V_READ_ONLY));
    want_trap(VEC_PF, 3, VIEW(V_READ_ONLY));
    run("insb to a page that is read-only", CODE32("insb"));
}

void test_protected_mode(void)
{
    for (paging = IO_UNPAGED; paging <= IO_PAE; paging++) {
        if (!there_and_back())
            continue;
        flat();
        if (paging != IO_UNPAGED)
            mapped();
    }
}
