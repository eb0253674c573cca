/* SPDX-License-Identifier: Apache-2.0 */
/* The guest of dm-suite: does what its boxes in the control page say (include/suite_control.h). */
#include "payload.h"
#include "suite_control.h"

struct control control __attribute__((section(".control"), aligned(4096), visibility("hidden"))) = {
    .magic = CONTROL_MAGIC,
};

/* forms.c */
extern void (*const forms[])(struct form_regs *);
extern const unsigned int nr_forms;

static volatile uint32_t irq_count[NR_IRQS];
static uint32_t irq_limit[NR_IRQS];

static void on_irq(unsigned int irq, void *ctx)
{
    (void)ctx;
    if (++irq_count[irq] >= irq_limit[irq])
        irq_disable(irq);
}

static void serve_boxes(void *arg_);

static void do_form(struct box *b)
{
    struct form_regs regs = b->regs;
    struct trap_info t = {0};

    if (b->a0 >= nr_forms)
        die("no form %llu", (unsigned long long)b->a0);
    irqs_off(); /* a form may have the stack pointer elsewhere */
    expect_trap();
    forms[b->a0](&regs);
    b->trapped = trap_taken(&t);
    irqs_on();
    b->regs = regs;
    b->esr = t.esr;
    b->far = t.far;
}

static uint64_t read_many(uint64_t n, uint64_t from, uint64_t bytes)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t a = from + i * 4 % bytes;

        wrong += mmio_read32(a) != pattern_at(a);
    }
    return wrong;
}

static void touch(struct box *b)
{
    struct trap_info t = {0};

    expect_trap();
    if (b->op == G_READ_GPA)
        b->result = mmio_read64(b->a0);
    else
        mmio_write64(b->a0, b->a1);
    b->trapped = trap_taken(&t);
    b->esr = t.esr;
    b->far = t.far;
}

static void irq_setup(const struct box *b)
{
    unsigned int irq = (unsigned int)b->a0;

    irq_disable(irq);
    irq_set_handler(irq, on_irq, NULL);
    irq_set_edge(irq, b->a1 != 0);
    irq_set_target(irq, this_cpu()->index);
    irq_count[irq] = 0;
    irq_limit[irq] = (uint32_t)b->a3;
    if (b->a2)
        irq_enable(irq);
}

static void execute(struct box *b)
{
    b->trapped = 0;
    switch (b->op) {
    case G_FORM:
        do_form(b);
        break;
    case G_HYPERCALL:
        b->result = (uint64_t)hypercall((unsigned int)b->nr, b->a0, b->a1, b->a2, b->a3, b->a4);
        break;
    case G_START_CPU:
        b->result = (uint64_t)(int64_t)cpu_start((unsigned int)b->a0, serve_boxes, NULL);
        break;
    case G_IRQ_SETUP:
        irq_setup(b);
        break;
    case G_IRQ_COUNT:
        b->result = irq_count[b->a0];
        b->regs.data = irq_is_pending((unsigned int)b->a0);
        break;
    case G_READ_MANY:
        b->result = read_many(b->a0, b->a1, b->a2);
        break;
    case G_READ_GPA:
    case G_WRITE_GPA:
        touch(b);
        break;
    case G_POWER_OFF:
        power_off();
    default:
        break;
    }
}

static void serve_boxes(void *arg_)
{
    struct box *b = &control.box[this_cpu()->index];

    (void)arg_;
    b->where = (uintptr_t)b->buffer;
    irqs_on();
    for (;;) {
        uint32_t seq = READ_ONCE(b->seq);

        if (seq == READ_ONCE(b->done)) {
            yield_cpu();
            continue;
        }
        rmb(); /* seq before the command; partner: command() in dm-suite */
        execute(b);
        wmb(); /* the answer before done; partner: the wait in dm-suite */
        WRITE_ONCE(b->done, seq);
    }
}

int main(void)
{
    mmu_map(WINDOW_NORMAL, 0x200000, MAP_RAM);
    if ((uintptr_t)&control != CONTROL_GPA)
        die("the image is not at the start of memory");
    wmb();
    WRITE_ONCE(control.ready, 1);
    serve_boxes(NULL);
    return 0;
}
