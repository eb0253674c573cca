/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels from four pCPUs (host threads) at once: three domains bind, send, move, close and
 * reset at random, the hypervisor has ports of its own, and one domain dies in the middle.
 * Nothing may hang, and in the end both ends of every connection must name each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake/world.h"

/* The C library's differs from wherry/sched.h's in its type. */
#define sched_yield libc_sched_yield
#include <pthread.h>
#undef sched_yield
#include <unistd.h>

#include <asm/fake.h>
#include <wherry/lib/errno.h>

#include "../../common/evtchn/private.h"
#include "fake/fake.h"

#define NR_THREADS  4
#define MAX_SECONDS 30 /* on a busy machine */
#define PORTS       24 /* the game is about few, so that all meet */

extern char __percpu_start[], __percpu_end[];

static bool stop;          /* atomically */
static unsigned long sent; /* answers of 0 to send; atomically */
static unsigned long consumed;

static bool stopped(void)
{
    return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static bool enough(void)
{
    return __atomic_load_n(&sent, __ATOMIC_RELAXED) > 5000 &&
           __atomic_load_n(&consumed, __ATOMIC_RELAXED) > 50;
}

static unsigned int rnd(unsigned int *seed, unsigned int n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % n;
}

struct player {
    struct vcpu *v;
    unsigned int cpu;
    unsigned int seed;
};

static long call(struct player *p, int cmd, void *arg, size_t size)
{
    const uint64_t gva = FAKE_GVA_BASE + 0x1000 + p->cpu * 64;
    unsigned char *at = fake_gva + (gva - FAKE_GVA_BASE);
    long rc;

    memcpy(at, arg, size);
    rc = world_call(p->v, __HYPERVISOR_event_channel_op, (uint64_t)cmd, gva, 0);
    memcpy(arg, at, size);
    return rc;
}

static evtchn_port_t some_port(struct player *p)
{
    return rnd(&p->seed, PORTS);
}

static void close_port(struct player *p, evtchn_port_t port)
{
    struct evtchn_close a = {.port = port};

    call(p, EVTCHNOP_close, &a, sizeof(a));
}

/* A new port; too high ones go at once. */
static void new_port(struct player *p, long rc, evtchn_port_t port)
{
    if (rc == 0 && port >= PORTS)
        close_port(p, port);
}

static void bind(struct player *p)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = (domid_t)rnd(&p->seed, 3)};
    struct evtchn_bind_interdomain b = {.remote_dom = (domid_t)rnd(&p->seed, 3)};
    struct evtchn_bind_ipi i = {.vcpu = 0};
    struct evtchn_bind_virq virq = {.virq = rnd(&p->seed, 4)};

    switch (rnd(&p->seed, 8)) {
    case 0:
        new_port(p, call(p, EVTCHNOP_bind_ipi, &i, sizeof(i)), i.port);
        return;
    case 1:
        new_port(p, call(p, EVTCHNOP_bind_virq, &virq, sizeof(virq)), virq.port);
        return;
    case 2:
    case 3:
        new_port(p, call(p, EVTCHNOP_alloc_unbound, &a, sizeof(a)), a.port);
        return;
    default:
        b.remote_port = some_port(p);
        new_port(p, call(p, EVTCHNOP_bind_interdomain, &b, sizeof(b)), b.local_port);
    }
}

static void send(struct player *p)
{
    struct evtchn_send a = {.port = some_port(p)};

    if (call(p, EVTCHNOP_send, &a, sizeof(a)) == 0)
        __atomic_fetch_add(&sent, 1, __ATOMIC_RELAXED);
}

static void one_move(struct player *p)
{
    struct evtchn_bind_vcpu move = {.port = some_port(p)};
    struct evtchn_unmask unmask = {.port = some_port(p)};
    struct evtchn_status status = {.dom = DOMID_SELF, .port = some_port(p)};
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    switch (rnd(&p->seed, 16)) {
    case 0:
        call(p, EVTCHNOP_bind_vcpu, &move, sizeof(move));
        break;
    case 1:
        call(p, EVTCHNOP_unmask, &unmask, sizeof(unmask));
        break;
    case 2:
        call(p, EVTCHNOP_status, &status, sizeof(status));
        break;
    case 3:
        if (rnd(&p->seed, 50) == 0)
            call(p, EVTCHNOP_reset, &reset, sizeof(reset));
        break;
    case 4:
        close_port(p, some_port(p));
        break;
    case 7:
        evtchn_send_global_virq(p->v->domain, rnd(&p->seed, 4));
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        bind(p);
        break;
    default:
        send(p);
    }
}

static void enter_pcpu(const struct player *p)
{
    fake_percpu_offset = percpu_offset[p->cpu];
    this_cpu(cpu_id) = p->cpu;
    current = p->v;
}

static void *guest_thread(void *arg)
{
    struct player *p = arg;

    enter_pcpu(p);
    while (!stopped())
        one_move(p);
    return NULL;
}

static void consume(struct vcpu *v, evtchn_port port)
{
    if (v != guest->vcpu[0] || port == 0)
        abort();
    __atomic_fetch_add(&consumed, 1, __ATOMIC_RELAXED);
}

#define NR_CONSUMERS 4
static int consumer_port[NR_CONSUMERS];

/* One among those that the players know, or none. */
static void new_consumer(unsigned int n, domid_t remote)
{
    int port = evtchn_alloc_consumer(guest->vcpu[0], remote, consume);

    if (port >= PORTS)
        evtchn_free_consumer(guest, (evtchn_port)port);
    consumer_port[n] = port < PORTS ? port : 0;
}

/* The hypervisor's ports in the guest, that dm and control may bind to; then the guest's death. */
static void *hypervisor_thread(void *arg)
{
    struct player *p = arg;

    enter_pcpu(p);
    for (unsigned int turn = 0; !stopped(); turn++) {
        unsigned int n = rnd(&p->seed, NR_CONSUMERS);

        if (consumer_port[n] > 0)
            evtchn_notify_consumer_peer(guest, (evtchn_port)consumer_port[n]);
        if (turn % 256 != 0)
            continue;
        if (consumer_port[n] > 0)
            evtchn_free_consumer(guest, (evtchn_port)consumer_port[n]);
        new_consumer(n, (domid_t)rnd(&p->seed, 2));
    }
    evtchn_destroy(guest);
    return NULL;
}

static void make_pcpus(void)
{
    size_t size = (size_t)(__percpu_end - __percpu_start);

    for (unsigned int cpu = 0; cpu < NR_THREADS; cpu++) {
        char *copy = aligned_alloc(64, (size + 63) & ~(size_t)63);

        memcpy(copy, __percpu_start, size);
        percpu_offset[cpu] = (uintptr_t)copy - (uintptr_t)__percpu_start;
    }
}

static void free_pcpus(void)
{
    for (unsigned int cpu = 0; cpu < NR_THREADS; cpu++) {
        free((char *)(percpu_offset[cpu] + (uintptr_t)__percpu_start));
        percpu_offset[cpu] = 0;
    }
}

static unsigned int connections, virqs;

static void check_port(struct domain *d, evtchn_port port)
{
    const struct evtchn *e = evtchn_of(d, port);
    struct binding b, rb;

    if (e == NULL)
        return;
    b = evtchn_binding(e);
    if (b.state == PORT_VIRQ) {
        assert_int_equal(d->vcpu[0]->evtchn.virq_port[b.peer], port);
        virqs++;
    }
    if (b.state != PORT_INTERDOMAIN)
        return;
    assert_true(b.dom < 3 && b.dom != 2); /* the guest, 2, is dead */
    rb = evtchn_binding(evtchn_of(domain_by_id(b.dom), b.peer));
    assert_int_equal(rb.state, PORT_INTERDOMAIN);
    assert_int_equal(rb.dom, d->id);
    assert_int_equal(rb.peer, port);
    connections++;
}

static void check_domain(struct domain *d)
{
    unsigned int bound = 0;

    virqs = 0;
    for (evtchn_port port = 1; port < EVTCHN_MAX_PORTS; port++)
        check_port(d, port);
    for (unsigned int i = 0; i < EVTCHN_NR_VIRQS; i++)
        bound += d->vcpu[0]->evtchn.virq_port[i] != 0;
    assert_int_equal(bound, virqs);
}

static void xsa_343_binds_sends_and_resets_at_once(void **state)
{
    struct player players[NR_THREADS] = {
        {control->vcpu[0], 0, 1}, {dm->vcpu[0], 1, 2}, {guest->vcpu[0], 2, 3}, {NULL, 3, 4}};
    const char *want = getenv("STRESS_SECONDS");
    int least = want != NULL ? atoi(want) : 1;
    pthread_t t[NR_THREADS];

    (void)state;
    connections = 0;
    make_pcpus();
    for (unsigned int n = 0; n < NR_CONSUMERS; n++)
        new_consumer(n, (domid_t)(n % 2));
    alarm(60); /* a deadlock is a hang */
    for (unsigned int i = 0; i < NR_THREADS; i++)
        pthread_create(&t[i], NULL, i < 3 ? guest_thread : hypervisor_thread, &players[i]);
    for (int i = 0; i < MAX_SECONDS && (i < least || !enough()); i++)
        sleep(1);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < NR_THREADS; i++)
        pthread_join(t[i], NULL);
    free_pcpus();
    check_domain(control);
    check_domain(dm);
    for (evtchn_port port = 1; port < EVTCHN_MAX_PORTS; port++)
        assert_true(evtchn_of(guest, port) == NULL ||
                    evtchn_binding(evtchn_of(guest, port)).state == PORT_FREE);
    printf("sent %lu, consumed %lu, connected in the end %u\n", sent, consumed, connections);
    assert_true(enough());
    assert_false(domain_is_shut_down(guest) || domain_is_shut_down(dm));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(xsa_343_binds_sends_and_resets_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
