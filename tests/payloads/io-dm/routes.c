/* SPDX-License-Identifier: Apache-2.0 */
/* Which server gets what, and what the edges of ranges make of accesses and batches. */
#include "suite.h"

#define DATA UINT64_C(0x8877665544332211)
#define AREA (IO_WINDOW + 0x100000u) /* nobody's, but for this file's ranges */

static long memory(bool map, const struct dm_server *s, uint64_t start, uint64_t end)
{
    return range(map, s->id, XEN_DMOP_IO_RANGE_MEMORY, start, end);
}

static long port(bool map, const struct dm_server *s, uint64_t start, uint64_t end)
{
    return range(map, s->id, XEN_DMOP_IO_RANGE_PORT, start, end);
}

/* 4 bytes read and written at `at`: by this server, or NULL: nobody. */
static void served(const char *text, uint64_t at, const struct dm_server *by)
{
    char line[96];

    begin();
    give(RBX, at);
    want(RAX, by != NULL ? (uint32_t)DATA : UINT32_MAX);
    if (by != NULL)
        want_read(at, 4, DATA);
    snprintf(line, sizeof(line), "%s: read", text);
    run_code(line, CODE("movl (%rbx), %eax"));
    if (by != NULL)
        tap_eq(requests[0].vp_eport, by->id, "%s: who", text);
    begin();
    give(RBX, at);
    give(RAX, DATA);
    if (by != NULL)
        want_write(at, 4, DATA);
    snprintf(line, sizeof(line), "%s: write", text);
    run_code(line, CODE("movl %eax, (%rbx)"));
}

static void edges(void)
{
    served("no range", AREA, NULL);
    memory(true, &server, AREA + 0x100, AREA + 0x1ff);
    served("first bytes of a range", AREA + 0x100, &server);
    served("last bytes of a range", AREA + 0x1fc, &server);
    served("over its end", AREA + 0x1fd, NULL);
    served("over its start", AREA + 0xff, NULL);
    served("behind it", AREA + 0x200, NULL);
    memory(true, &server, AREA + 0x200, AREA + 0x2ff);
    served("over two neighbours of one server", AREA + 0x1fe, &server);
    memory(true, &other, AREA + 0x300, AREA + 0x3ff);
    served("over two servers' neighbours", AREA + 0x2fe, NULL);
    served("the second one's", AREA + 0x300, &other);
    memory(true, &other, AREA + 0x280, AREA + 0x2ff);
    served("both have it: the higher number", AREA + 0x280, &other);
    served("now over both of the second's", AREA + 0x2fe, &other);
    served("half of it both's", AREA + 0x27e, &server);
    dm_set_state(GUEST, other.id, false);
    served("the higher is disabled", AREA + 0x280, &server);
    served("only the disabled has it", AREA + 0x300, NULL);
    dm_set_state(GUEST, other.id, true);
    served("it is enabled again", AREA + 0x280, &other);
}

/* 8 bytes over two pages are two requests, each routed by itself. */
static void pages(void)
{
    uint64_t at = AREA + 2 * PAGE_SIZE - 4;

    memory(true, &server, AREA + PAGE_SIZE, AREA + 2 * PAGE_SIZE - 1);
    memory(true, &other, AREA + 2 * PAGE_SIZE, AREA + 3 * PAGE_SIZE - 1);
    begin();
    give(RBX, at);
    want_read(at, 4, DATA);
    want_read(at + 4, 4, DATA >> 32);
    want(RAX, DATA);
    RUN_AS("a read over two pages, each another server's", "movq (%rbx), %rax");
    tap(requests[0].vp_eport == server.id && requests[1].vp_eport == other.id, "each gets its own");
    memory(false, &other, AREA + 2 * PAGE_SIZE, AREA + 3 * PAGE_SIZE - 1);
    begin();
    give(RBX, at);
    want_read(at, 4, DATA);
    want(RAX, UINT64_C(0xffffffff00000000) | (uint32_t)DATA);
    RUN_AS("the second page nobody's: ones", "movq (%rbx), %rax");
    begin();
    give(RBX, at);
    give(RAX, DATA);
    want_write(at, 4, DATA);
    RUN_AS("the second page nobody's: its half is dropped", "movq %rax, (%rbx)");
    begin();
    give(RBX, AREA + PAGE_SIZE - 4);
    want_read(AREA + PAGE_SIZE, 4, DATA);
    want(RAX, DATA << 32 | UINT32_MAX);
    RUN_AS("the first page nobody's: ones", "movq (%rbx), %rax");
    memory(false, &server, AREA + PAGE_SIZE, AREA + 2 * PAGE_SIZE - 1);
}

/* A batch goes as a whole or not at all: all of its bytes have to be one server's. */
static void batches(void)
{
    begin();
    give(RDI, AREA + 0x1f0);
    give(RCX, 0x10);
    give(RAX, 0x55);
    want_fill(0, AREA + 0x1f0, 1, 16, 0x55);
    want(RDI, AREA + 0x200);
    want(RCX, 0);
    RUN_AS("a batch up to the end of the first range", "rep stosb");
    begin();
    give(RDI, AREA + 0x3f0);
    give(RCX, 0x11);
    want(RDI, AREA + 0x401);
    want(RCX, 0);
    RUN_AS("a batch over the end of the last is dropped", "rep stosb");
    begin();
    give(RDI, AREA + 0x10f);
    give(RCX, 0x10);
    give(RAX, 0x55);
    give_flags(0x400);
    want_fill(DOWN, AREA + 0x10f, 1, 16, 0x55);
    want(RDI, AREA + 0xff);
    want(RCX, 0);
    RUN_AS("a batch down to the start of the first range", "rep stosb");
    begin();
    give(RDI, AREA + 0x10f);
    give(RCX, 0x11);
    give_flags(0x400);
    want(RDI, AREA + 0xfe);
    want(RCX, 0);
    RUN_AS("a batch down over its start is dropped", "rep stosb");
    begin();
    give(RSI, AREA + 0x3f0);
    give(RDI, VIEW(V_RAM) + 0x40);
    give(RCX, 0x20);
    want(RSI, AREA + 0x410);
    want(RDI, VIEW(V_RAM) + 0x60);
    want(RCX, 0);
    for (unsigned int i = 0; i < 0x20; i++)
        want_ram_int(0x40 + i, 0xff, 1);
    RUN_AS("a batch that reads over the end gives ones", "rep movsb");
    begin();
    give(RSI, VIEW(V_RAM) + 0x40);
    give(RDI, AREA + 0x270);
    give(RCX, 0x20);
    for (unsigned int i = 0; i < 0x20; i++)
        give_ram_int(0x40 + i, element(i), 1);
    want_batch(IOREQ_TYPE_COPY, WRITE, AREA + 0x270, 1, 0x20, guest_ram + 0x40, 0);
    want(RSI, VIEW(V_RAM) + 0x60);
    want(RDI, AREA + 0x290);
    want(RCX, 0);
    RUN_AS("a batch over what both have: who has all of it", "rep movsb");
    tap_eq(requests[0].vp_eport, server.id, "which is the lower number");
}

/* A string operation stays on its port: the port alone counts. */
static void ports(void)
{
    port(true, &other, 0x600, 0x603);
    begin();
    give(RDX, 0x600);
    give(RDI, VIEW(V_RAM) + 0x40);
    give(RCX, 100);
    want_batch(IOREQ_TYPE_PIO, READ, 0x600, 4, 100, guest_ram + 0x40, 0);
    for (unsigned int i = 0; i < 100; i++)
        want_ram_int(0x40 + 4 * i, element(i), 4);
    want(RDI, VIEW(V_RAM) + 0x40 + 400);
    want(RCX, 0);
    RUN_AS("rep insl of 100, the server has 4 ports", "rep insl");
    begin();
    give(RDX, 0x602);
    give(RDI, VIEW(V_RAM) + 0x40);
    give(RCX, 2);
    want_ram_int(0x40, UINT64_MAX, 8);
    want(RDI, VIEW(V_RAM) + 0x48);
    want(RCX, 0);
    RUN_AS("rep insl over the end of the ports gives ones", "rep insl");
    port(true, &server, 0x604, 0x605);
    begin();
    give(RDX, 0x602);
    want(RAX, UINT32_MAX);
    RUN_AS("inl of two servers' ports is nobody's", "inl %dx, %eax");
    port(true, &server, 0x600, 0x603);
    begin();
    give(RDX, 0x602);
    want_in(0x602, 4, DATA);
    want(RAX, (uint32_t)DATA);
    RUN_AS("the lower number has all of it", "inl %dx, %eax");
    tap_eq(requests[0].vp_eport, server.id, "who");
    begin();
    give(RDX, 0x600);
    want_in(0x600, 4, DATA);
    want(RAX, (uint32_t)DATA);
    RUN_AS("both have it", "inl %dx, %eax");
    tap_eq(requests[0].vp_eport, other.id, "the higher number gets it");
    port(false, &server, 0x600, 0x605);
    port(false, &other, 0x600, 0x603);
    begin();
    give(RDX, 0x600);
    want(RAX, UINT32_MAX);
    RUN_AS("unmapped: nobody's", "inl %dx, %eax");
}

/* Memory ranges say nothing of ports, nor ports of memory. */
static void spaces(void)
{
    memory(true, &other, 0x700, 0x7ff);
    begin();
    give(RDX, 0x700);
    want(RAX, UINT32_MAX);
    RUN_AS("a memory range is no port", "inl %dx, %eax");
    memory(false, &other, 0x700, 0x7ff);
    tap_eq(port(true, &other, 0xd0000, 0xd000f), 0, "ports beyond 0xffff can be claimed");
    begin();
    give(RDX, 0xd0000);
    want(RAX, UINT32_MAX);
    RUN_AS("and are none", "inl %dx, %eax");
    port(false, &other, 0xd0000, 0xd000f);
}

void test_routes(void)
{
    edges();
    batches();
    memory(false, &server, AREA + 0x100, AREA + 0x2ff);
    memory(false, &other, AREA + 0x280, AREA + 0x3ff);
    served("all unmapped", AREA + 0x280, NULL);
    pages();
    ports();
    spaces();
}
