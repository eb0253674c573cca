/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers that VCPUOP_initialise gives to a vCPU which has never run: checked, so that an
 * entry takes them, then put in place. Called by vcpu_op.c.
 */
#include <asm/cpu.h>
#include <asm/guest.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <public/hvm/hvm_vcpu.h>

#define RFLAGS_ONE  BIT64(1)
#define RFLAGS_ZERO (BIT64(3) | BIT64(5) | BIT64(15) | ~UINT64_C(0x3fffff))
#define RFLAGS_VM   BIT64(17)

#define CR0_KNOWN  UINT64_C(0xe005003f)
#define CR4_KNOWN  UINT64_C(0x00310fff) /* and OSXSAVE */
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

#define TYPE_WRITABLE 0x2 /* data; code: readable */
#define TYPE_CODE     0x8

/* What both forms come to. */
struct context {
    uint64_t gpr[8]; /* in the order of encodings: AX, CX, DX, BX, SP, BP, SI, DI */
    uint64_t rip, rflags, cr0, cr3, cr4, efer;
    struct hvm_segment cs, ds, es, ss, tr;
};

static bool is_code_or_data(const struct hvm_segment *s)
{
    return (s->attr & (SEG_P | SEG_S)) == (SEG_P | SEG_S);
}

/* Limits that G cannot say are refused by the entry (SDM vol. 3, 27.3.1.2). */
static bool limit_is_possible(const struct hvm_segment *s)
{
    if (s->attr & SEG_G)
        return (s->limit & 0xfff) == 0xfff;
    return s->limit >> 20 == 0;
}

static bool data_is_valid(const struct hvm_segment *s)
{
    if (!(s->attr & SEG_P))
        return true; /* not usable, like the null selector */
    if (!(s->attr & SEG_S) || !limit_is_possible(s))
        return false;
    return !(s->attr & TYPE_CODE) || (s->attr & TYPE_WRITABLE);
}

static bool segments_are_valid(const struct context *c)
{
    bool is_long = (c->efer & EFER_LMA) != 0;
    unsigned int tr = c->tr.attr & (SEG_TYPE | SEG_S | SEG_P);

    if ((c->cs.attr | c->ds.attr | c->es.attr | c->ss.attr | c->tr.attr) & 0xf000)
        return false;
    if (!is_code_or_data(&c->cs) || !(c->cs.attr & TYPE_CODE) || !limit_is_possible(&c->cs) ||
        (c->cs.attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB) || ((c->cs.attr & SEG_L) && !is_long))
        return false;
    if (!is_code_or_data(&c->ss) || (c->ss.attr & TYPE_CODE) || !(c->ss.attr & TYPE_WRITABLE) ||
        !limit_is_possible(&c->ss) || SEG_DPL(c->ss.attr) != SEG_DPL(c->cs.attr))
        return false;
    /* Real mode has no levels (SDM vol. 3, 27.3.1.2). */
    if (!(c->cr0 & CR0_PE) && SEG_DPL(c->ss.attr) != 0)
        return false;
    /* A busy TSS; of 16 bits only outside long mode. An available one becomes busy. */
    if ((tr & ~2u) != (SEG_P | 0x9) && ((tr & ~2u) != (SEG_P | 0x1) || is_long))
        return false;
    return limit_is_possible(&c->tr) && data_is_valid(&c->ds) && data_is_valid(&c->es);
}

/* Nothing that this processor lacks. */
static bool host_has(uint64_t cr4)
{
    const struct cpu_features *f = &cpu_features;

    return (f->smep || !(cr4 & CR4_SMEP)) && (f->smap || !(cr4 & CR4_SMAP)) &&
           (f->umip || !(cr4 & CR4_UMIP));
}

static bool modes_are_valid(const struct context *c)
{
    bool pg = (c->cr0 & CR0_PG) != 0, lme = (c->efer & EFER_LME) != 0;
    uint64_t cr4_known = cpu_features.xcr0 != 0 ? CR4_KNOWN | CR4_OSXSAVE : CR4_KNOWN;

    if ((c->cr0 & ~CR0_KNOWN) || (c->cr4 & ~cr4_known) || (c->efer & ~EFER_KNOWN) ||
        (c->rflags & (RFLAGS_ZERO | RFLAGS_VM)))
        return false;
    if ((pg && !(c->cr0 & CR0_PE)) || ((c->cr0 & CR0_NW) && !(c->cr0 & CR0_CD)))
        return false;
    /* Long mode is active when it is enabled and paging is on, and wants PAE. */
    return ((c->efer & EFER_LMA) != 0) == (pg && lme) && (!(pg && lme) || (c->cr4 & CR4_PAE)) &&
           c->cr3 >> cpu_guest_paddr_bits() == 0 && host_has(c->cr4);
}

static void take_32(struct context *c, const struct vcpu_hvm_x86_32 *r)
{
    *c = (struct context){
        .gpr = {r->eax, r->ecx, r->edx, r->ebx, r->esp, r->ebp, r->esi, r->edi},
        .rip = r->eip,
        .rflags = r->eflags,
        .cr0 = r->cr0,
        .cr3 = r->cr3,
        .cr4 = r->cr4,
        .efer = r->efer,
        .cs = {.attr = r->cs_ar, .limit = r->cs_limit, .base = r->cs_base},
        .ds = {.attr = r->ds_ar, .limit = r->ds_limit, .base = r->ds_base},
        .es = {.attr = r->es_ar, .limit = r->es_limit, .base = r->es_base},
        .ss = {.attr = r->ss_ar, .limit = r->ss_limit, .base = r->ss_base},
        .tr = {.attr = r->tr_ar, .limit = r->tr_limit, .base = r->tr_base},
    };
}

static void take_64(struct context *c, const struct vcpu_hvm_x86_64 *r)
{
    const struct hvm_segment data = {.attr = SEG_P | SEG_S | SEG_DB | SEG_G | 0x3,
                                     .limit = UINT32_MAX};

    *c = (struct context){
        .gpr = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi},
        .rip = r->rip,
        .rflags = r->rflags,
        .cr0 = r->cr0,
        .cr3 = r->cr3,
        .cr4 = r->cr4,
        .efer = r->efer,
        .cs = {.attr = SEG_P | SEG_S | SEG_L | SEG_G | 0xb, .limit = UINT32_MAX},
        .ds = data,
        .es = data,
        .ss = data,
        .tr = {.attr = SEG_P | 0xb, .limit = 0x67},
    };
}

static int check(struct context *c, const struct vcpu_hvm_context *in)
{
    const uint64_t needed = EFER_LME | EFER_LMA;

    if (in->pad != 0)
        return -EINVAL;
    switch (in->mode) {
    case VCPU_HVM_MODE_32B:
        if (in->cpu_regs.x86_32.pad1 != 0 || in->cpu_regs.x86_32.pad2[0] != 0 ||
            in->cpu_regs.x86_32.pad2[1] != 0 || in->cpu_regs.x86_32.pad2[2] != 0)
            return -EINVAL;
        take_32(c, &in->cpu_regs.x86_32);
        if (c->cs.attr & SEG_L)
            return -EINVAL; /* that is the other form */
        if (c->rip > c->cs.limit)
            return -EINVAL;
        break;
    case VCPU_HVM_MODE_64B:
        take_64(c, &in->cpu_regs.x86_64);
        if ((c->efer & needed) != needed || (uint64_t)((int64_t)(c->rip << 16) >> 16) != c->rip)
            return -EINVAL;
        break;
    default:
        return -EINVAL;
    }
    return modes_are_valid(c) && segments_are_valid(c) ? 0 : -EINVAL;
}

static void put_in_place(struct vcpu *v, struct context *c)
{
    struct cpu_user_regs *regs = &v->arch.regs;

    hvm_vcpu_reset(v, 0);
    for (unsigned int i = 0; i < 8; i++)
        regs->r[i] = c->gpr[i];
    regs->rip = c->rip;
    regs->rflags = c->rflags | RFLAGS_ONE;
    c->cs.attr |= 1; /* accessed, as an entry wants them */
    c->ss.attr |= 1;
    c->tr.attr |= 2;
    if (c->ds.attr & SEG_P)
        c->ds.attr |= 1;
    if (c->es.attr & SEG_P)
        c->es.attr |= 1;
    hvm->set_segment(v, SEG_CS, &c->cs);
    hvm->set_segment(v, SEG_DS, &c->ds);
    hvm->set_segment(v, SEG_ES, &c->es);
    hvm->set_segment(v, SEG_SS, &c->ss);
    hvm->set_segment(v, SEG_FS, &(struct hvm_segment){0});
    hvm->set_segment(v, SEG_GS, &(struct hvm_segment){0});
    hvm->set_segment(v, SEG_TR, &c->tr);
    hvm->set_efer(v, c->efer);
    hvm->set_cr(v, 4, c->cr4);
    hvm->set_cr(v, 3, c->cr3);
    hvm->set_cr(v, 0, c->cr0 | CR0_ET);
}

int hvm_vcpu_initialise(struct vcpu *v, const struct vcpu_hvm_context *in)
{
    struct context c;
    uint32_t none = 0;
    int rc;

    /* One at a time, and no start-up IPI meanwhile. */
    if (READ_ONCE(v->initialised) || !atomic32_cmpxchg(&v->arch.start, &none, HVM_START_CLAIMED))
        return -EEXIST;
    rc = READ_ONCE(v->initialised) ? -EEXIST : check(&c, in);
    if (rc == 0) {
        put_in_place(v, &c); /* it is down: nobody else touches its registers */
        store_release(&v->initialised, true);
    }
    atomic32_set(&v->arch.start, 0);
    return rc;
}
