/* SPDX-License-Identifier: Apache-2.0 */
/* Model-specific and control registers of the host, and CPUID. */
#ifndef WHERRY_ASM_MSR_H
#define WHERRY_ASM_MSR_H

#include <wherry/types.h>

#define MSR_APIC_BASE               0x0000001b
#define MSR_TSC_DEADLINE            0x000006e0
#define MSR_X2APIC(reg)             (0x800 + ((reg) >> 4))
#define MSR_EFER                    0xc0000080
#define MSR_STAR                    0xc0000081
#define MSR_LSTAR                   0xc0000082
#define MSR_CSTAR                   0xc0000083
#define MSR_SFMASK                  0xc0000084
#define MSR_FS_BASE                 0xc0000100
#define MSR_GS_BASE                 0xc0000101
#define MSR_KERNEL_GS               0xc0000102
#define MSR_PAT                     0x00000277
#define MSR_FEATURE_CONTROL         0x0000003a
#define MSR_SYSENTER_CS             0x00000174
#define MSR_SYSENTER_ESP            0x00000175
#define MSR_SYSENTER_EIP            0x00000176
#define MSR_VMX_BASIC               0x00000480
#define MSR_VMX_PIN_CONTROLS        0x00000481
#define MSR_VMX_PROC_CONTROLS       0x00000482
#define MSR_VMX_EXIT_CONTROLS       0x00000483
#define MSR_VMX_ENTRY_CONTROLS      0x00000484
#define MSR_VMX_CR0_FIXED0          0x00000486
#define MSR_VMX_CR4_FIXED0          0x00000488
#define MSR_VMX_CR4_FIXED1          0x00000489
#define MSR_VMX_PROC2_CONTROLS      0x0000048b
#define MSR_VMX_EPT_VPID_CAP        0x0000048c
#define MSR_VMX_TRUE_PIN_CONTROLS   0x0000048d
#define MSR_VMX_TRUE_PROC_CONTROLS  0x0000048e
#define MSR_VMX_TRUE_EXIT_CONTROLS  0x0000048f
#define MSR_VMX_TRUE_ENTRY_CONTROLS 0x00000490
#define MSR_VM_CR                   0xc0010114
#define MSR_VM_HSAVE_PA             0xc0010117

#define EFER_SCE  BIT64(0)
#define EFER_LME  BIT64(8)
#define EFER_LMA  BIT64(10)
#define EFER_NXE  BIT64(11)
#define EFER_SVME BIT64(12)

#define APIC_BASE_X2APIC BIT64(10)
#define APIC_BASE_ENABLE BIT64(11)

#define CR0_PE BIT64(0)
#define CR0_MP BIT64(1)
#define CR0_EM BIT64(2)
#define CR0_TS BIT64(3)
#define CR0_ET BIT64(4)
#define CR0_NE BIT64(5)
#define CR0_WP BIT64(16)
#define CR0_NW BIT64(29)
#define CR0_CD BIT64(30)
#define CR0_PG BIT64(31)

#define CR4_PSE        BIT64(4)
#define CR4_PAE        BIT64(5)
#define CR4_MCE        BIT64(6)
#define CR4_PGE        BIT64(7)
#define CR4_OSFXSR     BIT64(9)
#define CR4_OSXMMEXCPT BIT64(10)
#define CR4_UMIP       BIT64(11)
#define CR4_VMXE       BIT64(13)
#define CR4_FSGSBASE   BIT64(16)
#define CR4_PCIDE      BIT64(17)
#define CR4_OSXSAVE    BIT64(18)
#define CR4_SMEP       BIT64(20)
#define CR4_SMAP       BIT64(21)

#define XCR0_X87 BIT64(0)
#define XCR0_SSE BIT64(1)
#define XCR0_AVX BIT64(2)

#define RFLAGS_TF BIT64(8)
#define RFLAGS_IF BIT64(9)

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
    return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

#define DEFINE_CR(n)                                                    \
    static inline uint64_t read_cr##n(void)                             \
    {                                                                   \
        uint64_t v;                                                     \
                                                                        \
        __asm__ volatile("movq %%cr" #n ", %0" : "=r"(v) : : "memory"); \
        return v;                                                       \
    }                                                                   \
    static inline void write_cr##n(uint64_t v)                          \
    {                                                                   \
        __asm__ volatile("movq %0, %%cr" #n : : "r"(v) : "memory");     \
    }
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

/* CR4.OSXSAVE must be set. */
static inline void write_xcr0(uint64_t v)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* The low half; the rest has no use here, and this is on the path of each switch. */
static inline uint32_t read_xcr0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

struct cpuid_leaf {
    uint32_t a, b, c, d;
};

static inline struct cpuid_leaf cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid_leaf r;

    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

#endif
