/* SPDX-License-Identifier: Apache-2.0 */
/* String instructions between RAM and ports or a device's memory: batches and single elements. */
#include "suite.h"

#define PORT 0x240u

/* What a string instruction is expected to do; `ram` is an offset, `device` an address or a port.
 */
struct string {
    unsigned int type, flags; /* of want_batch() */
    unsigned int size, count;
    uint64_t device;
    unsigned int ram;
};

static unsigned int in_page(uint64_t at, unsigned int size, bool down)
{
    unsigned int offset = at % PAGE_SIZE;

    if (offset + size > PAGE_SIZE)
        return 0;
    return down ? offset / size + 1 : (PAGE_SIZE - offset) / size;
}

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

static void ram_elements(const struct string *s, unsigned int at, unsigned int n, unsigned int k)
{
    for (unsigned int i = 0; i < n; i++) {
        unsigned int o = s->flags & DOWN ? at - i * s->size : at + i * s->size;

        if (s->flags & READ)
            want_ram_int(o, element(k + i), s->size);
        else
            give_ram_int(o, element(k + i), s->size);
    }
}

/*
 * Batches end with the page of either side and have two elements at least; what is left is one
 * element with its data in the request.
 */
static void want_string(const struct string *s)
{
    bool memory = s->type == IOREQ_TYPE_COPY, down = s->flags & DOWN;
    uint64_t device = s->device;
    unsigned int at = s->ram;

    for (unsigned int k = 0, n; k < s->count; k += n) {
        n = least(s->count - k, in_page(at, s->size, down));
        if (memory)
            n = least(n, in_page(device, s->size, down));
        if (n >= 2)
            want_batch(s->type, s->flags, device, s->size, n, guest_ram + at, k);
        else
            want_request(s->type, s->flags & READ, device, s->size, element(k));
        n = n < 2 ? 1 : n;
        ram_elements(s, at, n, k);
        at += (down ? -n : n) * s->size;
        if (memory)
            device += (uint64_t)(int64_t)((down ? -1 : 1) * (int)(n * s->size));
    }
}

static void begin_ports(const struct string *s, bool rep)
{
    enum io_reg reg = s->flags & READ ? RDI : RSI;
    uint64_t step = (uint64_t)s->size * s->count;

    begin();
    if (s->flags & DOWN)
        give_flags(0x400);
    give(RDX, 0x1230000 | PORT);
    give(reg, VIEW(V_RAM) + s->ram);
    want(reg, VIEW(V_RAM) + s->ram + (s->flags & DOWN ? -step : step));
    if (rep) {
        give(RCX, s->count);
        want(RCX, 0);
    }
    want_string(s);
}

#define PORTS_CASE(insn, dir, bytes, n, at)                                    \
    do {                                                                       \
        begin_ports(&(struct string){IOREQ_TYPE_PIO, dir, bytes, n, PORT, at}, \
                    __builtin_strncmp(insn, "rep", 3) == 0);                   \
        run_code(insn " of " #n " at " #at, CODE(insn));                       \
    } while (0)

static void ports_in(void)
{
    PORTS_CASE("insb", READ, 1, 1, 0x123);
    PORTS_CASE("insw", READ, 2, 1, 0x123);
    PORTS_CASE("insl", READ, 4, 1, 0x123);
    PORTS_CASE("insb", READ | DOWN, 1, 1, 0x123);
    PORTS_CASE("insw", READ | DOWN, 2, 1, 0x123);
    PORTS_CASE("insl", READ | DOWN, 4, 1, 0x123);
    PORTS_CASE("insl", READ, 4, 1, 0xffe);
    PORTS_CASE("rep insb", READ, 1, 0, 0x200);
    PORTS_CASE("rep insb", READ, 1, 1, 0x200);
    PORTS_CASE("rep insb", READ, 1, 2, 0x200);
    PORTS_CASE("rep insb", READ, 1, 13, 0x201);
    PORTS_CASE("rep insw", READ, 2, 13, 0x201);
    PORTS_CASE("rep insl", READ, 4, 13, 0x201);
    PORTS_CASE("rep insb", READ | DOWN, 1, 13, 0x201);
    PORTS_CASE("rep insw", READ | DOWN, 2, 13, 0x201);
    PORTS_CASE("rep insl", READ | DOWN, 4, 13, 0x201);
    PORTS_CASE("rep insl", READ, 4, 1024, 0x1000);
    PORTS_CASE("rep insl", READ, 4, 1030, 0xff0);
    PORTS_CASE("rep insl", READ, 4, 9, 0xff2); /* an element on both pages */
    PORTS_CASE("rep insl", READ | DOWN, 4, 9, 0x100e);
    PORTS_CASE("rep insb", READ, 1, 9000, 0x7ff);
    PORTS_CASE("rep insw", READ | DOWN, 2, 5000, 0x3ffe);
}

static void ports_out(void)
{
    PORTS_CASE("outsb", WRITE, 1, 1, 0x123);
    PORTS_CASE("outsw", WRITE, 2, 1, 0x123);
    PORTS_CASE("outsl", WRITE, 4, 1, 0x123);
    PORTS_CASE("outsb", WRITE | DOWN, 1, 1, 0x123);
    PORTS_CASE("outsw", WRITE | DOWN, 2, 1, 0x123);
    PORTS_CASE("outsl", WRITE | DOWN, 4, 1, 0x123);
    PORTS_CASE("outsw", WRITE, 2, 1, 0xfff);
    PORTS_CASE("rep outsb", WRITE, 1, 0, 0x200);
    PORTS_CASE("rep outsb", WRITE, 1, 1, 0x200);
    PORTS_CASE("rep outsb", WRITE, 1, 2, 0x200);
    PORTS_CASE("rep outsb", WRITE, 1, 13, 0x201);
    PORTS_CASE("rep outsw", WRITE, 2, 13, 0x201);
    PORTS_CASE("rep outsl", WRITE, 4, 13, 0x201);
    PORTS_CASE("rep outsb", WRITE | DOWN, 1, 13, 0x201);
    PORTS_CASE("rep outsw", WRITE | DOWN, 2, 13, 0x201);
    PORTS_CASE("rep outsl", WRITE | DOWN, 4, 13, 0x201);
    PORTS_CASE("rep outsl", WRITE, 4, 1030, 0xff0);
    PORTS_CASE("rep outsl", WRITE, 4, 9, 0xff2);
    PORTS_CASE("rep outsw", WRITE | DOWN, 2, 5000, 0x3ffe);
}

static void begin_movs(const struct string *s, bool rep)
{
    uint64_t step = (uint64_t)s->size * s->count;
    enum io_reg device = s->flags & READ ? RSI : RDI, mem = s->flags & READ ? RDI : RSI;

    step = s->flags & DOWN ? -step : step;
    begin();
    if (s->flags & DOWN)
        give_flags(0x400);
    give(device, s->device);
    want(device, s->device + step);
    give(mem, VIEW(V_RAM) + s->ram);
    want(mem, VIEW(V_RAM) + s->ram + step);
    if (rep) {
        give(RCX, s->count);
        want(RCX, 0);
    }
    want_string(s);
}

#define MOVS_CASE(insn, dir, bytes, n, from, at)                                        \
    do {                                                                                \
        begin_movs(&(struct string){IOREQ_TYPE_COPY, dir, bytes, n, MMIO + (from), at}, \
                   __builtin_strncmp(insn, "rep", 3) == 0);                             \
        run_code(insn " " #dir " of " #n ", device " #from " RAM " #at, CODE(insn));    \
    } while (0)

static void movs(void)
{
    MOVS_CASE("movsb", READ, 1, 1, 0x10, 0x123);
    MOVS_CASE("movsw", READ, 2, 1, 0x10, 0x123);
    MOVS_CASE("movsl", READ, 4, 1, 0x10, 0x123);
    MOVS_CASE("movsq", READ, 8, 1, 0x10, 0x123);
    MOVS_CASE("movsl", READ | DOWN, 4, 1, 0x10, 0x123);
    MOVS_CASE("movsb", WRITE, 1, 1, 0x10, 0x123);
    MOVS_CASE("movsw", WRITE, 2, 1, 0x10, 0x123);
    MOVS_CASE("movsl", WRITE, 4, 1, 0x10, 0x123);
    MOVS_CASE("movsq", WRITE, 8, 1, 0x10, 0x123);
    MOVS_CASE("movsq", WRITE | DOWN, 8, 1, 0x10, 0x123);
    MOVS_CASE("rep movsb", READ, 1, 0, 0x10, 0x123);
    MOVS_CASE("rep movsb", READ, 1, 1, 0x10, 0x123);
    MOVS_CASE("rep movsb", READ, 1, 77, 0x10, 0x123);
    MOVS_CASE("rep movsw", READ, 2, 77, 0x10, 0x123);
    MOVS_CASE("rep movsl", READ, 4, 77, 0x10, 0x123);
    MOVS_CASE("rep movsq", READ, 8, 77, 0x10, 0x123);
    MOVS_CASE("rep movsl", READ | DOWN, 4, 77, 0x810, 0x523);
    MOVS_CASE("rep movsq", READ | DOWN, 8, 77, 0x810, 0x523);
    MOVS_CASE("rep movsb", WRITE, 1, 77, 0x10, 0x123);
    MOVS_CASE("rep movsw", WRITE, 2, 77, 0x10, 0x123);
    MOVS_CASE("rep movsl", WRITE, 4, 77, 0x10, 0x123);
    MOVS_CASE("rep movsq", WRITE, 8, 77, 0x10, 0x123);
    MOVS_CASE("rep movsl", WRITE | DOWN, 4, 77, 0x810, 0x523);
    MOVS_CASE("rep movsl", READ, 4, 2000, 0x10, 0x124);   /* both sides end pages */
    MOVS_CASE("rep movsl", WRITE, 4, 2000, 0x11c, 0x124); /* the device's first */
    MOVS_CASE("rep movsb", WRITE | DOWN, 1, 9000, 0x2fff, 0x2eee);
    MOVS_CASE("rep movsl", READ, 4, 20, 0x10, 0xfe2); /* an element on two pages of RAM */
    MOVS_CASE("rep movsl", WRITE, 4, 20, 0x10, 0xfe2);
}

static void begin_stos(unsigned int size, unsigned int count, uint64_t at, bool down, bool rep)
{
    uint64_t step = down ? -(uint64_t)size * count : (uint64_t)size * count;
    uint64_t rax = UINT64_C(0xf1e2d3c4b5a69788);

    begin();
    if (down)
        give_flags(0x400);
    give(RAX, rax);
    give(RDI, MMIO + at);
    want(RDI, MMIO + at + step);
    if (rep) {
        give(RCX, count);
        want(RCX, 0);
    }
    for (unsigned int n; count != 0; count -= n) {
        n = least(count, in_page(at, size, down));
        want_fill(n >= 2 && down ? DOWN : 0, MMIO + at, size, n, rax);
        at += (uint64_t)(int64_t)(down ? -(int)(n * size) : (int)(n * size));
    }
}

#define STOS_CASE(insn, size, n, at, down)                                     \
    do {                                                                       \
        begin_stos(size, n, at, down, __builtin_strncmp(insn, "rep", 3) == 0); \
        run_code(insn " of " #n " at " #at, CODE(insn));                       \
    } while (0)

static void stos(void)
{
    STOS_CASE("stosb", 1, 1, 0x33, false);
    STOS_CASE("stosw", 2, 1, 0x33, false);
    STOS_CASE("stosl", 4, 1, 0x33, false);
    STOS_CASE("stosq", 8, 1, 0x33, false);
    STOS_CASE("rep stosb", 1, 0, 0x33, false);
    STOS_CASE("rep stosb", 1, 1, 0x33, false);
    STOS_CASE("rep stosb", 1, 100, 0x33, false);
    STOS_CASE("rep stosw", 2, 100, 0x33, false);
    STOS_CASE("rep stosl", 4, 100, 0x33, false);
    STOS_CASE("rep stosq", 8, 100, 0x33, false);
    STOS_CASE("rep stosq", 8, 100, 0x833, true);
    STOS_CASE("rep stosl", 4, 4096, 0, false);
    STOS_CASE("rep stosb", 1, 0x4000, 0, false);
    STOS_CASE("rep stosw", 2, 3000, 0x3ffe, true);
}

/* Instructions that read element by element. */
static void lods(void)
{
    begin();
    give(RSI, MMIO + 0x44);
    want(RSI, MMIO + 0x45);
    give(RAX, 0x1111111111111111);
    want(RAX, 0x1111111111111191);
    want_read(MMIO + 0x44, 1, UINT64_C(0xffffffffffffff91));
    RUN("lodsb");
    begin();
    give(RSI, MMIO + 0x44);
    want(RSI, MMIO + 0x48);
    want(RAX, 0x87654321);
    want_read(MMIO + 0x44, 4, UINT64_C(0xffffffff87654321));
    RUN("lodsl");
    begin();
    give_flags(0x400);
    give(RSI, MMIO + 0x44);
    want(RSI, MMIO + 0x44 - 40);
    give(RCX, 5);
    want(RCX, 0);
    for (unsigned int i = 0; i < 5; i++)
        want_read(MMIO + 0x44 - 8 * i, 8, element(i));
    want(RAX, element(4));
    RUN("rep lodsq");
}

#define ALL_FLAGS UINT64_C(0x8d5)

static void begin_scas(unsigned int size, unsigned int count, uint64_t rax, unsigned int done)
{
    begin();
    give(RAX, rax);
    give(RDI, MMIO + 0x44);
    give(RCX, count);
    want(RCX, count - done);
    want(RDI, MMIO + 0x44 + (uint64_t)done * size);
}

static void scas(void)
{
    begin_scas(1, 10, 0x41, 3);
    want_read(MMIO + 0x44, 1, 0xff40);
    want_read(MMIO + 0x45, 1, 0xff42);
    want_read(MMIO + 0x46, 1, 0xff41);
    want_flags(ALL_FLAGS, 0x44);
    RUN("repne scasb");
    begin_scas(4, 10, 0x80000000, 2);
    want_read(MMIO + 0x44, 4, 0xf80000000);
    want_read(MMIO + 0x48, 4, 0xf00000001);
    want_flags(ALL_FLAGS, 0x814); /* 0x80000000 - 1 */
    RUN("repe scasl");
    begin_scas(2, 2, 0x7fff, 2);
    want_read(MMIO + 0x44, 2, 0x7ffe);
    want_read(MMIO + 0x46, 2, 0x7ffe);
    want_flags(ALL_FLAGS, 0);
    RUN_AS("repne scasw, to the end", "repne scasw");
    begin_scas(8, 0, 0x7fff, 0);
    RUN_AS("repe scasq of nothing", "repe scasq");
    begin_scas(1, 9, 0x41, 1);
    want(RCX, 9);
    want_read(MMIO + 0x44, 1, 0x41);
    want_flags(ALL_FLAGS, 0x44);
    RUN("scasb");
}

static void cmps(void)
{
    begin();
    give(RSI, MMIO + 0x44);
    give(RDI, VIEW(V_RAM) + 0x80);
    give(RCX, 7);
    give_ram_int(0x80, 0x131211, 3);
    want_read(MMIO + 0x44, 1, 0x11);
    want_read(MMIO + 0x45, 1, 0x12);
    want_read(MMIO + 0x46, 1, 0x15);
    want(RSI, MMIO + 0x47);
    want(RDI, VIEW(V_RAM) + 0x83);
    want(RCX, 4);
    want_flags(ALL_FLAGS, 0);
    RUN_AS("repe cmpsb, device and RAM", "repe cmpsb");
    begin();
    give(RSI, VIEW(V_RAM) + 0x80);
    give(RDI, MMIO + 0x44);
    give_ram_int(0x80, 0, 4);
    want_read(MMIO + 0x44, 4, 1);
    want(RSI, VIEW(V_RAM) + 0x84);
    want(RDI, MMIO + 0x48);
    want_flags(ALL_FLAGS, 0x95);
    RUN_AS("cmpsl, RAM and device", "cmpsl");
    begin();
    give(RSI, MMIO + 0x800);
    give(RDI, MMIO + 0x44);
    give(RCX, 3);
    for (unsigned int i = 0; i < 3; i++) {
        want_read(MMIO + 0x800 + 8 * i, 8, i);
        want_read(MMIO + 0x44 + 8 * i, 8, i);
    }
    want(RSI, MMIO + 0x800 + 24);
    want(RDI, MMIO + 0x44 + 24);
    want(RCX, 0);
    want_flags(ALL_FLAGS, 0x44);
    RUN_AS("repe cmpsq, device and device", "repe cmpsq");
}

/* Two reads of one address by one instruction are one. */
static void same_address(void)
{
    begin();
    give(RSI, MMIO + 0x44);
    give(RDI, MMIO + 0x44);
    want_read(MMIO + 0x44, 4, 0x1234);
    want(RSI, MMIO + 0x48);
    want(RDI, MMIO + 0x48);
    want_flags(ALL_FLAGS, 0x44);
    RUN_AS("cmpsl of one address", "cmpsl");
    begin();
    give(RSI, MMIO + 0x44);
    give(RDI, MMIO + 0x44);
    want_read(MMIO + 0x44, 4, 0x1234);
    want_write(MMIO + 0x44, 4, 0x1234);
    want(RSI, MMIO + 0x48);
    want(RDI, MMIO + 0x48);
    RUN_AS("movsl to itself", "movsl");
}

/* Between two devices no batch is possible. */
static void device_to_device(void)
{
    begin();
    give(RSI, MMIO + 0x800);
    give(RDI, MMIO + 0x40);
    give(RCX, 3);
    for (unsigned int i = 0; i < 3; i++) {
        want_read(MMIO + 0x800 + 4 * i, 4, element(i));
        want_write(MMIO + 0x40 + 4 * i, 4, element(i));
    }
    want(RSI, MMIO + 0x80c);
    want(RDI, MMIO + 0x4c);
    want(RCX, 0);
    RUN_AS("rep movsl, device to device", "rep movsl");
    begin();
    give(RDX, PORT);
    give(RDI, MMIO + 0x40);
    give(RCX, 3);
    for (unsigned int i = 0; i < 3; i++) {
        want_in(PORT, 2, element(i));
        want_write(MMIO + 0x40 + 2 * i, 2, element(i));
    }
    want(RDI, MMIO + 0x46);
    want(RCX, 0);
    RUN_AS("rep insw, port to device", "rep insw");
    begin();
    give(RDX, PORT);
    give(RSI, MMIO + 0x40);
    give(RCX, 3);
    for (unsigned int i = 0; i < 3; i++) {
        want_read(MMIO + 0x40 + i, 1, element(i));
        want_out(PORT, 1, element(i));
    }
    want(RSI, MMIO + 0x43);
    want(RCX, 0);
    RUN_AS("rep outsb, device to port", "rep outsb");
}

/* Addresses, counts and steps of 32 bits: the upper halves do not count, and are 0 afterwards. */
static void addr32(void)
{
    uint64_t high = UINT64_C(0x5555555500000000);

    begin();
    give(RDX, PORT);
    give(RDI, high | (VIEW(V_RAM) + 0x80));
    give(RCX, high | 6);
    want_batch(IOREQ_TYPE_PIO, READ, PORT, 4, 6, guest_ram + 0x80, 0);
    for (unsigned int i = 0; i < 6; i++)
        want_ram_int(0x80 + 4 * i, element(i), 4);
    want(RDI, VIEW(V_RAM) + 0x98);
    want(RCX, 0);
    RUN_AS("rep addr32 insl", ".byte 0xf3, 0x67, 0x6d");
    begin();
    give(RSI, high | (MMIO + 0x80));
    give(RDI, high | (VIEW(V_RAM) + 0x80));
    want_read(MMIO + 0x80, 2, 0x4321);
    want_ram_int(0x80, 0x4321, 2);
    want(RSI, MMIO + 0x82);
    want(RDI, VIEW(V_RAM) + 0x82);
    RUN("addr32 movsw");
    begin();
    give(RAX, 0x77);
    give(RDI, high | (MMIO + 0x80));
    give(RCX, high | 3);
    want_fill(0, MMIO + 0x80, 1, 3, 0x77);
    want(RDI, MMIO + 0x83);
    want(RCX, 0);
    RUN_AS("rep addr32 stosb", ".byte 0xf3, 0x67, 0xaa");
}

/* Nobody has the port or the memory: ones, in all elements. */
static void nobody(void)
{
    begin();
    give(RDX, 0x500);
    give(RDI, VIEW(V_RAM) + 0x80);
    give(RCX, 30);
    want(RDI, VIEW(V_RAM) + 0x80 + 60);
    want(RCX, 0);
    for (unsigned int i = 0; i < 60; i++)
        want_ram_int(0x80 + i, 0xff, 1);
    RUN_AS("nobody's port: rep insw gives ones", "rep insw");
    begin();
    give(RDX, 0x500);
    give(RSI, VIEW(V_RAM) + 0x80);
    give(RCX, 30);
    want(RSI, VIEW(V_RAM) + 0x80 + 30);
    want(RCX, 0);
    RUN_AS("nobody's port: rep outsb is dropped", "rep outsb");
    begin();
    give(RSI, MMIO_LAST + 1);
    give(RDI, VIEW(V_RAM) + 0x80);
    give(RCX, 5);
    want(RSI, MMIO_LAST + 41);
    want(RDI, VIEW(V_RAM) + 0x80 + 40);
    want(RCX, 0);
    for (unsigned int i = 0; i < 40; i++)
        want_ram_int(0x80 + i, 0xff, 1);
    RUN_AS("nobody's memory: rep movsq gives ones", "rep movsq");
    begin();
    give(RDI, MMIO_LAST + 1);
    give(RCX, 5000);
    want(RDI, MMIO_LAST + 1 + 20000);
    want(RCX, 0);
    RUN_AS("nobody's memory: rep stosl is dropped", "rep stosl");
}

void test_strings(void)
{
    ports_in();
    ports_out();
    movs();
    stos();
    lods();
    scas();
    cmps();
    same_address();
    device_to_device();
    addr32();
    nobody();
}
