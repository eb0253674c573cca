/* SPDX-License-Identifier: Apache-2.0 */
/* VMX: what an exit was for (SDM vol. 3, chapter 28 and appendix C), and what goes on after it. */
#include "vmx.h"

#include <asm/desc.h>
#include <wherry/domain.h>
#include <wherry/irq.h>
#include <wherry/printk.h>
#include <wherry/rcu.h>
#include <wherry/sched.h>

static unsigned int insn_len(void)
{
    return (unsigned int)vmread(VMCS_EXIT_INSN_LEN);
}

static void take_registers(struct vcpu *v)
{
    v->arch.regs.r[REG_RSP] = vmread(VMCS_GUEST_RSP);
    v->arch.regs.rip = vmread(VMCS_GUEST_RIP);
    v->arch.regs.rflags = vmread(VMCS_GUEST_RFLAGS);
}

static void exit_io(struct vcpu *v)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);

    if (q & QUAL_IO_STRING)
        hvm_emulate(v);
    else
        hvm_port_io(v, QUAL_IO_PORT(q), QUAL_IO_SIZE(q), q & QUAL_IO_IN,
                    v->arch.regs.rip + insn_len());
}

/* IRET had ended the blocking of NMIs and is executed again (28.2.2, 28.2.3). */
static void nmi_unmasked(void)
{
    if (!(vmread(VMCS_IDT_EVENT) & VMX_EVENT_VALID))
        vmwrite(VMCS_GUEST_BLOCKING, vmread(VMCS_GUEST_BLOCKING) | BLOCKED_NMI);
}

static void exit_ept_violation(struct vcpu *v)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);

    if (q & QUAL_NMI_UNMASK)
        nmi_unmasked();
    hvm_nested_fault(v, vmread(VMCS_GUEST_PHYSICAL), q & QUAL_EPT_WRITE, q & QUAL_EPT_EXEC);
}

/* --- control registers --- */

static void exit_cr(struct vcpu *v)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    uint64_t *gpr = &v->arch.regs.r[QUAL_CR_GPR(q)];
    bool write = QUAL_CR_TYPE(q) == CR_TYPE_MOV_TO;
    uint64_t value = hvm_is_64bit(v) ? *gpr : (uint32_t)*gpr;

    if (QUAL_CR_TYPE(q) > CR_TYPE_MOV_FROM) { /* LMSW, CLTS: none of their bits is masked */
        domain_crash(v->domain, "v%u: unexpected access %lx to a control register", v->id,
                     (unsigned long)q);
        return;
    }
    if (QUAL_CR(q) == 8) {
        hvm_cr8(v, write, gpr, insn_len());
        return;
    }
    /* CR4: only what the guest may not set exits. */
    if (QUAL_CR(q) == 0 && write && vmx_guest_cr0(v, value))
        hvm_advance(v, insn_len());
    else
        hvm_inject_exception(v, VEC_GP, true, 0);
}

/* --- exceptions --- */

/* As it came; an instruction that raises one on purpose returns behind itself. */
static void deliver_again(struct vcpu *v, uint32_t event)
{
    vmx_set_event(v, event & (0x7ff | VMX_EVENT_ERROR), (uint32_t)vmread(VMCS_EXIT_ERROR),
                  insn_len());
}

/* DR6 has not been written yet: the qualification has its new bits (28.2.1). */
static void exit_debug(struct vcpu *v, uint32_t event)
{
    uint64_t dr6;

    __asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
    dr6 = (dr6 & ~UINT64_C(0xf)) | (vmread(VMCS_QUALIFICATION) & UINT64_C(0x600f));
    __asm__ volatile("movq %0, %%dr6" : : "r"(dr6));
    vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~UINT64_C(0x2000)); /* GD */
    deliver_again(v, event);
}

static void exit_exception(struct vcpu *v)
{
    uint32_t event = (uint32_t)vmread(VMCS_EXIT_EVENT);

    if ((event & EVENT_NMI_UNMASK) && VMX_EVENT_VECTOR(event) != VEC_DF)
        nmi_unmasked();
    switch (VMX_EVENT_VECTOR(event)) {
    case VEC_NMI: /* the hypervisor's: take it as if it had come here */
        __asm__ volatile("int $2" ::: "memory");
        return;
    case VEC_MC:
        panic("machine check in d%uv%u\n", v->domain->id, v->id);
    case VEC_DB:
        exit_debug(v, event);
        return;
    default:
        deliver_again(v, event);
    }
}

/* --- all exits --- */

static void exit_nmi_window(struct vcpu *v)
{
    const struct hvm_event nmi = {.type = HVM_EVENT_NMI, .vector = VEC_NMI};

    vmx_set_proc(v, v->arch.vmx.proc & ~PROC_NMI_WINDOW);
    hvm->inject(v, &nmi);
}

static void exit_other(struct vcpu *v, uint32_t reason)
{
    switch (reason) {
    case REASON_INIT:
    case REASON_SIPI:
        return;
    case REASON_INVD:
    case REASON_WBINVD:
        hvm_advance(v, insn_len());
        return;
    case REASON_XSETBV:
        hvm_xsetbv(v, insn_len());
        return;
    case REASON_TASK_SWITCH: /* by hardware: not offered */
    case REASON_RDPMC:
        hvm_inject_exception(v, VEC_GP, true, 0);
        return;
    case REASON_EPT_MISCONFIG:
        domain_crash(v->domain, "v%u: EPT is malformed at %lx", v->id,
                     (unsigned long)vmread(VMCS_GUEST_PHYSICAL));
        return;
    default:
        break;
    }
    if (reason & REASON_ENTRY_FAILED) {
        domain_crash(v->domain, "v%u: VM entry refuses its state, reason %u, qualification %lx",
                     v->id, reason & 0xffff, (unsigned long)vmread(VMCS_QUALIFICATION));
        return;
    }
    /* Instructions that the CPUID leaves do not offer. */
    hvm_inject_exception(v, VEC_UD, false, 0);
}

static void handle_exit(struct vcpu *v, uint32_t reason)
{
    switch (reason) {
    case REASON_VMCALL:
        hvm_hypercall(v, insn_len());
        return;
    case REASON_IO:
        exit_io(v);
        return;
    case REASON_EPT_VIOLATION:
        exit_ept_violation(v);
        return;
    case REASON_INTERRUPT:
        arch_irq_poll();
        return;
    case REASON_WINDOW:
        hvm_interrupts_changed(v);
        return;
    case REASON_NMI_WINDOW:
        exit_nmi_window(v);
        return;
    case REASON_CPUID:
        hvm_cpuid(v, insn_len());
        return;
    case REASON_HLT:
        hvm_hlt(v, insn_len());
        return;
    case REASON_RDMSR:
        hvm_rdmsr(v, insn_len());
        return;
    case REASON_WRMSR:
        hvm_wrmsr(v, insn_len());
        return;
    case REASON_CR:
        exit_cr(v);
        return;
    case REASON_EXCEPTION:
        exit_exception(v);
        return;
    case REASON_TRIPLE_FAULT:
        hvm_triple_fault(v);
        return;
    default:
        exit_other(v, reason);
    }
}

/*
 * What was being delivered when the exit came is delivered again; but for what an instruction
 * raised, which is executed again.
 */
static void requeue_event(struct vcpu *v)
{
    uint32_t event = (uint32_t)vmread(VMCS_IDT_EVENT);

    v->arch.vmx.event_set = false;
    if (likely(!(event & VMX_EVENT_VALID)) || VMX_EVENT_TYPE(event) >= HVM_EVENT_SOFT_INT)
        return;
    /* Delivery had begun, and with it the blocking. */
    if (VMX_EVENT_TYPE(event) == HVM_EVENT_NMI)
        vmwrite(VMCS_GUEST_BLOCKING, vmread(VMCS_GUEST_BLOCKING) & ~(uint64_t)BLOCKED_NMI);
    vmx_set_event(v, event & (0x7ff | VMX_EVENT_ERROR), (uint32_t)vmread(VMCS_IDT_ERROR), 0);
}

struct vcpu *vmx_exit(struct vcpu *v)
{
    p2m_guest_leave();
    rcu_enter();
    take_registers(v);
    requeue_event(v);
    handle_exit(v, (uint32_t)vmread(VMCS_EXIT_REASON));
    /* Delivery comes before interrupts of the host: one that faults again and again would keep them
     * out. */
    if (unlikely(v->arch.vmx.event_set))
        arch_irq_poll();
    return sched_exit_to_guest();
}

struct vcpu *vmx_entry_failed(struct vcpu *v)
{
    p2m_guest_leave();
    rcu_enter();
    domain_crash(v->domain, "v%u: VM entry fails, VM-instruction error %lu", v->id,
                 (unsigned long)vmread(VMCS_INSN_ERROR));
    return sched_exit_to_guest();
}
