/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID of a guest (arch/x86/hvm/cpuid.c) over hosts that have everything, nothing, few leaves, or
 * anything at random: what is never shown, what always is, what no host can give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <asm/guest.h>
#include <asm/msr.h>

static struct cpuid_leaf host_cpuid(uint32_t leaf, uint32_t sub);
#define cpuid host_cpuid

#include "../../arch/x86/hvm/cpuid.c"

/* --- the host --- */

static enum { ALL_ONES, ALL_ZEROS, RANDOM, REAL } host;
static uint32_t last_basic, last_extended;

static uint32_t mix(uint32_t leaf, uint32_t sub, uint32_t reg)
{
    uint32_t x = (leaf * 0x9e3779b1u) ^ (sub * 0x85ebca6bu) ^ (reg * 0xc2b2ae35u) ^ 0x27d4eb2fu;

    x ^= x >> 15;
    x *= 0x2c1b3c6du;
    return x ^ x >> 12;
}

/* As Intel's do, a leaf that is not there is the last one. */
static struct cpuid_leaf host_cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid_leaf r = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};

    if (leaf > last_extended || (leaf < 0x80000000 && leaf > last_basic))
        leaf = last_basic;
    if (host == REAL)
        __asm__ volatile("cpuid"
                         : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                         : "a"(leaf), "c"(sub));
    else if (host == ALL_ZEROS)
        r = (struct cpuid_leaf){0};
    else if (host == RANDOM)
        r = (struct cpuid_leaf){mix(leaf, sub, 0), mix(leaf, sub, 1), mix(leaf, sub, 2),
                                mix(leaf, sub, 3)};
    if (leaf == 0)
        r.a = last_basic;
    else if (leaf == 0x80000000)
        r.a = last_extended;
    return r;
}

static void choose_host(int which)
{
    host = which;
    last_basic = 0x20;
    last_extended = 0x80000028;
}

/* --- the guest --- */

struct cpu_features cpu_features = {.paddr_bits = 46};

static struct domain d;
static struct vcpu cpus[CONFIG_MAX_VCPUS];
static unsigned int advanced;

void hvm_advance(struct vcpu *v, unsigned int len)
{
    (void)v;
    advanced += len;
}

uint32_t vlapic_id(const struct vcpu *v)
{
    return v->id * 2;
}

void hvm_tsc_scale(uint32_t *mul, int8_t *shift)
{
    *mul = 0x89abcdef;
    *shift = -3;
}

uint64_t time_tsc_hz(void)
{
    return 2394123456;
}

uint64_t time_boot_tsc(void)
{
    return UINT64_C(0x1122334455667788);
}

static uint64_t cr4, xcr0;

static uint64_t get_cr(struct vcpu *v, unsigned int n)
{
    (void)v;
    return n == 4 ? cr4 : 0;
}

static const struct hvm_vendor vendor = {.get_cr = get_cr};
const struct hvm_vendor *hvm = &vendor;

uint64_t hvm_fpu_xcr0(const struct vcpu *v)
{
    (void)v;
    return xcr0;
}

uint32_t hvm_xstate_size(uint64_t components)
{
    return 1000 + (uint32_t)components;
}

static struct cpuid_leaf ask_of(struct vcpu *v, uint32_t leaf, uint32_t sub)
{
    const uint64_t high = UINT64_C(0xdeadbeef00000000);
    uint64_t *r = v->arch.regs.r;

    for (unsigned int i = 0; i < 16; i++)
        r[i] = high | i;
    r[REG_RAX] = high | leaf;
    r[REG_RCX] = high | sub;
    advanced = 0;
    hvm_cpuid(v, 2);
    assert_int_equal(advanced, 2);
    for (unsigned int i = 0; i < 16; i++) {
        bool out = i == REG_RAX || i == REG_RBX || i == REG_RCX || i == REG_RDX;

        if (out ? r[i] >> 32 != 0 : r[i] != (high | i))
            fail_msg("leaf %x: register %u is %lx", leaf, i, (unsigned long)r[i]);
    }
    return (struct cpuid_leaf){(uint32_t)r[REG_RAX], (uint32_t)r[REG_RBX], (uint32_t)r[REG_RCX],
                               (uint32_t)r[REG_RDX]};
}

static struct cpuid_leaf ask(uint32_t leaf, uint32_t sub)
{
    return ask_of(&cpus[0], leaf, sub);
}

static int reset(void **state)
{
    (void)state;
    choose_host(ALL_ONES);
    cpu_features.xcr0 = cr4 = xcr0 = 0;
    memset(&d, 0, sizeof(d));
    d.id = 7;
    d.max_vcpus = 4;
    for (unsigned int i = 0; i < CONFIG_MAX_VCPUS; i++)
        cpus[i] = (struct vcpu){.domain = &d, .id = i};
    return 0;
}

static void check_zero(uint32_t leaf, uint32_t sub)
{
    struct cpuid_leaf r = ask(leaf, sub);

    if ((r.a | r.b | r.c | r.d) != 0)
        fail_msg("leaf %x.%x: %x %x %x %x", leaf, sub, r.a, r.b, r.c, r.d);
}

/* --- features --- */

#define BIT_LIST(...) \
    (const uint8_t[]) \
    {                 \
        __VA_ARGS__   \
    }

static void check_bits(const char *what, uint32_t got, const uint8_t *bits, size_t count, bool set)
{
    for (size_t i = 0; i < count; i++)
        if ((got >> bits[i] & 1) != set)
            fail_msg("%s: bit %u is %s", what, bits[i], set ? "clear" : "set");
}

#define HIDDEN(what, got, ...) \
    check_bits(what, got, BIT_LIST(__VA_ARGS__), sizeof(BIT_LIST(__VA_ARGS__)), false)
#define SHOWN(what, got, ...) \
    check_bits(what, got, BIT_LIST(__VA_ARGS__), sizeof(BIT_LIST(__VA_ARGS__)), true)

/* What is virtualized for nobody (SDM vol. 2, CPUID; APM vol. 3, appendix E). */
static void hidden_whatever_the_host_has(void **state)
{
    (void)state;
    for (int i = ALL_ONES; i <= REAL; i++) {
        struct cpuid_leaf r;

        choose_host(i);
        r = ask(1, 0);
        /* DTES64, MONITOR, DS_CPL, VMX, SMX, EST, TM2, CNXT-ID, SDBG, xTPR, PDCM, PCID, DCA */
        HIDDEN("1 ecx", r.c, 2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 17, 18);
        /* MCE, MCA, PSN, DS, ACPI, TM, PBE */
        HIDDEN("1 edx", r.d, 7, 14, 18, 21, 22, 29, 31);
        SHOWN("1 ecx", r.c, 21, 24, 31); /* x2APIC, deadline, hypervisor */
        r = ask(7, 0);
        /* TSC_ADJUST, SGX, HLE, INVPCID, RTM, PQM, MPX, PQE, CLWB's PT */
        HIDDEN("7 ebx", r.b, 1, 2, 4, 10, 11, 12, 14, 15, 25);
        /* PKU, OSPKE, WAITPKG, CET, LA57, RDPID, KL, ENQCMD, SGX_LC, PKS */
        HIDDEN("7 ecx", r.c, 3, 4, 5, 7, 16, 22, 23, 29, 30, 31);
        /* UINTR, TSXLDTRK, PCONFIG, LBR, IBT; what has MSRs: IBRS, STIBP, L1D, ARCH, CORE, SSBD */
        HIDDEN("7 edx", r.d, 5, 16, 18, 19, 20, 26, 27, 28, 29, 30, 31);
        r = ask(0x80000001, 0);
        /* SVM, extended APIC, OSVW, IBS, SKINIT, WDT, LWP, topology, counters, MWAITX */
        HIDDEN("80000001 ecx", r.c, 2, 3, 9, 10, 12, 13, 15, 22, 23, 24, 28, 29);
        /* MCE, MCA, FFXSR, RDTSCP */
        HIDDEN("80000001 edx", r.d, 7, 14, 25, 27);
        r = ask(0x80000007, 0);
        assert_int_equal(r.a | r.b | r.c | (r.d & ~BIT(8)), 0);
        check_zero(5, 0);   /* MONITOR */
        check_zero(0xa, 0); /* performance counters */
    }
}

/* What a guest cannot do without is shown where the host has it. */
static void shown_where_the_host_has_it(void **state)
{
    struct cpuid_leaf r = ask(1, 0);

    (void)state;
    /* FPU, TSC, MSR, PAE, CX8, APIC, SEP, MTRR (without ranges: kernels use PAT with it only), PGE,
     * CMOV, PAT, CLFLUSH, MMX, FXSR, SSE, SSE2 */
    SHOWN("1 edx", r.d, 0, 4, 5, 6, 8, 9, 11, 12, 13, 15, 16, 19, 23, 24, 25, 26);
    /* SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT, AES */
    SHOWN("1 ecx", r.c, 0, 9, 13, 19, 20, 23, 25);
    r = ask(7, 0);
    SHOWN("7 ebx", r.b, 0, 3, 7, 8, 9, 20); /* FSGSBASE, BMI1, SMEP, BMI2, ERMS, SMAP */
    r = ask(0x80000001, 0);
    SHOWN("80000001 ecx", r.c, 0, 5);       /* LAHF, LZCNT */
    SHOWN("80000001 edx", r.d, 11, 20, 29); /* SYSCALL, NX, long mode */
    SHOWN("80000007 edx", ask(0x80000007, 0).d, 8);
}

/* Of features of leaves 1, 7 and 0x80000001, none is made up but three. */
static void no_feature_that_the_host_has_not(void **state)
{
    static const uint32_t leaves[] = {1, 7, 0x80000001};

    (void)state;
    for (int i = ALL_ZEROS; i <= REAL; i++) {
        choose_host(i);
        for (unsigned int n = 0; n < ARRAY_SIZE(leaves); n++) {
            struct cpuid_leaf h = host_cpuid(leaves[n], 0), g = ask(leaves[n], 0);
            uint32_t made_up = leaves[n] == 1 ? BIT(21) | BIT(24) | BIT(31) : 0;

            assert_int_equal(g.c & ~h.c & ~made_up, 0);
            assert_int_equal(g.d & ~h.d, 0);
            if (leaves[n] == 7)
                assert_int_equal(g.b & ~h.b, 0);
        }
    }
}

/* XSAVE and what it makes possible (hvm/xstate.c); nothing that has other state. */
static void what_comes_with_xsave(void **state)
{
    const uint64_t most[] = {0, 3, 7};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(most); i++) {
        struct cpuid_leaf r;

        cpu_features.xcr0 = most[i];
        cr4 = ~CR4_OSXSAVE;
        r = ask(1, 0);
        check_bits("XSAVE", r.c, BIT_LIST(26), 1, most[i] != 0);
        HIDDEN("OSXSAVE", r.c, 27);
        check_bits("FMA, AVX, F16C", r.c, BIT_LIST(12, 28, 29), 3, most[i] == 7);
        cr4 = CR4_OSXSAVE;
        check_bits("OSXSAVE", ask(1, 0).c, BIT_LIST(27), 1, most[i] != 0);
        r = ask(7, 0);
        check_bits("AVX2", r.b, BIT_LIST(5), 1, most[i] == 7);
        check_bits("GFNI, VAES, VPCLMULQDQ", r.c, BIT_LIST(8, 9, 10), 3, most[i] == 7);
        HIDDEN("AVX-512", r.b, 16, 17, 21, 26, 27, 28, 30, 31);
        HIDDEN("AVX-512", r.c, 1, 6, 11, 12, 14);
        HIDDEN("AVX-512, AMX", r.d, 2, 3, 8, 22, 23, 24, 25);
    }
}

static void the_area_of_xsave(void **state)
{
    struct cpuid_leaf r;

    (void)state;
    for (uint32_t sub = 0; sub < 64; sub++)
        check_zero(0xd, sub);
    cpu_features.xcr0 = 7;
    for (xcr0 = 1; xcr0 < 8; xcr0 += 2) {
        r = ask(0xd, 0);
        assert_true(r.a == 7 && r.b == 1000 + xcr0 && r.c == 1007 && r.d == 0);
        r = ask(0xd, 1);
        assert_true(r.a == 7 && r.b == 1000 + xcr0 && r.c == 0 && r.d == 0); /* no XSAVES */
    }
    r = ask(0xd, 2);
    assert_true(r.a == 256 && r.b == 576 && r.c == 0 && r.d == 0);
    for (uint32_t sub = 3; sub < 64; sub++)
        check_zero(0xd, sub);
    cpu_features.xcr0 = 3;
    check_zero(0xd, 2);
    choose_host(ALL_ZEROS);
    check_zero(0xd, 1);
}

/* --- leaves and ranges --- */

static void the_last_leaves(void **state)
{
    static const struct {
        uint32_t basic, extended;
    } hosts[] = {{5, 0x8000000a}, {0xa, 0x80000004}, {0xb, 0x80000008}, {0x20, 0x80000028}};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(hosts); i++) {
        struct cpuid_leaf r;

        last_basic = hosts[i].basic;
        last_extended = hosts[i].extended;
        r = ask(0, 0);
        assert_in_range(r.a, 0xb, 0xd); /* 0xb is the hypervisor's own */
        assert_true(r.b == UINT32_MAX && r.c == UINT32_MAX && r.d == UINT32_MAX); /* the vendor */
        r = ask(0x80000000, 0);
        assert_int_equal(r.a, hosts[i].extended < 0x80000008 ? hosts[i].extended : 0x80000008);
    }
}

/* A host whose last leaf is below: what its processor gives instead is not passed on. */
static void leaves_that_the_host_has_not(void **state)
{
    (void)state;
    last_basic = 6;
    last_extended = 0x80000004;
    check_zero(7, 0);
    check_zero(7, 1);
    for (uint32_t leaf = 0x80000005; leaf < 0x80000008; leaf++)
        check_zero(leaf, 0);
    assert_int_equal(ask(0xb, 0).b, 1); /* this one the host need not have */
    last_basic = 3;
    check_zero(4, 0);
}

static void out_of_range(void **state)
{
    static const uint32_t leaves[] = {
        0xe,        0xf,        0x10,       0x14,       0x1f,       0x20,       0x21,
        0x100,      0x3fffffff, 0x40000005, 0x40000006, 0x400000ff, 0x40000100, 0x40010000,
        0x4fffffff, 0x50000000, 0x7fffffff, 0x80000009, 0x8000000a, 0x8000001d, 0x8000001f,
        0x80000028, 0x80000029, 0x80010000, 0x8fffffff, 0xc0000000, 0xfffffffe, 0xffffffff,
    };

    (void)state;
    for (int h = ALL_ONES; h <= REAL; h++) {
        choose_host(h);
        for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++)
            for (uint32_t sub = 0; sub < 3; sub++)
                check_zero(leaves[i], sub);
        for (uint32_t sub = 1; sub < 4; sub++)
            check_zero(7, sub);
        check_zero(7, UINT32_MAX);
    }
}

static void addresses(void **state)
{
    struct cpuid_leaf r;

    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        choose_host(i == 0 ? ALL_ONES : RANDOM);
        r = ask(0x80000008, 0);
        assert_in_range(r.a & 0xff, 32, 48); /* the nested tables' */
        assert_int_equal(r.a & 0xff0000, 0);
        assert_int_equal(r.b | r.c | r.d, 0);
    }
}

/* --- of each vCPU --- */

static void each_vcpu_has_its_ids(void **state)
{
    static const unsigned int counts[] = {1, 2, 4, CONFIG_MAX_VCPUS};

    (void)state;
    for (unsigned int n = 0; n < ARRAY_SIZE(counts); n++) {
        d.max_vcpus = counts[n];
        for (unsigned int i = 0; i < counts[n]; i++) {
            struct vcpu *v = &cpus[i];
            struct cpuid_leaf r = ask_of(v, 1, 0);

            assert_int_equal(r.b >> 24, 2 * i);
            assert_int_equal(r.b >> 16 & 0xff, 2 * counts[n]); /* ids, those of threads too */
            r = ask_of(v, 0x40000004, 0);
            assert_int_equal(r.a & 0x18, 0x18);
            assert_int_equal(r.b, i);
            assert_int_equal(r.c, 7);
            for (uint32_t sub = 0; sub < 4; sub++)
                assert_int_equal(ask_of(v, 0xb, sub).d, 2 * i);
        }
    }
}

/* Whoever shifts its id as leaf 0xb says finds cores that differ and one package. */
static void topology_agrees_with_the_ids(void **state)
{
    struct cpuid_leaf thread, core, end;

    (void)state;
    d.max_vcpus = CONFIG_MAX_VCPUS;
    thread = ask(0xb, 0);
    core = ask(0xb, 1);
    end = ask(0xb, 2);
    assert_int_equal(thread.c, 0x100);
    assert_int_equal(core.c, 0x201);
    assert_int_equal(end.c, 2);
    assert_int_equal(end.a | end.b, 0);
    assert_int_equal(thread.b, 1);
    assert_int_equal(core.b, CONFIG_MAX_VCPUS);
    for (unsigned int i = 0; i < CONFIG_MAX_VCPUS; i++) {
        uint32_t id = ask_of(&cpus[i], 0xb, 0).d;

        assert_int_equal(id >> thread.a, i);
        assert_int_equal(id >> core.a, 0);
    }
    assert_int_equal(ask(0xb, 0xabcdef12).c, 0x12); /* ECX comes back in 8 bits */
}

/* --- the hypervisor's --- */

static void hypervisor_leaves(void **state)
{
    struct cpuid_leaf r = ask(0x40000000, 0);
    char text[13] = {0};

    (void)state;
    memcpy(text, &r.b, 12);
    assert_string_equal(text, "XenVMMXenVMM");
    assert_int_equal(r.a, 0x40000004);
    r = ask(0x40000001, 0);
    assert_int_equal(r.a, 4 << 16 | 17);
    assert_int_equal(r.b | r.c | r.d, 0);
    r = ask(0x40000002, 0);
    assert_int_equal(r.a, 1);
    assert_int_equal(r.b, 0x40000000);
    assert_int_equal(r.c | r.d, 0);
    r = ask(0x40000003, 0);
    assert_int_equal(r.a & 1, 0); /* not emulated */
    assert_int_equal(r.b, 2);
    assert_int_equal(r.c, 2394123);
    r = ask(0x40000003, 1);
    assert_int_equal(r.a, 0x55667788);
    assert_int_equal(r.b, 0x11223344);
    assert_int_equal(r.c, 0x89abcdef);
    assert_int_equal(r.d, (uint32_t)-3);
    r = ask(0x40000003, 2);
    assert_int_equal(r.a, 2394123);
    assert_int_equal(r.b | r.c | r.d, 0);
    check_zero(0x40000003, 3);
    check_zero(0x40000003, UINT32_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
    const struct CMUnitTest tests[] = {
        TEST(hidden_whatever_the_host_has),
        TEST(shown_where_the_host_has_it),
        TEST(no_feature_that_the_host_has_not),
        TEST(what_comes_with_xsave),
        TEST(the_area_of_xsave),
        TEST(the_last_leaves),
        TEST(leaves_that_the_host_has_not),
        TEST(out_of_range),
        TEST(addresses),
        TEST(each_vcpu_has_its_ids),
        TEST(topology_agrees_with_the_ids),
        TEST(hypervisor_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
