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

    memcpy(regs->gpr, r->r, sizeof(regs->gpr));
    regs->rip = r->rip;
    regs->rflags = r->rflags;
    regs->cr0 = hvm->get_cr(v, 0);
    regs->cr3 = hvm->get_cr(v, 3);
    regs->cr4 = hvm->get_cr(v, 4);
    regs->efer = hvm->get_efer(v);
    regs->xcr0 = 0; /* CPUID has no XSAVE */
    regs->vec = NULL;
    regs->cpl = (uint8_t)hvm_cpl(v);
    for (unsigned int i = 0; i < X86_NR_SEGS; i++) {
        struct hvm_segment s;

        hvm->get_segment(v, (enum hvm_seg)i, &s);
        regs->seg[i] =
            (struct x86_seg){.sel = s.sel, .attr = s.attr, .limit = s.limit, .base = s.base};
    }
}

static bool segment_changed(const struct x86_seg *a, const struct hvm_segment *b)
{
    return a->sel != b->sel || a->attr != b->attr || a->limit != b->limit || a->base != b->base;
}

void hvm_put_regs(struct vcpu *v, const struct x86_regs *regs)
{
    struct cpu_user_regs *r = &v->arch.regs;

    memcpy(r->r, regs->gpr, sizeof(regs->gpr));
    r->rip = regs->rip;
    r->rflags = regs->rflags;
    for (unsigned int i = 0; i < X86_NR_SEGS; i++) {
        const struct x86_seg *n = &regs->seg[i];
        struct hvm_segment s;

        hvm->get_segment(v, (enum hvm_seg)i, &s);
        if (!segment_changed(n, &s))
            continue;
        s = (struct hvm_segment){
            .sel = n->sel, .attr = n->attr, .limit = n->limit, .base = n->base};
        hvm->set_segment(v, (enum hvm_seg)i, &s);
    }
}

void *hvm_gpa_to_host(struct domain *d, uint64_t gpa, bool write)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(d, gpaddr_to_gfn(gpaddr(gpa)), &t);

    if (!p2m_is_ram(t) && !p2m_is_foreign(t))
        return NULL;
    if (write && (t == P2M_RAM_RO || t == P2M_FOREIGN_RO))
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
