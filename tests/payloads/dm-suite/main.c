/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the suite of suite.h, and has what its files share: directing the guest and serving it. */
#include "suite.h"

#define MAX_GUESTS 9 /* domain 0 counts */

struct ioreq seen[MAX_SEEN];
uint64_t reply[MAX_SEEN];
unsigned int nr_seen, seen_vcpu[MAX_SEEN], seen_server[MAX_SEEN];
uint64_t (*answer_fn)(const struct ioreq *r);

static struct control *controls[MAX_GUESTS];
static struct dm_server *served[2];

bool guest_attach(domid_t dom)
{
    uint64_t at = scratch_alloc(1);
    uint64_t end = counter() + PATIENCE * counter_hz();
    struct control *c = (struct control *)(uintptr_t)at;

    guest_provide(dom, 2);
    if (foreign_map(dom, CONTROL_GPA >> PAGE_SHIFT, at) != 0)
        return false;
    while (READ_ONCE(c->ready) == 0 && counter() < end)
        yield_cpu();
    controls[dom] = c;
    return READ_ONCE(c->magic) == CONTROL_MAGIC && READ_ONCE(c->ready) != 0;
}

void guest_detach(domid_t dom)
{
    foreign_unmap(arg(controls[dom]));
    controls[dom] = NULL;
}

struct box *box_of(domid_t dom, unsigned int vcpu)
{
    return &controls[dom]->box[vcpu];
}

void box_go(struct box *b, unsigned int op)
{
    b->op = op;
    wmb(); /* the command before its number; partner: serve_boxes() in guest-suite */
    WRITE_ONCE(b->seq, b->seq + 1);
}

static bool is_done(const struct box *b)
{
    bool done = READ_ONCE(b->done) == b->seq;

    rmb(); /* done before the answer; partner: serve_boxes() in guest-suite */
    return done;
}

void serve_with(struct dm_server *a, struct dm_server *b)
{
    served[0] = a;
    served[1] = b;
    nr_seen = 0;
}

static uint64_t served_at; /* when something was last served */

static void serve_slot(struct dm_server *s, unsigned int vcpu)
{
    unsigned int n = nr_seen < MAX_SEEN ? nr_seen : MAX_SEEN - 1;
    struct ioreq r;

    event_take(s->port[vcpu]);
    if (!dm_take(s, vcpu, &r))
        return;
    seen[n] = r;
    seen_vcpu[n] = vcpu;
    seen_server[n] = s->id;
    nr_seen = n + 1;
    served_at = counter();
    dm_answer(s, vcpu, answer_fn != NULL ? answer_fn(&r) : reply[n]);
}

static void serve_and_wait(void)
{
    evtchn_port_t ports[2 * MAX_CPUS];
    unsigned int n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(served); i++)
        for (unsigned int v = 0; served[i] != NULL && v < served[i]->vcpus; v++) {
            serve_slot(served[i], v);
            ports[n++] = served[i]->port[v];
        }
    events_poll(ports, n, now_ns() + 200000);
}

bool box_finish(struct box *b)
{
    served_at = counter();
    while (!is_done(b) && counter() - served_at < PATIENCE * counter_hz())
        serve_and_wait();
    if (!is_done(b)) /* whatever follows would only say so again */
        die("the guest does not answer command %u", b->op);
    return true;
}

bool box_done_within(const struct box *b, unsigned int us)
{
    uint64_t end = counter() + us * counter_hz() / 1000000;

    while (!is_done(b) && counter() < end)
        events_poll(NULL, 0, now_ns() + 100000);
    return is_done(b);
}

bool box_comes(const struct box *b)
{
    return box_done_within(b, PATIENCE * 1000000u);
}

bool wait_ready(struct dm_server *s, unsigned int vcpu)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    while (dm_state(dm_slot(s, vcpu)) != STATE_IOREQ_READY && counter() < end)
        events_poll(NULL, 0, now_ns() + 100000);
    return dm_state(dm_slot(s, vcpu)) == STATE_IOREQ_READY;
}

bool box_run(struct box *b, unsigned int op)
{
    nr_seen = 0;
    box_go(b, op);
    return box_finish(b);
}

bool guest_read(struct box *b, uint64_t addr)
{
    b->a0 = addr;
    return box_run(b, G_READ_GPA);
}

long guest_hypercall(struct box *b, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    b->nr = nr;
    b->a0 = a0;
    b->a1 = a1;
    b->a2 = a2;
    b->a3 = b->a4 = 0;
    return box_run(b, G_HYPERCALL) ? (long)b->result : -1000;
}

/* `basic`: without what is long, what misbehaves, and frames that the tree says. */
int main(void)
{
    unsigned int n = 0;

    if (!tap_eq(events_init(), 0, "shared_info is mapped"))
        return 1;
    guest_provide(GUEST, 2);
    guest_provide(2, 2); /* which others are about; the rest when it is their turn */
    tap_eq(dm_nr_vcpus(GUEST, &n), 0, "the guest is there");
    tap_eq(n, 2, "with two vCPUs");
    if (!tap(guest_attach(GUEST), "it runs, and its control page is mapped")) {
        tap_done();
        return 1;
    }
    test_dm_ops();
    test_resource();
    test_foreign();
    test_forms();
    test_routing();
    test_vcpus();
    test_interrupts();
    test_guest_rights();
    test_invalidation();
    if (!bootarg_has("basic")) {
        test_history();
        test_hostile();
        test_security();
    }
    return (int)tap_done();
}
