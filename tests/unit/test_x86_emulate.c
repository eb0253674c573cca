/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 instruction emulator (arch/x86/emulate) against the build host's processor: generated
 * instructions with all operand sizes, addressing forms and edge values run on both, and registers,
 * flags and memory must be equal afterwards. Each case runs on the emulator three times: plainly,
 * with every access answered only on the second try, and with string batches.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86_world.h"

#define CASES        250
#define LEGACY_CASES 120

/* One opcode; REX, 66h and the addressing form vary. */
struct shape {
    const char *name;
    uint8_t map;
    uint8_t opcode;
    uint8_t prefix; /* mandatory F2, F3, 66, or 0 */
    int8_t reg;     /* ModRM.reg, or -1: any; -2: no ModRM */
    uint8_t imm;    /* bytes of immediate; IZ: by operand size, IQ: 8 with REX.W; IA, IE: below */
    uint16_t flags; /* below */
    uint16_t undef; /* flags not compared */
};

#define IZ 16
#define IQ 17
#define IA 18 /* an address of the operand, in the instruction */
#define IE 19 /* ENTER's two */

#define MEM    0x001  /* memory form only */
#define NO66   0x002  /* never 66h */
#define NOW    0x004  /* never REX.W */
#define LOCK   0x008  /* sometimes LOCK */
#define STRING 0x010  /* rSI, rDI into memory; rCX small */
#define BITS   0x020  /* the register is a bit offset */
#define COUNT  0x040  /* undefined flags by the count of a shift */
#define MATCH  0x080  /* often rAX (rDX:rAX) equal to memory */
#define STACK  0x100  /* rSP into memory */
#define VEX    0x200  /* VEX-encoded, 128 bits */
#define VVVV   0x400  /* ... with a register in vvvv */
#define REPS   0x800  /* F2/F3 vary */
#define VEXL   0x1000 /* ... VEX.L varies */
#define ALIGN  0x2000 /* often aligned */
#define SMALL  0x4000 /* often small rDX, so that division succeeds */
#define TARGET 0x8000 /* a branch: the operand is native_pad() */

#define CF X86_FLAG_CF
#define PF X86_FLAG_PF
#define AF X86_FLAG_AF
#define ZF X86_FLAG_ZF
#define SF X86_FLAG_SF
#define OF X86_FLAG_OF

#include "x86_shapes.h"

/* Opcodes from the shape's on that are the same but for a register or a condition. */
static unsigned int variants(const struct shape *sh)
{
    unsigned int high = sh->opcode & 0xf8;

    if (sh->flags & VEX)
        return 1;
    if (sh->map == 1 && high == 0xc8)
        return 8;
    if (sh->map == 1 || (sh->map == 0 && high >> 4 == 7)) {
        high >>= 4;
        return high == 4 || high == 8 || high == 9 || (high == 7 && sh->map == 0) ? 16 : 1;
    }
    if (sh->map == 0 && ((high >= 0x40 && high <= 0x58) || high == 0x90 || high >> 4 == 0xb))
        return 8;
    return 1;
}

struct gen {
    uint8_t insn[16];
    unsigned int len;
    unsigned int size; /* operand size, or 1 */
    uint64_t address;  /* of the operand, when it is memory */
    unsigned int base, index, reg, rm;
    bool mem;
    uint8_t imm8;
};

static void put(struct gen *g, uint64_t value, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        g->insn[g->len++] = (uint8_t)(value >> (i * 8));
}

/* ModRM, SIB and displacement of an operand in memory; registers change to make the address. */
static void put_memory(struct gen *g, struct native_state *st, unsigned int reg, uint8_t *rex,
                       unsigned int tail)
{
    unsigned int how = rnd() % 6;
    int32_t disp = how % 3 == 1 ? (int8_t)rnd() : how % 3 == 2 ? (int32_t)rnd() : 0;
    unsigned int mod = how % 3, scale = rnd() & 3;
    uint32_t abs = (uint32_t)g->address;

    reg = (reg & 7) << 3;
    if (how == 3 && (rnd() & 1)) { /* rip-relative; `tail` bytes follow */
        put(g, reg | 5, 1);
        put(g, g->address - (native_code() + g->len + 4 + tail), 4);
        return;
    }
    if (how == 3 && (rnd() & 1)) { /* absolute */
        put(g, reg | 4, 1);
        put(g, 0x25, 1);
        put(g, abs, 4);
        return;
    }
    do {
        g->base = rnd() & 15;
        g->index = rnd() & 15;
    } while (g->index == g->base || g->index == 4 || (mod == 0 && (g->base & 7) == 5));
    *rex = (uint8_t)(*rex | g->base >> 3);
    if (how < 3 && (g->base & 7) != 4) {
        st->gpr[g->base] = g->address - (uint64_t)(int64_t)disp;
        g->index = 16;
        put(g, mod << 6 | reg | (g->base & 7), 1);
    } else {
        *rex = (uint8_t)(*rex | (g->index >> 3) << 1);
        st->gpr[g->base] = g->address - (uint64_t)(int64_t)disp - (st->gpr[g->index] << scale);
        put(g, mod << 6 | reg | 4, 1);
        put(g, scale << 6 | (g->index & 7) << 3 | (g->base & 7), 1);
    }
    put(g, (uint32_t)disp, mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static void put_vex(struct gen *g, const struct shape *sh, uint8_t rex, unsigned int vvvv)
{
    unsigned int pp = sh->prefix == 0x66 ? 1 : sh->prefix == 0xf3 ? 2 : sh->prefix == 0xf2 ? 3 : 0;
    unsigned int l = (sh->flags & VEXL) && (rnd() & 1);

    put(g, 0xc4, 1);
    put(g, (unsigned int)((~rex & 7) << 5 | sh->map), 1);
    put(g, (rex & 8) << 4 | (~vvvv & 15) << 3 | l << 2 | pp, 1);
    put(g, sh->opcode, 1);
}

static void choose_values(struct native_state *st)
{
    for (unsigned int i = 0; i < 16; i++)
        st->gpr[i] = rnd_value();
    for (unsigned int i = 0; i < sizeof(st->vec); i++)
        ((uint8_t *)st->vec)[i] = (uint8_t)rnd();
    st->rflags = (rnd() & X86_FLAGS_ARITH) | 0x202;
}

static void special_values(struct gen *g, const struct shape *sh, struct native_state *st)
{
    uint8_t *at = native_mem() + (g->address - (uintptr_t)native_mem());

    if (sh->flags & STRING) {
        st->gpr[X86_RSI] = (uintptr_t)native_mem() + 2000 + rnd() % 4000;
        st->gpr[X86_RDI] = (uintptr_t)native_mem() + 2000 + rnd() % 4000;
        st->gpr[X86_RCX] = rnd() % 20;
        st->rflags |= rnd() & X86_FLAG_DF;
    }
    if ((sh->flags & SMALL) && rnd() % 4 && g->base != X86_RDX && g->index != X86_RDX)
        st->gpr[X86_RDX] = rnd() & 1 ? rnd() & 7 : -(rnd() & 1);
    if (sh->flags & STACK)
        st->gpr[X86_RSP] = (uintptr_t)native_mem() + 3000 + rnd() % 1000;
    if (sh->map == 0 && (sh->opcode == 0xc8 || sh->opcode == 0xc9))
        st->gpr[X86_RBP] = (uintptr_t)native_mem() + 3000 + rnd() % 1000;
    if (sh->map == 0 && sh->opcode == 0xd7)
        st->gpr[X86_RBX] = g->address;
    if ((sh->flags & BITS) && g->mem)
        st->gpr[g->reg] = (uint64_t)((int64_t)(rnd() % 16000) - 8000);
    if ((sh->flags & MATCH) && (rnd() & 1) && g->mem) {
        memcpy(&st->gpr[X86_RAX], at, 8);
        if (sh->reg == 1) {
            memcpy(&st->gpr[X86_RDX], at + (g->size == 8 ? 8 : 4), 8);
        }
    }
}

/* False: registers are to be an address and something else too. */
static bool choice_holds(const struct gen *g, const struct shape *sh)
{
    bool ax_dx = g->base == 0 || g->base == 2 || g->index == 0 || g->index == 2;

    if (!g->mem)
        return !((sh->flags & TARGET) && g->rm == X86_RSP && sh->reg >= 0);
    if ((sh->flags & (BITS | STACK | MATCH)) && (g->base == g->reg || g->index == g->reg))
        return false;
    if ((sh->flags & STACK) && (g->base == X86_RSP || g->index == X86_RSP))
        return false;
    return !((sh->flags & MATCH) && ax_dx);
}

/* The operand, the displacement, or what RET takes from the stack. */
static void aim_at_pad(struct gen *g, const struct shape *sh, struct native_state *st,
                       unsigned int imm)
{
    uint64_t pad = native_pad(), to = pad - (native_code() + g->len);

    if (sh->reg == -2 && (sh->opcode & 0xfe) == 0xc2)
        memcpy((void *)(uintptr_t)st->gpr[X86_RSP], &pad, 8);
    else if (sh->reg == -2)
        memcpy(g->insn + g->len - imm, &to, imm);
    else if (g->mem)
        memcpy((void *)(uintptr_t)g->address, &pad, 8);
    else
        st->gpr[g->rm] = pad;
}

/* `at` is an address of the operand as the instruction would have it. */
static void put_immediate(struct gen *g, unsigned int imm, uint64_t at, unsigned int ad_size)
{
    g->imm8 = (uint8_t)rnd();
    if (imm == IA) {
        put(g, at, ad_size);
    } else if (imm == IE) { /* a frame that is all there */
        put(g, rnd() % 1000, 2);
        put(g, rnd() & 0x3f, 1);
    } else {
        put(g, imm == 1 ? g->imm8 : rnd_value(), imm);
    }
}

/* False: choice_holds(). */
static bool choose(struct gen *g, const struct shape *sh, struct native_state *st)
{
    bool w = !(sh->flags & NOW) && (rnd() & 1);
    bool p66 = !(sh->flags & (NO66 | VEX)) && !sh->prefix && rnd() % 3 == 0;
    uint8_t rex = w ? 8 : 0;
    unsigned int imm = sh->imm, vvvv = sh->flags & VVVV ? rnd() & 15 : 0, start;
    struct gen body = {0};

    memset(g, 0, sizeof(*g));
    g->base = g->index = 16;
    choose_values(st);
    g->size = w ? 8 : p66 ? 2 : 4;
    g->address = (uintptr_t)native_mem() + 3000 + rnd() % 2000;
    if ((sh->flags & ALIGN) && rnd() % 8)
        g->address &= ~UINT64_C(31);
    if (imm == IZ)
        imm = g->size == 2 ? 2 : 4;
    else if (imm == IQ)
        imm = g->size;
    g->reg = sh->reg >= 0 ? (unsigned int)sh->reg : rnd() & 15;
    if (g->reg & 8)
        rex |= 4;
    g->mem = sh->reg != -2 && ((sh->flags & MEM) || rnd() % 4);
    start = sh->flags & VEX ? 4 : 0;
    if (sh->flags & REPS && rnd() % 3)
        put(g, rnd() & 1 ? 0xf3 : 0xf2, 1);
    if ((sh->flags & LOCK) && g->mem && rnd() % 4 == 0)
        put(g, 0xf0, 1);
    if (p66)
        put(g, 0x66, 1);
    if (sh->prefix && !start)
        put(g, sh->prefix, 1);
    bool with_rex = !start && (rex || (rnd() & 3) == 0 || g->mem);
    unsigned int rex_at = g->len;

    if (start) {
        put(g, 0, 4);
    } else {
        if (with_rex)
            put(g, 0, 1);
        if (sh->map)
            put(g, 0x0f, 1);
        if (sh->map > 1)
            put(g, sh->map == 2 ? 0x38 : 0x3a, 1);
        put(g, sh->opcode, 1);
    }
    if (sh->reg != -2) {
        if (g->mem) {
            put_memory(g, st, g->reg, &rex, imm);
        } else {
            unsigned int rm = rnd() & (with_rex || start ? 15 : 7);

            rex = (uint8_t)(rex | rm >> 3);
            g->rm = rm;
            put(g, 0xc0 | (g->reg & 7) << 3 | (rm & 7), 1);
        }
    }
    if (start) {
        body.len = 0;
        put_vex(&body, sh, rex, vvvv);
        memcpy(g->insn, body.insn, 4);
    } else if (with_rex) {
        g->insn[rex_at] = 0x40 | rex;
    }
    put_immediate(g, imm, g->address, 8);
    if (!choice_holds(g, sh))
        return false;
    special_values(g, sh, st);
    if (sh->flags & TARGET)
        aim_at_pad(g, sh, st, imm);
    return true;
}

/* A shift's flags: count 0 none undefined, 1 AF, more OF too, beyond the width CF too. */
static uint64_t undefined_flags(const struct shape *sh, const struct gen *g,
                                const struct native_state *st)
{
    unsigned int size = (sh->opcode & 1) || sh->map ? g->size : 1;
    unsigned int count, raw;

    if (!(sh->flags & COUNT))
        return sh->undef;
    if (sh->map)
        raw = sh->opcode & 1 ? (unsigned int)st->gpr[X86_RCX] : g->imm8;
    else
        raw = sh->opcode < 0xd0 ? g->imm8 : sh->opcode < 0xd2 ? 1 : (unsigned int)st->gpr[X86_RCX];
    count = raw & (size == 8 ? 63 : 31);
    if (count == 0)
        return 0;
    if (sh->map && count > size * 8)
        return ~UINT64_C(0); /* the result too */
    return sh->undef | (count > 1 ? OF : 0) | (count >= size * 8 && !sh->map ? CF : 0);
}

static void run_variant(const struct shape *sh)
{
    unsigned int compared = 0;

    for (unsigned int i = 0; i < CASES; i++) {
        struct native_state st;
        struct gen g;
        uint64_t undef;

        if (i % 16 == 0)
            rnd_memory();
        if (!choose(&g, sh, &st))
            continue;
        undef = undefined_flags(sh, &g, &st);
        if (undef == ~UINT64_C(0))
            continue;
        compare(sh->name, g.insn, g.len, &st, undef);
        compared++;
    }
    assert_true(compared > CASES / 4);
}

static void run_shape(const struct shape *first)
{
    for (unsigned int n = 0; n < variants(first); n++) {
        struct shape sh = *first;

        sh.opcode = (uint8_t)(sh.opcode + n);
        run_variant(&sh);
    }
}

/* ModRM and displacement of 16-bit addresses. */
static void put_memory16(struct gen *g, struct native_state *st, unsigned int offset)
{
    static const uint8_t bases[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    unsigned int rm = rnd() & 7, mod = rnd() % 3;
    uint16_t disp = mod == 1 ? (uint16_t)(int8_t)rnd() : mod == 2 ? (uint16_t)rnd() : 0;
    uint16_t rest = (uint16_t)(offset - disp);

    put(g, mod << 6 | (g->reg & 7) << 3 | rm, 1);
    if (mod == 0 && rm == 6) {
        put(g, offset, 2);
        return;
    }
    g->base = bases[rm];
    if (rm < 4) {
        g->index = rm & 1 ? X86_RDI : X86_RSI;
        rest = (uint16_t)(rest - st->gpr[g->index]);
    }
    st->gpr[g->base] = (st->gpr[g->base] & ~UINT64_C(0xffff)) | rest;
    put(g, disp, mod);
}

/* Of 32-bit ones; rSP and rBP mean the flat SS unless `ds` says that DS is named. */
static void put_memory32(struct gen *g, struct native_state *st, unsigned int offset, bool ds)
{
    unsigned int mod = rnd() % 3, scale = rnd() & 3;
    uint32_t disp = mod == 1 ? (uint32_t)(int8_t)rnd() : mod == 2 ? (uint32_t)rnd() : 0;

    if (rnd() % 8 == 0) {
        put(g, (g->reg & 7) << 3 | 5, 1);
        put(g, offset, 4);
        return;
    }
    do {
        g->base = rnd() & 7;
        g->index = rnd() & 7;
    } while (g->index == g->base || g->index == 4 || (mod == 0 && g->base == 5));
    if (!ds && (g->base == X86_RSP || g->base == X86_RBP))
        offset += (uint32_t)(uintptr_t)native_mem();
    if (g->base != 4 && (rnd() & 1)) {
        g->index = 16;
        put(g, mod << 6 | (g->reg & 7) << 3 | g->base, 1);
        st->gpr[g->base] = offset - disp;
    } else {
        put(g, mod << 6 | (g->reg & 7) << 3 | 4, 1);
        put(g, scale << 6 | g->index << 3 | g->base, 1);
        st->gpr[g->base] = offset - disp - ((uint32_t)st->gpr[g->index] << scale);
    }
    put(g, disp, mod == 2 ? 4 : mod);
}

static void put_prefixes(struct gen *g, const struct shape *sh, bool p66, bool p67, bool ds)
{
    if ((sh->flags & REPS) && rnd() % 3)
        put(g, rnd() & 1 ? 0xf3 : 0xf2, 1);
    if ((sh->flags & LOCK) && g->mem && rnd() % 4 == 0)
        put(g, 0xf0, 1);
    if (ds)
        put(g, 0x3e, 1);
    if (p67)
        put(g, 0x67, 1);
    if (p66)
        put(g, 0x66, 1);
    if (sh->flags & VEX)
        return;
    if (sh->prefix)
        put(g, sh->prefix, 1);
    if (sh->map)
        put(g, 0x0f, 1);
    if (sh->map > 1)
        put(g, sh->map == 2 ? 0x38 : 0x3a, 1);
    put(g, sh->opcode, 1);
}

/* Values as legacy code sees them: 32 bits, and offsets in DS and ES. */
static void legacy_values(struct gen *g, const struct shape *sh, struct native_state *st)
{
    uint64_t mem = (uintptr_t)native_mem();

    special_values(g, sh, st);
    if (sh->flags & STRING) {
        st->gpr[X86_RSI] -= mem;
        st->gpr[X86_RDI] -= mem;
        if (rnd() % 8 == 0) /* over the segment's end or start */
            st->gpr[X86_RDI] = rnd() & 1 ? NATIVE_MEM_SIZE - rnd() % 20 : rnd() % 20;
    }
    if (sh->map == 0 && sh->opcode == 0xd7)
        st->gpr[X86_RBX] -= mem;
    for (unsigned int i = 0; i < 8; i++)
        st->gpr[i] &= UINT32_MAX;
}

/* choose() for code of 32 or 16 bits. */
static bool choose_legacy(unsigned int bits, struct gen *g, const struct shape *sh,
                          struct native_state *st)
{
    bool p66 = !(sh->flags & (NO66 | VEX)) && !sh->prefix && rnd() % 3 == 0;
    bool p67 = rnd() % 3 == 0, ds = rnd() & 1;
    bool ad32 = (bits == 32) != p67;
    unsigned int imm = sh->imm, offset = 3000 + rnd() % 2000;

    memset(g, 0, sizeof(*g));
    g->base = g->index = 16;
    choose_values(st);
    for (unsigned int i = 0; i < 8; i++)
        st->gpr[i] &= UINT32_MAX;
    g->size = (bits == 32) != p66 ? 4 : 2;
    if ((sh->flags & ALIGN) && rnd() % 8)
        offset &= ~31u;
    else if (!(sh->flags & MATCH) && rnd() % 8 == 0)
        offset = NATIVE_MEM_SIZE - rnd() % 20;
    g->address = (uintptr_t)native_mem() + offset;
    imm = imm == IZ || imm == IQ ? g->size : imm;
    g->reg = sh->reg >= 0 ? (unsigned int)sh->reg : rnd() & 7;
    g->mem = sh->reg != -2 && ((sh->flags & MEM) || rnd() % 4);
    put_prefixes(g, sh, p66, p67, (ds || !ad32) && g->mem);
    if (sh->flags & VEX)
        put_vex(g, sh, 0, sh->flags & VVVV ? rnd() & 7 : 0);
    if (g->mem && ad32)
        put_memory32(g, st, offset, ds);
    else if (g->mem)
        put_memory16(g, st, offset);
    else if (sh->reg != -2)
        put(g, 0xc0 | (g->reg & 7) << 3 | (rnd() & 7), 1);
    put_immediate(g, imm, offset, ad32 ? 4 : 2);
    if (!choice_holds(g, sh))
        return false;
    legacy_values(g, sh, st);
    return true;
}

static void run_legacy_variant(unsigned int bits, const struct shape *sh)
{
    unsigned int compared = 0;

    for (unsigned int i = 0; i < LEGACY_CASES; i++) {
        struct native_state st;
        struct gen g;
        uint64_t undef;

        if (i % 16 == 0)
            rnd_memory();
        if (!choose_legacy(bits, &g, sh, &st))
            continue;
        undef = undefined_flags(sh, &g, &st);
        if (undef == ~UINT64_C(0))
            continue;
        compare_mode(bits, sh->name, g.insn, g.len, &st, undef);
        compared++;
    }
    assert_true(compared > LEGACY_CASES / 4);
}

static void run_legacy(unsigned int bits, const struct shape *first)
{
    for (unsigned int n = 0; n < variants(first); n++) {
        struct shape sh = *first;

        sh.opcode = (uint8_t)(sh.opcode + n);
        run_legacy_variant(bits, &sh);
    }
}

/* Shapes that a processor has or has not: a bit of CPUID. */
struct family {
    const struct shape *shapes;
    size_t count;
    uint32_t leaf;
    uint8_t reg; /* 0: EAX to 3: EDX */
    uint8_t bit;
};

static bool has_feature(const struct family *f)
{
    uint32_t regs[4] = {0};

    if (!f->leaf)
        return true;
    __get_cpuid_count(f->leaf, 0, &regs[0], &regs[1], &regs[2], &regs[3]);
    return regs[f->reg] >> f->bit & 1;
}

static void test_family(void **state)
{
    const struct family *f = *state;

    if (!has_feature(f))
        skip();
    for (size_t i = 0; i < f->count; i++)
        run_shape(&f->shapes[i]);
}

static void run_family_legacy(unsigned int bits, const struct family *f)
{
    if (!has_feature(f) || !native_setup_legacy())
        skip();
    for (size_t i = 0; i < f->count; i++) {
        const struct shape *sh = &f->shapes[i];

        if (sh->map == 0 && sh->opcode == 0x63) /* ARPL here */
            continue;
        if (bits == 16 && sh->map == 1 && sh->opcode == 0xc8) /* BSWAP of a word is undefined */
            continue;
        run_legacy(bits, sh);
    }
}

static void test_family32(void **state)
{
    run_family_legacy(32, *state);
}

static void test_family16(void **state)
{
    run_family_legacy(16, *state);
}

#define FAMILY(name, leaf, reg, bit)                                                          \
    static struct family name = {name##_shapes, sizeof(name##_shapes) / sizeof(struct shape), \
                                 leaf, reg, bit}

FAMILY(base, 0, 0, 0);
FAMILY(sse3, 1, 2, 0);
FAMILY(sse41, 1, 2, 19);
FAMILY(cx16, 1, 2, 13);
FAMILY(popcnt, 1, 2, 23);
FAMILY(lzcnt, 0x80000001, 2, 5);
FAMILY(movbe, 1, 2, 22);
FAMILY(movdiri, 7, 2, 27);
FAMILY(adx, 7, 1, 19);
FAMILY(bmi1, 7, 1, 3);
FAMILY(bmi2, 7, 1, 8);
FAMILY(avx, 1, 2, 28);
FAMILY(avx2, 7, 1, 5);

FAMILY(legacy, 0, 0, 0);
FAMILY(branch, 0, 0, 0);

/* --- is everything that the emulator executes compared? --- */

struct entry {
    uint8_t map, opcode, prefix, reg;
    bool vex, vex_l, mem;
};

static const struct family *const all_families[] = {
    &base, &sse3, &sse41, &cx16, &popcnt, &lzcnt, &movbe, &movdiri, &adx, &bmi1, &bmi2, &avx, &avx2,
};

/* What no processor can be asked here; test_x86_emulate_modes.c has cases of its own for these. */
static const struct {
    uint8_t map, first, last;
    int8_t reg;
    unsigned int bits; /* 0: in all modes */
    bool registers;    /* their form only */
    const char *why;
} not_compared[] = {
    {0, 0x6c, 0x6f, -1, 0, false, "ports"},
    {0, 0xe4, 0xe7, -1, 0, false, "ports"},
    {0, 0xec, 0xef, -1, 0, false, "ports"},
    {0, 0x9d, 0x9d, -1, 0, false, "POPF might set TF"},
    {0, 0x8e, 0x8e, -1, 0, false, "segments"},
    {1, 0xa0, 0xa9, -1, 0, false, "segments"},
    {0, 0x70, 0x7f, -1, 32, false, "where a branch may go is 64-bit code"},
    {0, 0xc2, 0xc3, -1, 32, false, "branches"},
    {0, 0xe0, 0xeb, -1, 32, false, "branches"},
    {0, 0xff, 0xff, 2, 32, false, "branches"},
    {0, 0xff, 0xff, 4, 32, false, "branches"},
    {1, 0x80, 0x8f, -1, 32, false, "branches"},
    {1, 0x0d, 0x0d, -1, 0, true, "AMD's are undefined, Intel's are none"},
    {1, 0x18, 0x19, -1, 0, true, "processors differ in these hints"},
    {1, 0x1a, 0x1b, -1, 0, false, "MPX, where a processor has it"},
    {1, 0x1c, 0x1e, -1, 0, true, "RDSSP, ENDBR and the like"},
};

static void put_entry(struct gen *g, const struct entry *e)
{
    const struct shape sh = {.map = e->map, .opcode = e->opcode, .prefix = e->prefix};

    memset(g, 0, sizeof(*g));
    if (e->vex) {
        put_vex(g, &sh, 0, 0);
        g->insn[2] = (uint8_t)(g->insn[2] | (e->vex_l ? 4 : 0));
    } else {
        if (e->prefix)
            put(g, e->prefix, 1);
        if (e->map)
            put(g, 0x0f, 1);
        if (e->map > 1)
            put(g, e->map == 2 ? 0x38 : 0x3a, 1);
        put(g, e->opcode, 1);
    }
    put(g, (e->mem ? 0 : 0xc0) | e->reg << 3 | 7, 1); /* [rDI] or rDI */
    g->len = 15;
}

/* Does the emulator execute it, if only to a fault? */
static bool is_executed(unsigned int bits, const struct entry *e)
{
    static struct world w;
    struct native_state st = {.rflags = 2};
    struct gen g;
    enum x86_emul_result res;

    put_entry(&g, e);
    for (unsigned int i = 0; i < 16; i++)
        st.gpr[i] = (uintptr_t)native_mem() + 4096 - ((uintptr_t)native_mem() & 63);
    world_init(&w, WORLD_PLAIN);
    world_load(&w, g.insn, g.len, &st);
    if (bits == 32)
        w.regs.seg[X86_CS].attr = 0xcfb;
    res = world_run(&w);
    return res != X86_EMUL_UNHANDLEABLE && res != X86_EMUL_UNDEFINED;
}

static bool shape_covers(const struct shape *sh, const struct entry *e)
{
    unsigned int n = variants(sh);

    if (sh->map != e->map || (sh->opcode & ~(n - 1)) != (e->opcode & ~(n - 1)) ||
        !(sh->flags & VEX) != !e->vex || (e->vex_l && !(sh->flags & VEXL)))
        return false;
    if (sh->prefix != e->prefix && (sh->prefix || e->prefix != 0x66 || (sh->flags & (NO66 | VEX))))
        return false;
    if (sh->reg >= 0 && sh->reg != e->reg)
        return false;
    return e->mem || !(sh->flags & MEM);
}

static bool is_compared(unsigned int bits, const struct entry *e)
{
    const struct family *own = bits == 64 ? &branch : &legacy;

    for (size_t i = 0; i < sizeof(not_compared) / sizeof(not_compared[0]); i++)
        if (e->map == not_compared[i].map && !e->vex && e->opcode >= not_compared[i].first &&
            e->opcode <= not_compared[i].last &&
            (not_compared[i].reg < 0 || not_compared[i].reg == e->reg) &&
            (not_compared[i].bits == 0 || not_compared[i].bits == bits) &&
            !(not_compared[i].registers && e->mem))
            return true;
    for (size_t i = 0; i < own->count; i++)
        if (shape_covers(&own->shapes[i], e))
            return true;
    for (size_t f = 0; f < sizeof(all_families) / sizeof(all_families[0]); f++)
        for (size_t i = 0; i < all_families[f]->count; i++)
            if (shape_covers(&all_families[f]->shapes[i], e))
                return true;
    return false;
}

/* Prefixes that choose another instruction: not those of one-byte opcodes, nor of most of 0F. */
static bool prefix_matters(const struct entry *e)
{
    if (e->prefix == 0 || e->vex || e->map > 1)
        return true;
    if (e->map == 0)
        return false;
    switch (e->opcode) {
    case 0x10 ... 0x17:
    case 0x28 ... 0x2f:
    case 0x50 ... 0x7f:
    case 0xb8:
    case 0xbc ... 0xbd:
    case 0xc2:
    case 0xc4 ... 0xc7:
    case 0xd0 ... 0xff:
        return true;
    default:
        return false;
    }
}

/* Count what is executed and not compared; say it. */
static unsigned int check_entries(unsigned int bits, bool vex, unsigned int *executed)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    unsigned int missing = 0;

    for (unsigned int i = vex ? 256 : 0; i < 4 * 256; i++) {
        for (unsigned int n = 0; n < (vex ? 128 : 64); n++) {
            const struct entry e = {
                (uint8_t)(i >> 8), (uint8_t)i, prefixes[n >> 4 & 3], n & 7, vex, n & 64, n & 8};

            if (e.map == 0 &&
                (e.opcode == 0x0f || (e.opcode & 0xe7) == 0x26 || (e.opcode & 0xfc) == 0x64 ||
                 e.opcode == 0xf0 || (e.opcode & 0xfe) == 0xf2 || (e.opcode & 0xfe) == 0xc4 ||
                 (bits == 64 && (e.opcode & 0xf0) == 0x40)))
                continue; /* prefixes and escapes */
            if (!prefix_matters(&e) || !is_executed(bits, &e))
                continue;
            ++*executed;
            if (is_compared(bits, &e))
                continue;
            print_error("%u bits:%s map %u, %02x/%u, prefix %02x, %s%s\n", bits, vex ? " VEX" : "",
                        e.map, e.opcode, e.reg, e.prefix, e.mem ? "memory" : "register",
                        e.vex_l ? ", L" : "");
            missing++;
        }
    }
    return missing;
}

static void test_all_is_compared(void **state)
{
    unsigned int missing = 0, executed = 0;

    (void)state;
    for (unsigned int bits = 32; bits <= 64; bits += 32) {
        missing += check_entries(bits, false, &executed);
        missing += check_entries(bits, true, &executed);
    }
    assert_int_equal(missing, 0);
    assert_true(executed > 3000);
}

#define TEST(name)                                         \
    {                                                      \
        "processor_" #name, test_family, NULL, NULL, &name \
    }
#define TEST_LEGACY(name)                                      \
    {"processor32_" #name, test_family32, NULL, NULL, &name},  \
    {                                                          \
        "processor16_" #name, test_family16, NULL, NULL, &name \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_compared),
        TEST(branch),
        TEST(base),
        TEST(sse3),
        TEST(sse41),
        TEST(cx16),
        TEST(popcnt),
        TEST(lzcnt),
        TEST(movbe),
        TEST(movdiri),
        TEST(adx),
        TEST(bmi1),
        TEST(bmi2),
        TEST(avx),
        TEST(avx2),
        TEST_LEGACY(base),
        TEST_LEGACY(legacy),
        TEST_LEGACY(sse3),
        TEST_LEGACY(sse41),
        TEST_LEGACY(popcnt),
        TEST_LEGACY(lzcnt),
        TEST_LEGACY(movbe),
        TEST_LEGACY(movdiri),
        TEST_LEGACY(adx),
        TEST_LEGACY(bmi1),
        TEST_LEGACY(bmi2),
        TEST_LEGACY(avx),
        TEST_LEGACY(avx2),
    };

    native_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
