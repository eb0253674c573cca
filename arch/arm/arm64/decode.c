/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decode A64 loads and stores that fault without a valid syndrome (Arm ARM C4.1.88). No state, no
 * hypervisor: abort.c calls it, and so does a test on the build host.
 */
#include <asm/insn.h>

/* A field of the instruction word. */
static unsigned int bits(uint32_t word, unsigned int lsb, unsigned int width)
{
    return (word >> lsb) & ((1U << width) - 1);
}

static int16_t sign_extend(unsigned int value, unsigned int width)
{
    unsigned int sign = 1U << (width - 1);

    return (int16_t)((int)(value ^ sign) - (int)sign);
}

/*
 * size (31:30) and opc (23:22) of the single-register forms: 0 store, 1 load, 2 load signed to
 * 64 bits, 3 load signed to 32. False: prefetch and unallocated.
 */
static bool decode_size_opc(uint32_t word, struct mem_insn *insn)
{
    unsigned int size = bits(word, 30, 2);
    unsigned int opc = bits(word, 22, 2);

    if ((size == 3 && opc >= 2) || (size == 2 && opc == 3))
        return false;
    insn->size = (uint8_t)(1U << size);
    insn->load = opc != 0;
    insn->sign = opc >= 2;
    insn->sf = opc == 2 || size == 3;
    return true;
}

/* Write-back to a base that is also transferred may do anything; so such code is refused. */
static bool writeback_ok(const struct mem_insn *insn)
{
    if (!insn->writeback || insn->rn == 31)
        return true;
    return insn->rt != insn->rn && !(insn->pair && insn->rt2 == insn->rn);
}

/* LDR/STR of one register: immediate forms and register offset. */
static bool decode_single(uint32_t word, struct mem_insn *insn)
{
    if (!decode_size_opc(word, insn))
        return false;
    if (bits(word, 24, 1)) { /* unsigned 12-bit immediate, scaled */
        insn->offset = (int16_t)(bits(word, 10, 12) * insn->size);
        return true;
    }
    if (bits(word, 21, 1)) { /* register offset; bits 11:10 other than 2 are atomics */
        if (bits(word, 10, 2) != 2 || !bits(word, 14, 1))
            return false;
        insn->has_rm = true;
        insn->rm = (uint8_t)bits(word, 16, 5);
        insn->extend = (uint8_t)bits(word, 13, 3);
        insn->shift = bits(word, 12, 1) ? (uint8_t)bits(word, 30, 2) : 0;
        return true;
    }
    insn->offset = sign_extend(bits(word, 12, 9), 9);
    insn->writeback = bits(word, 10, 1) != 0; /* 0 unscaled, 2 unprivileged: none */
    insn->post = bits(word, 10, 2) == 1;
    return writeback_ok(insn);
}

/* LDP/STP/LDPSW; bits 24:23: 0 no-allocate, 1 post-index, 2 offset, 3 pre-index. */
static bool decode_pair(uint32_t word, struct mem_insn *insn)
{
    unsigned int opc = bits(word, 30, 2);
    unsigned int mode = bits(word, 23, 2);

    insn->load = bits(word, 22, 1) != 0;
    if (opc == 3 || (opc == 1 && (!insn->load || mode == 0)))
        return false;
    insn->pair = true;
    insn->size = opc == 2 ? 8 : 4;
    insn->sign = opc == 1;
    insn->sf = opc != 0;
    insn->rt2 = (uint8_t)bits(word, 10, 5);
    insn->offset = (int16_t)(sign_extend(bits(word, 15, 7), 7) * insn->size);
    insn->writeback = (mode & 1) != 0;
    insn->post = mode == 1;
    if (insn->load && insn->rt == insn->rt2)
        return false;
    return writeback_ok(insn);
}

bool insn_decode_a64(uint32_t word, struct mem_insn *insn)
{
    *insn = (struct mem_insn){
        .rt = (uint8_t)bits(word, 0, 5),
        .rn = (uint8_t)bits(word, 5, 5),
        .len = 4,
    };
    if (bits(word, 26, 1)) /* SIMD and floating point */
        return false;
    switch (bits(word, 27, 3)) {
    case 5:
        return bits(word, 25, 1) == 0 && decode_pair(word, insn);
    case 7:
        return bits(word, 25, 1) == 0 && decode_single(word, insn);
    default:
        return false;
    }
}
