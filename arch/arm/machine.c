/* SPDX-License-Identifier: Apache-2.0 */
/* Halting, restarting and powering off the host (include/wherry/machine.h). */
#include <asm/psci.h>
#include <asm/sysreg.h>
#include <wherry/cmdline.h>
#include <wherry/machine.h>
#include <wherry/printk.h>

static bool noreboot; /* set once at INIT_EARLY */

void machine_halt(void)
{
    for (;;)
        cpu_wfi();
}

void machine_restart(void)
{
    if (noreboot) {
        printk("noreboot: halted instead of restarting\n");
        machine_halt();
    }
    printk("restarting the machine\n");
    psci_system_reset();
    printk("the firmware cannot restart the machine: halted\n");
    machine_halt();
}

void machine_poweroff(void)
{
    printk("powering off\n");
    psci_system_off();
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
