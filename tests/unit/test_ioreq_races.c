/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side acts between two steps of the hypervisor: slot_load() is replaced (a stand-in for
 * the device model's memory), so that each load is seen, counted and answered by the test.
 */
#include "fake/scene.h"

#include "../../common/ioreq/slot.h"

#define BASE UINT64_C(0x0c000000)

static unsigned int loads[3];                  /* by enum slot_field */
static void (*on_load)(enum slot_field field); /* after the load, before its use */
static const uint8_t *states;                  /* what SLOT_STATE gives, one each; NULL: memory */

uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    uint64_t value;

    loads[field]++;
    switch (field) {
    case SLOT_STATE:
        value = states != NULL ? *states++ : slot->bits & SLOT_STATE_MASK;
        break;
    case SLOT_EPORT:
        value = slot->vp_eport;
        break;
    default:
        value = slot->data;
    }
    if (on_load != NULL) {
        struct vcpu *prev = current;

        current = dm->vcpu[0]; /* the device model's turn */
        on_load(field);
        current = prev;
    }
    return value;
}

static struct vcpu *v0;
static unsigned int id;

static void start(void)
{
    on_load = NULL;
    states = NULL;
    v0 = guest->vcpu[0];
    id = scene_server(BASE, BASE + 0xfff);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    loads[0] = loads[1] = loads[2] = 0;
}

/* XSA-166, XSA-262: one read of the state and one of the data, whatever comes of it. */
static void xsa_166_one_read_an_evaluation(void **state)
{
    (void)state;
    start();
    fake_send(guest, scene_port(id, 0));
    assert_false(fake_exit_path(v0));
    assert_int_equal(loads[SLOT_STATE], 1);
    assert_int_equal(loads[SLOT_DATA], 0);
    scene_answer(id, 0, 5);
    assert_true(fake_exit_path(v0));
    assert_int_equal(loads[SLOT_STATE], 2);
    assert_int_equal(loads[SLOT_DATA], 1);
    assert_int_equal(loads[SLOT_EPORT], 0);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(loads[SLOT_STATE], 3);
    assert_int_equal(loads[SLOT_EPORT], 1);
}

/* The answer and its notification come after the state was sampled, before the vCPU blocks. */
static void answer_now(enum slot_field field)
{
    (void)field;
    on_load = NULL;
    scene_answer(id, 0, 9);
}

static void notification_between_sample_and_block(void **state)
{
    (void)state;
    start();
    fake_send(guest, scene_port(id, 0));
    on_load = answer_now;
    assert_true(fake_exit_path(v0));
    assert_int_equal(v0->arch.completions, 1);
    assert_int_equal(v0->arch.result, 9);
}

/* The state changes right after it was read: what was read counts. */
static void spoil_now(enum slot_field field)
{
    if (field == SLOT_STATE)
        scene_set_state(id, 0, 7);
}

static void xsa_166_state_changes_after_the_read(void **state)
{
    (void)state;
    start();
    scene_answer(id, 0, 8);
    on_load = spoil_now;
    assert_true(fake_exit_path(v0));
    on_load = NULL;
    assert_int_equal(v0->arch.completions, 1);
    assert_int_equal(fake_crashes, 0);
    assert_int_equal(*dm_slot_bits(guest, id, 0) & SLOT_STATE_MASK, STATE_IOREQ_NONE);
}

/* The slot is spoilt between the two checks and the request: the request goes out as it was meant.
 */
static void idle_slot_changes_after_the_checks(void **state)
{
    (void)state;
    start();
    scene_answer(id, 0, 1);
    assert_true(fake_exit_path(v0));
    on_load = spoil_now;
    assert_int_equal(guest_access(v0, BASE + 8, 4, true, 0), IOREQ_SENT);
    on_load = NULL;
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_READY);
    assert_int_equal(dm_slot(guest, id, 0)->addr, BASE + 8);
}

/* Every sequence of three notified states: the monotony rule as a function of what was seen. */
static void xsa_262_every_sequence_of_states(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < 6 * 6 * 6; n++) {
        const uint8_t seq[3] = {(uint8_t)(n % 6), (uint8_t)(n / 6 % 6), (uint8_t)(n / 36)};
        uint8_t last = STATE_IOREQ_READY;
        unsigned int i;

        start();
        states = seq;
        for (i = 0; i < 3 && v0->ioreq.in_flight; i++) {
            bool over = seq[i] == STATE_IOREQ_NONE || seq[i] == STATE_IORESP_READY;
            bool bad = !over && (seq[i] < last || seq[i] > STATE_IORESP_READY);

            fake_send(guest, scene_port(id, 0));
            assert_int_equal(fake_exit_path(v0), over);
            assert_int_equal(v0->arch.completions, over);
            assert_int_equal(fake_crashes, bad);
            assert_int_equal(v0->ioreq.in_flight, !over && !bad);
            last = seq[i];
        }
        states = NULL;
        scene_teardown(NULL);
        scene_setup(NULL);
    }
}

/* The server is disabled while its answer is being looked at: the answer counts. */
static void disable_now(enum slot_field field)
{
    (void)field;
    on_load = NULL;
    assert_int_equal(dm_enable(guest, id, false), 0);
}

static void disable_while_evaluating(void **state)
{
    (void)state;
    start();
    scene_answer(id, 0, 3);
    on_load = disable_now;
    assert_true(fake_exit_path(v0));
    assert_int_equal(v0->arch.result, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(xsa_166_one_read_an_evaluation),
        SCENE_TEST(notification_between_sample_and_block),
        SCENE_TEST(xsa_166_state_changes_after_the_read),
        SCENE_TEST(idle_slot_changes_after_the_checks),
        SCENE_TEST(xsa_262_every_sequence_of_states),
        SCENE_TEST(disable_while_evaluating),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
