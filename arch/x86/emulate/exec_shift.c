/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shifts and rotates of the instruction emulator (Intel SDM vol. 2, RCL and SAL and SHLD). Counts
 * are taken modulo 32, or 64 for 64-bit operands; a count of 0 changes no flag. Flags that the
 * manual leaves undefined are what the formula for a count of 1 gives.
 */
#include "emul.h"

static unsigned int shift_count(const struct x86_state *s, uint64_t count)
{
    return count & (s->size == 8 ? 63 : 31);
}

/* CF and OF of a rotate; OF compares the two bits that the direction moved. */
static void set_rotate_flags(struct x86_state *s, bool carry, bool overflow)
{
    x86_flags_set(s, X86_FLAG_CF | X86_FLAG_OF,
                  (carry ? X86_FLAG_CF : 0) | (overflow ? X86_FLAG_OF : 0));
}

static uint64_t rotate_left(uint64_t v, unsigned int count, unsigned int bits)
{
    uint64_t mask = x86_mask(bits / 8);

    count %= bits;
    return count ? (v << count | v >> (bits - count)) & mask : v;
}

static void rol(struct x86_state *s, unsigned int count)
{
    bool carry;

    s->dst = rotate_left(s->dst, count, s->size * 8);
    carry = s->dst & 1;
    set_rotate_flags(s, carry, carry != !!(s->dst & x86_sign_bit(s->size)));
}

static void ror(struct x86_state *s, unsigned int count)
{
    uint64_t sign = x86_sign_bit(s->size);
    unsigned int bits = s->size * 8;

    s->dst = rotate_left(s->dst, bits - count % bits, bits);
    set_rotate_flags(s, s->dst & sign, !(s->dst & sign) != !(s->dst & sign >> 1));
}

static void rcl(struct x86_state *s, unsigned int count)
{
    uint64_t sign = x86_sign_bit(s->size);
    bool carry = s->r->rflags & X86_FLAG_CF;

    for (count %= s->size * 8 + 1; count; count--) {
        bool out = s->dst & sign;

        s->dst = (s->dst << 1 | carry) & x86_mask(s->size);
        carry = out;
    }
    set_rotate_flags(s, carry, carry != !!(s->dst & sign));
}

static void rcr(struct x86_state *s, unsigned int count)
{
    uint64_t sign = x86_sign_bit(s->size);
    bool carry = s->r->rflags & X86_FLAG_CF;

    for (count %= s->size * 8 + 1; count; count--) {
        bool out = s->dst & 1;

        s->dst = s->dst >> 1 | (carry ? sign : 0);
        carry = out;
    }
    set_rotate_flags(s, carry, !(s->dst & sign) != !(s->dst & sign >> 1));
}

static void set_shift_flags(struct x86_state *s, bool carry, bool overflow)
{
    x86_flags_set(s, X86_FLAGS_ARITH,
                  x86_flags_szp(s->dst, s->size) | (carry ? X86_FLAG_CF : 0) |
                      (overflow ? X86_FLAG_OF : 0));
}

static void shl(struct x86_state *s, unsigned int count)
{
    uint64_t before = s->dst << (count - 1);
    bool carry = before & x86_sign_bit(s->size);

    s->dst = before << 1 & x86_mask(s->size);
    set_shift_flags(s, carry, carry != !!(s->dst & x86_sign_bit(s->size)));
}

static void shr(struct x86_state *s, unsigned int count)
{
    bool sign = s->dst & x86_sign_bit(s->size);
    uint64_t before = s->dst >> (count - 1);

    s->dst = before >> 1;
    set_shift_flags(s, before & 1, sign);
}

static void sar(struct x86_state *s, unsigned int count)
{
    int64_t before = x86_sext(s->dst, s->size) >> (count - 1);

    s->dst = (uint64_t)(before >> 1) & x86_mask(s->size);
    set_shift_flags(s, before & 1, false);
}

/* Group 2, in the order of ModRM.reg; 6 is another name of 4. */
enum x86_emul_result x86_exec_shift(struct x86_state *s)
{
    static void (*const shifts[8])(struct x86_state *, unsigned int) = {rol, ror, rcl, rcr,
                                                                        shl, shr, shl, sar};
    unsigned int count = shift_count(s, s->src);

    if (count)
        shifts[s->in->reg & 7](s, count);
    return X86_EMUL_OKAY;
}

static unsigned int double_count(const struct x86_state *s)
{
    bool by_cl = s->in->opcode & 1;

    return shift_count(s, by_cl ? s->r->gpr[X86_RCX] : (uint64_t)s->in->imm);
}

/*
 * The bits of src follow those of dst; more than the operand's width of 16-bit operands is
 * undefined, and rotates through both here.
 */
enum x86_emul_result x86_exec_shld(struct x86_state *s)
{
    unsigned int bits = s->size * 8;
    uint64_t sign = x86_sign_bit(s->size), old = s->dst;
    bool carry = false;

    for (unsigned int left = double_count(s); left; left--) {
        carry = s->dst & sign;
        s->dst = (s->dst << 1 | (s->src & sign ? 1 : 0)) & x86_mask(s->size);
        s->src = rotate_left(s->src, 1, bits);
    }
    if (double_count(s))
        set_shift_flags(s, carry, (old ^ s->dst) & sign);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_shrd(struct x86_state *s)
{
    unsigned int bits = s->size * 8;
    uint64_t sign = x86_sign_bit(s->size), old = s->dst;
    bool carry = false;

    for (unsigned int left = double_count(s); left; left--) {
        carry = s->dst & 1;
        s->dst = s->dst >> 1 | (s->src & 1 ? sign : 0);
        s->src = rotate_left(s->src, bits - 1, bits);
    }
    if (double_count(s))
        set_shift_flags(s, carry, (old ^ s->dst) & sign);
    return X86_EMUL_OKAY;
}

/* SHLX (66h), SARX (F3), SHRX (F2): G = E shifted by vvvv; no flags. */
enum x86_emul_result x86_exec_shiftx(struct x86_state *s)
{
    unsigned int count = shift_count(s, s->r->gpr[s->in->vvvv]);

    switch (x86_prefix(s->in)) {
    case X86_PP_66:
        s->dst = s->src << count;
        break;
    case X86_PP_F3:
        s->dst = (uint64_t)(x86_sext(s->src, s->size) >> count);
        break;
    default:
        s->dst = s->src >> count;
        break;
    }
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_rorx(struct x86_state *s)
{
    unsigned int bits = s->size * 8;

    s->dst = rotate_left(s->src, bits - shift_count(s, (uint64_t)s->in->imm), bits);
    return X86_EMUL_OKAY;
}
