/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once, each on a pCPU (host thread) of its own, with the real RCU, locks, domains
 * and event channels: vCPUs of a guest forward accesses and lose memory; a thread of a device model
 * answers; another one creates, changes and destroys servers; a tool stack adds a vCPU, kills the
 * device model while it is waited for, starts another, and in the end kills the guest. Again and
 * again. Every access must end, with the answer that belongs to it, and nothing may be left of any
 * domain. The sanitizers see what is used too late (address) or without order (thread).
 */
#include "fake/world.h"

/* The C library's differs from wherry/sched.h's in its type; the call is the C library's. */
#define sched_yield libc_sched_yield
#include <pthread.h>
#undef sched_yield
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <asm/fake.h>
#include <public/event_channel.h>
#include <wherry/lib/errno.h>
#include <wherry/rcu.h>
#include <wherry/smp.h>

#include "../../common/ioreq/private.h"
#include "../../common/ioreq/ring.h"
#include "fake/fake.h"

#define NR_GUEST_CPUS 3
#define SERVER_CPU    3
#define CONTROL_CPU   4
#define TOOLS_CPU     5
#define NR_PCPUS      6
#define GUEST         2
#define DM            1
#define MAX_SECONDS   40 /* on a busy machine */
#define SERVERS       4
#define PAGES         8
#define BASE          UINT64_C(0x0c000000)

extern char __percpu_start[], __percpu_end[];
extern unsigned int ioreq_max_servers;

/* In place of fake/rcu.c. */
unsigned int fake_grace_periods;
void (*fake_synchronize_hook)(void);

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

uint32_t ring_load(const struct ring_page *page)
{
    uint32_t read = READ_ONCE(page->read);

    sched_yield();
    return read;
}

bool ring_swap(struct ring_page *page, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&page->both, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* What happened; atomically. */
static unsigned long answered, unclaimed, removals, deaths, buffered;

static void count(unsigned long *n)
{
    __atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static bool enough(void)
{
    return __atomic_load_n(&answered, __ATOMIC_RELAXED) > 200 &&
           __atomic_load_n(&unclaimed, __ATOMIC_RELAXED) > 200 &&
           __atomic_load_n(&removals, __ATOMIC_RELAXED) > 20 &&
           __atomic_load_n(&buffered, __ATOMIC_RELAXED) > 200 && deaths > 2;
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
    rcu_enter();
    current = v;
    if (v != NULL)
        WRITE_ONCE(v->sched.on_cpu, true);
}

/* v is stopped: it may go from here on, and what its calls left behind is done without it. */
static void leave_pcpu(struct vcpu *v)
{
    current = NULL;
    if (v != NULL)
        store_release(&v->sched.on_cpu, false);
    fake_rcu_run();
    rcu_exit();
}

/* v may run; false: it never will again. Elsewhere this is the scheduler's. */
static bool may_run(struct vcpu *v)
{
    while (atomic32_read(&v->pause_flags) != 0) {
        if (domain_is_dying(v->domain))
            return false;
        pass();
    }
    return true;
}

/* Guests. */

static uint64_t answer_to(uint64_t addr)
{
    return (addr * 2654435761u) ^ 0x5a5a5a5a;
}

/* Until v is back in its guest; false: it never will be. */
static bool exit_path(struct vcpu *v)
{
    while (!fake_exit_path(v))
        if (!may_run(v))
            return false;
    return true;
}

static bool one_access(struct vcpu *v, unsigned int *seed)
{
    uint64_t addr = BASE + rnd(seed, PAGES) * 0x1000 + rnd(seed, 0x3ff) * 4;
    const struct ioreq_access a = {.addr = addr,
                                   .count = 1,
                                   .size = 4,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = true};
    unsigned int before = v->arch.completions;

    if (ioreq_forward(v, &a) != IOREQ_SENT) {
        count(&unclaimed);
        return true;
    }
    if (!exit_path(v))
        return false;
    if (v->arch.completions != before + 1)
        abort();
    if (v->arch.answered && v->arch.result != (answer_to(addr) & 0xffffffff))
        abort();
    count(v->arch.answered ? &answered : &unclaimed);
    return true;
}

static bool one_removal(struct vcpu *v)
{
    ioreq_ram_removed(v->domain);
    count(&removals);
    return exit_path(v);
}

/* Into the rings of all; both halves of the data are the same. */
static void one_broadcast(struct vcpu *v, unsigned int *seed)
{
    const struct ioreq_access a = {.data = rnd(seed, 0x10000) * UINT64_C(0x100000001),
                                   .count = 1,
                                   .size = 8,
                                   .type = IOREQ_TYPE_TIMEOFFSET};

    ioreq_broadcast_buffered(v->domain, &a);
}

static void *guest_thread(void *arg)
{
    struct vcpu *v = arg;
    unsigned int seed = v->id + 1;

    enter_pcpu(v->id, v);
    while (may_run(v)) {
        if (!(rnd(&seed, 16) == 0 ? one_removal(v) : one_access(v, &seed)))
            break;
        if (rnd(&seed, 4) == 0)
            one_broadcast(v, &seed);
        pass();
    }
    leave_pcpu(v);
    return NULL;
}

/* The device model. */

/* An event channel call of this pCPU, with memory of its own. */
static long evtchn_call(unsigned int cmd, void *op, size_t size)
{
    const uint64_t gva = FAKE_GVA_BASE + 0x1000 + this_cpu(cpu_id) * 64;
    unsigned char *at = fake_gva + (gva - FAKE_GVA_BASE);
    long rc;

    memcpy(at, op, size);
    rc = world_call(current, __HYPERVISOR_event_channel_op, cmd, gva, 0);
    memcpy(op, at, size);
    return rc;
}

static bool bind(evtchn_port_t remote, evtchn_port_t *local)
{
    struct evtchn_bind_interdomain b = {.remote_dom = GUEST, .remote_port = remote};

    if (evtchn_call(EVTCHNOP_bind_interdomain, &b, sizeof(b)) != 0)
        return false;
    *local = b.local_port;
    return true;
}

static void send(evtchn_port_t local)
{
    struct evtchn_send s = {.port = local};

    evtchn_call(EVTCHNOP_send, &s, sizeof(s));
}

/* A slot with a request: its channel is bound for the answer only, so that none is of old. */
static void answer(struct ioreq_slot *slot, uint8_t bits, unsigned int *seed)
{
    struct evtchn_close c;

    if (!bind(READ_ONCE(slot->vp_eport), &c.port))
        return;
    if (rnd(seed, 2) == 0)
        send(c.port); /* of nothing */
    WRITE_ONCE(slot->data, answer_to(READ_ONCE(slot->addr)));
    store_release(&slot->bits, (uint8_t)((bits & 0xf0) | STATE_IORESP_READY));
    send(c.port);
    evtchn_call(EVTCHNOP_close, &c, sizeof(c));
}

/* Answer what is there on one server; it may be gone at any moment, its page is ours. */
static void serve(unsigned int id, unsigned int *seed)
{
    struct domain *d = domain_by_id(GUEST);
    struct page *pg;

    if (d == NULL || ioreq_acquire_frame(d, id, 1, &pg) != 0)
        return;
    for (unsigned int i = 0; i < NR_GUEST_CPUS; i++) {
        struct ioreq_slot *slot = (struct ioreq_slot *)page_to_virt(pg) + i;
        uint8_t bits = load_acquire(&slot->bits);

        if ((bits & SLOT_STATE_MASK) == STATE_IOREQ_READY)
            answer(slot, bits, seed);
    }
    page_put(pg);
}

/* Take what is in one server's ring. */
static void drain(unsigned int id)
{
    struct domain *d = domain_by_id(GUEST);
    struct ring_page *ring;
    struct page *pg;
    uint64_t both;

    if (d == NULL || ioreq_acquire_frame(d, id, 0, &pg) != 0)
        return;
    ring = page_to_virt(pg);
    while (both = load_acquire(&ring->both), (uint32_t)both != both >> 32) {
        uint64_t slot = READ_ONCE(ring->slot[(uint32_t)both % RING_SLOTS]);

        /* Two slots of one request are the same here. */
        if ((uint8_t)slot != IOREQ_TYPE_TIMEOFFSET ||
            slot != READ_ONCE(ring->slot[((uint32_t)both + 1) % RING_SLOTS]))
            abort();
        __atomic_fetch_add(&ring->read, 2, __ATOMIC_SEQ_CST);
        count(&buffered);
    }
    page_put(pg);
}

static void *server_thread(void *arg)
{
    struct vcpu *v = arg;
    unsigned int seed = 5;

    enter_pcpu(SERVER_CPU, v);
    while (may_run(v)) {
        for (unsigned int id = 0; id < SERVERS; id++) {
            serve(id, &seed);
            drain(id);
        }
        pass();
    }
    leave_pcpu(v);
    return NULL;
}

static void one_change(struct domain *d, unsigned int *seed)
{
    unsigned int id = rnd(seed, SERVERS);
    unsigned int page = rnd(seed, PAGES);
    uint64_t first = BASE + page * 0x1000 + (rnd(seed, 4) << 8);
    uint32_t new_id;

    switch (rnd(seed, 10)) {
    case 0:
        ioreq_server_destroy(d, id);
        break;
    case 1:
        if (ioreq_server_create(d, (uint8_t)rnd(seed, 3), &new_id) == 0)
            ioreq_server_set_state(d, new_id, true);
        break;
    case 2:
        ioreq_server_set_state(d, id, rnd(seed, 4) != 0);
        break;
    case 3:
    case 4:
        ioreq_range_unmap(d, id, 1, first, first + 0xff);
        break;
    default:
        ioreq_range_map(d, id, 1, first, first + 0x3ff);
    }
}

static void *control_thread(void *arg)
{
    struct vcpu *v = arg;
    unsigned int seed = 99;

    enter_pcpu(CONTROL_CPU, v);
    while (may_run(v)) {
        struct domain *d = domain_by_id(GUEST);

        if (d != NULL)
            one_change(d, &seed);
        pass();
    }
    leave_pcpu(v);
    return NULL;
}

/* The tool stack. */

static pthread_t guest_threads[NR_GUEST_CPUS], dm_threads[2];

static struct domain *create(domid_t id, unsigned int max_vcpus, domid_t serves)
{
    struct domain_create_params params = {
        .id = id, .max_vcpus = max_vcpus, .max_pages = 16, .device_model_for = serves};
    struct domain *d;

    assert_int_equal(domain_create(&params, &d), 0);
    return d;
}

/* A vCPU of a domain that runs, or (start) will. */
static void add_vcpu(struct domain *d, unsigned int id, pthread_t *t, void *(*fn)(void *arg))
{
    struct vcpu *v;

    assert_int_equal(vcpu_create(d, id, 0, &v), 0);
    vcpu_pause_clear(v, VPF_DOWN);
    vcpu_unpause(v);
    assert_int_equal(pthread_create(t, NULL, fn, v), 0);
}

static struct domain *start_dm(void)
{
    struct domain *d = create(DM, 2, GUEST);

    WRITE_ONCE(d->state, DOMAIN_ALIVE);
    add_vcpu(d, 0, &dm_threads[0], server_thread);
    add_vcpu(d, 1, &dm_threads[1], control_thread);
    return d;
}

static void linger(unsigned int ms)
{
    for (; ms > 0; ms--) {
        usleep(1000);
        pass();
    }
}

static void join(pthread_t *t, unsigned int n)
{
    rcu_exit(); /* they may wait for us */
    for (unsigned int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    rcu_enter();
}

static void kill_domain(struct domain *d, pthread_t *t, unsigned int n)
{
    long rc;

    while ((rc = domain_kill(d)) == -ERESTART)
        pass();
    assert_int_equal(rc, 0);
    join(t, n);
    count(&deaths);
}

static void one_life(unsigned int n)
{
    struct domain *g = create(GUEST, NR_GUEST_CPUS, DOMID_INVALID);
    struct domain *device_model = start_dm();

    WRITE_ONCE(g->state, DOMAIN_ALIVE);
    add_vcpu(g, 0, &guest_threads[0], guest_thread);
    add_vcpu(g, 1, &guest_threads[1], guest_thread);
    linger(30);
    add_vcpu(g, 2, &guest_threads[2], guest_thread);
    linger(30);
    if (n % 2 == 1) {
        kill_domain(device_model, dm_threads, 2);
        device_model = start_dm();
        linger(30);
    }
    assert_false(domain_is_shut_down(g)); /* it had no reason to */
    if (n % 3 == 1)
        kill_domain(device_model, dm_threads, 2);
    kill_domain(g, guest_threads, NR_GUEST_CPUS);
    if (n % 3 != 1)
        kill_domain(device_model, dm_threads, 2);
}

static void make_pcpus(void)
{
    size_t size = ((size_t)(__percpu_end - __percpu_start) + 63) & ~(size_t)63;

    for (unsigned int cpu = 0; cpu < NR_PCPUS; cpu++) {
        char *copy = aligned_alloc(64, size);

        memcpy(copy, __percpu_start, (size_t)(__percpu_end - __percpu_start));
        percpu_offset[cpu] = (uintptr_t)copy - (uintptr_t)__percpu_start;
    }
    cpu_online_mask = (1u << NR_PCPUS) - 1;
}

static void free_pcpus(void)
{
    fake_percpu_offset = 0;
    this_cpu(cpu_id) = 0;
    cpu_online_mask = 1;
    for (unsigned int cpu = 0; cpu < NR_PCPUS; cpu++) {
        free((char *)(percpu_offset[cpu] + (uintptr_t)__percpu_start));
        percpu_offset[cpu] = 0;
    }
}

static time_t seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void everything_at_once(void **state)
{
    const char *want = getenv("STRESS_SECONDS");
    time_t least = want != NULL ? atoi(want) : 2;
    time_t begin = seconds();
    unsigned int lives = 0;

    (void)state;
    world_kill(&guest);
    world_kill(&dm);
    fake_rcu_run();
    ioreq_max_servers = SERVERS;
    make_pcpus();
    enter_pcpu(TOOLS_CPU, control->vcpu[0]);
    while (seconds() - begin < least || (!enough() && seconds() - begin < MAX_SECONDS)) {
        alarm(60); /* a lost wake-up is a hang */
        one_life(lives++);
    }
    leave_pcpu(control->vcpu[0]);
    free_pcpus();
    printf("%u lives: answered %lu, unclaimed %lu, removals %lu, deaths %lu, "
           "buffered %lu\n",
           lives, answered, unclaimed, removals, deaths, buffered);
    assert_true(enough());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(everything_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
