/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the firmware's PSCI (asm/psci.h): used by smp.c and machine.c. Only through SMC: an HVC
 * from EL2 would come to ourselves.
 */
#include <asm/psci.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

/* Function identifiers of PSCI 0.2 and later, SMC64 where there is one. */
#define PSCI_FN_VERSION      0x84000000u
#define PSCI_FN_CPU_ON       0xc4000003u
#define PSCI_FN_SYSTEM_OFF   0x84000008u
#define PSCI_FN_SYSTEM_RESET 0x84000009u

/* Return codes. */
#define PSCI_ALREADY_ON         (-4)
#define PSCI_ON_PENDING         (-5)
#define PSCI_INVALID_PARAMETERS (-2)

static uint32_t version; /* set once at INIT_EARLY */

/* SMC Calling Convention: x0-x3 in, x0 out; x4-x17 may change under version 1.0. */
static int64_t psci_call(uint32_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = fn;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;

    __asm__ volatile("smc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "memory");
    return (int64_t)x0;
}

uint32_t psci_version(void)
{
    return version;
}

int psci_cpu_on(uint64_t mpidr, paddr_t entry, uint64_t context)
{
    if (version == 0)
        return -ENODEV;
    switch ((int32_t)psci_call(PSCI_FN_CPU_ON, mpidr, entry.v, context)) {
    case 0:
        return 0;
    case PSCI_ALREADY_ON:
    case PSCI_ON_PENDING:
        return -EBUSY;
    case PSCI_INVALID_PARAMETERS:
        return -EINVAL;
    default:
        return -EIO;
    }
}

void psci_system_off(void)
{
    if (version != 0)
        psci_call(PSCI_FN_SYSTEM_OFF, 0, 0, 0);
}

void psci_system_reset(void)
{
    if (version != 0)
        psci_call(PSCI_FN_SYSTEM_RESET, 0, 0, 0);
}

static int __init psci_init(void)
{
    const struct fdt *fdt = host_fdt();
    int node = fdt_find_compatible(fdt, -1, "arm,psci-1.0");
    const char *method;

    if (node < 0)
        node = fdt_find_compatible(fdt, -1, "arm,psci-0.2");
    if (node < 0) {
        printk("psci: none that is 0.2 or later: one CPU, no power off\n");
        return 0;
    }
    device_mark_used(node);
    method = fdt_prop_string(fdt, node, "method");
    if (method == NULL || strcmp(method, "smc") != 0) {
        printk("psci: \"method\" is not smc: one CPU, no power off\n");
        return 0;
    }
    version = (uint32_t)psci_call(PSCI_FN_VERSION, 0, 0, 0);
    printk("psci: version %u.%u\n", version >> 16, version & 0xffff);
    return 0;
}
INIT_CALL(INIT_EARLY, psci_init);
