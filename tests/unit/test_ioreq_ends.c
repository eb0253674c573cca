/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a request ends when something ends around it, as a table: at each point of a request one of
 * the parties does something final. Over the real domains and event channels. What waits for a
 * grace period is a coroutine, so that the vCPU goes on until it has left the hypervisor, as on
 * another pCPU.
 */
#include "fake/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <asm/fake.h>
#include <public/event_channel.h>
#include <public/hvm/dm_op.h>
#include <public/hvm/ioreq.h>
#include <public/sched.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

#include "../../common/ioreq/private.h"
#include "fake/fake.h"

#define BASE UINT64_C(0x0c000000)
#define DATA UINT64_C(0xfeed5a5a5a5a)

enum point {
    BEFORE,     /* ... the access */
    FOUND,      /* the server is found, its slot looked at and not yet filled */
    POSTED,     /* READY, the device model not yet told */
    WAITING,    /* told; the vCPU does not run */
    TAKEN,      /* INPROCESS, which the hypervisor has not seen */
    TAKEN_SEEN, /* ... has */
    ANSWERED,   /* RESP_READY, not yet told */
    NOTIFIED,   /* told; the vCPU does not run yet */
    REAPING,    /* it runs: the state is sampled, the data is not */
    COMPLETING, /* the arch writes registers */
    NR_POINTS
};

enum action {
    NOTHING,
    DESTROY,
    DISABLE,
    UNMAP,
    OWNER_KILLED,
    OWNER_CRASHED,
    TARGET_KILLED,
    TARGET_SHUT_DOWN,
    TARGET_CRASHED,
    TARGET_PAUSED,
    NR_ACTIONS,
    ENABLE = NR_ACTIONS, /* only while something else is under way */
    ANSWER,
    NR_SECONDS
};

/* What the guest gets. */
enum end {
    GOT = 1, /* the device model's answer */
    ONES,    /* sent, and then unclaimed: all ones */
    NOBODY,  /* unclaimed at once */
    RETRY,   /* the instruction is to be executed again, if ever */
    STOPPED, /* sent; its vCPU never runs again, nothing is completed */
    NEVER,   /* cannot be: a killed domain accesses nothing */
};

static const char *const point_name[NR_POINTS] = {"before",  "found",      "posted",   "waiting",
                                                  "taken",   "taken seen", "answered", "notified",
                                                  "reaping", "completing"};
static const char *const action_name[NR_SECONDS] = {
    "nothing",        "destroy",       "disable",       "unmap",
    "owner killed",   "owner crashed", "target killed", "target shut down",
    "target crashed", "target paused", "enable",        "answer"};

/* clang-format off */
static const enum end expected[NR_POINTS][NR_ACTIONS] = {
    /*               -    destroy disable unmap   o.kill  o.crash kill     shut     crash    pause */
    [BEFORE]     = {GOT, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, NEVER,   RETRY,   RETRY,   GOT},
    [FOUND]      = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [POSTED]     = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [WAITING]    = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [TAKEN]      = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [TAKEN_SEEN] = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [ANSWERED]   = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [NOTIFIED]   = {GOT, ONES,   GOT,    GOT,    ONES,   ONES,   STOPPED, STOPPED, STOPPED, GOT},
    [REAPING]    = {GOT, GOT,    GOT,    GOT,    GOT,    GOT,    GOT,     GOT,     GOT,     GOT},
    [COMPLETING] = {GOT, GOT,    GOT,    GOT,    GOT,    GOT,    GOT,     GOT,     GOT,     GOT},
};

/* ... and the next access after all that. */
static const enum end next_access[NR_ACTIONS] =
    {GOT, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, NEVER, RETRY, RETRY, GOT};
/* clang-format on */

/* While one of these waits for its grace period, something else happens. Its own result, then. */
static const struct {
    enum action first, second;
    enum end want;
    long rc; /* of the second */
} pairs[] = {
    {DESTROY, ANSWER, ONES, 0},
    {DESTROY, DESTROY, ONES, -ENOENT},
    {DESTROY, DISABLE, ONES, -ENOENT},
    {DESTROY, ENABLE, ONES, -ENOENT},
    {DESTROY, UNMAP, ONES, -ENOENT},
    {DESTROY, OWNER_KILLED, ONES, 0},
    {DESTROY, OWNER_CRASHED, ONES, 0},
    {DESTROY, TARGET_KILLED, STOPPED, 0},
    {DESTROY, TARGET_SHUT_DOWN, STOPPED, 0},
    {DESTROY, TARGET_CRASHED, STOPPED, 0},
    {DESTROY, TARGET_PAUSED, ONES, 0},
    {DISABLE, ANSWER, GOT, 0},
    {DISABLE, DESTROY, ONES, 0},
    {DISABLE, DISABLE, GOT, -ERESTART},
    {DISABLE, ENABLE, GOT, -ERESTART},
    {DISABLE, UNMAP, GOT, 0},
    {DISABLE, OWNER_KILLED, ONES, 0},
    {DISABLE, OWNER_CRASHED, ONES, 0},
    {DISABLE, TARGET_KILLED, STOPPED, 0},
    {DISABLE, TARGET_SHUT_DOWN, STOPPED, 0},
    {DISABLE, TARGET_CRASHED, STOPPED, 0},
    {DISABLE, TARGET_PAUSED, GOT, 0},
};

/* The cast. Domains' structs are held until a case is over. */

static struct vcpu *v; /* the guest's */
static struct domain *the_dm, *the_guest;
static struct page *page; /* of slots, as the device model has it mapped */
static volatile ioreq_t *slot;
static evtchn_port_t guest_port, local_port; /* the guest's end, the device model's */
static bool owner_gone;                      /* killed or crashed: it answers nothing any more */
static struct domain *kill_pending;          /* a vCPU of it was still running */
static bool paused;

static long call_dm_op(struct xen_dm_op *op)
{
    const uint64_t buf[2] = {GVA_OP, sizeof(*op)};
    long rc;

    memcpy(fake_gva, buf, sizeof(buf));
    memcpy(fake_gva + 0x100, op, sizeof(*op));
    rc = world_call(the_dm->vcpu[0], __HYPERVISOR_dm_op, the_guest->id, 1, GVA_BUFS);
    memcpy(op, fake_gva + 0x100, sizeof(*op));
    return rc;
}

static long range(uint32_t nr)
{
    struct xen_dm_op op = {.op = nr};

    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_MEMORY;
    op.u.map_io_range_to_ioreq_server.start = BASE;
    op.u.map_io_range_to_ioreq_server.end = BASE + 0xfff;
    return call_dm_op(&op);
}

static long enable(bool on)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_ioreq_server_state};

    op.u.set_ioreq_server_state.enabled = on;
    return call_dm_op(&op);
}

static long destroy(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_destroy_ioreq_server};

    return call_dm_op(&op);
}

static long create(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc = call_dm_op(&op);

    return rc != 0 ? rc : op.u.create_ioreq_server.id;
}

/* Of the hypervisor's end. */
static uint32_t port_status(void)
{
    struct evtchn_status op = {.dom = DOMID_SELF, .port = guest_port};

    assert_int_equal(world_op(v, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &op, sizeof(op)),
                     0);
    return op.status;
}

static void notify(void)
{
    struct evtchn_send op = {.port = local_port};

    if (!owner_gone)
        world_op(the_dm->vcpu[0], __HYPERVISOR_event_channel_op, EVTCHNOP_send, &op, sizeof(op));
}

static void bring_up(void)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = guest->id};
    struct vcpu *prev = current;

    the_dm = dm;
    the_guest = guest;
    assert_true(domain_get(dm) && domain_get(guest));
    v = guest->vcpu[0];
    owner_gone = paused = false;
    kill_pending = NULL;
    assert_int_equal(create(), 0);
    assert_int_equal(range(XEN_DMOP_map_io_range_to_ioreq_server), 0);
    assert_int_equal(enable(true), 0);
    current = dm->vcpu[0];
    assert_int_equal(ioreq_acquire_frame(guest, 0, 1, &page), 0);
    current = prev;
    slot = page_to_virt(page);
    guest_port = bind.remote_port = slot->vp_eport;
    assert_int_equal(world_op(dm->vcpu[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain,
                              &bind, sizeof(bind)),
                     0);
    local_port = bind.local_port;
}

static void let_go(void)
{
    page_put(page);
    domain_put(the_dm);
    domain_put(the_guest);
    if (the_dm->state == DOMAIN_DEAD)
        dm = NULL;
    if (the_guest->state == DOMAIN_DEAD)
        guest = NULL;
}

static void answer(void)
{
    if (owner_gone)
        return;
    slot->data = DATA;
    slot->state = STATE_IORESP_READY;
}

/* What one party does, on a pCPU of its own: until it is over, or waits for a grace period. */

static ucontext_t main_context, party_context;
static char party_stack[256 * 1024] __aligned(64);
static enum action party_action;
static bool party_runs; /* begun and not over */
static long party_rc;
static struct vcpu *main_current;

static void kill_domain(struct domain *d)
{
    long rc = domain_kill(d);

    assert_true(rc == 0 || rc == -ERESTART);
    kill_pending = rc != 0 ? d : NULL;
}

static void party_wait(void)
{
    struct vcpu *mine = current;

    if (!party_runs)
        return;
    current = main_current;
    assert_int_equal(swapcontext(&party_context, &main_context), 0);
    current = mine;
}

static void do_action(enum action action)
{
    switch (action) {
    case DESTROY:
        party_rc = destroy();
        break;
    case DISABLE:
        party_rc = enable(false);
        break;
    case UNMAP:
        party_rc = range(XEN_DMOP_unmap_io_range_from_ioreq_server);
        break;
    case OWNER_KILLED:
        owner_gone = true;
        kill_domain(the_dm);
        break;
    case OWNER_CRASHED:
        owner_gone = true;
        domain_crash(the_dm, "test");
        break;
    case TARGET_KILLED:
        kill_domain(the_guest);
        break;
    case TARGET_SHUT_DOWN:
        domain_shutdown(the_guest, SHUTDOWN_poweroff);
        break;
    case TARGET_CRASHED:
        domain_crash(the_guest, "test");
        break;
    case TARGET_PAUSED:
        paused = true;
        domain_pause(the_guest);
        break;
    case ENABLE:
        party_rc = enable(true);
        break;
    case ANSWER:
        answer();
        notify();
        fake_exit_path(v);
        break;
    default:
        break;
    }
}

static void party_main(void)
{
    current = control->vcpu[0];
    do_action(party_action);
    party_runs = false;
    current = main_current;
}

static void begin(enum action action)
{
    assert_false(party_runs);
    party_action = action;
    party_runs = true;
    party_rc = 0;
    main_current = current;
    assert_int_equal(getcontext(&party_context), 0);
    party_context.uc_stack.ss_sp = party_stack;
    party_context.uc_stack.ss_size = sizeof(party_stack);
    party_context.uc_link = &main_context;
    makecontext(&party_context, party_main, 0);
    fake_synchronize_hook = party_wait;
    assert_int_equal(swapcontext(&main_context, &party_context), 0);
}

/* A grace period has passed: nobody is in the hypervisor. */
static void grace(void)
{
    assert_false(v->sched.on_cpu && current == v);
    main_current = current;
    while (party_runs)
        assert_int_equal(swapcontext(&main_context, &party_context), 0);
    fake_synchronize_hook = NULL;
    store_release(&the_dm->vcpu[0]->sched.on_cpu, false);
    if (kill_pending != NULL)
        kill_domain(kill_pending);
    fake_rcu_run();
}

/* Points that lie inside the hypervisor. */

static enum point at;
static enum action then;
static bool done;          /* once in a case */
static enum action second; /* while `then` waits, or NOTHING */
static long second_rc;

/* The party, in its hypercall on another pCPU, waits for a grace period. */
static void meanwhile(void)
{
    long rc = party_rc;

    assert_true(party_runs);
    fake_synchronize_hook = NULL; /* nobody is in the hypervisor but the party, and it waits too */
    store_release(&the_dm->vcpu[0]->sched.on_cpu, true);
    do_action(second);
    second_rc = party_rc;
    party_rc = rc;
}

static void reached(enum point p)
{
    if (at != p || done)
        return;
    done = true;
    begin(then);
}

uint64_t slot_load(const struct ioreq_slot *s, enum slot_field field)
{
    uint64_t value = field == SLOT_STATE   ? s->bits & SLOT_STATE_MASK
                     : field == SLOT_EPORT ? s->vp_eport
                                           : s->data;

    if (field == SLOT_EPORT)
        reached(FOUND);
    else if (field == SLOT_STATE && value == STATE_IORESP_READY)
        reached(REAPING);
    return value;
}

struct vcpu *__real_evtchn_notify_consumer_peer(struct domain *d, evtchn_port port);
struct vcpu *__wrap_evtchn_notify_consumer_peer(struct domain *d, evtchn_port port);

struct vcpu *__wrap_evtchn_notify_consumer_peer(struct domain *d, evtchn_port port)
{
    reached(POSTED);
    return __real_evtchn_notify_consumer_peer(d, port);
}

static void completing(struct vcpu *who)
{
    assert_ptr_equal(who, v);
    reached(COMPLETING);
}

/* A point between two things: everybody is out of the hypervisor. */
static void pass(enum point p)
{
    if (at != p || done)
        return;
    reached(p);
    if (second != NOTHING)
        meanwhile();
    grace();
}

/* The vCPU's way out; it is then in its guest or switched out, and whoever waited for that goes on.
 */
static bool leave(void)
{
    bool out = fake_exit_path(v);

    store_release(&v->sched.on_cpu, false);
    grace();
    return out;
}

static enum ioreq_result access_memory(void)
{
    const struct ioreq_access a = {.addr = BASE + 0x10,
                                   .count = 1,
                                   .size = 4,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = true};
    struct vcpu *prev = current;
    enum ioreq_result r;

    store_release(&v->sched.on_cpu, true);
    current = v;
    r = ioreq_forward(v, &a);
    current = prev;
    return r;
}

/* The device model does its part, whatever has happened. */
static void serve(void)
{
    pass(WAITING);
    if (!owner_gone)
        slot->state = STATE_IOREQ_INPROCESS;
    pass(TAKEN);
    if (at == TAKEN_SEEN) {
        notify();
        assert_false(leave());
        pass(TAKEN_SEEN);
    }
    answer();
    pass(ANSWERED);
    notify();
    pass(NOTIFIED);
}

static enum end run_access(void)
{
    unsigned int before = v->arch.completions;
    enum ioreq_result sent = access_memory();
    bool out = leave();

    if (sent != IOREQ_SENT) {
        assert_int_equal(v->arch.completions, before);
        return sent == IOREQ_RETRY ? RETRY : NOBODY;
    }
    assert_false(out && v->arch.completions == before); /* not past its request */
    serve();
    store_release(&v->sched.on_cpu, true);
    leave();
    if (paused) {
        assert_true(at >= REAPING || v->arch.completions == before);
        domain_unpause(the_guest);
        paused = false;
        leave();
    }
    assert_true(v->arch.completions <= before + 1);
    if (v->arch.completions == before)
        return STOPPED;
    assert_false(v->ioreq.in_flight);
    if (v->arch.answered) {
        assert_int_equal(v->arch.result, (uint32_t)DATA);
        return GOT;
    }
    assert_int_equal(v->arch.result, 0xffffffff);
    return ONES;
}

static void check(enum end got, enum end want, const char *which)
{
    if (got != want)
        fail_msg("%s, %s, %s: %u, expected %u", point_name[at], action_name[then], which, got,
                 want);
}

static void begin_case(enum point p, enum action a, enum action meanwhile_a)
{
    at = p;
    then = a;
    second = meanwhile_a;
    done = false;
    bring_up();
    fake_complete_hook = completing;
}

static void one_case(enum point p, enum action a)
{
    begin_case(p, a, NOTHING);
    pass(BEFORE);
    if (expected[p][a] != NEVER)
        check(run_access(), expected[p][a], "the access");
    assert_true(done || expected[p][a] == NEVER);
    assert_int_equal(party_rc, 0);
    if (next_access[a] != NEVER && expected[p][a] != STOPPED)
        check(run_access(), next_access[a], "the next access");
    grace();
    if (a != TARGET_KILLED)
        assert_int_equal(port_status(), a == DESTROY || a == OWNER_KILLED || a == OWNER_CRASHED
                                            ? EVTCHNSTAT_closed
                                            : EVTCHNSTAT_interdomain);
    let_go();
}

static void each_end_at_each_point(void **state)
{
    for (enum point p = 0; p < NR_POINTS; p++)
        for (enum action a = 0; a < NR_ACTIONS; a++) {
            one_case(p, a);
            assert_int_equal(world_teardown(state), 0);
            assert_int_equal(world_setup(state), 0);
        }
}

static void two_at_once(void **state)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(pairs); i++) {
        begin_case(WAITING, pairs[i].first, pairs[i].second);
        check(run_access(), pairs[i].want, action_name[second]);
        assert_int_equal(party_rc, 0);
        assert_int_equal(second_rc, pairs[i].rc);
        grace();
        let_go();
        assert_int_equal(world_teardown(state), 0);
        assert_int_equal(world_setup(state), 0);
    }
}

/* The same around an invalidation: the vCPU may not reach its guest before it is settled. */

static bool stops_target(enum action a)
{
    return a == TARGET_KILLED || a == TARGET_SHUT_DOWN || a == TARGET_CRASHED;
}

/* Nobody has to answer any more. */
static bool settles(enum action a)
{
    return a == DESTROY || a == DISABLE || a == OWNER_KILLED || a == OWNER_CRASHED;
}

/* Up to the answer: does the vCPU get to its guest without one? */
static bool invalidation_unanswered(void)
{
    store_release(&v->sched.on_cpu, true);
    if (leave())
        return true;
    pass(WAITING);
    if (!owner_gone)
        slot->state = STATE_IOREQ_INPROCESS;
    pass(TAKEN);
    if (at == TAKEN_SEEN) {
        notify();
        assert_false(leave());
        pass(TAKEN_SEEN);
    }
    return leave();
}

static bool invalidation_answered(void)
{
    answer();
    pass(ANSWERED);
    notify();
    pass(NOTIFIED);
    if (leave())
        return true;
    if (!paused)
        return false;
    domain_unpause(the_guest);
    paused = false;
    return leave();
}

static void invalidation_case(enum point p, enum action a)
{
    struct vcpu *prev = current;
    bool out;

    begin_case(p, a, NOTHING);
    current = v;
    ioreq_ram_removed(the_guest); /* by a hypercall of its own */
    current = prev;
    pass(BEFORE);
    out = invalidation_unanswered();
    if (out != (settles(a) && p <= TAKEN_SEEN))
        fail_msg("invalidation, %s, %s: %s", point_name[p], action_name[a],
                 out ? "let go too early" : "not let go");
    out = out || invalidation_answered();
    if (out != !stops_target(a))
        fail_msg("invalidation, %s, %s: %s in the end", point_name[p], action_name[a],
                 out ? "let go" : "not let go");
    assert_int_equal(v->arch.completions, 0);
    grace();
    let_go();
}

static void each_end_of_an_invalidation(void **state)
{
    for (enum point p = BEFORE; p <= REAPING; p++)
        for (enum action a = 0; a < NR_ACTIONS; a++) {
            invalidation_case(p, a);
            assert_int_equal(world_teardown(state), 0);
            assert_int_equal(world_setup(state), 0);
        }
}

/*
 * Enabled again by another call of the device model before it was told that it is disabled: not
 * between two steps of that, or an old invalidation stays in the slot and spoils it.
 */
static void enabling_waits_for_disabling(void **state)
{
    struct vcpu *prev = current;

    (void)state;
    begin_case(WAITING, DISABLE, ENABLE);
    current = v;
    ioreq_ram_removed(the_guest);
    current = prev;
    store_release(&v->sched.on_cpu, true);
    assert_false(leave());
    pass(WAITING);
    assert_int_equal(party_rc, 0);
    assert_int_equal(second_rc, -ERESTART);
    assert_int_equal(enable(true), 0);
    /* It is enabled before the vCPU went on, so it is asked: afresh. */
    assert_false(leave());
    assert_int_equal(slot->state, STATE_IOREQ_READY);
    answer();
    notify();
    assert_true(leave());
    check(run_access(), GOT, "the next access");
    let_go();
}

/* While one is being disabled it is destroyed, and its id goes to another, which is not settled. */
static void disabling_outlived_by_the_id(void **state)
{
    struct vcpu *prev = current;

    (void)state;
    begin_case(NR_POINTS, NOTHING, NOTHING);
    current = v;
    ioreq_ram_removed(the_guest);
    current = prev;
    assert_false(leave());
    begin(DISABLE);
    assert_true(party_runs);
    fake_synchronize_hook = NULL;
    assert_int_equal(destroy(), 0);
    assert_int_equal(create(), 0);
    assert_int_equal(enable(true), 0);
    assert_false(fake_exit_path(v)); /* it asks the new one */
    assert_true(ioreq_invalidate_owed(the_guest->ioreq.registry->server[0], v));
    grace(); /* the end of the old one's disabling */
    assert_int_equal(party_rc, 0);
    assert_true(ioreq_invalidate_owed(the_guest->ioreq.registry->server[0], v));
    assert_false(leave());
    assert_int_equal(destroy(), 0);
    assert_true(leave());
    let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(each_end_at_each_point),       WORLD_TEST(two_at_once),
        WORLD_TEST(each_end_of_an_invalidation),  WORLD_TEST(enabling_waits_for_disabling),
        WORLD_TEST(disabling_outlived_by_the_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
