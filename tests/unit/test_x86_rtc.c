/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock: a model of the MC146818 under arch/x86/rtc.c, and what hvm/time.c makes of it and
 * of the TSC's rate for guests. The C library says what a date is in seconds.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* In place of asm/io.h. */
#define WHERRY_ASM_IO_H

static void outb(uint16_t port, uint8_t v);
static uint8_t inb(uint16_t port);

#include "../../arch/x86/hvm/time.c"
#include "../../arch/x86/rtc.c"

/* --- the chip --- */

static struct {
    bool absent, stuck, binary, h24;
    uint8_t index;
    uint64_t now;          /* seconds since 1970 */
    unsigned int reads;    /* of parts of the time */
    unsigned int tick_at;  /* the next second begins before this read; 0: never */
    unsigned int updating; /* reads of status A that say so, from now on */
    int raw_reg;           /* this register is raw_value */
    uint8_t raw_value;
} chip;

static uint8_t coded(unsigned int v)
{
    return (uint8_t)(chip.binary ? v : v / 10 << 4 | v % 10);
}

static uint8_t hours_of(unsigned int h)
{
    if (chip.h24)
        return coded(h);
    return (uint8_t)(coded(h % 12 == 0 ? 12 : h % 12) | (h >= 12 ? 0x80 : 0));
}

static uint8_t part(void)
{
    time_t t;
    struct tm tm;

    if (chip.updating != 0)
        return 0x42; /* not defined meanwhile */
    if (++chip.reads == chip.tick_at)
        chip.now++;
    t = (time_t)chip.now;
    gmtime_r(&t, &tm);
    switch (chip.index) {
    case 0:
        return coded((unsigned int)tm.tm_sec);
    case 2:
        return coded((unsigned int)tm.tm_min);
    case 4:
        return hours_of((unsigned int)tm.tm_hour);
    case 7:
        return coded((unsigned int)tm.tm_mday);
    case 8:
        return coded((unsigned int)tm.tm_mon + 1);
    case 9:
        return coded((unsigned int)tm.tm_year % 100);
    default:
        fail_msg("register %u is read", chip.index);
        return 0;
    }
}

static void outb(uint16_t port, uint8_t v)
{
    assert_int_equal(port, 0x70);
    chip.index = v;
}

static uint8_t inb(uint16_t port)
{
    assert_int_equal(port, 0x71);
    if (chip.absent)
        return 0xff;
    if (chip.index == 11)
        return (uint8_t)((chip.binary ? 4 : 0) | (chip.h24 ? 2 : 0));
    if (chip.index == 10) {
        if (chip.stuck)
            return 0xa6;
        if (chip.updating != 0)
            return chip.updating-- > 1 ? 0xa6 : 0x26;
        return 0x26;
    }
    if (chip.index == chip.raw_reg)
        return chip.raw_value;
    return part();
}

/* --- the rest of the host --- */

static uint64_t now_ns, tsc_hz;

s_time_t arch_now(void)
{
    return (s_time_t)now_ns;
}

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t time_boot_tsc(void)
{
    return 77;
}

static uint64_t read_clock(void)
{
    boot_seconds = 0;
    chip.reads = 0;
    assert_int_equal(rtc_init(), 0);
    return time_boot_wallclock();
}

static int reset(void **state)
{
    (void)state;
    memset(&chip, 0, sizeof(chip));
    chip.raw_reg = -1;
    chip.h24 = true;
    now_ns = 0;
    return 0;
}

static uint64_t date(int year, int month, int day, int h, int m, int s)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = h,
                    .tm_min = m,
                    .tm_sec = s};

    return (uint64_t)timegm(&tm);
}

/* --- cases --- */

/* Each way a chip may count, over dates of the whole century. */
static void every_format_gives_the_same_time(void **state)
{
    const uint64_t first = date(2000, 1, 1, 0, 0, 0), end = date(2100, 1, 1, 0, 0, 0);

    (void)state;
    for (unsigned int format = 0; format < 4; format++) {
        chip.binary = format & 1;
        chip.h24 = format & 2;
        for (uint64_t t = first; t < end; t += 86400 * 3 + 3599 + 59) {
            chip.now = t;
            assert_int_equal(read_clock(), t);
        }
        for (unsigned int h = 0; h < 24; h++) {
            chip.now = date(2026, 11, 21, (int)h, 59, 59);
            assert_int_equal(read_clock(), chip.now);
        }
    }
}

static void leap_years(void **state)
{
    static const uint16_t years[] = {2000, 2001, 2003, 2004, 2024, 2026, 2096, 2099};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(years); i++) {
        for (int day = 0; day < 366; day++) {
            chip.now = date(years[i], 1, 1 + day, 23, 59, 59);
            if (chip.now < date(2100, 1, 1, 0, 0, 0))
                assert_int_equal(read_clock(), chip.now);
        }
    }
}

static void the_time_since_boot_is_taken_off(void **state)
{
    (void)state;
    chip.now = date(2026, 11, 21, 1, 2, 3);
    now_ns = UINT64_C(7999999999);
    assert_int_equal(read_clock(), chip.now - 7);
}

static void an_update_is_waited_for(void **state)
{
    (void)state;
    chip.now = date(2026, 11, 21, 1, 2, 3);
    for (unsigned int n = 1; n < 50; n++) {
        chip.updating = n;
        assert_int_equal(read_clock(), chip.now);
        assert_int_equal(chip.updating, 0);
    }
}

/* A new year that begins between any two reads: the one time or the other, none that is mixed. */
static void an_update_between_reads_is_seen(void **state)
{
    const uint64_t old = date(2027, 12, 31, 23, 59, 59);

    (void)state;
    for (unsigned int n = 1; n < 30; n++) {
        uint64_t got;

        chip.now = old;
        chip.tick_at = n;
        got = read_clock();
        if (got != old && got != old + 1)
            fail_msg("a tick before read %u: %lu instead of %lu", n, (unsigned long)got,
                     (unsigned long)old);
    }
}

static void without_a_clock_it_is_1970(void **state)
{
    (void)state;
    chip.absent = true;
    assert_int_equal(read_clock(), 0);
    chip.absent = false;
    chip.stuck = true;
    assert_int_equal(read_clock(), 0);
}

static void what_is_no_time_is_not_taken(void **state)
{
    static const struct {
        uint8_t reg, value;
        bool binary, h12;
    } bad[] = {
        {0, 0x60, false, false}, {0, 0x0a, false, false}, {0, 60, true, false},
        {2, 0x60, false, false}, {2, 0x5a, false, false}, {2, 60, true, false},
        {4, 0x24, false, false}, {4, 24, true, false},    {4, 0x00, false, true},
        {4, 0x80, true, true},   {4, 0x13, false, true},  {4, 0x93, false, true},
        {4, 13, true, true},     {7, 0x00, false, false}, {7, 0x32, false, false},
        {7, 32, true, false},    {8, 0x00, false, false}, {8, 0x13, false, false},
        {8, 0x0c, false, false}, {8, 13, true, false},    {9, 0xa0, false, false},
        {9, 100, true, false},   {9, 0xff, true, false},
    };

    (void)state;
    chip.now = date(2026, 11, 21, 1, 2, 3);
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t got;

        chip.binary = bad[i].binary;
        chip.h24 = !bad[i].h12;
        chip.raw_reg = bad[i].reg;
        chip.raw_value = bad[i].value;
        got = read_clock();
        if (got != 0)
            fail_msg("case %u: %lu", i, (unsigned long)got);
    }
}

static void the_wall_clock_of_shared_info(void **state)
{
    struct shared_info s;

    (void)state;
    memset(&s, 0xee, sizeof(s));
    boot_seconds = UINT64_C(0x123456789);
    hvm_wallclock_init(&s, false);
    assert_true(s.wc_sec == 0x23456789 && s.wc_sec_hi == 1 && s.wc_nsec == 0);
    assert_true(s.wc_version != 0 && s.wc_version % 2 == 0);
}

/* From 1 MHz to 20 GHz: an hour is an hour, within a part in a billion. */
static void ticks_become_nanoseconds(void **state)
{
    static const uint64_t rates[] = {1000000,    999999999,  1000000000,
                                     1000000001, 2000000000, 2000000001,
                                     2394000000, 3600123456, UINT64_C(20000000000)};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        uint64_t ticks = rates[i] * 3600, ns;
        uint32_t mul;
        int8_t shift;

        tsc_hz = rates[i];
        hvm_tsc_scale(&mul, &shift);
        ticks = shift < 0 ? ticks >> -shift : ticks << shift;
        ns = (uint64_t)((unsigned __int128)ticks * mul >> 32);
        assert_in_range(ns, UINT64_C(3600000000000) - 3600, UINT64_C(3600000000000) + 3600);
        assert_true(mul >> 31 == 1 || shift == 0); /* no digit is given away */
    }
}

static void the_clock_of_a_vcpu(void **state)
{
    static struct vcpu v;
    struct vcpu_info info = {.time.version = 7};
    struct vcpu_time_info good;

    (void)state;
    tsc_hz = 1000000000;
    hvm_time_update(&v); /* it has none: nothing */
    v.evtchn.info = &info;
    hvm_time_update(&v);
    assert_int_equal(info.time.version, 10); /* even, and another */
    assert_true(info.time.tsc_timestamp == 77 && info.time.system_time == 0);
    assert_int_equal(info.time.flags, 1);
    good = info.time;
    hvm_time_update(&v); /* nothing to do */
    assert_memory_equal(&info.time, &good, sizeof(good));
    /* What the guest has overwritten comes back. */
    for (unsigned int i = 0; i < 6; i++) {
        struct vcpu_time_info *t = &info.time;

        *t = good;
        switch (i) {
        case 0:
            memset(t, 0, sizeof(*t));
            break;
        case 1:
            t->version++;
            break;
        case 2:
            t->tsc_timestamp++;
            break;
        case 3:
            t->system_time++;
            break;
        case 4:
            t->tsc_to_system_mul = 0;
            break;
        default:
            t->flags = 0;
        }
        hvm_time_update(&v);
        assert_int_equal(t->version & 1, 0);
        assert_int_not_equal(t->version, 0);
        t->version = good.version;
        assert_memory_equal(t, &good, sizeof(good));
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
    const struct CMUnitTest tests[] = {
        TEST(every_format_gives_the_same_time), TEST(leap_years),
        TEST(the_time_since_boot_is_taken_off), TEST(an_update_is_waited_for),
        TEST(an_update_between_reads_is_seen),  TEST(without_a_clock_it_is_1970),
        TEST(what_is_no_time_is_not_taken),     TEST(the_wall_clock_of_shared_info),
        TEST(ticks_become_nanoseconds),         TEST(the_clock_of_a_vcpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
