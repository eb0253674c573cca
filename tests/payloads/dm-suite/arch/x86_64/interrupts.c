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

/* Who a message is for, and what it may be. */
static void message_forms(struct box *x, struct box *y)
{
    uint32_t second = cpus[1].arch.apic_id, lowest = 0x100 | (VECTOR + 4);
    unsigned int wrong = 0;

    listen(x, VECTOR + 4);
    listen(y, VECTOR + 4);
    tap_eq(message(MSI_BASE | 0xff000, VECTOR + 4), 0, "a message to all");
    tap(came(x, VECTOR + 4, 1) && came(y, VECTOR + 4, 1), "comes to both");
    listen(x, VECTOR + 4);
    listen(y, VECTOR + 4);
    tap_eq(message(MSI_BASE | 0x33000, VECTOR + 4), 0, "one to nobody is no error");
    tap_eq(message(MSI_BASE | 0x33000, lowest), -XEN_ESRCH, "but for the lowest priority's");
    tap_eq(message(MSI_BASE | second << 12, lowest), 0, "which goes to the one that there is");
    tap(came(y, VECTOR + 4, 1) && came(x, VECTOR + 4, 0), "and comes there only");
    for (uint32_t mode = 2; mode < 8; mode++)
        wrong += message(MSI_BASE, mode << 8 | (VECTOR + 4)) != -XEN_EINVAL;
    tap_eq(wrong, 0, "other modes are refused");
    tap_eq(message(MSI_BASE, 0), -XEN_ERANGE, "vector 0 and no number");
    tap_eq(message(MSI_BASE | 5 << 12, 0), -XEN_EINVAL, "vector 0 and a number of nobody's");
    for (uint32_t vector = 1; vector < 16; vector++)
        wrong += message(MSI_BASE, vector) != 0; /* would be exceptions */
    tap_eq(wrong, 0, "vectors that no APIC takes are no error");
    tap(box_run(x, G_NOP), "and do not come");
    listen(x, VECTOR + 5);
    tap(message(0, VECTOR + 5) == 0 && came(x, VECTOR + 5, 1), "an address is not looked at above");
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

static long event_of(unsigned int type, unsigned int vector, unsigned int insn_len)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_event};

    op.u.inject_event.type = (uint8_t)type;
    op.u.inject_event.vector = (uint8_t)vector;
    op.u.inject_event.insn_len = (uint8_t)insn_len;
    op.u.inject_event.error_code = ~0u;
    return dm_op(GUEST, &op);
}

/* A read that waits: what is given meanwhile is there right behind it. */
static bool read_waits(struct box *b, unsigned int op)
{
    b->a0 = WINDOW_DEVICE;
    box_go(b, op);
    return wait_ready(&s, 0);
}

static bool read_ends(struct box *b)
{
    dm_answer(&s, 0, 0x1313);
    return box_comes(b) && b->result == 0x1313;
}

static void exception(struct box *b, unsigned int vector, uint32_t error, uint64_t cr2,
                      const char *what)
{
    tap(read_waits(b, G_READ_TRAPS), "%s: a read waits", what);
    tap_eq(event(0, XEN_DMOP_EVENT_hw_exc, vector, error, cr2), 0, "%s: given", what);
    tap_eq(event(0, XEN_DMOP_EVENT_hw_exc, vector, error, cr2), -XEN_EBUSY,
           "%s: no second one meanwhile", what);
    tap(read_ends(b), "%s: the read is done first", what);
    tap(b->trapped && b->trap.vector == vector && (error == ~0u || b->trap.error == error) &&
            (vector != VEC_PF || b->trap.cr2 == cr2),
        "%s: then it comes # %u: vector %u, error %llx, CR2 %llx", what, b->trapped, b->trap.vector,
        (unsigned long long)b->trap.error, (unsigned long long)b->trap.cr2);
}

/* What an instruction would raise: the guest is behind that instruction, here its NOP. */
static void from_instructions(struct box *b)
{
    uint64_t before;

    read_waits(b, G_READ_TRAPS);
    tap_eq(event_of(XEN_DMOP_EVENT_hw_exc, VEC_UD, 0), 0, "an exception comes before the NOP");
    tap(read_ends(b) && b->trapped && b->trap.vector == VEC_UD, "#UD does");
    before = b->trap.rip;
    read_waits(b, G_READ_TRAPS);
    tap_eq(event_of(XEN_DMOP_EVENT_sw_exc, VEC_BP, 1), 0, "#BP as of INT3");
    tap(read_ends(b) && b->trapped && b->trap.vector == VEC_BP && b->trap.error == 0, "comes");
    tap_eq((int64_t)b->trap.rip, (int64_t)before + 1, "behind the instruction");
    listen(b, VECTOR + 6);
    read_waits(b, G_READ_TRAPS);
    tap_eq(event_of(XEN_DMOP_EVENT_sw_int, VECTOR + 6, 1), 0, "an interrupt as of INT n");
    tap(read_ends(b) && !b->trapped && came(b, VECTOR + 6, 1), "comes, and is no exception");
    read_waits(b, G_READ_TRAPS_OFF);
    event_of(XEN_DMOP_EVENT_sw_int, VECTOR + 6, 1);
    tap(read_ends(b) && came(b, VECTOR + 6, 2), "also while interrupts are off");
    read_waits(b, G_READ_TRAPS);
    tap_eq(event_of(XEN_DMOP_EVENT_nmi, 0, 0), 0, "an NMI");
    tap(read_ends(b) && b->trapped && b->trap.vector == 2, "comes by vector 2");
}

/* Interrupts while they are off: those of an APIC wait, others are lost. */
static void while_off(struct box *b)
{
    listen(b, VECTOR + 7);
    read_waits(b, G_READ_TRAPS_OFF);
    tap_eq(event(0, XEN_DMOP_EVENT_ext_int, VECTOR + 7, ~0u, 0), 0, "an interrupt while off");
    tap(read_ends(b) && came(b, VECTOR + 7, 0), "is lost");
    read_waits(b, G_READ_TRAPS_OFF);
    tap_eq(message(MSI_BASE, VECTOR + 7), 0, "a message while off");
    tap(read_ends(b) && came(b, VECTOR + 7, 1), "comes when they are on");
}

/* Such as no processor knows: nothing comes, and the next one does. */
static void unknown(struct box *b)
{
    static const struct {
        uint8_t type, vector, insn_len;
    } odd[] = {{1, 0x60, 0},
               {7, 0x60, 0},
               {0xff, 0x60, 0},
               {XEN_DMOP_EVENT_hw_exc, 2, 0},
               {XEN_DMOP_EVENT_hw_exc, 32, 0},
               {XEN_DMOP_EVENT_hw_exc, 0xff, 0},
               {XEN_DMOP_EVENT_sw_int, 0x60, 0},
               {XEN_DMOP_EVENT_sw_int, 0x60, 16},
               {XEN_DMOP_EVENT_sw_exc, 0x60, 1},
               {XEN_DMOP_EVENT_sw_exc, VEC_BP, 0xff},
               {XEN_DMOP_EVENT_pri_sw_exc, 0x60, 1}};
    unsigned int wrong = 0;

    listen(b, VECTOR);
    for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
        read_waits(b, G_READ_TRAPS);
        wrong += event_of(odd[i].type, odd[i].vector, odd[i].insn_len) != 0;
        wrong += !read_ends(b) || b->trapped || !came(b, VECTOR, 0);
    }
    tap_eq(wrong, 0, "events that no processor knows are lost");
}

static void events(struct box *x, struct box *y)
{
    if (!tap_skip("an event for vCPU 1")) {
        listen(y, VECTOR + 2);
        long rc = event(1, XEN_DMOP_EVENT_ext_int, VECTOR + 2, ~0u, 0);
        bool there = came(y, VECTOR + 2, 1); /* what stops is to be the case that was asked for */

        tap_eq(rc, 0, "an event for vCPU 1");
        tap(there, "the event comes there");
    }
    exception(x, VEC_UD, ~0u, 0, "#UD");
    exception(x, VEC_GP, 0x1230, 0, "#GP");
    exception(x, VEC_PF, 2, 0x123456789000, "#PF");
    exception(x, VEC_GP, ~0u, 0, "#GP without a code");
    tap_eq((int64_t)x->trap.error, 0, "#GP without a code: it has one, 0");
    read_waits(x, G_READ_TRAPS);
    event(0, XEN_DMOP_EVENT_hw_exc, VEC_DE, 0x1230, 0);
    tap(read_ends(x) && x->trapped && x->trap.vector == VEC_DE && x->trap.error == 0,
        "#DE has no code, whatever is given");
    from_instructions(x);
    if (bootarg_has("basic"))
        return;
    while_off(x);
    unknown(x);
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
    if (!bootarg_has("basic"))
        test_frames();
    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    serve_with(&s, NULL);
    messages(x, y);
    message_forms(x, y);
    events(x, y);
    shut_down();
    dm_server_close(&s);
    serve_with(NULL, NULL);
}
