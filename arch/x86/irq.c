/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host interrupts. The hypervisor runs with interrupts masked; arch_irq_poll() and arch_idle_wait()
 * open a window. What arrives there is only noted (host_interrupt()); its handler runs from
 * arch_irq_poll(), and the local APIC is told after that. irq_request() numbers are GSIs.
 */
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/desc.h>
#include <asm/io.h>
#include <asm/mmu.h>
#include <asm/smp.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/sched.h>
#include <wherry/smp.h>
#include <wherry/spinlock.h>
#include <wherry/timer.h>

#define NR_VECTORS 32

/* IO-APIC (82093AA): an index register and a data register. */
#define IOAPIC_INDEX   0x00
#define IOAPIC_DATA    0x10
#define IOAPIC_VERSION 0x01
#define IOAPIC_PIN(n)  (0x10 + 2 * (n))

#define PIN_LOW    BIT(13)
#define PIN_LEVEL  BIT(15)
#define PIN_MASKED BIT(16)

struct irq_action {
    void (*fn)(unsigned int irq, void *data);
    void *data;
    unsigned int irq;
};

static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_RANK_IRQ_DESC, "irq");
static struct irq_action action[NR_VECTORS]; /* irq_lock to write; constant once set */
static volatile void *ioapic[ACPI_MAX_IOAPICS];
static unsigned int ioapic_pins[ACPI_MAX_IOAPICS]; /* both: boot CPU */

/* Vectors that arrived and wait for their handler: bit n is VEC_FIRST_IRQ + n. */
static DEFINE_PER_CPU(uint32_t, arrived);

void host_interrupt(const struct host_frame *frame)
{
    if (frame->vector != VEC_SPURIOUS)
        this_cpu(arrived) |= BIT(frame->vector - VEC_FIRST_IRQ);
}

static void handle(unsigned int n)
{
    const struct irq_action *a = &action[n];

    if (n == VEC_TIMER - VEC_FIRST_IRQ)
        timer_interrupt();
    else if (n == VEC_KICK - VEC_FIRST_IRQ)
        smp_kick_received();
    else if (a->fn != NULL)
        a->fn(a->irq, a->data);
    apic_eoi();
}

/* The highest first: that is the one an EOI is for. */
static void handle_arrived(void)
{
    while (this_cpu(arrived) != 0) {
        unsigned int n = 31 - (unsigned int)__builtin_clz(this_cpu(arrived));

        this_cpu(arrived) &= ~BIT(n);
        handle(n);
    }
}

void arch_irq_poll(void)
{
    do {
        handle_arrived();
        /* STI holds interrupts back for one instruction more. */
        __asm__ volatile("sti; nop; cli" ::: "memory");
    } while (this_cpu(arrived) != 0);
}

bool arch_irq_pending(void)
{
    return this_cpu(arrived) != 0 || apic_read(APIC_IRR + (VEC_FIRST_IRQ / 32) * 0x10) != 0;
}

void arch_idle_wait(void)
{
    if (this_cpu(arrived) == 0)
        __asm__ volatile("sti; hlt; cli" ::: "memory");
}

/* --- the IO-APICs --- */

static uint32_t ioapic_read(volatile void *io, uint32_t reg)
{
    mmio_write32(io, IOAPIC_INDEX, reg);
    return mmio_read32(io, IOAPIC_DATA);
}

static void ioapic_write(volatile void *io, uint32_t reg, uint32_t v)
{
    mmio_write32(io, IOAPIC_INDEX, reg);
    mmio_write32(io, IOAPIC_DATA, v);
}

static int __init ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++) {
        ioapic[i] = arch_ioremap(paddr(acpi_info.ioapic[i].base), PAGE_SIZE);
        if (ioapic[i] == NULL)
            panic("irq: IO-APIC %u cannot be mapped\n", i);
        ioapic_pins[i] = ((ioapic_read(ioapic[i], IOAPIC_VERSION) >> 16) & 0xff) + 1;
        for (unsigned int pin = 0; pin < ioapic_pins[i]; pin++)
            ioapic_write(ioapic[i], IOAPIC_PIN(pin), PIN_MASKED);
    }
    return 0;
}
INIT_CALL(INIT_IRQ, ioapic_init);

static void ioapic_route(unsigned int i, unsigned int pin, uint32_t low)
{
    ioapic_write(ioapic[i], IOAPIC_PIN(pin) + 1, cpu_apic_id[0] << 24);
    ioapic_write(ioapic[i], IOAPIC_PIN(pin), low);
}

static int route_gsi(unsigned int gsi, uint32_t low)
{
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++) {
        uint32_t first = acpi_info.ioapic[i].first_gsi;

        if (gsi >= first && gsi - first < ioapic_pins[i]) {
            ioapic_route(i, gsi - first, low);
            return 0;
        }
    }
    return -ENODEV;
}

/* Where an ISA interrupt comes in, and how. */
static unsigned int isa_to_gsi(unsigned int irq, uint32_t *pin_bits)
{
    for (unsigned int i = 0; i < acpi_info.nr_overrides; i++) {
        const struct acpi_override *o = &acpi_info.override[i];

        if (o->isa_irq != irq)
            continue;
        if ((o->flags & 3) == 3)
            *pin_bits |= PIN_LOW;
        if ((o->flags & 0xc) == 0xc)
            *pin_bits |= PIN_LEVEL;
        return o->gsi;
    }
    return irq;
}

static int find_vector(unsigned int irq)
{
    for (unsigned int n = 0; n <= VEC_LAST_IO - VEC_FIRST_IRQ; n++)
        if (action[n].fn != NULL && action[n].irq == irq)
            return -EBUSY;
    for (unsigned int n = 0; n <= VEC_LAST_IO - VEC_FIRST_IRQ; n++)
        if (action[n].fn == NULL)
            return (int)n;
    return -ENOSPC;
}

int irq_request(unsigned int irq, unsigned int type, void (*fn)(unsigned int irq, void *data),
                void *data)
{
    uint32_t bits = type == IRQ_TYPE_LEVEL ? PIN_LEVEL : 0;
    unsigned int gsi = irq < 16 ? isa_to_gsi(irq, &bits) : irq;
    int n;
    int rc;

    spin_lock(&irq_lock);
    n = find_vector(irq);
    rc = n;
    if (n < 0)
        goto out;
    rc = route_gsi(gsi, bits | (uint32_t)(VEC_FIRST_IRQ + n));
    if (rc == 0)
        action[n] = (struct irq_action){.fn = fn, .data = data, .irq = irq};
out:
    spin_unlock(&irq_lock);
    return rc;
}

/* Devices are not passed through on x86. */
void irq_release_guest(struct domain *d)
{
    (void)d;
}
