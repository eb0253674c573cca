/* SPDX-License-Identifier: Apache-2.0 */
/* Switching of x87 and vector registers between vCPUs, with XSAVE (SDM vol. 1, chapter 13). */
#include "fpu.h"

#include <asm/cpu.h>
#include <asm/guest.h>
#include <asm/msr.h>
#include <wherry/lib/string.h>

DEFINE_PER_CPU(bool, xcr0_raised);

/* Of everything, also of what the guest has switched off: it may switch it on again. */
static void xsave(struct fpu_state *f)
{
    __asm__ volatile("xsave64 %0" : "+m"(*f) : "a"((uint32_t)cpu_features.xcr0), "d"(0));
}

static void xrstor(const struct fpu_state *f)
{
    __asm__ volatile("xrstor64 %0" ::"m"(*f), "a"((uint32_t)cpu_features.xcr0), "d"(0));
}

/* All of XCR0 for a moment, and then the guest's again. */
static void open_xcr0(void)
{
    if (read_xcr0() != cpu_features.xcr0)
        write_xcr0(cpu_features.xcr0);
    this_cpu(xcr0_raised) = true;
}

static void close_xcr0(const struct vcpu *v)
{
    if (v->arch.xcr0 != cpu_features.xcr0)
        write_xcr0(v->arch.xcr0);
}

/* What another vCPU left in upper halves is gone, and slows nothing down. */
static void lower_xcr0(void)
{
    if (cpu_features.xcr0 & XCR0_AVX)
        __asm__ volatile("vzeroupper");
    write_xcr0(XCR0_X87);
    this_cpu(xcr0_raised) = false;
}

void hvm_xstate_save(struct vcpu *v)
{
    v->arch.xcr0 = hvm_fpu_xcr0(v);
    v->arch.xsave = true;
    open_xcr0();
    xsave(&v->arch.fpu);
}

void hvm_xstate_load(struct vcpu *v)
{
    if (!v->arch.xsave) {
        lower_xcr0();
        fxrstor(&v->arch.fpu);
        return;
    }
    open_xcr0();
    xrstor(&v->arch.fpu);
    close_xcr0(v);
}

void hvm_fpu_sync(struct vcpu *v)
{
    fpu_save(v);
    if (v->arch.xsave)
        close_xcr0(v);
}

void hvm_fpu_reload(struct vcpu *v)
{
    if (v->arch.xsave)
        hvm_xstate_load(v);
    else
        fxrstor(&v->arch.fpu);
}

uint64_t hvm_fpu_xcr0(const struct vcpu *v)
{
    (void)v;
    return cpu_features.xcr0 != 0 ? read_xcr0() & cpu_features.xcr0 : 0;
}

void hvm_fpu_set_xcr0(struct vcpu *v, uint64_t value)
{
    if (value != XCR0_X87)
        v->arch.xsave = this_cpu(xcr0_raised) = true; /* the upper halves are 0 until now */
    v->arch.xcr0 = value;
    write_xcr0(value);
}

void hvm_fpu_reset(struct vcpu *v)
{
    struct fpu_state *f = &v->arch.fpu;

    memset(f, 0, sizeof(*f));
    f->bytes[0] = 0x7f; /* FCW 0x037f */
    f->bytes[1] = 0x03;
    f->bytes[24] = 0x80; /* MXCSR 0x1f80 */
    f->bytes[25] = 0x1f;
    v->arch.xcr0 = cpu_features.xcr0 & XCR0_X87;
    v->arch.xsave = false;
}
