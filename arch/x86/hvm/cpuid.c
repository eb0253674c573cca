/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID as guests see it: the host's features that are virtualized, and the hypervisor's leaves. */
#include <asm/cpu.h>
#include <asm/guest.h>
#include <asm/msr.h>
#include <asm/time.h>
#include <wherry/domain.h>
#include <wherry/version.h>

#define XEN_LEAF      0x40000000
#define XEN_LAST_LEAF 0x40000004
#define XEN_VERSION   (4 << 16 | 17)

/* Leaf 1. */
#define L1C_ALLOWED \
    (BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(30))
#define L1C_X2APIC     BIT(21)
#define L1C_DEADLINE   BIT(24)
#define L1C_HYPERVISOR BIT(31)
#define L1D_ALLOWED    0x078bbb7f /* to SSE2, without machine checks, HTT and what is thermal */

#define L1C_XSAVE   BIT(26)
#define L1C_OSXSAVE BIT(27)
#define L1C_AVX     (BIT(12) | BIT(28) | BIT(29)) /* FMA, AVX, F16C */

/* Leaf 7: BMI, SMEP, ERMS, SMAP and the like; with AVX, what has no other state. */
#define L7B_ALLOWED (BIT(0) | BIT(3) | BIT(7) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(20))
#define L7C_ALLOWED BIT(2)
#define L7B_AVX     BIT(5)                      /* AVX2 */
#define L7C_AVX     (BIT(8) | BIT(9) | BIT(10)) /* GFNI, VAES, VPCLMULQDQ */

/* Leaf 0xd, sub-leaf 1: XSAVEOPT, XSAVEC, XGETBV with ECX 1. */
#define LD1_ALLOWED (BIT(0) | BIT(1) | BIT(2))
#define LD1_XSAVEC  BIT(1)

/* 0x80000001. */
#define E1C_ALLOWED (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define E1D_ALLOWED \
    (0x0183b37f | BIT(11) | BIT(20) | BIT(22) | BIT(23) | BIT(24) | BIT(26) | BIT(29))

static bool has_avx(void)
{
    return cpu_features.xcr0 & XCR0_AVX;
}

/* The bits that XSAVE gives; one shows CR4 (SDM vol. 2, CPUID). */
static uint32_t leaf1_xsave(struct vcpu *v, uint32_t host)
{
    uint32_t c = L1C_XSAVE;

    if (cpu_features.xcr0 == 0)
        return 0;
    if (hvm->get_cr(v, 4) & CR4_OSXSAVE)
        c |= L1C_OSXSAVE;
    return has_avx() ? c | (host & L1C_AVX) : c;
}

static void leaf1(struct vcpu *v, struct cpuid_leaf *r)
{
    uint32_t xsave = leaf1_xsave(v, r->c);

    r->b = (r->b & 0x0000ffff) | v->domain->max_vcpus << 17 | vlapic_id(v) << 24;
    r->c = (r->c & L1C_ALLOWED) | L1C_X2APIC | L1C_DEADLINE | L1C_HYPERVISOR | xsave;
    r->d &= L1D_ALLOWED;
}

static void leaf7(uint32_t sub, struct cpuid_leaf *r)
{
    uint32_t b = L7B_ALLOWED | (has_avx() ? L7B_AVX : 0);
    uint32_t c = L7C_ALLOWED | (has_avx() ? L7C_AVX : 0);

    *r = sub == 0 ? (struct cpuid_leaf){.b = r->b & b, .c = r->c & c} : (struct cpuid_leaf){0};
}

/* XSAVE's area: of what the guest has switched on, and of all (SDM vol. 1, 13.2). */
static void xstate_leaf(const struct vcpu *v, uint32_t sub, struct cpuid_leaf *r)
{
    uint32_t now = hvm_xstate_size(hvm_fpu_xcr0(v)), most = hvm_xstate_size(cpu_features.xcr0);
    struct cpuid_leaf host = *r;

    *r = (struct cpuid_leaf){0};
    if (cpu_features.xcr0 == 0)
        return;
    if (sub == 0) {
        *r = (struct cpuid_leaf){.a = (uint32_t)cpu_features.xcr0, .b = now, .c = most};
    } else if (sub == 1) {
        r->a = host.a & LD1_ALLOWED;
        r->b = r->a & LD1_XSAVEC ? now : 0;
    } else if (sub == 2 && has_avx()) {
        r->a = FPU_AVX_SIZE;
        r->b = offsetof(struct fpu_state, ymm_high);
    }
}

static void topology(const struct vcpu *v, uint32_t sub, struct cpuid_leaf *r)
{
    *r = (struct cpuid_leaf){.c = sub & 0xff, .d = vlapic_id(v)};
    if (sub == 0) { /* one thread a core; bit 0 of the id would be the thread */
        r->a = 1;
        r->b = 1;
        r->c |= 1 << 8;
    } else if (sub == 1) {
        r->a = 7;
        r->b = v->domain->max_vcpus;
        r->c |= 2 << 8;
    }
}

/*
 * The TSC is the host's, for all vCPUs, and never emulated: mode 2. Subleaf 0 has the guest's rate
 * in kHz, 1 how ticks since an offset become nanoseconds, 2 the host's rate.
 */
static void time_leaf(uint32_t sub, struct cpuid_leaf *r)
{
    uint32_t khz = (uint32_t)(time_tsc_hz() / 1000);

    if (sub == 0) {
        r->a = BIT(1); /* reliable */
        r->b = 2;
        r->c = khz;
    } else if (sub == 1) {
        uint64_t offset = time_boot_tsc();
        int8_t shift;

        r->a = (uint32_t)offset;
        r->b = (uint32_t)(offset >> 32);
        hvm_tsc_scale(&r->c, &shift);
        r->d = (uint32_t)(int32_t)shift;
    } else if (sub == 2)
        r->a = khz;
}

static void hypervisor_leaf(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *r)
{
    *r = (struct cpuid_leaf){0};
    switch (leaf - XEN_LEAF) {
    case 0:
        *r = (struct cpuid_leaf){XEN_LAST_LEAF, 0x566e6558, 0x65584d4d, 0x4d4d566e};
        break;
    case 1:
        r->a = XEN_VERSION;
        break;
    case 2:
        r->a = 1; /* pages of hypercall stubs, and the MSR that places them */
        r->b = 0x40000000;
        break;
    case 3:
        time_leaf(sub, r);
        break;
    case 4:
        r->a = BIT(3) | BIT(4); /* EBX: vCPU; ECX: domain */
        r->b = v->id;
        r->c = v->domain->id;
        break;
    default:
        break;
    }
}

static void basic_leaf(struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *r)
{
    switch (leaf) {
    case 0: /* leaf 0xb is there, whatever the host has */
        r->a = r->a < 0xb ? 0xb : r->a < 0xd ? r->a : 0xd;
        break;
    case 1:
        leaf1(v, r);
        break;
    case 7:
        leaf7(sub, r);
        break;
    case 0xb:
        topology(v, sub, r);
        break;
    case 0xd:
        xstate_leaf(v, sub, r);
        break;
    case 2:
    case 4:
        break;
    default: /* monitor, power, performance counters: not offered */
        *r = (struct cpuid_leaf){0};
    }
}

static void extended_leaf(uint32_t leaf, struct cpuid_leaf *r)
{
    switch (leaf & 0xff) {
    case 0:
        r->a = r->a < 0x80000008 ? r->a : 0x80000008;
        break;
    case 1:
        r->c &= E1C_ALLOWED;
        r->d &= E1D_ALLOWED;
        break;
    case 7:
        *r = (struct cpuid_leaf){.d = r->d & BIT(8)};
        break;
    case 8:
        *r = (struct cpuid_leaf){.a = (r->a & 0xff00) | cpu_guest_paddr_bits()};
        break;
    default: /* names and caches */
        break;
    }
}

/* The host's; zeros, not what Intel's give, where it has no such leaf. */
static struct cpuid_leaf host_leaf(uint32_t leaf, uint32_t sub)
{
    uint32_t first = leaf & 0x80000000;

    if (leaf > first && leaf > cpuid(first, 0).a)
        return (struct cpuid_leaf){0};
    return cpuid(leaf, sub);
}

void hvm_cpuid(struct vcpu *v, unsigned int len)
{
    uint64_t *regs = v->arch.regs.r;
    uint32_t leaf = (uint32_t)regs[REG_RAX], sub = (uint32_t)regs[REG_RCX];
    struct cpuid_leaf r = {0};

    if (leaf >= XEN_LEAF && leaf <= XEN_LAST_LEAF) {
        hypervisor_leaf(v, leaf, sub, &r);
    } else if (leaf <= 0xd) {
        r = host_leaf(leaf, sub);
        basic_leaf(v, leaf, sub, &r);
    } else if (leaf >= 0x80000000 && leaf <= 0x80000008) {
        r = host_leaf(leaf, sub);
        extended_leaf(leaf, &r);
    }
    regs[REG_RAX] = r.a;
    regs[REG_RBX] = r.b;
    regs[REG_RCX] = r.c;
    regs[REG_RDX] = r.d;
    hvm_advance(v, len);
}
