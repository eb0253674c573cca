/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual interrupt controller (arch/arm/vgic) as a guest sees it: registers through the MMIO
 * handlers that the code registers, delivery through the model of arm_vgic_model.h.
 */
#include "arm_vgic_model.h"

/* --- cases --- */

static void edge_is_delivered_once(void **state)
{
    (void)state;
    enable_spi(SPI);
    wr(0, D(0xc00 + SPI / 16 * 4), 4, 2u << (SPI % 16 * 2));
    vgic_inject_edge(&dom, NULL, SPI);
    vgic_inject_edge(&dom, NULL, SPI); /* merges: not acknowledged yet */
    assert_int_equal(ack(0), SPI);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPURIOUS);
    /* An edge while active is another interrupt. */
    vgic_inject_edge(&dom, NULL, SPI);
    assert_int_equal(ack(0), SPI);
    vgic_inject_edge(&dom, NULL, SPI);
    assert_int_equal(ack(0), SPURIOUS);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPI);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPURIOUS);
}

static void level_stays_until_lowered(void **state)
{
    (void)state;
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    assert_int_equal(ack(0), SPI);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPI);
    vgic_inject(&dom, NULL, SPI, false);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPURIOUS);
}

static void level_lowered_before_ack_is_gone(void **state)
{
    (void)state;
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    settle(0);
    assert_true(best_lr(0) >= 0);
    vgic_inject(&dom, NULL, SPI, false);
    assert_int_equal(ack(0), SPURIOUS);
    assert_int_equal(rd(0, D(0x200 + SPI / 32 * 4), 4), 0);
}

static void enabling_delivers_what_is_pending(void **state)
{
    (void)state;
    vgic_inject(&dom, NULL, SPI, true);
    assert_int_equal(ack(0), SPURIOUS);
    enable_spi(SPI);
    assert_int_equal(ack(0), SPI);
}

static void xsa_223_disabling_takes_it_back(void **state)
{
    (void)state;
    enable_spi(SPI);
    wr(0, D(0xc00 + SPI / 16 * 4), 4, 2u << (SPI % 16 * 2));
    vgic_inject_edge(&dom, NULL, SPI);
    settle(0);
    assert_true(best_lr(0) >= 0);
    kicks[0] = 0;
    wr(1, D(0x180 + SPI / 32 * 4), 4, 1u << (SPI % 32)); /* by another vCPU */
    assert_int_equal(kicks[0], 1);
    assert_int_equal(ack(0), SPURIOUS);
    assert_int_equal(rd(1, D(0x200 + SPI / 32 * 4), 4), 1u << (SPI % 32)); /* still pending */
    enable_spi(SPI);
    assert_int_equal(ack(0), SPI);
}

static void clearing_pending_takes_it_back(void **state)
{
    (void)state;
    enable_spi(SPI);
    wr(0, D(0xc00 + SPI / 16 * 4), 4, 2u << (SPI % 16 * 2));
    vgic_inject_edge(&dom, NULL, SPI);
    settle(0);
    wr(1, D(0x280 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    assert_int_equal(ack(0), SPURIOUS);
    assert_int_equal(rd(0, D(0x200 + SPI / 32 * 4), 4), 0);
    /* A level line cannot be cleared that way. */
    wr(0, D(0xc00 + SPI / 16 * 4), 4, 0);
    vgic_inject(&dom, NULL, SPI, true);
    settle(0);
    wr(0, D(0x280 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    assert_int_equal(ack(0), SPI);
}

static void set_pending_by_register(void **state)
{
    (void)state;
    enable_spi(SPI);
    wr(0, D(0x200 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    assert_int_equal(rd(0, D(0x200 + SPI / 32 * 4), 4), 1u << (SPI % 32));
    assert_int_equal(ack(0), SPI);
    assert_int_equal(rd(0, D(0x200 + SPI / 32 * 4), 4), 0);
    assert_int_equal(rd(0, D(0x300 + SPI / 32 * 4), 4), 1u << (SPI % 32));
    eoi(0, SPI);
    assert_int_equal(rd(0, D(0x300 + SPI / 32 * 4), 4), 0);
    assert_int_equal(ack(0), SPURIOUS);
}

static void active_by_register_blocks(void **state)
{
    (void)state;
    enable_spi(SPI);
    wr(0, D(0x300 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    vgic_inject(&dom, NULL, SPI, true);
    assert_int_equal(ack(0), SPURIOUS);
    wr(1, D(0x380 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    assert_int_equal(ack(0), SPI);
    wr(0, D(0x380 + SPI / 32 * 4), 4, 1u << (SPI % 32)); /* as good as EOI */
    assert_int_equal(ack(0), SPI);
    eoi(0, SPI);
}

static void priorities_order(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        enable_spi(SPI + i);
        wr(0, D(0x400 + SPI + i), 1, 0xf0 - 0x10 * i);
        vgic_inject(&dom, NULL, SPI + i, true);
    }
    assert_int_equal(ack(0), SPI + 2);
    assert_int_equal(ack(0), SPURIOUS); /* the others are less urgent than what is active */
    vgic_inject(&dom, NULL, SPI + 2, false);
    eoi(0, SPI + 2);
    assert_int_equal(ack(0), SPI + 1);
}

static void more_than_list_registers(void **state)
{
    uint64_t seen = 0;

    (void)state;
    for (unsigned int i = 0; i < 12; i++) {
        enable_spi(SPI + i);
        wr(0, D(0x400 + SPI + i), 1, 0xf0 - 8 * i); /* the most urgent come last */
        vgic_inject(&dom, NULL, SPI + i, true);
    }
    for (unsigned int i = 0; i < 12; i++) {
        unsigned int irq = ack(0);

        assert_int_equal(irq, SPI + 11 - i);
        seen |= BIT64(irq - SPI);
        vgic_inject(&dom, NULL, irq, false);
        eoi(0, irq);
    }
    assert_int_equal(seen, 0xfff);
    assert_int_equal(ack(0), SPURIOUS);
    assert_int_equal(pcpus[0].hcr, GICH_HCR_EN); /* nothing to tell any more */
}

/* Edges need no attention when they end: only the lack of pending ones makes the CPU ask. */
static void more_edges_than_list_registers(void **state)
{
    (void)state;
    wr(0, D(0xc00 + 2 * 4), 4, 0xaaaaaaaa);
    wr(0, D(0xc00 + 3 * 4), 4, 0xaaaaaaaa);
    for (unsigned int i = 0; i < 12; i++) {
        enable_spi(SPI + i);
        wr(0, D(0x400 + SPI + i), 1, 0xf0 - 8 * i);
        vgic_inject_edge(&dom, NULL, SPI + i);
    }
    for (unsigned int i = 0; i < 12; i++) {
        assert_int_equal(ack(0), SPI + 11 - i);
        eoi(0, SPI + 11 - i);
    }
    assert_int_equal(ack(0), SPURIOUS);
}

/* Pending by its line and by register: lowering the line leaves the other reason. */
static void level_with_latch(void **state)
{
    (void)state;
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    settle(0);
    wr(0, D(0x200 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    vgic_inject(&dom, NULL, SPI, false);
    assert_int_equal(ack(0), SPI);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPURIOUS);
}

/* Eight edges, all acknowledged into active state as far as list registers go, then ended. */
static void all_active_then_more(void **state)
{
    unsigned int got = 0;
    unsigned int stack[8];

    (void)state;
    wr(0, D(0xc00 + 2 * 4), 4, 0xaaaaaaaa);
    wr(0, D(0xc00 + 3 * 4), 4, 0xaaaaaaaa);
    for (unsigned int i = 0; i < 8; i++) {
        enable_spi(SPI + i);
        wr(0, D(0x400 + SPI + i), 1, 0xf0 - 8 * i);
    }
    for (unsigned int i = 0; i < 8; i++) {
        vgic_inject_edge(&dom, NULL, SPI + i);
        if (i < LRS) {
            stack[got] = ack(0);
            assert_int_equal(stack[got++], SPI + i);
        } else {
            assert_int_equal(ack(0), SPURIOUS); /* waits for a list register */
        }
    }
    while (got > 0) {
        eoi(0, stack[--got]);
        stack[got] = ack(0);
        if (stack[got] != SPURIOUS)
            got++;
        assert_true(got <= LRS);
    }
    settle_all();
    assert_int_equal(rd(0, D(0x204), 4), 0);
    assert_int_equal(rd(0, D(0x304), 4), 0);
}

static void spurious_latch_never_left(void **state)
{
    (void)state;
    /* An interrupt that nobody can take: delivered as soon as somebody can. */
    enable_spi(SPI);
    wr(0, D(0), 4, 0);
    vgic_inject(&dom, NULL, SPI, true);
    assert_int_equal(ack(0), SPURIOUS);
    wr(2, D(0), 4, 3);
    assert_int_equal(ack(0), SPI);
}

/* vCPU `by` routes an interrupt to vCPU n. */
static void route_by(unsigned int by, unsigned int irq, unsigned int n)
{
    if (ops.version == 3)
        wr(by, D(0x6000 + irq * 8), 8, vcpu_id_to_mpidr(n));
    else
        wr(by, D(0x800 + irq), 1, 1u << n);
}

static void route(unsigned int irq, unsigned int n)
{
    route_by(0, irq, n);
}

static void xsa_223_rerouting_moves_it(void **state)
{
    (void)state;
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    settle(0);
    assert_true(best_lr(0) >= 0);
    route(SPI, 1);
    settle_all();
    assert_int_equal(ack(0), SPURIOUS);
    assert_int_equal(ack(1), SPI);
    /* Active on one, routed to the other: comes there only after its end. */
    route(SPI, 2);
    settle_all();
    assert_int_equal(ack(2), SPURIOUS);
    eoi(1, SPI);
    assert_int_equal(ack(2), SPI);
    assert_int_equal(ack(1), SPURIOUS);
}

static void routed_nowhere_waits(void **state)
{
    (void)state;
    enable_spi(SPI);
    if (ops.version == 3)
        wr(0, D(0x6000 + SPI * 8), 8, 0x77);
    else
        wr(0, D(0x800 + SPI), 1, 0xf0); /* vCPUs that do not exist */
    vgic_inject(&dom, NULL, SPI, true);
    settle_all();
    for (unsigned int n = 0; n < NR_VCPUS; n++)
        assert_int_equal(ack(n), SPURIOUS);
    route(SPI, 3);
    settle_all();
    assert_int_equal(ack(3), SPI);
}

static void v2_sgi_senders(void **state)
{
    (void)state;
    wr(1, D(0xf00), 4, (1u << 16) | 5); /* to vCPU 0 */
    wr(3, D(0xf00), 4, (1u << 24) | 5); /* to all others */
    wr(0, D(0xf00), 4, (2u << 24) | 5); /* to oneself */
    assert_int_equal(rd(0, D(0xf20 + 4), 4), 0x00000b00);
    assert_int_equal(ack(0), 5 | 0 << 10);
    assert_int_equal(ack(0), SPURIOUS); /* active: others wait */
    eoi(0, 5);
    assert_int_equal(ack(0), 5 | 1 << 10);
    eoi(0, 5);
    assert_int_equal(ack(0), 5 | 3 << 10);
    wr(1, D(0xf00), 4, (1u << 16) | 5); /* while active */
    eoi(0, 5);
    assert_int_equal(ack(0), 5 | 1 << 10);
    eoi(0, 5);
    assert_int_equal(ack(0), SPURIOUS);
    assert_int_equal(ack(2), 5 | 3 << 10);
    assert_int_equal(ack(3), SPURIOUS);
}

static void v2_sgi_sent_twice(void **state)
{
    (void)state;
    wr(1, D(0xf00), 4, (1u << 16) | 5);
    settle(0);
    wr(1, D(0xf00), 4, (1u << 16) | 5); /* not acknowledged yet: the same */
    assert_int_equal(ack(0), 5 | 1 << 10);
    eoi(0, 5);
    assert_int_equal(ack(0), SPURIOUS);
}

static void v2_sgi_pending_registers(void **state)
{
    (void)state;
    wr(0, D(0xf20 + 6), 1, 0x06); /* SGI 6 from 1 and 2 */
    assert_int_equal(rd(0, D(0xf20 + 4), 4), 0x00060000);
    assert_int_equal(rd(0, D(0xf10 + 6), 1), 0x06);
    wr(0, D(0xf10 + 6), 1, 0x02);
    assert_int_equal(rd(0, D(0xf20 + 6), 1), 0x04);
    assert_int_equal(ack(0), 6 | 2 << 10);
    eoi(0, 6);
    assert_int_equal(ack(0), SPURIOUS);
    wr(0, D(0xf20 + 6), 1, 0x04);
    settle(0);
    wr(0, D(0xf10 + 6), 1, 0xff); /* out of the list register */
    assert_int_equal(ack(0), SPURIOUS);
    wr(0, D(0x200), 4, 0xffff); /* not for SGIs */
    assert_int_equal(ack(0), SPURIOUS);
}

static void v2_targets(void **state)
{
    (void)state;
    assert_int_equal(rd(2, D(0x800), 4), 0x04040404);
    wr(2, D(0x800), 4, 0x01010101);
    assert_int_equal(rd(2, D(0x800), 1), 0x04);
    wr(0, D(0x800 + SPI), 4, 0xff020c01);
    assert_int_equal(rd(0, D(0x800 + SPI), 4), 0x0f020c01);
    assert_int_equal(rd(0, D(0x800 + SPI + 1), 1), 0x0c);
    enable_spi(SPI + 1);
    vgic_inject(&dom, NULL, SPI + 1, true);
    settle_all();
    assert_int_equal(ack(3), SPURIOUS);
    assert_int_equal(ack(2), SPI + 1);
    assert_int_equal(rd(0, D(4), 4) & 0xff, 2 | (NR_VCPUS - 1) << 5);
    assert_int_equal(nr_mapped, 2);
    assert_int_equal(mapped[0].gfn, GUEST_GICC_BASE >> 12);
    assert_int_equal(mapped[1].gfn, (GUEST_GICC_BASE >> 12) + 1);
    assert_int_equal(mapped[1].mfn, 0x8041);
}

static void v3_sgi(void **state)
{
    uint64_t val = UINT64_C(5) << 24 | 0x6; /* to 1 and 2 */

    (void)state;
    wr(0, R(0, 0x100), 4, 0xffff);
    wr(0, R(1, 0x100), 4, 0xffff);
    wr(0, R(2, 0x100), 4, 0xffff);
    enter(0);
    assert_true(vgic_sysreg(V(0), 0x3a3016, &val, false)); /* ICC_SGI1R_EL1 */
    assert_int_equal(kicks[1] > 0, 1);
    assert_int_equal(ack(1), 5);
    assert_int_equal(ack(2), 5);
    assert_int_equal(ack(0), SPURIOUS);
    eoi(1, 5);
    val = UINT64_C(1) << 40 | UINT64_C(7) << 24;
    enter(1);
    assert_true(vgic_sysreg(V(1), 0x3a3016, &val, false));
    assert_int_equal(ack(0), 7);
    assert_int_equal(ack(1), SPURIOUS);
    /* Group 0 writes do not reach group 1 SGIs; no such affinity: nothing. */
    val = UINT64_C(8) << 24 | 1;
    enter(0);
    assert_true(vgic_sysreg(V(0), 0x3e3016, &val, false));
    eoi(0, 7);
    assert_int_equal(ack(0), SPURIOUS);
    val = UINT64_C(0xff) << 48 | UINT64_C(8) << 24 | 0xffff;
    enter(0);
    assert_true(vgic_sysreg(V(0), 0x3a3016, &val, false));
    assert_int_equal(ack(0), SPURIOUS);
    enter(0);
    assert_false(vgic_sysreg(V(0), 0x3a3016, &val, true)); /* write only */
    assert_true(vgic_sysreg(V(0), 0x3a3018, &val, true));  /* ICC_SRE_EL1 */
    assert_int_equal(val, 7);
}

static void v3_redistributors(void **state)
{
    (void)state;
    assert_int_equal(rd(0, dom.arch.vgic.cpu_base + 8, 8), 0);
    assert_int_equal(rd(0, dom.arch.vgic.cpu_base + 0x60008, 8),
                     UINT64_C(3) << 32 | 3 << 8 | 1 << 4);
    assert_int_equal(rd(0, dom.arch.vgic.cpu_base + 0x6000c, 4), 3);
    assert_int_equal(rd(0, dom.arch.vgic.cpu_base + 0xffe8, 4) & 0xf0, 0x30);
    assert_int_equal(rd(0, D(0xffe8), 4) & 0xf0, 0x30);
    assert_int_equal(rd(0, dom.arch.vgic.cpu_base + 0x14, 4), 0); /* awake */
    /* A private interrupt of another vCPU, through its redistributor. */
    wr(0, R(2, 0x100), 4, 1u << 20);
    settle(2);
    kicks[2] = 0;
    wr(0, R(2, 0x200), 4, 1u << 20);
    assert_int_equal(kicks[2], 1);
    assert_int_equal(ack(2), 20);
    eoi(2, 20);
    /* The distributor has none of them. */
    assert_int_equal(rd(0, D(0x100), 4), 0);
    wr(0, D(0x200), 4, ~0u);
    assert_int_equal(ack(0), SPURIOUS);
    wr(0, D(0x6000 + SPI * 8), 8, 0x2);
    assert_int_equal(rd(0, D(0x6000 + SPI * 8), 8), 2);
    wr(0, D(0x6000 + SPI * 8 + 4), 4, 0xff);
    assert_int_equal(rd(0, D(0x6000 + SPI * 8), 8), UINT64_C(0xff00000002));
}

static void upcall_is_a_level(void **state)
{
    (void)state;
    upcall[1] = true;
    arch_evtchn_upcall(V(1));
    assert_int_equal(atomic32_read(&V(1)->work), 0); /* not enabled: nothing to do */
    wr(1, P(1, 0x100), 4, 1u << 31);
    assert_int_equal(ack(1), 31);
    eoi(1, 31);
    assert_int_equal(ack(1), 31); /* the guest did not clear its flag */
    upcall[1] = false;
    eoi(1, 31);
    assert_int_equal(ack(1), SPURIOUS);
    kicks[1] = 0;
    upcall[1] = true;
    enter(0);
    arch_evtchn_upcall(V(1));
    arch_evtchn_upcall(V(1));
    assert_int_equal(kicks[1], 1);
    assert_int_equal(ack(1), 31);
    /* Set again between the guest's look at it and the end. */
    upcall[1] = false;
    upcall[1] = true;
    arch_evtchn_upcall(V(1));
    eoi(1, 31);
    assert_int_equal(ack(1), 31);
    upcall[1] = false;
    eoi(1, 31);
    upcall[1] = true;
    arch_evtchn_upcall(V(1));
    settle(1);
    upcall[1] = false; /* polled by the guest */
    enter(1);
    assert_false(vgic_vcpu_pending_irq(V(1)));
}

/* The virtual timer: linked to the host's, survives a switch to another vCPU and back. */
static void timer_is_linked(void **state)
{
    (void)state;
    wr(0, P(0, 0x100), 4, 1u << 27);
    enter(0);
    host_active[27] = true;
    vgic_inject_hw(&dom, V(0), 27);
    assert_int_equal(ack(0), 27);
    assert_true(host_active[27]);
    enter(0);
    vgic_vcpu_save(V(0)); /* active: the host's must not keep the next vCPU's off */
    assert_false(host_active[27]);
    assert_int_equal(pcpus[0].hcr, 0);
    for (unsigned int i = 0; i < LRS; i++)
        assert_int_equal(pcpus[0].lr[i], 0);
    vgic_vcpu_load(V(0));
    assert_true(host_active[27]);
    eoi(0, 27);
    assert_false(host_active[27]);
    enter(0);
    vgic_vcpu_save(V(0));
    vgic_vcpu_load(V(0));
    assert_false(host_active[27]);
    assert_int_equal(ack(0), SPURIOUS);
    /* Pending, never acknowledged, cleared by the guest: the host's is free again. */
    enter(0);
    host_active[27] = true;
    vgic_inject_hw(&dom, V(0), 27);
    settle(0);
    wr(0, P(0, 0x280), 4, 1u << 27);
    assert_int_equal(ack(0), SPURIOUS);
    assert_false(host_active[27]);
    /* Disabled when it fires: kept until enabled. */
    wr(0, P(0, 0x180), 4, 1u << 27);
    enter(0);
    host_active[27] = true;
    vgic_inject_hw(&dom, V(0), 27);
    assert_int_equal(ack(0), SPURIOUS);
    assert_true(host_active[27]);
    wr(0, P(0, 0x100), 4, 1u << 27);
    assert_int_equal(ack(0), 27);
}

static void passthrough_spi(void **state)
{
    (void)state;
    assert_int_equal(vgic_link_hw(&dom, SPI, 50, IRQ_TYPE_LEVEL), 0);
    assert_int_equal(vgic_link_hw(&dom, SPI, 51, IRQ_TYPE_LEVEL), -EBUSY);
    assert_int_equal(vgic_link_hw(&dom, 5, 51, IRQ_TYPE_LEVEL), -EINVAL);
    assert_true(vgic_irq_is_assigned(&dom, SPI));
    assert_false(vgic_irq_is_assigned(&dom, SPI + 1));
    assert_false(host_enabled[50]);
    enable_spi(SPI);
    assert_true(host_enabled[50]);
    host_active[50] = true;
    vgic_inject_hw(&dom, NULL, SPI);
    assert_int_equal(ack(0), SPI);
    eoi(0, SPI);
    assert_false(host_active[50]);
    assert_int_equal(ack(0), SPURIOUS);
    vgic_inject(&dom, NULL, SPI, true); /* not the device model's business */
    assert_int_equal(ack(0), SPURIOUS);
    host_active[50] = true;
    vgic_inject_hw(&dom, NULL, SPI);
    settle(0);
    wr(1, D(0x280 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    settle_all();
    assert_false(host_active[50]);
    wr(0, D(0x180 + SPI / 32 * 4), 4, 1u << (SPI % 32));
    assert_false(host_enabled[50]);
}

static void switch_keeps_state(void **state)
{
    (void)state;
    enable_spi(SPI);
    enable_spi(SPI + 1);
    wr(0, D(0x400 + SPI), 1, 0x80);
    wr(0, D(0x400 + SPI + 1), 1, 0xa0);
    vgic_inject(&dom, NULL, SPI, true);
    vgic_inject(&dom, NULL, SPI + 1, true);
    assert_int_equal(ack(0), SPI);
    enter(0);
    pcpus[0].apr[0] = 0x1234;
    vgic_vcpu_save(V(0));
    pcpus[0].vmcr = 0;
    pcpus[0].apr[0] = 0;
    V(0)->sched.on_cpu = false;
    current = NULL;
    kicks[0] = 0;
    vgic_inject(&dom, NULL, SPI + 1, false); /* while it is off */
    assert_int_equal(kicks[0], 0);
    V(0)->sched.on_cpu = true;
    enter(0);
    vgic_vcpu_load(V(0));
    assert_int_equal(pcpus[0].apr[0], 0x1234);
    vgic_inject(&dom, NULL, SPI, false);
    eoi(0, SPI);
    assert_int_equal(ack(0), SPURIOUS);
}

static void going_down_gives_up(void **state)
{
    (void)state;
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    settle(0);
    enter(0);
    atomic32_set(&V(0)->pause_flags, VPF_DOWN);
    vgic_vcpu_save(V(0));
    V(0)->sched.on_cpu = false;
    route_by(1, SPI, 1);
    settle(1);
    assert_int_equal(ack(1), SPI);
}

static void wfi(void **state)
{
    (void)state;
    enter(0);
    assert_false(vgic_vcpu_pending_irq(V(0)));
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    enter(0);
    assert_true(vgic_vcpu_pending_irq(V(0)));
    pcpus[0].vmcr = 3; /* masked by priority */
    assert_false(vgic_vcpu_pending_irq(V(0)));
    pcpus[0].vmcr = UINT64_C(0xf8000000); /* groups off */
    assert_false(vgic_vcpu_pending_irq(V(0)));
    pcpus[0].vmcr = UINT64_C(0xf8000003);
    assert_int_equal(ack(0), SPI);
    vgic_inject(&dom, NULL, SPI, false);
    enter(0);
    assert_false(vgic_vcpu_pending_irq(V(0)));
    atomic32_set(&V(0)->pause_flags, VPF_BLOCKED);
    vgic_inject(&dom, NULL, SPI + 1, true); /* not enabled */
    assert_int_equal(atomic32_read(&V(0)->pause_flags), VPF_BLOCKED);
    vgic_inject(&dom, NULL, SPI, true);
    assert_int_equal(atomic32_read(&V(0)->pause_flags), 0);
}

static void registers_read_back(void **state)
{
    (void)state;
    wr(0, D(0x400 + SPI), 4, 0xffabcdef);
    assert_int_equal(rd(0, D(0x400 + SPI), 4), 0xf8a8c8e8); /* five bits */
    assert_int_equal(rd(0, D(0x400 + SPI + 1), 1), 0xc8);
    wr(0, D(0xc00 + 2 * 4), 4, 0xffffffff);
    assert_int_equal(rd(0, D(0xc00 + 2 * 4), 4), 0xaaaaaaaa);
    wr(0, D(0x104), 4, 0x0f);
    wr(0, D(0x184), 4, 0x03);
    assert_int_equal(rd(0, D(0x104), 4), 0x0c);
    assert_int_equal(rd(0, D(0x184), 4), 0x0c);
    wr(0, D(0x84), 4, 0x55);
    assert_int_equal(rd(0, D(0x84), 4), 0x55);
    /* Beyond the interrupts that exist: zero, no effect. */
    wr(0, D(0x100 + 4 * 31), 4, ~0u);
    assert_int_equal(rd(0, D(0x100 + 4 * 31), 4), 0);
    wr(0, D(0x400 + 1000), 4, ~0u);
    assert_int_equal(rd(0, D(0x400 + 1000), 4), 0);
}

static void sizes(void **state)
{
    uint64_t data = 0;

    (void)state;
    assert_false(access_ok(0, D(0x100), 1, true, &data));
    assert_false(access_ok(0, D(0x100), 2, false, &data));
    assert_false(access_ok(0, D(0x100), 8, true, &data));
    assert_false(access_ok(0, D(0x102), 4, true, &data));
    assert_false(access_ok(0, D(0x400), 2, true, &data));
    assert_false(access_ok(0, D(0x404), 8, true, &data));
    assert_true(access_ok(0, D(0x407), 1, true, &data));
}

/* Every offset, size and direction, with hostile data, while interrupts come: nothing breaks. */
static void xsa_94_any_access_to_any_register(void **state)
{
    uint32_t seed = 12345;

    (void)state;
    for (unsigned int round = 0; round < 300000; round++) {
        unsigned int n, what;
        uint64_t data, span, base;

        seed = seed * 1664525 + 1013904223;
        n = (seed >> 8) % NR_VCPUS;
        what = (seed >> 16) % 8;
        data = (uint64_t)seed << 32 | (seed ^ 0x5a5a5a5a);
        seed = seed * 1664525 + 1013904223;
        base = what < 2 && ops.version == 3 ? dom.arch.vgic.cpu_base : dom.arch.vgic.dist_base;
        span = base == dom.arch.vgic.dist_base ? dom.arch.vgic.dist_size : dom.arch.vgic.cpu_size;
        if (what < 5)
            access_ok(n, base + (seed >> 4) % (seed & 8 ? span - 8 : 0x800), 1u << (seed >> 29 & 3),
                      seed & 4, &data);
        else if (what == 5)
            vgic_inject(&dom, V(n), 16 + (seed >> 8) % 90, seed & 1);
        else if (what == 6 && (what = ack(n)) != SPURIOUS)
            eoi(n, what);
        else
            settle(n);
    }
    /* And it still works. */
    for (unsigned int n = 0; n < NR_VCPUS; n++)
        pcpus[n].vmcr = UINT64_C(0xf8000003);
    for (unsigned int w = 0; w < 3; w++) {
        wr(0, D(0x180 + 4 * w), 4, ~0u);
        wr(0, D(0x280 + 4 * w), 4, ~0u);
        wr(0, D(0x380 + 4 * w), 4, ~0u);
        for (unsigned int n = 0; n < NR_VCPUS && w == 0; n++) {
            wr(n, P(n, 0x180), 4, ~0u);
            wr(n, P(n, 0x280), 4, ~0u);
            wr(n, P(n, 0x380), 4, ~0u);
            for (unsigned int i = 0; i < 4 && ops.version == 2; i++)
                wr(n, D(0xf10 + 4 * i), 4, ~0u);
        }
    }
    settle_all();
    for (unsigned int irq = 16; irq < 96; irq++)
        for (unsigned int n = 0; n < NR_VCPUS; n++)
            vgic_inject(&dom, V(n), irq, false);
    settle_all();
    for (unsigned int n = 0; n < NR_VCPUS; n++)
        for (unsigned int i = 0; i < LRS; i++)
            assert_int_equal(pcpus[n].lr[i] & LR_STATE, 0);
    wr(0, D(0), 4, 3);
    wr(0, D(0x400 + SPI), 1, 0x80);
    route(SPI, 2);
    enable_spi(SPI);
    vgic_inject(&dom, NULL, SPI, true);
    assert_int_equal(ack(2), SPI);
}

#define BOTH(f)                               \
    {"v2_" #f, f, with_v2, tear_down, NULL},  \
    {                                         \
        "v3_" #f, f, with_v3, tear_down, NULL \
    }
#define V2(f) cmocka_unit_test_setup_teardown(f, with_v2, tear_down)
#define V3(f) cmocka_unit_test_setup_teardown(f, with_v3, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(edge_is_delivered_once),
        BOTH(level_stays_until_lowered),
        BOTH(level_lowered_before_ack_is_gone),
        BOTH(enabling_delivers_what_is_pending),
        BOTH(xsa_223_disabling_takes_it_back),
        BOTH(clearing_pending_takes_it_back),
        BOTH(set_pending_by_register),
        BOTH(active_by_register_blocks),
        BOTH(priorities_order),
        BOTH(more_than_list_registers),
        BOTH(more_edges_than_list_registers),
        BOTH(level_with_latch),
        BOTH(all_active_then_more),
        BOTH(spurious_latch_never_left),
        BOTH(xsa_223_rerouting_moves_it),
        BOTH(routed_nowhere_waits),
        BOTH(upcall_is_a_level),
        BOTH(timer_is_linked),
        BOTH(passthrough_spi),
        BOTH(switch_keeps_state),
        BOTH(going_down_gives_up),
        BOTH(wfi),
        BOTH(registers_read_back),
        BOTH(sizes),
        BOTH(xsa_94_any_access_to_any_register),
        V2(v2_sgi_senders),
        V2(v2_sgi_sent_twice),
        V2(v2_sgi_pending_registers),
        V2(v2_targets),
        V3(v3_sgi),
        V3(v3_redistributors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
