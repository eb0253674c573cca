/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DM op 12, set_mem_type: RAM of the guest becomes read-only, where writes are lost and nobody is
 * asked, or nothing, which is forwarded like any hole.
 */
#include "suite.h"

#define PAGE UINT64_C(0x3010000) /* one page */
#define ROW  UINT64_C(0x3020000) /* four, the third is not there */
#define MANY UINT64_C(0x3100000)
#define LONG 0x800u /* frames from there on */
#define OLD  UINT64_C(0x1122334455667788)
#define NEW  UINT64_C(0x99aabbccddeeff00)

static uint64_t *page; /* PAGE, here */

static long call(struct xen_dm_op *op, uint64_t gpa, uint32_t nr, uint16_t type)
{
    *op = (struct xen_dm_op){.op = XEN_DMOP_set_mem_type};
    op->u.set_mem_type.first_pfn = gpa >> PAGE_SHIFT;
    op->u.set_mem_type.nr = nr;
    op->u.set_mem_type.mem_type = type;
    return dm_op(GUEST, op);
}

static long set_type(uint64_t gpa, uint32_t nr, uint16_t type)
{
    struct xen_dm_op op;

    return call(&op, gpa, nr, type);
}

static void errors(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_mem_type};
    domid_t dom = GUEST;
    uint64_t beyond = (uint64_t)memory_op(XENMEM_maximum_gpfn, &dom) + 1;

    op.u.set_mem_type.first_pfn = PAGE >> PAGE_SHIFT;
    op.u.set_mem_type.nr = 1;
    op.u.set_mem_type.pad = 1;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "types: padding");
    tap_eq(set_type(PAGE, 0, HVMMEM_ram_rw), -XEN_EINVAL, "types: no frame");
    tap_eq(set_type(beyond << PAGE_SHIFT, 1, HVMMEM_ram_rw), -XEN_EINVAL, "types: beyond the end");
    tap_eq(set_type(PAGE, UINT32_MAX, HVMMEM_ram_rw), -XEN_EINVAL, "types: more than there are");
    op.u.set_mem_type.pad = 0;
    op.u.set_mem_type.first_pfn = UINT64_MAX - 1;
    op.u.set_mem_type.nr = 3;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "types: over the end of all numbers");
    tap_eq(set_type(PAGE, 1, 3), -XEN_EINVAL, "types: 3");
    tap_eq(set_type(PAGE, 1, HVMMEM_ioreq_server), -XEN_EINVAL, "types: 4, to which none is bound");
    tap_eq(set_type(PAGE, 1, 5), -XEN_EINVAL, "types: 5");
    tap_eq(set_type(PAGE, 1, 0xffff), -XEN_EINVAL, "types: 65535");
}

/* --- read-only --- */

static void fill(void)
{
    for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
        page[i] = OLD;
}

static bool same(void)
{
    for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
        if (READ_ONCE(page[i]) != OLD)
            return false;
    return true;
}

static void begin_at(uint64_t rax)
{
    begin();
    give(RBX, PAGE + 0x100);
    give(RAX, rax);
}

#define LOST(insn)                                           \
    do {                                                     \
        RUN_AS("read-only: " insn, insn);                    \
        tap(same(), "read-only: %s has changed none", insn); \
    } while (0)

static void lost_writes(void)
{
    begin_at(NEW);
    LOST("movb %al, (%rbx)");
    begin_at(NEW);
    LOST("movw %ax, (%rbx)");
    begin_at(NEW);
    LOST("movl %eax, (%rbx)");
    begin_at(NEW);
    LOST("movq %rax, (%rbx)");
    begin_at(NEW);
    give(RBX, PAGE + PAGE_SIZE - 8);
    LOST("movq %rax, (%rbx)");
    begin_at(NEW);
    give(RDI, PAGE + 0x200);
    give(RCX, 5);
    want(RDI, PAGE + 0x228);
    want(RCX, 0);
    LOST("rep stosq");
    begin_at(NEW);
    give(RSI, guest_ram + 0x40);
    give(RDI, PAGE + 0x200);
    give(RCX, 33);
    want(RSI, guest_ram + 0x61);
    want(RDI, PAGE + 0x221);
    want(RCX, 0);
    LOST("rep movsb");
    begin_at(NEW);
    give_rsp(PAGE + 0x300);
    want_rsp(PAGE + 0x2f8);
    LOST("pushq %rax");
}

/* What they read is what is there; what they write is lost. */
static void lost_changes(void)
{
    begin_at(1);
    give_flags(0);
    want_flags(0x8d5, 0);
    LOST("addq %rax, (%rbx)");
    begin_at(0);
    give_flags(0);
    want_flags(0x8d5, 4);
    LOST("lock orq %rax, (%rbx)");
    begin_at(NEW);
    want(RAX, OLD);
    LOST("xchgq %rax, (%rbx)");
    begin_at(NEW);
    give_flags(0);
    want(RAX, OLD);
    ignore_flags(0x8d5);
    want_flags(0x40, 0);
    LOST("cmpxchgq %rcx, (%rbx)");
    begin_at(OLD);
    give_flags(0);
    ignore_flags(0x8d5);
    LOST("lock cmpxchgq %rcx, (%rbx)");
}

static void reads(void)
{
    begin_at(0);
    want(RAX, OLD);
    RUN_AS("read-only: it is read", "movq (%rbx), %rax");
    WRITE_ONCE(page[0x100 / 8], 5);
    begin_at(0);
    want(RAX, 5);
    RUN_AS("read-only: not so for the device model that has it mapped", "movq (%rbx), %rax");
    fill();
}

/* The hypervisor's own writes for the guest are lost as well. */
static void hypercalls(void)
{
    struct io_box *b = box_of(0);

    b->in.r[RAX] = __HYPERVISOR_xen_version;
    b->in.r[RDI] = XENVER_extraversion;
    b->in.r[RSI] = PAGE;
    box_run(b, IO_HYPERCALL);
    tap(same(), "read-only: the result of a hypercall does not get there # it said %lld",
        (long long)b->result);
}

static void read_only(void)
{
    fill();
    range(true, other.id, XEN_DMOP_IO_RANGE_MEMORY, PAGE, PAGE + 0xfff);
    tap_eq(set_type(PAGE, 1, HVMMEM_ram_ro), 0, "a page is read-only");
    lost_writes();
    lost_changes();
    reads();
    hypercalls();
    tap_eq(set_type(PAGE, 1, HVMMEM_ram_ro), 0, "it becomes what it is");
    tap_eq(set_type(PAGE, 1, HVMMEM_ram_rw), 0, "and writable again");
    begin_at(NEW);
    RUN_AS("then it is written", "movq %rax, (%rbx)");
    tap_eq((int64_t)page[0x100 / 8], (int64_t)NEW, "and has it");
}

/* --- several, and many --- */

static bool writable(uint64_t gpa)
{
    begin();
    give(RBX, gpa);
    give(RAX, gpa ^ NEW);
    run_in_guest(CODE("movq %rax, (%rbx)\n\tmovq (%rbx), %rcx\n\tmovq $0, (%rbx)"));
    return nr_requests == 0 && result->r[RCX] == (gpa ^ NEW);
}

static void row(void)
{
    const uint64_t first = ROW >> PAGE_SHIFT;
    struct xen_dm_op op;

    tap_eq(give_back(ROW + 2 * PAGE_SIZE), 1, "a row has a hole");
    tap_eq(call(&op, ROW, 4, HVMMEM_ram_ro), -XEN_EINVAL, "it does not become read-only");
    tap(op.u.set_mem_type.first_pfn == first && op.u.set_mem_type.nr == 4,
        "the call's buffer is as it was");
    tap(!writable(ROW) && !writable(ROW + PAGE_SIZE), "what is before the hole has");
    tap(writable(ROW + 3 * PAGE_SIZE), "what is behind has not");
    tap_eq(set_type(ROW, 2, HVMMEM_ram_rw), 0, "and back");
    tap(writable(ROW) && writable(ROW + PAGE_SIZE), "both are writable");
    tap_eq(set_type(ROW + 2 * PAGE_SIZE, 1, HVMMEM_ram_rw), -XEN_EINVAL, "a hole becomes no RAM");
    tap_eq(set_type(ROW + 2 * PAGE_SIZE, 1, HVMMEM_mmio_dm), 0, "it is what it is");
    tap_eq(populate(ROW + 2 * PAGE_SIZE), 1, "with a page again");
    tap(writable(ROW + 2 * PAGE_SIZE), "it is RAM");
}

static void on_tick(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    timer_set(counter_hz() / 20000);
}

static bool ends_are(bool rw)
{
    return writable(MANY) == rw && writable(MANY + LONG / 2 * PAGE_SIZE) == rw &&
           writable(MANY + (LONG - 1) * PAGE_SIZE) == rw;
}

/* The call is cut where an interrupt waits, and then goes on: the buffer says what was left. */
static void many(void)
{
    struct xen_dm_op op;
    unsigned int rounds = 0;
    uint32_t left = LONG;
    uint64_t end;
    bool ok = true;

    if (tap_skip("many frames: all change, and none behind them"))
        return;
    end = counter() + 5 * counter_hz();
    irq_set_handler(TIMER_IRQ, on_tick, NULL);
    irqs_on();
    while (ok && (rounds < 2 || (counter() < end && left == LONG))) {
        bool rw = rounds++ % 2 != 0;

        timer_set(counter_hz() / 20000);
        ok = call(&op, MANY, LONG, rw ? HVMMEM_ram_rw : HVMMEM_ram_ro) == 0;
        timer_stop();
        left = op.u.set_mem_type.nr;
        ok = ok && op.u.set_mem_type.first_pfn + left == (MANY >> PAGE_SHIFT) + LONG;
        ok = ok && ends_are(rw) && writable(MANY + LONG * PAGE_SIZE);
    }
    timer_stop();
    irqs_off();
    tap(ok, "many frames: all change, and none behind them");
    tap(left < LONG, "many frames: an interrupt came in between # %u left, in round %u", left,
        rounds);
    tap_eq(set_type(MANY, LONG, HVMMEM_ram_rw), 0, "many frames: as they were");
}

/* --- nothing --- */

static void gone(void)
{
    tap_eq(set_type(PAGE, 1, HVMMEM_mmio_dm), 0, "a page becomes nothing");
    box_run(box_of(0), IO_NOP); /* perhaps told to forget */
    for (unsigned int i = 0; i < 100 && nr_requests == 0; i++)
        box_run(box_of(0), IO_NOP);
    begin_at(0);
    want_read(PAGE + 0x100, 8, NEW);
    want(RAX, NEW);
    RUN_AS("then it is a device: a read", "movq (%rbx), %rax");
    begin_at(NEW);
    want_write(PAGE + 0x100, 8, NEW);
    RUN_AS("a write", "movq %rax, (%rbx)");
    begin_at(1);
    give_flags(0);
    want_read(PAGE + 0x100, 8, 2);
    want_write(PAGE + 0x100, 8, 3);
    want_flags(0x8d5, 4);
    RUN_AS("a change", "addq %rax, (%rbx)");
    tap_eq(set_type(PAGE, 1, HVMMEM_ram_ro), -XEN_EINVAL, "it does not become read-only");
    tap_eq(set_type(PAGE, 1, HVMMEM_ram_rw), -XEN_EINVAL, "nor RAM");
    range(false, other.id, XEN_DMOP_IO_RANGE_MEMORY, PAGE, PAGE + 0xfff);
    begin_at(0);
    want(RAX, UINT64_MAX);
    RUN_AS("when no server has it, nobody's", "movq (%rbx), %rax");
}

void test_types(void)
{
    uint64_t at = scratch_alloc(1);

    if (!tap_eq(foreign_map(GUEST, PAGE >> PAGE_SHIFT, at), 0, "a page of the guest is mapped"))
        return;
    page = (uint64_t *)(uintptr_t)at;
    errors();
    read_only();
    row();
    many();
    gone();
    foreign_unmap(at);
}
