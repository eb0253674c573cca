/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that single-steps (TF): the debug exception after an instruction that the hypervisor
 * executed or forwarded for it, as the processor raises it after its own.
 */
#include "x86_hvm.h"

#include <asm/desc.h>

#define RAX x86_reg(REG_RAX)
#define RBX x86_reg(REG_RBX)
#define RCX x86_reg(REG_RCX)
#define RSI x86_reg(REG_RSI)
#define RDI x86_reg(REG_RDI)
#define RSP x86_reg(REG_RSP)

#define TF     UINT64_C(0x100)
#define RF     UINT64_C(0x10000)
#define DR6_BS UINT64_C(0x4000)
#define DR6_0  UINT64_C(0xffff0ff0)
#define BUFFER UINT64_C(0x4000)

static uint64_t rip(void)
{
    return x86_vcpu()->arch.regs.rip;
}

static struct x86_cpu *cpu(void)
{
    return x86_cpu(x86_vcpu());
}

static void step_on(void)
{
    x86_vcpu()->arch.regs.rflags |= TF;
}

/* One step, with RIP at X86_CODE + bytes. */
static void stepped(unsigned int bytes)
{
    assert_int_equal(cpu()->injected, 1);
    assert_int_equal(cpu()->event.type, HVM_EVENT_EXCEPTION);
    assert_int_equal(cpu()->event.vector, VEC_DB);
    assert_false(cpu()->event.has_error);
    assert_true(cpu()->dr6 == (DR6_0 | DR6_BS));
    assert_int_equal(rip(), X86_CODE + bytes);
    cpu()->dr6 = DR6_0;
    cpu()->pending = false;
    cpu()->injected = 0;
}

static void not_stepped(unsigned int bytes)
{
    assert_int_equal(cpu()->injected, 0);
    assert_true(cpu()->dr6 == DR6_0);
    assert_int_equal(rip(), X86_CODE + bytes);
}

static void nobody_claims_it(void **state)
{
    (void)state;
    *RBX = X86_MMIO;
    assert_true(x86_run("8b 03"));
    not_stepped(2);
    x86_vcpu()->arch.regs.rip = X86_CODE;
    step_on();
    assert_true(x86_again());
    stepped(2);
}

/* After the answer, and RF is over like the instruction. */
static void a_forwarded_read(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    step_on();
    x86_vcpu()->arch.regs.rflags |= RF;
    *RBX = X86_MMIO;
    assert_false(x86_run("8b 03"));
    not_stepped(0);
    assert_true(x86_answer(id, 0x55));
    stepped(2);
    assert_int_equal(*RAX, 0x55);
    assert_true((x86_vcpu()->arch.regs.rflags & (TF | RF)) == TF);
}

static void a_port(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    step_on();
    AS(guest, (hvm_port_io(x86_vcpu(), 0x123, 1, true, X86_CODE + 1), 0));
    assert_false(fake_exit_path(x86_vcpu()));
    not_stepped(0);
    assert_true(x86_answer(id, 0x77));
    stepped(1);
    assert_int_equal(*RAX & 0xff, 0x77);
    AS(guest, (hvm_port_io(x86_vcpu(), 0x500, 1, false, X86_CODE + 2), 0));
    stepped(2);
}

/* Each element of a string is a step of its own, and none of them goes in a batch. */
static void strings_go_by_elements(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    step_on();
    x86_vcpu()->arch.regs.rflags |= RF;
    *RSI = X86_MMIO;
    *RDI = BUFFER;
    *RCX = 2;
    assert_false(x86_run("f3 a4"));
    assert_int_equal(x86_take(id).count, 1);
    assert_true(x86_answer(id, 0x11));
    stepped(0);
    assert_int_equal(*RCX, 1);
    assert_true(x86_vcpu()->arch.regs.rflags & RF); /* until the last */
    assert_false(x86_again());
    assert_true(x86_answer(id, 0x22));
    stepped(2);
    assert_false(x86_vcpu()->arch.regs.rflags & RF);
    assert_int_equal(*x86_ram(BUFFER + 1), 0x22);
}

/* What counts is TF as the instruction begins. */
static void popf_changes_it(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RSP = X86_MMIO;
    assert_false(x86_run("9d"));
    assert_true(x86_answer(id, TF));
    not_stepped(1);
    assert_true(x86_vcpu()->arch.regs.rflags & TF);
    x86_vcpu()->arch.regs.rip = X86_CODE;
    assert_false(x86_again());
    assert_true(x86_answer(id, 0));
    stepped(1);
    assert_false(x86_vcpu()->arch.regs.rflags & TF);
}

/* An instruction that faults has not been executed. */
static void a_fault_is_no_step(void **state)
{
    (void)state;
    step_on();
    *x86_pte(X86_MMIO) = 0;
    *RBX = X86_MMIO;
    assert_true(x86_run("8b 03"));
    assert_int_equal(cpu()->injected, 1);
    assert_int_equal(cpu()->event.vector, VEC_PF);
    assert_true(cpu()->dr6 == DR6_0);
}

static void a_hypercall(void **state)
{
    (void)state;
    *RAX = 63; /* there is none */
    AS(guest, (hvm_hypercall(x86_vcpu(), 3), 0));
    not_stepped(3);
    assert_true(*RAX == (uint64_t)-ENOSYS);
    x86_vcpu()->arch.regs.rip = X86_CODE;
    step_on();
    AS(guest, (hvm_hypercall(x86_vcpu(), 3), 0));
    stepped(3);
}

/* HLT: the exception ends it before it begins. */
static void halt(void **state)
{
    struct vcpu *v = x86_vcpu();

    (void)state;
    step_on();
    AS(guest, (hvm_hlt(v, 1), 0));
    stepped(1);
    assert_int_equal(atomic32_read(&v->pause_flags) & VPF_BLOCKED, 0);
    v->arch.regs.rflags &= ~TF;
    AS(guest, (hvm_hlt(v, 1), 0));
    assert_int_equal(atomic32_read(&v->pause_flags) & VPF_BLOCKED, VPF_BLOCKED);
    atomic32_fetch_and(&v->pause_flags, ~VPF_BLOCKED);
}

/* Something is being delivered already: that comes first, and alone. */
static void behind_another_event(void **state)
{
    (void)state;
    step_on();
    cpu()->pending = true;
    AS(guest, (hvm_advance(x86_vcpu(), 2), 0));
    not_stepped(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X86_TEST(nobody_claims_it),
        X86_TEST(a_forwarded_read),
        X86_TEST(a_port),
        X86_TEST(strings_go_by_elements),
        X86_TEST(popf_changes_it),
        X86_TEST(a_fault_is_no_step),
        X86_TEST(a_hypercall),
        X86_TEST(halt),
        X86_TEST(behind_another_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
