/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of guests under SVM (arch/x86/svm/svm.c): what the VMCB says when one is offered, when
 * the entry ends before it is taken, and when another waits behind it (APM vol. 2, 15.20, 15.21).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <wherry/types.h>

/* --- the CPU: in place of wherry/percpu.h, asm/relax.h and asm/page.h --- */
#define WHERRY_PERCPU_H
#define WHERRY_ASM_RELAX_H
#define WHERRY_ASM_PAGE_H

#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name
#define DEFINE_PER_CPU(type, name)  __typeof__(type) percpu_##name
#define this_cpu(name)              (percpu_##name)
#define per_cpu(name, cpu)          (percpu_##name)

static inline unsigned int smp_processor_id(void)
{
    return 0;
}

static inline void arch_relax(void)
{
}

struct page;
static struct page *arch_frame_table;
#define arch_frame_base UINT64_C(0)

static inline void *arch_paddr_to_virt(paddr_t p)
{
    return (void *)(uintptr_t)p.v;
}
static inline paddr_t arch_virt_to_paddr(const void *va)
{
    return paddr((uintptr_t)va);
}

#include "../../arch/x86/svm/svm.c"

/* --- what it calls --- */

struct p2m_format p2m_format;
DEFINE_PER_CPU(uint32_t, rcu_epoch);
static unsigned int polls;

void arch_irq_poll(void)
{
    polls++;
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    abort();
}

void printk(const char *fmt, ...)
{
    (void)fmt;
}

struct page *page_alloc(unsigned int order)
{
    (void)order;
    return NULL;
}

struct page *page_alloc_zeroed(unsigned int order)
{
    return page_alloc(order);
}

void page_free(struct page *pg, unsigned int order)
{
    (void)pg;
    (void)order;
}

void p2m_guest_check(const struct p2m *p, uint64_t cached, uint64_t epoch)
{
    (void)p;
    (void)cached;
    (void)epoch;
}

void p2m_guest_leave(void)
{
}

struct vcpu *sched_exit_to_guest(void)
{
    return NULL;
}

void svm_asid_prepare(struct vcpu *v)
{
    (void)v;
}

void svm_asid_cpu_init(void)
{
}

void svm_enter(struct vcpu *v)
{
    (void)v;
    abort();
}

/* None of these exits is meant. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NOT_MEANT(name, ...) \
    void name(__VA_ARGS__)   \
    {                        \
        fail_msg(#name);     \
    }
NOT_MEANT(domain_crash, struct domain *d, const char *fmt, ...)
NOT_MEANT(hvm_advance, struct vcpu *v, unsigned int len)
NOT_MEANT(hvm_cpuid, struct vcpu *v, unsigned int len)
NOT_MEANT(hvm_emulate, struct vcpu *v)
NOT_MEANT(hvm_xsetbv, struct vcpu *v, unsigned int len)
NOT_MEANT(svm_exit_cr8, struct vcpu *v, bool write)
NOT_MEANT(hvm_hlt, struct vcpu *v, unsigned int len)
NOT_MEANT(hvm_hypercall, struct vcpu *v, unsigned int len)
NOT_MEANT(hvm_inject_exception, struct vcpu *v, unsigned int vector, bool has_error, uint32_t error)
NOT_MEANT(hvm_port_io, struct vcpu *v, uint16_t port, unsigned int size, bool in, uint64_t next)
NOT_MEANT(hvm_rdmsr, struct vcpu *v, unsigned int len)
NOT_MEANT(hvm_triple_fault, struct vcpu *v)
NOT_MEANT(hvm_wrmsr, struct vcpu *v, unsigned int len)

static unsigned int looked_again;

void hvm_interrupts_changed(struct vcpu *v)
{
    (void)v;
    looked_again++;
}

/* A page that its stack lacks: given now. */
void hvm_nested_fault(struct vcpu *v, uint64_t gpa, bool write, bool exec)
{
    (void)v;
    (void)gpa;
    (void)write;
    (void)exec;
}

/* --- a vCPU --- */

#define VECTOR 0x51

static struct vmcb vmcb;
static struct domain domain;
static struct vcpu vcpu = {.domain = &domain};

static int setup(void **state)
{
    (void)state;
    memset(&vmcb, 0, sizeof(vmcb));
    set_intercepts(&vmcb);
    vmcb.v_intr = V_INTR_MASKING;
    vcpu.arch.svm.vmcb = &vmcb;
    offers_interrupts = true;
    polls = looked_again = 0;
    return 0;
}
#define TEST(f) cmocka_unit_test_setup(f, setup)

static void inject(unsigned int type, uint8_t vector)
{
    const struct hvm_event e = {.type = (uint8_t)type, .vector = vector};

    svm_vendor.inject(&vcpu, &e);
}

static void exit_with(uint64_t code, uint64_t int_info)
{
    vmcb.event_inject = 0; /* as the CPU leaves it */
    vmcb.exit_code = code;
    vmcb.exit_int_info = int_info;
    svm_exit(&vcpu);
}

static bool offers(uint8_t vector)
{
    return (vmcb.v_intr & (V_IRQ | V_IGN_TPR | V_INTR_MASKING)) ==
               (V_IRQ | V_IGN_TPR | V_INTR_MASKING) &&
           vmcb.v_intr >> 32 == vector && !(vmcb.intercept1 & ICPT_VINTR);
}

static bool offers_nothing(void)
{
    return !(vmcb.v_intr & V_IRQ) && !(vmcb.intercept1 & ICPT_VINTR);
}

static bool has_window(void)
{
    return (vmcb.v_intr & V_IRQ) && (vmcb.intercept1 & ICPT_VINTR);
}

/* --- tests --- */

static void taken_at_once(void **state)
{
    (void)state;
    inject(HVM_EVENT_INTR, VECTOR);
    assert_true(offers(VECTOR));
    assert_true(vmcb.event_inject == 0);
    assert_false(svm_vendor.can_inject(&vcpu));
    svm_vendor.request_window(&vcpu, false);
    assert_true(offers(VECTOR));
    vmcb.v_intr &= ~V_IRQ; /* the CPU */
    exit_with(EXIT_INTR, 0);
    assert_true(svm_vendor.can_inject(&vcpu));
    assert_true(vmcb.event_inject == 0);
    svm_vendor.request_window(&vcpu, false);
    assert_true(offers_nothing());
}

static void the_host_is_interrupted_first(void **state)
{
    (void)state;
    inject(HVM_EVENT_INTR, VECTOR);
    for (unsigned int i = 0; i < 3; i++) {
        exit_with(EXIT_INTR, 0);
        assert_true(offers(VECTOR));
        svm_vendor.request_window(&vcpu, false); /* nothing else came */
    }
    assert_true(offers(VECTOR));
    assert_true(vmcb.event_inject == 0);
    assert_int_equal(polls, 3);
}

static void another_waits_behind_it(void **state)
{
    (void)state;
    inject(HVM_EVENT_INTR, VECTOR);
    svm_vendor.request_window(&vcpu, true);
    assert_true(vmcb.event_inject == (EVENT_VALID | HVM_EVENT_INTR << 8 | VECTOR));
    assert_true(has_window());
    assert_false(svm_vendor.can_inject(&vcpu));
    exit_with(EXIT_VINTR, 0);
    assert_int_equal(looked_again, 1);
    assert_true(svm_vendor.can_inject(&vcpu));
    inject(HVM_EVENT_INTR, VECTOR + 1); /* instead of the window */
    assert_true(offers(VECTOR + 1));
}

static void a_window_that_is_not_needed(void **state)
{
    (void)state;
    svm_vendor.request_window(&vcpu, true);
    assert_true(has_window() && svm_vendor.can_inject(&vcpu));
    assert_true(vmcb.event_inject == 0);
    svm_vendor.request_window(&vcpu, false);
    assert_true(offers_nothing());
}

/* A CPU may clear V_IRQ when it begins, or when it has done. */
static void its_delivery_faults(void **state)
{
    const uint64_t info = EVENT_VALID | HVM_EVENT_INTR << 8 | VECTOR;

    (void)state;
    for (unsigned int clears = 0; clears < 2; clears++) {
        inject(HVM_EVENT_INTR, VECTOR);
        if (clears)
            vmcb.v_intr &= ~V_IRQ;
        exit_with(EXIT_NPF, info);
        assert_true(vmcb.event_inject == info);
        assert_false(vmcb.v_intr & V_IRQ);
        svm_vendor.request_window(&vcpu, true); /* that stays one */
        exit_with(EXIT_NPF, info);
        assert_true(vmcb.event_inject == info && has_window());
        exit_with(EXIT_INTR, 0);
        svm_vendor.request_window(&vcpu, false);
    }
}

static void events_that_are_no_interrupts(void **state)
{
    (void)state;
    inject(HVM_EVENT_NMI, VEC_NMI);
    assert_true(vmcb.event_inject == (EVENT_VALID | HVM_EVENT_NMI << 8 | VEC_NMI));
    assert_true(offers_nothing());
    vmcb.event_inject = 0;
    vmcb.shadow = 1; /* a device model may ask for one there: not an instruction later */
    inject(HVM_EVENT_INTR, VECTOR);
    assert_true(vmcb.event_inject == (EVENT_VALID | HVM_EVENT_INTR << 8 | VECTOR));
    assert_true(offers_nothing());
}

static void by_event_elsewhere(void **state)
{
    (void)state;
    offers_interrupts = false;
    inject(HVM_EVENT_INTR, VECTOR);
    assert_true(vmcb.event_inject == (EVENT_VALID | HVM_EVENT_INTR << 8 | VECTOR));
    svm_vendor.request_window(&vcpu, true);
    assert_true(vmcb.event_inject == (EVENT_VALID | HVM_EVENT_INTR << 8 | VECTOR));
    assert_true(has_window());
}

static void reset(void **state)
{
    (void)state;
    inject(HVM_EVENT_INTR, VECTOR);
    svm_vendor.reset(&vcpu);
    assert_true(offers_nothing() && svm_vendor.can_inject(&vcpu));
    svm_vendor.request_window(&vcpu, true);
    svm_vendor.reset(&vcpu);
    assert_true(offers_nothing());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(taken_at_once),           TEST(the_host_is_interrupted_first),
        TEST(another_waits_behind_it), TEST(a_window_that_is_not_needed),
        TEST(its_delivery_faults),     TEST(events_that_are_no_interrupts),
        TEST(by_event_elsewhere),      TEST(reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
