/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root pointer, MADT and FADT, read through the tables of head.S, which map all that lies below 4
 * GiB. The firmware is trusted not to harm on purpose; tables and entries that are cut short, or
 * whose checksum is wrong, are left alone.
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

/* Longer than any of the tables that are read here. */
#define TABLE_MAX  0x100000
#define MAPPED_END (UINT64_C(1) << 32)

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

/* Its second half is there, and right. */
static bool __init has_xsdt(const struct rsdp *r)
{
    return r->revision >= 2 && r->length >= sizeof(*r) && r->length <= PAGE_SIZE &&
           checksum_ok(r, r->length);
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

/* NULL: no such table at that place, or none that can be believed. */
static const struct acpi_table *__init table_at(uint64_t at, const char *name)
{
    const struct acpi_table *t = boot_ptr(at);

    if (at == 0 || at > MAPPED_END - sizeof(*t) || memcmp(t->signature, name, 4) != 0)
        return NULL;
    if (t->length < sizeof(*t) || t->length > TABLE_MAX || t->length > MAPPED_END - at ||
        !checksum_ok(t, t->length))
        return NULL;
    return t;
}

static const struct acpi_table *__init find_in(const struct acpi_table *root, unsigned int width,
                                               const char *name)
{
    const char *p = (const char *)(root + 1);
    const char *end = (const char *)root + root->length;

    for (; end - p >= (long)width; p += width) {
        const struct acpi_table *t = table_at(width == 8 ? get64(p) : get32(p), name);

        if (t != NULL)
            return t;
    }
    return NULL;
}

static const struct acpi_table *__init find_table(const struct rsdp *rsdp, const char *name)
{
    const struct acpi_table *root = has_xsdt(rsdp) ? table_at(rsdp->xsdt, "XSDT") : NULL;

    if (root != NULL)
        return find_in(root, 8, name);
    root = table_at(rsdp->rsdt, "RSDT");
    return root != NULL ? find_in(root, 4, name) : NULL;
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

/* Bytes that an entry of the type has; 0: not of interest. */
static unsigned int __init entry_size(uint8_t type)
{
    switch (type) {
    case MADT_LAPIC:
        return 8;
    case MADT_OVERRIDE:
        return 10;
    case MADT_IOAPIC:
    case MADT_LAPIC_BASE:
        return 12;
    case MADT_X2APIC:
        return 16;
    default:
        return 0;
    }
}

static void __init parse_madt_entry(const uint8_t *e)
{
    if (e[1] < entry_size(e[0]))
        return;
    switch (e[0]) {
    case MADT_LAPIC: /* 0xff means all of them */
        if ((get32(e + 4) & MADT_CPU_ENABLED) && e[3] != 0xff)
            smp_add_cpu(e[3]);
        break;
    case MADT_X2APIC:
        if ((get32(e + 8) & MADT_CPU_ENABLED) && get32(e + 4) != UINT32_MAX)
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

    if (m->header.length < sizeof(*m))
        return;
    acpi_info.lapic_base = m->lapic_base;
    for (; end - e >= 2 && e[1] >= 2 && e[1] <= end - e; e += e[1])
        parse_madt_entry(e);
}

/* Ports have 16 bits. */
static uint16_t __init port_of(uint64_t address)
{
    return address >> 16 == 0 ? (uint16_t)address : 0;
}

static void __init parse_fadt(const struct acpi_table *t)
{
    const uint8_t *f = (const uint8_t *)t;
    struct acpi_info *a = &acpi_info;
    uint32_t flags;

    if (t->length < FADT_FLAGS + sizeof(flags))
        return;
    flags = get32(f + FADT_FLAGS);
    a->pm_timer = port_of(get32(f + FADT_PM_TMR));
    a->pm_timer_32 = flags & FADT_TMR_VAL_EXT;
    a->pm1a_cnt = port_of(get32(f + FADT_PM1A_CNT));
    /* A generic address structure: space 1 is ports. */
    if (t->length > FADT_RESET_VALUE && (flags & FADT_RESET_SUP) && f[FADT_RESET_REG] == 1) {
        a->reset_port = port_of(get64(f + FADT_RESET_REG + 4));
        a->reset_value = f[FADT_RESET_VALUE];
    }
}

/* Where the root pointer is; 0: nowhere. */
static uint64_t __init find_rsdp(void)
{
    uint64_t at = boot_info.rsdp;

    if (at != 0 && at <= MAPPED_END - sizeof(struct rsdp) && is_rsdp(boot_ptr(at)))
        return at;
    return search_rsdp();
}

static int __init acpi_init(void)
{
    uint64_t at = find_rsdp();
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
