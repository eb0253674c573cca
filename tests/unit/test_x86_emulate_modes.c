/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 instruction emulator where the build host's processor cannot be asked: real and 16-bit
 * modes, segmentation, ports, branches, lengths, and which instructions end in which way. Each case
 * runs plainly and with every access answered on the second try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86_world.h"

#define RAX X86_RAX
#define RCX X86_RCX
#define RDX X86_RDX
#define RBX X86_RBX
#define RSP X86_RSP
#define RBP X86_RBP
#define RSI X86_RSI
#define RDI X86_RDI

enum mode { REAL, VM86, PROT16, PROT32, LONG64, COMPAT32 };

#define DATA   0x0093
#define CODE   0x009b
#define DATA32 0x0c93
#define CODE32 0x0c9b
#define CODE64 0x0a9b

static struct world world;
static const enum world_mode world_modes[] = {WORLD_PLAIN, WORLD_RETRY};

static void set_segs(uint16_t code, uint16_t data, uint32_t limit)
{
    for (unsigned int i = 0; i < X86_NR_SEGS; i++)
        world.regs.seg[i] = (struct x86_seg){0x10, data, limit, 0};
    world.regs.seg[X86_CS].attr = code;
}

/* At CPL 0 (virtual-8086: 3), segments at 0, rip 0x100, memory from 0 on filled with its address.
 */
static void start(enum mode mode, enum world_mode how)
{
    world_init(&world, how);
    world.regs.cpl = mode == VM86 ? 3 : 0;
    world.regs.rip = 0x100;
    world.regs.rflags = 2;
    world.regs.gpr[RSP] = 0x1000;
    for (unsigned int i = 0; i < NATIVE_MEM_SIZE; i++)
        world.mem[i] = (uint8_t)(i ^ i >> 8);
    if (mode == LONG64)
        set_segs(CODE64, DATA32, UINT32_MAX);
    else if (mode == PROT32 || mode == COMPAT32)
        set_segs(CODE32, DATA32, UINT32_MAX);
    else
        set_segs(mode == PROT16 ? CODE : 0x93, DATA, 0xffff);
    if (mode < LONG64)
        world.regs.efer = 0;
    if (mode == REAL)
        world.regs.cr0 = 0;
    if (mode == VM86)
        world.regs.rflags |= X86_FLAG_VM;
}

/* The bytes of `text`, in hexadecimal, at rip. */
static enum x86_emul_result run(const char *text)
{
    unsigned int n = 0, byte;
    int used;

    world.emul.nr_bytes = 0;
    while (n < 15 && sscanf(text, "%x%n", &byte, &used) == 1) {
        world.emul.bytes[n++] = (uint8_t)byte;
        text += used;
    }
    world.emul.nr_bytes = (uint8_t)n;
    return world_run(&world);
}

static uint64_t mem(unsigned int at, unsigned int bytes)
{
    uint64_t v = 0;

    memcpy(&v, world.mem + at, bytes);
    return v;
}

static void set_mem(unsigned int at, uint64_t value)
{
    memcpy(world.mem + at, &value, 8);
}

static void okay(const char *text)
{
    if (run(text) != X86_EMUL_OKAY)
        fail_msg("%s: not executed, vector %u", text, world.emul.event.vector);
}

static void faults(const char *text, enum x86_vector vector)
{
    enum x86_emul_result res = run(text);

    if (res != X86_EMUL_EXCEPTION || world.emul.event.vector != vector)
        fail_msg("%s: result %d, vector %u", text, (int)res, world.emul.event.vector);
    assert_int_equal(world.emul.event.error, 0);
    assert_int_equal(world.regs.rip, 0x100);
}

static void test_addresses16(void **state)
{
    static const struct {
        const char *text;
        uint16_t address;
    } cases[] = {
        {"8a 00", 0x1100},       {"8a 01", 0x1010},       {"8a 02", 0x1300},
        {"8a 03", 0x1210},       {"8a 04", 0x0100},       {"8a 05", 0x0010},
        {"8a 06 34 12", 0x1234}, {"8a 07", 0x1000},       {"8a 40 ff", 0x10ff},
        {"8a 46 10", 0x1210},    {"8a 87 00 f8", 0x0800}, {"8a 44 80", 0x0080},
        {"67 8a 03", 0x1000},    {"67 8a 04 33", 0x1100}, {"67 8a 44 b3 01", 0x1401},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (enum mode mode = REAL; mode <= PROT16; mode++) {
            start(mode, world_modes[i & 1]);
            world.regs.gpr[RBX] = 0x1000;
            world.regs.gpr[RBP] = 0x1200;
            world.regs.gpr[RSI] = 0x0100;
            world.regs.gpr[RDI] = 0x0010;
            okay(cases[i].text);
            assert_int_equal(world.regs.gpr[RAX],
                             (uint8_t)(cases[i].address ^ cases[i].address >> 8));
        }
    }
}

/* A word at FFFF is not one at FFFF and 0, but a fault; 32-bit addresses beyond the limit too. */
static void test_limits16(void **state)
{
    (void)state;
    for (unsigned int how = 0; how < 2; how++) {
        start(REAL, world_modes[how]);
        world.regs.gpr[RBX] = 0xffff;
        faults("8b 07", X86_EXC_GP);
        assert_false(world.emul.event.has_error);
        faults("36 8b 07", X86_EXC_SS);
        world.regs.gpr[RBX] = 0x10000;
        faults("67 8a 03", X86_EXC_GP);
        world.regs.gpr[RBP] = 0xffff;
        faults("8b 46 00", X86_EXC_SS);
        start(VM86, world_modes[how]);
        world.regs.gpr[RBX] = 0xffff;
        faults("8b 07", X86_EXC_GP);
        assert_true(world.emul.event.has_error);
        /* the base counts, and bx + si wraps before it is added */
        world.regs.seg[X86_DS].base = 0x800;
        world.regs.gpr[RBX] = 0xfff0;
        world.regs.gpr[RSI] = 0x0020;
        okay("8b 00");
        assert_int_equal(world.regs.gpr[RAX], mem(0x810, 2));
    }
}

static void test_segment_types(void **state)
{
    static const struct {
        uint16_t attr;
        uint32_t limit;
        uint32_t offset;
        bool reads;
        bool writes;
    } cases[] = {
        {0x0c93, 0xfff, 0xffc, true, true},        {0x0c93, 0xfff, 0xffd, false, false},
        {0x0c91, 0xfff, 0xffc, true, false},       {0x0c9b, 0xfff, 0xffc, true, false},
        {0x0c99, 0xfff, 0xffc, false, false},      {0x0c13, 0xfff, 0xffc, false, false},
        {0x0000, 0xfff, 0xffc, false, false},      {0x0c83, 0xfff, 0xffc, false, false},
        {0x0c97, 0xfff, 0xfff, false, false},      {0x0c97, 0xfff, 0x1000, true, true},
        {0x0c97, 0xfff, 0xfffffffd, false, false}, {0x0497, 0xfff, 0x10000, false, true},
        {0x0097, 0xfff, 0x1000, true, true},       {0x0097, 0xfff, 0xfffd, false, false},
        {0x0c95, 0xfff, 0x1000, true, false},      {0x0c93, 0xffffffff, 0xfffffffd, false, false},
        {0x0c9f, 0xfff, 0x0800, true, false},      {0x0c9d, 0xfff, 0x0800, false, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool far = cases[i].offset >= NATIVE_MEM_SIZE && cases[i].offset < 0xfffffff0;

        start(PROT32, world_modes[i & 1]);
        world.regs.seg[X86_DS].attr = cases[i].attr;
        world.regs.seg[X86_DS].limit = cases[i].limit;
        world.regs.gpr[RBX] = cases[i].offset;
        if (far && cases[i].writes) { /* allowed, but this memory ends before */
            assert_int_equal(run("8b 03"), X86_EMUL_EXCEPTION);
            assert_int_equal(world.emul.event.vector, X86_EXC_PF);
            continue;
        }
        if (cases[i].reads)
            okay("8b 03");
        else
            faults("8b 03", X86_EXC_GP);
        world.regs.rip = 0x100;
        if (cases[i].writes)
            okay("89 03");
        else
            faults("89 03", X86_EXC_GP);
        world.regs.rip = 0x100;
        if (!cases[i].writes) /* a read that a write will follow asks for both */
            faults("01 03", X86_EXC_GP);
    }
}

/* An operand over the end of the linear addresses goes on at 0. */
static void test_linear_wrap(void **state)
{
    (void)state;
    start(PROT32, WORLD_PLAIN);
    world.base = 0;
    world.regs.seg[X86_DS].base = 0xfffff000;
    world.regs.gpr[RBX] = 0x1004;
    okay("8b 03");
    assert_int_equal(world.regs.gpr[RAX], mem(4, 4));
    world.regs.rip = 0x100;
    world.regs.gpr[RBX] = 0xffe;
    assert_int_equal(run("8b 03"), X86_EMUL_EXCEPTION);
    assert_int_equal(world.emul.event.vector, X86_EXC_PF);
    assert_true(world.emul.event.cr2 == 0xfffffffe);
}

static void test_canonical(void **state)
{
    (void)state;
    start(LONG64, WORLD_PLAIN);
    world.regs.gpr[RBX] = 0x0000800000000000;
    world.regs.gpr[RBP] = 0x0000800000000000;
    faults("8b 03", X86_EXC_GP);
    faults("8b 45 00", X86_EXC_SS);
    faults("8b 5d fe", X86_EXC_SS); /* the last byte counts */
    faults("64 8b 45 00", X86_EXC_GP);
    world.regs.cr4 |= X86_CR4_LA57;
    assert_int_equal(run("8b 03"), X86_EMUL_EXCEPTION);
    assert_int_equal(world.emul.event.vector, X86_EXC_PF);
    world.regs.cr4 &= ~(uint64_t)X86_CR4_LA57;
    world.regs.gpr[RSP] = 0x0000800000000008;
    faults("50", X86_EXC_SS);
    /* fs has a base, ds has none */
    world.regs.seg[X86_FS].base = 0x200;
    world.regs.seg[X86_DS].base = 0x300;
    world.regs.gpr[RBX] = 0x10;
    okay("64 8b 03");
    assert_int_equal(world.regs.gpr[RAX], mem(0x210, 4));
    okay("3e 8b 03");
    assert_int_equal(world.regs.gpr[RAX], mem(0x10, 4));
    okay("64 3e 8b 03");
    assert_int_equal(world.regs.gpr[RAX], mem(0x210, 4));
    /* a 32-bit address wraps */
    world.regs.gpr[RBX] = 0xffffffff;
    okay("67 8b 43 11");
    assert_int_equal(world.regs.gpr[RAX], mem(0x10, 4));
}

static void test_length(void **state)
{
    (void)state;
    start(LONG64, WORLD_PLAIN);
    world.regs.gpr[RBX] = 0x200;
    okay("66 66 66 66 66 66 66 66 66 66 66 66 66 8b 03");
    assert_int_equal(world.emul.length, 15);
    world.regs.rip = 0x100;
    faults("66 66 66 66 66 66 66 66 66 66 66 66 66 66 8b", X86_EXC_GP);
    faults("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66", X86_EXC_GP);
    faults("66 66 66 66 66 66 66 66 66 66 66 66 66 81 03", X86_EXC_GP);
    /* REX counts right before the opcode only */
    set_mem(0x200, 0x1122334455667788);
    okay("48 66 8b 03");
    assert_true((world.regs.gpr[RAX] & 0xffffffff) == 0x7788);
}

/* Bytes that the caller does not have are fetched, to the end of the page and no further. */
static void test_fetch(void **state)
{
    (void)state;
    start(PROT32, WORLD_PLAIN);
    memcpy(world.mem + 0xffe, "\x8b\x05\x34\x12\x00\x00", 6);
    world.regs.rip = 0xffe;
    okay("");
    assert_int_equal(world.regs.rip, 0x1004);
    assert_int_equal(world.regs.gpr[RAX], mem(0x1234, 4));
    assert_int_equal(world.emul.nr_bytes, 15);
    assert_int_equal(world.fetched, 15);
    /* what ends with the page needs no next one */
    memcpy(world.mem + NATIVE_MEM_SIZE - 2, "\x8b\x03\xcc", 2);
    world.regs.rip = NATIVE_MEM_SIZE - 2;
    world.regs.gpr[RBX] = 0x100;
    okay("");
    memcpy(world.mem + NATIVE_MEM_SIZE - 2, "\x8b\x43\xcc", 2);
    world.regs.rip = NATIVE_MEM_SIZE - 2;
    assert_int_equal(run(""), X86_EMUL_EXCEPTION);
    assert_int_equal(world.emul.event.vector, X86_EXC_PF);
    assert_true(world.emul.event.cr2 == NATIVE_MEM_SIZE);
    /* the code segment ends in the instruction */
    start(PROT32, WORLD_PLAIN);
    world.regs.seg[X86_CS].limit = 0x101;
    memcpy(world.mem + 0x100, "\x8b\x43\x01", 3);
    faults("", X86_EXC_GP);
    faults("8b 43 01", X86_EXC_GP);
    world.regs.seg[X86_CS].limit = 0x102;
    okay("");
    start(REAL, WORLD_PLAIN);
    world.regs.rip = 0xffff;
    assert_int_equal(run("8a 04"), X86_EMUL_EXCEPTION);
    assert_int_equal(world.emul.event.vector, X86_EXC_GP);
    start(LONG64, WORLD_PLAIN);
    world.regs.rip = 0x0000800000000000;
    assert_int_equal(run("90"), X86_EMUL_EXCEPTION);
    assert_int_equal(world.emul.event.vector, X86_EXC_GP);
}

/* A read that a write follows is announced as one, so that the right to write is checked first. */
static void test_access_kinds(void **state)
{
    static const struct {
        const char *text;
        enum x86_access kind;
    } cases[] = {
        {"01 03", X86_ACCESS_RMW},
        {"39 03", X86_ACCESS_READ},
        {"03 03", X86_ACCESS_READ},
        {"83 03 01", X86_ACCESS_RMW},
        {"83 3b 01", X86_ACCESS_READ},
        {"f7 03 00 00 00 00", X86_ACCESS_READ},
        {"f7 13", X86_ACCESS_RMW},
        {"f7 23", X86_ACCESS_READ},
        {"87 03", X86_ACCESS_RMW},
        {"0f b1 03", X86_ACCESS_RMW},
        {"0f c1 03", X86_ACCESS_RMW},
        {"0f a3 03", X86_ACCESS_READ},
        {"0f ab 03", X86_ACCESS_RMW},
        {"0f ba 23 01", X86_ACCESS_READ},
        {"0f ba 2b 01", X86_ACCESS_RMW},
        {"0f c7 0b", X86_ACCESS_RMW},
        {"d1 23", X86_ACCESS_RMW},
        {"0f a5 03", X86_ACCESS_RMW},
        {"89 03", X86_ACCESS_WRITE},
        {"8b 03", X86_ACCESS_READ},
        {"c7 03 01 00 00 00", X86_ACCESS_WRITE},
        {"0f 94 03", X86_ACCESS_WRITE},
        {"0f 44 03", X86_ACCESS_READ},
        {"ff 33", X86_ACCESS_READ},
        {"0f 10 03", X86_ACCESS_READ},
        {"0f 11 03", X86_ACCESS_WRITE},
        {"a4", X86_ACCESS_READ},
        {"aa", X86_ACCESS_WRITE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(PROT32, WORLD_PLAIN);
        world.regs.gpr[RBX] = 0x200;
        okay(cases[i].text);
        if (world.log[0].kind != cases[i].kind)
            fail_msg("%s: access %u", cases[i].text, world.log[0].kind);
    }
}

/* What is not there faults, in every kind of operand, and leaves nothing behind. */
static void test_page_faults(void **state)
{
    static const char *const texts[] = {
        "8b 03",
        "89 03",
        "01 03",
        "0f a3 03",
        "0f ab 03",
        "0f c7 0b",
        "0f 10 03",
        "0f 11 03",
        "ff 33",
        "ff 13",
        "ff 23",
        "8f 03",
        "63 03",
        "0f b6 03",
        "0f 94 03",
        "a4",
        "a6",
        "aa",
        "ac",
        "ae",
        "d7",
        "66 0f 6e 03",
        "c4 e2 78 f3 0b",
        "c4 e2 7b f6 03",
        "f3 a4",
        "6c",
        "6e",
        "a3 00 00 ff 00 00 00 00 00",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum x86_emul_result res;

        start(LONG64, world_modes[i & 1]);
        world.regs.gpr[RBX] = world.regs.gpr[RSI] = world.regs.gpr[RDI] = 0x10000;
        world.regs.gpr[RCX] = 2;
        res = run(texts[i]);
        if (res != X86_EMUL_EXCEPTION || world.emul.event.vector != X86_EXC_PF)
            fail_msg("%s: result %d, vector %u", texts[i], (int)res, world.emul.event.vector);
        assert_true(world.emul.event.cr2 >= 0x10000);
        assert_int_equal(world.regs.gpr[RSP], 0x1000);
    }
}

/* A comparison that fails writes nothing; one that succeeds writes once. */
static void test_compare_writes(void **state)
{
    (void)state;
    start(LONG64, WORLD_RETRY);
    world.regs.gpr[RBX] = 0x200;
    world.regs.gpr[RAX] = 1;
    okay("0f b1 13");
    assert_int_equal(world.accesses, 1);
    assert_int_equal(world.regs.gpr[RAX], mem(0x200, 4));
    okay("0f b1 13");
    assert_int_equal(world.accesses, 3);
    assert_int_equal(mem(0x200, 4), 0);
    world.regs.gpr[RAX] = 1;
    okay("48 0f c7 0b");
    assert_int_equal(world.accesses, 4);
    okay("48 0f c7 0b");
    assert_int_equal(world.accesses, 6);
    assert_true(mem(0x200, 8) == 0x200 && mem(0x208, 8) == 0);
    world.regs.rip = 0x100;
    world.regs.gpr[RBX] = 0x208;
    faults("48 0f c7 0b", X86_EXC_GP); /* 16 bytes are aligned */
    okay("0f c7 0b");
}

/* Hooks that a caller need not have. */
static void test_absent_hooks(void **state)
{
    struct x86_emul_ops ops;
    (void)state;

    start(LONG64, WORLD_BATCH);
    ops = *world.emul.ops;
    ops.rep = NULL;
    ops.port_check = NULL;
    ops.probe = NULL;
    world.emul.ops = &ops;
    world.regs.gpr[RDI] = 0x200;
    world.regs.gpr[RCX] = 4;
    world.regs.gpr[RDX] = 0x1234;
    okay("f3 6c");
    assert_int_equal(mem(0x203, 1), world_port(0x1234, 1));
    assert_int_equal(world.regs.gpr[RDI], 0x204);
    world.regs.cpl = 3;
    world.regs.rip = 0x100;
    faults("ec", X86_EXC_GP);
    faults("6c", X86_EXC_GP);
}

static enum x86_emul_result bad_batch(struct x86_emul *e, const struct x86_rep *rep, uint32_t *done)
{
    struct world *w = (struct world *)e;

    *done = w->batches++ & 1 ? rep->count + 1 : 0;
    return X86_EMUL_OKAY;
}

/* A hook that says it did nothing, or more than there is, is not believed. */
static void test_bad_batch(void **state)
{
    struct x86_emul_ops ops;
    (void)state;

    start(LONG64, WORLD_PLAIN);
    ops = *world.emul.ops;
    ops.rep = bad_batch;
    world.emul.ops = &ops;
    world.regs.gpr[RDI] = 0x200;
    world.regs.gpr[RCX] = 4;
    world.regs.gpr[RAX] = 0x5a;
    okay("f3 aa");
    assert_int_equal(mem(0x200, 4), 0x5a5a5a5a);
    assert_int_equal(mem(0x204, 1), 0x06);
    assert_int_equal(world.regs.gpr[RDI], 0x204);
    assert_int_equal(world.batches, 3); /* the last one goes alone */
}

static void ends(enum mode mode, const char *text, enum x86_emul_result want)
{
    enum x86_emul_result res;

    start(mode, WORLD_PLAIN);
    world.regs.gpr[RBX] = 0x200;
    res = run(text);
    if (res != want)
        fail_msg("%s in mode %d: result %d, wanted %d", text, (int)mode, (int)res, (int)want);
}

static void test_undefined(void **state)
{
    static const char *const anywhere[] = {
        "0f 0b",    "0f ff c0",    "0f b9 c0",    "0f 04",    "f0 8b 03",       "f0 01 c0",
        "f0 39 03", "f0 85 03",    "f0 0f a3 03", "f0 90",    "f0 0f ba 23 01", "0f ba 03 01",
        "8f 0b",    "c6 0b 00",    "fe 13",       "ff 3b",    "0f c7 03",       "0f c7 c8",
        "8c 33",    "8e 0b",       "66 0f c3 03", "0f c3 c0", "8d c0",          "f0 a4",
        "f0 88 03", "f0 0f b6 03", "f0 f6 03 01", "f0 f7 23", "f0 0f 10 03",
    };
    static const char *const long_only[] = {
        "06", "07", "0e", "16",       "17", "1e", "1f",    "27",    "2f", "37",
        "3f", "60", "61", "82 03 00", "9a", "ce", "d4 0a", "d5 0a", "d6", "ea",
    };
    static const char *const vex[] = {
        "66 c5 f8 10 03", "f3 c5 f8 10 03", "f0 c5 f8 10 03",    "48 c5 f8 10 03",
        "c5 f0 10 03",    "c5 fd 6e 03",    "c5 fc 12 03",       "c4 e0 78 10 03",
        "c4 e4 78 10 03", "c4 e2 7c f7 03", "c4 e3 73 f0 03 01", "c4 e2 78 f3 03",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++) {
        ends(PROT32, anywhere[i], X86_EMUL_UNDEFINED);
        ends(LONG64, anywhere[i], X86_EMUL_UNDEFINED);
    }
    for (size_t i = 0; i < sizeof(long_only) / sizeof(long_only[0]); i++)
        ends(LONG64, long_only[i], X86_EMUL_UNDEFINED);
    for (size_t i = 0; i < sizeof(vex) / sizeof(vex[0]); i++)
        ends(LONG64, vex[i], X86_EMUL_UNDEFINED);
    ends(REAL, "c5 f8 10 03", X86_EMUL_UNDEFINED); /* VEX is of protected mode */
    ends(VM86, "c5 f8 10 03", X86_EMUL_UNDEFINED);
    ends(REAL, "63 03", X86_EMUL_UNDEFINED);
    ends(PROT32, "c5 f8 10 03", X86_EMUL_OKAY);
}

static void test_unhandleable(void **state)
{
    static const char *const texts[] = {
        "0f 01 d0", "0f 20 c0", "0f 58 03", "d8 03",    "0f 6f 03",       "cc",
        "f4",       "0f a2",    "0f 30",    "0f 10 c1", "c5 f8 58 03",    "cd 80",
        "0f ae 03", "9b",       "ff 1b",    "ff 2b",    "66 0f 38 00 03", "62 f1 7c 48 10 03",
        "cf",       "0f b8 03", "0f 00 03",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ends(LONG64, texts[i], X86_EMUL_UNHANDLEABLE);
    ends(PROT32, "c5 03", X86_EMUL_UNHANDLEABLE); /* LDS */
    ends(PROT32, "8e 1b", X86_EMUL_UNHANDLEABLE); /* a descriptor would have to be loaded */
    ends(PROT32, "1f", X86_EMUL_UNHANDLEABLE);
    ends(PROT32, "63 03", X86_EMUL_UNHANDLEABLE); /* ARPL */
    start(LONG64, WORLD_PLAIN);
    world.regs.vec = NULL;
    assert_int_equal(run("0f 10 03"), X86_EMUL_UNHANDLEABLE);
}

static void test_vector_state(void **state)
{
    (void)state;
    for (unsigned int how = 0; how < 2; how++) {
        start(LONG64, world_modes[how]);
        world.regs.gpr[RBX] = 0x200;
        okay("0f 28 03");
        assert_memory_equal(world.vec[0].b, world.mem + 0x200, 16);
        world.regs.rip = 0x100;
        world.regs.gpr[RBX] = 0x201;
        faults("0f 28 03", X86_EXC_GP);
        faults("0f 29 03", X86_EXC_GP);
        world.regs.cr0 |= X86_CR0_TS;
        faults("0f 10 03", X86_EXC_NM);
        assert_false(world.emul.event.has_error);
        world.regs.cr0 |= X86_CR0_EM;
        assert_int_equal(run("0f 10 03"), X86_EMUL_UNDEFINED);
        faults("c5 f8 10 03", X86_EXC_NM); /* EM is not for VEX */
        world.regs.cr0 &= ~(uint64_t)(X86_CR0_EM | X86_CR0_TS);
        world.regs.cr4 &= ~(uint64_t)X86_CR4_OSFXSR;
        assert_int_equal(run("0f 10 03"), X86_EMUL_UNDEFINED);
        world.regs.xcr0 = 3;
        assert_int_equal(run("c5 f8 10 03"), X86_EMUL_UNDEFINED);
        world.regs.xcr0 = 7;
        world.regs.cr4 &= ~(uint64_t)X86_CR4_OSXSAVE;
        assert_int_equal(run("c5 f8 10 03"), X86_EMUL_UNDEFINED);
        world.regs.cr4 |= X86_CR4_OSXSAVE;
        okay("c5 f8 10 03");
    }
}

static void test_ports(void **state)
{
    (void)state;
    for (unsigned int how = 0; how < 2; how++) {
        start(LONG64, world_modes[how]);
        world.regs.gpr[RAX] = 0x1122334455667788;
        world.regs.gpr[RDX] = 0xabcd1234;
        okay("ec");
        assert_true(world.regs.gpr[RAX] == (0x1122334455667700 | world_port(0x1234, 1)));
        okay("66 ed");
        assert_true(world.regs.gpr[RAX] == (0x1122334455660000 | world_port(0x1234, 2)));
        okay("ed");
        assert_true(world.regs.gpr[RAX] == world_port(0x1234, 4));
        okay("48 ed");
        assert_true(world.regs.gpr[RAX] == world_port(0x1234, 4));
        okay("e5 f0");
        assert_true(world.regs.gpr[RAX] == world_port(0xf0, 4));
        world.regs.gpr[RAX] = 0x1122334455667788;
        okay("e6 70");
        assert_int_equal(world.out_sum, 0x88 + 1);
        okay("66 ef");
        assert_int_equal(world.out_sum, (0x88 + 1) * 31 + 0x7788 + 2);
        /* at CPL 3 the TSS decides, or IOPL */
        world.regs.cpl = 3;
        okay("ec");
        world.regs.gpr[RDX] = 0x8000;
        world.regs.rip = 0x100;
        faults("ec", X86_EXC_GP);
        faults("6c", X86_EXC_GP);
        faults("f3 6e", X86_EXC_GP);
        world.regs.rflags |= 3 << 12;
        okay("ec");
    }
}

static void test_port_strings(void **state)
{
    (void)state;
    for (enum world_mode how = WORLD_PLAIN; how < WORLD_MODES; how++) {
        start(PROT32, how);
        world.regs.gpr[RCX] = 5;
        world.regs.gpr[RDX] = 0x1234;
        world.regs.gpr[RDI] = 0x800;
        okay("f3 66 6d");
        assert_int_equal(world.regs.gpr[RDI], 0x80a);
        assert_int_equal(world.regs.gpr[RCX], 0);
        assert_int_equal(world.regs.rip, 0x103);
        for (unsigned int i = 0; i < 5; i++)
            assert_int_equal(mem(0x800 + i * 2, 2), world_port(0x1234, 2));
        assert_int_equal(mem(0x80a, 1), 0x0a ^ 8);
        world.regs.gpr[RCX] = 3;
        world.regs.gpr[RSI] = 0x900;
        world.regs.rflags |= X86_FLAG_DF;
        world.out_sum = 0;
        okay("f3 6f");
        assert_int_equal(world.regs.gpr[RSI], 0x8f4);
        assert_int_equal(
            world.out_sum,
            (uint32_t)(((mem(0x900, 4) + 4) * 31 + mem(0x8fc, 4) + 4) * 31 + mem(0x8f8, 4) + 4));
        /* the port is not read where the memory cannot be written */
        world.regs.seg[X86_ES].attr = 0x0c91;
        world.regs.rip = 0x100;
        world.accesses = 0;
        faults("6c", X86_EXC_GP);
        assert_int_equal(world.accesses, 0);
        world.regs.seg[X86_ES].attr = 0x0c93;
        world.regs.gpr[RDI] = 0x10000;
        assert_int_equal(run("6c"), X86_EMUL_EXCEPTION);
        assert_int_equal(world.emul.event.vector, X86_EXC_PF);
        assert_int_equal(world.accesses, 0);
        /* nor is anything for a count of nothing */
        world.regs.gpr[RCX] = 0;
        okay("f3 6c");
        assert_int_equal(world.accesses, 0);
    }
}

/* 16-bit string registers wrap, and count with CX only. */
static void test_strings16(void **state)
{
    (void)state;
    for (enum world_mode how = WORLD_PLAIN; how < WORLD_MODES; how++) {
        start(REAL, how);
        world.base = 0;
        world.regs.seg[X86_ES].base = 0x20;
        world.regs.gpr[RCX] = 0xabcd0003;
        world.regs.gpr[RDI] = 0x12340002;
        world.regs.gpr[RAX] = 0x5a;
        world.regs.rflags |= X86_FLAG_DF;
        okay("f3 aa");
        assert_true(world.regs.gpr[RDI] == 0x1234ffff);
        assert_true(world.regs.gpr[RCX] == 0xabcd0000);
        assert_int_equal(mem(0x20, 3), 0x5a5a5a);
        /* an override moves the source, never the destination */
        start(REAL, how);
        world.regs.seg[X86_FS].base = 0x300;
        world.regs.seg[X86_ES].base = 0x600;
        world.regs.gpr[RSI] = 0x10;
        world.regs.gpr[RDI] = 0x20;
        okay("64 66 a5");
        assert_int_equal(mem(0x620, 4), mem(0x310, 4));
    }
}

/* Batches end where a segment does, and what is left faults as it would alone. */
static void test_batch_limit(void **state)
{
    (void)state;
    for (enum world_mode how = WORLD_PLAIN; how < WORLD_MODES; how++) {
        start(PROT32, how);
        world.regs.seg[X86_ES].limit = 0x80f;
        world.regs.gpr[RDI] = 0x800;
        world.regs.gpr[RCX] = 100;
        world.regs.gpr[RAX] = 0x99;
        faults("f3 aa", X86_EXC_GP);
        assert_int_equal(world.regs.gpr[RDI], 0x810);
        assert_int_equal(world.regs.gpr[RCX], 84);
        assert_int_equal(mem(0x80f, 1), 0x99);
        assert_int_equal(mem(0x810, 1), 0x10 ^ 8);
    }
}

static void test_branches(void **state)
{
    (void)state;
    for (unsigned int how = 0; how < 2; how++) {
        start(LONG64, world_modes[how]);
        set_mem(0x200, 0x1234);
        world.regs.gpr[RBX] = 0x200;
        okay("ff 23");
        assert_int_equal(world.regs.rip, 0x1234);
        okay("ff 13");
        assert_int_equal(world.regs.rip, 0x1234);
        assert_int_equal(world.regs.gpr[RSP], 0xff8);
        assert_int_equal(mem(0xff8, 8), 0x1236);
        okay("c2 10 00");
        assert_int_equal(world.regs.rip, 0x1236);
        assert_int_equal(world.regs.gpr[RSP], 0x1010);
        okay("e8 fb ff ff ff");
        assert_int_equal(world.regs.rip, 0x1236);
        okay("eb fe");
        assert_int_equal(world.regs.rip, 0x1236);
        world.regs.gpr[RCX] = 0x100000001;
        okay("67 e2 10");
        assert_true(world.regs.gpr[RCX] == 0);
        assert_int_equal(world.regs.rip, 0x1239);
        okay("e3 10");
        assert_true(world.regs.gpr[RCX] == 0);
        assert_int_equal(world.regs.rip, 0x124b);
        world.regs.rflags |= X86_FLAG_ZF;
        okay("74 05");
        assert_int_equal(world.regs.rip, 0x1252);
        okay("0f 85 00 01 00 00");
        assert_int_equal(world.regs.rip, 0x1258);
        world.regs.gpr[RCX] = 5;
        okay("e3 00");
        assert_int_equal(world.regs.gpr[RCX], 5);
        world.regs.rip -= 2;
        okay("e0 10"); /* LOOPNE with ZF */
        assert_int_equal(world.regs.rip, 0x125a);
        okay("e1 10");
        assert_int_equal(world.regs.rip, 0x126c);
        world.regs.rip = 0x100;
        set_mem(0x200, 0x0000800000000000);
        faults("ff 23", X86_EXC_GP);
        faults("ff 13", X86_EXC_GP);
    }
}

static void test_branches16(void **state)
{
    (void)state;
    start(REAL, WORLD_PLAIN);
    okay("e9 00 ff"); /* 0x103 - 0x100 */
    assert_int_equal(world.regs.rip, 0x0003);
    okay("eb 80");
    assert_int_equal(world.regs.rip, 0xff85);
    world.regs.rip = 0x100;
    okay("e8 00 00");
    assert_int_equal(world.regs.gpr[RSP], 0xffe);
    assert_int_equal(mem(0xffe, 2), 0x103);
    world.regs.rip = 0x100;
    faults("66 e9 00 00 01 00", X86_EXC_GP); /* beyond FFFF */
    world.regs.gpr[RBX] = 0x200;
    set_mem(0x200, 0x12348765);
    okay("ff 27");
    assert_int_equal(world.regs.rip, 0x8765);
    start(PROT32, WORLD_PLAIN);
    world.regs.seg[X86_CS].limit = 0x1fff;
    faults("e9 00 20 00 00", X86_EXC_GP);
    set_mem(0x200, 0x2000);
    world.regs.gpr[RBX] = 0x200;
    faults("ff 13", X86_EXC_GP);
    assert_int_equal(world.regs.gpr[RSP], 0x1000);
}

static void test_stack16(void **state)
{
    (void)state;
    start(REAL, WORLD_PLAIN);
    world.regs.gpr[RSP] = 0xabcd0000; /* SP wraps to FFFE, which is beyond this memory: move it */
    world.regs.seg[X86_SS].base = 0xffff1000;
    world.regs.gpr[RAX] = 0x12345678;
    okay("50");
    assert_true(world.regs.gpr[RSP] == 0xabcdfffe);
    assert_int_equal(mem(0xffe, 2), 0x5678);
    okay("66 50");
    assert_int_equal(mem(0xffa, 4), 0x12345678);
    okay("66 5b");
    assert_int_equal(world.regs.gpr[RBX], 0x12345678);
    start(PROT16, WORLD_PLAIN);
    world.regs.gpr[RSP] = 1;
    faults("50", X86_EXC_SS); /* a word at FFFF */
    start(REAL, WORLD_RETRY);
    for (unsigned int i = 0; i < 8; i++)
        world.regs.gpr[i] = 0x1000 + i;
    okay("60");
    assert_int_equal(world.regs.gpr[RSP], 0x1004 - 16);
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(mem(0x1004 - 2 - i * 2, 2), 0x1000 + i);
    for (unsigned int i = 0; i < 8; i++)
        world.regs.gpr[i] = i == RSP ? 0x1004 - 16 : 0;
    okay("61");
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(world.regs.gpr[i], 0x1000 + i);
}

static void test_stack_frames(void **state)
{
    (void)state;
    for (unsigned int how = 0; how < 2; how++) {
        start(LONG64, world_modes[how]);
        world.regs.gpr[RBP] = 0x1122334455667788;
        okay("c8 20 00 00");
        assert_int_equal(world.regs.gpr[RBP], 0xff8);
        assert_int_equal(world.regs.gpr[RSP], 0xfd8);
        assert_true(mem(0xff8, 8) == 0x1122334455667788);
        okay("c9");
        assert_true(world.regs.gpr[RBP] == 0x1122334455667788);
        assert_int_equal(world.regs.gpr[RSP], 0x1000);
        /* two enclosing frames: the caller's RBP, what is below it, and this one's */
        world.regs.gpr[RBP] = 0xf00;
        set_mem(0xef8, 0x55667788);
        okay("c8 20 00 02");
        assert_int_equal(world.regs.gpr[RBP], 0xff8);
        assert_int_equal(world.regs.gpr[RSP], 0xfe8 - 0x20);
        assert_int_equal(mem(0xff8, 8), 0xf00);
        assert_int_equal(mem(0xff0, 4), 0x55667788);
        assert_int_equal(mem(0xfe8, 8), 0xff8);
        world.regs.gpr[RSP] = 0x1000;
        /* pop [rsp]: at the address after the pop */
        okay("8f 04 24");
        assert_true(mem(0x1008, 8) == mem(0x1000, 8));
        world.regs.rflags |= X86_FLAG_RF | X86_FLAG_CF;
        okay("9c");
        assert_int_equal(mem(0x1000, 8), 3);
        set_mem(0x1000, 0xffffffff);
        world.regs.cpl = 3;
        okay("9d");
        assert_int_equal(world.regs.rflags, X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF |
                                                X86_FLAG_NT | X86_FLAG_AC | 1 << 21 | 2);
    }
}

static void test_segment_loads(void **state)
{
    (void)state;
    for (unsigned int how = 0; how < 2; how++) {
        start(REAL, world_modes[how]);
        world.regs.gpr[RBX] = 0x200;
        set_mem(0x200, 0xf123);
        okay("8e 1f");
        assert_int_equal(world.regs.seg[X86_DS].sel, 0xf123);
        assert_int_equal(world.regs.seg[X86_DS].base, 0xf1230);
        assert_false(world.emul.shadow);
        world.regs.seg[X86_DS].base = 0;
        okay("8e 17");
        assert_true(world.emul.shadow);
        world.regs.seg[X86_SS].base = 0;
        okay("8c 1f"); /* the selector back to memory, a word */
        assert_int_equal(mem(0x200, 2), 0xf123);
        assert_int_equal(mem(0x202, 1), 0);
        okay("07");
        assert_int_equal(world.regs.seg[X86_ES].base, mem(0x1000, 2) << 4);
        okay("0e");
        assert_int_equal(mem(0x1000, 2), 0x10);
        world.regs.seg[X86_FS].sel = 0x1234;
        world.regs.seg[X86_GS].sel = 0x5678;
        okay("0f a0");
        okay("0f a8");
        assert_int_equal(mem(0xffe, 2), 0x1234);
        assert_int_equal(mem(0xffc, 2), 0x5678);
        okay("0f a1");
        assert_int_equal(world.regs.seg[X86_FS].base, 0x56780);
        start(PROT32, world_modes[how]);
        world.regs.seg[X86_GS].sel = 0x5678;
        set_mem(0xffc, 0xabcdabcd);
        okay("0f a8"); /* the upper half stays as it was */
        assert_int_equal(mem(0xffc, 4), 0xabcd5678);
    }
}

static void test_interrupt_flag(void **state)
{
    (void)state;
    start(PROT32, WORLD_PLAIN);
    okay("fb");
    assert_true(world.regs.rflags & X86_FLAG_IF);
    assert_true(world.emul.shadow);
    okay("fb");
    assert_false(world.emul.shadow);
    okay("fa");
    assert_false(world.regs.rflags & X86_FLAG_IF);
    start(VM86, WORLD_PLAIN);
    faults("9c", X86_EXC_GP);
    faults("9d", X86_EXC_GP);
    world.regs.rflags |= 3 << 12;
    okay("9c");
    okay("9d");
    assert_true(world.regs.rflags & X86_FLAG_VM);
    start(PROT32, WORLD_PLAIN);
    world.regs.cpl = 3;
    faults("fb", X86_EXC_GP);
    world.regs.rflags |= 3 << 12;
    okay("fb");
}

/* Compatibility mode is protected mode, and r8 is out of reach. */
static void test_compat(void **state)
{
    (void)state;
    start(COMPAT32, WORLD_PLAIN);
    world.regs.gpr[RAX] = UINT64_C(0xffffffff00000007);
    okay("40"); /* INC EAX, not REX */
    assert_true(world.regs.gpr[RAX] == 8);
    world.regs.gpr[RBX] = 0x200;
    world.regs.seg[X86_DS].base = 0x10;
    okay("8b 03");
    assert_int_equal(world.regs.gpr[RAX], mem(0x210, 4));
    okay("8b 05 00 03 00 00"); /* absolute here */
    assert_int_equal(world.regs.gpr[RAX], mem(0x310, 4));
    world.regs.gpr[RAX] = 0x1ff;
    okay("a2 20 02 00 00");
    assert_int_equal(mem(0x230, 1), 0xff);
    okay("d7");
    assert_int_equal(world.regs.gpr[RAX] & 0xff, mem(0x30f, 1));
    start(LONG64, WORLD_PLAIN);
    okay("a1 08 02 00 00 00 00 00 00");
    assert_int_equal(world.regs.gpr[RAX], mem(0x208, 4));
    okay("48 a3 18 02 00 00 00 00 00 00");
    assert_int_equal(mem(0x218, 8), mem(0x208, 4));
    okay("67 a0 0a 02 00 00");
    assert_int_equal(world.regs.gpr[RAX] & 0xff, mem(0x20a, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses16),   cmocka_unit_test(test_limits16),
        cmocka_unit_test(test_segment_types), cmocka_unit_test(test_linear_wrap),
        cmocka_unit_test(test_canonical),     cmocka_unit_test(test_length),
        cmocka_unit_test(test_fetch),         cmocka_unit_test(test_undefined),
        cmocka_unit_test(test_unhandleable),  cmocka_unit_test(test_vector_state),
        cmocka_unit_test(test_ports),         cmocka_unit_test(test_port_strings),
        cmocka_unit_test(test_strings16),     cmocka_unit_test(test_batch_limit),
        cmocka_unit_test(test_branches),      cmocka_unit_test(test_branches16),
        cmocka_unit_test(test_stack16),       cmocka_unit_test(test_stack_frames),
        cmocka_unit_test(test_segment_loads), cmocka_unit_test(test_interrupt_flag),
        cmocka_unit_test(test_compat),        cmocka_unit_test(test_access_kinds),
        cmocka_unit_test(test_page_faults),   cmocka_unit_test(test_compare_writes),
        cmocka_unit_test(test_bad_batch),     cmocka_unit_test(test_absent_hooks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
