/* SPDX-License-Identifier: Apache-2.0 */
/* Bit tests, scans and BMI of the instruction emulator. */
#include "emul.h"

/* BT, BTS, BTR, BTC by the opcode's low two bits. */
static uint64_t change_bit(struct x86_state *s, unsigned int op, uint64_t value, unsigned int bit)
{
    uint64_t mask = UINT64_C(1) << bit;

    x86_flags_set(s, X86_FLAG_CF, value & mask ? X86_FLAG_CF : 0);
    if (op == 1)
        return value | mask;
    if (op == 2)
        return value & ~mask;
    return op == 3 ? value ^ mask : value;
}

enum x86_emul_result x86_exec_bt_imm(struct x86_state *s)
{
    s->dst = change_bit(s, s->in->reg & 3, s->dst, (unsigned int)s->in->imm & (s->size * 8 - 1));
    return X86_EMUL_OKAY;
}

/*
 * The register's offset is signed and reaches beyond the operand: the operand moves by whole
 * operand sizes, and the bit is the rest.
 */
enum x86_emul_result x86_exec_bt(struct x86_state *s)
{
    unsigned int op = s->in->opcode >> 3 & 3, bits = s->size * 8;
    uint64_t index = x86_get_reg(s, s->in->reg, s->size), value = 0;
    enum x86_emul_result res;

    if (s->in->mem) {
        int64_t offset = x86_sext(index, s->size) >> (s->size == 8 ? 6 : s->size == 4 ? 5 : 4);

        s->ea = (s->ea + (uint64_t)offset * s->size) & x86_mask(s->in->ad_size);
        res = x86_read_int(s, s->ea_seg, s->ea, s->size, op ? X86_ACCESS_RMW : X86_ACCESS_READ,
                           &value);
        if (res != X86_EMUL_OKAY)
            return res;
    } else {
        value = x86_get_reg(s, s->in->rm, s->size);
    }
    value = change_bit(s, op, value, (unsigned int)index & (bits - 1));
    return op ? x86_write_e(s, s->size, value) : X86_EMUL_OKAY;
}

static unsigned int trailing_zeros(uint64_t value, unsigned int bits)
{
    return value ? (unsigned int)__builtin_ctzll(value) : bits;
}

static unsigned int leading_zeros(uint64_t value, unsigned int bits)
{
    return value ? (unsigned int)__builtin_clzll(value) - (64 - bits) : bits;
}

static void set_zero_flag(struct x86_state *s, bool zero)
{
    x86_flags_set(s, X86_FLAG_ZF, zero ? X86_FLAG_ZF : 0);
}

/* TZCNT and LZCNT: the operand's size for 0, with CF. */
static enum x86_emul_result count_zeros(struct x86_state *s, unsigned int count)
{
    x86_flags_set(s, X86_FLAG_CF, s->src ? 0 : X86_FLAG_CF);
    set_zero_flag(s, count == 0);
    s->dst = count;
    return X86_EMUL_OKAY;
}

/* BSF and BSR of 0 leave the destination alone, as all processors with 64 bits do. */
enum x86_emul_result x86_exec_bsf(struct x86_state *s)
{
    unsigned int zeros = trailing_zeros(s->src, s->size * 8);

    if (s->in->rep == 0xf3)
        return count_zeros(s, zeros);
    set_zero_flag(s, !s->src);
    s->dst_skip = !s->src;
    s->dst = zeros;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_bsr(struct x86_state *s)
{
    unsigned int zeros = leading_zeros(s->src, s->size * 8);

    if (s->in->rep == 0xf3)
        return count_zeros(s, zeros);
    set_zero_flag(s, !s->src);
    s->dst_skip = !s->src;
    s->dst = s->size * 8 - 1 - zeros;
    return X86_EMUL_OKAY;
}

/* Exists with F3 only. */
enum x86_emul_result x86_exec_popcnt(struct x86_state *s)
{
    uint64_t count = 0;

    if (s->in->rep != 0xf3)
        return X86_EMUL_UNHANDLEABLE;
    for (uint64_t v = s->src; v; v &= v - 1)
        count++;
    s->dst = count;
    x86_flags_set(s, X86_FLAGS_ARITH, s->src ? 0 : X86_FLAG_ZF);
    return X86_EMUL_OKAY;
}

/* Results of BMI set ZF and SF, clear OF; AF and PF are undefined and stay. */
static void set_bmi_flags(struct x86_state *s, uint64_t result, bool carry)
{
    x86_flags_set(s, X86_FLAG_ZF | X86_FLAG_SF | X86_FLAG_OF | X86_FLAG_CF,
                  (x86_flags_szp(result, s->size) & ~(uint64_t)X86_FLAG_PF) |
                      (carry ? X86_FLAG_CF : 0));
}

enum x86_emul_result x86_exec_andn(struct x86_state *s)
{
    s->dst = s->src & ~x86_get_gpr(s, s->in->vvvv, s->size);
    set_bmi_flags(s, s->dst, false);
    return X86_EMUL_OKAY;
}

/* BLSR, BLSMSK, BLSI: vvvv = f(E). */
enum x86_emul_result x86_exec_bls(struct x86_state *s)
{
    uint64_t v = 0, result;
    bool carry;
    enum x86_emul_result res = x86_read_e(s, s->size, &v);

    if (res != X86_EMUL_OKAY)
        return res;
    carry = v == 0;
    switch (s->in->reg & 7) {
    case 1:
        result = v & (v - 1);
        break;
    case 2:
        result = v ^ (v - 1);
        break;
    default:
        result = v & -v;
        carry = v != 0;
        break;
    }
    x86_set_gpr(s, s->in->vvvv, s->size, result);
    set_bmi_flags(s, result & x86_mask(s->size), carry);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_bextr(struct x86_state *s)
{
    unsigned int start = s->r->gpr[s->in->vvvv] & 0xff;
    unsigned int length = s->r->gpr[s->in->vvvv] >> 8 & 0xff;

    s->dst = start < 64 ? s->src >> start : 0;
    if (length < 64)
        s->dst &= (UINT64_C(1) << length) - 1;
    x86_flags_set(s, X86_FLAG_ZF | X86_FLAG_OF | X86_FLAG_CF, s->dst ? 0 : X86_FLAG_ZF);
    return X86_EMUL_OKAY;
}

/* Bits of vvvv under the mask, together at the low end. */
static uint64_t extract(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (unsigned int to = 0; mask; mask &= mask - 1, to++) {
        if (value & mask & -mask)
            result |= UINT64_C(1) << to;
    }
    return result;
}

static uint64_t deposit(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (; mask; mask &= mask - 1, value >>= 1) {
        if (value & 1)
            result |= mask & -mask;
    }
    return result;
}

/* 0F 38 F5: BZHI, with F3 PEXT, with F2 PDEP. */
enum x86_emul_result x86_exec_bzhi_pdep(struct x86_state *s)
{
    uint64_t v = x86_get_gpr(s, s->in->vvvv, s->size);
    unsigned int index = v & 0xff;

    switch (x86_prefix(s->in)) {
    case X86_PP_F3:
        s->dst = extract(v, s->src);
        return X86_EMUL_OKAY;
    case X86_PP_F2:
        s->dst = deposit(v, s->src);
        return X86_EMUL_OKAY;
    default:
        s->dst = index < s->size * 8 ? s->src & ((UINT64_C(1) << index) - 1) : s->src;
        set_bmi_flags(s, s->dst, index >= s->size * 8);
        return X86_EMUL_OKAY;
    }
}
