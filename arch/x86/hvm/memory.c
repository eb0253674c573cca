/* SPDX-License-Identifier: Apache-2.0 */
/* See memory.h. A page found stays allocated until this CPU leaves the hypervisor (RCU). */
#include "memory.h"

#include <asm/guest_access.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

#define GUEST_PADDR_BITS 48

_Static_assert(sizeof(struct x86_seg) == sizeof(struct hvm_segment), "the same, by two names");

void hvm_get_regs(struct vcpu *v, struct x86_regs *regs)
{
    const struct cpu_user_regs *r = &v->arch.regs;
    struct hvm_segment seg[X86_NR_SEGS];

    memcpy(regs->gpr, r->r, sizeof(regs->gpr));
    regs->rip = r->rip;
    regs->rflags = r->rflags;
    regs->cr0 = hvm->get_cr(v, 0);
    regs->cr3 = hvm->get_cr(v, 3);
    regs->cr4 = hvm->get_cr(v, 4);
    regs->efer = hvm->get_efer(v);
    regs->xcr0 = 0; /* CPUID has no XSAVE */
    regs->vec = NULL;
    hvm->get_segments(v, seg);
    memcpy(regs->seg, seg, sizeof(regs->seg));
    regs->cpl = regs->cr0 & CR0_PE ? (uint8_t)SEG_DPL(seg[SEG_SS].attr) : 0;
}

/* Few instructions that are emulated load a segment. */
static void put_segments(struct vcpu *v, const struct x86_regs *regs)
{
    struct hvm_segment now[X86_NR_SEGS], new[X86_NR_SEGS];

    hvm->get_segments(v, now);
    memcpy(new, regs->seg, sizeof(new));
    for (unsigned int i = 0; i < X86_NR_SEGS; i++)
        if (now[i].sel != new[i].sel || now[i].attr != new[i].attr ||
            now[i].limit != new[i].limit || now[i].base != new[i].base)
            hvm->set_segment(v, (enum hvm_seg)i, &new[i]);
}

void hvm_put_regs(struct vcpu *v, const struct x86_regs *regs)
{
    struct cpu_user_regs *r = &v->arch.regs;

    memcpy(r->r, regs->gpr, sizeof(regs->gpr));
    r->rip = regs->rip;
    r->rflags = regs->rflags;
    put_segments(v, regs);
}

void *hvm_gpa_to_host(struct domain *d, uint64_t gpa, bool write)
{
    enum p2m_type t;
    void *host = hvm_gpa_lookup(d, gpa, &t);

    return write && p2m_is_read_only(t) ? NULL : host;
}

void *hvm_gpa_lookup(struct domain *d, uint64_t gpa, enum p2m_type *t)
{
    mfn_t m = p2m_lookup(d, gpaddr_to_gfn(gpaddr(gpa)), t);

    if (!p2m_is_ram(*t) && !p2m_is_foreign(*t))
        return NULL;
    return mfn_is_ram(m) ? (char *)mfn_to_virt(m) + (gpa & ~PAGE_MASK) : NULL;
}

static bool read_entry(struct x86_walk *w, uint64_t gpa, unsigned int bytes, uint64_t *entry)
{
    const struct vcpu *v = w->context;
    const void *at = hvm_gpa_to_host(v->domain, gpa, false);

    if (at == NULL)
        return false;
    *entry = bytes == 8 ? READ_ONCE(*(const uint64_t *)at) : READ_ONCE(*(const uint32_t *)at);
    return true;
}

static bool update_entry(struct x86_walk *w, uint64_t gpa, unsigned int bytes, uint64_t old,
                         uint64_t entry)
{
    const struct vcpu *v = w->context;
    void *at = hvm_gpa_to_host(v->domain, gpa, true);
    uint32_t old32 = (uint32_t)old;

    if (at == NULL)
        return false;
    if (bytes == 8)
        return __atomic_compare_exchange_n((uint64_t *)at, &old, entry, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    return __atomic_compare_exchange_n((uint32_t *)at, &old32, (uint32_t)entry, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static const struct x86_walk_ops walk_ops = {.read = read_entry, .update = update_entry};

enum x86_walk_result hvm_translate(struct vcpu *v, const struct x86_regs *regs, bool user,
                                   uint64_t linear, enum x86_access access, struct x86_walk *walk)
{
    *walk = (struct x86_walk){.regs = regs,
                              .ops = &walk_ops,
                              .context = v,
                              .phys_bits = GUEST_PADDR_BITS,
                              .pages_1g = true,
                              .user = user};
    return x86_walk(walk, linear, access);
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

    hvm_get_regs(v, &regs);
    if ((regs.efer & X86_EFER_LMA) && (uint64_t)((int64_t)(gva << 16) >> 16) != gva)
        return NULL; /* not canonical */
    if (hvm_translate(v, &regs, false, gva, write ? X86_ACCESS_WRITE : X86_ACCESS_READ, &w) !=
        X86_WALK_OKAY)
        return NULL;
    return hvm_gpa_to_host(v->domain, w.gpa, write);
}
