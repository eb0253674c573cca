/* SPDX-License-Identifier: Apache-2.0 */
/* Multiplication, division and the carry chains of ADX for the instruction emulator. */
#include "emul.h"

struct wide {
    uint64_t low;
    uint64_t high;
};

static struct wide multiply(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (struct wide){(uint64_t)product, (uint64_t)(product >> 64)};
}

static struct wide multiply_signed(int64_t a, int64_t b)
{
    __int128 product = (__int128)a * b;

    return (struct wide){(uint64_t)product, (uint64_t)((unsigned __int128)product >> 64)};
}

/* high:low in AX or rDX:rAX. */
static void set_product(struct x86_state *s, struct wide p)
{
    unsigned int bits = s->size * 8;

    if (s->size == 1) {
        x86_set_gpr(s, X86_RAX, 2, p.low);
        return;
    }
    x86_set_gpr(s, X86_RAX, s->size, p.low);
    x86_set_gpr(s, X86_RDX, s->size, bits == 64 ? p.high : p.low >> bits);
}

/* CF and OF say that the upper half matters; the others are undefined and stay. */
static void set_overflow(struct x86_state *s, bool overflow)
{
    x86_flags_set(s, X86_FLAG_CF | X86_FLAG_OF, overflow ? X86_FLAG_CF | X86_FLAG_OF : 0);
}

enum x86_emul_result x86_exec_mul(struct x86_state *s)
{
    struct wide p = multiply(x86_get_gpr(s, X86_RAX, s->size), s->dst);

    set_product(s, p);
    set_overflow(s, s->size == 8 ? p.high != 0 : p.low >> (s->size * 8) != 0);
    return X86_EMUL_OKAY;
}

static bool product_fits(const struct x86_state *s, struct wide p)
{
    int64_t kept = x86_sext(p.low, s->size);

    return p.low == (uint64_t)kept && p.high == (kept < 0 ? ~UINT64_C(0) : 0);
}

static struct wide signed_product(const struct x86_state *s, uint64_t a, uint64_t b)
{
    return multiply_signed(x86_sext(a, s->size), x86_sext(b, s->size));
}

enum x86_emul_result x86_exec_imul(struct x86_state *s)
{
    struct wide p = signed_product(s, s->r->gpr[X86_RAX], s->dst);

    set_product(s, p);
    set_overflow(s, !product_fits(s, p));
    return X86_EMUL_OKAY;
}

static enum x86_emul_result imul_to(struct x86_state *s, uint64_t a, uint64_t b)
{
    struct wide p = signed_product(s, a, b);

    s->dst = p.low;
    set_overflow(s, !product_fits(s, p));
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_imul2(struct x86_state *s)
{
    return imul_to(s, s->dst, s->src);
}

enum x86_emul_result x86_exec_imul3(struct x86_state *s)
{
    return imul_to(s, s->src, (uint64_t)s->in->imm);
}

/* n / d where n.high < d, bit by bit: there is no 128-bit division without a library. */
static struct wide divide(struct wide n, uint64_t d)
{
    uint64_t rem = n.high, quot = n.low;

    for (unsigned int i = 0; i < 64; i++) {
        bool carry = rem >> 63;

        rem = rem << 1 | quot >> 63;
        quot <<= 1;
        if (carry || rem >= d) {
            rem -= d;
            quot |= 1;
        }
    }
    return (struct wide){quot, rem};
}

/* The dividend: AX or rDX:rAX, zero-extended. */
static struct wide dividend(const struct x86_state *s)
{
    uint64_t low = x86_get_gpr(s, X86_RAX, s->size);
    uint64_t high = x86_get_gpr(s, X86_RDX, s->size);

    if (s->size == 8)
        return (struct wide){low, high};
    if (s->size == 1)
        return (struct wide){x86_get_gpr(s, X86_RAX, 2), 0};
    return (struct wide){low | high << (s->size * 8), 0};
}

/* Quotient in AL or rAX, remainder in AH or rDX. */
static void set_quotient(struct x86_state *s, uint64_t quot, uint64_t rem)
{
    if (s->size == 1) {
        x86_set_gpr(s, X86_RAX, 2, (quot & 0xff) | (rem & 0xff) << 8);
        return;
    }
    x86_set_gpr(s, X86_RAX, s->size, quot);
    x86_set_gpr(s, X86_RDX, s->size, rem);
}

enum x86_emul_result x86_exec_div(struct x86_state *s)
{
    struct wide n = dividend(s), q;

    if (n.high >= s->dst)
        return x86_raise(s, X86_EXC_DE, 0);
    q = divide(n, s->dst);
    if (q.low & ~x86_mask(s->size))
        return x86_raise(s, X86_EXC_DE, 0);
    set_quotient(s, q.low, q.high);
    return X86_EMUL_OKAY;
}

static struct wide negate(struct wide v)
{
    return (struct wide){-v.low, ~v.high + (v.low == 0)};
}

/* By magnitudes; the quotient truncates, the remainder has the dividend's sign. */
enum x86_emul_result x86_exec_idiv(struct x86_state *s)
{
    struct wide n = dividend(s), q;
    int64_t d = x86_sext(s->dst, s->size);
    bool d_negative = d < 0, n_negative;
    uint64_t most;

    if (s->size < 8) {
        n.low = (uint64_t)x86_sext(n.low, s->size * 2);
        n.high = (int64_t)n.low < 0 ? ~UINT64_C(0) : 0;
    }
    n_negative = n.high >> 63;
    if (n_negative)
        n = negate(n);
    if (n.high >= (d_negative ? -(uint64_t)d : (uint64_t)d))
        return x86_raise(s, X86_EXC_DE, 0);
    q = divide(n, d_negative ? -(uint64_t)d : (uint64_t)d);
    most = x86_sign_bit(s->size) - (n_negative == d_negative);
    if (q.low > most)
        return x86_raise(s, X86_EXC_DE, 0);
    set_quotient(s, n_negative != d_negative ? -q.low : q.low, n_negative ? -q.high : q.high);
    return X86_EMUL_OKAY;
}

/* MULX: rDX * E into G (high) and vvvv (low); no flags. */
enum x86_emul_result x86_exec_mulx(struct x86_state *s)
{
    uint64_t e = 0;
    enum x86_emul_result res = x86_read_e(s, s->size, &e);
    struct wide p = multiply(x86_get_gpr(s, X86_RDX, s->size), e);

    if (res != X86_EMUL_OKAY)
        return res;
    x86_set_gpr(s, s->in->vvvv, s->size, p.low);
    x86_set_gpr(s, s->in->reg, s->size, s->size == 8 ? p.high : p.low >> 32);
    return X86_EMUL_OKAY;
}

/* ADCX (66h) carries through CF, ADOX (F3) through OF; nothing else changes. */
enum x86_emul_result x86_exec_adx(struct x86_state *s)
{
    uint64_t flag = x86_prefix(s->in) == X86_PP_66 ? X86_FLAG_CF : X86_FLAG_OF;
    unsigned __int128 sum = (unsigned __int128)s->dst + s->src + ((s->r->rflags & flag) ? 1 : 0);

    s->dst = (uint64_t)sum;
    x86_flags_set(s, flag, (uint64_t)(sum >> (s->size * 8)) & 1 ? flag : 0);
    return X86_EMUL_OKAY;
}
