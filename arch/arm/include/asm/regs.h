/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers that every trap from a guest saves, and the bits of a saved program status.
 * regs_asm.h gives the trap entry the offsets.
 */
#ifndef WHERRY_ASM_REGS_H
#define WHERRY_ASM_REGS_H

#include <wherry/types.h>

/*
 * First member of struct vcpu. While the guest runs SP_EL2 is the end of this structure, so the
 * entry code stores straight into it. Size is a multiple of 16 (stack alignment).
 */
struct cpu_user_regs {
    uint64_t x[31];   /* X0-X30; R0-R14 of AArch32 in the low halves */
    uint64_t elr;     /* ELR_EL2: where the guest resumes */
    uint64_t spsr;    /* SPSR_EL2 */
    uint64_t host_sp; /* stack of the pCPU that runs this vCPU; set when it is loaded */
};

_Static_assert(sizeof(struct cpu_user_regs) % 16 == 0, "SP alignment");

/* SPSR/PSTATE bits (Arm ARM C5.2.19). */
#define PSR_M_MASK  UINT64_C(0x0f)
#define PSR_M_EL0T  0x0
#define PSR_M_EL1T  0x4
#define PSR_M_EL1H  0x5
#define PSR_M_A32   BIT64(4)
#define PSR_T32     BIT64(5)
#define PSR_F       BIT64(6)
#define PSR_I       BIT64(7)
#define PSR_A       BIT64(8)
#define PSR_D       BIT64(9)
#define PSR_BTYPE   (UINT64_C(3) << 10)
#define PSR_SSBS    BIT64(12)
#define PSR_IL      BIT64(20)
#define PSR_SS      BIT64(21)
#define PSR_PAN     BIT64(22)
#define PSR_UAO     BIT64(23)
#define PSR_DIT     BIT64(24)
#define PSR_NZCV    (UINT64_C(0xf) << 28)
#define PSR_IT_LOW  (UINT64_C(3) << 25)    /* IT[1:0], AArch32 */
#define PSR_IT_HIGH (UINT64_C(0x3f) << 10) /* IT[7:2], AArch32 */

/* State of a vCPU when its guest starts: EL1h, everything masked. */
#define PSR_GUEST_INIT (PSR_D | PSR_A | PSR_I | PSR_F | PSR_M_EL1H)

static inline bool regs_is_a32(const struct cpu_user_regs *regs)
{
    return (regs->spsr & PSR_M_A32) != 0;
}

/* EL0 of either width. */
static inline bool regs_is_user(const struct cpu_user_regs *regs)
{
    return (regs->spsr & PSR_M_MASK) == PSR_M_EL0T;
}

/* Register as an operand of a load or store: number 31 is XZR. */
static inline uint64_t regs_get(const struct cpu_user_regs *regs, unsigned int n)
{
    return n < 31 ? regs->x[n] : 0;
}

static inline void regs_set(struct cpu_user_regs *regs, unsigned int n, uint64_t val)
{
    if (n < 31)
        regs->x[n] = val;
}

#endif
