/* SPDX-License-Identifier: Apache-2.0 */
/* One-shot timers: a sorted list for each pCPU, its head programmed into the pCPU's timer. */
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/percpu.h>
#include <wherry/smp.h>
#include <wherry/spinlock.h>
#include <wherry/timer.h>

struct timer_queue {
    struct spinlock lock; /* LOCK_RANK_TIMER: the list and the timers on it */
    struct list_head list;
    s_time_t programmed; /* what this CPU's hardware is set to; own CPU only */
};

static DEFINE_PER_CPU(struct timer_queue, timer_queue);

/* Bring this CPU's hardware timer in line with the head of its queue. Lock held. */
static void reprogram(struct timer_queue *q)
{
    s_time_t next = STIME_MAX;

    if (!list_empty(&q->list))
        next = list_first_entry(&q->list, struct timer, list)->expires;
    if (next == q->programmed)
        return;
    q->programmed = next;
    arch_timer_program(next);
}

static void insert_sorted(struct timer_queue *q, struct timer *t)
{
    struct list_head *at = &q->list;
    struct timer *other;

    list_for_each_entry (other, &q->list, list) {
        if (other->expires > t->expires) {
            at = &other->list;
            break;
        }
    }
    list_add_tail(&t->list, at); /* in front of `at` */
    t->active = true;
}

static void remove_locked(struct timer *t)
{
    if (!t->active)
        return;
    list_del(&t->list);
    t->active = false;
}

void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .data = data, .cpu = cpu};
}

void timer_set(struct timer *t, s_time_t expires)
{
    unsigned int cpu = t->cpu;
    struct timer_queue *q = &per_cpu(timer_queue, cpu);
    bool head;

    spin_lock(&q->lock);
    remove_locked(t);
    t->expires = expires;
    insert_sorted(q, t);
    head = q->list.next == &t->list;
    if (cpu == smp_processor_id())
        reprogram(q);
    spin_unlock(&q->lock);

    if (head && cpu != smp_processor_id())
        arch_smp_kick(cpu); /* smp_kick_received() reprograms there */
}

void timer_stop(struct timer *t)
{
    struct timer_queue *q = &per_cpu(timer_queue, t->cpu);

    /* The hardware stays programmed; it then fires once for nothing, which is cheaper. */
    spin_lock(&q->lock);
    remove_locked(t);
    spin_unlock(&q->lock);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    bool was_active = t->active;

    timer_stop(t);
    t->cpu = cpu;
    if (was_active)
        timer_set(t, t->expires);
}

void smp_kick_received(void)
{
    struct timer_queue *q = &this_cpu(timer_queue);

    spin_lock(&q->lock);
    reprogram(q);
    spin_unlock(&q->lock);
}

/* What is due at `now`, apart: a handler that arms a timer for the past cannot keep us here. */
static void take_due(struct timer_queue *q, s_time_t now, struct list_head *due)
{
    list_init(due);
    while (!list_empty(&q->list)) {
        struct timer *t = list_first_entry(&q->list, struct timer, list);

        if (t->expires > now)
            return;
        list_del(&t->list);
        list_add_tail(&t->list, due); /* still active: it can be stopped */
    }
}

void timer_interrupt(void)
{
    struct timer_queue *q = &this_cpu(timer_queue);
    struct list_head due;

    spin_lock(&q->lock);
    take_due(q, arch_now(), &due);
    while (!list_empty(&due)) {
        struct timer *t = list_first_entry(&due, struct timer, list);

        remove_locked(t);
        spin_unlock(&q->lock);
        t->fn(t->data);
        spin_lock(&q->lock);
    }
    q->programmed = -1; /* the hardware has fired: program it whatever it was */
    reprogram(q);
    spin_unlock(&q->lock);
}

static int timer_queues_init(void)
{
    for (unsigned int cpu = 0; cpu < CONFIG_NR_CPUS; cpu++) {
        struct timer_queue *q;

        if (percpu_offset[cpu] == 0 && cpu != 0)
            continue;
        q = &per_cpu(timer_queue, cpu);
        spin_lock_init(&q->lock, LOCK_RANK_TIMER, "timer");
        list_init(&q->list);
        q->programmed = STIME_MAX;
    }
    return 0;
}
INIT_CALL(INIT_CORE, timer_queues_init);
