/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests on x86 have in common, whoever runs them: the choice between SVM and VMX, vCPUs as
 * common/ sees them, exceptions and stepping over instructions.
 */
#include "fpu.h"

#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/guest.h>
#include <asm/layout.h>
#include <asm/msr.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <wherry/bug.h>
#include <public/sched.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>
#include <wherry/symbols.h>

#define RFLAGS_RF BIT64(16)
#define DR6_BS    BIT64(14)

const struct hvm_vendor *hvm;

static void hvm_cpu_on(void)
{
    hvm->cpu_on();
}
CPU_INIT_CALL(CPU_INIT_GUEST, hvm_cpu_on);

static int __init hvm_init(void)
{
    int rc;

    hvm = cpu_features.svm ? &svm_vendor : &vmx_vendor;
    rc = hvm->setup();
    if (rc != 0)
        return rc;
    printk("guests: %s\n", hvm->name);
    hvm->cpu_on();
    return 0;
}
INIT_CALL(INIT_CORE, hvm_init);

/* --- mode --- */

bool hvm_is_64bit(struct vcpu *v)
{
    return hvm->is_64bit(v);
}

unsigned int hvm_cpl(struct vcpu *v)
{
    return hvm->get_cpl(v);
}

void hvm_advance(struct vcpu *v, unsigned int len)
{
    struct cpu_user_regs *regs = &v->arch.regs;

    regs->rip += len;
    if (!hvm_is_64bit(v))
        regs->rip &= UINT32_MAX;
    hvm_retire(v, regs->rflags & RFLAGS_TF);
}

/* A trap, SDM vol. 3, 18.3.1.4. What is being delivered already comes first, and alone. */
void hvm_retire(struct vcpu *v, bool step)
{
    v->arch.regs.rflags &= ~RFLAGS_RF;
    hvm->clear_shadow(v);
    if (likely(!step) || !hvm->can_inject(v))
        return;
    hvm->set_dr6(v, DR6_BS);
    hvm_inject_exception(v, VEC_DB, false, 0);
}

/* --- exceptions --- */

void hvm_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error)
{
    struct hvm_event e = {.type = HVM_EVENT_EXCEPTION,
                          .vector = (uint8_t)vector,
                          .has_error = has_error,
                          .error = error};

    if (has_error && !(hvm->get_cr(v, 0) & CR0_PE))
        e.has_error = false; /* real mode pushes none */
    hvm->inject(v, &e);
}

void hvm_inject_page_fault(struct vcpu *v, uint64_t cr2, uint32_t error)
{
    const struct hvm_event e = {.type = HVM_EVENT_EXCEPTION,
                                .vector = VEC_PF,
                                .has_error = true,
                                .error = error,
                                .cr2 = cr2};

    hvm->inject(v, &e);
}

void hvm_triple_fault(struct vcpu *v)
{
    printk("d%uv%u: triple fault at %lx\n", v->domain->id, v->id, (unsigned long)v->arch.regs.rip);
    domain_shutdown(v->domain, SHUTDOWN_reboot);
}

/* --- hooks of common/ --- */

/* The processor's part of an entry takes DR6 and DR7, not the addresses; nothing here uses them. */
static void debug_save(uint64_t dr[4])
{
    __asm__ volatile("movq %%dr0, %0" : "=r"(dr[0]));
    __asm__ volatile("movq %%dr1, %0" : "=r"(dr[1]));
    __asm__ volatile("movq %%dr2, %0" : "=r"(dr[2]));
    __asm__ volatile("movq %%dr3, %0" : "=r"(dr[3]));
}

static void debug_load(const uint64_t dr[4])
{
    __asm__ volatile("movq %0, %%dr0" ::"r"(dr[0]));
    __asm__ volatile("movq %0, %%dr1" ::"r"(dr[1]));
    __asm__ volatile("movq %0, %%dr2" ::"r"(dr[2]));
    __asm__ volatile("movq %0, %%dr3" ::"r"(dr[3]));
}

void hvm_debug_reset(struct vcpu *v)
{
    memset(v->arch.dr, 0, sizeof(v->arch.dr));
    if (v == current)
        debug_load(v->arch.dr);
}

void arch_vcpu_save(struct vcpu *v)
{
    debug_save(v->arch.dr);
    fpu_save(v);
    hvm->save(v);
}

void arch_vcpu_load(struct vcpu *v)
{
    debug_load(v->arch.dr);
    fpu_load(v);
    hvm->load(v);
    hvm_time_update(v);
}

void arch_enter_guest(struct vcpu *v)
{
    uintptr_t low, high;

    /* The loop never comes back: it has the whole stack. */
    arch_stack_bounds(&low, &high);
    __asm__ volatile("movq %0, %%rsp\n\txorl %%ebp, %%ebp\n\tcall *%1\n\tud2" ::"r"(high),
                     "r"(hvm->run), "D"(v)
                     : "memory");
    __builtin_unreachable();
}

int arch_vcpu_create(struct vcpu *v)
{
    int rc = hvm->vcpu_init(v);

    if (rc != 0)
        return rc;
    hvm_fpu_reset(v);
    hvm_timers_init(v);
    rc = vlapic_init(v);
    if (rc != 0)
        hvm->vcpu_destroy(v);
    return rc;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    hvm_timers_stop(v);
    vlapic_destroy(v);
    hvm->vcpu_destroy(v);
}

int arch_domain_create(struct domain *d, const struct arch_domain_config *config)
{
    (void)config;
    d->arch.tsc_at_create = rdtsc();
    hvm_wallclock_init(d->shared_info, false);
    return 0;
}

void arch_domain_destroy(struct domain *d)
{
    (void)d;
}

void arch_vcpu_dump(const struct vcpu *v)
{
    static const char *const name[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15"};
    const struct cpu_user_regs *r = &v->arch.regs;

    printk("d%uv%u%s: rip %016lx rflags %08lx\n", v->domain->id, v->id,
           READ_ONCE(v->sched.on_cpu) ? " (running)" : "", (unsigned long)r->rip,
           (unsigned long)r->rflags);
    for (unsigned int i = 0; i < 16; i += 4)
        printk("  %s %016lx %s %016lx %s %016lx %s %016lx\n", name[i], (unsigned long)r->r[i],
               name[i + 1], (unsigned long)r->r[i + 1], name[i + 2], (unsigned long)r->r[i + 2],
               name[i + 3], (unsigned long)r->r[i + 3]);
    hvm->dump(v);
}
