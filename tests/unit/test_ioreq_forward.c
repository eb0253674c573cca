/* SPDX-License-Identifier: Apache-2.0 */
/* From an access to its completion: the slot's protocol, and all that can go wrong with it. */
#include "fake/scene.h"

#define BASE UINT64_C(0x0c000000)

static struct vcpu *v0;

/* The vCPU waits, with nothing completed. */
static void assert_waits(struct vcpu *v)
{
    unsigned int before = v->arch.completions;

    assert_false(fake_exit_path(v));
    assert_int_equal(v->arch.completions, before);
    assert_true(v->ioreq.in_flight);
}

static void assert_completed(struct vcpu *v, bool answered, uint64_t result)
{
    unsigned int before = v->arch.completions;

    assert_true(fake_exit_path(v));
    assert_int_equal(v->arch.completions, before + 1);
    assert_int_equal(v->arch.answered, answered);
    assert_int_equal(v->arch.result, result);
    assert_false(v->ioreq.in_flight);
    assert_int_equal(atomic32_read(&v->pause_flags), 0);
}

static unsigned int server(void)
{
    v0 = guest->vcpu[0];
    return scene_server(BASE, BASE + 0xfff);
}

static void read_is_forwarded_and_answered(void **state)
{
    unsigned int id = server();
    ioreq_t *slot = dm_slot(guest, id, 0);

    (void)state;
    slot->_pad0 = 0xabcd;
    assert_int_equal(guest_access(v0, BASE + 0x13, 4, true, 0x1234), IOREQ_SENT);
    assert_int_equal(slot->addr, BASE + 0x13);
    assert_int_equal(slot->data, 0); /* nothing of a read's register leaks */
    assert_int_equal(slot->count, 1);
    assert_int_equal(slot->size, 4);
    assert_int_equal(slot->vp_eport, scene_port(id, 0));
    assert_int_equal(slot->_pad0, 0xabcd);
    assert_int_equal(slot->type, IOREQ_TYPE_COPY);
    assert_int_equal(*dm_slot_bits(guest, id, 0), STATE_IOREQ_READY | 0x20);
    assert_int_equal(fake_port(guest, slot->vp_eport)->notified, 1);
    assert_ptr_equal(fake_switched_to, dm->vcpu[0]);
    assert_int_equal(atomic64_read(&guest->stats.forwarded), 1);
    assert_waits(v0);
    scene_answer(id, 0, UINT64_C(0x1122334455667788));
    assert_completed(v0, true, 0x55667788);
    assert_int_equal(slot->state, STATE_IOREQ_NONE);
}

static void write_is_forwarded_and_answered(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE + 0xff8, 8, false, UINT64_C(0xfedcba9876543210)),
                     IOREQ_SENT);
    assert_int_equal(dm_slot(guest, id, 0)->data, UINT64_C(0xfedcba9876543210));
    assert_int_equal(*dm_slot_bits(guest, id, 0), STATE_IOREQ_READY);
    scene_answer(id, 0, 7);
    assert_completed(v0, true, UINT64_C(0xfedcba9876543210));
}

static void every_size_is_masked(void **state)
{
    static const uint64_t masks[][2] = {{1, 0xff}, {2, 0xffff}, {4, 0xffffffff}, {8, ~0ULL}};
    unsigned int id = server();

    (void)state;
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(guest_access(v0, BASE, (unsigned int)masks[i][0], true, 0), IOREQ_SENT);
        scene_answer(id, 0, UINT64_C(0xa5a5a5a5a5a5a5a5));
        assert_completed(v0, true, UINT64_C(0xa5a5a5a5a5a5a5a5) & masks[i][1]);
    }
}

/* Bytes of the slot, and what becomes of the data, for one kind of access. */
static void one_kind(unsigned int id, const struct ioreq_access *a)
{
    const uint64_t reply = UINT64_C(0xa1a2a3a4a5a6a7a8);
    bool value = a->read && !a->data_is_ptr; /* the answer is a value for a register */
    uint64_t mask = a->size == 8 ? ~UINT64_C(0) : (UINT64_C(1) << (a->size * 8)) - 1;
    unsigned int flags = (a->data_is_ptr ? 0x10 : 0) | (a->read ? 0x20 : 0) | (a->df ? 0x40 : 0);
    ioreq_t *slot = dm_slot(guest, id, 0);

    assert_int_equal(AS(guest, ioreq_forward(v0, a)), IOREQ_SENT);
    assert_int_equal(slot->addr, a->addr);
    assert_int_equal(slot->data, value ? 0 : a->data);
    assert_int_equal(slot->count, a->count);
    assert_int_equal(slot->size, a->size);
    assert_int_equal(slot->type, a->type);
    assert_int_equal(*dm_slot_bits(guest, id, 0), flags | STATE_IOREQ_READY);
    scene_answer(id, 0, reply);
    assert_completed(v0, true, value ? reply & mask : a->data);
    assert_int_equal(*dm_slot_bits(guest, id, 0), flags | STATE_IOREQ_NONE);
}

/* Every space, direction, size; one element or a batch, upwards or downwards, by value or pointer.
 */
static void every_kind_of_access(void **state)
{
    static const struct {
        uint8_t type;
        enum ioreq_space space;
    } kinds[] = {{IOREQ_TYPE_PIO, IOREQ_SPACE_PORT},
                 {IOREQ_TYPE_COPY, IOREQ_SPACE_MEMORY},
                 {IOREQ_TYPE_PCI_CONFIG, IOREQ_SPACE_PCI}};
    static const uint32_t counts[] = {1, 2, 4096};
    unsigned int id = server();

    (void)state;
    assert_int_equal(dm_unmap(guest, id, IOREQ_SPACE_MEMORY, BASE, BASE + 0xfff), 0);
    for (uint32_t space = 0; space < IOREQ_NR_SPACES; space++)
        assert_int_equal(dm_map(guest, id, space, 0, UINT64_MAX), 0);
    for (unsigned int n = 0; n < ARRAY_SIZE(kinds) * ARRAY_SIZE(counts) * 32; n++) {
        const struct ioreq_access a = {.addr = UINT64_C(0x800000cf8) + n,
                                       .data = UINT64_C(0x1111222233334444) * n,
                                       .type = kinds[n / 32 % 3].type,
                                       .space = (uint8_t)kinds[n / 32 % 3].space,
                                       .count = counts[n / 96],
                                       .size = (uint8_t)(1 << (n & 3)),
                                       .read = (n & 4) != 0,
                                       .df = (n & 8) != 0,
                                       .data_is_ptr = (n & 16) != 0};

        one_kind(id, &a);
    }
    assert_int_equal(fake_crashes, 0);
}

static void vcpus_have_their_own_slots(void **state)
{
    unsigned int id = server();
    struct vcpu *v1 = guest->vcpu[1];

    (void)state;
    assert_int_not_equal(scene_port(id, 0), scene_port(id, 1));
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(guest_access(v1, BASE + 4, 4, true, 0), IOREQ_SENT);
    scene_answer(id, 1, 11);
    assert_waits(v0);
    assert_completed(v1, true, 11);
    scene_answer(id, 0, 10);
    assert_completed(v0, true, 10);
}

/* Who may leave what state behind, then notify. */
enum outcome { WAITS, ANSWERED, GIVEN_UP, CRASHED };

static void every_state_after_ready(void **state)
{
    static const enum outcome expected[16] = {
        GIVEN_UP, WAITS,   WAITS,   ANSWERED, CRASHED, CRASHED, CRASHED, CRASHED,
        CRASHED,  CRASHED, CRASHED, CRASHED,  CRASHED, CRASHED, CRASHED, CRASHED};

    (void)state;
    for (unsigned int s = 0; s < 16; s++) {
        unsigned int id = server();

        assert_int_equal(guest_access(v0, BASE, 2, true, 0), IOREQ_SENT);
        dm_slot(guest, id, 0)->data = 0x4321;
        scene_set_state(id, 0, s);
        fake_send(guest, scene_port(id, 0));
        fake_crashes = 0;
        switch (expected[s]) {
        case WAITS:
            assert_waits(v0);
            break;
        case ANSWERED:
            assert_completed(v0, true, 0x4321);
            break;
        case GIVEN_UP:
            assert_completed(v0, true, 0xffff);
            break;
        case CRASHED:
            assert_false(fake_exit_path(v0));
            assert_false(v0->ioreq.in_flight);
            break;
        }
        assert_int_equal(fake_crashes, expected[s] == CRASHED ? 1 : 0);
        scene_teardown(NULL);
        scene_setup(NULL);
    }
}

static void in_process_may_be_answered_or_given_up(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_set_state(id, 0, STATE_IOREQ_INPROCESS);
    fake_send(guest, scene_port(id, 0));
    assert_waits(v0);
    fake_send(guest, scene_port(id, 0));
    assert_waits(v0);
    scene_answer(id, 0, 99);
    assert_completed(v0, true, 99);

    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_set_state(id, 0, STATE_IOREQ_INPROCESS);
    fake_send(guest, scene_port(id, 0));
    assert_waits(v0);
    scene_set_state(id, 0, STATE_IOREQ_NONE);
    fake_send(guest, scene_port(id, 0));
    assert_completed(v0, true, 0xffffffff);
    assert_int_equal(fake_crashes, 0);
}

static void state_must_not_go_back(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_set_state(id, 0, STATE_IOREQ_INPROCESS);
    fake_send(guest, scene_port(id, 0));
    assert_waits(v0);
    scene_set_state(id, 0, STATE_IOREQ_READY);
    fake_send(guest, scene_port(id, 0));
    assert_false(fake_exit_path(v0));
    assert_int_equal(fake_crashes, 1);
    assert_int_equal(v0->arch.completions, 0);
}

/* Not seen between two notifications: nobody can tell (Linux does it for its ioeventfd). */
static void unseen_step_back_is_harmless(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_set_state(id, 0, STATE_IOREQ_INPROCESS);
    scene_set_state(id, 0, STATE_IOREQ_READY);
    fake_send(guest, scene_port(id, 0));
    assert_waits(v0);
    assert_int_equal(fake_crashes, 0);
}

static void answer_without_notification_waits(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_set_state(id, 0, STATE_IORESP_READY);
    assert_waits(v0);
    fake_send(guest, scene_port(id, 0));
    assert_completed(v0, true, 0);
}

static void notification_without_request_is_harmless(void **state)
{
    unsigned int id = server();

    (void)state;
    fake_send(guest, scene_port(id, 0));
    assert_true(fake_exit_path(v0));
    assert_int_equal(v0->arch.completions, 0);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_waits(v0);
    fake_send(guest, scene_port(id, 0));
    assert_waits(v0);
    scene_answer(id, 0, 1);
    assert_completed(v0, true, 1);
}

/* The wake-up of an old notification may come late: it must not let the vCPU past its request. */
static void late_wakeup_does_not_pass_the_request(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_waits(v0);
    vcpu_pause_clear(v0, VPF_IOREQ);
    assert_waits(v0);
    scene_answer(id, 0, 5);
    assert_completed(v0, true, 5);
}

/* Answered before the vCPU even got to the exit path. */
static void answer_before_blocking(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_answer(id, 0, 6);
    assert_completed(v0, true, 6);
}

static void only_data_is_taken_from_the_slot(void **state)
{
    unsigned int id = server();
    ioreq_t *slot = dm_slot(guest, id, 0);
    uint32_t port = slot->vp_eport;

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 2, true, 0), IOREQ_SENT);
    slot->addr = 0;
    slot->size = 8;
    slot->count = 1000;
    slot->type = 99;
    slot->vp_eport = 12345;
    slot->data = UINT64_C(0x99998888);
    *dm_slot_bits(guest, id, 0) = 0xd0 | STATE_IORESP_READY; /* a write, data_is_ptr, pad */
    fake_send(guest, port);
    assert_completed(v0, true, 0x8888);
    assert_int_equal(v0->ioreq.access.addr, BASE);
    /* Byte 30 is composed from our copy of the request. */
    assert_int_equal(*dm_slot_bits(guest, id, 0), 0x20 | STATE_IOREQ_NONE);
}

/* The access is refused, the slot left as it is, nobody crashes. */
static void spoilt_idle_slot_refuses(void **state)
{
    unsigned int id = server();
    ioreq_t *slot = dm_slot(guest, id, 0);
    uint32_t port = slot->vp_eport;

    (void)state;
    for (unsigned int s = 1; s < 16; s++) {
        scene_set_state(id, 0, s);
        assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
        assert_int_equal(slot->state, s);
    }
    scene_set_state(id, 0, 0);
    slot->vp_eport = port + 1;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
    slot->vp_eport = 0;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(slot->addr, 0);
    assert_int_equal(fake_port(guest, port)->notified, 0);
    assert_false(v0->ioreq.in_flight);
    assert_true(fake_exit_path(v0));
    slot->vp_eport = port;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(fake_crashes, 0);
    assert_int_equal(atomic64_read(&guest->stats.unclaimed), 17);
    assert_int_equal(atomic64_read(&guest->stats.forwarded), 1);
}

static void nobody_claims(void **state)
{
    (void)state;
    v0 = guest->vcpu[0];
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
    server();
    assert_int_equal(guest_access(v0, BASE - 4, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(v0, BASE - 1, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(v0, BASE + 0xffd, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(v0, BASE + 0x1000, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(v0, ~UINT64_C(0), 8, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(v0, BASE + 0xffc, 4, true, 0), IOREQ_SENT);
}

static void shutting_down_guest_retries(void **state)
{
    unsigned int id = server();

    (void)state;
    atomic32_set(&guest->shutdown_code, 1);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_RETRY);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
    assert_false(v0->ioreq.in_flight);
    atomic32_set(&guest->shutdown_code, 0);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
}

static void disabled_server_gets_nothing(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(dm_enable(guest, id, false), 0);
    assert_int_equal(fake_grace_periods, 1);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(dm_enable(guest, id, false), 0);
    assert_int_equal(fake_grace_periods, 1);
    assert_int_equal(dm_enable(guest, id, true), 0);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
}

static void in_flight_at_disable_is_still_answered(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(dm_enable(guest, id, false), 0);
    assert_waits(v0);
    scene_answer(id, 0, 77);
    assert_completed(v0, true, 77);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
}

static void unmapped_range_keeps_its_request(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(dm_unmap(guest, id, XEN_DMOP_IO_RANGE_MEMORY, BASE, BASE + 0xfff), 0);
    assert_waits(v0);
    scene_answer(id, 0, 78);
    assert_completed(v0, true, 78);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
}

static void destroy_completes_as_unclaimed(void **state)
{
    unsigned int id = server();
    struct vcpu *v1 = guest->vcpu[1];
    unsigned int other = scene_server(BASE + 0x1000, BASE + 0x1fff);

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(guest_access(v1, BASE + 0x1000, 4, true, 0), IOREQ_SENT);
    assert_waits(v0);
    assert_int_equal(dm_destroy(guest, id), 0);
    assert_completed(v0, false, 0xffffffff);
    assert_int_equal(atomic64_read(&guest->stats.unclaimed), 1);
    assert_waits(v1); /* has another server */
    scene_answer(other, 1, 3);
    assert_completed(v1, true, 3);
}

/* The id's next owner is not the one that the vCPU asked. */
static void destroyed_and_reused_id_is_not_believed(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    /* Paused by the toolstack meanwhile: it cannot act on the wake-up. */
    atomic32_fetch_add(&v0->pause_flags, VPF_PAUSE_ONE);
    assert_int_equal(dm_destroy(guest, id), 0);
    assert_int_equal(server(), id);
    scene_set_state(id, 0, STATE_IORESP_READY);
    dm_slot(guest, id, 0)->data = 0x666;
    fake_send(guest, scene_port(id, 0));
    atomic32_fetch_sub(&v0->pause_flags, VPF_PAUSE_ONE);
    assert_completed(v0, false, 0xffffffff);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IORESP_READY);
}

/* While others may still be on their way to post, it is too early to know who waits. */
static void still_waiting(void)
{
    assert_waits(v0);
}

static void destroy_wakes_only_after_the_grace_period(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    fake_synchronize_hook = still_waiting;
    assert_int_equal(dm_destroy(guest, id), 0);
    assert_int_equal(fake_grace_periods, 1);
    assert_completed(v0, false, 0xffffffff);
}

static void owner_death_completes_as_unclaimed(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_waits(v0);
    atomic32_set(&dm->shutdown_code, 4);
    ioreq_owner_died(dm);
    ioreq_owner_died(dm); /* crashed, then killed */
    assert_waits(v0);
    fake_rcu_run();
    assert_null(dm_slot(guest, id, 0));
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_completed(v0, false, 0xffffffff);
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_UNCLAIMED);
    /* Shut down, it can create nothing more that would be left behind. */
    assert_int_equal(dm_create(guest), -EINVAL);
}

/* Whoever finds that a guest cannot go on may hold locks, the registry's among them. */
static void owner_dies_under_locks(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    spin_lock(&guest->ioreq.lock);
    ioreq_owner_died(dm);
    spin_unlock(&guest->ioreq.lock);
    fake_rcu_run();
    assert_null(dm_slot(guest, id, 0));
    assert_completed(v0, false, 0xffffffff);
}

/* Suspended and resumed, it may die again. */
static void owner_dies_twice(void **state)
{
    (void)state;
    server();
    ioreq_owner_died(dm);
    fake_rcu_run();
    server();
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    ioreq_owner_died(dm);
    fake_rcu_run();
    assert_completed(v0, false, 0xffffffff);
}

static void target_death_in_flight_leaves_nothing(void **state)
{
    server();
    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    fake_domain_kill(guest);
    fake_rcu_run();
    assert_int_equal(v0->arch.completions, 0);
    assert_int_equal(atomic32_read(&guest->refs), 0);
    assert_int_equal(guest->ioreq.bytes, 0);
}

static unsigned int again_left;

static void forward_again(struct vcpu *v)
{
    const struct ioreq_access a = {.addr = BASE + 8,
                                   .count = 1,
                                   .size = 8,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = true};

    if (again_left-- > 0)
        assert_int_equal(ioreq_forward(v, &a), IOREQ_SENT);
}

/* A pair of registers is two requests; the second goes out while the first completes. */
static void completion_may_forward_again(void **state)
{
    unsigned int id = server();

    (void)state;
    again_left = 1;
    fake_complete_hook = forward_again;
    assert_int_equal(guest_access(v0, BASE, 8, true, 0), IOREQ_SENT);
    scene_answer(id, 0, 1);
    assert_false(fake_exit_path(v0));
    assert_int_equal(v0->arch.completions, 1);
    assert_int_equal(dm_slot(guest, id, 0)->addr, BASE + 8);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_READY);
    scene_answer(id, 0, 2);
    assert_completed(v0, true, 2);
}

/* A port is per vCPU: the other one's does not help. */
static void wrong_port_notification_waits(void **state)
{
    unsigned int id = server();

    (void)state;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    scene_set_state(id, 0, STATE_IORESP_READY);
    fake_send(guest, scene_port(id, 1));
    assert_waits(v0);
}

static void unbound_port_still_waits(void **state)
{
    unsigned int id = server();

    (void)state;
    fake_port(guest, scene_port(id, 0))->bound = NULL;
    fake_switched_to = NULL;
    assert_int_equal(guest_access(v0, BASE, 4, true, 0), IOREQ_SENT);
    assert_null(fake_switched_to);
    assert_waits(v0);
    scene_answer(id, 0, 4);
    assert_completed(v0, true, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(read_is_forwarded_and_answered),
        SCENE_TEST(write_is_forwarded_and_answered),
        SCENE_TEST(every_size_is_masked),
        SCENE_TEST(every_kind_of_access),
        SCENE_TEST(vcpus_have_their_own_slots),
        SCENE_TEST(every_state_after_ready),
        SCENE_TEST(in_process_may_be_answered_or_given_up),
        SCENE_TEST(state_must_not_go_back),
        SCENE_TEST(unseen_step_back_is_harmless),
        SCENE_TEST(answer_without_notification_waits),
        SCENE_TEST(notification_without_request_is_harmless),
        SCENE_TEST(late_wakeup_does_not_pass_the_request),
        SCENE_TEST(answer_before_blocking),
        SCENE_TEST(only_data_is_taken_from_the_slot),
        SCENE_TEST(spoilt_idle_slot_refuses),
        SCENE_TEST(nobody_claims),
        SCENE_TEST(shutting_down_guest_retries),
        SCENE_TEST(disabled_server_gets_nothing),
        SCENE_TEST(in_flight_at_disable_is_still_answered),
        SCENE_TEST(unmapped_range_keeps_its_request),
        SCENE_TEST(destroy_completes_as_unclaimed),
        SCENE_TEST(destroyed_and_reused_id_is_not_believed),
        SCENE_TEST(destroy_wakes_only_after_the_grace_period),
        SCENE_TEST(owner_death_completes_as_unclaimed),
        SCENE_TEST(owner_dies_under_locks),
        SCENE_TEST(owner_dies_twice),
        SCENE_TEST(target_death_in_flight_leaves_nothing),
        SCENE_TEST(completion_may_forward_again),
        SCENE_TEST(wrong_port_notification_waits),
        SCENE_TEST(unbound_port_still_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
