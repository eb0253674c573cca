/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC of each pCPU. */
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/io.h>
#include <asm/mmu.h>
#include <asm/msr.h>
#include <asm/smp.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/printk.h>

#define ICR_FIXED   0x00000
#define ICR_NMI     0x00400
#define ICR_INIT    0x00500
#define ICR_STARTUP 0x00600
#define ICR_PENDING 0x01000
#define ICR_ASSERT  0x04000

static volatile void *regs; /* NULL: x2APIC. Set once */

uint32_t apic_read(unsigned int reg)
{
    return regs != NULL ? mmio_read32(regs, reg) : (uint32_t)rdmsr(MSR_X2APIC(reg));
}

void apic_write(unsigned int reg, uint32_t v)
{
    if (regs != NULL)
        mmio_write32(regs, reg, v);
    else
        wrmsr(MSR_X2APIC(reg), v);
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static void send(uint32_t apic_id, uint32_t command)
{
    if (regs == NULL) {
        /* WRMSR to the ICR waits for no earlier store (SDM vol. 3, 11.12.3). */
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC(APIC_ICR), (uint64_t)apic_id << 32 | command);
        return;
    }
    while (mmio_read32(regs, APIC_ICR) & ICR_PENDING)
        ;
    mmio_write32(regs, APIC_ICR2, apic_id << 24);
    mmio_write32(regs, APIC_ICR, command);
}

void apic_send(uint32_t apic_id, uint8_t vector)
{
    send(apic_id, ICR_FIXED | ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t apic_id)
{
    send(apic_id, ICR_NMI | ICR_ASSERT);
}

void apic_send_init(uint32_t apic_id)
{
    send(apic_id, ICR_INIT | ICR_ASSERT);
}

void apic_send_startup(uint32_t apic_id, uint8_t page)
{
    send(apic_id, ICR_STARTUP | ICR_ASSERT | page);
}

static void apic_cpu_init(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    wrmsr(MSR_APIC_BASE, base);
    if (regs == NULL)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VEC_SPURIOUS);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_LVT_MASKED);
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
}
CPU_INIT_CALL(CPU_INIT_IRQ, apic_cpu_init);

/* The 8259s: silent before the local APIC stops listening, so that nothing of theirs stays pending.
 */
static void __init mask_8259(void)
{
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static int __init apic_init(void)
{
    mask_8259();
    if (!cpu_features.x2apic) {
        regs = arch_ioremap(paddr(acpi_info.lapic_base), PAGE_SIZE);
        if (regs == NULL)
            panic("apic: the registers cannot be mapped\n");
    }
    apic_cpu_init();
    printk("apic: %s\n", regs != NULL ? "xAPIC" : "x2APIC");
    return 0;
}
INIT_CALL(INIT_IRQ, apic_init);
