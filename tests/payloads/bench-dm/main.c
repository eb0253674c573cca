/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device model of the benchmark: a register that reads as a constant, behind as many ranges and
 * servers as the guest asks for. It blocks for events and answers at once, so that its own share
 * of a forwarded access is small and constant. Runs with interrupts masked: the end of
 * SCHEDOP_block is all that it needs.
 */
#include "bench.h"

#define GUEST 1

static struct dm_server servers[BENCH_MAX_SERVERS];
static unsigned int nr_servers = 1, nr_open;
static unsigned int nr_ranges;
static bool finished;

/* Which slot a port announces. */
static struct {
    struct dm_server *server;
    unsigned int vcpu;
} by_port[256];

static void open_servers(unsigned int n)
{
    for (; nr_open < n; nr_open++) {
        struct dm_server *s = &servers[nr_open];
        int rc = dm_server_open(s, GUEST);

        if (rc != 0)
            die("bench: server %u: %d", nr_open, rc);
        for (unsigned int v = 0; v < s->vcpus; v++) {
            by_port[s->port[v]].server = s;
            by_port[s->port[v]].vcpu = v;
            event_unmask(s->port[v]);
        }
    }
}

static uint64_t range_start(unsigned int i)
{
    return BENCH_SPACE + i * BENCH_STRIDE;
}

static struct dm_server *range_server(unsigned int i)
{
    return &servers[i % nr_servers];
}

static long claim(unsigned int i)
{
    uint64_t a = range_start(i);
    long rc = dm_map(GUEST, range_server(i)->id, a, a + PAGE_SIZE - 1);

    return rc != 0 ? rc : bench_port_range(true, GUEST, range_server(i), i);
}

static long give_back(unsigned int i)
{
    uint64_t a = range_start(i);
    long rc = dm_unmap(GUEST, range_server(i)->id, a, a + PAGE_SIZE - 1);

    return rc != 0 ? rc : bench_port_range(false, GUEST, range_server(i), i);
}

static void set_ranges(unsigned int n)
{
    long rc = 0;

    for (; nr_ranges > n && rc == 0; nr_ranges--)
        rc = give_back(nr_ranges - 1);
    for (; nr_ranges < n && rc == 0; nr_ranges++)
        rc = claim(nr_ranges);
    if (rc != 0)
        die("bench: range %u: %ld", nr_ranges, rc);
}

static void command(uint64_t reg, uint64_t value)
{
    if (reg == BENCH_REG_RANGES) {
        set_ranges((unsigned int)value);
    } else if (reg == BENCH_REG_SERVERS) {
        set_ranges(1);
        nr_servers = (unsigned int)value;
        open_servers(nr_servers);
    } else if (reg == BENCH_REG_FINISHED) {
        finished = true;
    }
}

/* The measured register reads as the low half of its address. */
static void serve(evtchn_port_t port)
{
    struct dm_server *s = by_port[port].server;
    unsigned int vcpu = by_port[port].vcpu;
    struct ioreq *r;
    uint64_t addr;

    if (s == NULL)
        return;
    r = dm_slot(s, vcpu);
    if (dm_state(r) != STATE_IOREQ_READY)
        return;
    rmb(); /* the state before the fields; partner: the hypervisor's before READY */
    addr = READ_ONCE(r->addr);
    if (addr - BENCH_CONTROL < BENCH_CONTROL_SIZE && r->dir == IOREQ_WRITE)
        command(addr - BENCH_CONTROL, READ_ONCE(r->data));
    dm_answer(s, vcpu, addr & 0xffffffff);
}

static void serve_pending(void)
{
    struct vcpu_info *v = events_info();
    uint64_t words;

    __atomic_store_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; words != 0; words &= words - 1) {
        unsigned int w = (unsigned int)__builtin_ctzll(words);
        uint64_t bits = READ_ONCE(shared->evtchn_pending[w]) & ~READ_ONCE(shared->evtchn_mask[w]);

        for (; bits != 0; bits &= bits - 1) {
            evtchn_port_t port = w * 64 + (unsigned int)__builtin_ctzll(bits);

            if (port < ARRAY_SIZE(by_port) && event_take(port))
                serve(port);
        }
    }
}

int main(void)
{
    if (events_init() != 0)
        die("bench: no events");
    open_servers(1);
    set_ranges(1);
    print("bench: device model ready");
    irqs_off();
    while (!finished) {
        sched_op(SCHEDOP_block, NULL);
        irqs_off(); /* block lets them in, as the ABI says; there is none to come */
        serve_pending();
    }
    return 0;
}
