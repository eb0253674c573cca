/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call the hypervisor, where arguments and results are (arch/x86/hvm/hypercall.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86_hvm.h"

#include <asm/cpu.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>

#define CALL_LEN  3
#define NO_NUMBER 60 /* of no hypercall */

static int64_t call(enum x86_cpu_mode mode, unsigned int cpl)
{
    struct vcpu *v = x86_vcpu();

    x86_mode(v, mode);
    x86_cpu(v)->seg[SEG_SS].attr = (uint16_t)((x86_cpu(v)->seg[SEG_SS].attr & ~0x60u) | cpl << 5);
    *x86_reg(REG_RAX) = NO_NUMBER;
    hvm_hypercall(v, CALL_LEN);
    assert_int_equal(v->arch.regs.rip, X86_CODE + CALL_LEN);
    assert_int_equal(x86_cpu(v)->injected, 0);
    return (int64_t)*x86_reg(REG_RAX);
}

static void kernels_call(void **state)
{
    (void)state;
    assert_int_equal(call(X86_LONG, 0), -ENOSYS);
    assert_int_equal((int32_t)call(X86_COMPAT, 0), -ENOSYS);
    assert_int_equal((int32_t)call(X86_PROT32, 0), -ENOSYS);
}

static void processes_do_not(void **state)
{
    (void)state;
    for (unsigned int cpl = 1; cpl < 4; cpl++) {
        assert_int_equal((int32_t)call(X86_LONG, cpl), -EPERM);
        assert_int_equal((int32_t)call(X86_COMPAT, cpl), -EPERM);
        assert_int_equal((int32_t)call(X86_PROT32, cpl), -EPERM);
    }
}

static void nor_does_real_mode(void **state)
{
    (void)state;
    assert_int_equal((int32_t)call(X86_REAL, 0), -EPERM);
}

/* xsa-454: what is in the upper halves of a 32-bit caller's registers is not an argument. */
static void upper_halves(void **state)
{
    struct vcpu *v = x86_vcpu();
    (void)state;

    x86_mode(v, X86_PROT32);
    *x86_reg(REG_RAX) = UINT64_C(0xdead00000000) | NO_NUMBER;
    hvm_hypercall(v, CALL_LEN);
    assert_int_equal(*x86_reg(REG_RAX), (uint32_t)-ENOSYS);
    arch_hypercall_set_arg(v, 0, 5);
    assert_int_equal(*x86_reg(REG_RBX), 5);
    x86_mode(v, X86_LONG);
    arch_hypercall_set_arg(v, 0, 6);
    assert_int_equal(*x86_reg(REG_RDI), 6);
}

/* The time of set_timer_op is one argument of 64 bits, or two of 32. */
static void sixty_four_bits(void **state)
{
    struct vcpu *v = x86_vcpu();
    (void)state;

    cpu_features.svm = true;
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
        assert_int_equal(c->fn(), 0); /* fills the table of hypercalls */
    for (unsigned int i = 0; i < 2; i++) {
        x86_mode(v, i == 0 ? X86_COMPAT : X86_PROT32);
        *x86_reg(REG_RAX) = __HYPERVISOR_set_timer_op;
        *x86_reg(REG_RBX) = UINT64_C(0xdead00000000) | 0x89abcdef;
        *x86_reg(REG_RCX) = UINT64_C(0xdead00000000) | 0x1234567;
        AS(guest, (hvm_hypercall(v, CALL_LEN), 0));
        assert_int_equal(*x86_reg(REG_RAX), 0);
        assert_true(v->arch.single.expires == INT64_C(0x123456789abcdef));
        assert_false(v->arch.words32);
    }
    x86_mode(v, X86_LONG);
    *x86_reg(REG_RAX) = __HYPERVISOR_set_timer_op;
    *x86_reg(REG_RDI) = 0x7654321;
    *x86_reg(REG_RSI) = 1;
    AS(guest, (hvm_hypercall(v, CALL_LEN), 0));
    assert_true(v->arch.single.expires == 0x7654321);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X86_TEST(kernels_call), X86_TEST(processes_do_not), X86_TEST(nor_does_real_mode),
        X86_TEST(upper_halves), X86_TEST(sixty_four_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
