/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder of A64 loads and stores (arch/arm/arm64/decode.c) against a list of the instructions
 * it takes, each with its fixed bits (Arm ARM C6.2, from each instruction's encoding). Before the
 * first input all words of 2^22 opcodes and immediates, with some registers each, are tried.
 * docs/fuzzing.md.
 */
#include "input.h"

#include <asm/insn.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How the address is made, and the bits that say so. */
enum form { UNSIGNED, UNSCALED, POST, UNPRIVILEGED, PRE, INDEXED, PAIR, PAIR_POST, PAIR_PRE };

struct instruction {
    uint32_t mask, value;
    enum form form;
    uint8_t size;
    bool load;
    uint8_t to; /* signed loads: bits of the register that is filled */
};

/* The thirteen transfers of one register, in each form; `word` is the form's STRB. */
#define SINGLES(mask, word, form)                                                   \
    {mask, word, form, 1, false, 0}, {mask, (word) + 0x00400000, form, 1, true, 0}, \
        {mask, (word) + 0x00800000, form, 1, true, 64},                             \
        {mask, (word) + 0x00c00000, form, 1, true, 32},                             \
        {mask, (word) + 0x40000000, form, 2, false, 0},                             \
        {mask, (word) + 0x40400000, form, 2, true, 0},                              \
        {mask, (word) + 0x40800000, form, 2, true, 64},                             \
        {mask, (word) + 0x40c00000, form, 2, true, 32},                             \
        {mask, (word) + 0x80000000, form, 4, false, 0},                             \
        {mask, (word) + 0x80400000, form, 4, true, 0},                              \
        {mask, (word) + 0x80800000, form, 4, true, 64},                             \
        {mask, (word) + 0xc0000000, form, 8, false, 0},                             \
    {                                                                               \
        mask, (word) + 0xc0400000, form, 8, true, 0                                 \
    }

static const struct instruction list[] = {
    SINGLES(0xffc00000, 0x39000000u, UNSIGNED),
    SINGLES(0xffe00c00, 0x38000000u, UNSCALED),
    SINGLES(0xffe00c00, 0x38000400u, POST),
    SINGLES(0xffe00c00, 0x38000800u, UNPRIVILEGED),
    SINGLES(0xffe00c00, 0x38000c00u, PRE),
    SINGLES(0xffe04c00, 0x38204800u, INDEXED),
    /* STNP, LDNP */
    {0xffc00000, 0x28000000, PAIR, 4, false, 0},
    {0xffc00000, 0x28400000, PAIR, 4, true, 0},
    {0xffc00000, 0xa8000000, PAIR, 8, false, 0},
    {0xffc00000, 0xa8400000, PAIR, 8, true, 0},
    /* STP, LDP, LDPSW */
    {0xffc00000, 0x28800000, PAIR_POST, 4, false, 0},
    {0xffc00000, 0x28c00000, PAIR_POST, 4, true, 0},
    {0xffc00000, 0x68c00000, PAIR_POST, 4, true, 64},
    {0xffc00000, 0xa8800000, PAIR_POST, 8, false, 0},
    {0xffc00000, 0xa8c00000, PAIR_POST, 8, true, 0},
    {0xffc00000, 0x29000000, PAIR, 4, false, 0},
    {0xffc00000, 0x29400000, PAIR, 4, true, 0},
    {0xffc00000, 0x69400000, PAIR, 4, true, 64},
    {0xffc00000, 0xa9000000, PAIR, 8, false, 0},
    {0xffc00000, 0xa9400000, PAIR, 8, true, 0},
    {0xffc00000, 0x29800000, PAIR_PRE, 4, false, 0},
    {0xffc00000, 0x29c00000, PAIR_PRE, 4, true, 0},
    {0xffc00000, 0x69c00000, PAIR_PRE, 4, true, 64},
    {0xffc00000, 0xa9800000, PAIR_PRE, 8, false, 0},
    {0xffc00000, 0xa9c00000, PAIR_PRE, 8, true, 0},
};

FUZZ_UNCOUNTED static const struct instruction *find(uint32_t word)
{
    const struct instruction *found = NULL;

    for (unsigned int i = 0; i < ARRAY_SIZE(list); i++) {
        if ((word & list[i].mask) != list[i].value)
            continue;
        fuzz_check(found == NULL, "the list has %#x twice", word);
        found = &list[i];
    }
    return found;
}

/* Rt, Rt2 and Rn such that the manual leaves open what happens. */
FUZZ_UNCOUNTED static bool unpredictable(const struct instruction *i, uint32_t word)
{
    uint32_t t = word & 31, n = word >> 5 & 31, t2 = word >> 10 & 31;
    bool pair = i->form >= PAIR;

    if (pair && i->load && t == t2)
        return true;
    if (i->form != POST && i->form != PRE && i->form != PAIR_POST && i->form != PAIR_PRE)
        return false;
    return n != 31 && (t == n || (pair && t2 == n));
}

/* The offset in bytes that is in the word. */
FUZZ_UNCOUNTED static int immediate(const struct instruction *i, uint32_t word)
{
    int v;

    if (i->form == UNSIGNED)
        return (int)(word / 1024 % 4096) * i->size;
    if (i->form == INDEXED)
        return 0;
    if (i->form >= PAIR) {
        v = (int)(word / 32768 % 128);
        return (v < 64 ? v : v - 128) * i->size;
    }
    v = (int)(word / 4096 % 512);
    return v < 256 ? v : v - 512;
}

FUZZ_UNCOUNTED static void compare_index(const struct instruction *i, uint32_t word,
                                         const struct mem_insn *got)
{
    bool scaled = (word & 0x1000) != 0;

    fuzz_check(got->has_rm == (i->form == INDEXED), "%#x: index register", word);
    if (!got->has_rm)
        return;
    fuzz_check(got->rm == (word >> 16 & 31) && got->extend == (word >> 13 & 7), "%#x: index", word);
    fuzz_check(1 << got->shift == (scaled ? i->size : 1), "%#x: shift %u", word, got->shift);
}

FUZZ_UNCOUNTED static void compare(uint32_t word, const struct instruction *i)
{
    struct mem_insn got;
    bool taken = insn_decode_a64(word, &got);

    if (i == NULL || unpredictable(i, word)) {
        fuzz_check(!taken, "%#x is taken", word);
        return;
    }
    fuzz_check(taken, "%#x is refused", word);
    fuzz_check(got.len == 4 && got.size == i->size && got.load == i->load, "%#x: size", word);
    fuzz_check(got.rt == (word & 31) && got.rn == (word >> 5 & 31), "%#x: registers", word);
    fuzz_check(got.pair == (i->form >= PAIR), "%#x: pair", word);
    fuzz_check(!got.pair || got.rt2 == (word >> 10 & 31), "%#x: second register", word);
    fuzz_check(got.sign == (i->to != 0), "%#x: sign", word);
    fuzz_check(got.sf == (i->to == 64 || (i->to == 0 && i->size == 8)), "%#x: width", word);
    fuzz_check(got.post == (i->form == POST || i->form == PAIR_POST), "%#x: post", word);
    fuzz_check(got.writeback == (got.post || i->form == PRE || i->form == PAIR_PRE),
               "%#x: write-back", word);
    fuzz_check(got.offset == immediate(i, word), "%#x: offset %d", word, got.offset);
    compare_index(i, word, &got);
}

/* What a load leaves in its register: each bit by itself. */
static void compare_value(const struct instruction *i, uint32_t word, uint64_t raw)
{
    unsigned int width = 8u * i->size, to = i->to != 0 ? i->to : width;
    struct mem_insn insn;
    uint64_t want = 0;

    if (!i->load || !insn_decode_a64(word, &insn))
        return;
    for (unsigned int b = 0; b < to; b++)
        want |= (raw >> (b < width ? b : width - 1) & 1) << b;
    fuzz_check(insn_extend(&insn, raw) == want, "%#x: value %#llx", word, (unsigned long long)want);
}

/* Bits 31:10 are all tried; Rt and Rn are equal or not, zero or 31. */
FUZZ_UNCOUNTED int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const uint32_t registers[] = {0, 0x1f, 0x3e0, 0x3ff, 5 << 5 | 7, 9 << 5 | 9};
    unsigned long taken = 0;

    (void)argc;
    (void)argv;
    for (uint32_t top = 0; top < 1u << 22; top++) {
        const struct instruction *i = find(top << 10); /* no fixed bit is below */

        taken += i != NULL;
        for (unsigned int r = 0; r < ARRAY_SIZE(registers); r++)
            compare(top << 10 | registers[r], i);
    }
    /* 13 of 12 bits, 4 times 13 of 9, 13 of 5 + 2 + 1, 19 pairs of 12. */
    fuzz_check(taken == 13 * 4096 + 52 * 512 + 13 * 256 + 19 * 4096, "%lu words", taken);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.at = data, .end = data + size};
    uint32_t word = (uint32_t)fuzz_uint(&in, 4);
    uint64_t raw = fuzz_uint(&in, 8);
    const struct instruction *i = find(word);

    compare(word, i);
    if (i != NULL)
        compare_value(i, word, raw);
    return 0;
}
