/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's timers. The virtual one is the CPU's own while its vCPU is loaded, and a soft timer
 * that wakes the vCPU otherwise. The physical one belongs to the hypervisor: the guest's is
 * emulated, against the physical counter that it reads directly.
 */
#include <asm/gic.h>
#include <asm/guest.h>
#include <asm/smp.h>
#include <asm/sysreg.h>
#include <asm/time.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/irq.h>

#include <public/arch-arm.h>

/* Syndrome encodings: CNTP_TVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0 (3,3,14,2,0-2). */
#define CNTP_TVAL UINT32_C(0x30f804)
#define CNTP_CTL  UINT32_C(0x32f804)
#define CNTP_CVAL UINT32_C(0x34f804)

static uint64_t counter(void)
{
    isb(); /* not earlier than what it is compared with */
    return READ_SYSREG(cntpct_el0);
}

#define TEN_YEARS UINT64_C(300000000) /* in seconds, nearly */

/* The time when the physical counter reaches `cval`; far ones end somewhere in ten years. */
static s_time_t counter_deadline(uint64_t cval)
{
    uint64_t ticks = cval - counter();

    if ((int64_t)ticks <= 0)
        return 0;
    if (ticks > TEN_YEARS * arch_counter_frequency())
        return STIME_MAX;
    return arch_counter_to_ns(cval);
}

static bool ctl_active(uint64_t ctl)
{
    return (ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE;
}

static void arm_timer(struct timer *t, uint64_t cval)
{
    s_time_t deadline = counter_deadline(cval);

    if (deadline != STIME_MAX)
        timer_set(t, deadline);
}

/* --- virtual timer --- */

/* It fired in hardware. The guest deactivates the host's interrupt with its own. */
static void virt_irq(unsigned int irq, void *data)
{
    struct vcpu *v = current;

    (void)data;
    if (v != NULL)
        vgic_inject_hw(v->domain, v, GUEST_TIMER_VIRT_PPI);
    else /* it was switched off a moment too late */
        gic_host.ops->deactivate(irq);
}

static void virt_cpu_init(void)
{
    int rc = irq_request_linked(GUEST_TIMER_VIRT_PPI, IRQ_TYPE_LEVEL, virt_irq, NULL);

    BUG_ON(rc != 0);
}
CPU_INIT_CALL(CPU_INIT_GUEST, virt_cpu_init);

/* The boot CPU's; its interrupt controller is up by then. */
static int virt_boot_init(void)
{
    return irq_request_linked(GUEST_TIMER_VIRT_PPI, IRQ_TYPE_LEVEL, virt_irq, NULL);
}
INIT_CALL(INIT_CORE, virt_boot_init);

/* Its time came while it is switched out: wake v. Once loaded, the hardware fires. */
static void virt_expired(void *data)
{
    struct vcpu *v = data;

    v->arch.vtimer.woken = true;
    vgic_inject(v->domain, v, GUEST_TIMER_VIRT_PPI, true);
}

void vtimer_save(struct vcpu *v)
{
    struct vtimer *t = &v->arch.vtimer;

    t->ctl = READ_SYSREG(cntv_ctl_el0);
    t->cval = READ_SYSREG(cntv_cval_el0);
    WRITE_SYSREG(0, cntv_ctl_el0);
    isb(); /* the line is down before the next vCPU's state comes */
    /* Who waits for something else is not woken by it, and meets the hardware's when loaded. */
    if (ctl_active(t->ctl) && (atomic32_read(&v->pause_flags) & VPF_BLOCKED))
        arm_timer(&t->timer, t->cval + v->domain->arch.cntvoff);
}

void vtimer_load(struct vcpu *v)
{
    struct vtimer *t = &v->arch.vtimer;

    if (t->timer.active) /* on this pCPU's queue */
        timer_stop(&t->timer);
    if (t->woken) { /* the soft timer's level has served */
        t->woken = false;
        vgic_inject(v->domain, v, GUEST_TIMER_VIRT_PPI, false);
    }
    WRITE_SYSREG(t->cval, cntv_cval_el0);
    isb(); /* value before enable: no interrupt for a mixture */
    WRITE_SYSREG(t->ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK), cntv_ctl_el0);
}

/* --- physical timer --- */

static bool phys_level(const struct vtimer *t)
{
    return ctl_active(t->ctl) && (int64_t)(counter() - t->cval) >= 0;
}

static void phys_expired(void *data)
{
    struct vcpu *v = data;

    if (phys_level(&v->arch.ptimer))
        vgic_inject(v->domain, v, GUEST_TIMER_PHYS_NS_PPI, true);
}

/* The guest changed it. */
static void phys_update(struct vcpu *v)
{
    struct vtimer *t = &v->arch.ptimer;
    bool level = phys_level(t);

    timer_stop(&t->timer);
    vgic_inject(v->domain, v, GUEST_TIMER_PHYS_NS_PPI, level);
    if (!level && ctl_active(t->ctl))
        arm_timer(&t->timer, t->cval);
}

static uint64_t phys_read(const struct vtimer *t, uint32_t reg)
{
    switch (reg) {
    case CNTP_TVAL:
        return (uint32_t)(t->cval - counter());
    case CNTP_CTL:
        return t->ctl |
               ((t->ctl & CNT_CTL_ENABLE) && (int64_t)(counter() - t->cval) >= 0 ? CNT_CTL_ISTATUS
                                                                                 : 0);
    default:
        return t->cval;
    }
}

bool vtimer_sysreg(struct vcpu *v, uint32_t reg, uint64_t *val, bool read)
{
    struct vtimer *t = &v->arch.ptimer;

    if (reg != CNTP_TVAL && reg != CNTP_CTL && reg != CNTP_CVAL)
        return false;
    if (read) {
        *val = phys_read(t, reg);
        return true;
    }
    if (reg == CNTP_TVAL)
        t->cval = counter() + (uint64_t)(int64_t)(int32_t)*val;
    else if (reg == CNTP_CTL)
        t->ctl = *val & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
    else
        t->cval = *val;
    phys_update(v);
    return true;
}

int vtimer_init_vcpu(struct vcpu *v)
{
    timer_init(&v->arch.vtimer.timer, virt_expired, v, v->sched.cpu);
    timer_init(&v->arch.ptimer.timer, phys_expired, v, v->sched.cpu);
    return 0;
}

void vtimer_reset(struct vcpu *v)
{
    timer_stop(&v->arch.vtimer.timer);
    timer_stop(&v->arch.ptimer.timer);
    v->arch.vtimer.ctl = 0;
    v->arch.vtimer.cval = 0;
    v->arch.vtimer.woken = false;
    v->arch.ptimer.ctl = 0;
    v->arch.ptimer.cval = 0;
}

void vtimer_destroy_vcpu(struct vcpu *v)
{
    vtimer_reset(v);
}
