/* SPDX-License-Identifier: Apache-2.0 */
/* See x86_hvm.h. */
#include "x86_hvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/emulate.h>
#include <asm/time.h>
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/guest_access.h>
#include <wherry/symbols.h>

#define NR_CPUS_OF_TEST 8

/* --- a vendor of plain memory --- */

static struct x86_cpu cpus[NR_CPUS_OF_TEST];

struct x86_cpu *x86_cpu(const struct vcpu *v)
{
    return &cpus[v->id];
}

static int vendor_vcpu_init(struct vcpu *v)
{
    *x86_cpu(v) = (struct x86_cpu){.dr6 = 0xffff0ff0};
    return 0;
}

static void vendor_nothing(struct vcpu *v)
{
    (void)v;
}

static void vendor_get_segment(struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out)
{
    *out = x86_cpu(v)->seg[seg];
}

static void vendor_get_segments(struct vcpu *v, struct hvm_segment out[6])
{
    memcpy(out, x86_cpu(v)->seg, 6 * sizeof(*out));
}

static void vendor_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in)
{
    x86_cpu(v)->seg[seg] = *in;
}

static uint64_t vendor_get_cr(struct vcpu *v, unsigned int n)
{
    return x86_cpu(v)->cr[n];
}

static void vendor_set_cr(struct vcpu *v, unsigned int n, uint64_t value)
{
    x86_cpu(v)->cr[n] = value;
}

static uint64_t vendor_get_efer(struct vcpu *v)
{
    return x86_cpu(v)->efer;
}

static void vendor_get_control(struct vcpu *v, struct hvm_control *out)
{
    const struct x86_cpu *c = x86_cpu(v);

    *out = (struct hvm_control){c->cr[0], c->cr[3], c->cr[4], c->efer};
}

static unsigned int vendor_get_cpl(struct vcpu *v)
{
    return x86_cpu(v)->cr[0] & CR0_PE ? SEG_DPL(x86_cpu(v)->seg[SEG_SS].attr) : 0;
}

static bool vendor_is_64bit(struct vcpu *v)
{
    return (x86_cpu(v)->efer & EFER_LMA) && (x86_cpu(v)->seg[SEG_CS].attr & SEG_L);
}

static void vendor_set_efer(struct vcpu *v, uint64_t value)
{
    x86_cpu(v)->efer = value;
}

static bool vendor_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v, (void)msr, (void)value;
    return false;
}

static bool vendor_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)v, (void)msr, (void)value;
    return false;
}

static void vendor_inject(struct vcpu *v, const struct hvm_event *e)
{
    struct x86_cpu *c = x86_cpu(v);

    c->event = *e;
    c->pending = true;
    c->injected++;
}

static bool vendor_can_inject(struct vcpu *v)
{
    return !x86_cpu(v)->pending;
}

static bool vendor_in_shadow(struct vcpu *v)
{
    return x86_cpu(v)->shadow;
}

static void vendor_reset(struct vcpu *v)
{
    x86_cpu(v)->pending = false;
    x86_cpu(v)->shadow = false;
}

static void vendor_clear_shadow(struct vcpu *v)
{
    x86_cpu(v)->shadow = false;
}

static void vendor_set_dr6(struct vcpu *v, uint64_t bits)
{
    x86_cpu(v)->dr6 |= bits;
}

static void vendor_request_window(struct vcpu *v, bool on)
{
    x86_cpu(v)->window = on;
}

static int vendor_setup(void)
{
    return 0;
}

static void vendor_cpu_on(void)
{
}

static void __noreturn vendor_run(struct vcpu *v)
{
    (void)v;
    abort();
}

static void vendor_dump(const struct vcpu *v)
{
    (void)v;
}

const struct hvm_vendor svm_vendor = {
    .name = "plain memory",
    .setup = vendor_setup,
    .cpu_on = vendor_cpu_on,
    .vcpu_init = vendor_vcpu_init,
    .vcpu_destroy = vendor_nothing,
    .load = vendor_nothing,
    .save = vendor_nothing,
    .get_segment = vendor_get_segment,
    .get_segments = vendor_get_segments,
    .set_segment = vendor_set_segment,
    .get_cr = vendor_get_cr,
    .set_cr = vendor_set_cr,
    .get_efer = vendor_get_efer,
    .set_efer = vendor_set_efer,
    .get_control = vendor_get_control,
    .get_cpl = vendor_get_cpl,
    .is_64bit = vendor_is_64bit,
    .get_msr = vendor_msr,
    .set_msr = vendor_set_msr,
    .inject = vendor_inject,
    .can_inject = vendor_can_inject,
    .in_shadow = vendor_in_shadow,
    .reset = vendor_reset,
    .clear_shadow = vendor_clear_shadow,
    .set_dr6 = vendor_set_dr6,
    .request_window = vendor_request_window,
    .run = vendor_run,
    .dump = vendor_dump,
};

const struct hvm_vendor vmx_vendor = {.name = "not here"};

/* --- what else hvm/ calls --- */

/* The guest's vector registers and XCR0 are always in v->arch: the processor's are the test's own.
 */
void __wrap_hvm_fpu_sync(struct vcpu *v);
void __wrap_hvm_fpu_reload(struct vcpu *v);
void __wrap_hvm_fpu_set_xcr0(struct vcpu *v, uint64_t value);
uint64_t __wrap_hvm_fpu_xcr0(const struct vcpu *v);

void __wrap_hvm_fpu_set_xcr0(struct vcpu *v, uint64_t value)
{
    v->arch.xcr0 = value;
    v->arch.xsave = true;
}

uint64_t __wrap_hvm_fpu_xcr0(const struct vcpu *v)
{
    return v->arch.xcr0;
}

void __wrap_hvm_fpu_sync(struct vcpu *v)
{
    (void)v;
}

void __wrap_hvm_fpu_reload(struct vcpu *v)
{
    (void)v;
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
    uint32_t none = 0;

    atomic32_cmpxchg(&d->shutdown_code, &none, reason + 1);
}

void console_guest_write(struct domain *d, const char *buf, size_t len)
{
    (void)d, (void)buf, (void)len;
}

int gpa_copy_to(struct domain *d, gpaddr_t addr, const void *src, size_t size)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(d, gpaddr_to_gfn(addr), &t);

    if (!p2m_is_ram(t))
        return -EFAULT;
    memcpy((char *)mfn_to_virt(m) + (addr.v & ~PAGE_MASK), src, size);
    return 0;
}

void evtchn_set_layout(struct domain *d, bool words32)
{
    d->evtchn.words32 = words32;
}

bool evtchn_upcall_pending(const struct vcpu *v)
{
    (void)v;
    return false;
}

unsigned int x86_timer_virqs[NR_CPUS_OF_TEST];

void evtchn_send_vcpu_virq(struct vcpu *v, unsigned int virq)
{
    assert_int_equal(virq, VIRQ_TIMER);
    x86_timer_virqs[v->id]++;
}

void arch_stack_bounds(uintptr_t *low, uintptr_t *high)
{
    (void)low, (void)high;
    abort();
}

struct cpu_features cpu_features = {.paddr_bits = 40};

void hvm_time_update(struct vcpu *v)
{
    (void)v;
}

void hvm_wallclock_init(struct shared_info *s, bool words32)
{
    (void)s, (void)words32;
}

uint64_t time_boot_tsc(void)
{
    return 0;
}

s_time_t time_tsc_to_ns(uint64_t ticks)
{
    return (s_time_t)ticks;
}

uint64_t time_ns_to_tsc(s_time_t ns)
{
    return (uint64_t)ns;
}

void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .data = data, .cpu = cpu};
}

void timer_set(struct timer *t, s_time_t expires)
{
    t->expires = expires;
    t->active = true;
}

void timer_stop(struct timer *t)
{
    t->active = false;
}

/* --- the guest --- */

struct vcpu *x86_vcpu(void)
{
    return guest->vcpu[0];
}

uint64_t *x86_reg(unsigned int n)
{
    return &x86_vcpu()->arch.regs.r[n];
}

uint8_t *x86_ram(uint64_t gpa)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(guest, gfn(gpa >> PAGE_SHIFT), &t);

    assert_true(p2m_is_ram(t));
    return (uint8_t *)mfn_to_virt(m) + (gpa & ~PAGE_MASK);
}

uint64_t x86_ram_int(uint64_t gpa, unsigned int bytes)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < bytes; i++)
        value |= (uint64_t)*x86_ram(gpa + i) << 8 * i;
    return value;
}

uint64_t *x86_pte(uint64_t linear)
{
    return (uint64_t *)x86_ram(X86_TABLES + 0x3000) + (linear >> PAGE_SHIFT & 511);
}

void x86_add_ram(uint64_t gpa)
{
    struct page *pg = domain_alloc_pages(guest, 0, false);

    assert_non_null(pg);
    memset(page_to_virt(pg), 0, PAGE_SIZE);
    assert_int_equal(p2m_map(guest, gfn(gpa >> PAGE_SHIFT), 1, page_to_mfn(pg), P2M_RAM_RW), 0);
}

static void fill_tables(void)
{
    const uint64_t rights = 0x7;

    for (unsigned int i = 0; i < 3; i++)
        *(uint64_t *)x86_ram(X86_TABLES + i * PAGE_SIZE) =
            (X86_TABLES + (i + 1) * PAGE_SIZE) | rights;
    for (uint64_t at = 0; at < 512 * PAGE_SIZE; at += PAGE_SIZE)
        *x86_pte(at) = (at >= X86_MMIO ? at - X86_MMIO + X86_MMIO_GPA : at) | rights;
}

void x86_mode(struct vcpu *v, enum x86_cpu_mode mode)
{
    struct x86_cpu *c = x86_cpu(v);
    bool is_long = mode == X86_LONG || mode == X86_COMPAT;
    uint16_t data = mode == X86_REAL ? 0x93 : 0xc93;
    uint16_t code = mode == X86_LONG ? 0xa9b : mode == X86_REAL ? 0x9b : 0xc9b;

    c->cr[0] = mode == X86_REAL ? CR0_ET : CR0_PE | CR0_ET | (is_long ? CR0_PG | CR0_WP : 0);
    c->cr[3] = X86_TABLES;
    c->cr[4] = is_long ? CR4_PAE | CR4_OSFXSR : 0;
    c->efer = is_long ? EFER_LMA | EFER_LME | EFER_NXE : 0;
    for (enum hvm_seg s = SEG_ES; s <= SEG_GS; s++)
        c->seg[s] = (struct hvm_segment){
            .sel = 0x10, .attr = data, .limit = mode == X86_REAL ? 0xffff : UINT32_MAX};
    c->seg[SEG_CS].attr = code;
    v->arch.regs.rip = X86_CODE;
    v->arch.regs.rflags = 2;
}

int x86_setup(void **state)
{
    int rc = scene_setup(state);
    struct vcpu *v;
    unsigned int i;

    if (rc != 0)
        return rc;
    hvm = &svm_vendor;
    for_each_vcpu (guest, v, i)
        assert_int_equal(arch_vcpu_create(v), 0);
    for (uint64_t at = 0; at < X86_RAM_END; at += PAGE_SIZE)
        x86_add_ram(at);
    fill_tables();
    for_each_vcpu (guest, v, i) {
        x86_mode(v, X86_LONG);
        v->arch.regs.r[REG_RSP] = 0x7000;
    }
    return 0;
}

int x86_teardown(void **state)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (guest, v, i)
        arch_vcpu_destroy(v);
    return scene_teardown(state);
}

void x86_put(const char *text)
{
    uint64_t at = x86_vcpu()->arch.regs.rip;
    unsigned int byte;
    int used;

    while (sscanf(text, "%x%n", &byte, &used) == 1) {
        *x86_ram(at++) = (uint8_t)byte;
        text += used;
    }
}

bool x86_again(void)
{
    struct vcpu *v = x86_vcpu();

    AS(guest, (hvm_nested_fault(v, X86_MMIO_GPA, false, false), 0));
    return fake_exit_path(v);
}

bool x86_run(const char *text)
{
    x86_put(text);
    x86_cpu(x86_vcpu())->pending = false;
    x86_cpu(x86_vcpu())->injected = 0;
    return x86_again();
}

/* --- the device model --- */

struct x86_request x86_take(unsigned int id)
{
    const ioreq_t *p = dm_slot(guest, id, 0);

    assert_int_equal(p->state, STATE_IOREQ_READY);
    return (struct x86_request){.addr = p->addr,
                                .data = p->data,
                                .count = p->count,
                                .size = p->size,
                                .type = p->type,
                                .read = p->dir == IOREQ_READ,
                                .df = p->df,
                                .data_is_ptr = p->data_is_ptr};
}

void x86_expect(unsigned int id, bool read, uint64_t addr, uint32_t size, uint64_t data)
{
    struct x86_request r = x86_take(id);

    if (r.addr != addr || r.size != size || r.read != read || r.count != 1 || r.data_is_ptr ||
        (!read && r.data != data))
        fail_msg("request: %s %lx size %u count %u data %lx", r.read ? "read" : "write",
                 (unsigned long)r.addr, r.size, r.count, (unsigned long)r.data);
}

bool x86_answer(unsigned int id, uint64_t data)
{
    scene_answer(id, 0, data);
    return fake_exit_path(x86_vcpu());
}

unsigned int x86_server(void)
{
    unsigned int id = scene_server(X86_MMIO_GPA, X86_MMIO_GPA + 0xfffff);

    assert_int_equal(dm_map(guest, id, XEN_DMOP_IO_RANGE_PORT, 0x100, 0x1ff), 0);
    return id;
}
