/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vcpu_op hypercall's part that x86 has: vCPUs that others start with registers of their
 * choice, and the timers behind VIRQ_TIMER. Called by common/vcpu_op.c.
 */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/hvm/hvm_vcpu.h>
#include <public/sched.h>
#include <public/vcpu.h>

/* --- up and down --- */

static int op_initialise(struct vcpu *v, uint64_t arg)
{
    struct vcpu_hvm_context c;

    if (guest_copy_from(&c, arg, sizeof(c)) != 0)
        return -EFAULT;
    return hvm_vcpu_initialise(v, &c);
}

static int op_up(struct vcpu *v)
{
    if (!READ_ONCE(v->initialised))
        return -EINVAL;
    vcpu_pause_clear(v, VPF_DOWN);
    return 0;
}

static bool is_up(const struct vcpu *v)
{
    return !(atomic32_read(&v->pause_flags) & VPF_DOWN);
}

/* With the last one the domain powers off. */
static int op_down(struct vcpu *v)
{
    struct vcpu *other;
    unsigned int i;

    for_each_vcpu (v->domain, other, i)
        if (other != v && is_up(other)) {
            vcpu_pause_set(v, VPF_DOWN);
            return 0;
        }
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
    return 0;
}

/* --- timers --- */

static void single_fires(void *data)
{
    evtchn_send_vcpu_virq(data, VIRQ_TIMER);
}

/* Arms it for the next time; false if another vCPU stopped it or set it anew while it fired. */
static bool periodic_again(struct vcpu *v)
{
    s_time_t now = arch_now();
    bool due;

    spin_lock(&v->arch.periodic_lock);
    due = v->arch.timer_period != 0 && v->arch.timer_next <= now;
    if (due) {
        v->arch.timer_next += v->arch.timer_period;
        if (v->arch.timer_next < now) /* those that were missed are one */
            v->arch.timer_next = now + v->arch.timer_period;
        timer_set(&v->arch.periodic, v->arch.timer_next);
    }
    spin_unlock(&v->arch.periodic_lock);
    return due;
}

static void periodic_fires(void *data)
{
    if (periodic_again(data))
        evtchn_send_vcpu_virq(data, VIRQ_TIMER);
}

/* 0 stops it. */
static void periodic_set(struct vcpu *v, s_time_t period)
{
    spin_lock(&v->arch.periodic_lock);
    timer_stop(&v->arch.periodic);
    v->arch.timer_period = period;
    v->arch.timer_next = arch_now() + period;
    if (period != 0)
        timer_set(&v->arch.periodic, v->arch.timer_next);
    spin_unlock(&v->arch.periodic_lock);
}

void hvm_timers_init(struct vcpu *v)
{
    timer_init(&v->arch.single, single_fires, v, v->sched.cpu);
    timer_init(&v->arch.periodic, periodic_fires, v, v->sched.cpu);
    spin_lock_init(&v->arch.periodic_lock, LOCK_RANK_PERIODIC, "periodic");
}

void hvm_timers_stop(struct vcpu *v)
{
    periodic_set(v, 0);
    timer_stop(&v->arch.single);
}

static int op_set_single(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer op;

    if (v != current)
        return -EINVAL;
    if (guest_struct_from(&op, arg, sizeof(op), "qi") != 0)
        return -EFAULT;
    if ((op.flags & VCPU_SSHOTTMR_future) && op.timeout_abs_ns < (uint64_t)arch_now())
        return -ETIME;
    timer_stop(&v->arch.single);
    timer_set(&v->arch.single,
              op.timeout_abs_ns > STIME_MAX ? STIME_MAX : (s_time_t)op.timeout_abs_ns);
    return 0;
}

static int op_stop_single(struct vcpu *v)
{
    if (v != current)
        return -EINVAL;
    timer_stop(&v->arch.single);
    return 0;
}

static int op_set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer op;

    if (guest_copy_from(&op, arg, sizeof(op)) != 0)
        return -EFAULT;
    if (op.period_ns < (uint64_t)MILLISECS(1) || op.period_ns > STIME_MAX >> 2)
        return -EINVAL;
    periodic_set(v, (s_time_t)op.period_ns);
    return 0;
}

static int op_stop_periodic(struct vcpu *v)
{
    periodic_set(v, 0);
    return 0;
}

long arch_vcpu_op(unsigned int cmd, struct vcpu *v, uint64_t arg)
{
    switch (cmd) {
    case VCPUOP_initialise:
        return op_initialise(v, arg);
    case VCPUOP_up:
        return op_up(v);
    case VCPUOP_down:
        return op_down(v);
    case VCPUOP_is_up:
        return is_up(v);
    case VCPUOP_set_periodic_timer:
        return op_set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer:
        return op_stop_periodic(v);
    case VCPUOP_set_singleshot_timer:
        return op_set_single(v, arg);
    case VCPUOP_stop_singleshot_timer:
        return op_stop_single(v);
    default:
        return -ENOSYS;
    }
}

/* The older way to the same timer: 0 stops it. */
static long set_timer_op(const uint64_t args[NR_HYPERCALL_ARGS])
{
    /* An argument of 64 bits: two of a caller of 32. */
    s_time_t deadline =
        (s_time_t)(arch_guest_has_words32() ? args[1] << 32 | (uint32_t)args[0] : args[0]);

    timer_stop(&current->arch.single);
    if (deadline != 0)
        timer_set(&current->arch.single, deadline < 0 ? STIME_MAX : deadline);
    return 0;
}
HYPERCALL(__HYPERVISOR_set_timer_op, set_timer_op);
