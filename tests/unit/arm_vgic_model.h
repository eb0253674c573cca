/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test_arm_vgic.c: the virtual interrupt controller compiled over a model of the CPU's virtual
 * interface (list registers of each pCPU, acknowledge and end of interrupt as a guest does them).
 */
#ifndef WHERRY_TESTS_ARM_VGIC_MODEL_H
#define WHERRY_TESTS_ARM_VGIC_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHERRY_ASM_PERCPU_H
#include <stdint.h>
static inline uintptr_t arch_percpu_offset(void)
{
    return 0;
}

#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/irq.h>
#include <wherry/printk.h>
#include <wherry/slab.h>
#include <asm/gic.h>
#include <asm/guest.h>
#include <asm/smp.h>
#include <asm/vgic.h>
#include <public/arch-arm.h>

/* --- the machine --- */

#define NR_VCPUS 4
#define LRS      4
#define SPI      40u /* some shared interrupt */
#define SPURIOUS 1023

struct pcpu {
    uint64_t lr[LRS];
    uint32_t hcr;
    uint64_t vmcr;
    uint32_t apr[8];
};

struct gic_host gic_host;
DEFINE_PER_CPU(struct vcpu *, current_vcpu);
DEFINE_PER_CPU(unsigned int, cpu_id);
uint64_t cpu_mpidr[CONFIG_NR_CPUS];
uint64_t cpu_online_mask = 3;

static struct pcpu pcpus[NR_VCPUS];
static unsigned int here; /* the pCPU that runs; vCPU n is pinned to pCPU n */
static unsigned int kicks[NR_VCPUS];
static bool host_enabled[64], host_active[64];
static bool upcall[NR_VCPUS];
static struct domain dom;
static struct vcpu vcpus[NR_VCPUS], *vcpu_table[NR_VCPUS];
static struct {
    uint64_t gfn, nr, mfn;
} mapped[4];
static unsigned int nr_mapped;

static uint64_t m_read_lr(unsigned int n)
{
    assert_true(n < gic_host.nr_lrs);
    return pcpus[here].lr[n];
}
static void m_write_lr(unsigned int n, uint64_t lr)
{
    assert_true(n < gic_host.nr_lrs);
    pcpus[here].lr[n] = lr;
}
static void m_write_hcr(uint32_t hcr)
{
    pcpus[here].hcr = hcr;
}
static uint64_t m_read_vmcr(void)
{
    return pcpus[here].vmcr;
}
static void m_write_vmcr(uint64_t vmcr)
{
    pcpus[here].vmcr = vmcr;
}
static void m_read_apr(uint32_t apr[8])
{
    memcpy(apr, pcpus[here].apr, sizeof(pcpus[here].apr));
}
static void m_write_apr(const uint32_t apr[8])
{
    memcpy(pcpus[here].apr, apr, sizeof(pcpus[here].apr));
}
static void m_enable(unsigned int irq)
{
    host_enabled[irq] = true;
}
static void m_disable(unsigned int irq)
{
    host_enabled[irq] = false;
}
static void m_set_active(unsigned int irq, bool active)
{
    host_active[irq] = active;
}

static struct gic_ops ops = {
    .read_lr = m_read_lr,
    .write_lr = m_write_lr,
    .write_hcr = m_write_hcr,
    .read_vmcr = m_read_vmcr,
    .write_vmcr = m_write_vmcr,
    .read_apr = m_read_apr,
    .write_apr = m_write_apr,
    .enable = m_enable,
    .disable = m_disable,
    .set_active = m_set_active,
};

/* --- what the code calls --- */

void arch_smp_kick(unsigned int cpu)
{
    kicks[cpu]++;
}
void vcpu_wake_event(struct vcpu *v)
{
    atomic32_fetch_and(&v->pause_flags, ~(uint32_t)VPF_BLOCKED);
}
bool evtchn_upcall_pending(const struct vcpu *v)
{
    return upcall[v->id];
}
void spin_lock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
    l->next = l->owner = 0;
    l->rank = (uint16_t)rank;
    l->name = name;
}
void spin_lock(struct spinlock *l)
{
    assert_int_equal(l->owner, 0);
    l->owner = 1;
}
void spin_unlock(struct spinlock *l)
{
    assert_int_equal(l->owner, 1);
    l->owner = 0;
}
void *kcalloc(size_t n, size_t size)
{
    return calloc(n, size);
}
void kfree(void *p)
{
    free(p);
}
void printk(const char *fmt, ...)
{
    (void)fmt;
}
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}
struct domain *domain_next(unsigned int from)
{
    return from == 0 ? &dom : NULL;
}
int irq_request(unsigned int irq, unsigned int type, void (*fn)(unsigned int irq, void *data),
                void *data)
{
    (void)irq, (void)type, (void)fn, (void)data;
    return 0;
}
int p2m_map(struct domain *d, gfn_t g, uint64_t nr, mfn_t m, enum p2m_type t)
{
    (void)d;
    assert_int_equal(t, P2M_MMIO_DIRECT_DEV);
    mapped[nr_mapped].gfn = g.v;
    mapped[nr_mapped].nr = nr;
    mapped[nr_mapped++].mfn = m.v;
    return 0;
}
uint64_t vcpu_id_to_mpidr(unsigned int id)
{
    return (id & 15) | (uint64_t)(id >> 4) << 8;
}
unsigned int mpidr_to_vcpu_id(uint64_t mpidr)
{
    return (mpidr & ~UINT64_C(0xff0f)) ? ~0u : (unsigned int)((mpidr & 15) | (mpidr >> 8) << 4);
}

#include "../../arch/arm/vgic/vgic.c"
#include "../../arch/arm/vgic/vgic-lr.c"
#include "../../arch/arm/vgic/vgic-regs.c"
#include "../../arch/arm/vgic/vgic-life.c"
#include "../../common/mmio.c"

/* --- the guest --- */

static struct vcpu *V(unsigned int n)
{
    return &vcpus[n];
}

/* Trap of vCPU n: the code under test runs on its pCPU until leave(). */
static void enter(unsigned int n)
{
    here = n;
    this_cpu(cpu_id) = n;
    current = V(n);
}

/* The exit path's part: deferred work, then the maintenance interrupt as long as it is asserted. */
static bool maintenance_due(void)
{
    const struct pcpu *p = &pcpus[here];
    unsigned int valid = 0, pending = 0;
    bool eoi = false;

    for (unsigned int n = 0; n < gic_host.nr_lrs; n++) {
        valid += (p->lr[n] & LR_STATE) != 0;
        pending += (p->lr[n] & LR_PENDING) != 0;
        eoi |= !(p->lr[n] & LR_STATE) && !(p->lr[n] & LR_HW) && (p->lr[n] & LR_EOI);
    }
    return (p->hcr & GICH_HCR_EN) && (eoi || ((p->hcr & GICH_HCR_UIE) && valid <= 1) ||
                                      ((p->hcr & GICH_HCR_NPIE) && pending == 0));
}

static void settle(unsigned int n)
{
    unsigned int rounds = 0;

    enter(n);
    for (;;) {
        if (atomic32_xchg(&current->work, 0) & VCPU_WORK_IRQ)
            vgic_flush(current);
        if (!maintenance_due())
            break;
        maintenance(25, NULL);
        assert_true(++rounds < 50); /* a storm */
    }
}

/* Each vCPU enters its guest once more, as the kicks make it do. */
static void settle_all(void)
{
    for (unsigned int n = 0; n < NR_VCPUS; n++)
        settle(n);
}

/* Highest priority pending list register that this CPU may take now, or -1. */
static int best_lr(unsigned int n)
{
    const struct pcpu *p = &pcpus[n];
    unsigned int limit = VMCR_PMR(p->vmcr);
    int best = -1;

    for (unsigned int i = 0; i < gic_host.nr_lrs; i++)
        if ((p->lr[i] & LR_STATE) == LR_ACTIVE || (p->lr[i] & LR_STATE) == LR_STATE)
            if (LR_PRIORITY(p->lr[i]) < limit && !(p->vmcr & BIT(9)))
                limit = LR_PRIORITY(p->lr[i]);
    for (unsigned int i = 0; i < gic_host.nr_lrs; i++) {
        uint64_t lr = p->lr[i];
        uint64_t enable = (lr & LR_GROUP1) ? VMCR_ENG1 : VMCR_ENG0;

        if ((lr & LR_STATE) == LR_PENDING && (p->vmcr & enable) && LR_PRIORITY(lr) < limit) {
            limit = LR_PRIORITY(lr);
            best = (int)i;
        }
    }
    return best;
}

/* IAR of vCPU n: number, with a GICv2 SGI's sender. */
static unsigned int ack(unsigned int n)
{
    int i;

    settle(n);
    i = best_lr(n);
    if (i < 0)
        return SPURIOUS;
    pcpus[n].lr[i] = (pcpus[n].lr[i] & ~LR_STATE) | LR_ACTIVE;
    return LR_VIRQ(pcpus[n].lr[i]) |
           ((pcpus[n].lr[i] & LR_HW) ? 0 : LR_SOURCE(pcpus[n].lr[i]) << 10);
}

/* EOIR with EOImode 0: priority drop and deactivation, in hardware too if linked. */
static void eoi(unsigned int n, unsigned int irq)
{
    for (unsigned int i = 0; i < gic_host.nr_lrs; i++) {
        uint64_t *lr = &pcpus[n].lr[i];

        if (LR_VIRQ(*lr) != (irq & 0x3ff) || !(*lr & LR_ACTIVE))
            continue;
        *lr &= ~LR_ACTIVE;
        if (*lr & LR_HW)
            host_active[(*lr & LR_PHYS_MASK) >> LR_PHYS_SHIFT] = false;
        settle(n);
        return;
    }
    fail_msg("EOI of %u, which is not active", irq);
}

static bool access_ok(unsigned int n, uint64_t addr, unsigned int size, bool read, uint64_t *data)
{
    struct mmio_access a = {
        .addr = gpaddr(addr), .data = *data, .size = (uint8_t)size, .read = read};
    bool ok = false;

    enter(n);
    assert_true(mmio_try_handle(V(n), &a, &ok));
    *data = a.data;
    settle(n);
    return ok;
}

static uint64_t rd(unsigned int n, uint64_t addr, unsigned int size)
{
    uint64_t data = 0;

    assert_true(access_ok(n, addr, size, true, &data));
    return data;
}

static void wr(unsigned int n, uint64_t addr, unsigned int size, uint64_t data)
{
    assert_true(access_ok(n, addr, size, false, &data));
}

#define D(offset)    (dom.arch.vgic.dist_base + (offset))
#define R(n, offset) (dom.arch.vgic.cpu_base + (n)*0x20000u + 0x10000u + (offset))

/* A private register of vCPU n, wherever this version has it. */
static uint64_t P(unsigned int n, unsigned int offset)
{
    return ops.version == 3 ? R(n, offset) : D(offset);
}

static void enable_spi(unsigned int irq)
{
    wr(0, D(0x100 + irq / 32 * 4), 4, 1u << (irq % 32));
}

static void set_up(unsigned int version, unsigned int lrs)
{
    memset(pcpus, 0, sizeof(pcpus));
    memset(kicks, 0, sizeof(kicks));
    memset(vcpus, 0, sizeof(vcpus));
    memset(&dom, 0, sizeof(dom));
    memset(host_active, 0, sizeof(host_active));
    memset(host_enabled, 0, sizeof(host_enabled));
    memset(upcall, 0, sizeof(upcall));
    nr_mapped = 0;
    ops.version = version;
    gic_host = (struct gic_host){.ops = &ops,
                                 .nr_irqs = 64,
                                 .nr_lrs = lrs,
                                 .prio_mask = 0xf8,
                                 .vcpu_base = 0x8040000,
                                 .vcpu_page2 = 0x1000,
                                 .vcpu_size = 0x2000};
    dom.max_vcpus = NR_VCPUS;
    dom.vcpu = vcpu_table;
    dom.arch.config = (struct arch_domain_config){
        .gic_version = (uint8_t)version, .nr_spis = 64, .evtchn_ppi = 31};
    assert_int_equal(vgic_domain_init(&dom), 0);
    for (unsigned int n = 0; n < NR_VCPUS; n++) {
        vcpu_table[n] = V(n);
        vcpus[n].domain = &dom;
        vcpus[n].id = n;
        vcpus[n].sched.cpu = n;
        vcpus[n].sched.on_cpu = true;
        assert_int_equal(vgic_vcpu_init(V(n)), 0);
        enter(n);
        vgic_vcpu_load(V(n));
        pcpus[n].vmcr = UINT64_C(0xf8000003); /* what the guest's driver sets: all groups, PMR */
    }
    wr(0, D(0), 4, 3);
    for (unsigned int n = 0; n < NR_VCPUS; n++)
        settle(n);
}

static int tear_down(void **state)
{
    (void)state;
    vgic_domain_destroy(&dom);
    return 0;
}
static int with_v2(void **state)
{
    (void)state;
    set_up(2, LRS);
    return 0;
}
static int with_v3(void **state)
{
    (void)state;
    set_up(3, LRS);
    return 0;
}

#endif
