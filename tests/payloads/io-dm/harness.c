/* SPDX-License-Identifier: Apache-2.0 */
/* Cases: what is expected, the guest's instruction, the requests it makes, and the comparison. */
#include "suite.h"

#define MAX_REQUESTS 96
#define RAM_BYTES    (IO_RAM_PAGES * PAGE_SIZE)

struct request {
    unsigned int type, flags, size, count;
    uint64_t addr, at, data;
    bool fill;
};

static struct request wanted[MAX_REQUESTS];
static unsigned int nr_wanted;
static struct io_regs in, expected;
static uint64_t trap_vector, flags_ignored;
static bool ends_elsewhere;
static enum io_op run_op; /* the mode in which the code runs, and what it wants to know */
static uint64_t run_arg;
static uint8_t before[RAM_BYTES], after[RAM_BYTES];

struct io_regs *result;
struct ioreq requests[MAX_REQUESTS];
unsigned int nr_requests;
uint64_t (*answer_fn)(const struct ioreq *r);
void (*spoil_fn)(struct ioreq *slot);

/* --- directing the guest --- */

void box_go(struct io_box *b, enum io_op op)
{
    b->op = op;
    wmb(); /* the command before its number; partner: serve_boxes() in io-guest */
    WRITE_ONCE(b->seq, b->seq + 1);
}

static bool is_done(const struct io_box *b)
{
    bool done = READ_ONCE(b->done) == b->seq;

    rmb(); /* done before the answer; partner: serve_boxes() in io-guest */
    return done;
}

/* The elements of a batch, to or from the guest's RAM; false: they are not there, or not right. */
static bool move_batch(const struct ioreq *r, const struct request *w)
{
    bool ok = true;

    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t at = r->df ? r->data - (uint64_t)i * r->size : r->data + (uint64_t)i * r->size;
        uint64_t value = element(w->data + i);

        if (at < guest_ram || at + r->size > guest_ram + RAM_BYTES)
            return false;
        if (r->dir == IOREQ_READ)
            memcpy(ram + (at - guest_ram), &value, r->size);
        else
            ok = ok && memcmp(ram + (at - guest_ram), &value, r->size) == 0;
    }
    return ok;
}

static uint64_t answer(const struct ioreq *r, unsigned int n)
{
    const struct request *w = &wanted[n];

    if (answer_fn != NULL)
        return answer_fn(r);
    if (n >= nr_wanted)
        return 0;
    if (r->data_is_ptr && !move_batch(r, w))
        print("# request %u: the elements are not what they should be", n);
    return w->flags & READ ? w->data : 0;
}

static uint64_t served_at; /* when something was last served */

static void serve_slot(struct dm_server *s, unsigned int vcpu)
{
    unsigned int n = nr_requests < MAX_REQUESTS ? nr_requests : MAX_REQUESTS - 1;
    struct ioreq r;

    event_take(s->port[vcpu]);
    if (!dm_take(s, vcpu, &r))
        return;
    requests[n] = r;
    requests[n].vp_eport = s->id; /* who got it */
    nr_requests++;
    served_at = counter();
    if (spoil_fn != NULL)
        spoil_fn(dm_slot(s, vcpu));
    dm_answer(s, vcpu, answer(&r, n));
}

static void serve_and_wait(void)
{
    struct dm_server *const servers[] = {&server, &other};
    evtchn_port_t ports[2 * MAX_CPUS];
    unsigned int n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(servers); i++)
        for (unsigned int v = 0; v < servers[i]->vcpus; v++) {
            serve_slot(servers[i], v);
            ports[n++] = servers[i]->port[v];
        }
    events_poll(ports, n, now_ns() + 100000);
}

void box_finish(struct io_box *b)
{
    served_at = counter();
    while (!is_done(b) && counter() - served_at < PATIENCE * counter_hz())
        serve_and_wait();
    if (!is_done(b)) /* whatever follows would only say so again */
        die("the guest does not answer command %u", b->op);
}

void box_run(struct io_box *b, enum io_op op)
{
    nr_requests = 0;
    box_go(b, op);
    box_finish(b);
}

/* --- what a case says --- */

static void both(uint64_t *a, uint64_t *b, uint64_t value)
{
    *a = value;
    *b = value;
}

void begin(void)
{
    for (unsigned int i = 0; i < IO_NR_REGS; i++)
        in.r[i] = UINT64_C(0x9182a3b4c5d6e7f8) * (i + 1);
    in.cs = SEL_CODE64;
    in.ss = SEL_DATA;
    in.rflags = 0x2 | 0x1 | 0x80 | 0x10; /* CF, SF, AF */
    in.rsp = VIEW(V_RAM) + 0x800;
    in.rip = box_of(0)->code_at;
    expected = in;
    nr_wanted = 0;
    trap_vector = VEC_BP;
    expected.error = expected.cr2 = 0;
    ends_elsewhere = false;
    run_op = IO_RUN;
    flags_ignored = 0x10000; /* RF: as the processor has it */
    for (unsigned int i = 0; i < RAM_BYTES; i++)
        before[i] = (uint8_t)(i * 7 + (i >> 8) + 3);
    memcpy(after, before, RAM_BYTES);
}

void code_is(unsigned int cs)
{
    in.cs = expected.cs = cs;
    if (cs == SEL_CODE16)
        in.rip = expected.rip = 0;
    if (cs == SEL_USER)
        in.ss = expected.ss = SEL_USER_SS;
}

void real_mode(uint16_t segment)
{
    run_op = IO_RUN_REAL;
    run_arg = segment;
    in.rip = expected.rip = 0;
    in.rsp = expected.rsp = 0x800;
    for (unsigned int i = R8; i <= RAX; i++)
        both(&in.r[i], &expected.r[i], 0x11111111u * (i + 1));
}

void protected_mode(enum io_paging paging)
{
    run_op = IO_RUN_32;
    run_arg = paging;
    in.rsp = expected.rsp = (IO_REAL_STACK << 4) + 0x800;
    for (unsigned int i = R8; i <= RAX; i++)
        both(&in.r[i], &expected.r[i], 0x11111111u * (i + 1));
}

void give(enum io_reg reg, uint64_t value)
{
    both(&in.r[reg], &expected.r[reg], value);
}

void give_flags(uint64_t value)
{
    both(&in.rflags, &expected.rflags, value | 2);
}

void give_rsp(uint64_t value)
{
    both(&in.rsp, &expected.rsp, value);
}

void want_rsp(uint64_t value)
{
    expected.rsp = value;
}

void ignore_flags(uint64_t mask)
{
    flags_ignored |= mask;
}

void want(enum io_reg reg, uint64_t value)
{
    expected.r[reg] = value;
}

void want_flags(uint64_t mask, uint64_t value)
{
    expected.rflags = (expected.rflags & ~mask) | value;
}

void want_trap(unsigned int vector, uint64_t error, uint64_t cr2)
{
    trap_vector = vector;
    expected.error = error;
    expected.cr2 = cr2;
    want_rip(in.rip);
}

void want_rip(uint64_t rip)
{
    ends_elsewhere = true;
    expected.rip = rip;
}

void want_ram(unsigned int offset, const void *data, unsigned int bytes)
{
    memcpy(after + offset, data, bytes);
}

void want_ram_int(unsigned int offset, uint64_t value, unsigned int bytes)
{
    memcpy(after + offset, &value, bytes);
}

void give_ram_int(unsigned int offset, uint64_t value, unsigned int bytes)
{
    memcpy(before + offset, &value, bytes);
    memcpy(after + offset, &value, bytes);
}

static struct request *next_wanted(void)
{
    if (nr_wanted == MAX_REQUESTS)
        die("a case with too many requests");
    return &wanted[nr_wanted++];
}

void want_request(unsigned int type, unsigned int flags, uint64_t addr, unsigned int size,
                  uint64_t data)
{
    *next_wanted() = (struct request){
        .type = type, .flags = flags, .addr = addr, .size = size, .count = 1, .data = data};
}

void want_batch(unsigned int type, unsigned int flags, uint64_t addr, unsigned int size,
                unsigned int count, uint64_t at, uint64_t data)
{
    *next_wanted() = (struct request){.type = type,
                                      .flags = flags | BATCH,
                                      .addr = addr,
                                      .size = size,
                                      .count = count,
                                      .at = at,
                                      .data = data};
}

void want_fill(unsigned int flags, uint64_t addr, unsigned int size, unsigned int count,
               uint64_t data)
{
    want_request(IOREQ_TYPE_COPY, flags, addr, size, data);
    wanted[nr_wanted - 1].count = count;
}

/* --- the run and its judgement --- */

static bool request_ok(const struct ioreq *r, const struct request *w)
{
    uint64_t data = w->data & size_mask(w->size);

    if (w->flags & BATCH)
        data = w->at;
    else if (w->flags & READ)
        data = 0;
    return r->type == w->type && r->dir == (w->flags & READ) && r->addr == w->addr &&
           r->size == w->size && r->count == w->count && r->data == data &&
           r->data_is_ptr == !!(w->flags & BATCH) && r->df == !!(w->flags & DOWN);
}

static void show_requests(void)
{
    unsigned int n = nr_requests < MAX_REQUESTS ? nr_requests : MAX_REQUESTS;

    print("# %u requests, want %u", nr_requests, nr_wanted);
    for (unsigned int i = 0; i < n || i < nr_wanted; i++) {
        const struct ioreq *r = &requests[i];
        const struct request *w = &wanted[i];

        if (i < n && i < nr_wanted && request_ok(r, w))
            continue;
        if (i < n)
            print("# got %u: type %u dir %u ptr %u df %u addr %llx size %u count %u data %llx", i,
                  r->type, r->dir, r->data_is_ptr, r->df, (unsigned long long)r->addr, r->size,
                  r->count, (unsigned long long)r->data);
        if (i < nr_wanted)
            print("# want: type %u flags %x addr %llx size %u count %u at %llx data %llx", w->type,
                  w->flags, (unsigned long long)w->addr, w->size, w->count,
                  (unsigned long long)w->at, (unsigned long long)w->data);
    }
}

static bool requests_ok(void)
{
    bool ok = nr_requests == nr_wanted;

    for (unsigned int i = 0; ok && i < nr_wanted; i++)
        ok = request_ok(&requests[i], &wanted[i]);
    if (!ok)
        show_requests();
    return ok;
}

static bool differs(const char *what, uint64_t got, uint64_t want_)
{
    if (got != want_)
        print("# %s: got %llx, want %llx", what, (unsigned long long)got,
              (unsigned long long)want_);
    return got != want_;
}

static bool regs_ok(void)
{
    static const char *const names[IO_NR_REGS] = {"r15", "r14", "r13", "r12", "r11",
                                                  "r10", "r9",  "r8",  "rbp", "rdi",
                                                  "rsi", "rdx", "rcx", "rbx", "rax"};
    bool bad = differs("vector", result->vector, trap_vector);

    for (unsigned int i = 0; i < IO_NR_REGS; i++)
        bad |= differs(names[i], result->r[i], expected.r[i]);
    bad |= differs("rip", result->rip, expected.rip);
    bad |= differs("rsp", result->rsp, expected.rsp);
    bad |= differs("flags", result->rflags & ~flags_ignored, expected.rflags & ~flags_ignored);
    if (trap_vector != VEC_BP)
        bad |= differs("error", result->error, expected.error);
    if (trap_vector == VEC_PF && !bootarg_has("nocr2"))
        bad |= differs("cr2", result->cr2, expected.cr2);
    return !bad;
}

static bool ram_ok(void)
{
    for (unsigned int i = 0; i < RAM_BYTES; i++)
        if (ram[i] != after[i]) {
            print("# RAM at %x: got %x, want %x", i, ram[i], after[i]);
            return false;
        }
    return true;
}

static void post_code(struct code code)
{
    struct io_box *b = box_of(0);

    memcpy(ram, before, RAM_BYTES);
    memset(b->code, 0xcc, sizeof(b->code));
    if (code.end - code.start >= IO_CODE_SIZE)
        die("code does not fit");
    memcpy(b->code, code.start, (size_t)(code.end - code.start));
    b->in = in;
    result = &b->out;
    nr_requests = 0;
    b->a0 = run_arg;
    box_go(b, run_op);
}

void run_in_guest(struct code code)
{
    post_code(code);
    box_finish(box_of(0));
}

void start_code(struct code code)
{
    if (!ends_elsewhere)
        expected.rip = in.rip + (uint64_t)(code.end - code.start) + 1;
    post_code(code);
}

bool code_ok(void)
{
    bool ok = requests_ok();

    ok &= regs_ok();
    ok &= ram_ok();
    return ok;
}

bool finish_code(const char *text)
{
    box_finish(box_of(0));
    return tap(code_ok(), "%s", text);
}

bool run_code(const char *text, struct code code)
{
    if (tap_skip(text))
        return true;
    start_code(code);
    return finish_code(text);
}
