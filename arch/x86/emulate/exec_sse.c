/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves between memory and vector registers, with and without VEX (Intel SDM vol. 2, MOVUPS and
 * others). Without VEX bits 128 and up of a destination stay, with VEX they become 0. Moves between
 * two vector registers touch no memory and are not handled.
 */
#include "emul.h"

enum kind {
    LOAD,       /* zero-extended to 128 bits */
    LOAD_LOW,   /* the low half; the high half is the first source's */
    LOAD_HIGH,  /* the reverse */
    LOAD_DDUP,  /* even parts of 8 bytes twice */
    LOAD_SLDUP, /* even parts of 4 bytes twice */
    LOAD_SHDUP, /* odd ones */
    LOAD_ALL,   /* what is loaded, again and again */
    STORE,      /* the low bytes */
    STORE_HIGH, /* bits 64 to 127 */
};

#define VECTOR      0x01 /* 16 bytes, with VEX.L 32 */
#define ALIGNED     0x02
#define GPR         0x04 /* memory or general register of 4 bytes, 8 with REX.W */
#define ANY_L       0x08 /* VEX.L means nothing */
#define NEEDS_38    0x10 /* in 0F 38 */
#define SSE_ALIGNED 0x20 /* without VEX */
#define ONLY_VEX    0x40 /* and VEX.W 0 */
#define ONLY_L      0x80 /* VEX.L 1 */

struct move {
    uint8_t opcode;
    uint8_t pp;
    uint8_t kind;
    uint8_t bytes;
    uint8_t flags;
};

static const struct move moves[] = {
    {0x10, X86_PP_NONE, LOAD, 16, VECTOR}, /* MOVUPS */
    {0x10, X86_PP_66, LOAD, 16, VECTOR},   /* MOVUPD */
    {0x10, X86_PP_F3, LOAD, 4, ANY_L},     /* MOVSS */
    {0x10, X86_PP_F2, LOAD, 8, ANY_L},     /* MOVSD */
    {0x11, X86_PP_NONE, STORE, 16, VECTOR},
    {0x11, X86_PP_66, STORE, 16, VECTOR},
    {0x11, X86_PP_F3, STORE, 4, ANY_L},
    {0x11, X86_PP_F2, STORE, 8, ANY_L},
    {0x12, X86_PP_NONE, LOAD_LOW, 8, 0},                     /* MOVLPS */
    {0x12, X86_PP_66, LOAD_LOW, 8, 0},                       /* MOVLPD */
    {0x12, X86_PP_F2, LOAD_DDUP, 8, VECTOR},                 /* MOVDDUP */
    {0x12, X86_PP_F3, LOAD_SLDUP, 16, VECTOR | SSE_ALIGNED}, /* MOVSLDUP */
    {0x13, X86_PP_NONE, STORE, 8, 0},
    {0x13, X86_PP_66, STORE, 8, 0},
    {0x16, X86_PP_NONE, LOAD_HIGH, 8, 0},                    /* MOVHPS */
    {0x16, X86_PP_66, LOAD_HIGH, 8, 0},                      /* MOVHPD */
    {0x16, X86_PP_F3, LOAD_SHDUP, 16, VECTOR | SSE_ALIGNED}, /* MOVSHDUP */
    {0x17, X86_PP_NONE, STORE_HIGH, 8, 0},
    {0x17, X86_PP_66, STORE_HIGH, 8, 0},
    {0x18, X86_PP_66, LOAD_ALL, 4, NEEDS_38 | ONLY_VEX | ANY_L},   /* VBROADCASTSS */
    {0x19, X86_PP_66, LOAD_ALL, 8, NEEDS_38 | ONLY_VEX | ONLY_L},  /* VBROADCASTSD */
    {0x1a, X86_PP_66, LOAD_ALL, 16, NEEDS_38 | ONLY_VEX | ONLY_L}, /* VBROADCASTF128 */
    {0x58, X86_PP_66, LOAD_ALL, 4, NEEDS_38 | ONLY_VEX | ANY_L},   /* VPBROADCASTD */
    {0x59, X86_PP_66, LOAD_ALL, 8, NEEDS_38 | ONLY_VEX | ANY_L},   /* VPBROADCASTQ */
    {0x5a, X86_PP_66, LOAD_ALL, 16, NEEDS_38 | ONLY_VEX | ONLY_L}, /* VBROADCASTI128 */
    {0x28, X86_PP_NONE, LOAD, 16, VECTOR | ALIGNED},               /* MOVAPS */
    {0x28, X86_PP_66, LOAD, 16, VECTOR | ALIGNED},                 /* MOVAPD */
    {0x29, X86_PP_NONE, STORE, 16, VECTOR | ALIGNED},
    {0x29, X86_PP_66, STORE, 16, VECTOR | ALIGNED},
    {0x2b, X86_PP_NONE, STORE, 16, VECTOR | ALIGNED},         /* MOVNTPS */
    {0x2b, X86_PP_66, STORE, 16, VECTOR | ALIGNED},           /* MOVNTPD */
    {0x2a, X86_PP_66, LOAD, 16, VECTOR | ALIGNED | NEEDS_38}, /* MOVNTDQA */
    {0x6e, X86_PP_66, LOAD, 4, GPR},                          /* MOVD, MOVQ */
    {0x6f, X86_PP_66, LOAD, 16, VECTOR | ALIGNED},            /* MOVDQA */
    {0x6f, X86_PP_F3, LOAD, 16, VECTOR},                      /* MOVDQU */
    {0x7e, X86_PP_66, STORE, 4, GPR},
    {0x7e, X86_PP_F3, LOAD, 8, 0}, /* MOVQ */
    {0x7f, X86_PP_66, STORE, 16, VECTOR | ALIGNED},
    {0x7f, X86_PP_F3, STORE, 16, VECTOR},
    {0xd6, X86_PP_66, STORE, 8, 0},
    {0xe7, X86_PP_66, STORE, 16, VECTOR | ALIGNED}, /* MOVNTDQ */
    {0xf0, X86_PP_F2, LOAD, 16, VECTOR},            /* LDDQU */
};

static const struct move *find_move(const struct x86_insn *in)
{
    for (unsigned int i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        const struct move *m = &moves[i];

        if (m->opcode == in->opcode && m->pp == x86_prefix(in) &&
            !(m->flags & NEEDS_38) == (in->map == 1))
            return m;
    }
    return 0;
}

/* What the operating system has switched on (SDM vol. 3, 2.5, 14.1; vol. 2, 2.4). */
static enum x86_emul_result check_enabled(struct x86_state *s)
{
    if (s->in->vex) {
        if (!(s->r->cr4 & X86_CR4_OSXSAVE) || (s->r->xcr0 & 6) != 6)
            return X86_EMUL_UNDEFINED;
    } else if ((s->r->cr0 & X86_CR0_EM) || !(s->r->cr4 & X86_CR4_OSFXSR)) {
        return X86_EMUL_UNDEFINED;
    }
    return s->r->cr0 & X86_CR0_TS ? x86_raise(s, X86_EXC_NM, 0) : X86_EMUL_OKAY;
}

static bool vex_fields_ok(const struct x86_insn *in, const struct move *m)
{
    bool uses_vvvv = m->kind == LOAD_LOW || m->kind == LOAD_HIGH;

    if (!in->vex)
        return !(m->flags & ONLY_VEX);
    if (((m->flags & ONLY_VEX) && in->rex_w) || ((m->flags & ONLY_L) && !in->vex_l))
        return false;
    return (uses_vvvv || in->vvvv == 0) && (!in->vex_l || (m->flags & (VECTOR | ANY_L | ONLY_L)));
}

static unsigned int move_bytes(const struct x86_state *s, const struct move *m)
{
    if ((m->flags & VECTOR) && s->in->vex_l)
        return 32;
    return (m->flags & GPR) && s->in->rex_w && x86_mode64(s) ? 8 : m->bytes;
}

static enum x86_emul_result check_alignment(struct x86_state *s, unsigned int bytes,
                                            enum x86_access access)
{
    uint64_t linear = 0;
    enum x86_emul_result res = x86_linear(s, s->ea_seg, s->ea, bytes, access, &linear);

    if (res == X86_EMUL_OKAY && (linear & (bytes - 1)))
        return x86_raise(s, X86_EXC_GP, 0);
    return res;
}

/* E, which is memory, or with GPR a general register. */
static enum x86_emul_result read_bytes(struct x86_state *s, uint8_t *buf, unsigned int bytes)
{
    if (s->in->mem)
        return x86_read(s, s->ea_seg, s->ea, buf, bytes, X86_ACCESS_READ);
    for (unsigned int i = 0; i < bytes; i++)
        buf[i] = (uint8_t)(s->r->gpr[s->in->rm] >> (i * 8));
    return X86_EMUL_OKAY;
}

static enum x86_emul_result write_bytes(struct x86_state *s, const uint8_t *buf, unsigned int bytes)
{
    uint64_t value = 0;

    if (s->in->mem)
        return x86_write(s, s->ea_seg, s->ea, buf, bytes);
    for (unsigned int i = 0; i < bytes; i++)
        value |= (uint64_t)buf[i] << (i * 8);
    x86_set_gpr(s, s->in->rm, bytes, value);
    return X86_EMUL_OKAY;
}

static void copy(uint8_t *to, const uint8_t *from, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        to[i] = from[i];
}

/*
 * In place, what a load of `bytes` bytes makes of them; returns how many there are then. VEX.L has
 * it that registers are filled to 32.
 */
static unsigned int spread(const struct x86_state *s, const struct move *m, uint8_t *buf,
                           unsigned int bytes)
{
    unsigned int unit = m->kind == LOAD_DDUP ? 8 : m->kind == LOAD_ALL ? bytes : 4;
    unsigned int width = s->in->vex_l ? 32 : 16;
    uint8_t from[32] = {0};

    if (m->kind < LOAD_DDUP || m->kind > LOAD_ALL)
        return bytes;
    copy(from, buf, bytes);
    for (unsigned int at = 0; at < width; at += unit) {
        unsigned int n = at / unit;

        if (m->kind == LOAD_ALL)
            n = 0;
        else
            n = m->kind == LOAD_SHDUP ? n | 1 : n & ~1u;
        copy(buf + at, from + n * unit, unit);
    }
    return width;
}

/* The register after a load of `bytes` bytes in `buf`. */
static void merge(struct x86_state *s, const struct move *m, const uint8_t *buf, unsigned int bytes)
{
    const struct x86_vec *old = &s->r->vec[s->in->reg];
    const struct x86_vec *other = s->in->vex ? &s->r->vec[s->in->vvvv] : old;

    s->vec = (struct x86_vec){{0}};
    if (!s->in->vex)
        copy(s->vec.b + 16, old->b + 16, 16);
    if (m->kind == LOAD_LOW)
        copy(s->vec.b + 8, other->b + 8, 8);
    if (m->kind == LOAD_HIGH)
        copy(s->vec.b, other->b, 8);
    copy(s->vec.b + (m->kind == LOAD_HIGH ? 8 : 0), buf, bytes);
    s->vec_reg = s->in->reg;
}

enum x86_emul_result x86_exec_sse(struct x86_state *s)
{
    const struct move *m = find_move(s->in);
    uint8_t buf[32];
    unsigned int bytes;
    bool store;
    enum x86_emul_result res;

    if (!m || !s->r->vec || (!s->in->mem && !(m->flags & GPR)))
        return X86_EMUL_UNHANDLEABLE;
    if (!vex_fields_ok(s->in, m))
        return X86_EMUL_UNDEFINED;
    res = check_enabled(s);
    bytes = move_bytes(s, m);
    store = m->kind == STORE || m->kind == STORE_HIGH;
    if (res == X86_EMUL_OKAY && ((m->flags & ALIGNED) || ((m->flags & SSE_ALIGNED) && !s->in->vex)))
        res = check_alignment(s, bytes, store ? X86_ACCESS_WRITE : X86_ACCESS_READ);
    if (res != X86_EMUL_OKAY)
        return res;
    if (store)
        return write_bytes(s, s->r->vec[s->in->reg].b + (m->kind == STORE_HIGH ? 8 : 0), bytes);
    res = read_bytes(s, buf, bytes);
    if (res == X86_EMUL_OKAY)
        merge(s, m, buf, spread(s, m, buf, bytes));
    return res;
}
