/* SPDX-License-Identifier: Apache-2.0 */
/* Event channels from one domain to itself, and their upcall. */
#include "suite.h"

static evtchn_port_t left, right;

static long status(evtchn_port_t port, struct evtchn_status *st)
{
    *st = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    return event_channel_op(EVTCHNOP_status, st);
}

static void bad_input(void)
{
    evtchn_port_t port;

    tap_eq(event_channel_op(1000, NULL), -XEN_ENOSYS, "events: unknown operation");
    tap_eq(event_channel_op(EVTCHNOP_send, BAD_POINTER), -XEN_EFAULT, "events: bad pointer");
    tap_eq(evtchn_send(0), -XEN_EINVAL, "send: port 0");
    tap_eq(evtchn_send(0xffffffff), -XEN_EINVAL, "send: no such port");
    tap_eq(evtchn_close(0), -XEN_EINVAL, "close: port 0");
    tap_eq(evtchn_close(4000), -XEN_EINVAL, "close: a port that is not open");
    tap_eq(evtchn_alloc_unbound(0x7000, DOMID_SELF, &port), -XEN_ESRCH, "alloc: no such domain");
    tap_eq(evtchn_bind_interdomain(0x7000, 1, &port), -XEN_ESRCH, "bind: no such domain");
    tap_eq(evtchn_bind_interdomain(DOMID_SELF, 4000, &port), -XEN_EINVAL, "bind: no such port");
    tap_eq(evtchn_bind_virq(NR_VIRQS, 0, &port), -XEN_EINVAL, "virq: no such number");
    tap_eq(evtchn_bind_virq(VIRQ_TIMER, 127, &port), -XEN_ENOENT, "virq: no such vCPU");
    tap_eq(evtchn_bind_ipi(127, &port), -XEN_ENOENT, "ipi: no such vCPU");
}

static void loop_back(void)
{
    struct evtchn_status st;
    evtchn_port_t again;

    tap_eq(evtchn_alloc_unbound(DOMID_SELF, DOMID_SELF, &left), 0, "alloc for oneself");
    tap_eq(status(left, &st), 0, "status");
    tap_eq(st.status, EVTCHNSTAT_unbound, "it waits for its other end");
    tap_eq(evtchn_bind_interdomain(DOMID_SELF, left, &right), 0, "bind to it");
    tap(left != right && right != 0, "the two ends are two ports");
    tap(event_take(right), "a fresh binding is pending");
    tap_eq(evtchn_bind_interdomain(DOMID_SELF, left, &again), -XEN_EINVAL, "bind once only");
    status(right, &st);
    tap(st.status == EVTCHNSTAT_interdomain && st.u.interdomain.port == left,
        "status names the other end");
    tap_eq(evtchn_send(left), 0, "send from left");
    tap(event_pending(right) && !event_pending(left), "right is pending, left is not");
    tap(event_take(right), "taken");
    tap(!event_pending(right), "once");
    tap_eq(evtchn_send(right), 0, "send from right");
    tap(event_take(left), "left is pending");
    evtchn_send(left);
    tap_eq(events_poll(&right, 1, 0), 0, "poll: a pending port does not wait");
    event_take(right);
}

static volatile unsigned int upcalls;
static volatile evtchn_port_t upcall_port;

static void on_event(evtchn_port_t port, void *ctx)
{
    (void)ctx;
    upcall_port = port;
    upcalls++;
}

static void upcall(void)
{
    events_enable_upcall();
    event_set_handler(right, on_event, NULL);
    irqs_on();
    event_mask(right);
    evtchn_send(left);
    delay_us(1000);
    tap_eq(upcalls, 0, "a masked event does not interrupt");
    event_unmask(right);
    delay_us(1000);
    tap_eq(upcalls, 1, "unmasked, the event that waits does");
    tap_eq(upcall_port, right, "it is the right one");
    for (unsigned int i = 0; i < 100; i++)
        evtchn_send(left);
    delay_us(1000);
    tap_eq(upcalls, 101, "a hundred events are a hundred upcalls");
    irqs_off();
    evtchn_send(left);
    tap(events_upcall_waits(), "interrupts off: the upcall waits");
    irqs_on();
    delay_us(1000);
    tap_eq(upcalls, 102, "interrupts on: it comes");
    irqs_off();
    event_mask(right);
}

static void others(void)
{
    struct evtchn_status st;
    struct evtchn_bind_vcpu move = {.vcpu = 127};
    evtchn_port_t ipi, virq, again;

    tap_eq(evtchn_bind_ipi(0, &ipi), 0, "ipi: bound");
    tap_eq(evtchn_send(ipi), 0, "ipi: sent");
    tap(event_take(ipi), "ipi: arrived");
    tap_eq(evtchn_bind_virq(VIRQ_DEBUG, 0, &virq), 0, "virq: bound");
    tap_eq(evtchn_bind_virq(VIRQ_DEBUG, 0, &again), -XEN_EEXIST, "virq: only once");
    tap_eq(evtchn_send(virq), -XEN_EINVAL, "virq: not for sending");
    move.port = virq;
    tap_eq(event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_ENOENT, "bind_vcpu: no such vCPU");
    tap_eq(evtchn_close(ipi), 0, "ipi: closed");
    tap_eq(evtchn_send(ipi), -XEN_EINVAL, "ipi: closed means gone");
    tap_eq(evtchn_close(right), 0, "one end closes");
    status(left, &st);
    tap_eq(st.status, EVTCHNSTAT_unbound, "the other waits again");
    tap_eq(evtchn_close(left), 0, "and closes");
    tap_eq(evtchn_close(virq), 0, "virq: closed");
}

static void exhaust(void)
{
    static evtchn_port_t port[5000];
    unsigned int n = 0;
    long rc = 0;

    while (n < ARRAY_SIZE(port) && rc == 0) {
        rc = evtchn_alloc_unbound(DOMID_SELF, DOMID_SELF, &port[n]);
        n += rc == 0;
    }
    tap(rc == -XEN_ENOSPC && n > 500, "ports run out with ENOSPC # after %u", n);
    for (unsigned int i = 0; i < n; i++)
        rc = evtchn_close(port[i]);
    tap_eq(rc, 0, "all are closed again");
    tap_eq(evtchn_alloc_unbound(DOMID_SELF, DOMID_SELF, &port[0]), 0, "and there are ports again");
    evtchn_close(port[0]);
}

void test_events(void)
{
    bad_input();
    loop_back();
    upcall();
    others();
    exhaust();
}
