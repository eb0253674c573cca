/* SPDX-License-Identifier: Apache-2.0 */
/* The exception syndrome, ESR_EL2/ESR_EL1 (Arm ARM D17.2.37). */
#ifndef WHERRY_ASM_ESR_H
#define WHERRY_ASM_ESR_H

#include <wherry/types.h>

#define ESR_EC_SHIFT 26
#define ESR_IL       BIT64(25)
#define ESR_ISS_MASK UINT64_C(0x1ffffff)

#define EC_UNKNOWN   0x00
#define EC_WFX       0x01
#define EC_CP15_32   0x03
#define EC_CP15_64   0x04
#define EC_CP14_32   0x05
#define EC_CP14_LDC  0x06
#define EC_FP        0x07
#define EC_CP10      0x08
#define EC_PAUTH     0x09
#define EC_CP14_64   0x0c
#define EC_HVC64     0x16
#define EC_SMC64     0x17
#define EC_SYSREG    0x18
#define EC_SVE       0x19
#define EC_SME       0x1d
#define EC_IABT_LOW  0x20
#define EC_IABT_SAME 0x21
#define EC_DABT_LOW  0x24
#define EC_DABT_SAME 0x25
#define EC_PC_ALIGN  0x22
#define EC_SP_ALIGN  0x26
#define EC_SERROR    0x2f
#define EC_BRK64     0x3c

/* ISS of a data abort. */
#define DABT_DFSC_MASK 0x3fU
#define DABT_WNR       BIT(6)
#define DABT_S1PTW     BIT(7)
#define DABT_CM        BIT(8)
#define DABT_EA        BIT(9)
#define DABT_FNV       BIT(10)
#define DABT_SF        BIT(15)
#define DABT_SRT(iss)  (((iss) >> 16) & 31)
#define DABT_SSE       BIT(21)
#define DABT_SAS(iss)  (((iss) >> 22) & 3)
#define DABT_ISV       BIT(24)

/* Fault status: class in bits 5:2, level in 1:0. */
#define FSC_CLASS(fsc)    ((fsc)&0x3cU)
#define FSC_ADDRSIZE      0x00U
#define FSC_TRANSLATION   0x04U
#define FSC_ACCESS        0x08U
#define FSC_PERMISSION    0x0cU
#define FSC_EXTERNAL      0x10U /* not on a walk; 0x14-0x17 on a walk of level n */
#define FSC_EXTERNAL_WALK 0x14U

static inline unsigned int esr_ec(uint64_t esr)
{
    return (unsigned int)(esr >> ESR_EC_SHIFT) & 0x3f;
}

static inline uint32_t esr_iss(uint64_t esr)
{
    return (uint32_t)(esr & ESR_ISS_MASK);
}

static inline uint64_t esr_make(unsigned int ec, uint32_t iss)
{
    return ((uint64_t)ec << ESR_EC_SHIFT) | ESR_IL | iss;
}

#endif
