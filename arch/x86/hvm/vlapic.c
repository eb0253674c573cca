/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC that a guest sees, in x2APIC mode (SDM vol. 3, 11.12): MSRs only. Requests (IRR)
 * come from any pCPU by atomics; all else is written by the vCPU's own pCPU.
 */
#include <asm/guest.h>
#include <asm/apic.h>
#include <asm/msr.h>
#include <asm/time.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#define VERSION   0x00050014 /* integrated, six local vector entries */
#define NR_LVT    6
#define LVT_TIMER 0

#define LVT_MASKED        BIT(16)
#define LVT_TIMER_MODE(x) (((x) >> 17) & 3)
#define TIMER_ONE_SHOT    0
#define TIMER_PERIODIC    1
#define TIMER_DEADLINE    2

#define ICR_MODE(x)       (((x) >> 8) & 7)
#define ICR_LOGICAL       BIT(11)
#define ICR_LEVEL_ASSERT  BIT(14)
#define ICR_TRIGGER_LEVEL BIT(15)
#define ICR_SHORTHAND(x)  (((x) >> 18) & 3)

enum {
    MODE_FIXED = 0,
    MODE_LOWEST = 1,
    MODE_SMI = 2,
    MODE_NMI = 4,
    MODE_INIT = 5,
    MODE_STARTUP = 6
};

#define BROADCAST UINT32_MAX

struct vlapic {
    struct vcpu *v;
    atomic32_t irr[8];
    uint32_t isr[8];
    uint32_t tpr, svr, esr, timer_init, timer_div;
    uint32_t lvt[NR_LVT];
    uint64_t icr, deadline; /* TSC; 0: not armed */
    s_time_t timer_started; /* of the count that runs; one-shot and periodic */
    struct timer timer;
};

static struct vlapic *vlapic_of(const struct vcpu *v)
{
    return v->arch.vlapic;
}

static int highest(const uint32_t *word)
{
    for (int i = 7; i >= 0; i--)
        if (word[i] != 0)
            return i * 32 + 31 - __builtin_clz(word[i]);
    return -1;
}

static int highest_request(const struct vlapic *a)
{
    for (int i = 7; i >= 0; i--) {
        uint32_t w = atomic32_read(&a->irr[i]);

        if (w != 0)
            return i * 32 + 31 - __builtin_clz(w);
    }
    return -1;
}

static bool enabled(const struct vlapic *a)
{
    return a->svr & APIC_SVR_ENABLE;
}

void vlapic_raise(struct vcpu *v, uint8_t vector)
{
    struct vlapic *a = vlapic_of(v);

    if (vector < 16 || !enabled(a))
        return;
    atomic32_fetch_or(&a->irr[vector / 32], BIT(vector % 32));
    vcpu_set_work(v, VCPU_WORK_IRQ);
    vcpu_wake_event(v);
}

/* Processor priority (SDM vol. 3, 11.8.3.1). */
static uint32_t priority(const struct vlapic *a)
{
    int isr = highest(a->isr);
    uint32_t in_service = isr < 0 ? 0 : (uint32_t)isr & 0xf0;

    return (a->tpr & 0xf0) >= in_service ? a->tpr & 0xff : in_service;
}

int vlapic_pending(struct vcpu *v)
{
    const struct vlapic *a = vlapic_of(v);
    int vector = highest_request(a);

    if (vector < 0 || !enabled(a) || ((uint32_t)vector & 0xf0) <= (priority(a) & 0xf0))
        return -1;
    return vector;
}

void vlapic_accept(struct vcpu *v, uint8_t vector)
{
    struct vlapic *a = vlapic_of(v);

    atomic32_fetch_and(&a->irr[vector / 32], ~BIT(vector % 32));
    a->isr[vector / 32] |= BIT(vector % 32);
}

static void end_of_interrupt(struct vlapic *a)
{
    int vector = highest(a->isr);

    if (vector < 0)
        return;
    a->isr[vector / 32] &= ~BIT(vector % 32);
    hvm_interrupts_changed(a->v);
}

/* --- the timer: counts at the TSC's pace, divided --- */

static unsigned int divisor_shift(const struct vlapic *a)
{
    return (((a->timer_div & 3) | ((a->timer_div >> 1) & 4)) + 1) & 7;
}

static void timer_rearm(struct vlapic *a)
{
    timer_stop(&a->timer);
    if (LVT_TIMER_MODE(a->lvt[LVT_TIMER]) == TIMER_DEADLINE) {
        if (a->deadline != 0)
            timer_set(&a->timer, a->deadline <= time_boot_tsc()
                                     ? 0
                                     : time_tsc_to_ns(a->deadline - time_boot_tsc()));
        return;
    }
    if (a->timer_init != 0)
        timer_set(&a->timer,
                  a->timer_started + time_tsc_to_ns((uint64_t)a->timer_init << divisor_shift(a)));
}

/* On the vCPU's pCPU, from the host's timer. */
static void timer_fires(void *data)
{
    struct vlapic *a = data;
    uint32_t lvt = READ_ONCE(a->lvt[LVT_TIMER]);

    a->deadline = 0;
    if (LVT_TIMER_MODE(lvt) == TIMER_PERIODIC && a->timer_init != 0) {
        s_time_t period = time_tsc_to_ns((uint64_t)a->timer_init << divisor_shift(a));
        s_time_t now = arch_now();

        /* Those that were missed are one. */
        a->timer_started += period;
        if (a->timer_started + period < now)
            a->timer_started = now;
        timer_set(&a->timer, a->timer_started + (period > 1000 ? period : 1000));
    }
    if (!(lvt & LVT_MASKED))
        vlapic_raise(a->v, (uint8_t)lvt);
}

static uint32_t timer_count(const struct vlapic *a)
{
    uint64_t passed;

    if (a->timer_init == 0 || LVT_TIMER_MODE(a->lvt[LVT_TIMER]) == TIMER_DEADLINE)
        return 0;
    passed = time_ns_to_tsc(arch_now() - a->timer_started) >> divisor_shift(a);
    if (LVT_TIMER_MODE(a->lvt[LVT_TIMER]) == TIMER_PERIODIC)
        return a->timer_init - (uint32_t)(passed % a->timer_init);
    return passed >= a->timer_init ? 0 : a->timer_init - (uint32_t)passed;
}

uint64_t vlapic_get_deadline(const struct vcpu *v)
{
    return vlapic_of(v)->deadline;
}

void vlapic_set_deadline(struct vcpu *v, uint64_t tsc)
{
    struct vlapic *a = vlapic_of(v);

    if (LVT_TIMER_MODE(a->lvt[LVT_TIMER]) != TIMER_DEADLINE)
        return;
    a->deadline = tsc;
    timer_rearm(a);
}

/* --- messages to other vCPUs --- */

uint32_t vlapic_id(const struct vcpu *v)
{
    return v->id * 2;
}

/* Logical x2APIC id: cluster in the upper half, one bit in the lower. */
static uint32_t logical_id(const struct vcpu *v)
{
    uint32_t id = vlapic_id(v);

    return (id >> 4) << 16 | BIT(id & 15);
}

static bool addressed(const struct vcpu *target, uint32_t dest, bool logical)
{
    if (dest == BROADCAST)
        return true;
    if (!logical)
        return vlapic_id(target) == dest;
    return logical_id(target) >> 16 == dest >> 16 && (logical_id(target) & dest & 0xffff) != 0;
}

static void deliver(struct vcpu *target, uint32_t command)
{
    switch (ICR_MODE(command)) {
    case MODE_FIXED:
    case MODE_LOWEST:
        vlapic_raise(target, (uint8_t)command);
        break;
    case MODE_INIT:
        /* The level de-assert of old is nothing. */
        if (!(command & ICR_TRIGGER_LEVEL) || (command & ICR_LEVEL_ASSERT))
            hvm_vcpu_init_ipi(target);
        break;
    case MODE_STARTUP:
        hvm_vcpu_startup(target, (uint8_t)command);
        break;
    case MODE_NMI:
        hvm_vcpu_nmi(target);
        break;
    default:
        break;
    }
}

static void send_ipi(struct vcpu *v, uint64_t icr)
{
    uint32_t command = (uint32_t)icr;
    uint32_t dest = (uint32_t)(icr >> 32);
    unsigned int shorthand = ICR_SHORTHAND(command);
    bool logical = command & ICR_LOGICAL;
    struct vcpu *t;
    unsigned int i;

    if (shorthand == 1) {
        deliver(v, command);
        return;
    }
    for_each_vcpu (v->domain, t, i) {
        if (shorthand == 3 && t == v)
            continue;
        if (shorthand == 0 && !addressed(t, dest, logical))
            continue;
        deliver(t, command);
        if (ICR_MODE(command) == MODE_LOWEST && shorthand == 0)
            break;
    }
}

int vlapic_msi(struct domain *d, uint64_t addr, uint32_t data)
{
    uint32_t dest = (uint32_t)(addr >> 12) & 0xff;
    bool logical = addr & BIT(2);
    unsigned int mode = ICR_MODE(data);
    struct vcpu *t;
    unsigned int i;

    if (mode != MODE_FIXED && mode != MODE_LOWEST)
        return -EINVAL;
    for_each_vcpu (d, t, i) {
        uint32_t id = vlapic_id(t);
        bool match = dest == 0xff || (logical ? (dest >> (id & 7)) & 1 : id == dest);

        if (!match || !enabled(vlapic_of(t)))
            continue;
        vlapic_raise(t, (uint8_t)data);
        if (mode == MODE_LOWEST)
            return 0;
    }
    return mode == MODE_LOWEST ? -ESRCH : 0;
}

/* --- registers --- */

static bool read_lvt(const struct vlapic *a, unsigned int reg, uint64_t *value)
{
    *value = a->lvt[(reg - APIC_LVT_TIMER) >> 4];
    return true;
}

static bool read_register(struct vlapic *a, unsigned int reg, uint64_t *value)
{
    if (reg >= APIC_ISR && reg < APIC_ISR + 0x80)
        *value = a->isr[(reg - APIC_ISR) >> 4];
    else if (reg >= APIC_TMR && reg < APIC_TMR + 0x80)
        *value = 0;
    else if (reg >= APIC_IRR && reg < APIC_IRR + 0x80)
        *value = atomic32_read(&a->irr[(reg - APIC_IRR) >> 4]);
    else if (reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR)
        return read_lvt(a, reg, value);
    else
        switch (reg) {
        case APIC_ID:
            *value = vlapic_id(a->v);
            break;
        case 0x030:
            *value = VERSION;
            break;
        case APIC_TPR:
            *value = a->tpr;
            break;
        case 0x0a0:
            *value = priority(a);
            break;
        case APIC_LDR:
            *value = logical_id(a->v);
            break;
        case APIC_SVR:
            *value = a->svr;
            break;
        case APIC_ESR:
            *value = a->esr;
            break;
        case APIC_ICR:
            *value = a->icr;
            break;
        case APIC_TIMER_INIT:
            *value = a->timer_init;
            break;
        case APIC_TIMER_NOW:
            *value = timer_count(a);
            break;
        case APIC_TIMER_DIV:
            *value = a->timer_div;
            break;
        default:
            return false;
        }
    return true;
}

bool vlapic_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    if (!(v->arch.apic_base & APIC_BASE_X2APIC))
        return false;
    return read_register(vlapic_of(v), (msr - 0x800) << 4, value);
}

static bool write_lvt(struct vlapic *a, unsigned int n, uint32_t value)
{
    uint32_t allowed = n == LVT_TIMER ? 0x000700ff : 0x0001f7ff;

    if (value & ~(allowed | LVT_MASKED))
        return false;
    if (!enabled(a))
        value |= LVT_MASKED;
    if (n == LVT_TIMER && LVT_TIMER_MODE(value) != LVT_TIMER_MODE(a->lvt[n])) {
        timer_stop(&a->timer);
        a->timer_init = 0;
        a->deadline = 0;
    }
    WRITE_ONCE(a->lvt[n], value);
    return true;
}

static bool write_svr(struct vlapic *a, uint32_t value)
{
    if (value & ~UINT32_C(0x1ff))
        return false;
    a->svr = value;
    if (!enabled(a))
        for (unsigned int i = 0; i < NR_LVT; i++)
            a->lvt[i] |= LVT_MASKED;
    return true;
}

static bool write_register(struct vlapic *a, unsigned int reg, uint64_t value)
{
    if (value >> 32 != 0 && reg != APIC_ICR)
        return false;
    if (reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR)
        return write_lvt(a, (reg - APIC_LVT_TIMER) >> 4, (uint32_t)value);
    switch (reg) {
    case APIC_TPR:
        a->tpr = (uint32_t)value & 0xff;
        hvm_interrupts_changed(a->v);
        return value <= 0xff;
    case APIC_EOI:
        end_of_interrupt(a);
        return value == 0;
    case APIC_SVR:
        return write_svr(a, (uint32_t)value);
    case APIC_ESR:
        a->esr = 0;
        return value == 0;
    case APIC_ICR:
        a->icr = value;
        send_ipi(a->v, value);
        return true;
    case 0x3f0: /* self IPI */
        vlapic_raise(a->v, (uint8_t)value);
        return value <= 0xff;
    case APIC_TIMER_INIT:
        if (LVT_TIMER_MODE(a->lvt[LVT_TIMER]) == TIMER_DEADLINE)
            return true;
        a->timer_init = (uint32_t)value;
        a->timer_started = arch_now();
        timer_rearm(a);
        return true;
    case APIC_TIMER_DIV:
        a->timer_div = (uint32_t)value & 0xb;
        timer_rearm(a);
        return true;
    default:
        return false;
    }
}

bool vlapic_write_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (!(v->arch.apic_base & APIC_BASE_X2APIC))
        return false;
    return write_register(vlapic_of(v), (msr - 0x800) << 4, value);
}

uint64_t vlapic_get_base(const struct vcpu *v)
{
    return v->arch.apic_base;
}

/* Off, xAPIC, x2APIC; not from x2APIC back to xAPIC, nor from off to x2APIC (11.12.5). */
bool vlapic_set_base(struct vcpu *v, uint64_t value)
{
    const uint64_t modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    uint64_t old = v->arch.apic_base & modes, new = value &modes;

    if (new == APIC_BASE_X2APIC || (old == modes && new == APIC_BASE_ENABLE) ||
        (old == 0 && new == modes))
        return false;
    if ((value & ~modes) != (v->arch.apic_base & ~modes))
        return false; /* its place and the boot flag are fixed */
    v->arch.apic_base = value;
    return true;
}

/* --- life --- */

#define APIC_BASE_ADDRESS UINT64_C(0xfee00000)
#define APIC_BASE_BSP     BIT64(8)

void vlapic_reset(struct vcpu *v)
{
    struct vlapic *a = vlapic_of(v);

    timer_stop(&a->timer);
    for (unsigned int i = 0; i < 8; i++) {
        atomic32_set(&a->irr[i], 0);
        a->isr[i] = 0;
    }
    a->tpr = a->esr = a->timer_init = a->timer_div = 0;
    a->icr = a->deadline = 0;
    a->svr = 0xff;
    for (unsigned int i = 0; i < NR_LVT; i++)
        a->lvt[i] = LVT_MASKED;
}

int vlapic_init(struct vcpu *v)
{
    struct vlapic *a = kzalloc(sizeof(*a));

    if (a == NULL)
        return -ENOMEM;
    a->v = v;
    v->arch.vlapic = a;
    /* There is no other mode than x2APIC, so it is on from the start. */
    v->arch.apic_base =
        APIC_BASE_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC | (v->id == 0 ? APIC_BASE_BSP : 0);
    timer_init(&a->timer, timer_fires, a, v->sched.cpu);
    vlapic_reset(v);
    return 0;
}

void vlapic_destroy(struct vcpu *v)
{
    if (v->arch.vlapic == NULL)
        return;
    timer_stop(&v->arch.vlapic->timer);
    kfree(v->arch.vlapic);
    v->arch.vlapic = NULL;
}
