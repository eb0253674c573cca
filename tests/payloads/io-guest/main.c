/* SPDX-License-Identifier: Apache-2.0 */
/* The guest of io-dm: runs the code in its boxes (include/io_control.h). */
#include "payload.h"
#include "io_control.h"

struct io_control control
    __attribute__((section(".control"), aligned(4096), visibility("hidden"))) = {
        .magic = IO_CONTROL_MAGIC,
};

/* run.S */
void run_code(const struct io_regs *in, struct io_regs *out, uint8_t *stack_top);
extern const uint64_t exit_stubs[32];

struct gate {
    uint16_t low, sel;
    uint8_t ist, type;
    uint16_t mid;
    uint32_t high, pad;
};
struct __attribute__((packed)) table {
    uint16_t limit;
    uint64_t base;
};

#define BITMAP_SIZE 8193 /* all ports, and a last byte of ones */
struct __attribute__((packed)) tss {
    uint32_t pad0;
    uint64_t rsp[3], pad1, ist[7], pad2;
    uint16_t pad3, bitmap_offset;
    uint8_t bitmap[BITMAP_SIZE];
};

#define EXIT_STACK 1024

/* real.S: what it shares with main.c, and where it is. */
#define SEL_REAL      0x60
#define SEL_REAL_DATA 0x68
#define REAL_DATA     0x5000u
#define REAL_CODE     0x6000u
struct real {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eip, flags, vector;
    uint16_t ds, es, cs, ss;
};
void run_real(void);
extern const uint8_t real_start[], real_end[], real_vectors[];

/* What a vCPU needs to run code; written by it once, before the first. */
static struct runner {
    uint64_t gdt[SEL_REAL_DATA / 8 + 1];
    struct tss tss __attribute__((aligned(16)));
    uint8_t stack[EXIT_STACK] __attribute__((aligned(16)));
} runners[IO_MAX_BOXES];

static struct gate idt[32] __attribute__((aligned(16)));
static uint64_t view[512] __attribute__((aligned(4096)));
static uint8_t ram[IO_RAM_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

static void make_idt(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(idt); i++) {
        uint64_t a = exit_stubs[i];

        /* 0xee: INT3 may come from CPL 3. */
        idt[i] = (struct gate){.low = (uint16_t)a,
                               .sel = SEL_CODE64,
                               .ist = 1,
                               .type = 0xee,
                               .mid = (uint16_t)(a >> 16),
                               .high = (uint32_t)(a >> 32)};
    }
}

/* Base and limit of a descriptor, the rest (type, DPL, flags) as `rights`. */
static uint64_t descriptor(uint64_t base, uint32_t limit, uint64_t rights)
{
    return rights | (limit & 0xffff) | (uint64_t)(limit >> 16 & 0xf) << 48 |
           (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
}

static void make_tss(struct runner *r)
{
    struct tss *t = &r->tss;

    t->ist[0] = (uintptr_t)r->stack + EXIT_STACK - 32;
    t->bitmap_offset = (uint16_t)((uintptr_t)t->bitmap - (uintptr_t)t);
    memset(t->bitmap, 0xff, sizeof(t->bitmap));
    for (unsigned int p = IO_USER_PORT; p <= IO_USER_LAST; p++)
        t->bitmap[p / 8] &= (uint8_t) ~(1u << p % 8);
}

static void runner_init(struct runner *r, const struct io_box *b)
{
    struct table gdt = {sizeof(r->gdt) - 1, (uintptr_t)r->gdt};
    uintptr_t tss = (uintptr_t)&r->tss;

    make_tss(r);
    r->gdt[SEL_CODE64 / 8] = UINT64_C(0x00af9b000000ffff);
    r->gdt[SEL_DATA / 8] = UINT64_C(0x00cf93000000ffff);
    r->gdt[SEL_CODE32 / 8] = UINT64_C(0x00cf9b000000ffff);
    r->gdt[SEL_CODE16 / 8] = descriptor(b->code_at, 0xffff, UINT64_C(0x00009b0000000000));
    r->gdt[SEL_USER / 8] = UINT64_C(0x00affb000000ffff);
    r->gdt[SEL_USER_SS / 8] = UINT64_C(0x00cff3000000ffff);
    r->gdt[SEL_TSS / 8] = descriptor(tss, sizeof(r->tss) - 1, UINT64_C(0x0000890000000000));
    r->gdt[SEL_REAL / 8] = descriptor(0, 0xffff, UINT64_C(0x00009b0000000000));
    r->gdt[SEL_REAL_DATA / 8] = descriptor(0, 0xffff, UINT64_C(0x0000930000000000));
    r->gdt[SEL_WIDE / 8] = descriptor(IO_SEGMENT, 0xffff, UINT64_C(0x0000930000000000));
    r->gdt[SEL_SMALL / 8] = descriptor(IO_SEGMENT, 0xff, UINT64_C(0x0000930000000000));
    r->gdt[SEL_TSS / 8 + 1] = (uint64_t)tss >> 32;
    __asm__ volatile("lgdt %0\n\tltr %w1" ::"m"(gdt), "r"(SEL_TSS) : "memory");
}

static void run(struct io_box *b)
{
    struct runner *r = &runners[this_cpu()->index];
    const struct table ours = {sizeof(idt) - 1, (uintptr_t)idt};
    struct table theirs;
    struct io_regs in = b->in, out;

    irqs_off();
    /* The pages may have changed since: a new CR3 forgets what the TLB has. */
    __asm__ volatile("movq %%cr3, %%rax\n\tmovq %%rax, %%cr3" ::: "rax", "memory");
    __asm__ volatile("sidt %0\n\tlidt %1" : "=m"(theirs) : "m"(ours) : "memory");
    run_code(&in, &out, r->stack + EXIT_STACK);
    __asm__ volatile("lidt %0" ::"m"(theirs));
    irqs_on();
    b->out = out;
}

/* Addresses below 1 MiB that the compiler shall not reason about. */
static void *low(uint32_t at)
{
    void *p = (void *)(uintptr_t)at;

    __asm__("" : "+r"(p));
    return p;
}

static void real_init(void)
{
    uint32_t *vectors = low(0);

    memcpy(low(REAL_CODE), real_start, (size_t)(real_end - real_start));
    for (unsigned int i = 0; i < 32; i++)
        vectors[i] = REAL_CODE + (uint32_t)(real_vectors - real_start) + 8 * i;
}

static void run_in_real_mode(struct io_box *b)
{
    struct real *r = low(REAL_DATA);
    const uint64_t *in = b->in.r;
    struct io_regs out = b->in;

    real_init();
    memcpy(low(IO_REAL_SEG << 4), b->code, IO_CODE_SIZE);
    *r =
        (struct real){(uint32_t)in[RAX],     (uint32_t)in[RBX],     (uint32_t)in[RCX],
                      (uint32_t)in[RDX],     (uint32_t)in[RSI],     (uint32_t)in[RDI],
                      (uint32_t)in[RBP],     .esp = 0x800,          .flags = (uint32_t)b->in.rflags,
                      .ds = (uint16_t)b->a0, .es = (uint16_t)b->a0, .cs = IO_REAL_SEG,
                      .ss = IO_REAL_STACK};
    irqs_off();
    run_real();
    irqs_on();
    out.r[RAX] = r->eax;
    out.r[RBX] = r->ebx;
    out.r[RCX] = r->ecx;
    out.r[RDX] = r->edx;
    out.r[RSI] = r->esi;
    out.r[RDI] = r->edi;
    out.r[RBP] = r->ebp;
    out.rip = r->eip;
    out.rsp = r->esp;
    out.rflags = r->flags;
    out.vector = r->vector;
    out.error = out.cr2 = 0;
    b->out = out;
}

/* legacy.S: what it shares with main.c. */
struct legacy {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eip, flags, vector, error, cr2, cr3, cr4, pg;
};
struct legacy legacy;
void run_legacy(void);
extern const uint64_t legacy_exits[32];
struct __attribute__((packed)) table32 {
    uint16_t limit;
    uint32_t base;
};
struct table32 legacy_idt_pointer;
static uint64_t legacy_idt[32] __attribute__((aligned(16)));
static uint64_t pae_root[4] __attribute__((aligned(32)));
static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t view32[1024] __attribute__((aligned(4096)));

#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_SSE 0x600u

/* Everything at its own address, but for the view. */
static void make_legacy(void)
{
    const uint64_t *root, *pdpt;

    __asm__ volatile("movq %%cr3, %0" : "=r"(root));
    pdpt = (const uint64_t *)(uintptr_t)(root[0] & ~UINT64_C(0xfff));
    for (unsigned int i = 0; i < 4; i++)
        pae_root[i] = (pdpt[i] & ~UINT64_C(0xfff)) | 1;
    for (uint32_t i = 0; i < 1024; i++)
        directory[i] = i << 22 | 0xe7;
    directory[IO_VIEW >> 22] = (uint32_t)(uintptr_t)view32 | 7;
    for (unsigned int i = 0; i < 512; i++)
        view32[i] = (uint32_t)view[i];
    for (unsigned int i = 0; i < 32; i++)
        legacy_idt[i] = (legacy_exits[i] & 0xffff) | SEL_CODE32 << 16 | UINT64_C(0x8e00) << 32 |
                        (legacy_exits[i] >> 16) << 48;
    legacy_idt_pointer = (struct table32){sizeof(legacy_idt) - 1, (uint32_t)(uintptr_t)legacy_idt};
}

static void run_in_32_bits(struct io_box *b)
{
    const uint64_t *in = b->in.r;
    struct io_regs out = b->in;

    make_legacy();
    legacy = (struct legacy){
        (uint32_t)in[RAX],
        (uint32_t)in[RBX],
        (uint32_t)in[RCX],
        (uint32_t)in[RDX],
        (uint32_t)in[RSI],
        (uint32_t)in[RDI],
        (uint32_t)in[RBP],
        .esp = (uint32_t)b->in.rsp,
        .eip = (uint32_t)b->code_at,
        .flags = (uint32_t)b->in.rflags,
        .pg = b->a0 != IO_UNPAGED ? 0x80000000u : 0,
        .cr3 = (uint32_t)(uintptr_t)(b->a0 == IO_PAE ? (void *)pae_root : (void *)directory),
        .cr4 = CR4_SSE | (b->a0 == IO_PAE ? CR4_PAE : CR4_PSE)};
    irqs_off();
    run_legacy();
    irqs_on();
    out.r[RAX] = legacy.eax;
    out.r[RBX] = legacy.ebx;
    out.r[RCX] = legacy.ecx;
    out.r[RDX] = legacy.edx;
    out.r[RSI] = legacy.esi;
    out.r[RDI] = legacy.edi;
    out.r[RBP] = legacy.ebp;
    out.rip = legacy.eip;
    out.rsp = legacy.esp;
    out.rflags = legacy.flags;
    out.vector = legacy.vector;
    out.error = legacy.error;
    out.cr2 = legacy.cr2;
    b->out = out;
}

static volatile uint32_t ticks;

static void on_tick(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    ticks++;
    timer_set(counter_hz() / 20000);
}

static uint64_t rep_with_ticks(uint16_t port, uint64_t count, uint64_t to)
{
    uint64_t di = to, cx = count;

    irq_set_handler(TIMER_IRQ, on_tick, NULL);
    ticks = 0;
    timer_set(counter_hz() / 20000);
    __asm__ volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(port) : "memory");
    timer_stop();
    return cx == 0 && di == to + count ? ticks : UINT64_MAX;
}

static uint64_t read_port(uint64_t n, uint16_t port)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < n; i++)
        wrong += in32(port) != io_pattern(port + i);
    return wrong;
}

static void serve_boxes(void *arg_);

static void execute(struct io_box *b)
{
    struct cpuid id;

    switch (b->op) {
    case IO_RUN:
        run(b);
        break;
    case IO_RUN_REAL:
        run_in_real_mode(b);
        break;
    case IO_RUN_32:
        run_in_32_bits(b);
        break;
    case IO_START_CPU:
        b->result = (uint64_t)(int64_t)cpu_start((unsigned int)b->a0, serve_boxes, NULL);
        break;
    case IO_SET_PAGE:
        WRITE_ONCE(view[b->a0 % ARRAY_SIZE(view)], b->a1);
        break;
    case IO_GET_PAGE:
        b->result = READ_ONCE(view[b->a0 % ARRAY_SIZE(view)]);
        break;
    case IO_HYPERCALL:
        b->result = (uint64_t)hypercall((unsigned int)b->in.r[RAX], b->in.r[RDI], b->in.r[RSI],
                                        b->in.r[RDX], 0, 0);
        break;
    case IO_TICKS:
        b->result = rep_with_ticks((uint16_t)b->a0, b->a1, b->in.r[RDI]);
        break;
    case IO_READ_PORT:
        b->result = read_port(b->a0, (uint16_t)b->a1);
        break;
    case IO_CPUID:
        id = cpuid((uint32_t)b->a0, (uint32_t)b->a1);
        b->result = (uint64_t)id.c << 32 | id.b;
        break;
    case IO_POWER_OFF:
        power_off();
    default:
        break;
    }
}

static void serve_boxes(void *arg_)
{
    unsigned int cpu = this_cpu()->index;
    struct io_box *b = &control.box[cpu];

    (void)arg_;
    b->code_at = (uintptr_t)b->code;
    memset(b->code, 0xcc, sizeof(b->code));
    runner_init(&runners[cpu], b);
    irqs_on();
    if (cpu == 0)
        WRITE_ONCE(control.ready, 1);
    for (;;) {
        uint32_t seq = READ_ONCE(b->seq);

        if (seq == READ_ONCE(b->done)) {
            yield_cpu();
            continue;
        }
        rmb(); /* seq before the command; partner: box_go() in io-dm */
        execute(b);
        wmb(); /* the answer before done; partner: is_done() in io-dm */
        WRITE_ONCE(b->done, seq);
    }
}

/* Everything for CPL 3 too, and the view's page table in place of a large page. */
static void open_tables(void)
{
    uint64_t *root, *pdpt;

    __asm__ volatile("movq %%cr3, %0" : "=r"(root));
    root[0] |= 4;
    pdpt = (uint64_t *)(uintptr_t)(root[0] & ~UINT64_C(0xfff));
    for (unsigned int g = 0; g < 4; g++) {
        uint64_t *pd = (uint64_t *)(uintptr_t)(pdpt[g] & ~UINT64_C(0xfff));

        pdpt[g] |= 4;
        for (unsigned int i = 0; i < 512; i++)
            pd[i] |= 4;
        if (g == IO_VIEW >> 30)
            pd[IO_VIEW >> 21 & 511] = (uintptr_t)view | 7;
    }
}

int main(void)
{
    if ((uintptr_t)&control != IO_CONTROL_GPA)
        die("the control page is not where it should be");
    if (nr_cpus > IO_MAX_BOXES)
        die("too many vCPUs");
    make_idt();
    open_tables();
    control.ram = (uintptr_t)ram;
    serve_boxes(NULL);
    return 0;
}
