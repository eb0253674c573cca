/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 instruction emulator (arch/x86/emulate) on any bytes in any mode: it ends, changes
 * nothing without success, keeps to its interface, and gives the same when every access is answered
 * late. In 64-bit mode the build host's processor runs the instruction too and must agree.
 * docs/fuzzing.md.
 */
#include <cpuid.h>

#include "input.h"

#include "../../arch/x86/emulate/emul.h"
#include "x86_world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One bit each: what the first byte of an input chooses. */
#define SHAPE_LONG      0x01 /* 64-bit mode, else by the next two */
#define SHAPE_PROTECTED 0x02
#define SHAPE_32        0x04
#define SHAPE_VM86      0x08
#define SHAPE_USER      0x10
#define SHAPE_SEGMENTS  0x20 /* unusual ones */
#define SHAPE_CONTROL   0x40 /* unusual CR0, CR4, XCR0 */

/* Registers that each input is tried with. */
#define ROUNDS 8

static bool host_has_all;

/* POPCNT, MOVBE, LZCNT, AVX, AVX2, BMI1, BMI2, ADX, MOVDIRI, CMPXCHG16B. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    uint32_t a, b, c = 0, d, leaf1, leaf7b, leaf7c;

    (void)argc;
    (void)argv;
    __get_cpuid_count(1, 0, &a, &b, &c, &d);
    leaf1 = c;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    leaf7b = b;
    leaf7c = c;
    __get_cpuid_count(0x80000001, 0, &a, &b, &c, &d);
    host_has_all = (leaf1 & 0x10c82001) == 0x10c82001 && (leaf7b & 0x80128) == 0x80128 &&
                   (leaf7c >> 27 & 1) && (c >> 5 & 1);
    if (!host_has_all)
        fprintf(stderr, "not compared with this processor: what it may not have\n");
    native_setup();
    return 0;
}

static void unusual_segments(struct x86_regs *r)
{
    for (unsigned int i = 0; i < X86_NR_SEGS; i++) {
        r->seg[i].attr = (uint16_t)(rnd() & 0xcff);
        r->seg[i].limit = (uint32_t)rnd_value();
        if (rnd() & 1)
            r->seg[i].base = (uint32_t)rnd_value();
    }
    r->seg[X86_CS].attr = X86_SEG_P | X86_SEG_S | X86_SEG_CODE | (r->seg[X86_CS].attr & 0x400);
}

static void set_mode(struct x86_regs *r, unsigned int shape)
{
    bool large = shape & SHAPE_32;

    r->cpl = shape & SHAPE_USER ? 3 : 0;
    if (!(shape & SHAPE_LONG)) {
        r->efer = 0;
        for (unsigned int i = 0; i < X86_NR_SEGS; i++)
            r->seg[i] = (struct x86_seg){0x10, 0x93, large ? UINT32_MAX : 0xffff, 0};
        r->seg[X86_CS].attr = large ? 0x49b : 0x9b;
        if (!(shape & SHAPE_PROTECTED))
            r->cr0 = 0;
        else if (shape & SHAPE_VM86)
            r->rflags |= X86_FLAG_VM;
        if (shape & SHAPE_SEGMENTS)
            unusual_segments(r);
    }
    if (shape & SHAPE_CONTROL) {
        r->cr0 ^= rnd() & (X86_CR0_EM | X86_CR0_TS);
        r->cr4 ^= rnd() & (X86_CR4_OSFXSR | X86_CR4_OSXSAVE | X86_CR4_LA57);
        r->xcr0 = rnd() & 7;
    }
}

/* [rbx] is what rAX, or rDX and rAX with 4 or 8 bytes each, have: CMPXCHG finds it equal. */
static void match_memory(struct native_state *st, uint64_t base)
{
    unsigned int offset = 2048 + 16 * (rnd() % 256);

    st->gpr[X86_RBX] = base + offset;
    memcpy(&st->gpr[X86_RAX], native_mem() + offset, 8);
    memcpy(&st->gpr[X86_RDX], native_mem() + offset + (rnd() & 1 ? 4 : 8), 8);
}

/* Addresses in memory, small numbers, anything. */
static void choose_registers(struct native_state *st, uint64_t base)
{
    memset(st, 0, sizeof(*st));
    for (unsigned int i = 0; i < 16; i++) {
        switch (rnd() % 4) {
        case 0:
            st->gpr[i] = rnd_value();
            break;
        case 1:
            st->gpr[i] = rnd() % 64;
            break;
        default:
            st->gpr[i] = base + 2048 + rnd() % 4096;
            break;
        }
    }
    if (rnd() % 4 == 0)
        match_memory(st, base);
    for (unsigned int i = 0; i < sizeof(st->vec); i++)
        st->vec[i / 32][i % 32] = (uint8_t)rnd();
    st->rflags = (rnd() & (X86_FLAGS_ARITH | X86_FLAG_DF)) | 0x202;
}

static void check_end(const struct world *w, enum x86_emul_result res)
{
    fuzz_check(res <= X86_EMUL_UNDEFINED && res != X86_EMUL_RETRY, "result %d", (int)res);
    fuzz_check(w->emul.length <= 15, "length %u", w->emul.length);
    fuzz_check(res != X86_EMUL_OKAY || w->emul.length, "nothing was executed");
    fuzz_check(res == X86_EMUL_EXCEPTION || w->emul.event.vector == 0, "an exception, unsaid");
    fuzz_check(w->accesses <= 16 * NATIVE_MEM_SIZE, "%u accesses", w->accesses);
}

static uint64_t shift_undefined(const struct x86_insn *in, unsigned int size, unsigned int count)
{
    bool rotate = in->map == 0 && (in->reg & 7) < 4;

    count &= size == 8 ? 63 : 31;
    if (count == 0)
        return 0;
    if (in->map && count > size * 8)
        return ~UINT64_C(0);
    return (rotate ? 0 : X86_FLAG_AF) | (count > 1 ? X86_FLAG_OF : 0) |
           (!rotate && count >= size * 8 ? X86_FLAG_CF : 0);
}

/* Flags of group 3: MUL and IMUL, DIV and IDIV, TEST. */
static uint64_t group3_undefined(unsigned int reg)
{
    if (reg >= 6)
        return X86_FLAGS_ARITH;
    if (reg >= 4)
        return X86_FLAG_SF | X86_FLAG_ZF | X86_FLAG_AF | X86_FLAG_PF;
    return reg < 2 ? X86_FLAG_AF : 0;
}

static uint64_t undefined_map0(const struct x86_insn *in, unsigned int size, uint64_t rcx)
{
    uint8_t op = in->opcode;

    if (op == 0xc0 || op == 0xc1)
        return shift_undefined(in, size, (unsigned int)in->imm);
    if (op >= 0xd0 && op <= 0xd3)
        return shift_undefined(in, size, op & 2 ? (unsigned int)rcx : 1);
    if (op == 0xf6 || op == 0xf7)
        return group3_undefined(in->reg & 7);
    if (op == 0x69 || op == 0x6b)
        return group3_undefined(4);
    if (op < 0x40 || (op >= 0x80 && op <= 0x85) || op == 0xa8 || op == 0xa9)
        return X86_FLAG_AF; /* of the logic ones; arithmetic is in the unit test */
    return 0;
}

static uint64_t undefined_map1(const struct x86_insn *in, unsigned int size, uint64_t rcx)
{
    uint64_t bits = X86_FLAG_OF | X86_FLAG_SF | X86_FLAG_AF | X86_FLAG_PF;

    switch (in->opcode) {
    case 0xa4:
    case 0xac:
        return shift_undefined(in, size, (unsigned int)in->imm);
    case 0xa5:
    case 0xad:
        return shift_undefined(in, size, (unsigned int)rcx);
    case 0xaf:
        return group3_undefined(4);
    case 0xbc:
    case 0xbd:
        return bits | X86_FLAG_CF;
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xba:
    case 0xbb:
        return bits;
    default:
        return 0;
    }
}

/* Flags that the manual leaves undefined; all ones: the result is, too. */
static uint64_t undefined(const struct x86_state *s, uint64_t rcx)
{
    const struct x86_insn *in = s->in;

    if (in->map == 0)
        return undefined_map0(in, s->size, rcx);
    if (in->map == 1 && in->opcode >= 0xc8 && in->opcode <= 0xcf && s->size == 2)
        return ~UINT64_C(0);
    if (in->map == 1)
        return undefined_map1(in, s->size, rcx);
    return in->vex ? X86_FLAG_AF | X86_FLAG_PF | (in->opcode == 0xf7 ? X86_FLAG_SF : 0) : 0;
}

/* Instructions whose result tells of the host's operating system, or that trap there. */
static bool only_here(const struct x86_insn *in)
{
    uint8_t op = in->opcode;

    if (in->map == 1)
        return op == 0xa0 || op == 0xa8;
    if (in->map)
        return false;
    return (op >= 0x6c && op <= 0x6f) || (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef) ||
           op == 0x9c || op == 0x9d || op == 0x8c || op == 0xc8 || op == 0xfa || op == 0xfb;
}

static bool may_be_missing(const struct x86_insn *in)
{
    return in->map > 1 || in->vex || (in->map == 1 && (in->opcode >= 0xb8 || in->opcode == 0xc7));
}

/* On the processor, where the emulator found only memory that is there. */
static void check_processor(const struct world *w, enum x86_emul_result res, const uint8_t *insn,
                            const struct native_state *st)
{
    struct x86_emul emul = w->emul;
    struct x86_regs regs = w->regs;
    struct x86_insn in;
    struct x86_state s = {.e = &emul, .r = &regs, .in = &in};
    uint64_t undef;

    regs.rip = native_code();
    if (res == X86_EMUL_UNHANDLEABLE || res == X86_EMUL_UNDEFINED)
        return;
    if (res == X86_EMUL_EXCEPTION && emul.event.vector != X86_EXC_DE)
        return;
    if (x86_decode(&s) != X86_EMUL_OKAY || only_here(&in))
        return;
    if (!host_has_all && may_be_missing(&in))
        return;
    if (res == X86_EMUL_OKAY && w->regs.rip != native_code() + emul.length)
        return;
    undef = undefined(&s, st->gpr[X86_RCX]);
    if (undef != ~UINT64_C(0))
        compare("fuzz", insn, emul.length, st, undef);
}

/* In all ways of answering, which must come to the same, and on the processor. */
static void run_ways(unsigned int shape, uint64_t seed, const uint8_t *insn, unsigned int bytes)
{
    static struct world worlds[WORLD_MODES];
    uint64_t base = shape & SHAPE_LONG ? (uintptr_t)native_mem() : 0;
    enum x86_emul_result first = X86_EMUL_OKAY;
    struct native_state st;

    choose_registers(&st, base);
    for (int mode = 0; mode < WORLD_MODES; mode++) {
        struct world *w = &worlds[mode];
        enum x86_emul_result res;

        world_init(w, (enum world_mode)mode);
        world_load(w, insn, bytes, &st);
        w->base = base;
        if (!(shape & SHAPE_LONG))
            w->regs.rip = 0x100;
        rnd_seed(seed);
        set_mode(&w->regs, shape);
        res = world_run(w);
        check_end(w, res);
        if (mode == 0)
            first = res;
        fuzz_check(res == first, "result %d, mode %d: %d", (int)first, mode, (int)res);
        w->regs.vec = worlds[0].vec;
        fuzz_check(!memcmp(&w->regs, &worlds[0].regs, sizeof(w->regs)), "registers: mode %d", mode);
        fuzz_check(!memcmp(w->vec, worlds[0].vec, sizeof(w->vec)), "vectors: mode %d", mode);
        fuzz_check(!memcmp(w->mem, worlds[0].mem, sizeof(w->mem)), "memory: mode %d", mode);
    }
    if ((shape & (SHAPE_LONG | SHAPE_USER | SHAPE_CONTROL)) == (SHAPE_LONG | SHAPE_USER))
        check_processor(&worlds[0], first, insn, &st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.at = data, .end = data + size};
    unsigned int shape = fuzz_u8(&in), bytes;
    uint64_t seed = fuzz_uint(&in, 4);
    uint8_t insn[15] = {0};

    for (bytes = 0; bytes < sizeof(insn) && fuzz_left(&in); bytes++)
        insn[bytes] = fuzz_u8(&in);
    rnd_seed(seed);
    rnd_memory();
    for (unsigned int round = 1; round <= ROUNDS; round++)
        run_ways(shape, seed + round, insn, bytes);
    return 0;
}
