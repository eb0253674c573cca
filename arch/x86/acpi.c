/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root pointer, MADT and FADT, read through the tables of head.S, which map all that lies below 4
 * GiB. The firmware is trusted; tables whose checksum is wrong are still left alone.
 */
#include <asm/acpi.h>
#include <asm/boot_info.h>
#include <asm/layout.h>
#include <asm/smp.h>
#include <wherry/init.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

struct acpi_info acpi_info;

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
} __packed;

struct acpi_table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __packed;

struct madt {
    struct acpi_table header;
    uint32_t lapic_base, flags;
} __packed;

struct madt_entry {
    uint8_t type, length;
} __packed;

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_BASE = 5, MADT_X2APIC = 9 };

#define MADT_CPU_ENABLED 1

/* Offsets in the FADT (ACPI 6.4, table 5.9). */
#define FADT_PM1A_CNT    64
#define FADT_PM_TMR      76
#define FADT_FLAGS       112
#define FADT_RESET_REG   116
#define FADT_RESET_VALUE 128

#define FADT_TMR_VAL_EXT BIT(8)
#define FADT_RESET_SUP   BIT(10)

static uint32_t get32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t get64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static bool __init checksum_ok(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint8_t sum = 0;

    while (n-- != 0)
        sum = (uint8_t)(sum + *b++);
    return sum == 0;
}

static bool __init is_rsdp(const void *p)
{
    return memcmp(p, "RSD PTR ", 8) == 0 && checksum_ok(p, 20);
}

/* In the extended BIOS data area or the BIOS's last 128 KiB, at 16-byte steps. */
static uint64_t __init search_rsdp(void)
{
    uint16_t segment;
    uint64_t ebda;

    memcpy(&segment, boot_ptr(0x40e), sizeof(segment));
    ebda = (uint64_t)segment << 4;
    for (uint64_t a = ebda; ebda != 0 && a < ebda + 1024; a += 16)
        if (is_rsdp(boot_ptr(a)))
            return a;
    for (uint64_t a = 0xe0000; a < 0x100000; a += 16)
        if (is_rsdp(boot_ptr(a)))
            return a;
    return 0;
}

static const struct acpi_table *__init find_in(uint64_t root, unsigned int width, const char *name)
{
    const struct acpi_table *r = boot_ptr(root);
    const char *p = (const char *)(r + 1);
    const char *end = (const char *)r + r->length;

    for (; p + width <= end; p += width) {
        uint64_t at = width == 8 ? get64(p) : get32(p);
        const struct acpi_table *t = boot_ptr(at);

        if (at >> 32 == 0 && memcmp(t->signature, name, 4) == 0 && checksum_ok(t, t->length))
            return t;
    }
    return NULL;
}

static const struct acpi_table *__init find_table(const struct rsdp *rsdp, const char *name)
{
    if (rsdp->revision >= 2 && rsdp->xsdt != 0 && rsdp->xsdt >> 32 == 0)
        return find_in(rsdp->xsdt, 8, name);
    return find_in(rsdp->rsdt, 4, name);
}

static void __init add_ioapic(const uint8_t *e)
{
    struct acpi_info *a = &acpi_info;

    if (a->nr_ioapics == ACPI_MAX_IOAPICS)
        return;
    a->ioapic[a->nr_ioapics].base = get32(e + 4);
    a->ioapic[a->nr_ioapics++].first_gsi = get32(e + 8);
}

static void __init add_override(const uint8_t *e)
{
    struct acpi_info *a = &acpi_info;

    if (a->nr_overrides == ACPI_MAX_OVERRIDES)
        return;
    a->override[a->nr_overrides++] = (struct acpi_override){
        .isa_irq = e[3], .gsi = get32(e + 4), .flags = (uint16_t)(e[8] | e[9] << 8)};
}

static void __init parse_madt_entry(const uint8_t *e)
{
    switch (e[0]) {
    case MADT_LAPIC:
        if (get32(e + 4) & MADT_CPU_ENABLED)
            smp_add_cpu(e[3]);
        break;
    case MADT_X2APIC:
        if (get32(e + 8) & MADT_CPU_ENABLED)
            smp_add_cpu(get32(e + 4));
        break;
    case MADT_IOAPIC:
        add_ioapic(e);
        break;
    case MADT_OVERRIDE:
        add_override(e);
        break;
    case MADT_LAPIC_BASE:
        acpi_info.lapic_base = get64(e + 4);
        break;
    default:
        break;
    }
}

static void __init parse_madt(const struct madt *m)
{
    const uint8_t *e = (const uint8_t *)(m + 1);
    const uint8_t *end = (const uint8_t *)m + m->header.length;

    acpi_info.lapic_base = m->lapic_base;
    for (; e + 2 <= end && e[1] >= 2; e += e[1])
        parse_madt_entry(e);
}

static void __init parse_fadt(const struct acpi_table *t)
{
    const uint8_t *f = (const uint8_t *)t;
    struct acpi_info *a = &acpi_info;
    uint32_t flags = get32(f + FADT_FLAGS);

    a->pm_timer = (uint16_t)get32(f + FADT_PM_TMR);
    a->pm_timer_32 = flags & FADT_TMR_VAL_EXT;
    a->pm1a_cnt = (uint16_t)get32(f + FADT_PM1A_CNT);
    /* A generic address structure: space 1 is ports. */
    if (t->length > FADT_RESET_VALUE && (flags & FADT_RESET_SUP) && f[FADT_RESET_REG] == 1) {
        a->reset_port = (uint16_t)get64(f + FADT_RESET_REG + 4);
        a->reset_value = f[FADT_RESET_VALUE];
    }
}

static int __init acpi_init(void)
{
    uint64_t at = boot_info.rsdp != 0 ? boot_info.rsdp : search_rsdp();
    const struct acpi_table *madt = NULL, *fadt = NULL;

    acpi_info.lapic_base = 0xfee00000;
    if (at != 0) {
        madt = find_table(boot_ptr(at), "APIC");
        fadt = find_table(boot_ptr(at), "FACP");
    }
    if (madt != NULL)
        parse_madt((const struct madt *)madt);
    else
        printk("acpi: no MADT: one CPU, no device interrupts\n");
    if (fadt != NULL)
        parse_fadt(fadt);
    return 0;
}
INIT_CALL(INIT_EARLY, acpi_init);
