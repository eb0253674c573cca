/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared console (common/console.c) and console_io: lines and prefixes of several writers, the
 * switching of input, rings that fill up, continuation of long writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake.h"
#include <asm/fake.h>
#include <public/xen.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/hypercall.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>

static char out[8192]; /* what went to the wire, without \r */
static size_t out_n;
static const char *typed; /* what getc() gives */
static void (*rx)(void);
static char keys[16];      /* debug keys that ran */
static unsigned int virqs; /* VIRQ_CONSOLE sent */
static unsigned int hooks; /* input hooks called */

static void port_putc(char c)
{
    if (c != '\r' && out_n < sizeof(out) - 1)
        out[out_n++] = c;
}

static int port_getc(void)
{
    return *typed != '\0' ? (unsigned char)*typed++ : -1;
}

static int port_enable(void (*fn)(void))
{
    rx = fn;
    return 0;
}

static const struct serial_ops port = {port_putc, port_getc, port_enable};

void debugkey_run(char key)
{
    keys[strlen(keys)] = key;
}

void evtchn_send_global_virq(struct domain *d, unsigned int virq)
{
    assert_int_equal(virq, VIRQ_CONSOLE);
    assert_true(d->is_control);
    virqs++;
}

static uint64_t args[3]; /* of the hypercall that has to go on */

void arch_hypercall_set_arg(struct vcpu *v, unsigned int n, uint64_t value)
{
    assert_ptr_equal(v, current);
    args[n] = value;
}

static void input_hook(struct domain *d)
{
    assert_non_null(d);
    hooks++;
}

static void type(const char *text)
{
    typed = text;
    rx();
}

static void said(const char *want)
{
    assert_string_equal(out, want);
    memset(out, 0, sizeof(out));
    out_n = 0;
}

static struct domain *d0, *d1;

static int setup(void **state)
{
    (void)state;
    fake_arch_reset();
    console_set_serial(&port);
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
        if (c->level == INIT_DRIVERS)
            c->fn();
    d0 = fake_domain_create(0, 1);
    d1 = fake_domain_create(1, 2);
    assert_int_equal(console_init_domain(d1), 0);
    assert_int_equal(console_init_domain(d0), 0);
    memset(out, 0, sizeof(out));
    memset(keys, 0, sizeof(keys));
    out_n = virqs = hooks = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    console_destroy_domain(d0);
    console_destroy_domain(d1);
    fake_domains_cleanup();
    return fake_alloc_live == 0 ? 0 : -1;
}

static void guest(struct domain *d, const char *s)
{
    console_guest_write(d, s, strlen(s));
}

static void test_lines_are_collected(void **state)
{
    (void)state;
    guest(d1, "hel");
    said("");
    guest(d1, "lo\nwor");
    said("(d1) hello\n");
    guest(d1, "ld\n\n");
    said("(d1) world\n(d1) \n");
}

static void test_control_characters_are_dropped(void **state)
{
    (void)state;
    guest(d1, "a\x1b[2J\tb\x07\r\n");
    said("(d1) a[2J\tb\n");
}

static void test_long_lines_are_cut(void **state)
{
    char line[201];

    (void)state;
    memset(line, 'x', 200);
    line[200] = '\0';
    guest(d1, line);
    assert_int_equal(out_n, 5 + 160 + 1);
    guest(d1, "\n");
    assert_int_equal(out_n, 5 + 160 + 1 + 5 + 40 + 1);
}

static void test_focus_is_written_through(void **state)
{
    (void)state;
    guest(d0, "login: ");
    said("(d0) login: ");
    guest(d0, "root\n");
    said("root\n");
}

static void test_writers_do_not_mix(void **state)
{
    (void)state;
    guest(d0, "login: ");
    guest(d1, "boot\n");
    console_write("(wherry) x\n", 11);
    guest(d0, "me\n");
    said("(d0) login: \n(d1) boot\n(wherry) x\n(d0) me\n");
}

static void test_input_goes_to_control(void **state)
{
    char got[8] = "";

    (void)state;
    type("hey");
    assert_int_equal(virqs, 1);
    assert_int_equal(console_guest_read(d1, got, sizeof(got)), 0);
    assert_int_equal(console_guest_read(d0, got, 2), 2);
    assert_memory_equal(got, "he", 2);
    assert_int_equal(console_guest_read(d0, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'y');
    assert_int_equal(console_guest_read(d0, got, sizeof(got)), 0);
}

static void test_switching(void **state)
{
    char got[8];

    (void)state;
    console_set_input_hook(d1, input_hook);
    type("\1\1\1a");
    said("(wherry) *** input to d1 (Ctrl-A three times to switch)\n");
    assert_int_equal(console_guest_read(d1, got, sizeof(got)), 1);
    assert_int_equal(hooks, 1);
    assert_int_equal(virqs, 0);
    type("\1\1\1q");
    said("(wherry) *** input to the hypervisor ('h' for help)\n");
    assert_string_equal(keys, "q");
    type("\1\1\1z");
    said("(wherry) *** input to d0 (Ctrl-A three times to switch)\n");
    assert_string_equal(keys, "q");
    assert_int_equal(console_guest_read(d0, got, sizeof(got)), 1);
}

static void test_fewer_switch_keys_are_input(void **state)
{
    char got[8];

    (void)state;
    type("\1\1b");
    assert_int_equal(console_guest_read(d0, got, sizeof(got)), 3);
    assert_memory_equal(got, "\1\1b", 3);
    said("");
}

static void test_pending_line_shows_on_switch(void **state)
{
    (void)state;
    guest(d1, "login: ");
    said("");
    type("\1\1\1");
    said("(d1) login: \n(wherry) *** input to d1 (Ctrl-A three times to switch)\n");
}

static void test_full_ring_drops(void **state)
{
    char text[301];
    char got[300];

    (void)state;
    memset(text, 'i', 300);
    text[300] = '\0';
    typed = text;
    while (*typed != '\0')
        rx();
    assert_int_equal(console_guest_read(d0, got, sizeof(got)), 256);
}

static void test_dead_domain_loses_focus(void **state)
{
    (void)state;
    console_destroy_domain(d0);
    said("(wherry) *** input to the hypervisor ('h' for help)\n");
    type("x");
    assert_string_equal(keys, "x");
    assert_int_equal(console_init_domain(d0), 0);
}

static void test_io_write_and_read(void **state)
{
    char got[4] = "";

    (void)state;
    current = d1->vcpu[0];
    memcpy(fake_gva, "text\n", 5);
    assert_int_equal(do_console_io(CONSOLEIO_write, 5, FAKE_GVA_BASE), 0);
    said("(d1) text\n");
    current = d0->vcpu[0];
    type("abc");
    assert_int_equal(do_console_io(CONSOLEIO_read, 2, FAKE_GVA_BASE), 2);
    memcpy(got, fake_gva, 2);
    assert_string_equal(got, "ab");
    current = NULL;
}

static void test_io_errors(void **state)
{
    (void)state;
    current = d1->vcpu[0];
    assert_int_equal(do_console_io(CONSOLEIO_write, 0x80000000u, FAKE_GVA_BASE), -EINVAL);
    assert_int_equal(do_console_io(CONSOLEIO_write, 8, 0x10), -EFAULT);
    assert_int_equal(do_console_io(7, 1, FAKE_GVA_BASE), -ENOSYS);
    said("");
    current = NULL;
}

static void test_io_long_write_continues(void **state)
{
    (void)state;
    current = d1->vcpu[1];
    memset(fake_gva, 'a', 149);
    fake_gva[149] = '\n';
    fake_irq_pending_flag = true;
    args[1] = 150;
    args[2] = FAKE_GVA_BASE;
    for (unsigned int n = 0; n < 2; n++) {
        assert_int_equal(do_console_io(CONSOLEIO_write, (uint32_t)args[1], args[2]), -ERESTART);
        assert_int_equal(args[1], 150 - 64 * (n + 1));
        assert_int_equal(args[2], FAKE_GVA_BASE + 64 * (n + 1));
    }
    assert_int_equal(do_console_io(CONSOLEIO_write, (uint32_t)args[1], args[2]), 0);
    assert_int_equal(out_n, 5 + 150);
    current = NULL;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_are_collected),
        TEST(test_control_characters_are_dropped),
        TEST(test_long_lines_are_cut),
        TEST(test_focus_is_written_through),
        TEST(test_writers_do_not_mix),
        TEST(test_input_goes_to_control),
        TEST(test_switching),
        TEST(test_fewer_switch_keys_are_input),
        TEST(test_pending_line_shows_on_switch),
        TEST(test_full_ring_drops),
        TEST(test_dead_domain_loses_focus),
        TEST(test_io_write_and_read),
        TEST(test_io_errors),
        TEST(test_io_long_write_continues),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
