/* SPDX-License-Identifier: Apache-2.0 */
/* What guests and device models can make the hypervisor say: the real common/printk.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <asm/fake.h>
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/printk.h>

static unsigned int lines;
static char last[512];

void console_write(const char *s, size_t n)
{
    lines++;
    snprintf(last, sizeof(last), "%.*s", (int)n, s);
}

void bug_at(const char *file, int line, const char *what)
{
    panic("%s:%d: %s", file, line, what);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    abort();
}

static struct domain d1 = {.id = 1}, d2 = {.id = 2};
static struct vcpu v1 = {.domain = &d1}, v2 = {.domain = &d2};

static unsigned int flood(struct vcpu *v, unsigned int n)
{
    unsigned int before = lines;

    current = v;
    for (unsigned int i = 0; i < n; i++)
        gprintk("line %u\n", i);
    current = NULL;
    return lines - before;
}

/* A burst of 20, then one each 100 ms; each domain by itself; what was dropped is counted. */
static void xsa_118_a_guest_cannot_flood_the_log(void **state)
{
    unsigned int n = 0;

    (void)state;
    fake_now = 1000000000;
    assert_int_equal(flood(&v1, 100000), 20);
    assert_int_equal(flood(&v1, 100000), 0);
    assert_int_equal(flood(&v2, 5), 5);
    fake_now += 100000000;
    assert_int_equal(flood(&v1, 100000), 2); /* the count, and the line */
    for (unsigned int ms = 0; ms < 10000; ms += 10) {
        fake_now += 10000000;
        n += flood(&v1, 1000);
    }
    assert_in_range(n, 190, 202); /* 10 s: two lines each 100 ms */
}

/* A line is cut, not overrun, and what a guest chose of it is never a format. */
static void xsa_118_long_lines_are_cut(void **state)
{
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fake_now += 100000000000;
    current = &v1;
    gprintk("%s\n", text);
    assert_in_range(strlen(last), 100, 300);
    gprintk("%s\n", "%s%s%n%x");
    assert_non_null(strstr(last, "%s%s%n%x"));
    current = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xsa_118_a_guest_cannot_flood_the_log),
        cmocka_unit_test(xsa_118_long_lines_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
