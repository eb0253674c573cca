/* SPDX-License-Identifier: Apache-2.0 */
/* Traps and interrupts of a payload: expected traps are recorded and skipped, others end the run.
 */
#include "payload.h"

struct skip {
    uint64_t at, next;
};
extern const struct skip __may_trap_start[], __may_trap_end[];

static struct {
    irq_handler_t fn;
    void *ctx;
} handlers[NR_VECTORS];
static volatile bool enabled[NR_VECTORS];

void expect_trap(void)
{
    struct cpu *c = this_cpu();

    c->trapped = false;
    c->expecting = true;
}

bool trap_taken(struct trap_info *info)
{
    struct cpu *c = this_cpu();

    c->expecting = false;
    if (info != NULL)
        *info = c->trap;
    return c->trapped;
}

bool memory_read8(uintptr_t a, uint8_t *v)
{
    expect_trap();
    *v = mmio_read8(a);
    return !trap_taken(NULL) && *v != 0xff;
}

static uint64_t read_cr2(void)
{
    uint64_t v;

    __asm__ volatile("movq %%cr2, %0" : "=r"(v));
    return v;
}

static void exception(struct trap_frame *f)
{
    struct cpu *c = this_cpu();

    for (const struct skip *s = __may_trap_start; c->expecting && s < __may_trap_end; s++) {
        /* INT3 and its like are reported behind the instruction. */
        if (f->rip != s->at && !((f->vector == VEC_BP || f->vector == VEC_DB) && f->rip == s->next))
            continue;
        if (f->vector == VEC_DB)
            f->rflags &= ~UINT64_C(0x100); /* that was the step */
        c->trap = (struct trap_info){(unsigned int)f->vector, f->error, read_cr2(), f->rip};
        c->trapped = true;
        f->rip = s->next;
        return;
    }
    c->expecting = false;
    die("vCPU %u: unexpected trap %llu error %llx cr2 %llx rip %llx rsp %llx", c->index,
        (unsigned long long)f->vector, (unsigned long long)f->error, (unsigned long long)read_cr2(),
        (unsigned long long)f->rip, (unsigned long long)f->rsp);
}

void trap_entry(struct trap_frame *f)
{
    unsigned int vector = (unsigned int)f->vector;

    if (vector < 32) {
        exception(f);
        return;
    }
    if (handlers[vector].fn != NULL && enabled[vector])
        handlers[vector].fn(vector, handlers[vector].ctx);
    /* The upcall by the domain-wide vector does not come from the APIC. */
    if (vector != EVTCHN_IRQ && vector != SPURIOUS_IRQ)
        apic_write(APIC_EOI, 0);
}

void irq_set_handler(unsigned int irq, irq_handler_t fn, void *ctx)
{
    handlers[irq].ctx = ctx;
    handlers[irq].fn = fn;
    enabled[irq] = enabled[irq] || irq != EVTCHN_IRQ;
}

/* Vectors need no enabling, but for the upcall's, which the hypervisor is told. */
void irq_enable(unsigned int irq)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};

    enabled[irq] = true;
    if (irq != EVTCHN_IRQ)
        return;
    p.value = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | irq;
    if (hvm_op(HVMOP_set_param, &p) != 0)
        die("the upcall's vector is refused");
}

void irq_disable(unsigned int irq)
{
    enabled[irq] = false;
}
