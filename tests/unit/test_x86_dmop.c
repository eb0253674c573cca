/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DM ops that only x86 has (arch/x86/hvm/ioreq.c), through the hypercall: sizes and errors in
 * the order in which they are looked for, and what each does to its guest.
 */
#include "x86_hvm.h"

#include <string.h>

#include <asm/desc.h>
#include <public/hvm/hvm_op.h>

#define NR_OPS 21
#define PAGE_A UINT64_C(0x5) /* guest frames of RAM */
#define PAGE_B UINT64_C(0x6)
#define HOLE   (X86_RAM_END >> PAGE_SHIFT)

#define RAX x86_reg(REG_RAX)
#define RBX x86_reg(REG_RBX)
#define RCX x86_reg(REG_RCX)
#define RSI x86_reg(REG_RSI)
#define RDI x86_reg(REG_RDI)

/* --- all of them --- */

static const struct {
    uint32_t op;
    uint32_t size; /* of the union; 0: not on x86, or not yet */
} sizes[NR_OPS] = {
    {0, 0},   {1, 6},  {2, 24}, {3, 24}, {4, 24}, {5, 4},   {6, 4},
    {7, 0},   {8, 0},  {9, 0},  {10, 0}, {11, 0}, {12, 16}, {13, 24},
    {14, 16}, {15, 0}, {16, 4}, {17, 0}, {18, 0}, {19, 0},  {20, 4},
};

/* A buffer one byte short is EFAULT, then the header's pad, then what there is not. */
static void sizes_and_holes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NR_OPS; i++) {
        struct xen_dm_op op = {.op = i, .pad = 1};

        assert_int_equal(sizes[i].op, i);
        if (sizes[i].size != 0)
            assert_int_equal(dm_op_raw(guest->id, &op, 8 + sizes[i].size - 1, 1), -EFAULT);
        assert_int_equal(dm_op_raw(guest->id, &op, 8 + sizes[i].size, 1), -EINVAL);
        op.pad = 0;
        if (sizes[i].size == 0)
            assert_int_equal(dm_op_raw(guest->id, &op, 8, 1), -EOPNOTSUPP);
    }
    assert_false(domain_is_shut_down(guest));
}

/* --- set_mem_type --- */

static struct xen_dm_op last_op;

static long set_type(uint64_t first, uint32_t nr, uint16_t type)
{
    last_op = (struct xen_dm_op){.op = XEN_DMOP_set_mem_type};
    last_op.u.set_mem_type.first_pfn = first;
    last_op.u.set_mem_type.nr = nr;
    last_op.u.set_mem_type.mem_type = type;
    return dm_op(guest->id, &last_op);
}

static enum p2m_type type_of(uint64_t frame)
{
    enum p2m_type t;

    p2m_lookup(guest, gfn(frame), &t);
    return t;
}

static void type_arguments(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_mem_type};

    (void)state;
    op.u.set_mem_type = (struct xen_dm_op_set_mem_type){.nr = 1, .first_pfn = PAGE_A, .pad = 1};
    assert_int_equal(dm_op(guest->id, &op), -EINVAL);
    assert_int_equal(set_type(PAGE_A, 0, HVMMEM_ram_ro), -EINVAL);
    assert_int_equal(set_type(0, 0, HVMMEM_ram_ro), -EINVAL);
    assert_int_equal(set_type(~UINT64_C(0), 2, HVMMEM_ram_ro), -EINVAL); /* wraps */
    assert_int_equal(set_type(0, (uint32_t)HOLE + 1, HVMMEM_ram_ro), -EINVAL);
    assert_int_equal(set_type(HOLE, 1, HVMMEM_mmio_dm), -EINVAL); /* above all that ever was */
    assert_int_equal(set_type(~UINT64_C(0) >> 4, 1, HVMMEM_ram_ro), -EINVAL);
    for (uint32_t type = HVMMEM_unused; type <= 0xffff; type++)
        assert_int_equal(set_type(PAGE_A, 1, (uint16_t)type), -EINVAL);
    for (uint64_t frame = 0; frame < HOLE; frame++)
        assert_int_equal(type_of(frame), P2M_RAM_RW);
}

/* Every pair of what is there and what is asked for; an entry always has the page it had. */
static void xsa_92_every_pair_of_types(void **state)
{
    static const enum p2m_type all[] = {P2M_INVALID,         P2M_RAM_RW,     P2M_RAM_RO,
                                        P2M_MMIO_DIRECT_DEV, P2M_FOREIGN_RW, P2M_FOREIGN_RO};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
        for (uint16_t want = HVMMEM_ram_rw; want <= HVMMEM_mmio_dm; want++) {
            bool foreign = p2m_is_foreign(all[i]), ram = p2m_is_ram(all[i]);
            struct page *pg = domain_alloc_pages(foreign ? dm : guest, 0, false);
            enum p2m_type expect = all[i], now;
            long rc = -EINVAL;
            mfn_t m;

            assert_non_null(pg);
            assert_int_equal(p2m_unmap(guest, gfn(PAGE_B), 1), 0);
            if (all[i] != P2M_INVALID)
                assert_int_equal(p2m_map(guest, gfn(PAGE_B), 1, page_to_mfn(pg), all[i]), 0);
            if (ram || (all[i] == P2M_INVALID && want == HVMMEM_mmio_dm))
                rc = 0;
            if (ram)
                expect = want == HVMMEM_ram_rw   ? P2M_RAM_RW
                         : want == HVMMEM_ram_ro ? P2M_RAM_RO
                                                 : P2M_INVALID;
            assert_int_equal(set_type(PAGE_B, 1, want), rc);
            m = p2m_lookup(guest, gfn(PAGE_B), &now);
            assert_int_equal(now, expect);
            if (now != P2M_INVALID)
                assert_true(mfn_eq(m, page_to_mfn(pg)));
            if (ram && want == HVMMEM_mmio_dm)
                assert_int_equal(atomic32_read(&pg->refs), 0); /* back with its owner's */
            assert_int_equal(p2m_unmap(guest, gfn(PAGE_B), 1), 0);
            if (!ram && !foreign) /* the test's own reference */
                page_put(pg);
        }
}

static void pages_before_an_error_keep_their_type(void **state)
{
    (void)state;
    assert_int_equal(p2m_unmap(guest, gfn(PAGE_B), 1), 0);
    assert_int_equal(set_type(PAGE_A, 3, HVMMEM_ram_ro), -EINVAL);
    assert_int_equal(type_of(PAGE_A), P2M_RAM_RO);
    assert_int_equal(type_of(PAGE_B), P2M_INVALID);
    assert_int_equal(type_of(PAGE_B + 1), P2M_RAM_RW);
    assert_int_equal(last_op.u.set_mem_type.nr, 3); /* nothing is written back */
}

/* An interrupt waits: 256 frames, then the call is made again with what is left. */
static void xsa_27_types_give_way(void **state)
{
    const uint32_t nr = 600;
    uint64_t first = HOLE;

    (void)state;
    assert_int_equal(p2m_map(guest, gfn(first + nr - 1), 1,
                             page_to_mfn(domain_alloc_pages(guest, 0, false)), P2M_RAM_RW),
                     0);
    fake_irq_pending_flag = true;
    assert_int_equal(set_type(first, nr, HVMMEM_mmio_dm), -ERESTART);
    assert_int_equal(last_op.u.set_mem_type.nr, nr - 256);
    assert_true(last_op.u.set_mem_type.first_pfn == first + 256);
    assert_int_equal(dm_op(guest->id, &last_op), -ERESTART);
    assert_int_equal(last_op.u.set_mem_type.nr, nr - 512);
    assert_int_equal(type_of(first + nr - 1), P2M_RAM_RW);
    assert_int_equal(dm_op(guest->id, &last_op), 0);
    assert_int_equal(type_of(first + nr - 1), P2M_INVALID);
    /* not after the last one */
    assert_int_equal(set_type(first, 256, HVMMEM_mmio_dm), 0);
    fake_irq_pending_flag = false;
    assert_int_equal(set_type(first, nr, HVMMEM_mmio_dm), 0);
}

/* --- memory that is read-only --- */

static bool write_fault(const char *text, uint64_t gpa)
{
    struct vcpu *v = x86_vcpu();

    x86_put(text);
    x86_cpu(v)->injected = 0;
    AS(guest, (hvm_nested_fault(v, gpa, true, false), 0));
    return fake_exit_path(v);
}

static void done(unsigned int bytes)
{
    assert_int_equal(x86_cpu(x86_vcpu())->injected, 0);
    assert_int_equal(x86_vcpu()->arch.regs.rip, X86_CODE + bytes);
}

/* Writes are lost, and are nobody's even if somebody claims the place. */
static void writes_to_read_only_memory(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    assert_int_equal(dm_map(guest, id, XEN_DMOP_IO_RANGE_MEMORY, PAGE_A << PAGE_SHIFT,
                            (PAGE_A << PAGE_SHIFT) + 0xfff),
                     0);
    *x86_ram(PAGE_A << PAGE_SHIFT) = 7;
    assert_int_equal(set_type(PAGE_A, 1, HVMMEM_ram_ro), 0);
    *RBX = PAGE_A << PAGE_SHIFT;
    *RAX = 9;
    assert_true(write_fault("88 03", PAGE_A << PAGE_SHIFT));
    done(2);
    assert_int_equal(*x86_ram(PAGE_A << PAGE_SHIFT), 7);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
    /* a read-modify-write reads it */
    x86_vcpu()->arch.regs.rip = X86_CODE;
    assert_true(write_fault("0f c1 03", PAGE_A << PAGE_SHIFT)); /* xadd */
    done(3);
    assert_int_equal(*RAX & 0xff, 7);
    assert_int_equal(*x86_ram(PAGE_A << PAGE_SHIFT), 7);
    /* half in it */
    x86_vcpu()->arch.regs.rip = X86_CODE;
    *RBX = (PAGE_B << PAGE_SHIFT) - 2;
    *RAX = 0x44332211;
    assert_true(write_fault("89 03", PAGE_A << PAGE_SHIFT));
    done(2);
    assert_true(x86_ram_int((PAGE_B << PAGE_SHIFT) - 2, 4) == 0x44330000);
    assert_int_equal(set_type(PAGE_A, 1, HVMMEM_ram_rw), 0);
    *RBX = PAGE_A << PAGE_SHIFT;
    x86_vcpu()->arch.regs.rip = X86_CODE;
    assert_true(write_fault("88 03", PAGE_A << PAGE_SHIFT)); /* raced with the change: again */
    done(0);
    assert_int_equal(*x86_ram(PAGE_A << PAGE_SHIFT), 7);
}

/* A string from a device into it: one element at a time, each lost. */
static void strings_to_read_only_memory(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    assert_int_equal(set_type(PAGE_A, 1, HVMMEM_ram_ro), 0);
    *RSI = X86_MMIO;
    *RDI = PAGE_A << PAGE_SHIFT;
    *RCX = 2;
    assert_false(x86_run("f3 a4"));
    assert_int_equal(x86_take(id).count, 1);
    assert_false(x86_take(id).data_is_ptr);
    assert_true(x86_answer(id, 0x55));
    assert_int_equal(*RCX, 1);
    assert_int_equal(*x86_ram(PAGE_A << PAGE_SHIFT), 0);
}

/* --- inject_event --- */

static long inject(uint8_t type, uint8_t vector, uint8_t len, uint32_t error)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_event};

    op.u.inject_event.type = type;
    op.u.inject_event.vector = vector;
    op.u.inject_event.insn_len = len;
    op.u.inject_event.error_code = error;
    op.u.inject_event.cr2 = 0x1234;
    return dm_op(guest->id, &op);
}

static void event_arguments(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_event};

    (void)state;
    op.u.inject_event = (struct xen_dm_op_inject_event){.pad0 = 1};
    assert_int_equal(dm_op(guest->id, &op), -EINVAL);
    op.u.inject_event = (struct xen_dm_op_inject_event){.pad1 = 1};
    assert_int_equal(dm_op(guest->id, &op), -EINVAL);
    op.u.inject_event = (struct xen_dm_op_inject_event){.vcpuid = guest->max_vcpus};
    assert_int_equal(dm_op(guest->id, &op), -EINVAL);
    op.u.inject_event.vcpuid = UINT32_MAX;
    assert_int_equal(dm_op(guest->id, &op), -EINVAL);
    assert_int_equal(inject(XEN_DMOP_EVENT_hw_exc, VEC_GP, 0, 0), 0);
    assert_int_equal(inject(XEN_DMOP_EVENT_hw_exc, VEC_GP, 0, 0), -EBUSY);
    op.u.inject_event.vcpuid = guest->max_vcpus;
    assert_int_equal(dm_op(guest->id, &op), -EINVAL); /* before that */
}

static const struct hvm_event *deliver(void)
{
    struct x86_cpu *c = x86_cpu(x86_vcpu());

    c->injected = 0;
    c->pending = false;
    AS(guest, (arch_vcpu_flush_irq(x86_vcpu()), 0));
    c->pending = false;
    return c->injected != 0 ? &c->event : NULL;
}

static void events_are_delivered_once(void **state)
{
    const struct hvm_event *e;

    (void)state;
    assert_int_equal(inject(XEN_DMOP_EVENT_hw_exc, VEC_PF, 0, 6), 0);
    e = deliver();
    assert_non_null(e);
    assert_int_equal(e->vector, VEC_PF);
    assert_true(e->has_error);
    assert_int_equal(e->error, 6);
    assert_true(e->cr2 == 0x1234);
    assert_null(deliver());
    /* something else is being delivered: it is lost */
    assert_int_equal(inject(XEN_DMOP_EVENT_hw_exc, VEC_PF, 0, 6), 0);
    x86_cpu(x86_vcpu())->injected = 0;
    x86_cpu(x86_vcpu())->pending = true;
    AS(guest, (arch_vcpu_flush_irq(x86_vcpu()), 0));
    assert_int_equal(x86_cpu(x86_vcpu())->injected, 0);
    assert_null(deliver());
    assert_int_equal(inject(XEN_DMOP_EVENT_nmi, 99, 0, ~UINT32_C(0)), 0);
    assert_int_equal(deliver()->vector, VEC_NMI);
}

/* Whatever it says, what comes to an entry is what a processor takes. */
static void xsa_462_every_event(void **state)
{
    (void)state;
    for (unsigned int type = 0; type < 256; type++)
        for (unsigned int vector = 0; vector < 256; vector++)
            for (unsigned int i = 0; i < 6; i++) {
                static const uint8_t lens[] = {0, 1, 15, 16, 255, 2};
                const struct hvm_event *e;

                if (type > 8 && type != 255 && vector % 16 != 0)
                    continue;
                x86_vcpu()->arch.regs.rflags = i & 1 ? 0x202 : 2;
                assert_int_equal(
                    inject((uint8_t)type, (uint8_t)vector, lens[i], i < 3 ? ~UINT32_C(0) : 0x11),
                    0);
                e = deliver();
                if (e == NULL)
                    continue;
                assert_true(e->type == HVM_EVENT_INTR || e->type == HVM_EVENT_NMI ||
                            (e->type >= HVM_EVENT_EXCEPTION && e->type <= HVM_EVENT_SOFT));
                assert_false(e->type == HVM_EVENT_EXCEPTION &&
                             (e->vector >= 32 || e->vector == VEC_NMI));
                assert_false(e->type > HVM_EVENT_EXCEPTION &&
                             (e->insn_len == 0 || e->insn_len > 15));
                assert_false(e->type == HVM_EVENT_INTR && (i & 1) == 0);
                if (e->type == HVM_EVENT_EXCEPTION)
                    assert_int_equal(e->has_error, (VECTORS_WITH_ERROR >> e->vector) & 1);
                else
                    assert_false(e->has_error);
                assert_false(e->has_error && i < 3 && e->error != 0);
            }
}

/* --- inject_msi --- */

static long msi(uint64_t addr, uint32_t data)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_msi};

    op.u.inject_msi.addr = addr;
    op.u.inject_msi.data = data;
    return dm_op(guest->id, &op);
}

static void enable_apic(void)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (guest, v, i) {
        assert_true(vlapic_set_base(v, vlapic_get_base(v) | APIC_BASE_X2APIC));
        AS(guest, (assert_true(vlapic_write_msr(v, 0x80f, 0x1ff)), 0));
    }
}

static void msi_arguments(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_msi};

    (void)state;
    enable_apic();
    op.u.inject_msi = (struct xen_dm_op_inject_msi){.pad = 1, .data = 0x40};
    assert_int_equal(dm_op(guest->id, &op), -EINVAL);
    for (unsigned int mode = 0; mode < 8; mode++)
        assert_int_equal(msi(0xfee00000, 0x40 | mode << 8), mode <= 1 ? 0 : -EINVAL);
    assert_int_equal(msi(0xfee80000, 0x140), -ESRCH); /* lowest priority, nobody */
    assert_int_equal(msi(0xfee80000, 0x40), 0);       /* fixed, nobody */
}

/* Vector 0 means a physical interrupt, of which there are none. */
static void xsa_96_vector_zero(void **state)
{
    (void)state;
    enable_apic();
    assert_int_equal(msi(0xfee00000, 0), -ERANGE);
    assert_int_equal(msi(0xfff00fff, 0), -ERANGE); /* bits that are no number */
    for (uint64_t pirq = 1; pirq < 0x10000; pirq++)
        assert_int_equal(msi((pirq & 0xff) << 12 | (pirq & ~UINT64_C(0xff)) << 32, 0x300), -EINVAL);
    assert_int_equal(msi(~UINT64_C(0), 0), -EINVAL);
}

static void msi_is_delivered(void **state)
{
    struct vcpu *v = x86_vcpu();

    (void)state;
    enable_apic();
    v->arch.regs.rflags = 0x202;
    assert_int_equal(msi(0xfee00000, 0x40), 0);
    assert_int_equal(deliver()->vector, 0x40);
    assert_null(deliver());
    /* the upper part of the address does not count */
    AS(guest, (assert_true(vlapic_write_msr(v, 0x80b, 0)), 0));
    assert_int_equal(msi(0x12300000, 0x41), 0);
    assert_int_equal(deliver()->vector, 0x41);
    /* vectors below 16 are illegal, and lost */
    AS(guest, (assert_true(vlapic_write_msr(v, 0x80b, 0)), 0));
    assert_int_equal(msi(0xfee00000, 0x0f), 0);
    assert_null(deliver());
}

/* --- the others --- */

static void remote_shutdown(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_remote_shutdown};

    (void)state;
    op.u.remote_shutdown.reason = 0x102; /* eight bits of it */
    assert_int_equal(dm_op(guest->id, &op), 0);
    assert_int_equal(atomic32_read(&guest->shutdown_code), 3);
}

static void number_of_vcpus(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_nr_vcpus};

    (void)state;
    assert_int_equal(dm_op(guest->id, &op), 0);
    assert_int_equal(op.u.nr_vcpus.vcpus, guest->max_vcpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X86_TEST(sizes_and_holes),
        X86_TEST(type_arguments),
        X86_TEST(xsa_92_every_pair_of_types),
        X86_TEST(pages_before_an_error_keep_their_type),
        X86_TEST(xsa_27_types_give_way),
        X86_TEST(writes_to_read_only_memory),
        X86_TEST(strings_to_read_only_memory),
        X86_TEST(event_arguments),
        X86_TEST(events_are_delivered_once),
        X86_TEST(xsa_462_every_event),
        X86_TEST(msi_arguments),
        X86_TEST(xsa_96_vector_zero),
        X86_TEST(msi_is_delivered),
        X86_TEST(remote_shutdown),
        X86_TEST(number_of_vcpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
