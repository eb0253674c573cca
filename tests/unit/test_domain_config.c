/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/boot/domain_config.c: domains described as Xen's boot protocol on Arm describes them, in
 * every form that it allows; what is malformed costs one line and that domain only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dts.h"
#include "lib_model.h"

#include <wherry/boot.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define MAX_LINES 64

static struct boot_config config;
static struct control_options options;
static char lines[MAX_LINES][200];
static unsigned int nr_lines;
static void *blob;
static struct fdt tree;

static void keep_line(void *ctx, const char *line)
{
    assert_ptr_equal(ctx, &config);
    assert_true(nr_lines < MAX_LINES);
    str_copy(lines[nr_lines++], line, sizeof(lines[0]));
}

/* Parses the tree whose /chosen has this text, two cells for each address and size there. */
static void parse(const char *chosen)
{
    static const char head[] = "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; chosen { "
                               "#address-cells = <2>; #size-cells = <2>;\n";
    char source[8192];
    size_t size;

    free(blob);
    sprintf(source, "%s%s\n}; };\n", head, chosen);
    blob = dts_compile(source, &size);
    nr_lines = 0;
    assert_int_equal(fdt_check(&tree, blob, size), 0);
    boot_config_parse(&tree, &options, &config, keep_line, &config);
}

static int teardown(void **state)
{
    (void)state;
    free(blob);
    blob = NULL;
    options = (struct control_options){0};
    return 0;
}

/* The only line said is this one. */
static void expect_line(const char *line)
{
    assert_int_equal(nr_lines, 1);
    assert_string_equal(lines[0], line);
}

static void expect_module(const struct boot_module *m, uint64_t addr, uint64_t size)
{
    assert_true(m->addr == addr && m->size == size);
}

/* --- control domain --- */

#define DOM0_KERNEL                                                                \
    "module@48000000 { compatible = \"multiboot,kernel\", \"multiboot,module\";\n" \
    " reg = <0 0x48000000 0 0x1000000>; };\n"

static void control_domain_with_typed_modules(void **state)
{
    (void)state;
    options = (struct control_options){.memory = (UINT64_C(256) << 20) + 5, .cpus = 3};
    parse("xen,xen-bootargs = \"dom0_mem=256M\"; xen,dom0-bootargs = \"console=hvc0\";\n"
          "module@49000000 { compatible = \"multiboot,ramdisk\", \"multiboot,module\";\n"
          " reg = <1 0x49000000 0 0x2000>; };\n" DOM0_KERNEL
          "module@4a000000 { compatible = \"multiboot,device-tree\", \"multiboot,module\";\n"
          " reg = <0 0x4a000000 0 0x3000>; };\n");
    assert_int_equal(nr_lines, 0);
    assert_int_equal(config.nr_doms, 1);
    assert_true(config.doms[0].is_control && config.doms[0].enhanced && !config.doms[0].vpl011);
    assert_int_equal(config.doms[0].id, 0);
    assert_int_equal(config.doms[0].cpus, 3);
    assert_int_equal(config.doms[0].memory, 256u << 20);
    assert_int_equal(config.doms[0].device_model_for, -1);
    assert_int_equal(config.doms[0].nr_spis, BOOT_DEFAULT_SPIS);
    assert_string_equal(config.doms[0].bootargs, "console=hvc0");
    expect_module(&config.doms[0].kernel, 0x48000000, 0x1000000);
    expect_module(&config.doms[0].ramdisk, UINT64_C(0x149000000), 0x2000);
    expect_module(&config.doms[0].device_tree, 0x4a000000, 0x3000);
}

/* Without types the order says it: kernel, ramdisk. Typed ones in between do not count. */
static void untyped_modules_go_by_order(void **state)
{
    (void)state;
    parse("a { compatible = \"multiboot,device-tree\", \"multiboot,module\"; reg = <0 1 0 1>; };\n"
          "b { compatible = \"multiboot,module\"; reg = <0 2 0 1>; };\n"
          "c { compatible = \"xen,multiboot-module\"; reg = <0 3 0 1>; };\n");
    assert_int_equal(config.nr_doms, 1);
    assert_int_equal(nr_lines, 0);
    expect_module(&config.doms[0].device_tree, 1, 1);
    expect_module(&config.doms[0].kernel, 2, 1);
    expect_module(&config.doms[0].ramdisk, 3, 1);
}

static void old_names_of_modules(void **state)
{
    (void)state;
    parse("a { compatible = \"xen,linux-initrd\", \"xen,multiboot-module\"; reg = <0 3 0 1>; };\n"
          "b { compatible = \"xen,linux-zimage\", \"xen,multiboot-module\"; reg = <0 2 0 1>;\n"
          "    bootargs = \"old\"; };\n"
          "c { compatible = \"xen,xsm-policy\", \"multiboot,module\"; reg = <0 4 0 1>; };\n");
    assert_int_equal(config.nr_doms, 1);
    expect_module(&config.doms[0].kernel, 2, 1);
    expect_module(&config.doms[0].ramdisk, 3, 1);
    assert_string_equal(config.doms[0].bootargs, "old");
    expect_line("device tree: /chosen/c: compatible: no kind of module that is used here, ignored");
}

static const char *control_bootargs(const char *chosen, const char *module)
{
    char text[512];

    sprintf(text,
            "%s module@0 { compatible = \"multiboot,kernel\", \"multiboot,module\";\n"
            " reg = <0 1 0 1>; %s };\n",
            chosen, module);
    parse(text);
    assert_int_equal(config.nr_doms, 1);
    return config.doms[0].bootargs;
}

static void control_command_line(void **state)
{
#define ALL  "bootargs = \"all\"; "
#define XEN  "xen,xen-bootargs = \"x\"; "
#define DOM0 "xen,dom0-bootargs = \"dom0\"; "
#define MOD  "bootargs = \"mod\";"
    (void)state;
    assert_string_equal(control_bootargs("", ""), "");
    assert_string_equal(control_bootargs(ALL, ""), "all");
    assert_string_equal(control_bootargs(ALL XEN, ""), "all");
    assert_string_equal(control_bootargs(ALL, MOD), "mod");
    assert_string_equal(control_bootargs(ALL XEN, MOD), "mod");
    assert_string_equal(control_bootargs(ALL DOM0, ""), "dom0");
    assert_string_equal(control_bootargs(ALL XEN DOM0, MOD), "dom0");
    assert_string_equal(control_bootargs(XEN, ""), "");
    assert_string_equal(control_bootargs(ALL "xen,dom0-bootargs = \"\"; ", MOD), "");
    assert_int_equal(nr_lines, 0);
}

static void control_domain_defaults(void **state)
{
    (void)state;
    parse(DOM0_KERNEL);
    assert_int_equal(config.doms[0].memory, BOOT_CONTROL_MEMORY);
    assert_int_equal(config.doms[0].cpus, 1);
    options.cpus = CONFIG_MAX_VCPUS + 1;
    parse(DOM0_KERNEL);
    assert_int_equal(config.doms[0].cpus, CONFIG_MAX_VCPUS);
}

static void nothing_described(void **state)
{
    size_t size;

    (void)state;
    parse("");
    assert_int_equal(config.nr_doms, 0);
    assert_int_equal(nr_lines, 0);
    free(blob);
    blob = dts_compile("/dts-v1/; / { };", &size);
    assert_int_equal(fdt_check(&tree, blob, size), 0);
    config.nr_doms = 5;
    boot_config_parse(&tree, &options, &config, keep_line, &config);
    assert_int_equal(config.nr_doms, 0);
    expect_line("device tree: /chosen: missing: no domains are described");
}

/* --- domains --- */

#define DOM_KERNEL \
    "k { compatible = \"multiboot,kernel\", \"multiboot,module\"; reg = <0 0x100 0 0x10>; };\n"

#define DOMAIN(name, properties)                                                                \
    name " { compatible = \"xen,domain\"; #address-cells = <2>; #size-cells = <2>; " properties \
         " " DOM_KERNEL " };\n"

#define MEMORY "memory = <0 0x20000>;"

static void domain_with_everything(void **state)
{
    const struct domain_config *c = &config.doms[0];

    (void)state;
    parse("domU1 { compatible = \"xen,domain\"; #address-cells = <1>; #size-cells = <1>;\n"
          " cpus = <4>; memory = <0x1 0x3>; vpl011; nr_spis = <64>; xen,enhanced = \"enabled\";\n"
          " module@1 { compatible = \"multiboot,kernel\", \"multiboot,module\";\n"
          "  reg = <0x80000000 0x900000>; bootargs = \"console=ttyAMA0 root=/dev/ram\"; };\n"
          " module@2 { compatible = \"multiboot,ramdisk\", \"multiboot,module\";\n"
          "  reg = <0x90000000 0x5000>; };\n"
          " module@3 { compatible = \"multiboot,device-tree\", \"multiboot,module\";\n"
          "  reg = <0xa0000000 0x600>; };\n"
          " vcpu0 { compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"1\"; };\n"
          " vcpu2 { compatible = \"xen,vcpu\"; id = <2>; hard-affinity = \"0,4-6,63\"; };\n"
          "};\n");
    assert_int_equal(nr_lines, 0);
    assert_int_equal(config.nr_doms, 1);
    assert_int_equal(c->id, 1);
    assert_string_equal(c->name, "domU1");
    assert_false(c->is_control);
    assert_true(c->vpl011 && c->enhanced);
    assert_int_equal(c->cpus, 4);
    assert_int_equal(c->memory, (UINT64_C(0x100000003) << 10) & PAGE_MASK);
    assert_int_equal(c->nr_spis, 64);
    assert_string_equal(c->bootargs, "console=ttyAMA0 root=/dev/ram");
    expect_module(&c->kernel, 0x80000000, 0x900000);
    expect_module(&c->ramdisk, 0x90000000, 0x5000);
    expect_module(&c->device_tree, 0xa0000000, 0x600);
    assert_int_equal(c->affinity[0], 2);
    assert_int_equal(c->affinity[1], 0);
    assert_int_equal(c->affinity[2], UINT64_C(1) << 63 | 0x71);
}

static void domain_defaults(void **state)
{
    const struct domain_config *c = &config.doms[1];

    (void)state;
    parse(DOM0_KERNEL DOMAIN("a", "memory = <4096>;") DOMAIN("b", "memory = <0 7>;"));
    assert_int_equal(config.nr_doms, 3);
    assert_int_equal(nr_lines, 0);
    assert_int_equal(c->id, 1);
    assert_int_equal(c->cpus, 1);
    assert_int_equal(c->memory, 4u << 20);
    assert_int_equal(c->nr_spis, BOOT_DEFAULT_SPIS);
    assert_true(c->enhanced && !c->vpl011 && !c->is_control);
    assert_string_equal(c->bootargs, "");
    assert_int_equal(c->ramdisk.size, 0);
    assert_int_equal(c->device_tree.size, 0);
    assert_int_equal(config.doms[2].id, 2);
    assert_int_equal(config.doms[2].memory, 4096); /* whole pages */
}

static void enhanced_forms(void **state)
{
    static const struct {
        const char *text;
        bool on;
    } form[] = {{"xen,enhanced;", true},
                {"xen,enhanced = \"\";", true},
                {"xen,enhanced = \"enabled\";", true},
                {"xen,enhanced = \"no-xenstore\";", true},
                {"xen,enhanced = \"disabled\";", false}};
    char text[512];

    (void)state;
    for (unsigned int i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
        sprintf(text, DOMAIN("d", MEMORY "%s"), form[i].text);
        parse(text);
        assert_int_equal(nr_lines, 0);
        assert_int_equal(config.nr_doms, 1);
        assert_int_equal(config.doms[0].enhanced, form[i].on);
    }
}

/* --- malformed --- */

#define LEFT_OUT "; domain left out"

static void malformed_domains_are_left_out(void **state)
{
    static const struct {
        const char *domain, *line;
    } bad[] = {
        {"cpus = <0>;" MEMORY, "cpus: not a number of vCPUs that can be had" LEFT_OUT},
        {"cpus = <129>;" MEMORY, "cpus: not a number of vCPUs that can be had" LEFT_OUT},
        {"cpus = <1 2>;" MEMORY, "cpus: not a number of vCPUs that can be had" LEFT_OUT},
        {"cpus = \"a\";" MEMORY, "cpus: not a number of vCPUs that can be had" LEFT_OUT},
        {"", "memory: missing or not a size in KiB" LEFT_OUT},
        {"memory = <0 0>;", "memory: missing or not a size in KiB" LEFT_OUT},
        {"memory = <0 3>;", "memory: missing or not a size in KiB" LEFT_OUT},
        {"memory = <0 1 2>;", "memory: missing or not a size in KiB" LEFT_OUT},
        {"memory = <0x400000 0>;", "memory: missing or not a size in KiB" LEFT_OUT},
        {"nr_spis = <961>;" MEMORY, "nr_spis: not a number from 0 to 960" LEFT_OUT},
        {"nr_spis = <0xffffffff>;" MEMORY, "nr_spis: not a number from 0 to 960" LEFT_OUT},
        {"nr_spis;" MEMORY, "nr_spis: not a number from 0 to 960" LEFT_OUT},
        {"xen,enhanced = \"on\";" MEMORY, "xen,enhanced: neither enabled nor disabled" LEFT_OUT},
        {"xen,enhanced = <1>;" MEMORY, "xen,enhanced: neither enabled nor disabled" LEFT_OUT},
        {"bootargs = [61 62];" MEMORY, "bootargs: not a string" LEFT_OUT},
    };
    char text[2048], line[200];

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sprintf(text, DOMAIN("first", MEMORY) DOMAIN("bad", "%s") DOMAIN("last", MEMORY),
                bad[i].domain);
        parse(text);
        sprintf(line, "device tree: /chosen/bad: %s", bad[i].line);
        expect_line(line);
        assert_int_equal(config.nr_doms, 2);
        assert_string_equal(config.doms[0].name, "first");
        assert_string_equal(config.doms[1].name, "last");
        assert_int_equal(config.doms[0].id, 1);
        assert_int_equal(config.doms[1].id, 3);
    }
}

static void malformed_modules(void **state)
{
#define MODULE_DOMAIN(module)                                                          \
    "d { compatible = \"xen,domain\"; #address-cells = <2>; #size-cells = <2>;" MEMORY \
    " m { compatible = \"multiboot,kernel\", \"multiboot,module\"; " module "}; };"
#define BAD_REG "device tree: /chosen/d/m: reg: missing or malformed; domain left out"
    static const struct {
        const char *text, *line;
    } bad[] = {
        {MODULE_DOMAIN(""), BAD_REG},
        {MODULE_DOMAIN("reg = <0 1 0>;"), BAD_REG},
        {MODULE_DOMAIN("reg = <0 1 0 0>;"), BAD_REG},
        {MODULE_DOMAIN("reg = <0xffffffff 0xffffffff 0 1>;"), BAD_REG},
        {MODULE_DOMAIN("reg = <0 1 0 1>; bootargs = [61];"),
         "device tree: /chosen/d/m: bootargs: not a string; domain left out"},
        {"d { compatible = \"xen,domain\"; " MEMORY " };",
         "device tree: /chosen/d: multiboot,kernel: no such module; domain left out"},
        {"m { compatible = \"multiboot,kernel\"; reg = <0 1>; };",
         "device tree: /chosen/m: reg: missing or malformed; domain left out"},
        {"xen,dom0-bootargs = [61 62];" DOM0_KERNEL,
         "device tree: /chosen: xen,dom0-bootargs: not a string; domain left out"},
    };

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        parse(bad[i].text);
        expect_line(bad[i].line);
        assert_int_equal(config.nr_doms, 0);
    }
}

/* A malformed control domain does not stop the others. */
static void others_start_without_control(void **state)
{
    (void)state;
    parse("m { compatible = \"multiboot,kernel\"; }; " DOMAIN("d", MEMORY));
    assert_int_equal(nr_lines, 1);
    assert_int_equal(config.nr_doms, 1);
    assert_int_equal(config.doms[0].id, 1);
    assert_false(config.doms[0].is_control);
}

static void odd_things_are_named_and_ignored(void **state)
{
    (void)state;
    parse("xen,static-heap = <1>; stdout-path = \"x\";" DOMAIN(
        "d",
        MEMORY "direct-map; xen,static-mem = <1>;"
               "a { compatible = \"multiboot,kernel\", \"multiboot,module\"; reg = <0 9 0 9>; };"
               "b { compatible = \"xen,vcpu\"; id = <1>; hard-affinity = \"0\"; };"
               "c { compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"3-\"; };"
               "e { compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"4294967297\"; };"
               "f { compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"0,5-4\"; };"
               "g { compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"1 2\"; };"
               "h { compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"\"; };"));
    assert_int_equal(config.nr_doms, 1);
    assert_int_equal(config.doms[0].affinity[0], 0);
    assert_int_equal(nr_lines, 10);
    assert_string_equal(lines[0], "device tree: /chosen: xen,static-heap: not known, ignored");
    assert_string_equal(lines[1], "device tree: /chosen/d: direct-map: not known, ignored");
    assert_string_equal(lines[2], "device tree: /chosen/d: xen,static-mem: not known, ignored");
    assert_string_equal(lines[3],
                        "device tree: /chosen/d/k: compatible: the domain has a module of "
                        "this kind already, ignored");
    assert_string_equal(lines[4],
                        "device tree: /chosen/d/b: id: not a vCPU of the domain, ignored");
    for (unsigned int i = 5; i < 10; i++)
        assert_non_null(
            __builtin_strstr(lines[i], ": hard-affinity: not a list of pCPUs, ignored"));
}

static void too_many_domains(void **state)
{
    char text[8000] = "";

    (void)state;
    for (unsigned int i = 0; i < CONFIG_MAX_DOMAINS + 2; i++)
        sprintf(text + strlen(text), DOMAIN("d%u", MEMORY), i);
    parse(text);
    assert_int_equal(config.nr_doms, CONFIG_MAX_DOMAINS - 1); /* 0 is the control domain's */
    assert_int_equal(config.doms[config.nr_doms - 1].id, CONFIG_MAX_DOMAINS - 1);
    assert_int_equal(nr_lines, 3);
}

/* --- who serves whom --- */

static void device_model_by_name_or_phandle(void **state)
{
    static const char *const how[] = {"\"dm\"", "<&dm>", "\"dm@1\""};
    char text[1024];

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        sprintf(text,
                DOMAIN("guest", MEMORY "wherry,device-model = %s;") DOMAIN("dm: dm@1", MEMORY),
                how[i]);
        parse(text);
        assert_int_equal(nr_lines, 0);
        assert_int_equal(config.doms[0].device_model_for, -1);
        assert_int_equal(config.doms[1].device_model_for, config.doms[0].id);
    }
    parse(DOM0_KERNEL DOMAIN("guest", MEMORY "wherry,device-model = \"control\";"));
    assert_int_equal(nr_lines, 0);
    assert_int_equal(config.doms[0].device_model_for, 1);
}

static void bad_device_models(void **state)
{
#define NO_OTHER "device tree: /chosen/g: wherry,device-model: names no other domain, ignored"
    static const char *const bad[] = {"\"g\"", "\"nobody\"", "<&g>", "<77>", "[61]", "<1 2>"};
    char text[1024];

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sprintf(text, DOMAIN("g: g", MEMORY "wherry,device-model = %s;") DOMAIN("h", MEMORY),
                bad[i]);
        parse(text);
        expect_line(NO_OTHER);
        assert_int_equal(config.nr_doms, 2);
        assert_int_equal(config.doms[0].device_model_for, -1);
        assert_int_equal(config.doms[1].device_model_for, -1);
    }
    parse(DOMAIN("a", MEMORY "wherry,device-model = \"c\";")
              DOMAIN("b", MEMORY "wherry,device-model = \"c\";") DOMAIN("c", MEMORY));
    expect_line("device tree: /chosen/b: wherry,device-model: that domain serves another one "
                "already, ignored");
    assert_int_equal(config.doms[2].device_model_for, 1);
}

/* Any damage that still is a tree parses or is reported; the sanitizer watches. */
static void damaged_descriptions_are_safe(void **state)
{
    size_t size;
    uint8_t *good = dts_compile(
        "/dts-v1/; / { chosen { #address-cells = <2>; #size-cells = <2>;"
        "bootargs = \"a\";" DOM0_KERNEL DOMAIN("a", MEMORY "cpus = <2>;") DOMAIN(
            "b", MEMORY "vpl011; wherry,device-model = \"a\"; v {"
                        "compatible = \"xen,vcpu\"; id = <0>; hard-affinity = \"1-3\"; };") "}; };",
        &size);
    unsigned int parsed = 0;

    (void)state;
    free(blob);
    blob = malloc(size);
    for (unsigned int round = 0; round < 20000; round++) {
        memcpy(blob, good, size);
        for (unsigned int hits = 1 + (unsigned int)model_random(4); hits > 0; hits--)
            ((uint8_t *)blob)[model_random(size)] = (uint8_t)model_random(256);
        if (fdt_check(&tree, blob, size) != 0)
            continue;
        parsed++;
        nr_lines = 0;
        boot_config_parse(&tree, &options, &config, keep_line, &config);
        assert_true(config.nr_doms <= 3);
        for (unsigned int i = 0; i < config.nr_doms; i++)
            assert_true(config.doms[i].kernel.size != 0 && config.doms[i].cpus != 0);
    }
    assert_true(parsed > 1000);
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(control_domain_with_typed_modules, teardown),
        cmocka_unit_test_teardown(untyped_modules_go_by_order, teardown),
        cmocka_unit_test_teardown(old_names_of_modules, teardown),
        cmocka_unit_test_teardown(control_command_line, teardown),
        cmocka_unit_test_teardown(control_domain_defaults, teardown),
        cmocka_unit_test_teardown(nothing_described, teardown),
        cmocka_unit_test_teardown(domain_with_everything, teardown),
        cmocka_unit_test_teardown(domain_defaults, teardown),
        cmocka_unit_test_teardown(enhanced_forms, teardown),
        cmocka_unit_test_teardown(malformed_domains_are_left_out, teardown),
        cmocka_unit_test_teardown(malformed_modules, teardown),
        cmocka_unit_test_teardown(others_start_without_control, teardown),
        cmocka_unit_test_teardown(odd_things_are_named_and_ignored, teardown),
        cmocka_unit_test_teardown(too_many_domains, teardown),
        cmocka_unit_test_teardown(device_model_by_name_or_phandle, teardown),
        cmocka_unit_test_teardown(bad_device_models, teardown),
        cmocka_unit_test_teardown(damaged_descriptions_are_safe, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
