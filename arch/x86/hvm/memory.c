/* SPDX-License-Identifier: Apache-2.0 */
/* Registers for the emulator, and translation for hypercalls' arguments (memory.h). */
#include "memory.h"

#include <asm/guest_access.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

_Static_assert(sizeof(struct x86_seg) == sizeof(struct hvm_segment), "the same, by two names");

/* What x86_walk() asks for. */
static void get_control(struct vcpu *v, struct x86_regs *regs)
{
    struct hvm_control c;

    hvm->get_control(v, &c);
    regs->cr0 = c.cr0;
    regs->cr3 = c.cr3;
    regs->cr4 = c.cr4;
    regs->efer = c.efer;
    regs->rflags = v->arch.regs.rflags;
}

static struct hvm_segment *segments_of(struct x86_regs *regs)
{
    return (struct hvm_segment *)(void *)regs->seg;
}

void hvm_get_regs(struct vcpu *v, struct x86_regs *regs)
{
    const struct cpu_user_regs *r = &v->arch.regs;

    memcpy(regs->gpr, r->r, sizeof(regs->gpr));
    regs->rip = r->rip;
    get_control(v, regs);
    regs->xcr0 = v->arch.xcr0;
    regs->vec = NULL;
    hvm->get_segments(v, segments_of(regs));
    regs->cpl = regs->cr0 & CR0_PE ? (uint8_t)SEG_DPL(regs->seg[X86_SS].attr) : 0;
}

static void put_segments(struct vcpu *v, struct x86_regs *regs)
{
    struct hvm_segment now[X86_NR_SEGS];
    const struct hvm_segment *new = segments_of(regs);

    hvm->get_segments(v, now);
    for (unsigned int i = 0; i < X86_NR_SEGS; i++)
        if (now[i].sel != new[i].sel || now[i].attr != new[i].attr ||
            now[i].limit != new[i].limit || now[i].base != new[i].base)
            hvm->set_segment(v, (enum hvm_seg)i, &new[i]);
}

void hvm_put_regs(struct vcpu *v, const struct x86_emul *e)
{
    struct cpu_user_regs *r = &v->arch.regs;

    memcpy(r->r, e->regs->gpr, sizeof(e->regs->gpr));
    r->rip = e->regs->rip;
    r->rflags = e->regs->rflags;
    if (unlikely(e->segments))
        put_segments(v, e->regs);
}

/*
 * The registers that decide are the same for a whole copy, but reading them costs little beside the
 * walk.
 */
void *arch_guest_translate(uint64_t gva, bool write)
{
    struct vcpu *v = current;
    struct x86_regs regs;
    struct x86_walk w;

    get_control(v, &regs);
    if ((regs.efer & X86_EFER_LMA) && (uint64_t)((int64_t)(gva << 16) >> 16) != gva)
        return NULL; /* not canonical */
    if (hvm_translate(v, &regs, false, gva, write ? X86_ACCESS_WRITE : X86_ACCESS_READ, &w) !=
        X86_WALK_OKAY)
        return NULL;
    return hvm_gpa_to_host(v, w.gpa, write);
}
