/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grace periods for include/wherry/rcu.h. Each CPU keeps two lists: `next` collects, `wait` waits
 * for the CPUs that were in the hypervisor when the wait began.
 */
#include <asm/relax.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/rcu.h>
#include <wherry/smp.h>
#include <wherry/spinlock.h>
#include <wherry/timer.h>

/* Callbacks run in one pass of the exit path, so that a big teardown cannot hold a guest up. */
#define RCU_BATCH 64
#define RCU_RETRY MILLISECS(5)

DEFINE_PER_CPU(uint32_t, rcu_epoch);

/* Touched by its own CPU only, which is never preempted: no lock. */
struct rcu_cpu {
    struct rcu_head *next, **next_tail;
    struct rcu_head *wait, *wait_last;
    bool waiting;                  /* snap[] is valid for `wait` */
    uint32_t snap[CONFIG_NR_CPUS]; /* odd epochs seen at the start; even: nothing to wait for */
    struct timer retry;
};

static DEFINE_PER_CPU(struct rcu_cpu, rcu_cpu);

static void rcu_retry(void *data)
{
    (void)data;
    if (current != NULL)
        vcpu_set_work(current, VCPU_WORK_RCU);
}

static void take_snapshot(uint32_t snap[CONFIG_NR_CPUS])
{
    unsigned int cpu;

    smp_mb(); /* unpublishing before reading epochs; partner: smp_mb() in rcu_enter() */
    /* Acquire: who is found outside has made its reads before we free; partner: rcu_exit(). */
    for_each_online_cpu (cpu)
        snap[cpu] = cpu == smp_processor_id() ? 0 : load_acquire(&per_cpu(rcu_epoch, cpu));
}

/* Has `cpu` left the hypervisor since the snapshot? */
static bool cpu_passed(unsigned int cpu, uint32_t snap)
{
    /* Acquire: its reads happened before we free; partner: the release in rcu_exit(). */
    return (snap & 1) == 0 || load_acquire(&per_cpu(rcu_epoch, cpu)) != snap;
}

static bool all_passed(const uint32_t snap[CONFIG_NR_CPUS])
{
    unsigned int cpu;

    for_each_online_cpu (cpu)
        if (!cpu_passed(cpu, snap[cpu]))
            return false;
    return true;
}

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    struct rcu_cpu *rc = &this_cpu(rcu_cpu);

    head->fn = fn;
    head->next = NULL;
    if (rc->next == NULL)
        rc->next_tail = &rc->next;
    *rc->next_tail = head;
    rc->next_tail = &head->next;
    if (current != NULL)
        vcpu_set_work(current, VCPU_WORK_RCU);
}

bool rcu_callbacks_pending(void)
{
    const struct rcu_cpu *rc = &this_cpu(rcu_cpu);

    return rc->next != NULL || rc->wait != NULL;
}

static void run_batch(struct rcu_cpu *rc)
{
    for (unsigned int n = 0; n < RCU_BATCH && rc->wait != NULL; n++) {
        struct rcu_head *head = rc->wait;

        rc->wait = head->next;
        head->fn(head);
    }
    if (rc->wait == NULL)
        rc->waiting = false;
}

void rcu_process_callbacks(void)
{
    struct rcu_cpu *rc = &this_cpu(rcu_cpu);

    if (rc->wait == NULL && rc->next != NULL) {
        rc->wait = rc->next;
        rc->next = NULL;
        take_snapshot(rc->snap);
        rc->waiting = true;
    }
    if (rc->wait != NULL && all_passed(rc->snap))
        run_batch(rc);
    if (rcu_callbacks_pending() && !rc->retry.active)
        timer_set(&rc->retry, arch_now() + RCU_RETRY);
}

void synchronize_rcu(void)
{
    uint32_t snap[CONFIG_NR_CPUS];
    unsigned int cpu;

    spin_lock_assert_none_held();
    take_snapshot(snap);
    rcu_exit(); /* two CPUs may wait here for each other */
    for_each_online_cpu (cpu)
        while (!cpu_passed(cpu, snap[cpu]))
            arch_relax();
    rcu_enter();
}

/* Each CPU's retry timer; called on the boot CPU for all. */
static int rcu_init(void)
{
    for (unsigned int cpu = 0; cpu < CONFIG_NR_CPUS; cpu++)
        if (percpu_offset[cpu] != 0 || cpu == 0)
            timer_init(&per_cpu(rcu_cpu, cpu).retry, rcu_retry, NULL, cpu);
    return 0;
}
INIT_CALL(INIT_CORE, rcu_init);
