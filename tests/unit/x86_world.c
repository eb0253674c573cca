/* SPDX-License-Identifier: Apache-2.0 */
/* The emulator's surroundings in tests (x86_world.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86_world.h"

static uint64_t seed = 0x9e3779b97f4a7c15;

void rnd_seed(uint64_t value)
{
    seed = value;
}

uint64_t rnd(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t rnd_value(void)
{
    static const uint64_t edges[] = {0,          1,          2,          0x7f,       0x80,
                                     0xff,       0x7fff,     0x8000,     0xffff,     0x7fffffff,
                                     0x80000000, 0xffffffff, INT64_MAX,  1ULL << 63, ~0ULL,
                                     0x0f,       0x10,       0xaaaaaaaa, 0x55555555, 0x100000000};
    uint64_t v = rnd();

    switch (rnd() % 4) {
    case 0:
        return edges[v % (sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return edges[v % (sizeof(edges) / sizeof(edges[0]))] + (rnd() % 5) - 2;
    case 2:
        return v >> (rnd() & 63);
    default:
        return v;
    }
}

void rnd_memory(void)
{
    for (unsigned int i = 0; i < NATIVE_MEM_SIZE; i += 8) {
        uint64_t v = i & 8 ? rnd_value() : rnd();

        memcpy(native_mem() + i, &v, 8);
    }
}

static struct world *world_of(struct x86_emul *e)
{
    return (struct world *)e;
}

static enum x86_emul_result page_fault(struct x86_emul *e, uint64_t linear)
{
    e->event = (struct x86_event){X86_EXC_PF, true, 4, linear};
    return X86_EMUL_EXCEPTION;
}

/* Where an access is in memory, or NULL. */
static uint8_t *at(struct world *w, uint64_t linear, unsigned int bytes)
{
    if (linear < w->base || linear - w->base > NATIVE_MEM_SIZE - bytes)
        return NULL;
    return w->mem + (linear - w->base);
}

/*
 * The answer to an access of this run: from the log when it was given before. Otherwise `*fresh` is
 * set, the caller does the access, and hands the result to answered().
 */
static struct world_access *answer(struct world *w, int kind, uint64_t where, unsigned int bytes,
                                   bool *fresh)
{
    struct world_access *a = &w->log[w->position];

    assert_true(w->position < sizeof(w->log) / sizeof(w->log[0]));
    *fresh = w->position++ >= w->logged;
    if (*fresh) {
        *a = (struct world_access){.where = where, .bytes = (uint8_t)bytes, .kind = (uint8_t)kind};
        w->logged++;
        w->accesses++;
        return a;
    }
    assert_int_equal(a->where, where);
    assert_int_equal(a->bytes, bytes);
    assert_int_equal(a->kind, kind);
    return a;
}

static enum x86_emul_result answered(const struct world *w, bool fresh)
{
    return fresh && w->mode == WORLD_RETRY ? X86_EMUL_RETRY : X86_EMUL_OKAY;
}

static enum x86_emul_result on_fetch(struct x86_emul *e, uint64_t linear, void *buf,
                                     unsigned int bytes)
{
    struct world *w = world_of(e);

    if (!at(w, linear, bytes))
        return page_fault(e, linear);
    w->fetched += bytes;
    memcpy(buf, at(w, linear, bytes), bytes);
    return X86_EMUL_OKAY;
}

static enum x86_emul_result on_read(struct x86_emul *e, uint64_t linear, void *buf,
                                    unsigned int bytes, enum x86_access access)
{
    struct world *w = world_of(e);
    struct world_access *a;
    bool fresh;

    if (!at(w, linear, bytes))
        return page_fault(e, linear);
    a = answer(w, access, linear, bytes, &fresh);
    if (fresh)
        memcpy(a->data, at(w, linear, bytes), bytes);
    memcpy(buf, a->data, bytes);
    return answered(w, fresh);
}

static enum x86_emul_result on_write(struct x86_emul *e, uint64_t linear, const void *buf,
                                     unsigned int bytes)
{
    struct world *w = world_of(e);
    struct world_access *a;
    bool fresh;

    if (!at(w, linear, bytes))
        return page_fault(e, linear);
    a = answer(w, X86_ACCESS_WRITE, linear, bytes, &fresh);
    if (fresh) {
        memcpy(a->data, buf, bytes);
        memcpy(at(w, linear, bytes), buf, bytes);
    }
    assert_memory_equal(a->data, buf, bytes);
    return answered(w, fresh);
}

uint32_t world_port(uint16_t port, unsigned int bytes)
{
    return (uint32_t)((0x9abcdef1u * (port + 1u)) & ((1ULL << (bytes * 8)) - 1));
}

static enum x86_emul_result on_in(struct x86_emul *e, uint16_t port, unsigned int bytes,
                                  uint32_t *value)
{
    bool fresh;

    answer(world_of(e), 16, port, bytes, &fresh);
    *value = world_port(port, bytes);
    return answered(world_of(e), fresh);
}

static enum x86_emul_result on_out(struct x86_emul *e, uint16_t port, unsigned int bytes,
                                   uint32_t value)
{
    bool fresh;

    answer(world_of(e), 17, port, bytes, &fresh);
    if (fresh)
        world_of(e)->out_sum = world_of(e)->out_sum * 31 + value + bytes;
    return answered(world_of(e), fresh);
}

static enum x86_emul_result on_port_check(struct x86_emul *e, uint16_t port, unsigned int bytes)
{
    (void)bytes;
    if (port < 0x8000)
        return X86_EMUL_OKAY;
    e->event = (struct x86_event){X86_EXC_GP, true, 0, 0};
    return X86_EMUL_EXCEPTION;
}

static void batch_element(struct world *w, const struct x86_rep *rep, uint64_t src, uint64_t dst)
{
    uint64_t value = rep->value;

    if (rep->kind == X86_REP_INS)
        value = world_port(rep->port, rep->bytes);
    else if (rep->kind != X86_REP_STOS)
        memcpy(&value, at(w, src, rep->bytes), rep->bytes);
    if (rep->kind != X86_REP_OUTS)
        memcpy(at(w, dst, rep->bytes), &value, rep->bytes);
    else
        w->out_sum = w->out_sum * 31 + (uint32_t)value + rep->bytes;
}

/* Some of the elements, one after the other as the processor would. */
static enum x86_emul_result on_rep(struct x86_emul *e, const struct x86_rep *rep, uint32_t *done)
{
    struct world *w = world_of(e);
    bool src = rep->kind == X86_REP_MOVS || rep->kind == X86_REP_OUTS;
    bool dst = rep->kind != X86_REP_OUTS;
    uint64_t step = rep->down ? -(uint64_t)rep->bytes : rep->bytes;

    if (w->mode != WORLD_BATCH || rnd() % 4 == 0)
        return X86_EMUL_UNHANDLEABLE;
    while (*done < rep->count && (*done == 0 || rnd() % 4)) {
        uint64_t from = rep->src + *done * step, to = rep->dst + *done * step;

        if ((src && !at(w, from, rep->bytes)) || (dst && !at(w, to, rep->bytes)))
            break;
        batch_element(w, rep, from, to);
        ++*done;
    }
    w->batches += *done > 1;
    return *done ? X86_EMUL_OKAY : X86_EMUL_UNHANDLEABLE;
}

static enum x86_emul_result on_probe(struct x86_emul *e, uint64_t linear, unsigned int bytes,
                                     enum x86_access access)
{
    (void)access;
    return at(world_of(e), linear, bytes) ? X86_EMUL_OKAY : page_fault(e, linear);
}

static const struct x86_emul_ops world_ops = {
    .fetch = on_fetch,
    .read = on_read,
    .write = on_write,
    .port_in = on_in,
    .port_out = on_out,
    .port_check = on_port_check,
    .probe = on_probe,
    .rep = on_rep,
};

void world_init(struct world *w, enum world_mode mode)
{
    memset(w, 0, sizeof(*w));
    w->mode = mode;
    w->emul.regs = &w->regs;
    w->emul.ops = &world_ops;
    w->regs.vec = w->vec;
    w->regs.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
    w->regs.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
    w->regs.efer = X86_EFER_LMA | X86_EFER_NXE;
    w->regs.xcr0 = 7;
    w->regs.cpl = 3;
    for (unsigned int i = 0; i < X86_NR_SEGS; i++)
        w->regs.seg[i] = (struct x86_seg){0x2b, 0xcf3, UINT32_MAX, 0};
    w->regs.seg[X86_CS] = (struct x86_seg){0x33, 0xafb, UINT32_MAX, 0};
    w->regs.seg[X86_ES].sel = w->regs.seg[X86_DS].sel = 0; /* as Linux has them */
    w->regs.seg[X86_FS].sel = w->regs.seg[X86_GS].sel = 0;
}

/* Each access is answered by the second try. */
static enum x86_emul_result run_once(struct world *w)
{
    w->logged = 0;
    for (unsigned int tries = 0; tries <= WORLD_MAX_ACCESSES; tries++) {
        struct x86_regs before = w->regs;
        struct x86_vec vec[16];
        enum x86_emul_result res;

        memcpy(vec, w->vec, sizeof(vec));
        w->position = 0;
        res = x86_emulate(&w->emul);
        if (res == X86_EMUL_OKAY)
            return res;
        assert_memory_equal(&before, &w->regs, sizeof(before));
        assert_memory_equal(vec, w->vec, sizeof(vec));
        if (res != X86_EMUL_RETRY)
            return res;
    }
    fail_msg("always to be tried again");
    return X86_EMUL_RETRY;
}

enum x86_emul_result world_run(struct world *w)
{
    enum x86_emul_result res;

    do {
        res = run_once(w);
    } while (res == X86_EMUL_OKAY && w->emul.again);
    return res;
}

static void print_case(const char *name, const uint8_t *insn, unsigned int bytes,
                       const struct native_state *st, int mode)
{
    print_error("%s (mode %d):", name, mode);
    for (unsigned int i = 0; i < bytes; i++)
        print_error(" %02x", insn[i]);
    print_error("\n");
    for (unsigned int i = 0; i < 16; i++)
        print_error("  r%u %#llx -> %#llx\n", i, (unsigned long long)st->gpr[i],
                    (unsigned long long)x86_native.gpr[i]);
    print_error("  flags %#llx -> %#llx\n", (unsigned long long)st->rflags,
                (unsigned long long)x86_native.rflags);
}

static int vector_of(const struct world *w, enum x86_emul_result res)
{
    if (res == X86_EMUL_OKAY)
        return -1;
    if (res == X86_EMUL_UNDEFINED)
        return X86_EXC_UD;
    return res == X86_EMUL_EXCEPTION ? w->emul.event.vector : 1000 + (int)res;
}

static bool same(const struct world *w, int vector, int native_vector, uint64_t undef,
                 unsigned int bytes, uint64_t rcx)
{
    bool ok = true;
    uint64_t mask = (X86_FLAGS_ARITH | X86_FLAG_DF) & ~undef;

    if (vector != native_vector) {
        print_error("vector %d, processor %d\n", vector, native_vector);
        ok = false;
    }
    for (unsigned int i = 0; i < 16; i++) {
        if (w->regs.gpr[i] == x86_native.gpr[i])
            continue;
        print_error("r%u: %#llx\n", i, (unsigned long long)w->regs.gpr[i]);
        ok = false;
    }
    /*
     * A repeated comparison that faults gives back the flags of before it (SDM vol. 2, REP); here
     * they are those of the last element, which nothing depends on.
     */
    if (vector >= 0 && w->regs.gpr[X86_RCX] != rcx)
        mask = 0;
    if ((w->regs.rflags ^ x86_native.rflags) & mask) {
        print_error("flags: %#llx, undefined %#llx\n", (unsigned long long)w->regs.rflags,
                    (unsigned long long)undef);
        ok = false;
    }
    for (unsigned int i = 0; i < 16; i++) {
        if (memcmp(w->vec[i].b, x86_native.vec[i], native_has_avx() ? 32 : 16)) {
            print_error("vector register %u differs\n", i);
            ok = false;
        }
    }
    if (memcmp(w->mem, native_mem(), NATIVE_MEM_SIZE)) {
        print_error("memory differs\n");
        ok = false;
    }
    if (vector < 0 && w->regs.rip != (native_branched() ? native_pad() : native_code() + bytes)) {
        print_error("rip %#llx\n", (unsigned long long)w->regs.rip);
        ok = false;
    }
    return ok;
}

void world_load(struct world *w, const uint8_t *insn, unsigned int bytes,
                const struct native_state *st)
{
    w->base = (uintptr_t)native_mem();
    memcpy(w->mem, native_mem(), NATIVE_MEM_SIZE);
    memcpy(w->regs.gpr, st->gpr, sizeof(st->gpr));
    memcpy(w->vec, st->vec, sizeof(st->vec));
    w->regs.rflags = st->rflags;
    w->regs.seg[X86_FS].base = native_fs_base();
    w->regs.rip = native_code();
    memcpy(w->emul.bytes, insn, bytes);
    w->emul.nr_bytes = (uint8_t)bytes;
}

/*
 * A locked access over the end of a cache line stops the whole machine for a while, and kernels
 * send a signal for it.
 */
static bool splits_line(const struct world *w)
{
    for (unsigned int i = 0; i < w->logged; i++) {
        const struct world_access *a = &w->log[i];

        if (a->kind == X86_ACCESS_RMW && a->where % 64 + a->bytes > 64)
            return true;
    }
    return false;
}

/* The segments of native_run_legacy(); the rest is compatibility mode as set by world_init(). */
static void set_legacy(struct world *w, unsigned int bits)
{
    struct x86_seg data = {NATIVE_DATA_SEL, 0x4f3, NATIVE_MEM_SIZE - 1, w->base};

    w->regs.seg[X86_DS] = data;
    w->regs.seg[X86_ES] = data;
    w->regs.seg[X86_CS] =
        (struct x86_seg){bits == 16 ? 0x07 : 0x0f, bits == 16 ? 0xfb : 0x4fb, 4095, native_code()};
    w->regs.rip = 0;
}

void compare_mode(unsigned int bits, const char *name, const uint8_t *insn, unsigned int bytes,
                  const struct native_state *st, uint64_t undef)
{
    static struct world worlds[WORLD_MODES];
    int vector[WORLD_MODES], native;
    uint64_t error;

    for (int mode = 0; mode < WORLD_MODES; mode++) {
        struct world *w = &worlds[mode];

        world_init(w, (enum world_mode)mode);
        world_load(w, insn, bytes, st);
        if (bits != 64)
            set_legacy(w, bits);
        vector[mode] = vector_of(w, world_run(w));
        if (bits != 64) /* as the processor's state has it: linear */
            w->regs.rip += native_code();
    }
    if (splits_line(&worlds[0]))
        return;
    x86_native = *st;
    native =
        bits == 64 ? native_run(insn, bytes, &error) : native_run_legacy(bits, insn, bytes, &error);
    for (int mode = 0; mode < WORLD_MODES; mode++) {
        if (same(&worlds[mode], vector[mode], native, undef, bytes, st->gpr[X86_RCX]))
            continue;
        print_case(name, insn, bytes, st, mode);
        fail_msg("%s: emulator and processor differ, %u bits", name, bits);
    }
}

void compare(const char *name, const uint8_t *insn, unsigned int bytes,
             const struct native_state *st, uint64_t undef)
{
    compare_mode(64, name, insn, bytes, st, undef);
}
