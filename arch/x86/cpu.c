/* SPDX-License-Identifier: Apache-2.0 */
/* Features of the host's CPUs, and the control registers that all of them run with. */
#include <asm/cpu.h>
#include <asm/fpu.h>
#include <asm/msr.h>
#include <asm/setup.h>
#include <wherry/init.h>
#include <wherry/machine.h>
#include <wherry/printk.h>

struct cpu_features cpu_features;

#define L1C_XSAVE BIT(26)
#define L1C_AVX   BIT(28)

/* The state that struct fpu_state has room for, where it has it (SDM vol. 1, 13.2). */
static uint64_t find_xcr0(uint32_t basic, const struct cpuid_leaf *l1)
{
    uint64_t legacy = XCR0_X87 | XCR0_SSE, host;
    struct cpuid_leaf avx;

    if (!(l1->c & L1C_XSAVE) || basic < 0xd)
        return 0;
    host = cpuid(0xd, 0).a;
    if ((host & legacy) != legacy)
        return 0;
    avx = cpuid(0xd, 2);
    if (!(l1->c & L1C_AVX) || !(host & XCR0_AVX) || avx.a != FPU_AVX_SIZE ||
        avx.b != offsetof(struct fpu_state, ymm_high))
        return legacy;
    return legacy | XCR0_AVX;
}

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
    f->xcr0 = find_xcr0(basic, &l1);
    f->smep = l7.b & BIT(7);
    f->smap = l7.b & BIT(20);
    f->umip = l7.c & BIT(2);
    f->paddr_bits = extended >= 0x80000008 ? (uint8_t)cpuid(0x80000008, 0).a : 36;
}

/* As hvm/fpu.c wants it, whatever firmware did: x87 alone, upper halves 0. */
static void setup_xcr0(void)
{
    write_xcr0(cpu_features.xcr0);
    if (cpu_features.xcr0 & XCR0_AVX)
        __asm__ volatile("vzeroupper");
    write_xcr0(XCR0_X87);
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
    if (f->xcr0 != 0)
        cr4 |= CR4_OSXSAVE;
    write_cr4(cr4);
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    if (f->xcr0 != 0)
        setup_xcr0();
}

static int __init check_virtualization(void)
{
    const struct cpu_features *f = &cpu_features;

    printk("cpu: %s%s%s%s, %u address bits\n",
           f->svm   ? "SVM"
           : f->vmx ? "VMX"
                    : "no virtualization",
           f->smep ? ", SMEP" : "", f->smap ? ", SMAP" : "",
           f->xcr0 & XCR0_AVX ? ", AVX"
           : f->xcr0 != 0     ? ", XSAVE"
                              : "",
           f->paddr_bits);
    if (!f->svm && !f->vmx) {
        printk("cpu: a hypervisor needs SVM or VMX (QEMU: -cpu max or EPYC; firmware settings on a "
               "board). Stopped.\n");
        machine_halt();
    }
    return 0;
}
INIT_CALL(INIT_EARLY, check_virtualization);
