/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler of include/wherry/sched.h. Each pCPU has a FIFO run queue and a current vCPU; the
 * exit path of a trap is the only place where they change hands.
 *
 * Wake-up against going to sleep: a waker clears the pause flag, then takes the run queue's lock;
 * schedule() reads the flags with the lock held. Whoever is second sees what the first did.
 */
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/printk.h>
#include <wherry/sched.h>
#include <wherry/console.h>
#include <public/vcpu.h>

#define SCHED_SLICE MILLISECS(10)
/* Passes of the exit path after which it breathes; ordinary exits need fewer. */
#define EXIT_PASSES 16

struct runqueue {
    struct spinlock lock;   /* LOCK_RANK_SCHED: queue, curr */
    struct list_head queue; /* runnable vCPUs other than curr */
    unsigned int nr_queued;
    struct vcpu *curr;  /* NULL: idle */
    struct vcpu *hint;  /* run this next if it is queued; set by own pCPU */
    struct timer slice; /* armed while vCPUs compete */
    bool started;       /* this pCPU schedules */
};

static DEFINE_PER_CPU(struct runqueue, runqueue);
DEFINE_PER_CPU(struct vcpu *, current_vcpu);

static inline bool vcpu_runnable(const struct vcpu *v)
{
    return atomic32_read(&v->pause_flags) == 0;
}

/* Queue manipulation, lock held. */
static void enqueue(struct runqueue *rq, struct vcpu *v)
{
    list_add_tail(&v->sched.list, &rq->queue);
    v->sched.queued = true;
    rq->nr_queued++;
}

static void dequeue(struct runqueue *rq, struct vcpu *v)
{
    list_del(&v->sched.list);
    v->sched.queued = false;
    rq->nr_queued--;
}

/* The slice timer: ask the current vCPU to pass through the scheduler. */
static void slice_over(void *data)
{
    (void)data;
    if (current == NULL)
        return;
    current->sched.yielded = true;
    vcpu_set_work(current, VCPU_WORK_RESCHED);
}

static void arm_slice(struct runqueue *rq)
{
    if (rq->nr_queued != 0 && !rq->slice.active)
        timer_set(&rq->slice, arch_now() + SCHED_SLICE);
}

/* The first queued vCPU that still is runnable; drops those that were paused meanwhile. */
static struct vcpu *pick_queued(struct runqueue *rq)
{
    struct vcpu *hint = READ_ONCE(rq->hint);

    WRITE_ONCE(rq->hint, NULL);
    if (hint != NULL && hint->sched.queued && vcpu_runnable(hint)) {
        dequeue(rq, hint);
        return hint;
    }
    while (!list_empty(&rq->queue)) {
        struct vcpu *v = container_of(rq->queue.next, struct vcpu, sched.list);

        dequeue(rq, v);
        if (vcpu_runnable(v))
            return v;
    }
    return NULL;
}

/* Choose who runs next on this pCPU. Lock held. */
static struct vcpu *pick_next(struct runqueue *rq)
{
    struct vcpu *prev = rq->curr;

    if (prev != NULL && vcpu_runnable(prev)) {
        if (!prev->sched.yielded)
            return prev;
        prev->sched.yielded = false;
        enqueue(rq, prev);
    }
    return pick_queued(rq);
}

static uint32_t waiting_state(const struct vcpu *v)
{
    uint32_t flags = atomic32_read(&v->pause_flags);

    if (flags == 0)
        return RUNSTATE_runnable;
    return flags & VPF_DOWN ? RUNSTATE_offline : RUNSTATE_blocked;
}

static void switch_out(struct vcpu *v, s_time_t now)
{
    arch_vcpu_save(v);
    runstate_enter(v, waiting_state(v), now);
    /* Release: the saved state before others may look at it; partner: vcpu_is_off_cpu(). */
    store_release(&v->sched.on_cpu, false);
}

static void switch_in(struct vcpu *v, s_time_t now)
{
    WRITE_ONCE(v->sched.on_cpu, true);
    smp_mb(); /* before v->work is read on the way out; partner: vcpu_set_work() */
    v->sched.yielded = false;
    runstate_enter(v, RUNSTATE_running, now);
    arch_vcpu_load(v);
}

/* Pick and switch; current may be NULL afterwards. */
static void schedule(void)
{
    struct runqueue *rq = &this_cpu(runqueue);
    struct vcpu *prev = rq->curr;
    struct vcpu *next;

    spin_lock(&rq->lock);
    next = pick_next(rq);
    rq->curr = next;
    spin_unlock(&rq->lock);

    if (next != prev) {
        s_time_t now = arch_now();

        if (prev != NULL)
            switch_out(prev, now);
        current = next;
        if (next != NULL)
            switch_in(next, now);
    }
    arm_slice(rq);
}

/* Nothing to run: wait until there is. */
static void idle(void)
{
    struct runqueue *rq = &this_cpu(runqueue);

    while (rq->curr == NULL) {
        rcu_process_callbacks();
        if (READ_ONCE(rq->nr_queued) == 0) {
            rcu_exit();
            arch_idle_wait();
            rcu_enter();
            arch_irq_poll();
        }
        schedule();
    }
}

/* Work other than scheduling, for the loaded vCPU. */
static void do_work(struct vcpu *v)
{
    /* All but a RESCHED that came since. Full barrier; partner: vcpu_set_work(). */
    uint32_t work = atomic32_fetch_and(&v->work, VCPU_WORK_RESCHED);

    if (work & VCPU_WORK_RCU)
        rcu_process_callbacks();
    if (work & VCPU_WORK_IOREQ)
        ioreq_vcpu_work(v);
    if (work & VCPU_WORK_INVAL)
        ioreq_invalidate_work(v);
    if (work & VCPU_WORK_IRQ)
        arch_vcpu_flush_irq(v);
}

/*
 * Others can give a vCPU work for as long as they like: a device model that notifies without an end
 * keeps it in the loop below. Nothing is held from one pass to the next, so that this is as good as
 * leaving: grace periods end, and a slice that is over is noticed.
 */
static void breathe(void)
{
    rcu_exit();
    rcu_enter();
    arch_irq_poll();
}

struct vcpu *sched_exit_to_guest(void)
{
    for (unsigned int pass = 1;; pass++) {
        struct vcpu *v = current;

        if (unlikely(v == NULL)) {
            idle();
            continue;
        }
        uint32_t work = atomic32_read(&v->work);

        if (likely(work == 0)) {
            rcu_exit();
            return v;
        }
        if (work & VCPU_WORK_RESCHED) {
            atomic32_fetch_and(&v->work, ~(uint32_t)VCPU_WORK_RESCHED);
            schedule();
            continue;
        }
        do_work(v);
        if (unlikely(pass % EXIT_PASSES == 0))
            breathe();
    }
}

void __noreturn sched_start(void)
{
    this_cpu(runqueue).started = true;
    arch_enter_guest(sched_exit_to_guest());
}

/* v has become runnable: make sure that its pCPU will run it. */
static void sched_wake(struct vcpu *v)
{
    unsigned int cpu = v->sched.cpu;
    struct runqueue *rq = &per_cpu(runqueue, cpu);
    struct vcpu *curr;

    spin_lock(&rq->lock);
    curr = rq->curr;
    if (v == curr || v->sched.queued) {
        spin_unlock(&rq->lock);
        return;
    }
    enqueue(rq, v);
    spin_unlock(&rq->lock);

    /*
     * Somebody runs there: he passes the scheduler, which arms the slice. Here that can be done
     * at once, without a pass.
     */
    if (cpu == smp_processor_id())
        arm_slice(rq);
    else if (curr != NULL)
        vcpu_set_work(curr, VCPU_WORK_RESCHED);
    else
        arch_smp_kick(cpu);
}

void vcpu_pause_set(struct vcpu *v, uint32_t flags)
{
    atomic32_fetch_or(&v->pause_flags, flags);
    vcpu_set_work(v, VCPU_WORK_RESCHED);
}

void vcpu_pause_clear(struct vcpu *v, uint32_t flags)
{
    uint32_t old = atomic32_fetch_and(&v->pause_flags, ~flags);

    if ((old & flags) != 0 && (old & ~flags) == 0)
        sched_wake(v);
}

void vcpu_wake_event(struct vcpu *v)
{
    /* Ordered after the event was published by its atomics; partner: vcpu_block(). */
    if (atomic32_read(&v->pause_flags) & VPF_BLOCKED)
        vcpu_pause_clear(v, VPF_BLOCKED);
}

void vcpu_block(void)
{
    struct vcpu *v = current;

    vcpu_pause_set(v, VPF_BLOCKED); /* full barrier before the check; partner: wakers */
    if (arch_vcpu_event_pending(v))
        vcpu_pause_clear(v, VPF_BLOCKED);
}

void sched_yield(void)
{
    current->sched.yielded = true;
    vcpu_set_work(current, VCPU_WORK_RESCHED);
}

void sched_switch_to(struct vcpu *v)
{
    if (v->sched.cpu == smp_processor_id())
        WRITE_ONCE(this_cpu(runqueue).hint, v);
}

void vcpu_pause(struct vcpu *v)
{
    atomic32_fetch_add(&v->pause_flags, VPF_PAUSE_ONE);
    vcpu_set_work(v, VCPU_WORK_RESCHED);
}

bool vcpu_is_off_cpu(const struct vcpu *v)
{
    return !load_acquire(&v->sched.on_cpu); /* partner: switch_out() */
}

void vcpu_unpause(struct vcpu *v)
{
    uint32_t old = atomic32_fetch_sub(&v->pause_flags, VPF_PAUSE_ONE);

    BUG_ON(old < VPF_PAUSE_ONE);
    if (old == VPF_PAUSE_ONE)
        sched_wake(v);
}

void sched_init_vcpu(struct vcpu *v, uint64_t affinity)
{
    static unsigned int next_cpu = CONFIG_NR_CPUS - 1; /* domctl lock */
    uint64_t allowed = affinity & cpu_online_mask;

    if (allowed == 0)
        allowed = cpu_online_mask;
    do {
        next_cpu = (next_cpu + 1) % CONFIG_NR_CPUS;
    } while (!((allowed >> next_cpu) & 1));
    v->sched.affinity = allowed;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.since = arch_now();
    v->sched.cpu = next_cpu;
    atomic32_set(&v->pause_flags, VPF_DOWN | VPF_PAUSE_ONE);
}

void sched_forget_vcpu(struct vcpu *v)
{
    struct runqueue *rq = &per_cpu(runqueue, v->sched.cpu);

    spin_lock(&rq->lock);
    if (v->sched.queued)
        dequeue(rq, v);
    /* Its own pCPU may write another hint meanwhile, which is then lost: no more than a hint. */
    if (READ_ONCE(rq->hint) == v)
        WRITE_ONCE(rq->hint, NULL);
    spin_unlock(&rq->lock);
}

bool hypercall_preempt_check(void)
{
    return arch_irq_pending() || atomic32_read(&current->work) != 0;
}

void sched_dump(void)
{
    unsigned int cpu;

    for_each_online_cpu (cpu) {
        const struct runqueue *rq = &per_cpu(runqueue, cpu);
        const struct vcpu *v = READ_ONCE(rq->curr);

        if (v != NULL)
            printk("pCPU %u: d%uv%u, %u queued\n", cpu, v->domain->id, v->id, rq->nr_queued);
        else
            printk("pCPU %u: idle, %u queued\n", cpu, rq->nr_queued);
    }
}
DEBUG_KEY('r', sched_dump, "run queues");

static int sched_init(void)
{
    for (unsigned int cpu = 0; cpu < CONFIG_NR_CPUS; cpu++) {
        struct runqueue *rq;

        if (percpu_offset[cpu] == 0 && cpu != 0)
            continue;
        rq = &per_cpu(runqueue, cpu);
        spin_lock_init(&rq->lock, LOCK_RANK_SCHED, "runqueue");
        list_init(&rq->queue);
        timer_init(&rq->slice, slice_over, NULL, cpu);
    }
    return 0;
}
INIT_CALL(INIT_CORE, sched_init);
