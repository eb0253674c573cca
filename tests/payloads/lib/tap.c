/* SPDX-License-Identifier: Apache-2.0 */
/* Results of a payload, one line a case. Only one vCPU reports. */
#include "payload.h"

#define TEXT 160

static unsigned int passed, failed;

static bool report(bool ok, const char *text, const char *why)
{
    if (ok)
        passed++;
    else
        failed++;
    print("%s %u - %s%s", ok ? "ok" : "not ok", passed + failed, text, why);
    return ok;
}

bool tap(bool ok, const char *fmt, ...)
{
    char text[TEXT];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return report(ok, text, "");
}

bool tap_eq(int64_t got, int64_t want, const char *fmt, ...)
{
    char text[TEXT];
    char why[64] = "";
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (got != want)
        snprintf(why, sizeof(why), " # got %lld (%#llx), want %lld", (long long)got,
                 (unsigned long long)got, (long long)want);
    return report(got == want, text, why);
}

bool tap_skip(const char *text)
{
    return bootarg_lists("skip", passed + failed + 1) && report(true, text, " # SKIP");
}

unsigned int tap_done(void)
{
    print("1..%u", passed + failed);
    print("# done passed=%u failed=%u", passed, failed);
    return failed;
}
