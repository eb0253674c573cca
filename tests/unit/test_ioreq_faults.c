/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation fails once. A script of operations runs with its n-th allocation (or all from
 * the n-th on) failing, for n = 0, 1, ... until none is left to fail. An operation that meets the
 * failure answers -ENOMEM and changes nothing; or it needs no memory to succeed, and has. Tried
 * again with memory it does what it does without failures.
 */
#include "fake/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/event_channel.h>
#include <wherry/lib/errno.h>

#include "../../common/ioreq/private.h"
#include "fake/fake.h"
#include "fake/state.h"

/* Steps say what they use. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define MAX_STEPS 100

/* One operation, as dm's vCPU 0 would make it. */
struct step {
    long (*fn)(const struct step *s);
    uint64_t a, b, c, d;
};

/* What each step gave, and left behind, when nothing failed. */
static struct {
    long rc[MAX_STEPS];
    char *state[MAX_STEPS];
} reference;

static unsigned long runs, failures, survived;

/* Operations. */

/* a the mode of the buffered ring */
static long create(const struct step *s)
{
    uint32_t id = 99;
    int rc = ioreq_server_create(guest, (uint8_t)s->a, &id);

    return rc == 0 ? (long)id : rc;
}

static long destroy(const struct step *s)
{
    return ioreq_server_destroy(guest, (uint32_t)s->a);
}

static long enable(const struct step *s)
{
    return ioreq_server_set_state(guest, (uint32_t)s->a, s->b != 0);
}

/* a server, b space, [c, d] */
static long map(const struct step *s)
{
    return ioreq_range_map(guest, (uint32_t)s->a, (uint32_t)s->b, s->c, s->d);
}

static long unmap(const struct step *s)
{
    return ioreq_range_unmap(guest, (uint32_t)s->a, (uint32_t)s->b, s->c, s->d);
}

static long acquire(const struct step *s)
{
    struct page *pg;
    int rc = ioreq_acquire_frame(guest, (uint32_t)s->a, 1, &pg);

    if (rc == 0)
        page_put(pg);
    return rc;
}

/* a the domain: it gets its next vCPU. */
static long add_vcpu(const struct step *s)
{
    struct domain *d = domain_by_id((domid_t)s->a);
    unsigned int id = 0;
    struct vcpu *v;

    while (d->vcpu[id] != NULL)
        id++;
    return vcpu_create(d, id, 0, &v);
}

/* a a new domain */
static long create_domain(const struct step *s)
{
    struct domain_create_params params = {
        .id = (domid_t)s->a, .max_vcpus = 2, .max_pages = 16, .device_model_for = DOMID_INVALID};
    struct domain *d;

    return domain_create(&params, &d);
}

static long kill_domain(const struct step *s)
{
    return domain_kill(domain_by_id((domid_t)s->a));
}

/* dm dies: its servers go; and is there again, as it was in the beginning. */
static long kill_dm(const struct step *s)
{
    (void)s;
    current = control->vcpu[0];
    world_kill(&dm);
    return 0;
}

static long revive_dm(const struct step *s)
{
    struct domain_create_params params = {
        .id = 1, .max_vcpus = 1, .max_pages = 16, .device_model_for = 2};
    int rc = domain_create(&params, &dm);

    (void)s;
    return rc;
}

/* Its vCPU; from then on current again. */
static long revive_vcpu(const struct step *s)
{
    struct vcpu *v;
    int rc = vcpu_create(dm, 0, 0, &v);

    (void)s;
    if (rc == 0)
        current = v;
    return rc;
}

/* dm binds to a server's port for vCPU b. */
static long bind(const struct step *s)
{
    struct ioreq_server *server = guest->ioreq.registry->server[s->a];
    struct evtchn_bind_interdomain op = {.remote_dom = 2,
                                         .remote_port = server->slots[s->b].vp_eport};

    return world_op(current, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &op,
                    sizeof(op));
}

static long alloc_unbound(const struct step *s)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = (domid_t)s->a};

    return world_op(current, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &op,
                    sizeof(op));
}

/*
 * Until b ports are left in the first bucket of domain a's: only its first port can take memory,
 * and then the one after those b.
 */
static long fill_ports(const struct step *s)
{
    int port = 0;

    while (port >= 0 && port < (int)(EVTCHN_BUCKET_PORTS - 1 - s->b))
        port = evtchn_alloc_consumer(domain_by_id((domid_t)s->a)->vcpu[0], 0, ioreq_notified);
    return port < 0 ? port : 0;
}

/* Scripts. */

/* Until the failure has been met, at most once; then the allocator works again. */
static void one_step(const struct step *s, unsigned int i)
{
    static char before[STATE_SIZE], after[STATE_SIZE];
    unsigned long failed = fake_alloc_failed;
    long armed = fake_alloc_fail_at;
    long rc;

    fake_alloc_fail_at = -1;
    state_write(before);
    fake_alloc_fail_at = armed;
    rc = s->fn(s);
    if (fake_alloc_failed != failed) {
        fake_alloc_fail_at = -1;
        failures++;
        state_write(after);
        if (rc != reference.rc[i]) {
            assert_int_equal(rc, -ENOMEM);
            assert_string_equal(after, before);
            rc = s->fn(s);
        } else {
            assert_true(s->fn == destroy || s->fn == kill_dm || s->fn == kill_domain);
            survived++;
        }
    }
    armed = fake_alloc_fail_at;
    fake_alloc_fail_at = -1;
    state_write(after);
    if (reference.state[i] == NULL) {
        reference.rc[i] = rc;
        reference.state[i] = strdup(after);
    }
    assert_int_equal(rc, reference.rc[i]);
    assert_string_equal(after, reference.state[i]);
    fake_alloc_fail_at = armed;
}

/* One run with the n-th allocation failing; whether there was an n-th. -1: none. */
static bool run(const struct step *script, unsigned int steps, long n, bool all)
{
    unsigned long before = fake_alloc_failed;

    assert_int_equal(world_setup(NULL), 0);
    current = dm->vcpu[0];
    fake_alloc_fail_at = n;
    fake_alloc_fail_all = all;
    for (unsigned int i = 0; i < steps; i++)
        one_step(&script[i], i);
    fake_alloc_fail_at = -1;
    current = control->vcpu[0];
    assert_int_equal(world_teardown(NULL), 0);
    runs++;
    return fake_alloc_failed != before;
}

static void every_failure(const struct step *script, unsigned int steps)
{
    assert_true(steps <= MAX_STEPS);
    runs = failures = survived = 0;
    assert_false(run(script, steps, -1, false));
    for (int all = 0; all < 2; all++)
        for (long n = 0; run(script, steps, n, all != 0); n++)
            ;
    for (unsigned int i = 0; i < steps; i++) {
        free(reference.state[i]);
        reference.state[i] = NULL;
    }
    printf("%u steps: %lu runs, %lu failures, %lu of no matter\n", steps, runs, failures, survived);
    assert_true(failures >= steps); /* it was about something */
}

#define EVERY_FAILURE(script) every_failure(script, sizeof(script) / sizeof((script)[0]))

static void servers(void **state)
{
    static const struct step script[] = {
        {create},     {create},       {enable, 0, 1}, {acquire, 0}, {bind, 0, 0},
        {create},     {create},       {enable, 1, 1}, {bind, 1, 0}, {add_vcpu, 2},
        {bind, 1, 1}, {enable, 1, 0}, {create},       {destroy, 1}, {create},
        {destroy, 0}, {destroy, 2},   {destroy, 3},   {create},     {enable, 0, 1},
    };

    (void)state;
    EVERY_FAILURE(script);
}

/* All ways a range can join its neighbours, and be cut. */
static void ranges(void **state)
{
    static const struct step script[] = {
        {create},
        {map, 0, 1, 0x1000, 0x1fff},
        {map, 0, 1, 0x3000, 0x3fff},
        {map, 0, 1, 0x2000, 0x2fff}, /* joins both */
        {map, 0, 1, 0x0800, 0x0fff}, /* grows down */
        {map, 0, 1, 0x4000, 0x47ff}, /* grows up */
        {unmap, 0, 1, 0x0800, 0x0bff},
        {unmap, 0, 1, 0x4400, 0x47ff},
        {unmap, 0, 1, 0x2000, 0x20ff}, /* splits */
        {map, 0, 1, 0x2000, 0x20ff},
        {map, 0, 1, 0x2000, 0x20ff},   /* -EEXIST */
        {unmap, 0, 1, 0x9000, 0x90ff}, /* -ENOENT */
        {map, 0, 0, 0x60, 0x64},
        {map, 0, 2, 0x8, 0x8},
        {map, 0, 1, 0, 0},
        {map, 0, 1, UINT64_MAX, UINT64_MAX},
        {enable, 0, 1},
        {unmap, 0, 0, 0x60, 0x64},
        {unmap, 0, 1, UINT64_MAX, UINT64_MAX},
        {destroy, 0},
        {create},
        {map, 0, 1, 0x1000, 0x1fff},
    };

    (void)state;
    EVERY_FAILURE(script);
}

/* Servers that claim the same addresses: one change is many intervals. */
static void overlaps(void **state)
{
    static const struct step script[] = {
        {create},
        {create},
        {create},
        {enable, 0, 1},
        {enable, 1, 1},
        {enable, 2, 1},
        {map, 0, 1, 0x1000, 0x8fff},
        {map, 1, 1, 0x2000, 0x2fff},
        {map, 1, 1, 0x4000, 0x4fff},
        {map, 1, 1, 0x6000, 0x6fff},
        {map, 2, 1, 0x0800, 0x6800},   /* over all of them */
        {unmap, 0, 1, 0x2800, 0x67ff}, /* out of the middle */
        {map, 0, 1, 0x2800, 0x67ff},
        {destroy, 2},
        {create},
        {map, 2, 1, 0x5000, 0x5fff},
        {destroy, 1},
        {destroy, 0},
        {create},
        {create},
        {map, 0, 1, 0x0000, 0x9fff},
        {unmap, 0, 1, 0x0000, 0x9fff},
    };

    (void)state;
    EVERY_FAILURE(script);
}

static void domains(void **state)
{
    static const struct step script[] = {
        {create_domain, 5}, {add_vcpu, 5},    {add_vcpu, 5},
        {create},           {enable, 0, 1},   {map, 0, 1, 0x1000, 0x1fff},
        {add_vcpu, 2},      {kill_domain, 5}, {create_domain, 5},
        {kill_dm},          {revive_dm},      {revive_vcpu},
        {create},           {enable, 0, 1},   {map, 0, 1, 0x1000, 0x1fff},
        {bind, 0, 0},       {bind, 0, 1},     {kill_domain, 5},
    };

    (void)state;
    EVERY_FAILURE(script);
}

/* The next port takes memory, whose ever it is. */
static void ports(void **state)
{
    static const struct step script[] = {
        {alloc_unbound, 2}, {fill_ports, 1}, {alloc_unbound, 2}, {fill_ports, 2},
        {create},           {enable, 0, 1},  {bind, 0, 0},       {create},
        {destroy, 0},       {create},        {enable, 0, 1},     {bind, 0, 0},
    };

    (void)state;
    EVERY_FAILURE(script);
}

/* Of several ports that belong together, the second takes memory. */
static void second_ports(void **state)
{
    static const struct step of_server[] = {
        {add_vcpu, 2}, {fill_ports, 2, 1}, {create}, {enable, 0, 1}, {create}, {destroy, 0},
    };
    static const struct step of_vcpu[] = {
        {create}, {create, 2}, {create}, {fill_ports, 2, 1}, {enable, 1, 1}, {add_vcpu, 2},
    };

    (void)state;
    EVERY_FAILURE(of_server);
    EVERY_FAILURE(of_vcpu);
}

/* A life of four servers. */
static void long_script(unsigned int seed)
{
    static struct step script[MAX_STEPS];

    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        uint64_t r = seed = seed * 1664525 + 1013904223;
        uint64_t id = (r >> 8) % 4;
        uint64_t first = ((r >> 12) % 32) << 8;
        uint64_t last = first + (((r >> 20) % 8 + 1) << 8) - 1;

        if (i < 4 || (r >> 28) == 0)
            script[i] = (struct step){create};
        else if ((r >> 28) == 1)
            script[i] = (struct step){destroy, id};
        else if ((r >> 28) == 2)
            script[i] = (struct step){enable, id, (r >> 4) % 4 != 0};
        else
            script[i] = (struct step){(r >> 28) < 7 ? unmap : map, id, (r >> 24) % 8 == 0 ? 0 : 1,
                                      first, last};
    }
    EVERY_FAILURE(script);
}

static void long_scripts(void **state)
{
    (void)state;
    for (unsigned int seed = 1; seed <= 2; seed++)
        long_script(seed);
}

/*
 * The target's budget instead of the allocator's: one byte less than an operation ends with is
 * -ENOMEM and changes nothing, and so is any smaller one; exactly that is enough.
 */
static unsigned long too_small;

static void within_budget(const struct step *s)
{
    static char before[STATE_SIZE], after[STATE_SIZE];
    uint64_t had, need;
    long rc;

    state_write(before);
    had = guest->ioreq.bytes;
    for (need = had;; need += 16) {
        ioreq_max_bytes = need;
        rc = s->fn(s);
        if (rc != -ENOMEM)
            break;
        state_write(after);
        assert_string_equal(after, before);
        too_small++;
    }
    state_write(after); /* the end of a grace period may give back more */
    assert_true(need == had || guest->ioreq.bytes == need);
}

static void budget(void **state)
{
    static const struct step script[] = {
        {create, 2},
        {create},
        {enable, 0, 1},
        {map, 0, 1, 0x1000, 0x1fff},
        {map, 0, 1, 0x3000, 0x3fff},
        {map, 1, 1, 0x1800, 0x37ff},
        {map, 0, 1, 0x2000, 0x2fff},   /* joins: gives back */
        {unmap, 0, 1, 0x2000, 0x20ff}, /* splits: takes */
        {unmap, 1, 1, 0x1800, 0x18ff},
        {map, 1, 0, 0x60, 0x64},
        {destroy, 0},
        {create},
        {map, 0, 2, 8, 8},
        {unmap, 0, 2, 8, 8},
        {destroy, 1},
        {destroy, 0},
        {create},
    };
    uint64_t usual = ioreq_max_bytes;

    (void)state;
    assert_int_equal(world_setup(NULL), 0);
    current = dm->vcpu[0];
    too_small = 0;
    for (unsigned int i = 0; i < sizeof(script) / sizeof(script[0]); i++)
        within_budget(&script[i]);
    assert_true(too_small > 100);
    ioreq_max_bytes = usual;
    current = control->vcpu[0];
    assert_int_equal(world_teardown(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers),      cmocka_unit_test(ranges), cmocka_unit_test(overlaps),
        cmocka_unit_test(domains),      cmocka_unit_test(ports),  cmocka_unit_test(second_ports),
        cmocka_unit_test(long_scripts), cmocka_unit_test(budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
