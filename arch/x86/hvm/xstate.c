/* SPDX-License-Identifier: Apache-2.0 */
/* XSETBV, and vector registers in a vCPU's area of XSAVE. The processor's part is in fpu.c. */
#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/guest.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/lib/string.h>

/* SDM vol. 1, 13.3. */
bool hvm_xcr0_is_valid(uint64_t value)
{
    if ((value & ~cpu_features.xcr0) || !(value & XCR0_X87))
        return false;
    return !(value & XCR0_AVX) || (value & XCR0_SSE);
}

uint32_t hvm_xstate_size(uint64_t xcr0)
{
    return xcr0 & XCR0_AVX ? sizeof(struct fpu_state) : offsetof(struct fpu_state, ymm_high);
}

/* The processor may have checked some of it before. */
void hvm_xsetbv(struct vcpu *v, unsigned int len)
{
    const uint64_t *r = v->arch.regs.r;
    uint64_t value = r[REG_RDX] << 32 | (uint32_t)r[REG_RAX];

    if (cpu_features.xcr0 == 0 || !(hvm->get_cr(v, 4) & CR4_OSXSAVE)) {
        hvm_inject_exception(v, VEC_UD, false, 0);
        return;
    }
    if (hvm_cpl(v) != 0 || (uint32_t)r[REG_RCX] != 0 || !hvm_xcr0_is_valid(value)) {
        hvm_inject_exception(v, VEC_GP, true, 0);
        return;
    }
    hvm_fpu_set_xcr0(v, value);
    hvm_advance(v, len);
}

/* Of a component in its initial state the area says nothing. */
static bool has_state(const struct vcpu *v, uint64_t component)
{
    if (v->arch.xsave)
        return v->arch.fpu.xstate_bv & component;
    return component != XCR0_AVX;
}

void hvm_get_vectors(const struct vcpu *v, struct x86_vec *regs)
{
    const struct fpu_state *f = &v->arch.fpu;
    bool sse = has_state(v, XCR0_SSE), avx = has_state(v, XCR0_AVX);

    memset(regs, 0, 16 * sizeof(*regs));
    for (unsigned int i = 0; i < 16; i++) {
        if (sse)
            memcpy(regs[i].b, f->bytes + FPU_XMM_OFFSET + 16 * i, 16);
        if (avx)
            memcpy(regs[i].b + 16, f->ymm_high[i], 16);
    }
}

/* Instructions change upper halves only where the guest has them switched on. */
void hvm_put_vectors(struct vcpu *v, const struct x86_vec *regs)
{
    struct fpu_state *f = &v->arch.fpu;
    bool avx = v->arch.xcr0 & XCR0_AVX;

    for (unsigned int i = 0; i < 16; i++) {
        memcpy(f->bytes + FPU_XMM_OFFSET + 16 * i, regs[i].b, 16);
        if (avx)
            memcpy(f->ymm_high[i], regs[i].b + 16, 16);
    }
    f->xstate_bv |= avx ? XCR0_SSE | XCR0_AVX : XCR0_SSE;
}
