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

/* Members of struct el1_context with their registers: neighbours, which share a load or store. */
#define FOR_EACH_EL1_PAIR(F)                          \
    F(sp_el0, sp_el0, sp_el1, sp_el1)                 \
    F(elr, elr_el1, spsr, spsr_el1)                   \
    F(sctlr, sctlr_el1, cpacr, cpacr_el1)             \
    F(ttbr0, ttbr0_el1, ttbr1, ttbr1_el1)             \
    F(tcr, tcr_el1, mair, mair_el1)                   \
    F(amair, amair_el1, vbar, vbar_el1)               \
    F(esr, esr_el1, far, far_el1)                     \
    F(afsr0, afsr0_el1, afsr1, afsr1_el1)             \
    F(par, par_el1, contextidr, contextidr_el1)       \
    F(tpidr_el0, tpidr_el0, tpidrro_el0, tpidrro_el0) \
    F(tpidr_el1, tpidr_el1, cntkctl, cntkctl_el1)     \
    F(csselr, csselr_el1, mdscr, mdscr_el1)

#define SAVE_PAIR(m1, reg1, m2, reg2)                                     \
    do {                                                                  \
        uint64_t first_ = READ_SYSREG(reg1), second_ = READ_SYSREG(reg2); \
                                                                          \
        c->m1 = first_;                                                   \
        c->m2 = second_;                                                  \
    } while (0);

static void el1_save(struct el1_context *c)
{
    FOR_EACH_EL1_PAIR(SAVE_PAIR)
}

void el1_snapshot(const struct vcpu *v, struct el1_context *c)
{
    if (v == current)
        el1_save(c);
    else
        *c = v->arch.el1;
}

#define LOAD_PAIR(m1, reg1, m2, reg2) \
    __asm__ volatile("msr " #reg1 ", %0\n\tmsr " #reg2 ", %1" ::"r"(c->m1), "r"(c->m2));

static void el1_load(const struct el1_context *c)
{
    FOR_EACH_EL1_PAIR(LOAD_PAIR)
}

/*
 * Floating point comes with the first use of it, by a trap: many a stay of a device model has
 * none. Who uses it mostly does so again and again, so the next stays begin with it and are spared
 * the trap.
 */
#define FP_CREDIT  16
#define CPTR_GUEST (CPTR_RES1 | CPTR_TTA | CPTR_TAM)

static void fp_bring(struct vcpu *v)
{
    WRITE_SYSREG(CPTR_GUEST, cptr_el2);
    isb(); /* the trap is ours, too */
    fp_load(&v->arch.fp);
    v->arch.fp_live = true;
}

static void fp_switch_in(struct vcpu *v)
{
    if (v->arch.fp_credit != 0) {
        v->arch.fp_credit--;
        fp_bring(v);
        return;
    }
    WRITE_SYSREG(CPTR_GUEST | CPTR_TFP, cptr_el2);
    v->arch.fp_live = false;
}

bool trap_fp(struct vcpu *v)
{
    if (v->arch.fp_live)
        return false;
    fp_bring(v);
    v->arch.fp_credit = FP_CREDIT;
    return true;
}

void arch_vcpu_save(struct vcpu *v)
{
    vtimer_save(v);
    vgic_vcpu_save(v);
    el1_save(&v->arch.el1);
    if (v->arch.fp_live)
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
    WRITE_SYSREG(v->domain->p2m.arch.vttbr, vttbr_el2);
    WRITE_SYSREG(v->arch.hcr, hcr_el2);
    WRITE_SYSREG(v->arch.vmpidr, vmpidr_el2);
    WRITE_SYSREG(v->domain->arch.cntvoff, cntvoff_el2);
    flush_other_vcpu(v);
    el1_load(&v->arch.el1);
    fp_switch_in(v);
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
    v->arch.fp_credit = 0;
    v->arch.hcr = HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI |
                  HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR |
                  HCR_TID5;
    vtimer_reset(v);
    vgic_vcpu_reset(v);
    v->initialised = true;
}
