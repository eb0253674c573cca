/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions that the hypervisor makes a guest take: what the CPU does on entry to EL1 (Arm ARM
 * D1.3.1, AArch64.TakeException), by hand. The vCPU is current, its EL1 registers are live.
 */
#include <asm/esr.h>
#include <asm/guest.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>

/* Offset of the synchronous vector for where the guest is now. */
static uint64_t vector_offset(const struct cpu_user_regs *regs)
{
    if (regs_is_a32(regs))
        return 0x600;
    switch (regs->spsr & PSR_M_MASK) {
    case PSR_M_EL0T:
        return 0x400;
    case PSR_M_EL1T:
        return 0x000;
    default:
        return 0x200;
    }
}

/* PSTATE on entry: EL1h, masked; PAN and SSBS by SCTLR_EL1; flags and DIT as they were. */
static uint64_t entry_pstate(const struct cpu_user_regs *regs, uint64_t sctlr)
{
    uint64_t keep = PSR_NZCV | PSR_PAN;
    uint64_t state;

    if (!regs_is_a32(regs))
        keep |= PSR_DIT;
    state = (regs->spsr & keep) | PSR_D | PSR_A | PSR_I | PSR_F | PSR_M_EL1H;
    if (!(sctlr & SCTLR_SPAN) && ((READ_SYSREG(id_aa64mmfr1_el1) >> 20) & 0xf) != 0)
        state |= PSR_PAN;
    if (sctlr & SCTLR_DSSBS)
        state |= PSR_SSBS;
    return state;
}

static void take_sync(struct vcpu *v, uint64_t esr)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    uint64_t vector = READ_SYSREG(vbar_el1) + vector_offset(regs);

    WRITE_SYSREG(regs->elr, elr_el1);
    WRITE_SYSREG(regs->spsr, spsr_el1);
    WRITE_SYSREG(esr, esr_el1);
    regs->spsr = entry_pstate(regs, READ_SYSREG(sctlr_el1));
    regs->elr = vector;
}

void inject_undef(struct vcpu *v)
{
    take_sync(v, esr_make(EC_UNKNOWN, 0));
}

static uint32_t external_fsc(int walk_level)
{
    return walk_level < 0 ? FSC_EXTERNAL : FSC_EXTERNAL_WALK | ((uint32_t)walk_level & 3);
}

void inject_data_abort(struct vcpu *v, uint64_t far, bool write, int walk_level)
{
    unsigned int ec = regs_is_user(&v->arch.regs) ? EC_DABT_LOW : EC_DABT_SAME;
    uint32_t iss = external_fsc(walk_level) | (write ? (uint32_t)DABT_WNR : 0);

    WRITE_SYSREG(far, far_el1);
    take_sync(v, esr_make(ec, iss));
}

void inject_inst_abort(struct vcpu *v, uint64_t far, int walk_level)
{
    unsigned int ec = regs_is_user(&v->arch.regs) ? EC_IABT_LOW : EC_IABT_SAME;

    WRITE_SYSREG(far, far_el1);
    take_sync(v, esr_make(ec, external_fsc(walk_level)));
}

void inject_serror(struct vcpu *v)
{
    (void)v;
    WRITE_SYSREG(READ_SYSREG(hcr_el2) | HCR_VSE, hcr_el2);
}

/* IT[7:0] lies in two pieces of the PSTATE; the low five bits shift (Arm ARM F1.2.2). */
static void advance_it(struct cpu_user_regs *regs)
{
    uint64_t it = ((regs->spsr >> 25) & 3) | (((regs->spsr >> 10) & 0x3f) << 2);

    if ((it & 7) == 0)
        it = 0;
    else
        it = (it & 0xe0) | ((it << 1) & 0x1f);
    regs->spsr &= ~(PSR_IT_LOW | PSR_IT_HIGH);
    regs->spsr |= ((it & 3) << 25) | ((it >> 2) << 10);
}

void regs_advance_pc_a32(struct cpu_user_regs *regs, unsigned int len)
{
    if (regs->spsr & PSR_T32)
        advance_it(regs);
    regs->spsr &= ~PSR_SS;
    regs->elr += len;
}
