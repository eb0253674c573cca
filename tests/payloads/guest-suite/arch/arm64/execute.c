/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are Arm's: forms of accesses (forms.c), interrupts of the GIC. */
#include "guest.h"

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

static void do_form(struct box *b)
{
    struct form_regs regs = b->arch.regs;
    struct trap_info t = {0};

    if (b->a0 >= nr_forms)
        die("no form %llu", (unsigned long long)b->a0);
    irqs_off(); /* a form may have the stack pointer elsewhere */
    expect_trap();
    forms[b->a0](&regs);
    b->trapped = trap_taken(&t);
    irqs_on();
    b->arch.regs = regs;
    b->trap = t;
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

void arch_execute(struct box *b)
{
    switch (b->op) {
    case G_FORM:
        do_form(b);
        break;
    case G_IRQ_SETUP:
        irq_setup(b);
        break;
    case G_IRQ_COUNT:
        b->result = irq_count[b->a0];
        b->a1 = irq_is_pending((unsigned int)b->a0);
        break;
    default:
        die("no command %u", b->op);
    }
}
