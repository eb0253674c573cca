/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that behaves like memory: the same instruction with the same registers, once where all
 * pages are RAM and once where some are the device's. Registers, flags, faults and contents have to
 * be the same, however the accesses were split, batched and mixed. `rounds=` and `seed=` of the
 * command line choose, no rounds is no cases; with `aligned` no pointer is odd, so that few
 * accesses are on two pages.
 */
#include "suite.h"

#define PAGES  4u
#define BYTES  (PAGES * PAGE_SIZE)
#define FIRST  32u /* page of the view; nothing is there beside them */
#define WHERE  VIEW(FIRST)
#define PORT   0x240u
#define ARITH  UINT64_C(0x8d5)
#define AF     UINT64_C(0x10)
#define OF     UINT64_C(0x800)
#define BT     UINT64_C(0x894)
#define MUL    UINT64_C(0x0d4)
#define SHIFTS (AF | OF)

/* Not of flags. ENTER: Intel looks at the last stack pointer as if it wrote there, others not. */
#define FRAMES (UINT64_C(1) << 62)
/* It stores more than once, and what of that stays where one faults is open. */
#define STORES (UINT64_C(1) << 63)

struct program {
    const char *text;
    struct code code;
    uint64_t undefined; /* flags */
};

#define MAX_PROGRAMS 128
static struct program programs[MAX_PROGRAMS];
static unsigned int nr_programs;

static uint8_t device[BYTES], first[BYTES], plain[BYTES];
static uint64_t state, inputs, outputs;
static bool strange; /* a request that makes no sense */

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void add(const char *text, struct code code, uint64_t undefined)
{
    if (nr_programs == MAX_PROGRAMS)
        die("too many programs");
    programs[nr_programs++] = (struct program){text, code, undefined};
}

#define ADD(insns, undefined) add(insns, CODE(insns), undefined)

static void add_moves(void)
{
    ADD("movb (%rbx), %al", 0);
    ADD("movw (%rbx), %ax", 0);
    ADD("movl (%rbx), %eax", 0);
    ADD("movq (%rbx), %rax", 0);
    ADD("movb %cl, (%rbx)", 0);
    ADD("movw %cx, (%rbx)", 0);
    ADD("movl %ecx, (%rbx)", 0);
    ADD("movq %rcx, (%rbx)", 0);
    ADD("movzwl (%rbx), %eax", 0);
    ADD("movslq (%rbx), %rax", 0);
    ADD("movbel (%rbx), %eax", 0);
    ADD("movups (%rbx), %xmm1; movq %xmm1, %rax", 0);
    ADD("movq %rax, %xmm1; movups %xmm1, (%rbx)", STORES);
    ADD("movq %rax, %xmm1; movss %xmm1, (%rbx)", 0);
    ADD("movaps (%rbx), %xmm1; movq %xmm1, %rax", 0);
    ADD("cmovcl (%rbx), %eax", 0);
    ADD("setc (%rbx)", 0);
    ADD("movl 8(%rsi, %rcx, 4), %eax", 0);
    ADD("movq %rax, -16(%rdi, %rcx)", 0);
}

static void add_arithmetic(void)
{
    ADD("addl %eax, (%rbx)", 0);
    ADD("addq (%rbx), %rax", 0);
    ADD("adcw %ax, (%rbx)", 0);
    ADD("sbbq %rax, (%rbx)", 0);
    ADD("subb %al, (%rbx)", 0);
    ADD("andl %eax, (%rbx)", AF);
    ADD("orq %rax, (%rbx)", AF);
    ADD("xorw %ax, (%rbx)", AF);
    ADD("cmpq %rax, (%rbx)", 0);
    ADD("testl %eax, (%rbx)", AF);
    ADD("incq (%rbx)", 0);
    ADD("decw (%rbx)", 0);
    ADD("negl (%rbx)", 0);
    ADD("notq (%rbx)", 0);
    ADD("lock addq %rax, (%rbx)", 0);
    ADD("lock decl (%rbx)", 0);
    ADD("xchgq %rax, (%rbx)", 0);
    ADD("xchgw %ax, (%rbx)", 0);
    ADD("xaddl %eax, (%rbx)", 0);
    ADD("lock xaddq %rax, (%rbx)", 0);
    ADD("cmpxchgl %ecx, (%rbx)", 0);
    ADD("lock cmpxchgq %rcx, (%rbx)", 0);
    ADD("movq (%rbx), %rax; cmpxchgq %rcx, (%rbx)", 0);
    ADD("cmpxchg8b (%rbx)", 0);
    ADD("shlq %cl, (%rbx)", SHIFTS);
    ADD("sarw $3, (%rbx)", SHIFTS);
    ADD("rorl $1, (%rbx)", 0);
    ADD("rclq $1, (%rbx)", 0);
    ADD("shldl $5, %eax, (%rbx)", SHIFTS);
    ADD("shrdq %cl, %rax, (%rbx)", SHIFTS);
    ADD("btl $7, (%rbx)", BT);
    ADD("btsw %cx, (%rbx)", BT);
    ADD("btrq %rcx, (%rbx)", BT);
    ADD("btcl %ecx, (%rbx)", BT);
    ADD("mull (%rbx)", MUL);
    ADD("imulq (%rbx), %rax", MUL);
    ADD("divq (%rbx)", ARITH);
    ADD("idivw (%rbx)", ARITH);
}

static void add_stack(void)
{
    ADD("pushq %rax", 0);
    ADD("pushw (%rbx)", 0);
    ADD("pushq (%rbx)", 0);
    ADD("popq %rax", 0);
    ADD("popq (%rbx)", 0);
    ADD("popw (%rbx)", 0);
    ADD("call . + 40", 0);
    ADD("pushfq", 0);
    ADD("leave", 0);
    ADD("enter $24, $0", FRAMES);
    ADD("enter $24, $1", FRAMES);
    ADD("enter $24, $2", FRAMES);
    ADD("enter $0, $3", FRAMES);
    ADD("xlat", 0);
}

static void add_strings(void)
{
    ADD("movsb", 0);
    ADD("movsl", 0);
    ADD("movsq", 0);
    ADD("rep movsb", 0);
    ADD("rep movsw", 0);
    ADD("rep movsl", 0);
    ADD("rep movsq", 0);
    ADD("stosw", 0);
    ADD("rep stosb", 0);
    ADD("rep stosw", 0);
    ADD("rep stosl", 0);
    ADD("rep stosq", 0);
    ADD("lodsl", 0);
    ADD("rep lodsb", 0);
    ADD("scasq", 0);
    ADD("repne scasb", 0);
    ADD("repe scasw", 0);
    ADD("cmpsl", 0);
    ADD("repe cmpsb", 0);
    ADD("repne cmpsw", 0);
    ADD("outsw", 0);
    ADD("rep outsb", 0);
    ADD("rep outsw", 0);
    ADD("rep outsl", 0);
    add("rep addr32 movsl", CODE(".byte 0xf3, 0x67, 0xa5"), 0);
}

static void add_ins(void)
{
    ADD("insb", 0);
    ADD("insl", 0);
    ADD("rep insb", 0);
    ADD("rep insw", 0);
    ADD("rep insl", 0);
    add("rep addr32 insw", CODE(".byte 0xf3, 0x67, 0x66, 0x6d"), 0);
}

/* --- the device --- */

static uint8_t *device_at(uint64_t addr, unsigned int size)
{
    if (addr >= MMIO && addr + size <= MMIO + BYTES)
        return device + (addr - MMIO);
    strange = true;
    return device;
}

static uint8_t *ram_at(uint64_t addr, unsigned int size)
{
    if (addr >= guest_ram && addr + size <= guest_ram + BYTES)
        return ram + (addr - guest_ram);
    strange = true;
    return ram;
}

/* Element i of a request: a port's or the device's data from or to RAM, or the request's own. */
static uint64_t element_of(const struct ioreq *r, uint32_t i, uint64_t value)
{
    uint64_t step = (uint64_t)i * r->size;
    uint64_t addr = r->df ? r->addr - step : r->addr + step;
    uint64_t data = r->df ? r->data - step : r->data + step;

    if (r->data_is_ptr && r->dir == IOREQ_WRITE)
        memcpy(&value, ram_at(data, r->size), r->size);
    value &= size_mask(r->size);
    if (r->type == IOREQ_TYPE_PIO && r->dir == IOREQ_WRITE)
        outputs = outputs * 31 + value + r->size;
    else if (r->type == IOREQ_TYPE_PIO)
        value = element(inputs++);
    else if (r->dir == IOREQ_WRITE)
        memcpy(device_at(addr, r->size), &value, r->size);
    else
        memcpy(&value, device_at(addr, r->size), r->size);
    if (r->data_is_ptr && r->dir == IOREQ_READ)
        memcpy(ram_at(data, r->size), &value, r->size);
    return value;
}

static uint64_t serve(const struct ioreq *r)
{
    uint64_t value = r->data;

    if ((r->type != IOREQ_TYPE_PIO && r->type != IOREQ_TYPE_COPY) || r->count == 0 ||
        (r->size != 1 && r->size != 2 && r->size != 4 && r->size != 8) || r->count > 4096)
        strange = true;
    for (uint32_t i = 0; i < r->count && !strange; i++)
        value = element_of(r, i, r->data);
    return value;
}

/* --- rounds --- */

/* Mostly near the end of a page. */
static uint64_t address(void)
{
    uint64_t r = rnd();
    uint64_t at = r % BYTES;

    if (r >> 60 & 3)
        at = (at & ~(uint64_t)(PAGE_SIZE - 1)) + (r >> 32) % 48 - 24;
    return WHERE + (bootarg_has("aligned") ? at & ~UINT64_C(15) : at);
}

static void random_registers(struct io_regs *in)
{
    static const enum io_reg pointers[] = {RBX, RSI, RDI, RBP};

    for (unsigned int i = 0; i < IO_NR_REGS; i++)
        in->r[i] = rnd() & 1 ? rnd() : rnd() % 256;
    for (unsigned int i = 0; i < ARRAY_SIZE(pointers); i++)
        in->r[pointers[i]] = address();
    in->rsp = address();
    in->r[RCX] = rnd() % (rnd() & 7 ? 20 : 200);
    in->r[RDX] = (rnd() << 16) | PORT;
    in->rflags = 2 | (rnd() & ARITH) | (rnd() & 0x400);
}

static void set_pages(const unsigned int kind[PAGES])
{
    for (unsigned int i = 0; i < PAGES; i++) {
        uint64_t pte = (guest_ram + i * PAGE_SIZE) | PTE_RAM;

        if (kind[i] == 1)
            pte = (MMIO + i * PAGE_SIZE) | PTE_RAM;
        set_page(FIRST + i, kind[i] == 2 ? 0 : pte);
    }
}

/* Run it; `out` and `plain` are what came of it. */
static void run_with(const struct program *p, const struct io_regs *in,
                     const unsigned int kind[PAGES], struct io_regs *out)
{
    struct io_box *b = box_of(0);

    set_pages(kind);
    memcpy(ram, first, BYTES);
    memcpy(device, first, BYTES);
    memset(b->code, 0xcc, sizeof(b->code));
    memcpy(b->code, p->code.start, (size_t)(p->code.end - p->code.start));
    b->in = *in;
    inputs = outputs = 0;
    box_run(b, IO_RUN);
    *out = b->out;
    for (unsigned int i = 0; i < BYTES; i++)
        plain[i] = kind[i / PAGE_SIZE] == 1 ? device[i] : ram[i];
}

/* Which of several pages that are not there an instruction tells of is open: but one of them. */
static bool fault_ok(const struct io_regs *want_, const struct io_regs *got,
                     const unsigned int kind[PAGES])
{
    uint64_t page = (got->cr2 - WHERE) / PAGE_SIZE;

    if (want_->vector != VEC_PF)
        return want_->vector == VEC_BP || want_->error == got->error;
    if (bootarg_has("nocr2") || want_->cr2 == got->cr2)
        return true;
    return got->cr2 < WHERE || page >= PAGES || kind[page] == 2;
}

static bool differ(const struct program *p, const struct io_regs *a, const struct io_regs *b)
{
    uint64_t flags_ = (ARITH & ~p->undefined) | 0x400;
    bool bad = a->vector != b->vector || a->rip != b->rip || a->rsp != b->rsp;

    if (a->vector == VEC_DE) /* a division leaves none defined */
        flags_ = 0x400;
    bad |= (a->rflags & flags_) != (b->rflags & flags_);
    for (unsigned int i = 0; i < IO_NR_REGS; i++)
        bad |= a->r[i] != b->r[i];
    return bad;
}

static void show(const char *what, const struct io_regs *r)
{
    print("# %s: vector %llu error %llx cr2 %llx rip %llx rsp %llx flags %llx", what,
          (unsigned long long)r->vector, (unsigned long long)r->error, (unsigned long long)r->cr2,
          (unsigned long long)r->rip, (unsigned long long)r->rsp, (unsigned long long)r->rflags);
    print("# rax %llx rbx %llx rcx %llx rdx %llx rsi %llx rdi %llx rbp %llx",
          (unsigned long long)r->r[RAX], (unsigned long long)r->r[RBX],
          (unsigned long long)r->r[RCX], (unsigned long long)r->r[RDX],
          (unsigned long long)r->r[RSI], (unsigned long long)r->r[RDI],
          (unsigned long long)r->r[RBP]);
}

static bool round_ok(const struct program *p)
{
    static uint8_t wanted[BYTES];
    unsigned int all_ram[PAGES], mixed[PAGES];
    struct io_regs in = {.cs = SEL_CODE64, .ss = SEL_DATA, .rip = box_of(0)->code_at}, want_, got;
    uint64_t want_outputs;

    random_registers(&in);
    for (unsigned int i = 0; i < PAGES; i++) {
        mixed[i] = rnd() % 8 < 5 ? 1 : rnd() % 8 == 0 ? 2 : 0;
        if (mixed[i] == 2 && (p->undefined & FRAMES))
            mixed[i] = 1;
        all_ram[i] = mixed[i] == 2 ? 2 : 0;
    }
    if ((p->undefined & FRAMES) && in.rsp < WHERE + 128)
        in.rsp += 128;
    for (unsigned int i = 0; i < BYTES; i += 8) {
        uint64_t v = rnd() & 3 ? rnd() : 0;

        memcpy(first + i, &v, 8);
    }
    run_with(p, &in, all_ram, &want_);
    memcpy(wanted, plain, BYTES);
    want_outputs = outputs;
    run_with(p, &in, mixed, &got);
    if ((p->undefined & STORES) && want_.vector == VEC_PF)
        memcpy(wanted, plain, BYTES);
    if (!strange && !differ(p, &want_, &got) && fault_ok(&want_, &got, mixed) &&
        memcmp(wanted, plain, BYTES) == 0 && outputs == want_outputs)
        return true;
    print("# %s; pages %u %u %u %u; strange %u, memory %u, outputs %u", p->text, mixed[0], mixed[1],
          mixed[2], mixed[3], strange, memcmp(wanted, plain, BYTES) != 0, outputs != want_outputs);
    show("in", &in);
    show("RAM", &want_);
    show("device", &got);
    return false;
}

/* Its own random numbers, so that they are the same whatever else is left out. False: it is. */
static bool run_program(unsigned int number)
{
    const struct program *p = &programs[number];
    uint64_t rounds = bootarg_u64("rounds", 8), seed = bootarg_u64("seed", 1);
    unsigned int bad = 0;
    char text[96];

    snprintf(text, sizeof(text), "like memory, %llu rounds: %s", (unsigned long long)rounds,
             p->text);
    if (tap_skip(text))
        return false;
    state = (seed * MAX_PROGRAMS + number) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (uint64_t n = 0; n < rounds; n++) {
        strange = false;
        bad += !round_ok(p);
    }
    tap_eq(bad, 0, "%s", text);
    return true;
}

void test_fuzz(void)
{
    unsigned int n = 0;

    if (bootarg_u64("rounds", 8) == 0)
        return;
    add_moves();
    add_arithmetic();
    add_stack();
    add_strings();
    answer_fn = serve;
    while (n < nr_programs)
        run_program(n++);
    add_ins(); /* the last: where one is left out, so are those behind it */
    while (n < nr_programs && run_program(n))
        n++;
    answer_fn = NULL;
    for (unsigned int i = 0; i < PAGES; i++)
        set_page(FIRST + i, 0);
}
