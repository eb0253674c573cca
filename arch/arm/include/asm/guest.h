/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest side of the Arm backend, between its own files: traps, injection, system registers,
 * context, PSCI, timers.
 */
#ifndef WHERRY_ASM_GUEST_H
#define WHERRY_ASM_GUEST_H

#include <asm/regs.h>
#include <wherry/types.h>

struct vcpu;
struct domain;
struct el1_context;

/* --- entry.S --- */
/* Load v's registers and enter its guest; SP is left for the next trap. */
void __noreturn guest_return(struct vcpu *v);

/* C side of the entry; each returns the vCPU to enter. `v` is the one that trapped. */
struct vcpu *trap_guest_sync(struct vcpu *v);
struct vcpu *trap_guest_irq(struct vcpu *v);
struct vcpu *trap_guest_serror(struct vcpu *v);

/* --- context.c --- */
/* Traps and stage-2 control of this pCPU; once before its first guest. */
void guest_cpu_init(void);
/* v's first use of floating point since it was loaded: it may go on. False: no trap of ours. */
bool trap_fp(struct vcpu *v);
/* EL1 state as after reset, PC at `pc` with X0 = `x0`, interrupts masked. v does not run. */
void arch_vcpu_reset(struct vcpu *v, uint64_t pc, uint64_t x0);
/* The domain builder's end: reset v to start at `pc` with X0 = `x0` and take it from VPF_DOWN. */
void arch_vcpu_boot(struct vcpu *v, uint64_t pc, uint64_t x0);
/* v's EL1 registers: live if it is current, else as they were at its last switch. */
void el1_snapshot(const struct vcpu *v, struct el1_context *c);
/* MPIDR_EL1 as vCPU `id` reads it: 16 to a cluster. */
uint64_t vcpu_id_to_mpidr(unsigned int id);
/* And back, from affinity fields: ~0U when there can be no such vCPU. */
unsigned int mpidr_to_vcpu_id(uint64_t mpidr);

/* --- inject.c: exceptions into current's EL1; PC of the guest becomes the vector --- */
void inject_undef(struct vcpu *v);
/* External abort of a data access (or of its table walk: `walk_level` >= 0). */
void inject_data_abort(struct vcpu *v, uint64_t far, bool write, int walk_level);
void inject_inst_abort(struct vcpu *v, uint64_t far, int walk_level);
void inject_serror(struct vcpu *v);

/* The same for AArch32, where the IT state advances too. */
void regs_advance_pc_a32(struct cpu_user_regs *regs, unsigned int len);

/* Step over the trapped instruction: what PSTATE does besides is as if it had been executed. */
static inline void regs_advance_pc(struct cpu_user_regs *regs, unsigned int len)
{
    if (unlikely(regs_is_a32(regs))) {
        regs_advance_pc_a32(regs, len);
        return;
    }
    regs->spsr &= ~(PSR_BTYPE | PSR_SS);
    regs->elr += len;
}

/* --- abort.c --- */
void trap_data_abort(struct vcpu *v, uint64_t esr);
void trap_inst_abort(struct vcpu *v, uint64_t esr);
/* The access of v->arch.access is answered: write a load's register, go on with a pair, or step. */
void abort_end_element(struct vcpu *v, uint64_t data);
/* Nobody answers it: the guest gets an external abort. */
void abort_refuse(struct vcpu *v);

/* --- vsysreg.c --- */
void trap_sysreg(struct vcpu *v, uint32_t iss);

/* --- smccc.c, vpsci.c --- */
void trap_hvc(struct vcpu *v, uint32_t imm);
void smccc_call(struct vcpu *v);
bool vpsci_call(struct vcpu *v, uint32_t fid);
/* Is this a PSCI function that vpsci_call() serves? */
bool vpsci_has(uint32_t fid);

/* --- vtimer.c --- */
int vtimer_init_vcpu(struct vcpu *v);
void vtimer_destroy_vcpu(struct vcpu *v);
void vtimer_reset(struct vcpu *v);
void vtimer_save(struct vcpu *v);
void vtimer_load(struct vcpu *v);
/* CNTP_* of the guest: false if `reg` is none of them. */
bool vtimer_sysreg(struct vcpu *v, uint32_t reg, uint64_t *val, bool read);

/* --- vpl011.c --- */
int vpl011_init(struct domain *d);
void vpl011_destroy(struct domain *d);

#endif
