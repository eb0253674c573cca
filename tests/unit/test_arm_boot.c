/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Arm guest finds when it starts: where its images are (arch/arm/kernel_image.c) and what
 * its device tree says (arch/arm/domain_fdt.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dts.h"
#include "lib_model.h"

#include <asm/domain_fdt.h>
#include <asm/kernel_image.h>
#include <public/arch-arm.h>
#include <public/device_tree_defs.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)

/* --- where images go --- */

static uint8_t image[4096];

static void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* An arm64 Image header. */
static void make_image(uint64_t text_offset, uint64_t image_size)
{
    memset(image, 0, sizeof(image));
    put_le(image + 8, text_offset, 8);
    put_le(image + 16, image_size, 8);
    put_le(image + 24, 0xa, 8);
    memcpy(image + 56, "ARM\x64", 4);
}

static struct guest_layout layout;

/* Places into one bank of that size at 1 GiB. */
static int place(uint64_t bank, uint64_t file, uint64_t initrd, uint64_t fdt)
{
    layout = (struct guest_layout){.nr_banks = 1, .bank = {{GIB, bank}}};
    return guest_layout_place(&layout, image, file, initrd, fdt);
}

/* Everything is inside the bank, apart from each other, aligned as the boot protocol asks. */
static void check_layout(uint64_t bank, uint64_t file, uint64_t initrd, uint64_t fdt)
{
    uint64_t end = GIB + bank;

    assert_true(layout.kernel_addr >= GIB && layout.kernel_end >= layout.kernel_addr + file);
    assert_true(layout.kernel_end <= end);
    assert_int_equal(layout.fdt_addr % (2 * MIB), 0);
    assert_true(layout.fdt_addr >= layout.kernel_end && layout.fdt_addr + fdt <= end);
    assert_int_equal(layout.initrd_size, initrd);
    assert_true(layout.initrd_addr >= layout.fdt_addr + fdt);
    assert_true(layout.initrd_addr + initrd <= end);
}

static void image_goes_to_its_offset(void **state)
{
    (void)state;
    make_image(0x80000, 20 * MIB);
    assert_int_equal(place(512 * MIB, sizeof(image), 5 * MIB, 65536), 0);
    assert_int_equal(layout.kernel_addr, GIB + 0x80000);
    assert_int_equal(layout.kernel_end, GIB + 0x80000 + 20 * MIB);
    check_layout(512 * MIB, sizeof(image), 5 * MIB, 65536);
    make_image(0, 20 * MIB);
    assert_int_equal(place(512 * MIB, sizeof(image), 0, 65536), 0);
    assert_int_equal(layout.kernel_addr, GIB);
    /* Kernels before 3.17 have no size, and an offset that need not be read. */
    make_image(0x123, 0);
    assert_int_equal(place(512 * MIB, 3 * MIB, 0, 65536), 0);
    assert_int_equal(layout.kernel_addr, GIB + 0x80000);
    assert_int_equal(layout.kernel_end, GIB + 0x80000 + 3 * MIB);
    /* The file may be longer than what the header says. */
    make_image(0, MIB);
    assert_int_equal(place(512 * MIB, 9 * MIB, 0, 65536), 0);
    assert_int_equal(layout.kernel_end, GIB + 9 * MIB);
}

static void raw_kernel_goes_to_the_start(void **state)
{
    (void)state;
    make_image(0x80000, 20 * MIB);
    image[59] = 'x';
    assert_int_equal(place(64 * MIB, sizeof(image), 0, 4096), 0);
    assert_int_equal(layout.kernel_addr, GIB);
    assert_int_equal(layout.kernel_end, GIB + sizeof(image));
    /* Too short for a header, whatever lies behind it. */
    make_image(0x80000, 20 * MIB);
    assert_int_equal(place(64 * MIB, 63, 0, 4096), 0);
    assert_int_equal(layout.kernel_addr, GIB);
}

static void bad_images_are_refused(void **state)
{
    (void)state;
    make_image(2 * MIB, 20 * MIB);
    assert_int_equal(place(512 * MIB, sizeof(image), 0, 65536), -EINVAL);
    make_image(UINT64_MAX, 20 * MIB);
    assert_int_equal(place(512 * MIB, sizeof(image), 0, 65536), -EINVAL);
    make_image(0, UINT64_MAX);
    assert_int_equal(place(512 * MIB, sizeof(image), 0, 65536), -ENOMEM);
    make_image(0, UINT64_C(1) << 63);
    assert_int_equal(place(512 * MIB, sizeof(image), 0, 65536), -ENOMEM);
    make_image(0, 20 * MIB);
    assert_int_equal(place(512 * MIB, sizeof(image), UINT64_MAX - 100, 65536), -ENOMEM);
    layout = (struct guest_layout){0};
    assert_int_equal(guest_layout_place(&layout, image, sizeof(image), 0, 4096), -ENOMEM);
}

/* Any sizes: a layout that holds, or -ENOMEM; and never -ENOMEM when there is plenty. */
static void any_sizes(void **state)
{
    unsigned int placed = 0, refused = 0;

    (void)state;
    for (unsigned int round = 0; round < 20000; round++) {
        uint64_t bank = (2 + model_random(300)) * MIB, kernel = model_random(100 * MIB);
        uint64_t initrd = model_random(3) != 0 ? model_random(120 * MIB) : 0;
        uint64_t offset = model_random(2) * 0x80000;
        uint64_t fdt = 1 + model_random(3 * MIB);
        int rc;

        make_image(offset, kernel != 0 ? kernel : 1);
        rc = place(bank, sizeof(image), initrd, fdt);
        if (rc == 0) {
            placed++;
            check_layout(bank, sizeof(image), initrd, fdt);
            continue;
        }
        refused++;
        assert_int_equal(rc, -ENOMEM);
        assert_true(offset + kernel + initrd + fdt + 8 * MIB > bank);
    }
    assert_true(placed > 1000 && refused > 1000);
}

/* --- what the tree says --- */

static uint8_t buf[65536] __attribute__((aligned(8)));
static struct fdt tree;
static struct guest_layout two_banks = {
    .nr_banks = 2,
    .bank = {{0x40000000, 0x20000000}, {UINT64_C(0x200000000), UINT64_C(0x100000000)}},
    .initrd_addr = 0x48200000,
    .initrd_size = 0x1234,
};

static uint64_t mpidr(unsigned int vcpu)
{
    return UINT64_C(0x80000000) | (vcpu / 16) << 8 | vcpu % 16;
}

static struct guest_fdt_info basic(void)
{
    return (struct guest_fdt_info){
        .layout = &two_banks,
        .bootargs = "console=ttyAMA0",
        .cpus = 18,
        .cpu_mpidr = mpidr,
        .gic_version = 2,
        .gicd_base = 0x3001000,
        .gicd_size = 0x1000,
        .gicc_base = 0x3002000,
        .gicc_size = 0x2000,
        .hypervisor = true,
        .evtchn_ppi = 31,
    };
}

static void write_tree(const struct guest_fdt_info *info)
{
    long size = guest_fdt_write(info, buf, sizeof(buf));

    assert_in_range(size, 1, sizeof(buf));
    assert_int_equal(fdt_check(&tree, buf, (size_t)size), 0);
}

static int node_at(const char *path)
{
    int node = fdt_find_path(&tree, path);

    assert_true(node >= 0);
    return node;
}

static void expect_text(const char *path, const char *name, const char *want)
{
    const char *s = fdt_prop_string(&tree, node_at(path), name);

    assert_non_null(s);
    assert_string_equal(s, want);
}

static void expect_cells(const char *path, const char *name, const uint32_t *cells, unsigned int n)
{
    uint32_t len;
    const uint8_t *p = fdt_getprop(&tree, node_at(path), name, &len);

    assert_non_null(p);
    assert_int_equal(len, 4 * n);
    for (unsigned int i = 0; i < n; i++)
        assert_int_equal(fdt_get32(p + 4 * i), cells[i]);
}

#define CELLS(path, name, ...)                                \
    expect_cells(path, name, (const uint32_t[]){__VA_ARGS__}, \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void tree_of_a_gicv2_guest(void **state)
{
    struct guest_fdt_info info = basic();
    uint64_t a, s;

    (void)state;
    write_tree(&info);
    assert_true(fdt_is_compatible(&tree, fdt_root(&tree), "xen,xenvm"));
    CELLS("/", "#address-cells", 2);
    CELLS("/", "#size-cells", 2);
    CELLS("/", "interrupt-parent", GUEST_PHANDLE_GIC);
    expect_text("/chosen", "bootargs", "console=ttyAMA0");
    CELLS("/chosen", "linux,initrd-start", 0, 0x48200000);
    CELLS("/chosen", "linux,initrd-end", 0, 0x48201234);
    CELLS("/memory@40000000", "reg", 0, 0x40000000, 0, 0x20000000);
    CELLS("/memory@200000000", "reg", 2, 0, 1, 0);
    expect_text("/memory@200000000", "device_type", "memory");
    CELLS("/cpus/cpu@0", "reg", 0);
    CELLS("/cpus/cpu@101", "reg", 0x101);
    expect_text("/cpus/cpu@f", "enable-method", "psci");
    assert_int_equal(fdt_find_path(&tree, "/cpus/cpu@102"), -ENOENT);
    expect_text("/psci", "method", "hvc");
    assert_true(fdt_is_compatible(&tree, node_at("/psci"), "arm,psci-1.0"));
    CELLS("/timer", "interrupts", 1, 13, 0xf08, 1, 14, 0xf08, 1, 11, 0xf08);
    assert_true(fdt_is_compatible(&tree, node_at("/interrupt-controller"), "arm,gic-400"));
    CELLS("/interrupt-controller@3001000", "reg", 0, 0x3001000, 0, 0x1000, 0, 0x3002000, 0, 0x2000);
    CELLS("/interrupt-controller@3001000", "#interrupt-cells", 3);
    assert_true(fdt_has_prop(&tree, node_at("/interrupt-controller"), "interrupt-controller"));
    assert_int_equal(fdt_find_phandle(&tree, GUEST_PHANDLE_GIC), node_at("/interrupt-controller"));
    assert_true(fdt_is_compatible(&tree, node_at("/hypervisor"), "xen,xen-4.17"));
    assert_true(fdt_is_compatible(&tree, node_at("/hypervisor"), "xen,xen"));
    assert_int_equal(fdt_get_reg_root(&tree, node_at("/hypervisor"), 0, &a, &s), 0);
    assert_true(a == GUEST_GNTTAB_BASE && s == GUEST_GNTTAB_SIZE);
    CELLS("/hypervisor", "interrupts", 1, 15, 0xf08);
    assert_int_equal(fdt_find_path(&tree, "/sbsa-uart"), -ENOENT);
    assert_int_equal(fdt_find_path(&tree, "/passthrough"), -ENOENT);
}

static void tree_varies(void **state)
{
    struct guest_layout one = {.nr_banks = 1, .bank = {{0x40000000, 0x8000000}}};
    struct guest_fdt_info info = basic();

    (void)state;
    info.layout = &one;
    info.gic_version = 3;
    info.gicc_base = 0x3020000;
    info.hypervisor = false;
    info.vpl011 = true;
    info.vpl011_base = 0x22000000;
    info.vpl011_irq = 32;
    write_tree(&info);
    assert_true(fdt_is_compatible(&tree, node_at("/interrupt-controller"), "arm,gic-v3"));
    assert_false(fdt_is_compatible(&tree, node_at("/interrupt-controller"), "arm,gic-400"));
    CELLS("/interrupt-controller", "reg", 0, 0x3001000, 0, 0x1000, 0, 0x3020000, 0, 0x2000);
    assert_int_equal(fdt_find_path(&tree, "/hypervisor"), -ENOENT);
    assert_int_equal(fdt_find_path(&tree, "/memory@200000000"), -ENOENT);
    assert_false(fdt_has_prop(&tree, node_at("/chosen"), "linux,initrd-start"));
    assert_true(fdt_is_compatible(&tree, node_at("/sbsa-uart@22000000"), "arm,sbsa-uart"));
    CELLS("/sbsa-uart@22000000", "reg", 0, 0x22000000, 0, GUEST_PL011_SIZE);
    CELLS("/sbsa-uart@22000000", "interrupts", 0, 0, 4);
}

static const char partial_source[] =
    "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;\n"
    "  gic: gic { phandle = <1234>; #interrupt-cells = <3>; interrupt-controller; };\n"
    "  aliases { net = &mac; };\n"
    "  other { secret; };\n"
    "  passthrough { compatible = \"simple-bus\"; ranges; #address-cells = <2>; #size-cells = "
    "<2>;\n"
    "    misc { clk: clock { compatible = \"fixed-clock\"; }; };\n"
    "    mac: ethernet@10000000 { compatible = \"cdns,gem\"; reg = <0 0x10000000 0 0x1000>;\n"
    "      interrupt-parent = <&gic>; clocks = <&clk>; xen,reg = <0 0xff0e0000 0 0x1000 0 1>;\n"
    "      xen,path = \"/amba/ethernet@ff0e0000\"; xen,force-assign-without-iommu; };\n"
    "  };\n"
    "};\n";

static void partial_tree_is_merged(void **state)
{
    struct guest_fdt_info info = basic();
    struct fdt partial;
    size_t size;
    void *blob = dts_compile(partial_source, &size);
    int mac, clock;
    uint32_t v;

    (void)state;
    assert_int_equal(fdt_check(&partial, blob, size), 0);
    info.partial = &partial;
    write_tree(&info);
    mac = node_at("/passthrough/ethernet@10000000");
    clock = node_at("/passthrough/misc/clock");
    expect_text("/passthrough", "compatible", "simple-bus");
    expect_text("/aliases", "net", "/passthrough/ethernet@10000000");
    CELLS("/passthrough/ethernet@10000000", "reg", 0, 0x10000000, 0, 0x1000);
    assert_int_equal(fdt_prop_u32(&tree, mac, "clocks", &v), 0);
    assert_int_equal(fdt_find_phandle(&tree, v), clock);
    /* What it calls the interrupt controller is the guest's. */
    assert_int_equal(fdt_prop_u32(&tree, mac, "interrupt-parent", &v), 0);
    assert_int_equal(fdt_find_phandle(&tree, v), node_at("/interrupt-controller"));
    CELLS("/", "interrupt-parent", 1234);
    /* Not for the guest, and not asked for. */
    assert_false(fdt_has_prop(&tree, mac, "xen,reg"));
    assert_false(fdt_has_prop(&tree, mac, "xen,path"));
    assert_false(fdt_has_prop(&tree, mac, "xen,force-assign-without-iommu"));
    assert_int_equal(fdt_find_path(&tree, "/other"), -ENOENT);
    assert_int_equal(fdt_find_path(&tree, "/gic"), -ENOENT);
    free(blob);
}

static void tree_that_does_not_fit(void **state)
{
    struct guest_fdt_info info = basic();
    long need = guest_fdt_write(&info, buf, sizeof(buf));

    (void)state;
    for (long size = 0; size < need; size += 7) {
        uint8_t *small = malloc((size_t)size + 1);

        assert_int_equal(guest_fdt_write(&info, small, (size_t)size), -ENOSPC);
        free(small);
    }
    assert_int_equal(guest_fdt_write(&info, buf, (size_t)need), need);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_goes_to_its_offset), cmocka_unit_test(raw_kernel_goes_to_the_start),
        cmocka_unit_test(bad_images_are_refused),   cmocka_unit_test(any_sizes),
        cmocka_unit_test(tree_of_a_gicv2_guest),    cmocka_unit_test(tree_varies),
        cmocka_unit_test(partial_tree_is_merged),   cmocka_unit_test(tree_that_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
