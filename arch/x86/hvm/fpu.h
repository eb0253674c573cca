/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 and vector registers change hands where vCPUs do, and nowhere else. For hvm.c.
 *
 * A guest that never writes XCR0 is switched by FXSAVE, and pays little for XSAVE. XCR0 of a pCPU
 * without a vCPU is x87 alone, and the upper halves of the registers are 0; or else (per-CPU
 * `xcr0_raised`) it is all that guests may have. XCR0 is looked at, as an emulator may let a guest
 * write it by itself (docs/x86.md).
 */
#ifndef WHERRY_X86_HVM_FPU_H
#define WHERRY_X86_HVM_FPU_H

#include <asm/cpu.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/percpu.h>

DECLARE_PER_CPU(bool, xcr0_raised);

/* The same for vCPUs that use XSAVE; loading, also where the last one did. */
void hvm_xstate_save(struct vcpu *v);
void hvm_xstate_load(struct vcpu *v);

static inline void fxsave(struct fpu_state *f)
{
    __asm__ volatile("fxsave64 %0" : "=m"(*f));
}

static inline void fxrstor(const struct fpu_state *f)
{
    __asm__ volatile("fxrstor64 %0" ::"m"(*f));
}

static inline void fpu_save(struct vcpu *v)
{
    if (likely(!v->arch.xsave && (cpu_features.xcr0 == 0 || read_xcr0() == XCR0_X87)))
        fxsave(&v->arch.fpu);
    else
        hvm_xstate_save(v);
}

static inline void fpu_load(struct vcpu *v)
{
    if (unlikely(v->arch.xsave || this_cpu(xcr0_raised)))
        hvm_xstate_load(v);
    else
        fxrstor(&v->arch.fpu);
}

#endif
