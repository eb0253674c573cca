/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "selftest=" on the command line breaks the hypervisor on purpose once it is up, so that tests see
 * that the protection holds and what a fault looks like. Debug builds only.
 */
#include <asm/setup.h>
#include <wherry/bug.h>
#include <wherry/cmdline.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/timer.h>

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

/* What only booting needed is gone once guests run, from which a timer fires. */
static void read_init(void *data)
{
    (void)data;
    printk("selftest: .init holds %x\n", *(volatile uint32_t *)(uintptr_t)_init_text_start);
    printk("selftest: SURVIVED what should have been a fault\n");
}

static void touch_init_later(void)
{
    static struct timer later;

    timer_init(&later, read_init, NULL, smp_processor_id());
    timer_set(&later, arch_now() + MILLISECS(200));
}

static const struct {
    const char *name;
    void (*fn)(void);
    bool returns;
} tests[] = {
    {"fault", touch_nothing, false},  {"stack", overflow_stack, false},
    {"wx", write_text, false},        {"ro", write_rodata, false},
    {"exec", execute_data, false},    {"bug", broken_invariant, false},
    {"init", touch_init_later, true},
};

static int chosen = -1; /* index; boot CPU */

static int select_test(const char *value)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
        if (strcmp(value, tests[i].name) == 0) {
            chosen = (int)i;
            return 0;
        }
    }
    return -EINVAL;
}
CMDLINE_PARAM(selftest, "selftest", select_test);

static int run_selftest(void)
{
    if (chosen < 0)
        return 0;
    printk("selftest: %s\n", tests[chosen].name);
    tests[chosen].fn();
    if (!tests[chosen].returns)
        printk("selftest: SURVIVED what should have been a fault\n");
    return 0;
}
INIT_CALL(INIT_DRIVERS, run_selftest);
