/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables of a guest (ACPI 6.3, chapter 5): enough to find its processors. One page: RSDP,
 * XSDT, FADT of a machine with nothing but local APICs, an empty DSDT, MADT. Called by build.c.
 */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/string.h>

#define FADT_HW_REDUCED    BIT(20)
#define FADT_WBINVD        BIT(0)
#define BOOT_NO_VGA        BIT(2)
#define BOOT_NO_CMOS_CLOCK BIT(5)

#define MADT_LOCAL_APIC  0
#define MADT_ENABLED     BIT(0)
#define LOCAL_APIC_PLACE 0xfee00000

struct table_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision;
    char creator[4];
    uint32_t creator_revision;
} __packed;

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
    uint8_t checksum_of_all, reserved[3];
} __packed;

/* Revision 6; what is not named is 0. */
struct fadt {
    struct table_header h;
    uint32_t facs, dsdt;
    uint8_t pad1[109 - 44];
    uint16_t boot_arch;
    uint8_t pad2;
    uint32_t flags;
    uint8_t pad3[131 - 116], minor;
    uint64_t x_facs, x_dsdt;
    uint8_t pad4[276 - 148];
} __packed;

struct local_apic {
    uint8_t type, length, processor, id;
    uint32_t flags;
} __packed;

struct tables {
    struct rsdp rsdp;
    uint8_t pad[64 - sizeof(struct rsdp)];
    struct {
        struct table_header h;
        uint64_t table[2];
    } __packed xsdt;
    struct fadt fadt;
    struct table_header dsdt;
    struct {
        struct table_header h;
        uint32_t place, flags;
        struct local_apic cpu[CONFIG_MAX_VCPUS];
    } __packed madt; /* last: as many as there are */
} __packed;

_Static_assert(sizeof(struct fadt) == 276, "FADT, revision 6");
_Static_assert(sizeof(struct tables) <= PAGE_SIZE, "one page");

/* What makes the bytes add up to 0. */
static uint8_t __init checksum(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint8_t sum = 0;

    while (size-- > 0)
        sum = (uint8_t)(sum + *p++);
    return (uint8_t)-sum;
}

static void __init finish(struct table_header *h, const char *signature, size_t length,
                          uint8_t revision)
{
    memcpy(h->signature, signature, sizeof(h->signature));
    h->length = (uint32_t)length;
    h->revision = revision;
    memcpy(h->oem, "Wherry", sizeof(h->oem));
    memcpy(h->oem_table, "Wherry  ", sizeof(h->oem_table));
    memcpy(h->creator, "WHRY", sizeof(h->creator));
    h->checksum = checksum(h, length);
}

static void __init fill_cpus(struct tables *t, const struct domain *d)
{
    t->madt.place = LOCAL_APIC_PLACE;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        t->madt.cpu[i] = (struct local_apic){.type = MADT_LOCAL_APIC,
                                             .length = sizeof(struct local_apic),
                                             .processor = (uint8_t)i,
                                             .id = (uint8_t)vlapic_id(domain_vcpu(d, i)),
                                             .flags = MADT_ENABLED};
}

int __init hvm_write_acpi(struct domain *d, uint64_t at)
{
    static struct tables t __initdata;

    memset(&t, 0, sizeof(t));
    fill_cpus(&t, d);
    t.xsdt.table[0] = at + offsetof(struct tables, fadt);
    t.xsdt.table[1] = at + offsetof(struct tables, madt);
    t.fadt.dsdt = (uint32_t)(at + offsetof(struct tables, dsdt));
    t.fadt.x_dsdt = at + offsetof(struct tables, dsdt);
    t.fadt.boot_arch = BOOT_NO_CMOS_CLOCK | (d->arch.vga ? 0 : BOOT_NO_VGA);
    t.fadt.flags = FADT_HW_REDUCED | FADT_WBINVD;
    t.fadt.minor = 3;
    finish(&t.xsdt.h, "XSDT", sizeof(t.xsdt), 1);
    finish(&t.fadt.h, "FACP", sizeof(t.fadt), 6);
    finish(&t.dsdt, "DSDT", sizeof(t.dsdt), 2);
    finish(&t.madt.h, "APIC",
           sizeof(t.madt) - (CONFIG_MAX_VCPUS - d->max_vcpus) * sizeof(struct local_apic), 4);
    memcpy(t.rsdp.signature, "RSD PTR ", sizeof(t.rsdp.signature));
    memcpy(t.rsdp.oem, "Wherry", sizeof(t.rsdp.oem));
    t.rsdp.revision = 2;
    t.rsdp.length = sizeof(t.rsdp);
    t.rsdp.xsdt = at + offsetof(struct tables, xsdt);
    t.rsdp.checksum = checksum(&t.rsdp, 20);
    t.rsdp.checksum_of_all = checksum(&t.rsdp, sizeof(t.rsdp));
    return gpa_copy_to(d, gpaddr(at), &t, sizeof(t));
}
