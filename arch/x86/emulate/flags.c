/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic flags and conditions of the instruction emulator (Intel SDM vol. 1, 3.4.3 and B.1). */
#include "emul.h"

/* Replace the flags of `mask`. */
void x86_flags_set(struct x86_state *s, uint64_t mask, uint64_t flags)
{
    s->r->rflags = (s->r->rflags & ~mask) | (flags & mask);
}

/* SF, ZF and PF of a result. */
uint64_t x86_flags_szp(uint64_t result, unsigned int bytes)
{
    uint64_t flags = 0;
    unsigned int parity = result & 0xff;

    parity ^= parity >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    if (!(parity & 1))
        flags |= X86_FLAG_PF;
    if (!(result & x86_mask(bytes)))
        flags |= X86_FLAG_ZF;
    if (result & x86_sign_bit(bytes))
        flags |= X86_FLAG_SF;
    return flags;
}

uint64_t x86_alu_add(struct x86_state *s, uint64_t a, uint64_t b, unsigned int carry)
{
    uint64_t mask = x86_mask(s->size);
    uint64_t sum = (a + b + carry) & mask;
    uint64_t flags = x86_flags_szp(sum, s->size);
    /* The carry out of each bit. */
    uint64_t carries = (a & b) | ((a | b) & ~sum);

    if (carries & x86_sign_bit(s->size))
        flags |= X86_FLAG_CF;
    if (carries & 8)
        flags |= X86_FLAG_AF;
    if ((a ^ sum) & (b ^ sum) & x86_sign_bit(s->size))
        flags |= X86_FLAG_OF;
    x86_flags_set(s, X86_FLAGS_ARITH, flags);
    return sum;
}

uint64_t x86_alu_sub(struct x86_state *s, uint64_t a, uint64_t b, unsigned int borrow)
{
    uint64_t diff = (a - b - borrow) & x86_mask(s->size);
    uint64_t flags = x86_flags_szp(diff, s->size);
    uint64_t borrows = (~a & b) | ((~a | b) & diff);

    if (borrows & x86_sign_bit(s->size))
        flags |= X86_FLAG_CF;
    if (borrows & 8)
        flags |= X86_FLAG_AF;
    if ((a ^ b) & (a ^ diff) & x86_sign_bit(s->size))
        flags |= X86_FLAG_OF;
    x86_flags_set(s, X86_FLAGS_ARITH, flags);
    return diff;
}

/* The condition in the low four bits of Jcc, SETcc and CMOVcc. */
bool x86_condition(const struct x86_state *s, unsigned int code)
{
    uint64_t f = s->r->rflags;
    bool less = !(f & X86_FLAG_SF) != !(f & X86_FLAG_OF);
    bool met = false;

    switch (code >> 1 & 7) {
    case 0:
        met = f & X86_FLAG_OF;
        break;
    case 1:
        met = f & X86_FLAG_CF;
        break;
    case 2:
        met = f & X86_FLAG_ZF;
        break;
    case 3:
        met = f & (X86_FLAG_CF | X86_FLAG_ZF);
        break;
    case 4:
        met = f & X86_FLAG_SF;
        break;
    case 5:
        met = f & X86_FLAG_PF;
        break;
    case 6:
        met = less;
        break;
    default:
        met = less || (f & X86_FLAG_ZF);
        break;
    }
    return met != (code & 1);
}
