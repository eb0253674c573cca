/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between vCPUs and is not saved at each trap: EL1 registers, floating point, timer,
 * interrupt controller interface, stage 2. Called by the scheduler when a pCPU changes its vCPU.
 */
#include <asm/cache.h>
#include <asm/guest.h>
#include <asm/regs_asm.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/sched.h>
#include <wherry/smp.h>

_Static_assert(offsetof(struct vcpu, arch) == 0, "the entry takes its frame for the vCPU");
_Static_assert(offsetof(struct arch_vcpu, regs) == 0, "the entry takes its frame for the vCPU");
_Static_assert(offsetof(struct cpu_user_regs, x[30]) == REGS_LR, "regs_asm.h");
_Static_assert(offsetof(struct cpu_user_regs, elr) == REGS_ELR, "regs_asm.h");
_Static_assert(offsetof(struct cpu_user_regs, spsr) == REGS_SPSR, "regs_asm.h");
_Static_assert(offsetof(struct cpu_user_regs, host_sp) == REGS_HOST_SP, "regs_asm.h");
_Static_assert(sizeof(struct cpu_user_regs) == REGS_SIZE, "regs_asm.h");

/* entry.S */
void fp_save(struct fp_context *fp);
void fp_load(const struct fp_context *fp);

/* Where this pCPU's stack begins at each trap. Its own; 0 before arch_enter_guest(). */
static DEFINE_PER_CPU(uintptr_t, guest_exit_sp);

static void el1_save(struct el1_context *c)
{
    c->sp_el0 = READ_SYSREG(sp_el0);
    c->sp_el1 = READ_SYSREG(sp_el1);
    c->elr = READ_SYSREG(elr_el1);
    c->spsr = READ_SYSREG(spsr_el1);
    c->sctlr = READ_SYSREG(sctlr_el1);
    c->cpacr = READ_SYSREG(cpacr_el1);
    c->ttbr0 = READ_SYSREG(ttbr0_el1);
    c->ttbr1 = READ_SYSREG(ttbr1_el1);
    c->tcr = READ_SYSREG(tcr_el1);
    c->mair = READ_SYSREG(mair_el1);
    c->amair = READ_SYSREG(amair_el1);
    c->vbar = READ_SYSREG(vbar_el1);
    c->esr = READ_SYSREG(esr_el1);
    c->far = READ_SYSREG(far_el1);
    c->afsr0 = READ_SYSREG(afsr0_el1);
    c->afsr1 = READ_SYSREG(afsr1_el1);
    c->par = READ_SYSREG(par_el1);
    c->contextidr = READ_SYSREG(contextidr_el1);
    c->tpidr_el0 = READ_SYSREG(tpidr_el0);
    c->tpidrro_el0 = READ_SYSREG(tpidrro_el0);
    c->tpidr_el1 = READ_SYSREG(tpidr_el1);
    c->cntkctl = READ_SYSREG(cntkctl_el1);
    c->csselr = READ_SYSREG(csselr_el1);
    c->mdscr = READ_SYSREG(mdscr_el1);
}

void el1_snapshot(const struct vcpu *v, struct el1_context *c)
{
    if (v == current)
        el1_save(c);
    else
        *c = v->arch.el1;
}

static void el1_load(const struct el1_context *c)
{
    WRITE_SYSREG(c->sp_el0, sp_el0);
    WRITE_SYSREG(c->sp_el1, sp_el1);
    WRITE_SYSREG(c->elr, elr_el1);
    WRITE_SYSREG(c->spsr, spsr_el1);
    WRITE_SYSREG(c->sctlr, sctlr_el1);
    WRITE_SYSREG(c->cpacr, cpacr_el1);
    WRITE_SYSREG(c->ttbr0, ttbr0_el1);
    WRITE_SYSREG(c->ttbr1, ttbr1_el1);
    WRITE_SYSREG(c->tcr, tcr_el1);
    WRITE_SYSREG(c->mair, mair_el1);
    WRITE_SYSREG(c->amair, amair_el1);
    WRITE_SYSREG(c->vbar, vbar_el1);
    WRITE_SYSREG(c->esr, esr_el1);
    WRITE_SYSREG(c->far, far_el1);
    WRITE_SYSREG(c->afsr0, afsr0_el1);
    WRITE_SYSREG(c->afsr1, afsr1_el1);
    WRITE_SYSREG(c->par, par_el1);
    WRITE_SYSREG(c->contextidr, contextidr_el1);
    WRITE_SYSREG(c->tpidr_el0, tpidr_el0);
    WRITE_SYSREG(c->tpidrro_el0, tpidrro_el0);
    WRITE_SYSREG(c->tpidr_el1, tpidr_el1);
    WRITE_SYSREG(c->cntkctl, cntkctl_el1);
    WRITE_SYSREG(c->csselr, csselr_el1);
    WRITE_SYSREG(c->mdscr, mdscr_el1);
}

void arch_vcpu_save(struct vcpu *v)
{
    vtimer_save(v);
    vgic_vcpu_save(v);
    el1_save(&v->arch.el1);
    fp_save(&v->arch.fp);
    v->arch.hcr = READ_SYSREG(hcr_el2); /* the CPU clears VSE when it delivers */
}

/*
 * Two vCPUs of one domain have one VMID but may use an ASID for different things, and global
 * entries of one before it turned its MMU on are not the other's.
 */
static void flush_other_vcpu(struct vcpu *v)
{
    uint16_t *last = &v->domain->arch.last_vcpu[smp_processor_id()];

    if (*last == v->id)
        return;
    *last = (uint16_t)v->id;
    isb(); /* VTTBR before the invalidation that uses its VMID */
    __asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tic iallu\n\tdsb nsh" ::: "memory");
}

void arch_vcpu_load(struct vcpu *v)
{
    if (unlikely(this_cpu(guest_exit_sp) == 0)) /* the first one on this pCPU */
        guest_cpu_init();
    WRITE_SYSREG(v->domain->p2m.vttbr, vttbr_el2);
    WRITE_SYSREG(v->arch.hcr, hcr_el2);
    WRITE_SYSREG(v->arch.vmpidr, vmpidr_el2);
    WRITE_SYSREG(v->domain->arch.cntvoff, cntvoff_el2);
    flush_other_vcpu(v);
    el1_load(&v->arch.el1);
    fp_load(&v->arch.fp);
    vgic_vcpu_load(v);
    vtimer_load(v);
    v->arch.regs.host_sp = this_cpu(guest_exit_sp);
    isb(); /* translations by AT before the first return see the new context */
}

void __noreturn arch_enter_guest(struct vcpu *v)
{
    uintptr_t sp;

    __asm__ volatile("mov %0, sp" : "=r"(sp));
    this_cpu(guest_exit_sp) = sp;
    v->arch.regs.host_sp = sp;
    guest_return(v);
}

/* Highest breakpoint and watchpoint pairs, so that no stale one fires in a guest. */
static void clear_hw_breakpoints(void)
{
    __asm__ volatile("msr dbgbcr0_el1, xzr\n\tmsr dbgbcr1_el1, xzr\n\t"
                     "msr dbgwcr0_el1, xzr\n\tmsr dbgwcr1_el1, xzr\n\t"
                     "msr oslar_el1, xzr\n\tmsr osdlr_el1, xzr");
}

/* Number of PMU counters for MDCR_EL2.HPMN: all of them stay below EL2's share. */
static uint64_t mdcr_hpmn(void)
{
    uint64_t ver = (READ_SYSREG(id_aa64dfr0_el1) >> 8) & 0xf;

    if (ver == 0 || ver == 0xf)
        return 0;
    return (READ_SYSREG(pmcr_el0) >> 11) & 0x1f;
}

void guest_cpu_init(void)
{
    WRITE_SYSREG(p2m_vtcr(), vtcr_el2);
    WRITE_SYSREG(CPTR_RES1 | CPTR_TTA | CPTR_TAM, cptr_el2);
    WRITE_SYSREG(MDCR_TDRA | MDCR_TDOSA | MDCR_TDA | MDCR_TPM | MDCR_TPMCR | MDCR_TPMS | MDCR_TTRF |
                     mdcr_hpmn(),
                 mdcr_el2);
    WRITE_SYSREG(BIT64(15), hstr_el2);
    WRITE_SYSREG(CNTHCTL_EL1PCTEN, cnthctl_el2);
    WRITE_SYSREG(READ_SYSREG(midr_el1), vpidr_el2);
    clear_hw_breakpoints();
    isb();
}

void arch_vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t x0)
{
    uint64_t host_sp = v->arch.regs.host_sp;

    v->arch.regs = (struct cpu_user_regs){.elr = pc, .spsr = PSR_GUEST_INIT, .host_sp = host_sp};
    v->arch.regs.x[0] = x0;
    v->arch.el1 = (struct el1_context){.sctlr = SCTLR_EL1_RESET};
    v->arch.fp = (struct fp_context){.fpsr = 0};
    v->arch.hcr = HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI |
                  HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR |
                  HCR_TID5;
    vtimer_reset(v);
    vgic_vcpu_reset(v);
    v->initialised = true;
}
