/* SPDX-License-Identifier: Apache-2.0 */
/* What the hypervisor wants of ACPI's tables (ACPI 6.4, 5.2), copied out of them at INIT_EARLY. */
#ifndef WHERRY_ASM_ACPI_H
#define WHERRY_ASM_ACPI_H

#include <wherry/types.h>

#define ACPI_MAX_IOAPICS   8
#define ACPI_MAX_OVERRIDES 16

struct acpi_override {
    uint8_t isa_irq;
    uint32_t gsi;
    uint16_t flags; /* bits 1:0 polarity (3: low), 3:2 trigger (3: level) */
};

struct acpi_info {
    uint64_t lapic_base;
    unsigned int nr_ioapics, nr_overrides;
    struct {
        uint64_t base;
        uint32_t first_gsi;
    } ioapic[ACPI_MAX_IOAPICS];
    struct acpi_override override[ACPI_MAX_OVERRIDES];
    uint16_t pm_timer;   /* port, or 0 */
    bool pm_timer_32;    /* counts 32 bits, else 24 */
    uint16_t pm1a_cnt;   /* port of PM1a control, or 0 */
    uint16_t reset_port; /* or 0 */
    uint8_t reset_value;
};
extern struct acpi_info acpi_info;

#endif
