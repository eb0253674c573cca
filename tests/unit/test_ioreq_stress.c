/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once: two vCPUs of a guest forward accesses, a device model answers them, another
 * of its threads creates, changes and destroys servers, each on a pCPU (host thread) of its own
 * with the real RCU and the real locks. Every access must end, with the answer that belongs to it;
 * the sanitizer sees what is used too late.
 */
#include "fake/scene.h"

/* The C library's differs from wherry/sched.h's in its type; the call is the C library's. */
#define sched_yield libc_sched_yield
#include <pthread.h>
#undef sched_yield
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wherry/init.h>
#include <wherry/rcu.h>
#include <wherry/smp.h>
#include <wherry/timer.h>

#include "../../common/ioreq/private.h"

#define NR_THREADS 4
#define SECONDS    2
#define PAGES      8
#define BASE       UINT64_C(0x0c000000)

extern char __percpu_start[], __percpu_end[];

/* In place of fake/rcu.c, for the scene. */
unsigned int fake_grace_periods;
void (*fake_synchronize_hook)(void);

/* The retry timer of rcu.c: here every pCPU polls. */
void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
    (void)t, (void)fn, (void)data, (void)cpu;
}

void timer_set(struct timer *t, s_time_t expires)
{
    (void)t, (void)expires;
}

/* Leave the hypervisor and come back; callbacks of this pCPU that are ripe run. */
static void pass(void)
{
    rcu_process_callbacks();
    rcu_exit();
    sched_yield();
    rcu_enter();
}

void fake_rcu_run(void)
{
    while (rcu_callbacks_pending())
        pass();
}

/* A load of the slot that now and then takes long: this is where others get in between. */
uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    static _Thread_local unsigned int n;
    uint64_t value;

    switch (field) {
    case SLOT_STATE:
        value = READ_ONCE(slot->bits) & SLOT_STATE_MASK;
        break;
    case SLOT_EPORT:
        value = READ_ONCE(slot->vp_eport);
        break;
    default:
        value = READ_ONCE(slot->data);
    }
    if (++n % 7 == 0)
        sched_yield();
    return value;
}

static bool stop;                         /* atomically */
static unsigned long answered, unclaimed; /* atomically */

static bool stopped(void)
{
    return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static unsigned int rnd(unsigned int *seed, unsigned int n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % n;
}

static void enter_pcpu(unsigned int cpu, struct vcpu *v)
{
    fake_percpu_offset = percpu_offset[cpu];
    this_cpu(cpu_id) = cpu;
    current = v;
    rcu_enter();
}

static void leave_pcpu(void)
{
    fake_rcu_run();
    rcu_exit();
}

static uint64_t answer_to(uint64_t addr)
{
    return (addr * 2654435761u) ^ 0x5a5a5a5a;
}

/* A guest: accesses one after the other, waiting outside of the hypervisor. */
static void one_access(struct vcpu *v, unsigned int *seed)
{
    uint64_t addr = BASE + rnd(seed, PAGES) * 0x1000 + rnd(seed, 0x3ff) * 4;
    unsigned int before = v->arch.completions;

    if (guest_access(v, addr, 4, true, 0) != IOREQ_SENT) {
        __atomic_fetch_add(&unclaimed, 1, __ATOMIC_RELAXED);
        return;
    }
    while (!fake_exit_path(v)) {
        while (atomic32_read(&v->pause_flags) != 0)
            pass();
    }
    if (v->arch.completions != before + 1)
        abort();
    if (v->arch.answered && v->arch.result != (answer_to(addr) & 0xffffffff))
        abort();
    __atomic_fetch_add(v->arch.answered ? &answered : &unclaimed, 1, __ATOMIC_RELAXED);
}

static void *guest_thread(void *arg)
{
    struct vcpu *v = arg;
    unsigned int seed = v->id + 1;

    enter_pcpu(v->id, v);
    while (!stopped()) {
        one_access(v, &seed);
        pass();
    }
    leave_pcpu();
    return NULL;
}

/* Closed in between: no notification, as with the real thing. */
static void notify(evtchn_port port)
{
    struct fake_port *p = fake_port(guest, port);
    evtchn_consumer_fn fn = READ_ONCE(p->fn);
    struct vcpu *v = READ_ONCE(p->v);

    if (fn != NULL && v != NULL)
        fn(v, port);
}

/* Answer what is there on one server; it may be gone at any moment, its page is ours. */
static void serve(unsigned int id, unsigned int *seed)
{
    struct page *pg;

    if (ioreq_acquire_frame(guest, id, 1, &pg) != 0)
        return;
    for (unsigned int i = 0; i < 2; i++) {
        struct ioreq_slot *slot = (struct ioreq_slot *)page_to_virt(pg) + i;
        uint8_t bits = load_acquire(&slot->bits);

        if ((bits & SLOT_STATE_MASK) != STATE_IOREQ_READY)
            continue;
        if (rnd(seed, 2) == 0)
            notify(READ_ONCE(slot->vp_eport)); /* of nothing */
        slot->data = answer_to(slot->addr);
        store_release(&slot->bits, (uint8_t)((bits & 0xf0) | STATE_IORESP_READY));
        notify(READ_ONCE(slot->vp_eport));
    }
    page_put(pg);
}

static void *server_thread(void *arg)
{
    unsigned int seed = 5;

    (void)arg;
    enter_pcpu(2, dm->vcpu[0]);
    while (!stopped()) {
        for (unsigned int id = 0; id < 4; id++)
            serve(id, &seed);
        pass();
    }
    leave_pcpu();
    return NULL;
}

static void one_change(unsigned int *seed)
{
    unsigned int id = rnd(seed, 4);
    unsigned int page = rnd(seed, PAGES);
    uint64_t first = BASE + page * 0x1000 + (rnd(seed, 4) << 8);
    uint32_t new_id;

    switch (rnd(seed, 10)) {
    case 0:
        ioreq_server_destroy(guest, id);
        break;
    case 1:
        if (ioreq_server_create(guest, &new_id) == 0)
            ioreq_server_set_state(guest, new_id, true);
        break;
    case 2:
        ioreq_server_set_state(guest, id, rnd(seed, 2) != 0);
        break;
    case 3:
    case 4:
    case 5:
        ioreq_range_unmap(guest, id, 1, first, first + 0xff);
        break;
    default:
        ioreq_range_map(guest, id, 1, first, first + 0x3ff);
    }
}

static void *control_thread(void *arg)
{
    unsigned int seed = 99;

    (void)arg;
    enter_pcpu(3, dm->vcpu[1]);
    ioreq_max_servers = 4;
    while (!stopped()) {
        one_change(&seed);
        pass();
    }
    /* The guests' last accesses end with this. */
    for (unsigned int id = 0; id < 4; id++)
        ioreq_server_destroy(guest, id);
    leave_pcpu();
    return NULL;
}

static void make_pcpus(void)
{
    size_t size = (size_t)(__percpu_end - __percpu_start);

    for (unsigned int cpu = 0; cpu < NR_THREADS; cpu++) {
        char *copy = aligned_alloc(64, size);

        memcpy(copy, __percpu_start, size);
        percpu_offset[cpu] = (uintptr_t)copy - (uintptr_t)__percpu_start;
    }
    cpu_online_mask = (1u << NR_THREADS) - 1;
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
        assert_int_equal(c->fn(), 0);
}

static void everything_at_once(void **state)
{
    pthread_t t[NR_THREADS];

    (void)state;
    make_pcpus();
    fake_domain_kill(dm); /* the scene's has one vCPU */
    dm = fake_domain_create(1, 2);
    dm->device_model_for = guest->id;
    current = NULL;
    alarm(60); /* a lost wake-up is a hang */
    pthread_create(&t[0], NULL, guest_thread, guest->vcpu[0]);
    pthread_create(&t[1], NULL, guest_thread, guest->vcpu[1]);
    pthread_create(&t[2], NULL, server_thread, NULL);
    pthread_create(&t[3], NULL, control_thread, NULL);
    sleep(SECONDS);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < NR_THREADS; i++)
        pthread_join(t[i], NULL);
    printf("answered %lu, unclaimed %lu\n", answered, unclaimed);
    assert_true(answered > 100 && unclaimed > 100);
    assert_int_equal(fake_crashes, 0);
    cpu_online_mask = 1;
    for (unsigned int cpu = 0; cpu < NR_THREADS; cpu++) {
        free((char *)(percpu_offset[cpu] + (uintptr_t)__percpu_start));
        percpu_offset[cpu] = 0;
    }
    current = dm->vcpu[0];
    rcu_enter();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(everything_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
