/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "selftest=" on the command line breaks the hypervisor on purpose once it is up, so that tests see
 * that the protection holds and what a fault looks like. Debug builds only.
 */
#include <wherry/bug.h>
#include <wherry/cmdline.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

static volatile uintptr_t nowhere = 8; /* the compiler must not know */
static volatile unsigned int max_depth = ~0u;

static void touch_nothing(void)
{
    *(volatile uint32_t *)nowhere = 1;
}

/* Each level keeps something on the stack and uses it afterwards, so that it is a real call. */
static noinline unsigned int recurse(unsigned int n)
{
    volatile unsigned int keep[32];

    keep[n % 32] = n;
    return n == max_depth ? 0 : recurse(n + 1) + keep[n % 32];
}

static void overflow_stack(void)
{
    printk("selftest: depth %u\n", recurse(0));
}

static void write_text(void)
{
    *(volatile uint32_t *)(uintptr_t)(void *)touch_nothing = 0;
}

static void write_rodata(void)
{
    static const uint32_t constant = 1;

    *(volatile uint32_t *)(uintptr_t)&constant = 2;
}

static void execute_data(void)
{
    static uint32_t code[1] = {0xd65f03c0}; /* RET */
    void (*fn)(void) = (void (*)(void))(uintptr_t)code;

    fn();
}

static void broken_invariant(void)
{
    BUG_ON(nowhere == 8);
}

static const struct {
    const char *name;
    void (*fn)(void);
} tests[] = {
    {"fault", touch_nothing}, {"stack", overflow_stack}, {"wx", write_text},
    {"ro", write_rodata},     {"exec", execute_data},    {"bug", broken_invariant},
};

static void (*chosen)(void); /* boot CPU */

static int select_test(const char *value)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
        if (strcmp(value, tests[i].name) == 0) {
            chosen = tests[i].fn;
            return 0;
        }
    }
    return -EINVAL;
}
CMDLINE_PARAM(selftest, "selftest", select_test);

static int run_selftest(void)
{
    if (chosen == NULL)
        return 0;
    printk("selftest: now\n");
    chosen();
    printk("selftest: SURVIVED what should have been a fault\n");
    return 0;
}
INIT_CALL(INIT_DRIVERS, run_selftest);
