/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C side of a trap from a guest: what was it, and who deals with it. entry.S calls these with the
 * guest's registers saved; they return the vCPU to enter.
 */
#include <asm/esr.h>
#include <asm/guest.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/printk.h>
#include <wherry/rcu.h>
#include <wherry/sched.h>

/* WFI waits for an interrupt, WFE only gives way: its wake-up events are not seen here. */
static void trap_wfx(struct vcpu *v, uint32_t iss)
{
    regs_advance_pc(&v->arch.regs, 4);
    if (iss & 1)
        sched_yield();
    else
        vcpu_block();
}

static void trap_other(struct vcpu *v, uint64_t esr)
{
    switch (esr_ec(esr)) {
    case EC_WFX:
        trap_wfx(v, esr_iss(esr));
        return;
    case EC_SMC64:
        regs_advance_pc(&v->arch.regs, 4); /* unlike HVC, the PC is at the instruction */
        smccc_call(v);
        return;
    case EC_IABT_LOW:
        trap_inst_abort(v, esr);
        return;
    case EC_FP:
        if (!trap_fp(v))
            inject_undef(v);
        return;
    case EC_CP15_32: /* from AArch32 user programs; to AArch64 EL1 all are 'unknown reason' */
    case EC_CP15_64:
    case EC_CP14_32:
    case EC_CP14_LDC:
    case EC_CP14_64:
    case EC_CP10:
    case EC_PAUTH: /* features that the ID registers do not offer */
    case EC_SVE:
    case EC_SME:
    case EC_UNKNOWN:
        inject_undef(v);
        return;
    default:
        gprintk("unexpected trap, ESR %lx, pc %lx\n", (unsigned long)esr,
                (unsigned long)v->arch.regs.elr);
        inject_undef(v);
    }
}

struct vcpu *trap_guest_sync(struct vcpu *v)
{
    uint64_t esr = READ_SYSREG(esr_el2);
    unsigned int ec = esr_ec(esr);

    rcu_enter();
    if (ec == EC_DABT_LOW)
        trap_data_abort(v, esr);
    else if (ec == EC_HVC64)
        trap_hvc(v, esr_iss(esr));
    else if (ec == EC_SYSREG)
        trap_sysreg(v, esr_iss(esr));
    else
        trap_other(v, esr);
    return sched_exit_to_guest();
}

struct vcpu *trap_guest_irq(struct vcpu *v)
{
    (void)v;
    rcu_enter();
    arch_irq_poll();
    return sched_exit_to_guest();
}

/* An asynchronous external abort while the guest ran is the guest's: it caused it. */
struct vcpu *trap_guest_serror(struct vcpu *v)
{
    uint64_t esr = READ_SYSREG(esr_el2);

    rcu_enter();
    gprintk("SError, ESR %lx, pc %lx\n", (unsigned long)esr, (unsigned long)v->arch.regs.elr);
    inject_serror(v);
    return sched_exit_to_guest();
}
