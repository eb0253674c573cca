/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to system registers, the instructions that go with them, and the bits that the guest
 * side programs. Registers newer than Armv8.0 are named by their encoding.
 */
#ifndef WHERRY_ASM_SYSREG_H
#define WHERRY_ASM_SYSREG_H

#include <wherry/types.h>

#define READ_SYSREG(name)                                       \
    ({                                                          \
        uint64_t sysreg_val_;                                   \
        __asm__ volatile("mrs %0, " #name : "=r"(sysreg_val_)); \
        sysreg_val_;                                            \
    })

#define WRITE_SYSREG(val, name) __asm__ volatile("msr " #name ", %x0" ::"rZ"((uint64_t)(val)))

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}

/* Complete all earlier accesses, system wide. */
static inline void dsb_sy(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

/* The same for the inner shareable domain: TLB and cache maintenance. */
static inline void dsb_ish(void)
{
    __asm__ volatile("dsb ish" ::: "memory");
}

static inline void dsb_ishst(void)
{
    __asm__ volatile("dsb ishst" ::: "memory");
}

static inline void dsb_nsh(void)
{
    __asm__ volatile("dsb nsh" ::: "memory");
}

/* Wait for an interrupt with all accesses done; it ends with one pending, masked or not. */
static inline void cpu_wfi(void)
{
    __asm__ volatile("dsb sy; wfi" ::: "memory");
}

/* Drop both stages' entries of the current VMID on all CPUs of the inner shareable domain. */
static inline void tlbi_vmalls12e1is(void)
{
    __asm__ volatile("tlbi vmalls12e1is" ::: "memory");
}

/* HCR_EL2 (Arm ARM D17.2.48). */
#define HCR_VM     BIT64(0)  /* stage 2 on */
#define HCR_SWIO   BIT64(1)  /* set/way invalidate also cleans */
#define HCR_FMO    BIT64(3)  /* FIQ to EL2 */
#define HCR_IMO    BIT64(4)  /* IRQ to EL2 */
#define HCR_AMO    BIT64(5)  /* SError to EL2 */
#define HCR_VI     BIT64(7)  /* virtual IRQ pending */
#define HCR_VSE    BIT64(8)  /* virtual SError pending */
#define HCR_FB     BIT64(9)  /* broadcast local maintenance */
#define HCR_BSU_IS BIT64(10) /* barriers at least inner shareable */
#define HCR_TWI    BIT64(13)
#define HCR_TWE    BIT64(14)
#define HCR_TID0   BIT64(15)
#define HCR_TID3   BIT64(18)
#define HCR_TSC    BIT64(19)
#define HCR_TIDCP  BIT64(20)
#define HCR_TACR   BIT64(21)
#define HCR_RW     BIT64(31)
#define HCR_TLOR   BIT64(35)
#define HCR_TERR   BIT64(36)
#define HCR_TID5   BIT64(58)

/* CPTR_EL2 without VHE: RES1 bits also trap SVE (8) and SME (12). */
#define CPTR_RES1 UINT64_C(0x33ff)
#define CPTR_TFP  BIT64(10)
#define CPTR_TTA  BIT64(20)
#define CPTR_TAM  BIT64(30)

#define MDCR_TPMCR BIT64(5)
#define MDCR_TPM   BIT64(6)
#define MDCR_TDA   BIT64(9)
#define MDCR_TDOSA BIT64(10)
#define MDCR_TDRA  BIT64(11)
#define MDCR_TPMS  BIT64(14)
#define MDCR_TTRF  BIT64(19)

#define CNTHCTL_EL1PCTEN BIT64(0)
#define CNTHCTL_EL1PCEN  BIT64(1)

/* CNTV_CTL_EL0, CNTP_CTL_EL0. */
#define CNT_CTL_ENABLE  BIT64(0)
#define CNT_CTL_IMASK   BIT64(1)
#define CNT_CTL_ISTATUS BIT64(2)

/* SCTLR_EL1 bits that exception entry looks at, and its reset value. */
#define SCTLR_SPAN      BIT64(23)
#define SCTLR_DSSBS     BIT64(44)
#define SCTLR_EL1_RESET UINT64_C(0x30d00800)

#define PAR_F BIT64(0)

#endif
