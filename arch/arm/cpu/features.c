/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot CPU is, and whether it has what the hypervisor is built on. */
#include <asm/sysreg.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/printk.h>

/* ID_AA64MMFR0_EL1.TGran4: 0xf means no 4 KiB granule (Arm ARM D17.2.64). */
#define MMFR0_TGRAN4(v)  (((v) >> 28) & 0xf)
#define MMFR0_PARANGE(v) ((v)&0xf)

static const struct {
    uint32_t id; /* implementer and part number of MIDR_EL1 */
    const char *name;
} known_cpus[] = {
    {0x4100d030, "Cortex-A53"}, {0x4100d040, "Cortex-A35"},  {0x4100d050, "Cortex-A55"},
    {0x4100d070, "Cortex-A57"}, {0x4100d080, "Cortex-A72"},  {0x4100d090, "Cortex-A73"},
    {0x4100d0b0, "Cortex-A76"}, {0x4100d0c0, "Neoverse-N1"}, {0x00000510, "QEMU max"},
};

static const char *cpu_name(uint32_t midr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(known_cpus); i++)
        if (known_cpus[i].id == (midr & 0xff00fff0))
            return known_cpus[i].name;
    return "CPU";
}

static int __init cpu_identify(void)
{
    uint64_t mmfr0 = READ_SYSREG(id_aa64mmfr0_el1);
    uint32_t midr = (uint32_t)READ_SYSREG(midr_el1);
    static const uint8_t pa_bits[8] = {32, 36, 40, 42, 44, 48, 52, 56};

    printk("cpu: %s, MIDR %08x, %u bits of physical address\n", cpu_name(midr), midr,
           pa_bits[MMFR0_PARANGE(mmfr0) & 7]);
    if (MMFR0_TGRAN4(mmfr0) == 0xf)
        panic("cpu: no 4 KiB granule\n");
    return 0;
}
INIT_CALL(INIT_EARLY, cpu_identify);
