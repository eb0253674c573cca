/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device model makes come to the guest's vCPUs: messages (op 14), events (op 13), the end
 * (op 16, guest 7).
 */
#include "suite.h"

void test_rings(void);  /* ring.c */
void test_frames(void); /* frames.c */

#define VECTOR   0x60
#define DOOMED   7
#define MSI_BASE UINT64_C(0xfee00000)

static struct dm_server s;

static void listen(struct box *b, unsigned int vector)
{
    b->a0 = vector;
    box_run(b, G_VECTOR_SETUP);
}

/* Has it come so often, perhaps after a long wait? */
static bool came(struct box *b, unsigned int vector, unsigned int times)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    do {
        events_poll(NULL, 0, now_ns() + 3000000); /* also for what should not come */
        b->a0 = vector;
        box_run(b, G_VECTOR_COUNT);
    } while (b->result < times && counter() < end);
    if (b->result != times)
        print("# vector %x came %llu times", vector, (unsigned long long)b->result);
    return b->result == times;
}

static long message(uint64_t addr, uint32_t data)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_msi};

    op.u.inject_msi.addr = addr;
    op.u.inject_msi.data = data;
    return dm_op(GUEST, &op);
}

static void messages(struct box *x, struct box *y)
{
    unsigned int second = cpus[1].arch.apic_id; /* the guest numbers them as this domain does */
    unsigned int wrong = 0;

    listen(x, VECTOR);
    listen(y, VECTOR);
    tap_eq(message(MSI_BASE, VECTOR), 0, "a message to vCPU 0");
    tap(came(x, VECTOR, 1), "comes once");
    tap(came(y, VECTOR, 0), "and not to vCPU 1");
    listen(x, VECTOR);
    tap_eq(message(MSI_BASE | second << 12, VECTOR), 0, "one to vCPU 1");
    tap(came(y, VECTOR, 1), "comes there");
    tap(came(x, VECTOR, 0), "and not to vCPU 0");
    for (unsigned int i = 0; i < 50; i++) {
        listen(x, VECTOR);
        wrong += message(MSI_BASE, VECTOR) != 0 || !came(x, VECTOR, 1);
    }
    tap_eq(wrong, 0, "50 more, one after the other");
}

static long event(unsigned int vcpu, unsigned int type, unsigned int vector, uint32_t error,
                  uint64_t cr2)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_event};

    op.u.inject_event.vcpuid = vcpu;
    op.u.inject_event.type = (uint8_t)type;
    op.u.inject_event.vector = (uint8_t)vector;
    op.u.inject_event.error_code = error;
    op.u.inject_event.cr2 = cr2;
    return dm_op(GUEST, &op);
}

/* Given while the vCPU waits for its read, it is there right behind the read. */
static void exception(struct box *b, unsigned int vector, uint32_t error, uint64_t cr2,
                      const char *what)
{
    b->a0 = WINDOW_DEVICE;
    box_go(b, G_READ_TRAPS);
    tap(wait_ready(&s, 0), "%s: a read waits", what);
    tap_eq(event(0, XEN_DMOP_EVENT_hw_exc, vector, error, cr2), 0, "%s: given", what);
    tap_eq(event(0, XEN_DMOP_EVENT_hw_exc, vector, error, cr2), -XEN_EBUSY,
           "%s: no second one meanwhile", what);
    dm_answer(&s, 0, 0x1313);
    tap(box_comes(b) && b->result == 0x1313, "%s: the read is done first", what);
    tap(b->trapped && b->trap.vector == vector && (error == ~0u || b->trap.error == error) &&
            (vector != VEC_PF || b->trap.cr2 == cr2),
        "%s: then it comes (%u: vector %u, error %llx, CR2 %llx)", what, b->trapped, b->trap.vector,
        (unsigned long long)b->trap.error, (unsigned long long)b->trap.cr2);
}

static void events(struct box *x, struct box *y)
{
    listen(y, VECTOR + 2);
    tap_eq(event(1, XEN_DMOP_EVENT_ext_int, VECTOR + 2, ~0u, 0), 0, "an event for vCPU 1");
    tap(came(y, VECTOR + 2, 1), "comes there");
    exception(x, VEC_UD, ~0u, 0, "#UD");
    exception(x, VEC_GP, 0x1230, 0, "#GP");
    exception(x, VEC_PF, 2, 0x123456789000, "#PF");
}

static void shut_down(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_remote_shutdown};
    uint64_t end = counter() + PATIENCE * counter_hz();
    evtchn_port_t port = 0;

    if (!tap(guest_attach(DOOMED), "guest %u runs", DOOMED))
        return;
    tap_eq(evtchn_bind_virq(VIRQ_DOM_EXC, 0, &port), 0, "the control domain listens");
    event_mask(port);
    event_take(port);
    op.u.remote_shutdown.reason = SHUTDOWN_crash;
    tap_eq(dm_op(DOOMED, &op), 0, "it is shut down by its device model");
    while (!event_pending(port) && counter() < end)
        events_poll(&port, 1, now_ns() + 1000000);
    tap(event_pending(port), "the control domain hears of it");
    box_go(box_of(DOOMED, 0), G_NOP);
    tap(!box_done_within(box_of(DOOMED, 0), 20000), "and it does nothing more");
    evtchn_close(port);
    guest_detach(DOOMED);
}

void test_interrupts(void)
{
    struct box *x = box_of(GUEST, 0), *y = box_of(GUEST, 1);

    test_rings();
    test_frames();
    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    serve_with(&s, NULL);
    messages(x, y);
    events(x, y);
    shut_down();
    dm_server_close(&s);
    serve_with(NULL, NULL);
}
