/* SPDX-License-Identifier: Apache-2.0 */
/* Halting, restarting and powering off the host (include/wherry/machine.h). */
#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/time.h>
#include <wherry/cmdline.h>
#include <wherry/machine.h>
#include <wherry/printk.h>
#include <wherry/timer.h>

static bool noreboot; /* set once at INIT_EARLY */

#define KBD_COMMAND 0x64
#define KBD_RESET   0xfe

/* The chipset's register. */
#define RESET_CONTROL 0xcf9
#define RESET_HARD    BIT(1)
#define RESET_NOW     BIT(2)

#define PM1_SLP_EN     BIT(13)
#define PM1_SLP_TYP(n) ((uint32_t)(n) << 10)

void machine_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" ::: "memory");
}

/* What was written takes effect when the chipset gets to it, not with the instruction. */
static void wait_for_chipset(void)
{
    time_delay(MILLISECS(1000));
}

void machine_restart(void)
{
    if (noreboot) {
        printk("noreboot: halted instead of restarting\n");
        machine_halt();
    }
    printk("restarting the machine\n");
    if (acpi_info.reset_port != 0)
        outb(acpi_info.reset_port, acpi_info.reset_value);
    outb(RESET_CONTROL, RESET_HARD); /* what kind first: the reset is the edge of the other bit */
    outb(RESET_CONTROL, RESET_HARD | RESET_NOW);
    outb(KBD_COMMAND, KBD_RESET);
    wait_for_chipset();
    printk("the firmware cannot restart the machine: halted\n");
    machine_halt();
}

/*
 * The sleep type of S5 is in AML, which is not interpreted here: QEMU's and most chipsets' is 0,
 * Bochs's too (its own shutdown port comes first).
 */
void machine_poweroff(void)
{
    static const char bochs[] = "Shutdown";

    printk("powering off\n");
    if (acpi_info.pm1a_cnt != 0)
        outw(acpi_info.pm1a_cnt, (uint16_t)(PM1_SLP_TYP(0) | PM1_SLP_EN));
    for (const char *p = bochs; *p != '\0'; p++)
        outb(0x8900, (uint8_t)*p);
    wait_for_chipset();
    printk("the firmware cannot power off: halted\n");
    machine_halt();
}

static int set_noreboot(const char *value)
{
    (void)value;
    noreboot = true;
    return 0;
}
CMDLINE_PARAM(noreboot, "noreboot", set_noreboot);
