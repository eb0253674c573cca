/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device model that writes nonsense into its slots, for every kind of access: ports, strings,
 * memory, a change of memory, configuration space. Into a slot that waits for its answer: only the
 * answer counts. Into an idle one: states and ports that are not as they were lose the access, all
 * else is written over. States from 4 on while an access waits end the guest: those are the guests
 * from 2 on, `victims=` of the command line many.
 */
#include "suite.h"

#define PCI_ENABLE 0x80001800u /* function 0:3.0 */
#define PCI_ADDR   (UINT64_C(0x18) << 32)
#define DATA       UINT64_C(0x8877665544332211)

/* --- the accesses --- */

enum kind { IN, OUT, INS, OUTS, LOAD, STORE, CHANGE, MOVS, PCI_IN, PCI_OUT, NR_KINDS };

static const char *const names[NR_KINDS] = {"inl",
                                            "outl",
                                            "rep insb",
                                            "rep outsb",
                                            "movl",
                                            "a store",
                                            "addl to a device",
                                            "rep movsb",
                                            "a configuration read",
                                            "a configuration write"};

static struct code code_of(enum kind kind)
{
    switch (kind) {
    case IN:
    case PCI_IN:
        return CODE("inl %dx, %eax");
    case OUT:
    case PCI_OUT:
        return CODE("outl %eax, %dx");
    case INS:
        return CODE("rep insb");
    case OUTS:
        return CODE("rep outsb");
    case LOAD:
        return CODE("movl (%rbx), %eax");
    case STORE:
        return CODE("movl %eax, (%rbx)");
    case CHANGE:
        return CODE("addl %eax, (%rbx)");
    default:
        return CODE("rep movsb");
    }
}

/* Registers for it, and those that it changes whoever answers. */
static void begin_kind(enum kind kind)
{
    begin();
    give(RDX, kind == PCI_IN || kind == PCI_OUT ? 0xcfc : PORTS + 0x40);
    give(RBX, MMIO + 0x80);
    give(RAX, 0x1020304);
    give_flags(0);
    give(RCX, 5);
    give(RDI, guest_ram + 0x40);
    give(RSI, kind == MOVS ? MMIO + 0x90 : guest_ram + 0x60);
    if (kind != INS && kind != OUTS && kind != MOVS)
        return;
    want(RCX, 0);
    if (kind != OUTS)
        want(RDI, guest_ram + 0x45);
    if (kind != INS)
        want(RSI, kind == MOVS ? MMIO + 0x95 : guest_ram + 0x65);
}

static void want_elements(void)
{
    for (unsigned int i = 0; i < 5; i++)
        want_ram_int(0x40 + i, element(7 + i) & 0xff, 1);
}

static void want_served(enum kind kind)
{
    uint64_t sum = (uint32_t)DATA + UINT64_C(0x1020304);

    switch (kind) {
    case IN:
        want_in(PORTS + 0x40, 4, DATA);
        break;
    case OUT:
        want_out(PORTS + 0x40, 4, 0x1020304);
        break;
    case INS:
        want_batch(IOREQ_TYPE_PIO, READ, PORTS + 0x40, 1, 5, guest_ram + 0x40, 7);
        want_elements();
        break;
    case OUTS:
        for (unsigned int i = 0; i < 5; i++)
            give_ram_int(0x60 + i, element(7 + i) & 0xff, 1);
        want_batch(IOREQ_TYPE_PIO, WRITE, PORTS + 0x40, 1, 5, guest_ram + 0x60, 7);
        break;
    case LOAD:
        want_read(MMIO + 0x80, 4, DATA);
        break;
    case STORE:
        want_write(MMIO + 0x80, 4, 0x1020304);
        break;
    case CHANGE:
        want_read(MMIO + 0x80, 4, DATA);
        want_write(MMIO + 0x80, 4, sum);
        ignore_flags(0x8d5);
        break;
    case MOVS:
        want_batch(IOREQ_TYPE_COPY, READ, MMIO + 0x90, 1, 5, guest_ram + 0x40, 7);
        want_elements();
        break;
    case PCI_IN:
        want_request(IOREQ_TYPE_PCI_CONFIG, READ, PCI_ADDR, 4, DATA);
        break;
    default:
        want_request(IOREQ_TYPE_PCI_CONFIG, WRITE, PCI_ADDR, 4, 0x1020304);
        break;
    }
    if (kind == IN || kind == LOAD || kind == PCI_IN)
        want(RAX, (uint32_t)DATA);
}

static void want_nobody(enum kind kind)
{
    if (kind == IN || kind == LOAD || kind == PCI_IN)
        want(RAX, UINT32_MAX);
    if (kind == CHANGE)
        ignore_flags(0x8d5);
    for (unsigned int i = 0; i < 5 && (kind == INS || kind == MOVS); i++)
        want_ram_int(0x40 + i, 0xff, 1);
}

/* --- a slot in which an access waits --- */

static const uint32_t nonsense[] = {0, 1, 2, 0xff, 4095, 4097, 0x7fffffff, 0x80000000, UINT32_MAX};
static uint64_t word;

/* All that is not the answer; the state's byte goes with it. */
static void scribble(struct ioreq *r)
{
    uint64_t wide = word << 32 | word;

    r->addr = wide;
    r->count = (uint32_t)word;
    r->size = (uint32_t)word;
    r->_pad0 = (uint16_t)word;
    r->type = (uint8_t)word;
    r->data_is_ptr = word & 1;
    r->dir = word >> 1 & 1;
    r->df = word >> 2 & 1;
    r->data = wide;
}

static void in_flight(enum kind kind)
{
    char text[80];

    spoil_fn = scribble;
    for (unsigned int i = 0; i < ARRAY_SIZE(nonsense); i++) {
        word = nonsense[i];
        begin_kind(kind);
        want_served(kind);
        snprintf(text, sizeof(text), "%s: %x all over the slot, and an answer", names[kind],
                 nonsense[i]);
        run_code(text, code_of(kind));
    }
    spoil_fn = NULL;
    begin_kind(kind);
    want_served(kind);
    snprintf(text, sizeof(text), "%s: the next request is whole", names[kind]);
    run_code(text, code_of(kind));
}

/* --- an idle slot --- */

/* Nobody may serve it: what is in the slot is no request. */
static bool runs_unserved(enum kind kind)
{
    begin_kind(kind);
    want_nobody(kind);
    start_code(code_of(kind));
    if (!box_comes(box_of(0)))
        return false;
    box_finish(box_of(0));
    return code_ok();
}

static void idle(enum kind kind)
{
    struct ioreq *r = dm_slot(&server, 0);
    uint32_t port = r->vp_eport;
    bool lost = true;
    char text[80];

    snprintf(text, sizeof(text), "%s: a wrong state or port in an idle slot loses it", names[kind]);
    if (!tap_skip(text)) {
        for (unsigned int state = 1; lost && state < 16; state++) {
            dm_set_slot_state(r, state);
            lost = runs_unserved(kind);
        }
        dm_set_slot_state(r, STATE_IOREQ_NONE);
        for (unsigned int i = 0; lost && i < ARRAY_SIZE(nonsense); i++) {
            WRITE_ONCE(r->vp_eport, nonsense[i] == port ? port + 1 : nonsense[i]);
            lost = runs_unserved(kind);
        }
        WRITE_ONCE(r->vp_eport, port);
        tap(lost, "%s", text);
    }
    word = UINT32_MAX;
    scribble(r);
    dm_set_slot_state(r, STATE_IOREQ_NONE);
    begin_kind(kind);
    want_served(kind);
    snprintf(text, sizeof(text), "%s: all else is written over", names[kind]);
    run_code(text, code_of(kind));
}

/* --- guests that end of it --- */

static struct dm_server own;

static bool attach(domid_t dom, struct io_control **control, uint64_t at)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    *control = (struct io_control *)(uintptr_t)at;
    if (foreign_map(dom, IO_CONTROL_GPA >> PAGE_SHIFT, at) != 0)
        return false;
    while (READ_ONCE((*control)->ready) == 0 && counter() < end)
        yield_cpu();
    return READ_ONCE((*control)->ready) != 0 && dm_server_open(&own, dom) == 0 &&
           range_of(dom, true, own.id, XEN_DMOP_IO_RANGE_PORT, PORTS, PORTS_LAST) == 0 &&
           range_of(dom, true, own.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO_LAST) == 0 &&
           range_of(dom, true, own.id, XEN_DMOP_IO_RANGE_PCI, 0x18, 0x18) == 0;
}

static void go(struct io_control *control, enum kind kind)
{
    struct io_box *box = &control->box[0];
    struct code code = code_of(kind);

    if (kind == PCI_IN || kind == PCI_OUT)
        code = kind == PCI_IN ? CODE("movl $0xcf8, %edx\n\toutl %eax, %dx\n\taddl $4, %edx\n\t"
                                     "inl %dx, %eax")
                              : CODE("movl $0xcf8, %edx\n\toutl %eax, %dx\n\taddl $4, %edx\n\t"
                                     "outl %eax, %dx");
    memset(box->code, 0xcc, sizeof(box->code));
    memcpy(box->code, code.start, (size_t)(code.end - code.start));
    box->in = (struct io_regs){.rip = box->code_at, .cs = SEL_CODE64, .ss = SEL_DATA, .rflags = 2};
    box->in.rsp = control->ram + 0x800;
    box->in.r[RAX] = PCI_ENABLE;
    box->in.r[RBX] = MMIO;
    box->in.r[RDX] = PORTS;
    box->in.r[RCX] = 5;
    box->in.r[RDI] = control->ram;
    box->in.r[RSI] = kind == MOVS ? MMIO : control->ram;
    box_go(box, IO_RUN);
}

static void victim(domid_t dom, unsigned int state, enum kind kind, uint64_t at)
{
    struct io_control *control;
    struct ioreq *r;

    if (!tap(attach(dom, &control, at), "guest %u runs and has a server", dom))
        return;
    r = dm_slot(&own, 0);
    go(control, kind);
    tap(comes(&own, 0), "%s of guest %u waits", names[kind], dom);
    dm_set_slot_state(r, state);
    evtchn_send(own.port[0]);
    tap(stays(&control->box[0], 100), "%s: state %u, and it does not go on", names[kind], state);
    dm_set_slot_state(r, STATE_IORESP_READY);
    evtchn_send(own.port[0]);
    tap(stays(&control->box[0], 20), "%s: nor with an answer after state %u", names[kind], state);
    dm_server_close(&own);
    foreign_unmap(at);
}

static void victims(void)
{
    unsigned int n = (unsigned int)bootarg_u64("victims", 0);
    uint64_t at = scratch_alloc(1);

    for (unsigned int i = 0; i < n; i++)
        victim((domid_t)(2 + i), 4 + i % 12, i % NR_KINDS, at);
    begin_kind(IN);
    want_served(IN);
    run_code("the first guest goes on", code_of(IN));
}

void test_hostile(void)
{
    range(true, server.id, XEN_DMOP_IO_RANGE_PCI, 0x18, 0x18);
    begin();
    give(RDX, 0xcf8);
    give(RAX, PCI_ENABLE);
    run_in_guest(CODE("outl %eax, %dx"));
    for (enum kind kind = 0; kind < NR_KINDS; kind++) {
        in_flight(kind);
        idle(kind);
    }
    range(false, server.id, XEN_DMOP_IO_RANGE_PCI, 0x18, 0x18);
    victims();
}
