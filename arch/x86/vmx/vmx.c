/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMX: which controls this CPU has, setting up CPUs and vCPUs, loading them, the way in (SDM vol.
 * 3, chapters 24 to 27 and appendix A).
 *
 * A VMCS is current on the pCPU that runs its vCPU, and clear otherwise: that of a vCPU which is
 * not running may be used anywhere (vmx_borrow()).
 */
#include "vmx.h"

#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/layout.h>
#include <asm/msr.h>
#include <asm/p2m_format.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>

#define FEATURE_LOCKED BIT64(0)
#define FEATURE_VMX    BIT64(2)

#define BASIC_REVISION(x) ((uint32_t)(x)&0x7fffffff)
#define BASIC_TRUE        BIT64(55)

/* EPT: walks of 4 levels, write-back tables, 2M and 1G pages; INVEPT and INVVPID as used here. */
#define CAP_NEEDED                                                                      \
    (BIT64(6) | BIT64(14) | BIT64(16) | BIT64(17) | BIT64(20) | BIT64(25) | BIT64(26) | \
     BIT64(32) | BIT64(42))

#define EPTP_WRITE_BACK 6
#define EPTP_4_LEVELS   (3 << 3)

#define INVEPT_CONTEXT 1
#define INVEPT_ALL     2
#define INVVPID_ALL    2

/* Constant after vmx_setup(). */
static uint32_t pin_controls, proc_controls, proc2_controls, exit_controls, entry_controls;
static uint64_t msr_bitmap_pa;
static uint32_t revision;

/* The vCPU whose VMCS is current on this pCPU, or NULL. */
static DEFINE_PER_CPU(struct vcpu *, vmcs_owner);

static const uint32_t switched_msrs[VMX_NR_MSRS] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
                                                    MSR_KERNEL_GS};
/* Those, and what the VMCS switches. */
static const uint32_t passed_msrs[] = {
    MSR_STAR,    MSR_LSTAR,   MSR_CSTAR,       MSR_SFMASK,       MSR_KERNEL_GS,
    MSR_FS_BASE, MSR_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};

static uint64_t page_pa(const struct page *pg)
{
    return mfn_to_paddr(page_to_mfn(pg)).v;
}

/* --- what the CPU can do --- */

/*
 * A word of controls from its capability register (A.3 to A.5): the low half has the bits that must
 * be set, the high half those that may be. `wrong`: bits that must not be forced.
 */
static int __init choose(const char *what, uint32_t msr, uint32_t wanted, uint32_t wrong,
                         uint32_t *out)
{
    uint64_t cap = rdmsr(msr);
    uint32_t must = (uint32_t)cap, may = (uint32_t)(cap >> 32);

    if ((wanted & ~may) != 0 || (must & wrong) != 0) {
        printk("vmx: %s controls: %x missing, %x forced\n", what, wanted & ~may, must & wrong);
        return -ENODEV;
    }
    *out = wanted | must;
    return 0;
}

static int __init choose_controls(void)
{
    /* The registers without the old forced bits are 12 further on. */
    uint32_t more =
        rdmsr(MSR_VMX_BASIC) & BASIC_TRUE ? MSR_VMX_TRUE_PIN_CONTROLS - MSR_VMX_PIN_CONTROLS : 0;
    int rc = choose("pin", MSR_VMX_PIN_CONTROLS + more,
                    PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMIS, 0, &pin_controls);

    if (rc == 0)
        rc = choose("processor", MSR_VMX_PROC_CONTROLS + more,
                    PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8_LOAD | PROC_CR8_STORE | PROC_IO |
                        PROC_MSR_BITMAP | PROC_MONITOR | PROC_SECONDARY,
                    PROC_CR3_LOAD | PROC_CR3_STORE | PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW,
                    &proc_controls);
    if (rc == 0)
        rc = choose("secondary", MSR_VMX_PROC2_CONTROLS,
                    PROC2_EPT | PROC2_VPID | PROC2_WBINVD | PROC2_UNRESTRICTED_GUEST, 0,
                    &proc2_controls);
    if (rc == 0)
        rc = choose("exit", MSR_VMX_EXIT_CONTROLS + more,
                    EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
                        EXIT_SAVE_EFER | EXIT_LOAD_EFER,
                    EXIT_ACK_INTERRUPT, &exit_controls);
    if (rc == 0)
        rc = choose("entry", MSR_VMX_ENTRY_CONTROLS + more,
                    ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, ENTRY_IA32E,
                    &entry_controls);
    return rc;
}

/* A bit a register: reads of 0 to 0x1fff and of 0xc0000000 on, then writes (25.6.9). */
static void __init bitmap_pass(uint8_t *map, uint32_t msr)
{
    uint32_t bit = (msr & 0x1fff) + (msr >= 0xc0000000 ? 0x2000 : 0);

    map[bit / 8] = (uint8_t)(map[bit / 8] & ~BIT(bit % 8));
    map[0x800 + bit / 8] = (uint8_t)(map[0x800 + bit / 8] & ~BIT(bit % 8));
}

static int __init alloc_bitmap(void)
{
    struct page *pg = page_alloc(0);

    if (pg == NULL)
        return -ENOMEM;
    memset(page_to_virt(pg), 0xff, PAGE_SIZE);
    for (unsigned int i = 0; i < ARRAY_SIZE(passed_msrs); i++)
        bitmap_pass(page_to_virt(pg), passed_msrs[i]);
    msr_bitmap_pa = page_pa(pg);
    return 0;
}

static bool firmware_allows(void)
{
    uint64_t f = rdmsr(MSR_FEATURE_CONTROL);

    if (!(f & FEATURE_LOCKED)) {
        f |= FEATURE_LOCKED | FEATURE_VMX;
        wrmsr(MSR_FEATURE_CONTROL, f);
    }
    return f & FEATURE_VMX;
}

int __init vmx_setup(void)
{
    uint64_t missing;
    int rc;

    if (!firmware_allows()) {
        printk("vmx: disabled by the firmware\n");
        return -ENODEV;
    }
    rc = choose_controls();
    if (rc != 0)
        return rc;
    missing = CAP_NEEDED & ~rdmsr(MSR_VMX_EPT_VPID_CAP);
    if (missing != 0) {
        printk("vmx: EPT or VPID lacks %lx\n", (unsigned long)missing);
        return -ENODEV;
    }
    revision = BASIC_REVISION(rdmsr(MSR_VMX_BASIC));
    p2m_format = (struct p2m_format)P2M_FORMAT_EPT;
    return alloc_bitmap();
}

/* --- CPUs --- */

static void invalidate(bool vpid, uint64_t type, uint64_t what)
{
    const uint64_t descriptor[2] = {what, 0};
    bool failed;

    if (vpid)
        __asm__ volatile("invvpid %1, %2; setna %0"
                         : "=q"(failed)
                         : "m"(descriptor), "r"(type)
                         : "cc", "memory");
    else
        __asm__ volatile("invept %1, %2; setna %0"
                         : "=q"(failed)
                         : "m"(descriptor), "r"(type)
                         : "cc", "memory");
    BUG_ON(failed);
}

void vmx_invept(uint64_t ept_pointer)
{
    invalidate(false, INVEPT_CONTEXT, ept_pointer);
}

void vmx_invvpid_all(void)
{
    invalidate(true, INVVPID_ALL, 0);
}

static uint64_t new_region(void)
{
    struct page *pg = page_alloc_zeroed(0);

    if (pg == NULL)
        return 0;
    *(uint32_t *)page_to_virt(pg) = revision;
    return page_pa(pg);
}

void vmx_cpu_on(void)
{
    uint64_t region = new_region();
    bool failed;

    if (region == 0 || !firmware_allows())
        panic("vmx: CPU %u cannot be set up\n", smp_processor_id());
    write_cr4(read_cr4() | CR4_VMXE);
    if ((rdmsr(MSR_VMX_CR0_FIXED0) & ~read_cr0()) != 0 ||
        (rdmsr(MSR_VMX_CR4_FIXED0) & ~read_cr4()) != 0)
        panic("vmx: CPU %u wants CR0 %lx and CR4 %lx\n", smp_processor_id(),
              rdmsr(MSR_VMX_CR0_FIXED0), rdmsr(MSR_VMX_CR4_FIXED0));
    __asm__ volatile("vmxon %1; setna %0" : "=q"(failed) : "m"(region) : "cc", "memory");
    if (failed)
        panic("vmx: VMXON fails on CPU %u\n", smp_processor_id());
    invalidate(false, INVEPT_ALL, 0);
    vmx_vpid_cpu_init();
}

/* --- vCPUs --- */

bool vmx_borrow(struct vcpu *v)
{
    if (likely(this_cpu(vmcs_owner) == v))
        return false;
    vmptrld(v->arch.vmx.vmcs_pa);
    return true;
}

void vmx_return(struct vcpu *v, bool borrowed)
{
    if (likely(!borrowed))
        return;
    vmclear(v->arch.vmx.vmcs_pa);
    v->arch.vmx.launched = false;
    if (this_cpu(vmcs_owner) != NULL)
        vmptrld(this_cpu(vmcs_owner)->arch.vmx.vmcs_pa);
}

bool vmx_is_loaded(const struct vcpu *v)
{
    return this_cpu(vmcs_owner) == v;
}

uint64_t vmx_ept_pointer(const struct domain *d)
{
    return d->p2m.arch.root.v | EPTP_4_LEVELS | EPTP_WRITE_BACK;
}

static void write_controls(struct vcpu *v)
{
    vmwrite(VMCS_PIN_CONTROLS, pin_controls);
    vmx_set_proc(v, proc_controls);
    vmwrite(VMCS_PROC2_CONTROLS, proc2_controls);
    vmwrite(VMCS_EXIT_CONTROLS, exit_controls);
    vmwrite(VMCS_ENTRY_CONTROLS, entry_controls);
    /* A guest whose handler faults again and again would keep the CPU for ever. */
    vmwrite(VMCS_EXCEPTIONS, BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC));
    vmwrite(VMCS_PF_MASK, 0);
    vmwrite(VMCS_PF_MATCH, 0);
    vmwrite(VMCS_CR3_TARGETS, 0);
    vmwrite(VMCS_EXIT_STORE_COUNT, 0);
    vmwrite(VMCS_EXIT_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_LOAD_COUNT, 0);
    vmwrite(VMCS_MSR_BITMAP, msr_bitmap_pa);
    vmwrite(VMCS_EPT_POINTER, vmx_ept_pointer(v->domain));
    vmwrite(VMCS_CR0_MASK, VMX_CR0_MASK);
    vmwrite(VMCS_CR4_MASK, VMX_CR4_MASK);
    vmwrite(VMCS_CR4_SHADOW, 0);
}

/* What vcpu reset does not write. */
static void write_guest_state(void)
{
    vmwrite(VMCS_LINK_POINTER, UINT64_MAX);
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    vmwrite(VMCS_GUEST_PAT, UINT64_C(0x0007040600070406));
    vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
}

/* The same on each pCPU. */
static void write_host_state(void)
{
    vmwrite(VMCS_HOST_CS, SEL_CODE64);
    vmwrite(VMCS_HOST_SS, SEL_DATA);
    vmwrite(VMCS_HOST_DS, SEL_DATA);
    vmwrite(VMCS_HOST_ES, SEL_DATA);
    vmwrite(VMCS_HOST_FS, 0);
    vmwrite(VMCS_HOST_GS, 0);
    vmwrite(VMCS_HOST_TR, SEL_TSS);
    vmwrite(VMCS_HOST_FS_BASE, 0);
    vmwrite(VMCS_HOST_SYSENTER_CS, 0);
    vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
    vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_stub);
}

/* ... and what may differ, or change while the hypervisor boots. */
static void write_host_cpu_state(void)
{
    struct desc_tables t;

    desc_tables(&t);
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
    vmwrite(VMCS_HOST_TR_BASE, t.tss_base);
    vmwrite(VMCS_HOST_GDTR_BASE, t.gdt_base);
    vmwrite(VMCS_HOST_IDTR_BASE, t.idt_base);
}

int vmx_vcpu_init(struct vcpu *v)
{
    struct vmx_vcpu *x = &v->arch.vmx;
    bool borrowed;

    x->vmcs_pa = new_region();
    if (x->vmcs_pa == 0)
        return -ENOMEM;
    x->dr6 = DR6_RESET;
    vmclear(x->vmcs_pa);
    borrowed = vmx_borrow(v);
    write_controls(v);
    write_guest_state();
    write_host_state();
    vmx_return(v, borrowed);
    return 0;
}

void vmx_vcpu_destroy(struct vcpu *v)
{
    struct vmx_vcpu *x = &v->arch.vmx;

    if (x->vmcs_pa != 0)
        page_free(mfn_to_page(paddr_to_mfn(paddr(x->vmcs_pa))), 0);
    x->vmcs_pa = 0;
}

void vmx_load(struct vcpu *v)
{
    struct vmx_vcpu *x = &v->arch.vmx;

    ASSERT(this_cpu(vmcs_owner) == NULL);
    vmptrld(x->vmcs_pa);
    this_cpu(vmcs_owner) = v;
    write_host_cpu_state();
    for (unsigned int i = 0; i < VMX_NR_MSRS; i++)
        wrmsr(switched_msrs[i], x->msr[i]);
    write_cr2(x->cr2);
    __asm__ volatile("movq %0, %%dr6" : : "r"(x->dr6));
}

void vmx_save(struct vcpu *v)
{
    struct vmx_vcpu *x = &v->arch.vmx;

    ASSERT(this_cpu(vmcs_owner) == v);
    for (unsigned int i = 0; i < VMX_NR_MSRS; i++)
        x->msr[i] = rdmsr(switched_msrs[i]);
    x->cr2 = read_cr2();
    __asm__ volatile("movq %%dr6, %0" : "=r"(x->dr6));
    this_cpu(vmcs_owner) = NULL;
    vmclear(x->vmcs_pa);
    x->launched = false;
}

/* The MSRs above: where they are now. */
bool vmx_get_switched(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    for (unsigned int i = 0; i < VMX_NR_MSRS; i++) {
        if (switched_msrs[i] != msr)
            continue;
        *value = vmx_is_loaded(v) ? rdmsr(msr) : v->arch.vmx.msr[i];
        return true;
    }
    return false;
}

bool vmx_set_switched(struct vcpu *v, uint32_t msr, uint64_t value)
{
    for (unsigned int i = 0; i < VMX_NR_MSRS; i++) {
        if (switched_msrs[i] != msr)
            continue;
        v->arch.vmx.msr[i] = value;
        if (vmx_is_loaded(v))
            wrmsr(msr, value);
        return true;
    }
    return false;
}

bool vmx_prepare_entry(struct vcpu *v)
{
    struct vmx_vcpu *x = &v->arch.vmx;
    struct p2m *p = &v->domain->p2m;
    uint64_t epoch = p2m_epoch(p); /* what was taken away until now */
    uint16_t old = x->vpid;
    uint16_t vpid = vmx_vpid_prepare(v);
    bool launched = x->launched;

    p2m_guest_check(p, p->arch.flushed[smp_processor_id()], epoch);
    if (vpid != old)
        vmwrite(VMCS_VPID, vpid);
    vmwrite(VMCS_GUEST_RSP, v->arch.regs.r[REG_RSP]);
    vmwrite(VMCS_GUEST_RIP, v->arch.regs.rip);
    vmwrite(VMCS_GUEST_RFLAGS, v->arch.regs.rflags);
    x->launched = true;
    return launched;
}
