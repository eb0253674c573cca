/* SPDX-License-Identifier: Apache-2.0 */
/* XSAVE for guests: XSETBV's checks, what CPUID says, vectors in the area (hvm/xstate.c, cpuid.c).
 */
#include "x86_hvm.h"

#include <string.h>

#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/time.h>

#define X87  XCR0_X87
#define SSE  (XCR0_X87 | XCR0_SSE)
#define AVX  (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define GPA  X86_MMIO_GPA
#define DATA UINT64_C(0x8877665544332211)

/* Of hvm/time.c and time.c, which cpuid.c asks. */
void hvm_tsc_scale(uint32_t *mul, int8_t *shift)
{
    *mul = 1;
    *shift = 0;
}

uint64_t time_tsc_hz(void)
{
    return 1000000;
}

static struct vcpu *v;
static struct x86_cpu *cpu;

/* A host with these components, a guest with them switched on. */
static void host(uint64_t components)
{
    v = x86_vcpu();
    cpu = x86_cpu(v);
    cpu_features.xcr0 = components;
    v->arch.xcr0 = components & X87;
    v->arch.xsave = false;
    cpu->cr[4] |= CR4_OSXSAVE;
    cpu->pending = false;
    cpu->injected = 0;
}

static int setup(void **state)
{
    int rc = x86_setup(state);

    host(AVX);
    return rc;
}

static int teardown(void **state)
{
    cpu_features.xcr0 = 0;
    return x86_teardown(state);
}

static void do_xsetbv(uint64_t index, uint64_t value)
{
    *x86_reg(REG_RCX) = index;
    *x86_reg(REG_RAX) = (uint32_t)value | DATA << 32; /* the upper halves mean nothing */
    *x86_reg(REG_RDX) = value >> 32 | DATA << 32;
    v->arch.regs.rip = X86_CODE;
    cpu->pending = false;
    cpu->injected = 0;
    hvm_xsetbv(v, 3);
}

static void takes(uint64_t index, uint64_t value)
{
    do_xsetbv(index, value);
    assert_int_equal(cpu->injected, 0);
    assert_int_equal(v->arch.xcr0, value);
    assert_int_equal(v->arch.regs.rip, X86_CODE + 3);
}

static void refuses(uint64_t index, uint64_t value, unsigned int vector)
{
    uint64_t old = v->arch.xcr0;

    do_xsetbv(index, value);
    assert_int_equal(cpu->injected, 1);
    assert_int_equal(cpu->event.vector, vector);
    assert_int_equal(cpu->event.has_error, vector == VEC_GP);
    assert_int_equal(v->arch.xcr0, old);
    assert_int_equal(v->arch.regs.rip, X86_CODE);
}

static void values(void **state)
{
    (void)state;
    takes(0, SSE);
    takes(0, AVX);
    takes(0, X87);
    takes(DATA << 32, SSE); /* ECX is 0 */
    refuses(0, 0, VEC_GP);
    refuses(0, XCR0_SSE, VEC_GP);
    refuses(0, XCR0_SSE | XCR0_AVX, VEC_GP);
    refuses(0, X87 | XCR0_AVX, VEC_GP);
    for (unsigned int i = 3; i < 64; i++)
        refuses(0, AVX | BIT64(i), VEC_GP);
    refuses(1, X87, VEC_GP);
    refuses(UINT32_MAX, X87, VEC_GP);
    host(SSE);
    takes(0, SSE);
    refuses(0, AVX, VEC_GP);
}

static void who_may(void **state)
{
    (void)state;
    cpu->seg[SEG_SS].attr |= 0x60;
    refuses(0, AVX, VEC_GP);
    cpu->cr[4] &= ~CR4_OSXSAVE;
    refuses(0, AVX, VEC_UD);
    cpu->seg[SEG_SS].attr &= (uint16_t)~0x60;
    refuses(0, AVX, VEC_UD);
    cpu->cr[4] |= CR4_OSXSAVE;
    takes(0, AVX);
    host(0);
    refuses(0, X87, VEC_UD);
    x86_mode(v, X86_REAL);
    host(SSE);
    takes(0, SSE);
}

static struct cpuid_leaf leaf(uint32_t a, uint32_t c)
{
    *x86_reg(REG_RAX) = a;
    *x86_reg(REG_RCX) = c;
    hvm_cpuid(v, 2);
    return (struct cpuid_leaf){(uint32_t)*x86_reg(REG_RAX), (uint32_t)*x86_reg(REG_RBX),
                               (uint32_t)*x86_reg(REG_RCX), (uint32_t)*x86_reg(REG_RDX)};
}

static void cpuid_of_features(void **state)
{
    const uint32_t with_avx = BIT(12) | BIT(28) | BIT(29);
    uint32_t real = cpuid(1, 0).c;

    (void)state;
    assert_int_equal(leaf(1, 0).c & (with_avx | BIT(26) | BIT(27)),
                     (real & with_avx) | BIT(26) | BIT(27));
    assert_int_equal(leaf(7, 0).b & BIT(5), cpuid(7, 0).b & BIT(5));
    assert_int_equal(leaf(7, 0).b & UINT32_C(0xfc230000) & ~BIT(29), 0); /* AVX-512 */
    cpu->cr[4] &= ~CR4_OSXSAVE;
    assert_int_equal(leaf(1, 0).c & (BIT(26) | BIT(27)), BIT(26));
    host(SSE);
    assert_int_equal(leaf(1, 0).c & (with_avx | BIT(26) | BIT(27)), BIT(26) | BIT(27));
    assert_int_equal(leaf(7, 0).b & BIT(5), 0);
    host(0);
    assert_int_equal(leaf(1, 0).c & (with_avx | BIT(26) | BIT(27)), 0);
    assert_int_equal(leaf(7, 0).b & BIT(5), 0);
}

static void is(uint32_t sub, uint32_t a, uint32_t b, uint32_t c)
{
    struct cpuid_leaf r = leaf(0xd, sub);

    assert_int_equal(r.a, a);
    assert_int_equal(r.b, b);
    assert_int_equal(r.c, c);
    assert_int_equal(r.d, 0);
}

static void cpuid_of_the_area(void **state)
{
    struct cpuid_leaf r;

    (void)state;
    is(0, AVX, 576, 832);
    takes(0, SSE);
    is(0, AVX, 576, 832);
    takes(0, AVX);
    is(0, AVX, 832, 832);
    r = leaf(0xd, 1);
    assert_int_equal(r.a, cpuid(0xd, 1).a & 7); /* no XSAVES */
    assert_int_equal(r.b, r.a & 2 ? 832 : 0);
    assert_int_equal(r.c | r.d, 0);
    is(2, 256, 576, 0);
    for (uint32_t sub = 3; sub < 64; sub++)
        is(sub, 0, 0, 0);
    host(SSE);
    is(0, SSE, 576, 576);
    is(2, 0, 0, 0);
    host(0);
    is(0, 0, 0, 0);
    is(1, 0, 0, 0);
}

static uint8_t *xmm(unsigned int n)
{
    return v->arch.fpu.bytes + 160 + 16 * n;
}

/* The whole of %ymm3 to and from a device. */
static void thirty_two_bytes(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    takes(0, AVX);
    v->arch.fpu.xstate_bv = XCR0_SSE | XCR0_AVX;
    memset(v->arch.fpu.ymm_high, 0x5a, sizeof(v->arch.fpu.ymm_high));
    memset(xmm(4), 0x77, 16);
    *x86_reg(REG_RBX) = X86_MMIO + 0x40;
    v->arch.regs.rip = X86_CODE;
    assert_false(x86_run("c5 fc 10 1b")); /* vmovups (%rbx), %ymm3 */
    for (unsigned int i = 0; i < 4; i++) {
        x86_expect(id, true, GPA + 0x40 + 8 * i, 8, 0);
        assert_int_equal(x86_answer(id, DATA + i), i == 3);
    }
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(((uint64_t *)(void *)xmm(3))[i], DATA + i);
        assert_int_equal(((uint64_t *)(void *)v->arch.fpu.ymm_high[3])[i], DATA + 2 + i);
    }
    assert_int_equal(v->arch.fpu.ymm_high[4][0], 0x5a);
    assert_int_equal(xmm(4)[0], 0x77);
    v->arch.regs.rip = X86_CODE;
    assert_false(x86_run("c5 fc 11 1b")); /* vmovups %ymm3, (%rbx) */
    for (unsigned int i = 0; i < 4; i++) {
        x86_expect(id, false, GPA + 0x40 + 8 * i, 8, DATA + i);
        assert_int_equal(x86_answer(id, 0), i == 3);
    }
}

/* A component that is as initialized has nothing in the area. */
static void initial_state(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    takes(0, AVX);
    v->arch.fpu.xstate_bv = XCR0_X87;
    memset(v->arch.fpu.ymm_high, 0x5a, sizeof(v->arch.fpu.ymm_high));
    memset(xmm(0), 0x77, 256);
    *x86_reg(REG_RBX) = X86_MMIO + 0x40;
    v->arch.regs.rip = X86_CODE;
    assert_false(x86_run("c5 fc 11 1b")); /* vmovups %ymm3, (%rbx) */
    for (unsigned int i = 0; i < 4; i++) {
        x86_expect(id, false, GPA + 0x40 + 8 * i, 8, 0);
        assert_int_equal(x86_answer(id, 0), i == 3);
    }
    assert_int_equal(v->arch.fpu.xstate_bv, AVX);
    assert_int_equal(xmm(7)[0] | v->arch.fpu.ymm_high[7][0], 0);
}

/* Legacy moves leave the upper halves; they may be switched off. */
static void upper_halves_stay(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    takes(0, SSE);
    *x86_reg(REG_RBX) = X86_MMIO + 0x40;
    v->arch.fpu.xstate_bv = SSE; /* nor do they come to be in use */
    v->arch.regs.rip = X86_CODE;
    assert_false(x86_run("0f 10 1b"));
    assert_false(x86_answer(id, DATA));
    assert_true(x86_answer(id, DATA));
    assert_int_equal(v->arch.fpu.xstate_bv, SSE);
    v->arch.fpu.xstate_bv = AVX;
    memset(v->arch.fpu.ymm_high, 0x5a, sizeof(v->arch.fpu.ymm_high));
    for (unsigned int avx = 0; avx < 2; avx++) {
        v->arch.regs.rip = X86_CODE;
        assert_false(x86_run("0f 10 1b")); /* movups (%rbx), %xmm3 */
        x86_expect(id, true, GPA + 0x40, 8, 0);
        assert_false(x86_answer(id, DATA));
        assert_true(x86_answer(id, DATA));
        assert_int_equal(xmm(3)[0], 0x11);
        assert_int_equal(v->arch.fpu.ymm_high[3][0], 0x5a);
        assert_int_equal(v->arch.fpu.xstate_bv, AVX);
        takes(0, AVX);
    }
    v->arch.regs.rip = X86_CODE;
    assert_false(x86_run("c5 f8 10 1b")); /* vmovups (%rbx), %xmm3 */
    x86_expect(id, true, GPA + 0x40, 8, 0);
    assert_false(x86_answer(id, DATA));
    assert_true(x86_answer(id, DATA));
    assert_int_equal(v->arch.fpu.ymm_high[3][0], 0);
    assert_int_equal(v->arch.fpu.ymm_high[4][0], 0x5a);
}

static void undefined_while_it_is_off(void **state)
{
    (void)state;
    x86_server();
    *x86_reg(REG_RBX) = X86_MMIO;
    takes(0, SSE);
    v->arch.regs.rip = X86_CODE;
    assert_true(x86_run("c5 fc 10 1b"));
    assert_int_equal(cpu->event.vector, VEC_UD);
    takes(0, AVX);
    cpu->cr[4] &= ~CR4_OSXSAVE;
    v->arch.regs.rip = X86_CODE;
    assert_true(x86_run("c5 fc 10 1b"));
    assert_int_equal(cpu->event.vector, VEC_UD);
}

/* SDM vol. 3, table 9-1. */
static void reset(void **state)
{
    (void)state;
    takes(0, AVX);
    hvm_vcpu_reset(v, 8);
    assert_int_equal(v->arch.xcr0, AVX);
    hvm_fpu_reset(v);
    assert_int_equal(v->arch.xcr0, X87);
    assert_false(v->arch.xsave);
    assert_int_equal(v->arch.fpu.xstate_bv, 0);
    cpu_features.xcr0 = 0;
    hvm_fpu_reset(v);
    assert_int_equal(v->arch.xcr0, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values),
        TEST(who_may),
        TEST(cpuid_of_features),
        TEST(cpuid_of_the_area),
        TEST(thirty_two_bytes),
        TEST(initial_state),
        TEST(upper_halves_stay),
        TEST(undefined_while_it_is_off),
        TEST(reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
