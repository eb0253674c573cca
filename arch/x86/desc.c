/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GDT, TSS and IDT (SDM vol. 3, chapters 3, 6 and 8). Each CPU has its own GDT and TSS, in its
 * per-CPU area; all share the IDT. Double faults, NMIs and machine checks have stacks of their own.
 */
#include <asm/desc.h>
#include <asm/layout.h>
#include <asm/setup.h>
#include <wherry/percpu.h>

#define IST_SIZE 0x2000

enum { IST_NONE, IST_DF, IST_NMI, IST_MC };

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __packed;

struct cpu_tables {
    uint64_t gdt[6];
    struct tss tss;
    uint8_t stack[3][IST_SIZE] __aligned(16);
};

DEFINE_PER_CPU(struct cpu_tables, cpu_tables);

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_mid;
    uint32_t offset_high, reserved;
};

#define GATE_INTERRUPT 0x8e /* present, DPL 0 */

static struct gate idt[256] __aligned(16); /* filled in by the boot CPU, then constant */
extern char vector_stubs[];

struct table_register {
    uint16_t limit;
    uint64_t base;
} __packed;

static uint8_t ist_of(unsigned int vector)
{
    switch (vector) {
    case VEC_DF:
        return IST_DF;
    case VEC_NMI:
        return IST_NMI;
    case VEC_MC:
        return IST_MC;
    default:
        return IST_NONE;
    }
}

static void fill_idt(void)
{
    for (unsigned int i = 0; i < 256; i++) {
        uint64_t at = (uint64_t)vector_stubs + i * 16;

        idt[i] = (struct gate){.offset_low = (uint16_t)at,
                               .selector = SEL_CODE64,
                               .ist = ist_of(i),
                               .type = GATE_INTERRUPT,
                               .offset_mid = (uint16_t)(at >> 16),
                               .offset_high = (uint32_t)(at >> 32)};
    }
}

static void fill_gdt(struct cpu_tables *t)
{
    uint64_t base = (uint64_t)&t->tss;
    uint64_t limit = sizeof(t->tss) - 1;

    t->gdt[SEL_CODE64 / 8] = UINT64_C(0x00af9a000000ffff);
    t->gdt[SEL_DATA / 8] = UINT64_C(0x00cf92000000ffff);
    t->gdt[SEL_CODE32 / 8] = UINT64_C(0x00cf9a000000ffff);
    /* An available 64-bit TSS, two entries long. */
    t->gdt[SEL_TSS / 8] =
        limit | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | ((base >> 24) & 0xff) << 56;
    t->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

void desc_tables(struct desc_tables *out)
{
    struct cpu_tables *t = &this_cpu(cpu_tables);

    out->gdt_base = (uint64_t)t->gdt;
    out->tss_base = (uint64_t)&t->tss;
    out->idt_base = (uint64_t)idt;
}

void desc_setup(void)
{
    struct cpu_tables *t = &this_cpu(cpu_tables);
    struct table_register gdtr = {sizeof(t->gdt) - 1, (uint64_t)t->gdt};
    struct table_register idtr = {sizeof(idt) - 1, (uint64_t)idt};

    if (idt[0].type == 0)
        fill_idt();
    for (unsigned int i = 0; i < 3; i++)
        t->tss.ist[i] = (uint64_t)t->stack[i] + IST_SIZE;
    t->tss.io_map = sizeof(t->tss);
    fill_gdt(t);
    __asm__ volatile("lgdt %0" ::"m"(gdtr));
    __asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
    __asm__ volatile("lidt %0" ::"m"(idtr));
}
