/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's clock that runs without power (MC146818 and its successors): read once at boot, for
 * the wall clock of guests.
 */
#include <asm/io.h>
#include <asm/time.h>
#include <wherry/init.h>
#include <wherry/lib/string.h>
#include <wherry/timer.h>

#define PORT_INDEX 0x70
#define PORT_DATA  0x71

enum { SECONDS = 0, MINUTES = 2, HOURS = 4, DAY = 7, MONTH = 8, YEAR = 9, STATUS_A = 10, STATUS_B };

#define A_UPDATING 0x80
#define B_24_HOURS 0x02
#define B_BINARY   0x04
#define HOURS_PM   0x80

/* Tries until two readings agree, or the chip is not there. */
#define MAX_TRIES 100000

static uint64_t boot_seconds; /* since 1970, when arch_now() was 0; constant after boot */

static unsigned int __init rtc_read(unsigned int reg)
{
    outb(PORT_INDEX, (uint8_t)reg);
    return inb(PORT_DATA);
}

struct rtc_time {
    unsigned int year, month, day, hours, minutes, seconds;
};

static struct rtc_time __init read_once(void)
{
    return (struct rtc_time){rtc_read(YEAR),  rtc_read(MONTH),   rtc_read(DAY),
                             rtc_read(HOURS), rtc_read(MINUTES), rtc_read(SECONDS)};
}

/* Two readings that agree in everything: an update between the parts of one is seen. */
static bool __init read_time(struct rtc_time *t)
{
    for (unsigned int tries = MAX_TRIES; tries != 0; tries--) {
        struct rtc_time again;

        if (rtc_read(STATUS_A) & A_UPDATING)
            continue;
        *t = read_once();
        again = read_once();
        if (memcmp(t, &again, sizeof(again)) == 0)
            return true;
    }
    return false;
}

/* What has a digit above 9 becomes more than any part of a time is. */
static unsigned int __init from_bcd(unsigned int v)
{
    return (v & 15) > 9 || v >> 4 > 9 ? 0xff : (v >> 4) * 10 + (v & 15);
}

/* False: that is no time. */
static bool __init convert(struct rtc_time *t)
{
    unsigned int b = rtc_read(STATUS_B), pm = b & B_24_HOURS ? 0 : t->hours & HOURS_PM;

    t->hours &= b & B_24_HOURS ? 0xff : ~(unsigned int)HOURS_PM;
    if (!(b & B_BINARY))
        *t = (struct rtc_time){from_bcd(t->year),  from_bcd(t->month),   from_bcd(t->day),
                               from_bcd(t->hours), from_bcd(t->minutes), from_bcd(t->seconds)};
    if (!(b & B_24_HOURS)) {
        if (t->hours < 1 || t->hours > 12)
            return false;
        t->hours = t->hours % 12 + (pm ? 12 : 0);
    }
    return t->year <= 99 && t->month >= 1 && t->month <= 12 && t->day >= 1 && t->day <= 31 &&
           t->hours <= 23 && t->minutes <= 59 && t->seconds <= 59;
}

/* Days since 1970 of a date of the Gregorian calendar, counted in years that begin in March. */
static uint64_t __init days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
    unsigned int y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;

    return y * UINT64_C(365) + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static int __init rtc_init(void)
{
    struct rtc_time t;

    if (!read_time(&t) || !convert(&t))
        return 0; /* guests begin in 1970 */
    boot_seconds = days_since_1970(2000 + t.year, t.month, t.day) * 86400 + t.hours * 3600 +
                   t.minutes * 60 + t.seconds - (uint64_t)arch_now() / 1000000000;
    return 0;
}
INIT_CALL(INIT_CORE, rtc_init);

uint64_t time_boot_wallclock(void)
{
    return boot_seconds;
}
