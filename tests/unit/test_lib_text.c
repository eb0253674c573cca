/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/lib: memory and string functions and printf against the C library's, numbers against what
 * the header says. lib_names.h keeps the two apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <wherry/lib/bits.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/list.h>
#include <wherry/lib/parse.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>

#define SPAN 200

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7 + seed);
}

/* Every alignment of both sides and every length around the word loops. */
static void memcpy_copies_exactly(void **state)
{
    uint8_t from[SPAN], to[SPAN], want[SPAN];

    (void)state;
    fill(from, SPAN, 3);
    for (size_t d = 0; d < 9; d++) {
        for (size_t s = 0; s < 9; s++) {
            for (size_t n = 0; n < 150; n++) {
                __builtin_memset(to, 0xee, SPAN);
                __builtin_memset(want, 0xee, SPAN);
                __builtin_memcpy(want + d, from + s, n);
                assert_ptr_equal(memcpy(to + d, from + s, n), to + d);
                assert_int_equal(__builtin_memcmp(to, want, SPAN), 0);
            }
        }
    }
}

static void memmove_overlaps(void **state)
{
    uint8_t buf[SPAN], want[SPAN];

    (void)state;
    for (size_t d = 0; d < 40; d++) {
        for (size_t s = 0; s < 40; s++) {
            for (size_t n = 0; n < 140; n += n < 40 ? 1 : 13) {
                fill(buf, SPAN, 5);
                fill(want, SPAN, 5);
                __builtin_memmove(want + d, want + s, n);
                assert_ptr_equal(memmove(buf + d, buf + s, n), buf + d);
                assert_int_equal(__builtin_memcmp(buf, want, SPAN), 0);
            }
        }
    }
}

static void memset_sets_exactly(void **state)
{
    uint8_t buf[SPAN], want[SPAN];

    (void)state;
    for (size_t d = 0; d < 9; d++) {
        for (size_t n = 0; n < 150; n++) {
            fill(buf, SPAN, 1);
            fill(want, SPAN, 1);
            __builtin_memset(want + d, 0x1a5, n);
            assert_ptr_equal(memset(buf + d, 0x1a5, n), buf + d);
            assert_int_equal(__builtin_memcmp(buf, want, SPAN), 0);
        }
    }
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void comparisons_agree(void **state)
{
    static const char *const s[] = {"", "a", "ab", "abc", "abd", "b", "ab\xff", "ab\x01", "\x80"};
    enum { N = sizeof(s) / sizeof(s[0]) };

    (void)state;
    for (unsigned int a = 0; a < N; a++) {
        for (unsigned int b = 0; b < N; b++) {
            size_t shorter = strlen(s[a]) < strlen(s[b]) ? strlen(s[a]) : strlen(s[b]);

            assert_int_equal(sign(strcmp(s[a], s[b])), sign(__builtin_strcmp(s[a], s[b])));
            assert_int_equal(sign(memcmp(s[a], s[b], shorter)),
                             sign(__builtin_memcmp(s[a], s[b], shorter)));
            for (size_t n = 0; n < 5; n++)
                assert_int_equal(sign(strncmp(s[a], s[b], n)),
                                 sign(__builtin_strncmp(s[a], s[b], n)));
        }
    }
}

static void searches_agree(void **state)
{
    static const char text[] = "wherry\xe9 ferries";

    (void)state;
    assert_int_equal(strlen(text), sizeof(text) - 1);
    for (size_t n = 0; n < sizeof(text) + 3; n++)
        assert_int_equal(strnlen(text, n), n < sizeof(text) - 1 ? n : sizeof(text) - 1);
    for (int c = 0; c < 512; c++) {
        assert_ptr_equal(strchr(text, c), __builtin_strchr(text, c));
        for (size_t n = 0; n <= sizeof(text); n++)
            assert_ptr_equal(memchr(text, c, n), __builtin_memchr(text, c, n));
    }
}

static void str_copy_truncates(void **state)
{
    char buf[5] = "zzzz";

    (void)state;
    assert_int_equal(str_copy(buf, "abcdefgh", 0), 8);
    assert_string_equal(buf, "zzzz");
    assert_int_equal(str_copy(buf, "abcdefgh", 1), 8);
    assert_string_equal(buf, "");
    assert_int_equal(str_copy(buf, "abcdefgh", 4), 8);
    assert_string_equal(buf, "abc");
    assert_int_equal(str_copy(buf, "abcd", 5), 4);
    assert_string_equal(buf, "abcd");
    assert_int_equal(str_copy(buf, "", 5), 0);
    assert_string_equal(buf, "");
}

/* --- printf --- */

/* Both functions on the same arguments, in a buffer of any size up to what is needed. */
#define SAME(...)                                                              \
    do {                                                                       \
        char ours[128], theirs[128];                                           \
        int need = __builtin_snprintf(theirs, sizeof(theirs), __VA_ARGS__);    \
                                                                               \
        for (size_t size = 0; size <= (size_t)need + 2; size++) {              \
            __builtin_memset(ours, 0x55, sizeof(ours));                        \
            __builtin_memset(theirs, 0x55, sizeof(theirs));                    \
            __builtin_snprintf(theirs, size, __VA_ARGS__);                     \
            assert_int_equal(snprintf(ours, size, __VA_ARGS__), need);         \
            assert_int_equal(__builtin_memcmp(ours, theirs, sizeof(ours)), 0); \
        }                                                                      \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

static void printf_numbers(void **state)
{
    static const long long values[] = {0,         1,         -1,     9,         10,
                                       255,       -255,      65536,  INT32_MAX, INT32_MIN,
                                       INT64_MAX, INT64_MIN, 0xabcd, 123456789, 1LL << 32};
    static const char *const flags[] = {"",   "-",  "0",  "#",   "+",  " ", "-0",
                                        "#0", "+0", " 0", "-#0", "+-", "+ "};
    static const char *const widths[] = {"",   "1",   "7",   "25",    ".0",
                                         ".5", "9.3", "3.9", "25.22", "."};
    static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z", "j", "t"};

    (void)state;
    for (unsigned int v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
        for (unsigned int f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
            for (unsigned int w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
                for (unsigned int k = 0; k < 8 * 6; k++) {
                    char format[32];

                    __builtin_snprintf(format, sizeof(format), "<%%%s%s%s%c>", flags[f], widths[w],
                                       lengths[k / 6], "diuxXo"[k % 6]);
                    SAME(format, values[v]);
                }
            }
        }
    }
}

static void printf_text(void **state)
{
    (void)state;
    SAME("plain");
    SAME("");
    SAME("%%|%c|%5c|%-5c|", 'x', 'y', 'z');
    SAME("%s|%10s|%-10s|%.2s|%8.3s|%-8.3s|%.0s", "one", "two", "three", "four", "five", "six", "7");
    SAME("%*d|%-*d|%*d", 6, 1, 6, 2, -6, 3);
    SAME("%.*d|%.*s|%.*d|%.*s", 4, 5, 2, "abcdef", -1, 6, -1, "ghi");
    SAME("d%u: %s at 0x%llx of %zu, %03o", 3u, "fault", 0x123456789abcULL, sizeof(int), 7u);
    SAME("%hhu %hhd %hx", 0x1ff, 0x180, 0x12345);
    SAME("%p", (void *)0x1234abcd);
}

static void printf_string_without_end(void **state)
{
    static const char raw[3] = {'a', 'b', 'c'};
    char buf[8];

    (void)state;
    assert_int_equal(snprintf(buf, sizeof(buf), "%.3s", raw), 3);
    assert_string_equal(buf, "abc");
}

/* --- numbers --- */

static void parse_u64_is_strict(void **state)
{
    static const char *const bad[] = {"",   "-1",  "+1", " 1",  "1 ", "x",
                                      "0x", "0xg", "1k", "1.0", "f"};
    uint64_t v = 77;

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_u64(bad[i], &v), -EINVAL);
    assert_int_equal(parse_u64("18446744073709551616", &v), -ERANGE);
    assert_int_equal(parse_u64("0x10000000000000000", &v), -ERANGE);
    assert_int_equal(parse_u64("99999999999999999999", &v), -ERANGE);
    assert_int_equal(v, 77);
    assert_int_equal(parse_u64("18446744073709551615", &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(parse_u64("0xFFFFffffFFFFffff", &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(parse_u64("010", &v), 0);
    assert_int_equal(v, 10);
    assert_int_equal(parse_u64("0", &v), 0);
    assert_int_equal(v, 0);
}

static void parse_size_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"1", 1024},
                {"3b", 3},
                {"3B", 3},
                {"2k", 2048},
                {"2K", 2048},
                {"512M", 1u << 29},
                {"1g", 1u << 30},
                {"1T", 1ULL << 40},
                {"0x10m", 16 << 20},
                {"0", 0},
                {"16777215T", 16777215ULL << 40}};
    static const char *const bad[] = {"", "M", "1MB", "1Q", "-1M", "1 M", "M1"};
    uint64_t v = 77;

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse_size(bad[i], &v), -EINVAL);
    assert_int_equal(parse_size("16777216T", &v), -ERANGE);
    assert_int_equal(parse_size("18446744073709551615", &v), -ERANGE);
    assert_int_equal(v, 77);
    for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(parse_size(good[i].text, &v), 0);
        assert_true(v == good[i].bytes);
    }
}

static void bit_arithmetic(void **state)
{
    uint64_t map[3] = {0};

    (void)state;
    for (unsigned int i = 0; i < 64; i++) {
        assert_int_equal(ilog2(UINT64_C(1) << i), i);
        assert_int_equal(ilog2(UINT64_MAX >> (63 - i)), i);
        assert_int_equal(ctz64(UINT64_MAX << i), i);
        assert_true(is_pow2(UINT64_C(1) << i));
        assert_false(is_pow2((UINT64_C(1) << i) + (i == 0 ? 2 : 1)) && i != 0);
    }
    assert_false(is_pow2(0));
    assert_true(align_up(0x1001, 0x1000) == 0x2000 && align_up(0x2000, 0x1000) == 0x2000);
    assert_true(align_down(0x1fff, 0x1000) == 0x1000 && align_up(0, 8) == 0);
    bitmap_set(map, 0);
    bitmap_set(map, 64);
    bitmap_set(map, 191);
    assert_true(map[0] == 1 && map[1] == 1 && map[2] == UINT64_C(1) << 63);
    bitmap_clear(map, 64);
    assert_true(bitmap_test(map, 191) && !bitmap_test(map, 64) && map[1] == 0);
}

/* --- lists --- */

struct item {
    int value;
    struct list_head link;
};

static void expect_order(struct list_head *head, const char *want)
{
    char have[16] = "";
    unsigned int n = 0;
    struct item *i;

    list_for_each_entry (i, head, link)
        have[n++] = (char)('0' + i->value);
    assert_string_equal(have, want);
}

static void lists(void **state)
{
    struct item item[5];
    struct item *i, *next;
    struct list_head head;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    expect_order(&head, "");
    for (int n = 0; n < 5; n++) {
        item[n].value = n;
        if (n % 2 == 0)
            list_add_tail(&item[n].link, &head);
        else
            list_add(&item[n].link, &head);
    }
    expect_order(&head, "31024");
    assert_ptr_equal(list_first_entry(&head, struct item, link), &item[3]);
    list_del(&item[0].link);
    expect_order(&head, "3124");
    list_for_each_entry_safe (i, next, &head, link)
        if (i->value != 2)
            list_del(&i->link);
    expect_order(&head, "2");
    list_del(&item[2].link);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcpy_copies_exactly),
        cmocka_unit_test(memmove_overlaps),
        cmocka_unit_test(memset_sets_exactly),
        cmocka_unit_test(comparisons_agree),
        cmocka_unit_test(searches_agree),
        cmocka_unit_test(str_copy_truncates),
        cmocka_unit_test(printf_numbers),
        cmocka_unit_test(printf_text),
        cmocka_unit_test(printf_string_without_end),
        cmocka_unit_test(parse_u64_is_strict),
        cmocka_unit_test(parse_size_units),
        cmocka_unit_test(bit_arithmetic),
        cmocka_unit_test(lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
