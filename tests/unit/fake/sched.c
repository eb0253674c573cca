/* SPDX-License-Identifier: Apache-2.0 */
/* Pause flags as the scheduler keeps them; nothing runs by itself. */
#include "fake.h"

#include <wherry/sched.h>

DEFINE_PER_CPU(struct vcpu *, current_vcpu);

struct vcpu *fake_switched_to;
unsigned int fake_wakes;

void vcpu_pause_set(struct vcpu *v, uint32_t flags)
{
    atomic32_fetch_or(&v->pause_flags, flags);
    vcpu_set_work(v, VCPU_WORK_RESCHED);
}

void vcpu_pause_clear(struct vcpu *v, uint32_t flags)
{
    uint32_t old = atomic32_fetch_and(&v->pause_flags, ~flags);

    if ((old & flags) != 0 && (old & ~flags) == 0)
        __atomic_fetch_add(&fake_wakes, 1, __ATOMIC_RELAXED);
}

void vcpu_wake_event(struct vcpu *v)
{
    vcpu_pause_clear(v, VPF_BLOCKED);
}

void sched_init_vcpu(struct vcpu *v, uint64_t affinity)
{
    (void)affinity;
    atomic32_set(&v->pause_flags, VPF_DOWN | VPF_PAUSE_ONE);
}

void sched_forget_vcpu(struct vcpu *v)
{
    (void)v;
}

void vcpu_pause(struct vcpu *v)
{
    atomic32_fetch_add(&v->pause_flags, VPF_PAUSE_ONE);
    vcpu_set_work(v, VCPU_WORK_RESCHED);
}

void vcpu_unpause(struct vcpu *v)
{
    atomic32_fetch_sub(&v->pause_flags, VPF_PAUSE_ONE);
}

bool vcpu_is_off_cpu(const struct vcpu *v)
{
    return v != current && !load_acquire(&v->sched.on_cpu);
}

void vcpu_block(void)
{
    vcpu_pause_set(current, VPF_BLOCKED);
}

bool hypercall_preempt_check(void)
{
    return arch_irq_pending();
}

void sched_switch_to(struct vcpu *v)
{
    WRITE_ONCE(fake_switched_to, v);
}

bool fake_exit_path(struct vcpu *v)
{
    struct vcpu *prev = current;

    current = v;
    for (;;) {
        uint32_t mine = VCPU_WORK_IOREQ | VCPU_WORK_INVAL;
        uint32_t work = atomic32_fetch_and(&v->work, ~mine) & mine;

        atomic32_fetch_and(&v->work, ~(uint32_t)VCPU_WORK_RESCHED);
        if (atomic32_read(&v->pause_flags) != 0) {
            /* Switched out: its work waits with it. */
            atomic32_fetch_or(&v->work, work);
            current = prev;
            return false;
        }
        if (work == 0)
            break;
        if (work & VCPU_WORK_IOREQ)
            ioreq_vcpu_work(v);
        if (work & VCPU_WORK_INVAL)
            ioreq_invalidate_work(v);
    }
    current = prev;
    return true;
}
