/* SPDX-License-Identifier: Apache-2.0 */
/* Features of the host's CPUs, and the control registers that all of them run with. */
#include <asm/cpu.h>
#include <asm/msr.h>
#include <asm/setup.h>
#include <wherry/init.h>
#include <wherry/machine.h>
#include <wherry/printk.h>

struct cpu_features cpu_features;

static void find_features(void)
{
    uint32_t basic = cpuid(0, 0).a;
    uint32_t extended = cpuid(0x80000000, 0).a;
    struct cpuid_leaf l1 = cpuid(1, 0);
    struct cpuid_leaf l7 = basic >= 7 ? cpuid(7, 0) : (struct cpuid_leaf){0};
    struct cpuid_leaf e1 = cpuid(0x80000001, 0);
    struct cpu_features *f = &cpu_features;

    f->vmx = l1.c & BIT(5);
    f->svm = e1.c & BIT(2);
    f->x2apic = l1.c & BIT(21);
    f->tsc_deadline = l1.c & BIT(24);
    f->xsave = l1.c & BIT(26);
    f->smep = l7.b & BIT(7);
    f->smap = l7.b & BIT(20);
    f->umip = l7.c & BIT(2);
    f->paddr_bits = extended >= 0x80000008 ? (uint8_t)cpuid(0x80000008, 0).a : 36;
}

void cpu_setup(void)
{
    const struct cpu_features *f = &cpu_features;
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    find_features(); /* the same on each: one kind of CPU a machine */
    if (f->smep)
        cr4 |= CR4_SMEP;
    if (f->smap)
        cr4 |= CR4_SMAP;
    if (f->umip)
        cr4 |= CR4_UMIP;
    if (f->xsave)
        cr4 |= CR4_OSXSAVE;
    write_cr4(cr4);
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
}

static int __init check_virtualization(void)
{
    const struct cpu_features *f = &cpu_features;

    printk("cpu: %s%s%s, %u address bits\n",
           f->svm   ? "SVM"
           : f->vmx ? "VMX"
                    : "no virtualization",
           f->smep ? ", SMEP" : "", f->smap ? ", SMAP" : "", f->paddr_bits);
    if (!f->svm && !f->vmx) {
        printk("cpu: a hypervisor needs SVM or VMX (QEMU: -cpu max or EPYC; firmware settings on a "
               "board). Stopped.\n");
        machine_halt();
    }
    return 0;
}
INIT_CALL(INIT_EARLY, check_virtualization);
