/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a guest is gone: every enabled server is told before the guest goes on. */
#include "fake/scene.h"

#define BASE UINT64_C(0x0c000000)

static struct vcpu *v0;

/* v0 gave memory back with a hypercall. */
static void remove_ram(void)
{
    v0 = guest->vcpu[0];
    AS(guest, (ioreq_ram_removed(guest), 0));
}

static void assert_asked(unsigned int id)
{
    ioreq_t *slot = dm_slot(guest, id, 0);

    assert_int_equal(slot->type, IOREQ_TYPE_INVALIDATE);
    assert_int_equal(slot->state, STATE_IOREQ_READY);
    assert_int_equal(slot->addr, 0);
    assert_int_equal(slot->count, 0);
    assert_int_equal(slot->size, 4);
    assert_int_equal(slot->data, ~UINT64_C(0));
    assert_int_equal(slot->dir, IOREQ_WRITE);
}

static void nothing_to_do_without_servers(void **state)
{
    (void)state;
    remove_ram();
    assert_int_equal(atomic32_read(&v0->work) & VCPU_WORK_INVAL, 0);
    assert_true(fake_exit_path(v0));
}

static void the_vcpu_waits_for_every_server(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    unsigned int b = scene_server(BASE + 0x1000, BASE + 0x1fff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_asked(a);
    assert_asked(b);
    scene_answer(a, 0, 0);
    assert_false(fake_exit_path(v0));
    assert_int_equal(dm_slot(guest, a, 0)->state, STATE_IOREQ_NONE);
    assert_asked(b);
    scene_answer(b, 0, 0);
    assert_true(fake_exit_path(v0));
    assert_int_equal(dm_slot(guest, b, 0)->state, STATE_IOREQ_NONE);
    assert_int_equal(v0->arch.completions, 0); /* no instruction was finished by it */
    assert_true(fake_exit_path(v0));
}

static void disabled_servers_are_not_asked(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    unsigned int b = scene_server(BASE + 0x1000, BASE + 0x1fff);

    (void)state;
    assert_int_equal(dm_enable(guest, a, false), 0);
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_asked(b);
    scene_answer(b, 0, 0);
    assert_true(fake_exit_path(v0));
    assert_int_equal(dm_slot(guest, a, 0)->type, 0);
}

static void removal_by_another_domain_holds_every_vcpu(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    AS(control, (ioreq_ram_removed(guest), 0));
    for (unsigned int i = 0; i < guest->max_vcpus; i++) {
        assert_false(fake_exit_path(guest->vcpu[i]));
        assert_int_equal(dm_slot(guest, a, i)->type, IOREQ_TYPE_INVALIDATE);
    }
    for (unsigned int i = 0; i < guest->max_vcpus; i++) {
        scene_answer(a, i, 0);
        assert_true(fake_exit_path(guest->vcpu[i]));
    }
}

/* What one vCPU was told is as good for another. */
static void an_acknowledgement_counts_for_all_vcpus(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    struct vcpu *v1 = guest->vcpu[1];

    (void)state;
    AS(control, (ioreq_ram_removed(guest), 0));
    assert_false(fake_exit_path(guest->vcpu[0]));
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(guest->vcpu[0]));
    assert_true(fake_exit_path(v1));
    assert_int_equal(dm_slot(guest, a, 1)->type, 0);
}

/* An answer to a request that is older than the removal says nothing about it. */
static void an_older_acknowledgement_does_not_count(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    struct vcpu *v1 = guest->vcpu[1];

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    current = v1;
    ioreq_ram_removed(guest);
    current = dm->vcpu[0];
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(v0)); /* its own removal is acknowledged */
    assert_false(fake_exit_path(v1));
    assert_int_equal(dm_slot(guest, a, 1)->type, IOREQ_TYPE_INVALIDATE);
    scene_answer(a, 1, 0);
    assert_true(fake_exit_path(v1));
}

static void a_removal_while_waiting_is_asked_for_afterwards(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    AS(control, (ioreq_ram_removed(guest), 0));
    assert_false(fake_exit_path(v0));
    scene_answer(a, 0, 0);
    assert_false(fake_exit_path(v0));
    assert_asked(a);
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(v0));
}

static void a_slow_server_is_waited_for_alone(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    unsigned int b = scene_server(BASE + 0x1000, BASE + 0x1fff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    scene_answer(b, 0, 0);
    assert_false(fake_exit_path(v0));
    scene_set_state(a, 0, STATE_IOREQ_INPROCESS);
    fake_send(guest, scene_port(a, 0));
    assert_false(fake_exit_path(v0));
    fake_send(guest, scene_port(b, 0)); /* once more, for nothing */
    assert_false(fake_exit_path(v0));
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(v0));
}

static void a_disabled_server_is_not_waited_for(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_int_equal(dm_enable(guest, a, false), 0);
    assert_true(fake_exit_path(v0));
    /* The device model may be at work on it: nobody touches it before it is enabled again. */
    assert_int_equal(dm_slot(guest, a, 0)->state, STATE_IOREQ_READY);

    /* Its late answer does not spoil the slot for the time after. */
    scene_set_state(a, 0, STATE_IORESP_READY);
    assert_int_equal(dm_enable(guest, a, true), 0);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_answer(a, 0, 0x11);
    assert_true(fake_exit_path(v0));
    assert_int_equal(v0->arch.result, 0x11);
}

/* Enabling it again before the vCPU looked: it is asked still, and its slot untouched. */
static void disabled_and_enabled_is_waited_for(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_int_equal(dm_enable(guest, a, false), 0);
    assert_int_equal(dm_enable(guest, a, true), 0);
    assert_false(fake_exit_path(v0));
    assert_asked(a);
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(v0));
}

static void a_server_enabled_meanwhile_is_asked_too(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    unsigned int b = scene_server(BASE + 0x1000, BASE + 0x1fff);

    (void)state;
    assert_int_equal(dm_enable(guest, b, false), 0);
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_int_equal(dm_enable(guest, b, true), 0);
    scene_answer(a, 0, 0);
    assert_false(fake_exit_path(v0));
    assert_asked(b);
    scene_answer(b, 0, 0);
    assert_true(fake_exit_path(v0));
}

/* Its successor has the same id and owes nothing for what it was not asked. */
static void a_destroyed_servers_id_does_not_inherit_the_debt(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_int_equal(dm_destroy(guest, a), 0);
    fake_rcu_run();
    assert_int_equal(scene_server(BASE, BASE + 0xfff), a);
    assert_false(fake_exit_path(v0)); /* asked itself: it is enabled and has acknowledged nothing */
    assert_asked(a);
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(v0));
}

static void a_server_that_cannot_be_asked_holds_nobody(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    scene_set_state(a, 0, STATE_IOREQ_INPROCESS);
    remove_ram();
    assert_true(fake_exit_path(v0));
}

/* Given up is answered. */
static void state_none_is_an_acknowledgement(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    scene_set_state(a, 0, STATE_IOREQ_NONE);
    fake_send(guest, scene_port(a, 0));
    assert_true(fake_exit_path(v0));
}

static void a_step_back_crashes_the_guest(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    scene_set_state(a, 0, STATE_IOREQ_INPROCESS);
    fake_send(guest, scene_port(a, 0));
    assert_false(fake_exit_path(v0));
    fake_crashes = 0;
    scene_set_state(a, 0, STATE_IOREQ_READY);
    fake_send(guest, scene_port(a, 0));
    fake_exit_path(v0);
    assert_int_equal(fake_crashes, 1);
}

static void an_access_in_flight_comes_first(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    v0 = guest->vcpu[0];
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    AS(control, (ioreq_ram_removed(guest), 0));
    assert_false(fake_exit_path(v0));
    assert_int_equal(dm_slot(guest, a, 0)->type, IOREQ_TYPE_COPY);
    scene_answer(a, 0, 0x77);
    assert_false(fake_exit_path(v0));
    assert_int_equal(v0->arch.completions, 1);
    assert_int_equal(v0->arch.result, 0x77);
    assert_asked(a);
    scene_answer(a, 0, 0);
    assert_true(fake_exit_path(v0));
    assert_int_equal(v0->arch.completions, 1);
}

static void a_destroyed_server_is_not_waited_for(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);
    unsigned int b = scene_server(BASE + 0x1000, BASE + 0x1fff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    assert_asked(a);
    assert_int_equal(dm_destroy(guest, a), 0);
    fake_rcu_run();
    assert_false(fake_exit_path(v0));
    assert_asked(b);
    assert_int_equal(dm_destroy(guest, b), 0);
    fake_rcu_run();
    assert_true(fake_exit_path(v0));
    assert_int_equal(v0->arch.completions, 0);
}

static void a_bad_state_crashes_the_guest(void **state)
{
    unsigned int a = scene_server(BASE, BASE + 0xfff);

    (void)state;
    remove_ram();
    assert_false(fake_exit_path(v0));
    fake_crashes = 0;
    scene_set_state(a, 0, 9);
    fake_send(guest, scene_port(a, 0));
    fake_exit_path(v0);
    assert_int_equal(fake_crashes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(nothing_to_do_without_servers),
        SCENE_TEST(the_vcpu_waits_for_every_server),
        SCENE_TEST(disabled_servers_are_not_asked),
        SCENE_TEST(removal_by_another_domain_holds_every_vcpu),
        SCENE_TEST(an_acknowledgement_counts_for_all_vcpus),
        SCENE_TEST(an_older_acknowledgement_does_not_count),
        SCENE_TEST(a_removal_while_waiting_is_asked_for_afterwards),
        SCENE_TEST(a_slow_server_is_waited_for_alone),
        SCENE_TEST(a_disabled_server_is_not_waited_for),
        SCENE_TEST(disabled_and_enabled_is_waited_for),
        SCENE_TEST(a_server_enabled_meanwhile_is_asked_too),
        SCENE_TEST(a_destroyed_servers_id_does_not_inherit_the_debt),
        SCENE_TEST(a_server_that_cannot_be_asked_holds_nobody),
        SCENE_TEST(state_none_is_an_acknowledgement),
        SCENE_TEST(a_step_back_crashes_the_guest),
        SCENE_TEST(an_access_in_flight_comes_first),
        SCENE_TEST(a_destroyed_server_is_not_waited_for),
        SCENE_TEST(a_bad_state_crashes_the_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
