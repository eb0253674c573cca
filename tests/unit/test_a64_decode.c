/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder of A64 loads and stores (arch/arm/arm64/decode.c) against words that GNU as made of
 * the text beside them, and the extension of loaded values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../arch/arm/include/asm/insn.h"

struct good {
    uint32_t word;
    const char *text;
    struct mem_insn want;
};

static const struct good good[] = {
    {0xf9401041,
     "ldr x1, [x2, #32]",
     {.rt = 1, .rn = 2, .size = 8, .load = true, .sf = true, .offset = 32}},
    {0xb97ffc41,
     "ldr w1, [x2, #16380]",
     {.rt = 1, .rn = 2, .size = 4, .load = true, .offset = 16380}},
    {0xf97ffc41,
     "ldr x1, [x2, #32760]",
     {.rt = 1, .rn = 2, .size = 8, .load = true, .sf = true, .offset = 32760}},
    {0xb90003ff, "str wzr, [sp]", {.rt = 31, .rn = 31, .size = 4}},
    {0x397fffc7,
     "ldrb w7, [x30, #4095]",
     {.rt = 7, .rn = 30, .size = 1, .load = true, .offset = 4095}},
    {0x39c00467,
     "ldrsb w7, [x3, #1]",
     {.rt = 7, .rn = 3, .size = 1, .load = true, .sign = true, .offset = 1}},
    {0x39800467,
     "ldrsb x7, [x3, #1]",
     {.rt = 7, .rn = 3, .size = 1, .load = true, .sign = true, .sf = true, .offset = 1}},
    {0x79c00467,
     "ldrsh w7, [x3, #2]",
     {.rt = 7, .rn = 3, .size = 2, .load = true, .sign = true, .offset = 2}},
    {0x79800467,
     "ldrsh x7, [x3, #2]",
     {.rt = 7, .rn = 3, .size = 2, .load = true, .sign = true, .sf = true, .offset = 2}},
    {0xb9800467,
     "ldrsw x7, [x3, #4]",
     {.rt = 7, .rn = 3, .size = 4, .load = true, .sign = true, .sf = true, .offset = 4}},
    {0x38001420,
     "strb w0, [x1], #1",
     {.rt = 0, .rn = 1, .size = 1, .writeback = true, .post = true, .offset = 1}},
    {0x781fe420,
     "strh w0, [x1], #-2",
     {.rt = 0, .rn = 1, .size = 2, .writeback = true, .post = true, .offset = -2}},
    {0xf8500420,
     "ldr x0, [x1], #-256",
     {.rt = 0,
      .rn = 1,
      .size = 8,
      .load = true,
      .sf = true,
      .writeback = true,
      .post = true,
      .offset = -256}},
    {0xf84ffc20,
     "ldr x0, [x1, #255]!",
     {.rt = 0, .rn = 1, .size = 8, .load = true, .sf = true, .writeback = true, .offset = 255}},
    {0xf8408fff,
     "ldr xzr, [sp, #8]!",
     {.rt = 31, .rn = 31, .size = 8, .load = true, .sf = true, .writeback = true, .offset = 8}},
    {0xb81fccc5,
     "str w5, [x6, #-4]!",
     {.rt = 5, .rn = 6, .size = 4, .writeback = true, .offset = -4}},
    {0xb88044c5,
     "ldrsw x5, [x6], #4",
     {.rt = 5,
      .rn = 6,
      .size = 4,
      .load = true,
      .sign = true,
      .sf = true,
      .writeback = true,
      .post = true,
      .offset = 4}},
    {0xf85ff149,
     "ldur x9, [x10, #-1]",
     {.rt = 9, .rn = 10, .size = 8, .load = true, .sf = true, .offset = -1}},
    {0x38003149, "sturb w9, [x10, #3]", {.rt = 9, .rn = 10, .size = 1, .offset = 3}},
    {0x789f9149,
     "ldursh x9, [x10, #-7]",
     {.rt = 9, .rn = 10, .size = 2, .load = true, .sign = true, .sf = true, .offset = -7}},
    {0xb8404949, "ldtr w9, [x10, #4]", {.rt = 9, .rn = 10, .size = 4, .load = true, .offset = 4}},
    {0x781fe949, "sttrh w9, [x10, #-2]", {.rt = 9, .rn = 10, .size = 2, .offset = -2}},
    {0xb8636841,
     "ldr w1, [x2, x3]",
     {.rt = 1, .rn = 2, .rm = 3, .has_rm = true, .extend = 3, .size = 4, .load = true}},
    {0xf8637841,
     "ldr x1, [x2, x3, lsl #3]",
     {.rt = 1,
      .rn = 2,
      .rm = 3,
      .has_rm = true,
      .extend = 3,
      .shift = 3,
      .size = 8,
      .load = true,
      .sf = true}},
    {0xb8235841,
     "str w1, [x2, w3, uxtw #2]",
     {.rt = 1, .rn = 2, .rm = 3, .has_rm = true, .extend = 2, .shift = 2, .size = 4}},
    {0x3863c841,
     "ldrb w1, [x2, w3, sxtw]",
     {.rt = 1, .rn = 2, .rm = 3, .has_rm = true, .extend = 6, .size = 1, .load = true}},
    {0x78a3f841,
     "ldrsh x1, [x2, x3, sxtx #1]",
     {.rt = 1,
      .rn = 2,
      .rm = 3,
      .has_rm = true,
      .extend = 7,
      .shift = 1,
      .size = 2,
      .load = true,
      .sign = true,
      .sf = true}},
    {0xa9400861,
     "ldp x1, x2, [x3]",
     {.rt = 1, .rt2 = 2, .rn = 3, .pair = true, .size = 8, .load = true, .sf = true}},
    {0xa95f8863,
     "ldp x3, x2, [x3, #504]",
     {.rt = 3,
      .rt2 = 2,
      .rn = 3,
      .pair = true,
      .size = 8,
      .load = true,
      .sf = true,
      .offset = 504}},
    {0x29200461,
     "stp w1, w1, [x3, #-256]",
     {.rt = 1, .rt2 = 1, .rn = 3, .pair = true, .size = 4, .offset = -256}},
    {0x28c10861,
     "ldp w1, w2, [x3], #8",
     {.rt = 1,
      .rt2 = 2,
      .rn = 3,
      .pair = true,
      .size = 4,
      .load = true,
      .writeback = true,
      .post = true,
      .offset = 8}},
    {0xa9bf7bfd,
     "stp x29, x30, [sp, #-16]!",
     {.rt = 29,
      .rt2 = 30,
      .rn = 31,
      .pair = true,
      .size = 8,
      .sf = true,
      .writeback = true,
      .offset = -16}},
    {0x69408861,
     "ldpsw x1, x2, [x3, #4]",
     {.rt = 1,
      .rt2 = 2,
      .rn = 3,
      .pair = true,
      .size = 4,
      .load = true,
      .sign = true,
      .sf = true,
      .offset = 4}},
    {0x68ff0861,
     "ldpsw x1, x2, [x3], #-8",
     {.rt = 1,
      .rt2 = 2,
      .rn = 3,
      .pair = true,
      .size = 4,
      .load = true,
      .sign = true,
      .sf = true,
      .writeback = true,
      .post = true,
      .offset = -8}},
    {0xa8410861,
     "ldnp x1, x2, [x3, #16]",
     {.rt = 1, .rt2 = 2, .rn = 3, .pair = true, .size = 8, .load = true, .sf = true, .offset = 16}},
    {0x28000861, "stnp w1, w2, [x3]", {.rt = 1, .rt2 = 2, .rn = 3, .pair = true, .size = 4}},
};

static const struct {
    uint32_t word;
    const char *text;
} refused[] = {
    {0x58000040, "ldr x0, .+8"},
    {0xf9800020, "prfm pldl1keep, [x1]"},
    {0xf8801020, "prfum pldl1keep, [x1, #1]"},
    {0xf8a26820, "prfm pldl1keep, [x1, x2]"},
    {0x3dc00020, "ldr q0, [x1]"},
    {0xfc008420, "str d0, [x1], #8"},
    {0xad400440, "ldp q0, q1, [x2]"},
    {0xc85f7c20, "ldxr x0, [x1]"},
    {0xc8007c41, "stxr w0, x1, [x2]"},
    {0xc8dffc20, "ldar x0, [x1]"},
    {0x889ffc20, "stlr w0, [x1]"},
    {0xc87f8440, "ldaxp x0, x1, [x2]"},
    {0xf8200041, "ldadd x0, x1, [x2]"},
    {0xb8208041, "swp w0, w1, [x2]"},
    {0xc8a07c41, "cas x0, x1, [x2]"},
    {0xb8bfc020, "ldapr w0, [x1]"},
    {0x0c407000, "ld1 {v0.8b}, [x0]"},
    {0xd50b7420, "dc zva, x0"},
    {0x8b020020, "add x0, x1, x2"},
    {0x14000000, "b ."},
    {0xd4000002, "hvc #0"},
    {0xd503201f, "nop"},
    {0x00000000, ".inst 0"},
    {0x00000001, "udf #1"},
    {0xf8408421, "ldr x1, [x1], #8"},
    {0xf8008c21, "str x1, [x1, #8]!"},
    {0xa8c10821, "ldp x1, x2, [x1], #16"},
    {0xa8c10422, "ldp x2, x1, [x1], #16"},
    {0xa9400441, "ldp x1, x1, [x2]"},
    {0xe9400841, "pair, opc 3"},
    {0x68400841, "no-allocate pair, opc 1"},
    {0xf8c00020, "64-bit, opc 3, unscaled"},
    {0xb8c00020, "32-bit, opc 3"},
    {0xf8630841, "register offset, option 0"},
};

static void forms_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct mem_insn *w = &good[i].want;
        struct mem_insn g;

        print_message("%s\n", good[i].text);
        assert_true(insn_decode_a64(good[i].word, &g));
        assert_int_equal(g.rt, w->rt);
        assert_int_equal(g.rt2, w->rt2);
        assert_int_equal(g.rn, w->rn);
        assert_int_equal(g.rm, w->rm);
        assert_int_equal(g.size, w->size);
        assert_int_equal(g.shift, w->shift);
        assert_int_equal(g.extend, w->extend);
        assert_int_equal(g.len, 4);
        assert_int_equal(g.load, w->load);
        assert_int_equal(g.pair, w->pair);
        assert_int_equal(g.sign, w->sign);
        if (w->load) /* means nothing for a store */
            assert_int_equal(g.sf, w->sf);
        assert_int_equal(g.writeback, w->writeback);
        assert_int_equal(g.post, w->post);
        assert_int_equal(g.has_rm, w->has_rm);
        assert_int_equal(g.offset, w->offset);
    }
}

static void others_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct mem_insn g;

        print_message("%s\n", refused[i].text);
        assert_false(insn_decode_a64(refused[i].word, &g));
    }
}

/* Whatever the word, what is accepted makes sense: the caller relies on it. */
static void any_word_gives_sane_fields(void **state)
{
    uint32_t word = 1;
    unsigned int accepted = 0;

    (void)state;
    for (unsigned int i = 0; i < 4000000; i++) {
        struct mem_insn g;

        word ^= word << 13; /* xorshift */
        word ^= word >> 17;
        word ^= word << 5;
        if (!insn_decode_a64(word, &g))
            continue;
        accepted++;
        assert_true(g.size == 1 || g.size == 2 || g.size == 4 || g.size == 8);
        assert_true(g.rt < 32 && g.rt2 < 32 && g.rn < 32 && g.rm < 32);
        assert_true(!g.pair || g.size >= 4);
        assert_true(!g.post || g.writeback);
        assert_true(!g.has_rm || (!g.writeback && g.offset == 0));
        assert_true(!g.writeback || g.rn == 31 || g.rn != g.rt);
        assert_true((word & (1u << 26)) == 0);
    }
    assert_true(accepted > 50000);
}

static uint64_t extend(unsigned int size, bool sign, bool sf, uint64_t raw)
{
    struct mem_insn insn = {.size = (uint8_t)size, .load = true, .sign = sign, .sf = sf};

    return insn_extend(&insn, raw);
}

static void values_are_extended(void **state)
{
    const uint64_t junk = UINT64_C(0xa5a5a5a5a5a5a5a5);

    (void)state;
    assert_int_equal(extend(1, false, false, junk), 0xa5);
    assert_int_equal(extend(1, true, false, junk), 0xffffffa5); /* W: upper half is zero */
    assert_int_equal(extend(1, true, true, junk), UINT64_C(0xffffffffffffffa5));
    assert_int_equal(extend(1, true, true, 0x17f), 0x7f);
    assert_int_equal(extend(2, false, false, junk), 0xa5a5);
    assert_int_equal(extend(2, true, false, junk), 0xffffa5a5);
    assert_int_equal(extend(2, true, true, junk), UINT64_C(0xffffffffffffa5a5));
    assert_int_equal(extend(4, false, false, junk), 0xa5a5a5a5);
    assert_int_equal(extend(4, true, true, junk), UINT64_C(0xffffffffa5a5a5a5));
    assert_int_equal(extend(8, false, true, junk), junk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_decoded),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(any_word_gives_sane_fields),
        cmocka_unit_test(values_are_extended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
