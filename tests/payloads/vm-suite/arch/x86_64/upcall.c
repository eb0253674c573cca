/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts that wait behind STI, and the vector of a vCPU's own for its upcalls
 * (HVMOP_set_evtchn_upcall_vector). A vCPU cannot give such a vector back, so this comes last.
 */
#include "suite.h"

extern volatile uint32_t vm_suite_step;
void call_vmcall(void);

#define WAITING 0x59 /* a vector of the local APIC's */
#define FIRST   0x5a
#define SECOND  0x5b
#define OTHERS  0x5c

static volatile unsigned int got[NR_VECTORS];
volatile uint32_t vm_suite_step; /* written by the code under test, too */
static volatile uint32_t step_seen;
static volatile bool in_service, leave_flag;
static evtchn_port_t port;

static void window(void)
{
    irqs_on();
    take_irqs();
    irqs_off();
}

static bool bit_of(unsigned int reg, unsigned int vector)
{
    return apic_read(reg + (vector / 32) * 0x10) >> vector % 32 & 1;
}

static void forget_event(void)
{
    event_take(port);
    events_info()->evtchn_pending_sel = 0;
    events_info()->evtchn_upcall_pending = 0;
}

static void note(unsigned int vector, void *ctx)
{
    (void)ctx;
    got[vector]++;
    step_seen = vm_suite_step;
    in_service = bit_of(APIC_ISR, vector);
    if (vector != WAITING && !leave_flag)
        forget_event();
}

/* --- behind STI --- */

static void raise_vector(void)
{
    apic_write(APIC_SELF, WAITING);
}

static void raise_event(void)
{
    evtchn_send(port);
}

/* Runs `insns` with an interrupt that waits; which step it saw, or 99: none came. */
#define RUN_WAITING(insns, ...)                                                         \
    do {                                                                                \
        irqs_off();                                                                     \
        vm_suite_step = 0;                                                              \
        step_seen = 99;                                                                 \
        raise();                                                                        \
        __asm__ volatile(insns "\n\tmovl $2, vm_suite_step\n\tnop\n\tcli" __VA_ARGS__); \
    } while (0)

/* What is behind STI is the hypervisor's to do. */
static void behind_exits(void (*raise)(void), const char *what)
{
    uint32_t a, b, c, d;

    RUN_WAITING("sti\n\tcpuid", : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "0"(0), "2"(0) : "memory");
    tap(step_seen == 0 && a != 0, "STI, CPUID: %s comes behind it, and not later", what);
    a = 0;
    RUN_WAITING("sti\n\tinb %%dx, %%al", : "+a"(a) : "d"(0x2345) : "memory");
    tap_eq(step_seen, 0, "STI, IN: %s comes behind it, and not later", what);
    RUN_WAITING("sti\n\tmovl (%%rbx), %%eax", : "=a"(a) : "b"(UINT64_C(0xd0000000)) : "memory");
    tap_eq(step_seen, 0, "STI, a load from where nothing is: %s comes behind it", what);
}

static void behind_sti(void (*raise)(void), const char *what)
{
    uint32_t a;

    RUN_WAITING("sti\n\tmovl $1, vm_suite_step", ::: "memory");
    tap_eq(step_seen, 1, "STI: %s comes behind the next instruction", what);
    RUN_WAITING("sti\n\tcli\n\tnop", ::: "memory");
    tap_eq(step_seen, 99, "STI, CLI: %s does not come", what);
    window();
    tap_eq(step_seen, 2, "STI, CLI: %s comes later", what);
    if (!bootarg_has("noexits"))
        behind_exits(raise, what);
    a = 0;
    RUN_WAITING("sti\n\thlt\n\tmovl $1, %0", : "+r"(a)::"memory");
    tap(step_seen == 0 && a == 1, "STI, HLT: %s ends it", what);
}

static void nothing(void)
{
}

/* The event is raised by the very instruction behind STI. */
static void raised_behind_sti(void)
{
    void (*const raise)(void) = nothing;
    struct evtchn_send op = {.port = port};
    uint64_t rax = __HYPERVISOR_event_channel_op, rdi = EVTCHNOP_send, rsi = arg(&op);

    if (hypercall_entry == call_vmcall)
        RUN_WAITING("sti\n\tvmcall",
                    : "+a"(rax), "+D"(rdi), "+S"(rsi)::"memory", "rdx", "r8", "r9", "r10", "r11",
                      "rcx");
    else
        RUN_WAITING("sti\n\tvmmcall",
                    : "+a"(rax), "+D"(rdi), "+S"(rsi)::"memory", "rdx", "r8", "r9", "r10", "r11",
                      "rcx");
    tap_eq((int64_t)rax, 0, "STI, a hypercall that raises an event: it is done");
    tap_eq(step_seen, 0, "and the event comes right behind it");
}

/* --- a vector of its own --- */

static long set_vector(uint32_t vcpu, unsigned int vector)
{
    struct xen_hvm_evtchn_upcall_vector op = {.vcpu = vcpu, .vector = (uint8_t)vector};

    return hvm_op(HVMOP_set_evtchn_upcall_vector, &op);
}

static void errors(void)
{
    unsigned int wrong = 0;

    for (unsigned int v = 0; v < 16; v++)
        wrong += set_vector(0, v) != -XEN_EINVAL;
    tap_eq(wrong, 0, "upcall: vectors below 16 are refused");
    tap_eq(set_vector(nr_cpus + 100, 15), -XEN_EINVAL, "upcall: that is looked at first");
    tap_eq(set_vector(nr_cpus + 100, 16), -XEN_ENOENT, "upcall: no such vCPU");
    tap_eq(set_vector(UINT32_MAX, 16), -XEN_ENOENT, "upcall: certainly not");
    tap_eq(hvm_op(HVMOP_set_evtchn_upcall_vector, BAD_POINTER), -XEN_EFAULT, "upcall: bad pointer");
    evtchn_send(port);
    window();
    tap(got[EVTCHN_IRQ] == 1 && !in_service, "upcall: the domain's vector is not the APIC's");
}

/* False: with the flag left set it would not end. */
static bool own_vector(void)
{
    tap_eq(set_vector(0, FIRST), 0, "upcall: a vector for this vCPU");
    window(); /* perhaps it comes at once */
    got[FIRST] = got[EVTCHN_IRQ] = 0;
    evtchn_send(port);
    tap(bit_of(APIC_IRR, FIRST), "upcall: an event waits in the APIC");
    tap_eq(got[FIRST], 0, "upcall: while interrupts are off");
    window();
    tap(got[FIRST] == 1 && in_service, "upcall: it comes through the APIC");
    tap_eq(got[EVTCHN_IRQ], 0, "upcall: and not by the domain's vector");
    window();
    tap_eq(got[FIRST], 1, "upcall: once");
    if (tap_skip("upcall: once for each, also when the flag stays set"))
        return false;
    leave_flag = true;
    evtchn_send(port);
    window();
    window();
    tap_eq(got[FIRST], 2, "upcall: once for each, also when the flag stays set");
    event_take(port);
    evtchn_send(port);
    window();
    tap_eq(got[FIRST], 2, "upcall: and not while it is");
    leave_flag = false;
    forget_event();
    evtchn_send(port);
    window();
    tap_eq(got[FIRST], 3, "upcall: cleared, the next one comes");
    return true;
}

static void changed_while_it_waits(void)
{
    evtchn_send(port);
    tap_eq(set_vector(0, SECOND), 0, "upcall: another vector, while one waits");
    tap(bit_of(APIC_IRR, SECOND), "upcall: it waits by that one too");
    leave_flag = true; /* the old one may come first */
    window();
    leave_flag = false;
    forget_event();
    tap_eq(got[SECOND], 1, "upcall: and comes");
    evtchn_send(port);
    window();
    tap(got[SECOND] == 2, "upcall: so do those behind it");
}

/* --- another vCPU's --- */

static volatile bool ready, stop;

static void other_cpu(void *arg_)
{
    (void)arg_;
    if (events_info() == NULL)
        events_cpu_init(); /* not twice */
    irqs_on();
    take_irqs();
    ready = true;
    while (!stop)
        cpu_relax();
    irqs_off();
}

static void on_other(unsigned int vector, void *ctx)
{
    (void)ctx;
    in_service = bit_of(APIC_ISR, vector);
    events_info()->evtchn_pending_sel = 0;
    events_info()->evtchn_upcall_pending = 0;
    got[vector]++; /* the other vCPU waits for that */
}

static bool other_gets(evtchn_port_t at, unsigned int vector, unsigned int n)
{
    event_take(at);
    evtchn_send(at);
    return wait_for(&got[vector], n) && got[vector] == n;
}

static void another_vcpu(void)
{
    uint64_t end = counter() + PATIENCE * counter_hz();
    evtchn_port_t at = 0;

    irq_set_handler(EVTCHN_IRQ, on_other, NULL);
    irq_set_handler(OTHERS, on_other, NULL);
    tap_eq(cpu_start(1, other_cpu, NULL), 0, "upcall: another vCPU");
    while (!ready && counter() < end)
        yield_cpu();
    tap_eq(evtchn_bind_ipi(1, &at), 0, "upcall: with a port");
    event_unmask(at);
    got[EVTCHN_IRQ] = 0;
    tap(other_gets(at, EVTCHN_IRQ, 1) && !in_service, "upcall: it has the domain's vector");
    tap_eq(set_vector(1, OTHERS), 0, "upcall: this one chooses that one's");
    delay_us(1000);
    got[OTHERS] = got[EVTCHN_IRQ] = got[SECOND] = 0;
    tap(other_gets(at, OTHERS, 1) && in_service, "upcall: which is its own then");
    tap(other_gets(at, OTHERS, 2), "upcall: for good");
    tap_eq(got[EVTCHN_IRQ] + got[SECOND], 0, "upcall: and nobody else's");
    evtchn_send(port);
    window();
    tap_eq(got[SECOND], 1, "upcall: this vCPU's is as it was");
    evtchn_close(at);
    stop = true;
}

static bool quiet(void)
{
    uint64_t waiting = apic_read(APIC_PPR);

    for (unsigned int reg = APIC_IRR; reg < APIC_IRR + 0x80; reg += 0x10)
        waiting |= apic_read(reg);
    return waiting == 0;
}

/* Those that the fuzzers have raised: vector 255, as a spurious one, is not ended when it comes. */
static void settle(void)
{
    for (unsigned int i = 0; i < 2 * NR_VECTORS && !quiet(); i++) {
        window();
        if (apic_read(APIC_PPR) != 0)
            apic_write(APIC_EOI, 0);
    }
    tap(quiet(), "the local APIC is at rest");
}

void arch_test_last(void)
{
    const unsigned int vectors[] = {EVTCHN_IRQ, WAITING, FIRST, SECOND};

    irqs_off();
    settle();
    tap_eq(evtchn_bind_ipi(0, &port), 0, "upcall: a port");
    forget_event();
    for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++)
        irq_set_handler(vectors[i], note, NULL);
    irq_enable(EVTCHN_IRQ);
    event_unmask(port);
    behind_sti(raise_vector, "an interrupt");
    behind_sti(raise_event, "an event");
    raised_behind_sti();
    got[EVTCHN_IRQ] = 0;
    errors();
    if (own_vector())
        changed_while_it_waits();
    if (nr_cpus > 1)
        another_vcpu();
    event_mask(port);
    evtchn_close(port);
}
