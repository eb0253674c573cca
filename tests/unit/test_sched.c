/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler and the exit path, on one pCPU: who runs, who waits, and how long a visit lasts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <asm/fake.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/p2m.h>
#include <wherry/rcu.h>
#include <public/vcpu.h>

#include "fake/fake.h"

/* What the code under test calls of its neighbours. */

DEFINE_PER_CPU(uint32_t, rcu_epoch);

static unsigned int passes, polls, idled, loads;
static unsigned int busy_passes;    /* so often ioreq_vcpu_work() has more to do */
static void (*poll_hook)(void);     /* host interrupts that arch_irq_poll() takes */
static void (*idle_hook)(void);     /* what ends arch_idle_wait() */
static uint32_t epoch_of_pass[200]; /* rcu_epoch at each */
static bool event_pending;

void ioreq_vcpu_work(struct vcpu *v)
{
    assert_ptr_equal(v, current);
    if (passes < ARRAY_SIZE(epoch_of_pass))
        epoch_of_pass[passes] = this_cpu(rcu_epoch);
    if (++passes < busy_passes)
        vcpu_set_work(v, VCPU_WORK_IOREQ); /* its device model notifies again */
}

void ioreq_invalidate_work(struct vcpu *v)
{
    (void)v;
}

/* Of the fake host's guest memory: nobody has any. */
struct page *p2m_get_page(struct domain *d, gfn_t g, bool writable, bool foreign_ok,
                          enum p2m_type *t)
{
    (void)d, (void)g, (void)writable, (void)foreign_ok, (void)t;
    return NULL;
}

void rcu_process_callbacks(void)
{
}

void arch_irq_poll(void)
{
    polls++;
    if (poll_hook != NULL)
        poll_hook();
}

void arch_idle_wait(void)
{
    assert_int_equal(this_cpu(rcu_epoch) & 1, 0); /* nobody waits for who sleeps */
    assert_null(current);
    idled++;
    assert_non_null(idle_hook);
    idle_hook();
}

void arch_vcpu_save(struct vcpu *v)
{
    assert_true(v->sched.on_cpu);
}

void arch_vcpu_load(struct vcpu *v)
{
    assert_ptr_equal(v, current);
    loads++;
}

void arch_vcpu_flush_irq(struct vcpu *v)
{
    (void)v;
}

bool arch_vcpu_event_pending(struct vcpu *v)
{
    (void)v;
    return event_pending;
}

void arch_enter_guest(struct vcpu *v)
{
    (void)v;
    abort();
}

static struct timer *slice; /* armed */

void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .data = data, .cpu = cpu};
}

void timer_set(struct timer *t, s_time_t expires)
{
    t->active = true;
    t->expires = expires;
    slice = t;
}

void runstate_enter(struct vcpu *v, uint32_t state, s_time_t now)
{
    (void)now;
    v->runstate.state = state;
}

/* --- the tests --- */

static struct domain domain;
static struct vcpu a, b;

static struct vcpu *exit_to_guest(void)
{
    struct vcpu *v;

    rcu_enter();
    v = sched_exit_to_guest();
    assert_int_equal(this_cpu(rcu_epoch) & 1, 0);
    assert_ptr_equal(v, current);
    assert_int_equal(v->runstate.state, RUNSTATE_running);
    return v;
}

static void make_vcpu(struct vcpu *v, unsigned int id)
{
    *v = (struct vcpu){.domain = &domain, .id = id};
    sched_init_vcpu(v, 1);
    assert_int_equal(v->runstate.state, RUNSTATE_offline);
    vcpu_unpause(v);
    assert_false(v->sched.queued); /* down yet */
}

static void wake_a(void)
{
    vcpu_pause_clear(&a, VPF_IOREQ | VPF_DOWN);
}

static void wake_b(void)
{
    vcpu_pause_clear(&b, VPF_IOREQ);
}

static struct vcpu rest; /* runs between the tests */

static void wake_rest(void)
{
    vcpu_pause_clear(&rest, VPF_IOREQ | VPF_DOWN);
}

static int setup_all(void **state)
{
    (void)state;
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
        assert_int_equal(c->fn(), 0);
    make_vcpu(&rest, 9);
    wake_rest();
    assert_ptr_equal(exit_to_guest(), &rest);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    make_vcpu(&a, 0);
    make_vcpu(&b, 1);
    vcpu_pause_set(&rest, VPF_IOREQ);
    idle_hook = wake_a;
    assert_ptr_equal(exit_to_guest(), &a);
    passes = polls = idled = busy_passes = 0;
    poll_hook = idle_hook = NULL;
    event_pending = false;
    if (slice != NULL)
        slice->active = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vcpu_pause(&a);
    vcpu_pause(&b);
    idle_hook = wake_rest;
    poll_hook = NULL;
    assert_ptr_equal(exit_to_guest(), &rest);
    sched_forget_vcpu(&a);
    sched_forget_vcpu(&b);
    return 0;
}

/* A device model that notifies without an end holds up nobody but its guest. */
static void a_long_exit_breathes(void **state)
{
    unsigned int longest = 0, run = 0;

    (void)state;
    busy_passes = 100;
    vcpu_set_work(&a, VCPU_WORK_IOREQ);
    exit_to_guest();
    assert_int_equal(passes, 100);
    for (unsigned int i = 1; i < 100; i++) {
        run = epoch_of_pass[i] == epoch_of_pass[i - 1] ? run + 1 : 0;
        longest = run > longest ? run : longest;
        assert_int_equal(epoch_of_pass[i] & 1, 1);
    }
    assert_true(longest < 32);
    assert_true(polls >= 3 && polls <= 100);
}

/* An ordinary one does not. */
static void a_short_exit_does_not(void **state)
{
    (void)state;
    vcpu_set_work(&a, VCPU_WORK_IOREQ);
    exit_to_guest();
    assert_int_equal(passes, 1);
    assert_int_equal(polls, 0);
}

static void slice_is_over(void)
{
    if (slice != NULL && slice->active && passes > 50) {
        slice->active = false;
        slice->fn(slice->data);
    }
}

/* Its slice ends like any other's, in the middle of it. */
static void a_long_exit_loses_its_slice(void **state)
{
    (void)state;
    vcpu_pause_clear(&b, VPF_DOWN);
    assert_true(slice != NULL && slice->active && slice->expires > arch_now());
    busy_passes = 100000;
    poll_hook = slice_is_over;
    vcpu_set_work(&a, VCPU_WORK_IOREQ);
    assert_ptr_equal(exit_to_guest(), &b);
    assert_true(passes < 100);
    assert_false(a.sched.on_cpu);
    assert_true(a.sched.queued);
    assert_true(slice->active); /* the next one's */
}

static void who_waits_is_off_its_cpu(void **state)
{
    (void)state;
    vcpu_pause_clear(&b, VPF_DOWN);
    vcpu_pause_set(&a, VPF_IOREQ);
    assert_ptr_equal(exit_to_guest(), &b);
    assert_int_equal(a.runstate.state, RUNSTATE_blocked);
    assert_true(vcpu_is_off_cpu(&a));
    wake_a();
    assert_true(a.sched.queued);
    vcpu_pause(&a);
    vcpu_unpause(&a); /* a second wake-up: it is queued once */
    vcpu_pause_set(&b, VPF_IOREQ);
    assert_ptr_equal(exit_to_guest(), &a);
    assert_false(a.sched.queued);
}

static void nobody_runs_until_one_wakes(void **state)
{
    (void)state;
    vcpu_pause_set(&a, VPF_IOREQ);
    idle_hook = wake_a;
    assert_ptr_equal(exit_to_guest(), &a);
    assert_int_equal(idled, 1);
}

/* A pause that is nested in a wait, and one that comes while it is queued. */
static void flags_and_pauses_add_up(void **state)
{
    (void)state;
    vcpu_pause_clear(&b, VPF_DOWN);
    vcpu_pause(&a);
    vcpu_pause(&a);
    assert_ptr_equal(exit_to_guest(), &b);
    vcpu_unpause(&a);
    assert_false(a.sched.queued);
    vcpu_unpause(&a);
    assert_true(a.sched.queued);
    vcpu_pause(&a); /* queued: dropped when it would be its turn */
    vcpu_pause_set(&b, VPF_IOREQ);
    idle_hook = wake_b;
    loads = 0;
    assert_ptr_equal(exit_to_guest(), &b);
    assert_int_equal(loads, 1);
    assert_int_equal(idled, 1);
    assert_false(a.sched.queued);
    vcpu_pause_set(&a, VPF_IOREQ);
    vcpu_pause_clear(&a, VPF_IOREQ); /* paused still */
    assert_false(a.sched.queued);
    vcpu_pause_set(&b, VPF_IOREQ);
    vcpu_pause_clear(&b, VPF_IOREQ); /* before it has stopped: goes on */
    assert_ptr_equal(exit_to_guest(), &b);
    vcpu_unpause(&a);
    sched_yield();
    assert_ptr_equal(exit_to_guest(), &a);
}

static void block_sees_the_event_before(void **state)
{
    (void)state;
    event_pending = true;
    vcpu_block();
    assert_int_equal(atomic32_read(&a.pause_flags), 0);
    assert_ptr_equal(exit_to_guest(), &a);
    event_pending = false;
    vcpu_pause_clear(&b, VPF_DOWN);
    vcpu_block();
    assert_ptr_equal(exit_to_guest(), &b);
    vcpu_wake_event(&a);
    assert_true(a.sched.queued);
    assert_int_equal(a.runstate.state, RUNSTATE_blocked);
}

/* The directed switch: before those that have waited longer. */
static void a_hint_goes_first(void **state)
{
    static struct vcpu c;

    (void)state;
    make_vcpu(&c, 2);
    vcpu_pause_clear(&b, VPF_DOWN);
    vcpu_pause_clear(&c, VPF_DOWN);
    sched_switch_to(&c);
    vcpu_pause_set(&a, VPF_IOREQ);
    assert_ptr_equal(exit_to_guest(), &c);
    vcpu_pause_set(&c, VPF_IOREQ);
    assert_ptr_equal(exit_to_guest(), &b);
}

static void who_is_forgotten_is_not_queued(void **state)
{
    (void)state;
    vcpu_pause_clear(&b, VPF_DOWN);
    sched_switch_to(&b);
    sched_forget_vcpu(&b);
    assert_false(b.sched.queued);
    b.sched.queued = true; /* its memory is somebody else's now, and says anything */
    sched_yield();
    assert_ptr_equal(exit_to_guest(), &a);
    b.sched.queued = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_exit_breathes),           TEST(a_short_exit_does_not),
        TEST(a_long_exit_loses_its_slice),    TEST(who_waits_is_off_its_cpu),
        TEST(nobody_runs_until_one_wakes),    TEST(flags_and_pauses_add_up),
        TEST(block_sees_the_event_before),    TEST(a_hint_goes_first),
        TEST(who_is_forgotten_is_not_queued),
    };

    return cmocka_run_group_tests(tests, setup_all, NULL);
}
