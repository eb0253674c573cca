/* SPDX-License-Identifier: Apache-2.0 */
/* VMX: a vCPU's state in the VMCS, and what is delivered to it; the vendor's table. */
#include "vmx.h"

#include <asm/cpu.h>
#include <asm/desc.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/printk.h>

/* --- segments --- */

#define RIGHTS_LOW   0x00ff
#define RIGHTS_SHIFT 4 /* AVL, L, D/B, G */

void vmx_get_segment(struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out)
{
    bool borrowed = vmx_borrow(v);
    uint32_t rights;

    *out = (struct hvm_segment){.limit = (uint32_t)vmread(VMCS_GUEST_LIMIT + 2 * seg),
                                .base = vmread(VMCS_GUEST_BASE + 2 * seg)};
    if (seg < SEG_GDTR) {
        rights = (uint32_t)vmread(VMCS_GUEST_RIGHTS + 2 * seg);
        out->sel = (uint16_t)vmread(VMCS_GUEST_SELECTOR + 2 * seg);
        out->attr = (uint16_t)((rights & RIGHTS_LOW) | ((rights >> RIGHTS_SHIFT) & 0xf00));
        if (rights & RIGHTS_UNUSABLE) /* the CPL is in SS all the same */
            out->attr = (uint16_t)(out->attr & ~SEG_P);
    }
    vmx_return(v, borrowed);
}

static void vmx_get_segments(struct vcpu *v, struct hvm_segment out[6])
{
    bool borrowed = vmx_borrow(v);

    for (unsigned int i = 0; i < 6; i++)
        vmx_get_segment(v, (enum hvm_seg)i, &out[i]);
    vmx_return(v, borrowed);
}

static uint32_t rights_of(enum hvm_seg seg, const struct hvm_segment *in)
{
    uint32_t rights = (in->attr & RIGHTS_LOW) | (in->attr & 0xf00u) << RIGHTS_SHIFT;

    if (!(in->attr & SEG_P))
        return rights | RIGHTS_UNUSABLE;
    /* What is loaded has been accessed (27.3.1.2). */
    return seg <= SEG_GS ? rights | 1 : rights;
}

static void vmx_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in)
{
    bool borrowed = vmx_borrow(v);

    vmwrite(VMCS_GUEST_LIMIT + 2 * seg, in->limit);
    vmwrite(VMCS_GUEST_BASE + 2 * seg, in->base);
    if (seg < SEG_GDTR) {
        vmwrite(VMCS_GUEST_SELECTOR + 2 * seg, in->sel);
        vmwrite(VMCS_GUEST_RIGHTS + 2 * seg, rights_of(seg, in));
    }
    vmx_return(v, borrowed);
}

/* --- control registers --- */

/* As the guest reads it: its own bits, and the shadow of the others. */
static uint64_t masked(uint32_t reg, uint32_t shadow, uint64_t mask)
{
    return (vmread(reg) & ~mask) | (vmread(shadow) & mask);
}

uint64_t vmx_get_cr(struct vcpu *v, unsigned int n)
{
    bool borrowed;
    uint64_t value;

    if (n == 2)
        return vmx_is_loaded(v) ? read_cr2() : v->arch.vmx.cr2;
    borrowed = vmx_borrow(v);
    if (n == 0)
        value = masked(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, VMX_CR0_MASK);
    else if (n == 3)
        value = vmread(VMCS_GUEST_CR3);
    else
        value = masked(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, VMX_CR4_MASK);
    vmx_return(v, borrowed);
    return value;
}

static void set_cr2(struct vcpu *v, uint64_t value)
{
    v->arch.vmx.cr2 = value;
    if (vmx_is_loaded(v))
        write_cr2(value);
}

/* EFER.LMA, and the entry control that has to agree with it (27.2.1.3). */
static void write_efer(uint64_t efer)
{
    uint64_t controls = vmread(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_IA32E;

    vmwrite(VMCS_GUEST_EFER, efer);
    vmwrite(VMCS_ENTRY_CONTROLS, efer & EFER_LMA ? controls | ENTRY_IA32E : controls);
}

static void write_guest_cr0(uint64_t value)
{
    uint64_t efer = vmread(VMCS_GUEST_EFER) & ~EFER_LMA;

    if ((value & CR0_PG) && (efer & EFER_LME))
        efer |= EFER_LMA;
    write_efer(efer);
    vmwrite(VMCS_GUEST_CR0, (value & ~VMX_CR0_MASK) | CR0_NE);
    vmwrite(VMCS_CR0_SHADOW, value);
}

/*
 * PAE paging takes its four uppermost entries when CR0 or CR3 is written (SDM vol. 3, 4.4.1); the
 * CPU does that itself but for writes that exit.
 */
static bool load_pdptes(struct vcpu *v)
{
    const uint64_t reserved = UINT64_C(0x1e6) | UINT64_MAX << cpu_guest_paddr_bits();
    uint64_t entry[4];

    if (gpa_copy_from(v->domain, entry, gpaddr(vmread(VMCS_GUEST_CR3) & UINT64_C(0xffffffe0)),
                      sizeof(entry)) != 0)
        return false;
    for (unsigned int i = 0; i < 4; i++)
        if ((entry[i] & 1) && (entry[i] & reserved))
            return false;
    for (unsigned int i = 0; i < 4; i++)
        vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, entry[i]);
    return true;
}

/* After CR0, CR3 and CR4 were put in place; entries that are none are not present. */
static void reload_pdptes(struct vcpu *v, uint64_t cr0)
{
    if (!(cr0 & CR0_PG) || !(vmread(VMCS_GUEST_CR4) & CR4_PAE) ||
        (vmread(VMCS_GUEST_EFER) & EFER_LMA) || load_pdptes(v))
        return;
    for (unsigned int i = 0; i < 4; i++)
        vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, 0);
}

void vmx_set_cr(struct vcpu *v, unsigned int n, uint64_t value)
{
    bool borrowed;

    if (n == 2) {
        set_cr2(v, value);
        return;
    }
    borrowed = vmx_borrow(v);
    if (n == 0) {
        write_guest_cr0(value);
        reload_pdptes(v, value);
    } else if (n == 3) {
        vmwrite(VMCS_GUEST_CR3, value);
    } else {
        /* What this CPU lacks the entry would refuse (27.3.1.1). */
        vmwrite(VMCS_GUEST_CR4, (value & VMX_CR4_GUEST & rdmsr(MSR_VMX_CR4_FIXED1)) | CR4_VMXE);
        vmwrite(VMCS_CR4_SHADOW, value);
    }
    vmx_return(v, borrowed);
    v->arch.vmx.vpid_generation = 0; /* whatever was cached for it */
}

uint64_t vmx_get_efer(struct vcpu *v)
{
    bool borrowed = vmx_borrow(v);
    uint64_t value = vmread(VMCS_GUEST_EFER);

    vmx_return(v, borrowed);
    return value;
}

static unsigned int vmx_get_cpl(struct vcpu *v)
{
    bool borrowed = vmx_borrow(v);
    uint32_t rights = (uint32_t)vmread(VMCS_GUEST_RIGHTS + 2 * SEG_SS);
    bool real = !(vmx_get_cr(v, 0) & CR0_PE);

    vmx_return(v, borrowed);
    return real ? 0 : SEG_DPL(rights);
}

static bool vmx_is_64bit(struct vcpu *v)
{
    bool borrowed = vmx_borrow(v);
    uint32_t rights = (uint32_t)vmread(VMCS_GUEST_RIGHTS + 2 * SEG_CS);
    bool active = vmread(VMCS_GUEST_EFER) & EFER_LMA;

    vmx_return(v, borrowed);
    return active && ((rights >> RIGHTS_SHIFT) & SEG_L);
}

static void vmx_get_control(struct vcpu *v, struct hvm_control *out)
{
    bool borrowed = vmx_borrow(v);

    out->cr0 = vmx_get_cr(v, 0);
    out->cr3 = vmx_get_cr(v, 3);
    out->cr4 = vmx_get_cr(v, 4);
    out->efer = vmx_get_efer(v);
    vmx_return(v, borrowed);
}

static void vmx_set_efer(struct vcpu *v, uint64_t value)
{
    bool borrowed = vmx_borrow(v);

    write_efer(value);
    vmx_return(v, borrowed);
    v->arch.vmx.vpid_generation = 0;
}

/* May paging be switched on or off like this (SDM vol. 3, 4.1.2)? */
static bool paging_is_allowed(struct vcpu *v, uint64_t old, uint64_t value)
{
    struct hvm_segment cs;
    uint64_t efer = vmread(VMCS_GUEST_EFER);

    if (((old ^ value) & CR0_PG) == 0 || !(efer & EFER_LME))
        return true;
    vmx_get_segment(v, SEG_CS, &cs);
    if (cs.attr & SEG_L)
        return false;
    return !(value & CR0_PG) || (vmread(VMCS_GUEST_CR4) & CR4_PAE);
}

bool vmx_guest_cr0(struct vcpu *v, uint64_t value)
{
    uint64_t old = vmx_get_cr(v, 0);

    if (value >> 32 != 0 || ((value & CR0_PG) && !(value & CR0_PE)) ||
        ((value & CR0_NW) && !(value & CR0_CD)) || !paging_is_allowed(v, old, value))
        return false;
    if ((value & CR0_PG) && (vmread(VMCS_GUEST_CR4) & CR4_PAE) &&
        !(vmread(VMCS_GUEST_EFER) & EFER_LME) && !load_pdptes(v))
        return false;
    vmx_set_cr(v, 0, value | CR0_ET);
    return true;
}

/* --- MSRs --- */

static uint32_t msr_field(uint32_t msr)
{
    switch (msr) {
    case MSR_FS_BASE:
        return VMCS_GUEST_BASE + 2 * SEG_FS;
    case MSR_GS_BASE:
        return VMCS_GUEST_BASE + 2 * SEG_GS;
    case MSR_SYSENTER_CS:
        return VMCS_GUEST_SYSENTER_CS;
    case MSR_SYSENTER_ESP:
        return VMCS_GUEST_SYSENTER_ESP;
    case MSR_SYSENTER_EIP:
        return VMCS_GUEST_SYSENTER_EIP;
    case MSR_PAT:
        return VMCS_GUEST_PAT;
    default:
        return 0;
    }
}

static bool vmx_get_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    uint32_t field = msr_field(msr);
    bool borrowed;

    if (field == 0)
        return vmx_get_switched(v, msr, value);
    borrowed = vmx_borrow(v);
    *value = vmread(field);
    vmx_return(v, borrowed);
    return true;
}

/* Registers that hold an address take none that is not canonical: loading it would fault. */
static bool msr_accepts(uint32_t msr, uint64_t value)
{
    if (msr == MSR_STAR || msr == MSR_PAT)
        return true;
    if (msr == MSR_SFMASK || msr == MSR_SYSENTER_CS)
        return value >> 32 == 0;
    return (uint64_t)((int64_t)(value << 16) >> 16) == value;
}

static bool vmx_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint32_t field = msr_field(msr);
    bool borrowed;

    if (!msr_accepts(msr, value))
        return false;
    if (field == 0)
        return vmx_set_switched(v, msr, value);
    borrowed = vmx_borrow(v);
    vmwrite(field, value);
    vmx_return(v, borrowed);
    return true;
}

/* --- delivery --- */

void vmx_set_proc(struct vcpu *v, uint32_t proc)
{
    if (v->arch.vmx.proc == proc)
        return;
    v->arch.vmx.proc = proc;
    vmwrite(VMCS_PROC_CONTROLS, proc);
}

static void vmx_clear_shadow(struct vcpu *v)
{
    uint64_t blocking = vmread(VMCS_GUEST_BLOCKING);

    (void)v;
    if (unlikely(blocking & (BLOCKED_STI | BLOCKED_MOV_SS)))
        vmwrite(VMCS_GUEST_BLOCKING, blocking & ~(uint64_t)(BLOCKED_STI | BLOCKED_MOV_SS));
}

void vmx_set_event(struct vcpu *v, uint32_t event, uint32_t error, uint32_t insn_len)
{
    vmwrite(VMCS_ENTRY_EVENT, event | VMX_EVENT_VALID);
    if (event & VMX_EVENT_ERROR)
        vmwrite(VMCS_ENTRY_ERROR, error);
    if (VMX_EVENT_TYPE(event) >= HVM_EVENT_SOFT_INT)
        vmwrite(VMCS_ENTRY_INSN_LEN, insn_len);
    /*
     * Delivery ends the shadow of STI and MOV SS. Left there, the entry is refused: with an
     * interrupt always, else where the guest single-steps (27.2.1.3, 27.3.1.5).
     */
    vmx_clear_shadow(v);
    v->arch.vmx.event_set = true;
}

/* Of what is here nothing is the guest's any more; the entry refuses what does not agree with
 * RFLAGS. */
static void vmx_reset(struct vcpu *v)
{
    struct vmx_vcpu *x = &v->arch.vmx;
    bool borrowed = vmx_borrow(v);

    vmwrite(VMCS_ENTRY_EVENT, 0);
    vmwrite(VMCS_GUEST_BLOCKING, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, 0);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
    vmwrite(VMCS_GUEST_DR7, 0x400);
    vmx_set_proc(v, x->proc & ~(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW));
    vmx_return(v, borrowed);
    x->event_set = false;
    x->dr6 = DR6_RESET;
    if (vmx_is_loaded(v))
        __asm__ volatile("movq %0, %%dr6" : : "r"(x->dr6));
}

/* The CPU takes no NMI while one is handled, or behind MOV SS: it tells when that is over. */
static void inject_nmi(struct vcpu *v)
{
    if ((vmread(VMCS_GUEST_BLOCKING) & (BLOCKED_NMI | BLOCKED_MOV_SS)) == 0) {
        vmx_set_event(v, HVM_EVENT_NMI << 8 | VEC_NMI, 0, 0);
        return;
    }
    vmx_set_proc(v, v->arch.vmx.proc | PROC_NMI_WINDOW);
}

/* Does this exception push an error code? An entry that says otherwise is refused (27.2.1.3). */
static bool pushes_error(const struct vcpu *v, const struct hvm_event *e)
{
    (void)v;
    return e->type == HVM_EVENT_EXCEPTION && e->vector < 32 &&
           ((UINT32_C(VECTORS_WITH_ERROR) >> e->vector) & 1) != 0 &&
           (vmread(VMCS_GUEST_CR0) & CR0_PE);
}

/*
 * An event that the CPU would not take in this state would end the domain: a device model may ask
 * for one. It is dropped.
 */
static bool is_deliverable(const struct vcpu *v, const struct hvm_event *e)
{
    switch (e->type) {
    case HVM_EVENT_INTR:
        return v->arch.regs.rflags & RFLAGS_IF;
    case HVM_EVENT_EXCEPTION:
        return e->vector < 32 && e->vector != VEC_NMI;
    case HVM_EVENT_SOFT_INT:
        return e->insn_len >= 1 && e->insn_len <= 15;
    case HVM_EVENT_PRIV_SOFT:
    case HVM_EVENT_SOFT:
        return e->vector < 32 && e->insn_len >= 1 && e->insn_len <= 15;
    default:
        return false;
    }
}

static void vmx_inject(struct vcpu *v, const struct hvm_event *e)
{
    uint32_t event = (uint32_t)e->type << 8 | e->vector;

    if (e->type == HVM_EVENT_NMI) {
        inject_nmi(v);
        return;
    }
    if (!is_deliverable(v, e))
        return;
    if (pushes_error(v, e))
        event |= VMX_EVENT_ERROR;
    if (e->type == HVM_EVENT_EXCEPTION && e->vector == VEC_PF)
        set_cr2(v, e->cr2);
    vmx_set_event(v, event, e->has_error ? e->error : 0, e->insn_len);
}

static bool vmx_can_inject(struct vcpu *v)
{
    return !v->arch.vmx.event_set;
}

static bool vmx_in_shadow(struct vcpu *v)
{
    (void)v;
    return vmread(VMCS_GUEST_BLOCKING) & (BLOCKED_STI | BLOCKED_MOV_SS);
}

/* The CPU has the guest's while v is current. A step that MOV SS put off is this one too. */
static void vmx_set_dr6(struct vcpu *v, uint64_t bits)
{
    uint64_t dr6;

    (void)v;
    __asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
    __asm__ volatile("movq %0, %%dr6" : : "r"(dr6 | bits));
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
}

static void vmx_request_window(struct vcpu *v, bool on)
{
    uint32_t proc = v->arch.vmx.proc & ~PROC_INTERRUPT_WINDOW;

    vmx_set_proc(v, on ? proc | PROC_INTERRUPT_WINDOW : proc);
}

static void vmx_dump(const struct vcpu *v)
{
    if (!vmx_is_loaded(v)) {
        printk("  the rest is in its VMCS\n");
        return;
    }
    printk("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %lx\n",
           (unsigned long)vmread(VMCS_GUEST_CR0), (unsigned long)read_cr2(),
           (unsigned long)vmread(VMCS_GUEST_CR3), (unsigned long)vmread(VMCS_GUEST_CR4),
           (unsigned long)vmread(VMCS_GUEST_EFER));
    printk("  cs %04lx:%016lx ss %04lx, exit %lx %lx, event %lx, blocking %lx, vpid %u\n",
           (unsigned long)vmread(VMCS_GUEST_SELECTOR + 2 * SEG_CS),
           (unsigned long)vmread(VMCS_GUEST_BASE + 2 * SEG_CS),
           (unsigned long)vmread(VMCS_GUEST_SELECTOR + 2 * SEG_SS),
           (unsigned long)vmread(VMCS_EXIT_REASON), (unsigned long)vmread(VMCS_QUALIFICATION),
           (unsigned long)vmread(VMCS_ENTRY_EVENT), (unsigned long)vmread(VMCS_GUEST_BLOCKING),
           v->arch.vmx.vpid);
}

const struct hvm_vendor vmx_vendor = {
    .name = "VMX",
    .setup = vmx_setup,
    .cpu_on = vmx_cpu_on,
    .vcpu_init = vmx_vcpu_init,
    .vcpu_destroy = vmx_vcpu_destroy,
    .load = vmx_load,
    .save = vmx_save,
    .get_segment = vmx_get_segment,
    .get_segments = vmx_get_segments,
    .set_segment = vmx_set_segment,
    .get_cr = vmx_get_cr,
    .set_cr = vmx_set_cr,
    .get_efer = vmx_get_efer,
    .get_control = vmx_get_control,
    .get_cpl = vmx_get_cpl,
    .is_64bit = vmx_is_64bit,
    .set_efer = vmx_set_efer,
    .get_msr = vmx_get_msr,
    .set_msr = vmx_set_msr,
    .reset = vmx_reset,
    .inject = vmx_inject,
    .can_inject = vmx_can_inject,
    .in_shadow = vmx_in_shadow,
    .clear_shadow = vmx_clear_shadow,
    .set_dr6 = vmx_set_dr6,
    .request_window = vmx_request_window,
    .run = vmx_enter,
    .dump = vmx_dump,
};
