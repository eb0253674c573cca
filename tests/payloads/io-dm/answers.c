/* SPDX-License-Identifier: Apache-2.0 */
/* What the device model may do between a request and its answer; vCPUs that wait at once. */
#include "suite.h"

#define DATA UINT64_C(0x8877665544332211)

static bool is_done(const struct io_box *b)
{
    return READ_ONCE(b->done) == b->seq;
}

bool comes(struct dm_server *s, unsigned int vcpu)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    while (dm_state(dm_slot(s, vcpu)) != STATE_IOREQ_READY && counter() < end)
        events_poll(NULL, 0, now_ns() + 100000);
    event_take(s->port[vcpu]);
    return dm_state(dm_slot(s, vcpu)) == STATE_IOREQ_READY;
}

bool stays(const struct io_box *b, unsigned int ms)
{
    uint64_t end = counter() + ms * counter_hz() / 1000;

    while (!is_done(b) && counter() < end)
        events_poll(NULL, 0, now_ns() + 100000);
    return !is_done(b);
}

/* The box is not done for as long as a vCPU that goes on would need. */
static bool waits(const struct io_box *b)
{
    return stays(b, 3);
}

bool box_comes(const struct io_box *b)
{
    return !stays(b, PATIENCE * 1000);
}

/* A read that waits at the server: inl of PORTS, or movl of MMIO. */
static bool begin_read(bool is_port, uint32_t result_)
{
    begin();
    give(RDX, PORTS);
    give(RBX, MMIO);
    want(RAX, result_);
    start_code(is_port ? CODE("inl %dx, %eax") : CODE("movl (%rbx), %eax"));
    return comes(&server, 0);
}

static const char *kind(bool is_port)
{
    return is_port ? "a port" : "memory";
}

static void waiting(bool is_port)
{
    struct ioreq *r = dm_slot(&server, 0);

    tap(begin_read(is_port, 0x1234), "a read of %s waits", kind(is_port));
    evtchn_send(server.port[0]);
    tap(waits(box_of(0)), "%s: a notification alone changes nothing", kind(is_port));
    dm_set_slot_state(r, STATE_IOREQ_INPROCESS);
    evtchn_send(server.port[0]);
    tap(waits(box_of(0)), "%s: nor does INPROCESS", kind(is_port));
    r->addr = 0x666;
    r->size = 1;
    r->count = 77;
    r->type = IOREQ_TYPE_INVALIDATE;
    dm_answer(&server, 0, 0x5678900001234);
    finish_code("only the data of an answer counts");
}

static void given_up(bool is_port)
{
    char text[80];

    tap(begin_read(is_port, UINT32_MAX), "a read of %s waits", kind(is_port));
    dm_slot(&server, 0)->data = 0x1234;
    dm_set_slot_state(dm_slot(&server, 0), STATE_IOREQ_NONE);
    evtchn_send(server.port[0]);
    snprintf(text, sizeof(text), "%s: state NONE gives ones", kind(is_port));
    finish_code(text);
}

/* Disabling or unmapping does not touch what is in flight. */
static void taken_away(bool is_port)
{
    tap(begin_read(is_port, 0x1234), "a read of %s waits", kind(is_port));
    range(false, server.id, XEN_DMOP_IO_RANGE_PORT, PORTS, PORTS_LAST);
    range(false, server.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO_LAST);
    tap(waits(box_of(0)), "%s: it waits though the ranges are gone", kind(is_port));
    dm_answer(&server, 0, 0x1234);
    finish_code("and gets the answer");
    range(true, server.id, XEN_DMOP_IO_RANGE_PORT, PORTS, PORTS_LAST);
    range(true, server.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO_LAST);
}

/* Who leaves a slot in another state loses the next access, and no more. */
static void spoilt(bool is_port)
{
    char text[80];

    snprintf(text, sizeof(text), "%s: a slot that is not idle loses the access", kind(is_port));
    if (!tap_skip(text)) {
        begin();
        give(RDX, PORTS);
        give(RBX, MMIO);
        want(RAX, UINT32_MAX);
        dm_set_slot_state(dm_slot(&server, 0), STATE_IORESP_READY);
        start_code(is_port ? CODE("inl %dx, %eax") : CODE("movl (%rbx), %eax"));
        box_comes(box_of(0)); /* nobody serves it meanwhile: it does not wait */
        finish_code(text);
        dm_set_slot_state(dm_slot(&server, 0), STATE_IOREQ_NONE);
    }
    tap(begin_read(is_port, 0x1234), "the next one waits");
    dm_answer(&server, 0, 0x1234);
    finish_code("and is answered");
}

/* Between the pieces of one instruction the next piece's server can go away. */
static void between_pieces(void)
{
    begin();
    give(RBX, MMIO + PAGE_SIZE - 4);
    want(RAX, UINT64_C(0xffffffff00000000) | (uint32_t)DATA);
    start_code(CODE("movq (%rbx), %rax"));
    tap(comes(&server, 0), "the first half of a read waits");
    range(false, server.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO_LAST);
    dm_answer(&server, 0, DATA);
    finish_code("the second half is nobody's");
    range(true, server.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO_LAST);
}

/* What waits is the instruction that was there, whatever the guest's memory says by now. */
static void code_changes(void)
{
    begin();
    give(RBX, MMIO + PAGE_SIZE - 4);
    want_read(MMIO + PAGE_SIZE, 4, DATA >> 32);
    want(RAX, DATA);
    start_code(CODE("movq (%rbx), %rax"));
    tap(comes(&server, 0), "an instruction waits");
    memset(box_of(0)->code, 0x90, 3);
    dm_answer(&server, 0, DATA);
    finish_code("it goes on as it was, though its code has changed");
}

/* A server that is destroyed owes nothing: what waits for it ends as if nobody had it. */
static void destroyed(const char *text, struct code code, unsigned int nr_ones)
{
    static struct dm_server s;
    bool came;

    if (tap_skip(text))
        return;
    came = dm_server_open(&s, GUEST) == 0 &&
           range(true, s.id, XEN_DMOP_IO_RANGE_PORT, 0x600, 0x60f) == 0 &&
           range(true, s.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO_LAST + 1, MMIO_LAST + 0x1000) == 0;
    begin();
    give(RDX, 0x600);
    give(RBX, MMIO_LAST + 1);
    give(RDI, guest_ram + 0x40);
    give(RCX, 6);
    if (nr_ones == 0) {
        want(RAX, UINT32_MAX);
    } else {
        want(RCX, 0);
        want(RDI, guest_ram + 0x40 + nr_ones);
        for (unsigned int i = 0; i < nr_ones; i++)
            want_ram_int(0x40 + i, 0xff, 1);
    }
    start_code(code);
    came = came && comes(&s, 0);
    dm_server_close(&s);
    finish_code(text);
    tap(came, "it had a request when it went");
}

void test_answers(void)
{
    for (unsigned int is_port = 0; is_port < 2; is_port++) {
        waiting(is_port);
        given_up(is_port);
        taken_away(is_port);
        spoilt(is_port);
    }
    between_pieces();
    code_changes();
    destroyed("a port's server is destroyed: ones", CODE("inl %dx, %eax"), 0);
    destroyed("a memory's server is destroyed: ones", CODE("movl (%rbx), %eax"), 0);
    destroyed("a batch's server is destroyed: ones", CODE("rep insw"), 12);
}

/* --- several vCPUs --- */

static uint64_t next_of[IO_MAX_BOXES];

/* PORTS + 16 * vCPU: each its own numbers. */
static uint64_t pattern(const struct ioreq *r)
{
    unsigned int vcpu = (unsigned int)(r->addr - PORTS) / 16;

    return vcpu < IO_MAX_BOXES ? io_pattern(r->addr + next_of[vcpu]++) : 0;
}

static void storm(unsigned int n)
{
    uint64_t wrong = 0;

    answer_fn = pattern;
    for (unsigned int v = 0; v < n; v++) {
        next_of[v] = 0;
        box_of(v)->a0 = 1000;
        box_of(v)->a1 = PORTS + 16 * v;
        box_go(box_of(v), IO_READ_PORT);
    }
    for (unsigned int v = 0; v < n; v++) {
        box_finish(box_of(v));
        wrong += box_of(v)->result;
    }
    answer_fn = NULL;
    tap_eq((int64_t)wrong, 0, "%u vCPUs read ports at once: the wrong answers", n);
}

/* All wait, each in its slot; answered in the other order. */
static void all_wait(unsigned int n)
{
    bool ok = true;

    for (unsigned int v = 0; v < n; v++) {
        box_of(v)->a0 = 1;
        box_of(v)->a1 = PORTS + 4 * v;
        box_go(box_of(v), IO_READ_PORT);
    }
    for (unsigned int v = 0; v < n; v++)
        ok = ok && comes(&server, v) && dm_slot(&server, v)->addr == PORTS + 4 * v;
    tap(ok, "%u vCPUs wait, each in its slot with its own port", n);
    ok = true;
    for (unsigned int v = n; v-- > 0;) {
        for (unsigned int u = 0; u <= v; u++)
            ok = ok && !is_done(box_of(u));
        dm_answer(&server, v, io_pattern(PORTS + 4 * v));
        ok = ok && box_comes(box_of(v)) && box_of(v)->result == 0;
    }
    tap(ok, "the last is answered first, and each gets its own");
}

void test_vcpus(void)
{
    unsigned int n = server.vcpus < IO_MAX_BOXES ? server.vcpus : IO_MAX_BOXES;

    for (unsigned int v = 1; v < n; v++) {
        box_of(0)->a0 = v;
        box_run(box_of(0), IO_START_CPU);
        box_run(box_of(v), IO_NOP);
    }
    tap(n > 1, "the guest has several vCPUs");
    all_wait(n);
    storm(n);
}
