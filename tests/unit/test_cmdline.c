/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's command line (common/cmdline.c): words, values, and where /chosen has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <wherry/cmdline.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

static char said[1024]; /* what printk() was given */
static char seen[256];  /* "name=value;" of each call of a parameter */

void printk(const char *fmt, ...)
{
    size_t used = strlen(said);
    va_list args;

    va_start(args, fmt);
    vsnprintf(said + used, sizeof(said) - used, fmt, args);
    va_end(args);
}

/* fdt.c wants it for paths, which nobody asks for here; string.c would replace the C library's. */
size_t str_copy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

static int note(const char *name, const char *value)
{
    size_t used = strlen(seen);

    snprintf(seen + used, sizeof(seen) - used, "%s=%s;", name, value);
    return strcmp(value, "bad") == 0 ? -EINVAL : 0;
}

static int alpha(const char *value)
{
    return note("alpha", value);
}
CMDLINE_PARAM(alpha, "alpha", alpha);

static int beta(const char *value)
{
    return note("beta", value);
}
CMDLINE_PARAM(beta, "beta", beta);

static struct fdt tree;
static uint8_t blob[2048];

const struct fdt *host_fdt(void)
{
    return &tree;
}

static int setup(void **state)
{
    (void)state;
    said[0] = seen[0] = '\0';
    return 0;
}

static const char *module_type = "multiboot,kernel";

/* A tree with these properties of /chosen (NULL: none), and maybe a kernel module with bootargs. */
static void make_tree(const char *xen, const char *dom0, const char *bootargs, const char *module)
{
    struct fdt_writer w;

    fdtw_begin(&w, blob, sizeof(blob));
    fdtw_begin_node(&w, "");
    fdtw_begin_node(&w, "chosen");
    if (xen != NULL)
        fdtw_prop_string(&w, "xen,xen-bootargs", xen);
    if (dom0 != NULL)
        fdtw_prop_string(&w, "xen,dom0-bootargs", dom0);
    if (bootargs != NULL)
        fdtw_prop_string(&w, "bootargs", bootargs);
    if (module != NULL) {
        fdtw_begin_node(&w, "module@0");
        fdtw_prop_string(&w, "compatible", module_type);
        fdtw_prop_string(&w, "bootargs", module);
        fdtw_end_node(&w);
    }
    fdtw_end_node(&w);
    fdtw_end_node(&w);
    assert_true(fdtw_finish(&w, 0) > 0);
    assert_int_equal(fdt_check(&tree, blob, sizeof(blob)), 0);
}

/* What the INIT_EARLY step does with such a tree. */
static void run_init(void)
{
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
        assert_int_equal(c->fn(), 0);
}

static void test_words(void **state)
{
    (void)state;
    cmdline_parse("  alpha=1\tbeta \n alpha=x=y ");
    assert_string_equal(seen, "alpha=1;beta=;alpha=x=y;");
    assert_string_equal(said, "");
}

static void test_empty(void **state)
{
    (void)state;
    cmdline_parse("");
    cmdline_parse("   ");
    assert_string_equal(seen, "");
    assert_string_equal(said, "");
}

static void test_unknown_is_one_line(void **state)
{
    (void)state;
    cmdline_parse("gamma=7 alph alpha=2 alphabet");
    assert_string_equal(seen, "alpha=2;");
    assert_string_equal(said, "command line: gamma is not known, ignored\n"
                              "command line: alph is not known, ignored\n"
                              "command line: alphabet is not known, ignored\n");
}

static void test_bad_value_is_reported(void **state)
{
    (void)state;
    cmdline_parse("alpha=bad beta=1");
    assert_string_equal(seen, "alpha=bad;beta=1;");
    assert_string_equal(said, "command line: alpha: bad value \"bad\" (-22)\n");
}

static void test_long_word_is_ignored(void **state)
{
    char line[400];

    (void)state;
    memset(line, 'x', 300);
    strcpy(line + 300, " beta=1");
    cmdline_parse(line);
    assert_string_equal(seen, "beta=1;");
    assert_non_null(strstr(said, "300 characters"));
}

static void test_chosen_own_property(void **state)
{
    (void)state;
    make_tree("alpha=1", "beta=2", "beta=3", NULL);
    run_init();
    assert_string_equal(seen, "alpha=1;");
}

static void test_chosen_bootargs_with_dom0_args(void **state)
{
    (void)state;
    make_tree(NULL, "beta=2", "alpha=3", NULL);
    run_init();
    assert_string_equal(seen, "alpha=3;");
}

static void test_chosen_bootargs_with_module_args(void **state)
{
    (void)state;
    make_tree(NULL, NULL, "alpha=4", "beta=5");
    run_init();
    assert_string_equal(seen, "alpha=4;");
}

/* A module without a type is the kernel, too; a ramdisk's or empty line is none of a kernel. */
static void test_chosen_bootargs_by_kind_of_module(void **state)
{
    static const struct {
        const char *type, *args, *want;
    } kind[] = {{"multiboot,module", "b", "alpha=7;"},
                {"xen,linux-zimage", "b", "alpha=7;"},
                {"xen,multiboot-module", "b", "alpha=7;"},
                {"multiboot,ramdisk", "b", ""},
                {"xen,domain", "b", ""},
                {"multiboot,kernel", "", ""}};

    for (unsigned int i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
        setup(state);
        module_type = kind[i].type;
        make_tree(NULL, NULL, "alpha=7", kind[i].args);
        module_type = "multiboot,kernel";
        run_init();
        assert_string_equal(seen, kind[i].want);
    }
}

static void test_chosen_bootargs_alone_are_the_kernels(void **state)
{
    (void)state;
    make_tree(NULL, NULL, "alpha=6", NULL);
    run_init();
    assert_string_equal(seen, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_words, setup),
        cmocka_unit_test_setup(test_empty, setup),
        cmocka_unit_test_setup(test_unknown_is_one_line, setup),
        cmocka_unit_test_setup(test_bad_value_is_reported, setup),
        cmocka_unit_test_setup(test_long_word_is_ignored, setup),
        cmocka_unit_test_setup(test_chosen_own_property, setup),
        cmocka_unit_test_setup(test_chosen_bootargs_with_dom0_args, setup),
        cmocka_unit_test_setup(test_chosen_bootargs_with_module_args, setup),
        cmocka_unit_test_setup(test_chosen_bootargs_by_kind_of_module, setup),
        cmocka_unit_test_setup(test_chosen_bootargs_alone_are_the_kernels, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
