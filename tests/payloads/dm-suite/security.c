/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes of the past that need a second vCPU of the control domain, or a whole machine, to be
 * made. Each case is named after its advisory; docs/security.md has the list. Guests 5 and 6 do
 * not survive.
 */
#include "suite.h"
#include <public/domctl.h>

#define ROUNDS 2000

static struct dm_server s;

/* What the other vCPU does, again and again until told to stop. */
static struct {
    void (*step)(void);
    volatile bool stop;
    volatile unsigned int rounds;
} other;

static void other_main(void *arg_)
{
    (void)arg_;
    irqs_on(); /* Bochs preempts no guest that has them off (docs/x86.md) */
    while (!other.stop) {
        other.step();
        other.rounds++;
    }
    irqs_off();
}

static bool other_start(void (*step)(void))
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    other.step = step;
    other.stop = false;
    other.rounds = 0;
    wmb();
    if (cpu_start(1, other_main, NULL) != 0)
        return false;
    while (other.rounds == 0 && counter() < end)
        yield_cpu();
    return other.rounds != 0;
}

/* It goes on for a while, then ends; how often it went round. */
static unsigned int other_stop(void)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    other.stop = true;
    while ((cpus[1].online || !cpu_is_off(1)) && counter() < end)
        yield_cpu();
    return other.rounds;
}

static long decrease(uint64_t frame)
{
    xen_pfn_t pfn = frame;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &pfn);
    return memory_op(XENMEM_decrease_reservation, &r);
}

static long populate(uint64_t frame)
{
    xen_pfn_t pfn = frame;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &pfn);
    return memory_op(XENMEM_populate_physmap, &r);
}

/* Frame numbers that would be good ones if their upper bits did not count. */
static void wide_frames(void)
{
    static volatile uint64_t page[PAGE_SIZE / 8] __attribute__((aligned(4096)));
    uint64_t at = scratch_alloc(1), own = arg((const void *)page) >> PAGE_SHIFT;
    unsigned int wrong = 0;

    page[0] = 0x301;
    foreign_map(GUEST, CONTROL_GPA >> PAGE_SHIFT, at);
    for (unsigned int bit = 36; bit < 64; bit++) {
        uint64_t high = UINT64_C(1) << bit;

        wrong += foreign_map(GUEST, high | CONTROL_GPA >> PAGE_SHIFT, at) == 0;
        wrong += decrease(high | own) != 0;
        wrong += populate(high | own) != 0;
        if (bit >= 64 - PAGE_SHIFT) /* the others below are told an address */
            continue;
        high <<= PAGE_SHIFT;
        wrong += foreign_map(GUEST, CONTROL_GPA >> PAGE_SHIFT, high | at) == 0;
        wrong += acquire_ioreq_page(GUEST, s.id, 1, high | at) == 0;
        wrong += foreign_unmap(high | at) == 0;
    }
    tap_eq(wrong, 0, "xsa-301: no operation takes a frame beyond the address width");
    tap(READ_ONCE(*(uint64_t *)(uintptr_t)at) == CONTROL_MAGIC && page[0] == 0x301,
        "xsa-301: what is mapped under their lower bits stays");
    foreign_unmap(at);
}

/* --- the same page at two places by two vCPUs --- */

static uint64_t race_at;
static volatile unsigned int race_wrong;

static void acquire_second(void)
{
    race_wrong += acquire_ioreq_page(GUEST, s.id, 1, race_at) != 0;
    race_wrong += foreign_unmap(race_at) != 0;
}

static void acquire_at_once(struct box *b)
{
    uint64_t at = scratch_alloc(1);
    unsigned int wrong = 0;

    race_at = scratch_alloc(1);
    race_wrong = 0;
    if (!tap(other_start(acquire_second), "xsa-379: a second vCPU acquires"))
        return;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        wrong += acquire_ioreq_page(GUEST, s.id, 1, at) != 0;
        wrong += foreign_unmap(at) != 0;
    }
    other_stop();
    tap_eq(wrong + race_wrong, 0, "xsa-379: one frame is acquired and released at two places");
    reply[0] = 0x379;
    guest_read(b, WINDOW_DEVICE);
    tap(!b->trapped && b->result == 0x379, "xsa-379: and is still the page of requests");
}

/* --- a foreign page that goes while it is a hypercall's buffer --- */

static uint64_t buffer_at;
static volatile unsigned int buffer_good, buffer_fault, buffer_other;

static void use_buffer(void)
{
    long rc = xen_version(XENVER_extraversion, (void *)(uintptr_t)(buffer_at + 2048));

    if (rc == 0)
        buffer_good++;
    else if (rc == -XEN_EFAULT)
        buffer_fault++;
    else
        buffer_other++;
}

static void buffer_goes(void)
{
    uint64_t end = counter() + PATIENCE * counter_hz();
    long rc = 0;

    buffer_at = scratch_alloc(1);
    buffer_good = buffer_fault = buffer_other = 0;
    if (!tap(other_start(use_buffer), "xsa-473: a second vCPU uses a buffer"))
        return;
    irqs_on(); /* as in other_main() */
    while (rc == 0 && (buffer_good < 100 || buffer_fault < 100) && counter() < end) {
        rc = foreign_map(GUEST, OTHER_GFN, buffer_at);
        if (rc == 0)
            rc = foreign_unmap(buffer_at);
    }
    irqs_off();
    other_stop();
    tap_eq(rc, 0, "xsa-473: which comes and goes");
    tap(buffer_good >= 100 && buffer_fault >= 100 && buffer_other == 0,
        "xsa-473: it is written, or it is no buffer (%u, %u, %u)", buffer_good, buffer_fault,
        buffer_other);
}

/* --- exclusives on what the hypervisor writes --- */

static void hammer(void)
{
    uint64_t *words[] = {&dm_slot(&s, 1)->data, (uint64_t *)&shared->evtchn_pending[0]};

    for (unsigned int i = 0; i < 2; i++)
        arch_hammer(words[i]);
}

static void exclusives(struct box *b)
{
    unsigned int wrong = 0;

    if (!tap(other_start(hammer), "xsa-295: a second vCPU hammers shared pages"))
        return;
    for (unsigned int i = 0; i < 100; i++) {
        reply[0] = i;
        guest_read(b, WINDOW_DEVICE);
        wrong += b->trapped || b->result != i;
    }
    tap(other_stop() > 0, "xsa-295: with exclusives");
    tap_eq(wrong, 0, "xsa-295: and 100 reads are served all the same");
}

/* --- resets while requests flow --- */

static long reset_self(void)
{
    struct evtchn_reset r = {.dom = DOMID_SELF};

    return event_channel_op(EVTCHNOP_reset, &r);
}

static uint64_t pattern(const struct ioreq *r)
{
    return pattern_at(r->addr);
}

static void resets(struct box *x, struct box *y)
{
    unsigned int wrong = 0;
    long rc = 0;

    answer_fn = pattern;
    x->a0 = 500;
    x->a1 = WINDOW_DEVICE;
    x->a2 = 0x1000;
    box_go(x, G_READ_MANY);
    for (unsigned int i = 0; i < 50; i++) {
        *(domid_t *)y->buffer = DOMID_SELF;
        wrong +=
            guest_hypercall(y, __HYPERVISOR_event_channel_op, EVTCHNOP_reset, y->where, 0) != 0;
    }
    tap_eq(wrong, 0, "xsa-338: a guest resets its ports 50 times");
    tap(box_finish(x) && x->result == 0, "xsa-338: and all its requests are served meanwhile");
    answer_fn = NULL;

    x->a0 = WINDOW_DEVICE;
    box_go(x, G_READ_GPA);
    tap(wait_ready(&s, 0), "xsa-343: a request waits");
    for (unsigned int i = 0; i < 1000; i++) {
        evtchn_port_t port;

        wrong += evtchn_alloc_unbound(DOMID_SELF, GUEST, &port) != 0;
    }
    tap_eq(reset_self(), 0, "xsa-343: its device model resets more than 1000 ports");
    tap_eq(evtchn_send(s.port[0]), -XEN_EINVAL, "xsa-343: that one too");
    tap(!box_done_within(x, 3000), "xsa-343: the request still waits");
    for (unsigned int v = 0; v < s.vcpus; v++) {
        rc |= evtchn_bind_interdomain(GUEST, dm_slot(&s, v)->vp_eport, &s.port[v]);
        event_mask(s.port[v]);
    }
    tap_eq(rc, 0, "xsa-343: bound again");
    tap(event_pending(s.port[0]), "xsa-343: the port is pending at once");
    dm_answer(&s, 0, 0x343);
    tap(box_comes(x) && x->result == 0x343, "xsa-343: the answer comes through");
    tap_eq(wrong, 0, "xsa-343: and no operation failed");
}

/* --- the control interface while a device model is busy --- */

static void busy_model(void)
{
    ioservid_t id;

    if (dm_create(GUEST, &id) != 0)
        return;
    for (unsigned int i = 0; i < 64; i++)
        dm_map(GUEST, id, 0x60000000 + i * 0x2000, 0x60000fff + i * 0x2000);
    dm_set_state(GUEST, id, true);
    dm_set_state(GUEST, id, false);
    dm_destroy(GUEST, id);
}

static long domctl(unsigned int cmd, domid_t dom)
{
    struct xen_domctl op = {
        .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = dom};

    return hypercall(__HYPERVISOR_domctl, arg(&op), 0, 0, 0, 0);
}

static void latency(void)
{
    uint64_t longest = 0;
    long rc = 0;

    if (!tap(other_start(busy_model), "xsa-492: a second vCPU loops over DM ops"))
        return;
    for (unsigned int i = 0; i < 200; i++) {
        uint64_t begin = counter();

        rc |= domctl(XEN_DOMCTL_pausedomain, 5) | domctl(XEN_DOMCTL_unpausedomain, 5);
        if (counter() - begin > longest)
            longest = counter() - begin;
    }
    tap(other_stop() > 1, "xsa-492: it got on with them");
    tap_eq(rc, 0, "xsa-492: 200 domains are paused and resumed");
    /* Two vCPUs may share a pCPU, and the emulator a machine: slices, not the calls themselves. */
    tap(longest < counter_hz(), "xsa-492: none took a second (%llu us)",
        (unsigned long long)(longest * 1000000 / counter_hz()));
}

/* --- the end of guests 5 and 6 --- */

static void flip(void)
{
    for (unsigned int i = 0; i < 1000; i++) {
        dm_set_slot_state(dm_slot(&s, 0), STATE_IOREQ_INPROCESS);
        dm_set_slot_state(dm_slot(&s, 0), STATE_IOREQ_READY);
    }
}

static bool open_doomed(domid_t dom)
{
    return tap(guest_attach(dom) && dm_server_open(&s, dom) == 0 &&
                   dm_map(dom, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff) == 0,
               "guest %u runs and has a server", dom);
}

/* The state flips all the time while the hypervisor is told to look. */
static void flipped(void)
{
    uint64_t end = counter() + PATIENCE * counter_hz();
    evtchn_port_t crashed = 0;
    struct box *b;

    if (!open_doomed(5))
        return;
    tap_eq(evtchn_bind_virq(VIRQ_DOM_EXC, 0, &crashed), 0, "xsa-262: the control domain listens");
    event_mask(crashed);
    b = box_of(5, 0);
    b->a0 = WINDOW_DEVICE;
    box_go(b, G_READ_GPA);
    tap(wait_ready(&s, 0), "xsa-262: a request waits");
    event_take(crashed);
    other_start(flip);
    irqs_on(); /* as in other_main() */
    while (!event_pending(crashed) && counter() < end)
        evtchn_send(s.port[0]);
    irqs_off();
    other_stop();
    tap(event_pending(crashed), "xsa-262: a state that flips crashes the guest");
    tap(!box_done_within(b, 3000), "xsa-262: which does not go on");
    evtchn_close(crashed);
    dm_server_close(&s);
}

/* All that a device model may do, to whatever there is left of the domain. */
static volatile unsigned int dying_odd;

static bool expected(long rc)
{
    return rc >= 0 || rc == -XEN_ESRCH || rc == -XEN_EINVAL || rc == -XEN_ENOENT ||
           rc == -XEN_EEXIST || rc == -XEN_ENOSPC || rc == -XEN_EPERM;
}

static void all_ops(void)
{
    static uint64_t at;
    evtchn_port_t port;
    ioservid_t id;
    unsigned int n, odd = 0;
    long rc = dm_create(6, &id);

    if (at == 0)
        at = scratch_alloc(2);
    odd += !expected(rc);
    if (rc == 0) {
        odd += !expected(dm_map(6, id, 0x60000000, 0x60000fff));
        odd += !expected(dm_set_state(6, id, true));
        odd += !expected(acquire_ioreq_page(6, id, 1, at));
        rc = evtchn_bind_interdomain(6, 1, &port);
        if (rc == 0)
            evtchn_close(port);
        odd += !expected(rc);
        odd += !expected(dm_unmap(6, id, 0x60000000, 0x600007ff));
        odd += !expected(dm_set_state(6, id, false));
        odd += !expected(dm_destroy(6, id));
        foreign_unmap(at);
    }
    odd += !expected(dm_nr_vcpus(6, &n));
    if (arch_has_op(XEN_DMOP_set_irq_level))
        odd += !expected(dm_set_irq(6, 45, 1));
    odd += !expected(evtchn_alloc_unbound(6, 0, &port));
    odd += !expected(foreign_map(6, CONTROL_GPA >> PAGE_SHIFT, at + PAGE_SIZE));
    foreign_unmap(at + PAGE_SIZE);
    dying_odd += odd;
}

static void dying(void)
{
    uint64_t end = counter() + PATIENCE * counter_hz();
    unsigned int before, n;
    struct box *b;
    long rc;

    if (!open_doomed(6))
        return;
    b = box_of(6, 0);
    b->a0 = WINDOW_DEVICE;
    box_go(b, G_READ_GPA);
    wait_ready(&s, 0);
    if (!tap(other_start(all_ops), "xsa-116: a second vCPU does all there is to do to it"))
        return;
    before = other.rounds;
    while (other.rounds - before < 20 && counter() < end)
        yield_cpu();
    tap_eq(domctl(XEN_DOMCTL_destroydomain, 6), 0, "xsa-116: it is destroyed meanwhile");
    before = other.rounds;
    while (other.rounds - before < 20 && counter() < end)
        yield_cpu();
    tap(other_stop() - before >= 20, "xsa-116: the other goes on and ends");
    tap_eq(dying_odd, 0, "xsa-116: every operation says what it should");
    dm_server_release(&s);
    guest_detach(6);
    do {
        rc = dm_nr_vcpus(6, &n);
    } while (rc == 0 && counter() < end);
    tap_eq(rc, -XEN_ESRCH, "xsa-116: with the last page unmapped it is gone");
}

void test_security(void)
{
    struct box *x = box_of(GUEST, 0), *y = box_of(GUEST, 1);

    if (nr_cpus < 2 || !tap_eq(dm_server_open(&s, GUEST), 0, "a server"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    serve_with(&s, NULL);
    wide_frames();
    acquire_at_once(x);
    buffer_goes();
    arch_test_security();
    exclusives(x);
    resets(x, y);
    latency();
    dm_server_close(&s);
    serve_with(NULL, NULL);
    flipped();
    dying();
    tap(box_run(x, G_NOP), "the first guest does not mind");
}
