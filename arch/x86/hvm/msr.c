/* SPDX-License-Identifier: Apache-2.0 */
/* RDMSR and WRMSR of what the guest does not reach by itself. What is not known is #GP(0). And CR8.
 */
#include <asm/guest.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/time.h>
#include <wherry/domain.h>

#define MSR_TSC             0x10
#define MSR_X2APIC_TPR      0x808
#define MSR_MTRR_CAP        0xfe
#define MSR_MISC_ENABLE     0x1a0
#define MSR_MTRR_DEF_TYPE   0x2ff
#define MSR_XEN_HYPERCALL   0x40000000
#define MSR_AMD_INT_PENDING 0xc0010055

#define EFER_WRITABLE (EFER_SCE | EFER_LME | EFER_NXE)

static bool is_x2apic(uint32_t msr)
{
    return msr >= 0x800 && msr < 0x900;
}

static bool read_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    if (is_x2apic(msr))
        return vlapic_read_msr(v, msr, value);
    switch (msr) {
    case MSR_TSC:
        *value = rdtsc();
        return true;
    case MSR_APIC_BASE:
        *value = vlapic_get_base(v);
        return true;
    case MSR_TSC_DEADLINE:
        *value = vlapic_get_deadline(v);
        return true;
    case MSR_EFER:
        *value = hvm->get_efer(v);
        return true;
    case MSR_MTRR_CAP: /* none: everything is write-back */
        *value = 0;
        return true;
    case MSR_MTRR_DEF_TYPE:
        *value = 0xc06;
        return true;
    case MSR_MISC_ENABLE:
        *value = 1; /* fast strings */
        return true;
    case MSR_AMD_INT_PENDING: /* old processors' C1E: not entered; Linux reads it without asking */
        *value = 0;
        return hvm == &svm_vendor;
    default:
        return hvm->get_msr(v, msr, value);
    }
}

static bool write_efer(struct vcpu *v, uint64_t value)
{
    uint64_t old = hvm->get_efer(v);

    if (value & ~(EFER_WRITABLE | EFER_LMA))
        return false;
    /* LME does not change while paging is on. */
    if ((hvm->get_cr(v, 0) & CR0_PG) && ((old ^ value) & EFER_LME))
        return false;
    hvm->set_efer(v, (value & EFER_WRITABLE) | (old & EFER_LMA));
    return true;
}

static bool pat_is_valid(uint64_t value)
{
    for (unsigned int i = 0; i < 64; i += 8) {
        uint8_t type = (uint8_t)(value >> i);

        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

static bool write_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (is_x2apic(msr))
        return vlapic_write_msr(v, msr, value);
    switch (msr) {
    case MSR_APIC_BASE:
        return vlapic_set_base(v, value);
    case MSR_TSC_DEADLINE:
        vlapic_set_deadline(v, value);
        return true;
    case MSR_EFER:
        return write_efer(v, value);
    case MSR_PAT:
        return pat_is_valid(value) && hvm->set_msr(v, msr, value);
    case MSR_MTRR_DEF_TYPE:
    case MSR_MISC_ENABLE:
    case MSR_TSC: /* one clock for all */
        return true;
    case MSR_XEN_HYPERCALL: /* the page, its number in the low bits */
        if ((value & ~PAGE_MASK) != 0 || hvm_write_hypercall_page(v->domain, gpaddr(value)) != 0)
            return false;
        hvm_note_layout(v);
        return true;
    default:
        return hvm->set_msr(v, msr, value);
    }
}

void hvm_rdmsr(struct vcpu *v, unsigned int len)
{
    uint64_t *r = v->arch.regs.r;
    uint64_t value = 0;

    if (!read_msr(v, (uint32_t)r[REG_RCX], &value)) {
        hvm_inject_exception(v, VEC_GP, true, 0);
        return;
    }
    r[REG_RAX] = (uint32_t)value;
    r[REG_RDX] = (uint32_t)(value >> 32);
    hvm_advance(v, len);
}

void hvm_wrmsr(struct vcpu *v, unsigned int len)
{
    const uint64_t *r = v->arch.regs.r;
    uint64_t value = r[REG_RDX] << 32 | (uint32_t)r[REG_RAX];

    if (!write_msr(v, (uint32_t)r[REG_RCX], value)) {
        hvm_inject_exception(v, VEC_GP, true, 0);
        return;
    }
    hvm_advance(v, len);
}

void hvm_cr8(struct vcpu *v, bool write, uint64_t *gpr, unsigned int len)
{
    uint64_t tpr = 0;

    if (!write) {
        (void)vlapic_read_msr(v, MSR_X2APIC_TPR, &tpr);
        *gpr = (tpr >> 4) & 0xf;
    } else if (*gpr > 0xf) {
        hvm_inject_exception(v, VEC_GP, true, 0);
        return;
    } else {
        (void)vlapic_write_msr(v, MSR_X2APIC_TPR, *gpr << 4);
    }
    hvm_advance(v, len);
}
