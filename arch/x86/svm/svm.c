/* SPDX-License-Identifier: Apache-2.0 */
/* SVM: setting up CPUs and vCPUs, state in the VMCB, event injection (APM vol. 2, chapter 15). */
#include "svm.h"
#include "vmcb.h"

#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/p2m_format.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>

#define VM_CR_SVMDIS BIT64(4)

#define SVM_FEATURE_NP   BIT(0)
#define SVM_FEATURE_NRIP BIT(3)

#define IOPM_ORDER  2 /* 12 KiB are used */
#define MSRPM_ORDER 1

/* Constant after svm_setup(). */
static uint64_t iopm_pa, msrpm_pa;
static bool have_nrip;
static bool offers_interrupts; /* see is_offered() */

DEFINE_PER_CPU(uint64_t, svm_host_pa); /* named in entry.S: where VMLOAD finds the host's state */

static uint64_t page_pa(const struct page *pg)
{
    return mfn_to_paddr(page_to_mfn(pg)).v;
}

/* Two bits a register: read, write. The map has three ranges of 8192 registers (APM 15.11). */
static void msrpm_pass(uint8_t *map, uint32_t msr)
{
    unsigned int bit = 0;

    if (msr >= 0xc0010000)
        bit = 2 * 0x2000 * 2 + (msr - 0xc0010000) * 2;
    else if (msr >= 0xc0000000)
        bit = 0x2000 * 2 + (msr - 0xc0000000) * 2;
    else
        bit = msr * 2;
    map[bit / 8] = (uint8_t)(map[bit / 8] & ~(3u << (bit % 8)));
}

/* What VMLOAD and VMSAVE switch. */
static const uint32_t passed_msrs[] = {MSR_STAR,    MSR_LSTAR,   MSR_CSTAR,     MSR_SFMASK,
                                       MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS, 0x174,
                                       0x175,       0x176};

static int alloc_maps(void)
{
    struct page *io = page_alloc(IOPM_ORDER);
    struct page *msr = page_alloc(MSRPM_ORDER);

    if (io == NULL || msr == NULL)
        return -ENOMEM;
    memset(page_to_virt(io), 0xff, PAGE_SIZE << IOPM_ORDER);
    memset(page_to_virt(msr), 0xff, PAGE_SIZE << MSRPM_ORDER);
    for (unsigned int i = 0; i < ARRAY_SIZE(passed_msrs); i++)
        msrpm_pass(page_to_virt(msr), passed_msrs[i]);
    iopm_pa = page_pa(io);
    msrpm_pa = page_pa(msr);
    return 0;
}

/* QEMU's own processor: what delivers an interrupt by EVENTINJ twice (docs/x86.md). */
static bool is_tcg(void)
{
    struct cpuid_leaf id;

    if (!(cpuid(1, 0).c & BIT(31)))
        return false;
    id = cpuid(0x40000000, 0);
    return id.b == 0x54474354 && id.c == 0x43544743 && id.d == 0x47435447;
}

static int svm_setup(void)
{
    uint32_t features = cpuid(0x8000000a, 0).d;

    if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
        printk("svm: disabled by the firmware\n");
        return -ENODEV;
    }
    if (!(features & SVM_FEATURE_NP)) {
        printk("svm: no nested paging\n");
        return -ENODEV;
    }
    have_nrip = features & SVM_FEATURE_NRIP;
    offers_interrupts = is_tcg();
    p2m_format = (struct p2m_format)P2M_FORMAT_NPT;
    return alloc_maps();
}

static void svm_cpu_on(void)
{
    struct page *save = page_alloc_zeroed(0), *host = page_alloc_zeroed(0);

    if (save == NULL || host == NULL)
        panic("svm: no memory for CPU %u\n", smp_processor_id());
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, page_pa(save));
    this_cpu(svm_host_pa) = page_pa(host);
    __asm__ volatile("vmsave %0" ::"a"(page_pa(host)) : "memory");
    svm_asid_cpu_init();
}

/* --- vCPUs --- */

static struct vmcb *vmcb_of(const struct vcpu *v)
{
    return v->arch.svm.vmcb;
}

static void set_intercepts(struct vmcb *c)
{
    c->cr_read = c->cr_write = ICPT_CR8;
    c->intercept1 = ICPT_INTR | ICPT_NMI | ICPT_SMI | ICPT_INIT | ICPT_RDPMC | ICPT_CPUID |
                    ICPT_INVD | ICPT_HLT | ICPT_INVLPGA | ICPT_IOIO | ICPT_MSR | ICPT_SHUTDOWN;
    c->intercept2 = ICPT_VMRUN | ICPT_VMMCALL | ICPT_VMLOAD | ICPT_VMSAVE | ICPT_STGI | ICPT_CLGI |
                    ICPT_SKINIT | ICPT_RDTSCP | ICPT_WBINVD | ICPT_MONITOR | ICPT_MWAIT |
                    ICPT_XSETBV;
    /* A guest whose handler faults again and again would keep the CPU for ever. */
    c->exceptions = BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC);
}

static int svm_vcpu_init(struct vcpu *v)
{
    struct page *pg = page_alloc_zeroed(0);
    struct vmcb *c;

    if (pg == NULL)
        return -ENOMEM;
    c = page_to_virt(pg);
    v->arch.svm.vmcb = c;
    v->arch.svm.vmcb_pa = page_pa(pg);
    set_intercepts(c);
    c->iopm_pa = iopm_pa;
    c->msrpm_pa = msrpm_pa;
    c->v_intr = V_INTR_MASKING;
    c->np_enable = 1;
    c->ncr3 = v->domain->p2m.arch.root.v;
    c->efer = EFER_SVME;
    c->pat = UINT64_C(0x0007040600070406);
    c->dr6 = 0xffff0ff0;
    c->dr7 = 0x400;
    return 0;
}

static void svm_vcpu_destroy(struct vcpu *v)
{
    if (v->arch.svm.vmcb != NULL)
        page_free(virt_to_page(v->arch.svm.vmcb), 0);
    v->arch.svm.vmcb = NULL;
}

/* All that VMRUN, VMLOAD and VMSAVE leave alone is the FPU's and hvm/'s. */
static void svm_nothing(struct vcpu *v)
{
    (void)v;
}

static struct hvm_segment *segment(struct vmcb *c, enum hvm_seg seg)
{
    switch (seg) {
    case SEG_LDTR:
        return &c->ldtr;
    case SEG_TR:
        return &c->tr;
    case SEG_GDTR:
        return &c->gdtr;
    case SEG_IDTR:
        return &c->idtr;
    default:
        return &c->seg[seg];
    }
}

static void svm_get_segment(struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out)
{
    *out = *segment(vmcb_of(v), seg);
    if (seg == SEG_SS) /* the CPL is kept beside it (APM 15.5.1) */
        out->attr = (uint16_t)((out->attr & ~0x60u) | (unsigned int)vmcb_of(v)->cpl << 5);
}

static void svm_get_segments(struct vcpu *v, struct hvm_segment out[6])
{
    const struct vmcb *c = vmcb_of(v);

    for (unsigned int i = 0; i < 6; i++)
        out[i] = c->seg[i];
    out[SEG_SS].attr = (uint16_t)((out[SEG_SS].attr & ~0x60u) | (unsigned int)c->cpl << 5);
}

static void svm_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in)
{
    *segment(vmcb_of(v), seg) = *in;
    if (seg == SEG_SS)
        vmcb_of(v)->cpl = (uint8_t)SEG_DPL(in->attr);
}

static uint64_t svm_get_cr(struct vcpu *v, unsigned int n)
{
    const struct vmcb *c = vmcb_of(v);

    switch (n) {
    case 0:
        return c->cr0;
    case 2:
        return c->cr2;
    case 3:
        return c->cr3;
    default:
        return c->cr4;
    }
}

static void svm_set_cr(struct vcpu *v, unsigned int n, uint64_t value)
{
    struct vmcb *c = vmcb_of(v);

    switch (n) {
    case 0:
        c->cr0 = value;
        break;
    case 2:
        c->cr2 = value;
        break;
    case 3:
        c->cr3 = value;
        break;
    default:
        c->cr4 = value;
    }
    v->arch.svm.asid_epoch = 0; /* whatever was cached for it */
}

static uint64_t svm_get_efer(struct vcpu *v)
{
    return vmcb_of(v)->efer & ~EFER_SVME;
}

static void svm_get_control(struct vcpu *v, struct hvm_control *out)
{
    const struct vmcb *c = vmcb_of(v);

    out->cr0 = c->cr0;
    out->cr3 = c->cr3;
    out->cr4 = c->cr4;
    out->efer = c->efer & ~EFER_SVME;
}

/* 0 in real mode. */
static unsigned int svm_get_cpl(struct vcpu *v)
{
    return vmcb_of(v)->cpl;
}

static bool svm_is_64bit(struct vcpu *v)
{
    const struct vmcb *c = vmcb_of(v);

    return (c->efer & EFER_LMA) && (c->seg[SEG_CS].attr & SEG_L);
}

static void svm_set_efer(struct vcpu *v, uint64_t value)
{
    vmcb_of(v)->efer = value | EFER_SVME;
    v->arch.svm.asid_epoch = 0;
}

static uint64_t *msr_field(struct vmcb *c, uint32_t msr)
{
    switch (msr) {
    case MSR_STAR:
        return &c->star;
    case MSR_LSTAR:
        return &c->lstar;
    case MSR_CSTAR:
        return &c->cstar;
    case MSR_SFMASK:
        return &c->sfmask;
    case MSR_KERNEL_GS:
        return &c->kernel_gs_base;
    case MSR_FS_BASE:
        return &c->seg[SEG_FS].base;
    case MSR_GS_BASE:
        return &c->seg[SEG_GS].base;
    case 0x174:
        return &c->sysenter_cs;
    case 0x175:
        return &c->sysenter_esp;
    case 0x176:
        return &c->sysenter_eip;
    case MSR_PAT:
        return &c->pat;
    default:
        return NULL;
    }
}

static bool svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const uint64_t *field = msr_field(vmcb_of(v), msr);

    if (field != NULL)
        *value = *field;
    return field != NULL;
}

static bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t *field = msr_field(vmcb_of(v), msr);

    if (field != NULL)
        *field = value;
    return field != NULL;
}

static void svm_reset(struct vcpu *v)
{
    struct vmcb *c = vmcb_of(v);

    c->event_inject = 0;
    c->v_intr = V_INTR_MASKING;
    c->intercept1 &= ~ICPT_VINTR;
    c->shadow = 0;
    c->dr6 = 0xffff0ff0;
    c->dr7 = 0x400;
}

/*
 * On QEMU, external interrupts are offered as virtual interrupts (APM 15.21.4). One is offered only
 * when the guest can take it, so that it comes before any instruction; but what interrupts the host
 * comes first, and then it stays on offer. Nothing else is to be delivered at that time.
 */
static bool is_offered(const struct vmcb *c)
{
    return (c->v_intr & V_IRQ) != 0 && !(c->intercept1 & ICPT_VINTR);
}

static void inject_interrupt(struct vmcb *c, uint8_t vector)
{
    if (!offers_interrupts || (c->shadow & 1)) {
        c->event_inject = EVENT_VALID | HVM_EVENT_INTR << 8 | vector;
        return;
    }
    c->intercept1 &= ~ICPT_VINTR;
    c->v_intr = V_INTR_MASKING | V_IRQ | V_IGN_TPR | V_INTR_PRIO(15) | V_INTR_VECTOR(vector);
}

static void inject_other(struct vcpu *v, const struct hvm_event *e)
{
    struct vmcb *c = vmcb_of(v);

    /* Exceptions of instructions are no types of their own here (APM 15.20). */
    bool soft = e->type == HVM_EVENT_PRIV_SOFT || e->type == HVM_EVENT_SOFT;
    uint64_t type = soft ? HVM_EVENT_EXCEPTION : e->type;

    c->event_inject = EVENT_VALID | type << 8 | e->vector;
    if (e->has_error)
        c->event_inject |= EVENT_HAS_ERROR | (uint64_t)e->error << 32;
    if (e->type == HVM_EVENT_EXCEPTION && e->vector == VEC_PF)
        c->cr2 = e->cr2;
    /* A software interrupt returns behind its instruction. */
    if (soft || e->type == HVM_EVENT_SOFT_INT)
        v->arch.regs.rip += e->insn_len;
}

static void svm_inject(struct vcpu *v, const struct hvm_event *e)
{
    if (e->type == HVM_EVENT_INTR)
        inject_interrupt(vmcb_of(v), e->vector);
    else
        inject_other(v, e);
}

static bool svm_can_inject(struct vcpu *v)
{
    const struct vmcb *c = vmcb_of(v);

    return !(c->event_inject & EVENT_VALID) && !is_offered(c);
}

static bool svm_in_shadow(struct vcpu *v)
{
    return vmcb_of(v)->shadow & 1;
}

static void svm_clear_shadow(struct vcpu *v)
{
    vmcb_of(v)->shadow &= ~UINT64_C(1);
}

static void svm_set_dr6(struct vcpu *v, uint64_t bits)
{
    vmcb_of(v)->dr6 |= bits;
}

/*
 * A virtual interrupt that exits as soon as it would be taken (APM 15.21.4). There is one only:
 * what was on offer becomes an event, which precedes it.
 */
static void svm_request_window(struct vcpu *v, bool on)
{
    struct vmcb *c = vmcb_of(v);

    if (on) {
        if (is_offered(c))
            c->event_inject = EVENT_VALID | HVM_EVENT_INTR << 8 | V_INTR_VECTOR_OF(c->v_intr);
        c->intercept1 |= ICPT_VINTR;
        c->v_intr = V_INTR_MASKING | V_IRQ | V_IGN_TPR | V_INTR_PRIO(15);
    } else if (unlikely(c->intercept1 & ICPT_VINTR)) {
        c->intercept1 &= ~ICPT_VINTR;
        c->v_intr = V_INTR_MASKING;
    }
}

static void svm_run(struct vcpu *v) __noreturn;
static void svm_run(struct vcpu *v)
{
    svm_enter(v);
}

static void svm_dump(const struct vcpu *v)
{
    const struct vmcb *c = vmcb_of(v);

    printk("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %lx\n", (unsigned long)c->cr0,
           (unsigned long)c->cr2, (unsigned long)c->cr3, (unsigned long)c->cr4,
           (unsigned long)c->efer);
    printk("  cs %04x:%016lx ss %04x cpl %u, exit %lx %lx %lx, asid %u\n", c->seg[SEG_CS].sel,
           (unsigned long)c->seg[SEG_CS].base, c->seg[SEG_SS].sel, c->cpl,
           (unsigned long)c->exit_code, (unsigned long)c->exit_info1, (unsigned long)c->exit_info2,
           c->asid);
}

const struct hvm_vendor svm_vendor = {
    .name = "SVM",
    .setup = svm_setup,
    .cpu_on = svm_cpu_on,
    .vcpu_init = svm_vcpu_init,
    .vcpu_destroy = svm_vcpu_destroy,
    .load = svm_nothing,
    .save = svm_nothing,
    .get_segment = svm_get_segment,
    .get_segments = svm_get_segments,
    .set_segment = svm_set_segment,
    .get_cr = svm_get_cr,
    .set_cr = svm_set_cr,
    .get_efer = svm_get_efer,
    .set_efer = svm_set_efer,
    .get_control = svm_get_control,
    .get_cpl = svm_get_cpl,
    .is_64bit = svm_is_64bit,
    .get_msr = svm_get_msr,
    .set_msr = svm_set_msr,
    .reset = svm_reset,
    .inject = svm_inject,
    .can_inject = svm_can_inject,
    .in_shadow = svm_in_shadow,
    .clear_shadow = svm_clear_shadow,
    .set_dr6 = svm_set_dr6,
    .request_window = svm_request_window,
    .run = svm_run,
    .dump = svm_dump,
};

/* --- in and out --- */

void svm_prepare_entry(struct vcpu *v)
{
    struct vmcb *c = vmcb_of(v);
    uint64_t epoch = p2m_epoch(&v->domain->p2m); /* what was taken away until now */

    svm_asid_prepare(v);
    p2m_guest_check(&v->domain->p2m, v->arch.svm.asid_epoch, epoch);
    c->rax = v->arch.regs.r[REG_RAX];
    c->rsp = v->arch.regs.r[REG_RSP];
    c->rip = v->arch.regs.rip;
    c->rflags = v->arch.regs.rflags;
}

static void take_registers(struct vcpu *v, const struct vmcb *c)
{
    v->arch.regs.r[REG_RAX] = c->rax;
    v->arch.regs.r[REG_RSP] = c->rsp;
    v->arch.regs.rip = c->rip;
    v->arch.regs.rflags = c->rflags;
}

/* Length of the instruction that exited: from the CPU, or what it always is without prefixes. */
static unsigned int insn_len(const struct vmcb *c, unsigned int usual)
{
    return have_nrip && c->next_rip > c->rip ? (unsigned int)(c->next_rip - c->rip) : usual;
}

static void exit_io(struct vcpu *v, const struct vmcb *c)
{
    uint32_t info = (uint32_t)c->exit_info1;

    if (info & IOIO_STRING)
        hvm_emulate(v);
    else /* EXITINFO2 is the RIP behind it */
        hvm_port_io(v, IOIO_PORT(info), IOIO_SIZE(info), info & IOIO_IN, c->exit_info2);
}

static void exit_exception(struct vcpu *v, const struct vmcb *c, unsigned int vector)
{
    if (vector == VEC_MC)
        panic("machine check in d%uv%u\n", v->domain->id, v->id);
    hvm_inject_exception(v, vector, vector == VEC_AC, 0);
    (void)c;
}

static void exit_other(struct vcpu *v, const struct vmcb *c)
{
    switch (c->exit_code) {
    case EXIT_CR8_READ:
    case EXIT_CR8_WRITE:
        svm_exit_cr8(v, c->exit_code == EXIT_CR8_WRITE);
        return;
    case EXIT_SMI:
    case EXIT_INIT:
    case EXIT_NMI:
        return;
    case EXIT_INVD:
    case EXIT_WBINVD:
        hvm_advance(v, insn_len(c, 2));
        return;
    case EXIT_RDPMC:
        hvm_inject_exception(v, VEC_GP, true, 0);
        return;
    case EXIT_XSETBV:
        hvm_xsetbv(v, insn_len(c, 3));
        return;
    case EXIT_SHUTDOWN:
        hvm_triple_fault(v);
        return;
    default:
        break;
    }
    /* Instructions that the CPUID leaves do not offer. */
    hvm_inject_exception(v, VEC_UD, false, 0);
}

static void handle_exit(struct vcpu *v, const struct vmcb *c)
{
    uint64_t code = (uint32_t)c->exit_code; /* VMEXIT_INVALID may come with 32 bits */

    switch (code) {
    case EXIT_VMMCALL:
        hvm_hypercall(v, insn_len(c, 3));
        return;
    case EXIT_IOIO:
        exit_io(v, c);
        return;
    case EXIT_NPF:
        hvm_nested_fault(v, c->exit_info2, c->exit_info1 & NPF_WRITE, c->exit_info1 & NPF_EXEC);
        return;
    case EXIT_INTR:
        arch_irq_poll();
        return;
    case EXIT_VINTR:
        hvm_interrupts_changed(v);
        return;
    case EXIT_CPUID:
        hvm_cpuid(v, insn_len(c, 2));
        return;
    case EXIT_HLT:
        hvm_hlt(v, insn_len(c, 1));
        return;
    case EXIT_MSR:
        if (c->exit_info1 & 1)
            hvm_wrmsr(v, insn_len(c, 2));
        else
            hvm_rdmsr(v, insn_len(c, 2));
        return;
    case UINT32_MAX:
        domain_crash(v->domain, "v%u: VMRUN refuses its state", v->id);
        return;
    default:
        if (code >= EXIT_EXCEPTION && code < EXIT_EXCEPTION + 32)
            exit_exception(v, c, (unsigned int)(code - EXIT_EXCEPTION));
        else
            exit_other(v, c);
    }
}

/*
 * What was being delivered when the exit came is delivered again (APM 15.7.2); but for an INT n,
 * whose instruction is executed again.
 */
static uint64_t interrupted_event(const struct vmcb *c)
{
    uint64_t info = c->exit_int_info;

    if (!(info & EVENT_VALID) || ((info >> 8) & 7) == HVM_EVENT_SOFT_INT)
        return 0;
    return info;
}

/*
 * Delivery comes before interrupts of the host: one that faults again and again would keep them
 * out. An offer that was being delivered is over, though not every CPU says so.
 */
static void event_is_left(struct vmcb *c)
{
    if ((c->exit_int_info & EVENT_VALID) && is_offered(c))
        c->v_intr = V_INTR_MASKING;
    arch_irq_poll();
}

struct vcpu *svm_exit(struct vcpu *v)
{
    struct vmcb *c = vmcb_of(v);

    p2m_guest_leave();
    rcu_enter();
    take_registers(v, c);
    c->event_inject = interrupted_event(c);
    handle_exit(v, c);
    if (unlikely(c->event_inject & EVENT_VALID))
        event_is_left(c);
    return sched_exit_to_guest();
}
