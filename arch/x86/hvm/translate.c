/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear to physical to host (memory.h). The emulator and hypercalls ask for the same few pages
 * again and again; two memories of each vCPU keep that short, and neither can be out of date: what
 * was found in the p2m counts as long as the p2m did not change, and what was found in the guest's
 * tables as long as all entries on the way are what they were, which is looked at each time.
 *
 * A page found stays allocated until this CPU leaves the hypervisor (RCU).
 */
#include "memory.h"

#include <asm/cpu.h>
#include <asm/msr.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/mm.h>

/* --- physical to host --- */

#define SEQ_NEVER (~UINT64_C(0)) /* odd: no count that anything is kept for */

static void find_frame(struct domain *d, uint64_t g, struct hvm_frame *f)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(d, gfn(g), &t);

    f->gfn = g;
    f->host = NULL;
    f->type = (uint8_t)t;
    if ((p2m_is_ram(t) || p2m_is_foreign(t)) && mfn_is_ram(m))
        f->host = mfn_to_virt(m);
}

/* The slot does not have it, or all are of another time. `seq` was read before. */
static noinline void renew_frame(struct vcpu *v, uint64_t g, uint64_t seq)
{
    struct hvm_frames *f = &v->arch.frames;

    if (f->seq != seq) {
        f->seq = seq & 1 ? SEQ_NEVER : seq;
        for (unsigned int i = 0; i < HVM_NR_FRAMES; i++)
            f->slot[i].gfn = INVALID_GFN.v;
    }
    find_frame(v->domain, g, &f->slot[g % HVM_NR_FRAMES]);
}

static inline const struct hvm_frame *frame_of(struct vcpu *v, uint64_t gpa)
{
    uint64_t g = gpa >> PAGE_SHIFT, seq = p2m_seq(&v->domain->p2m);
    const struct hvm_frame *f = &v->arch.frames.slot[g % HVM_NR_FRAMES];

    if (unlikely(v->arch.frames.seq != seq || f->gfn != g))
        renew_frame(v, g, seq);
    return f;
}

void *hvm_gpa_lookup(struct vcpu *v, uint64_t gpa, enum p2m_type *t)
{
    const struct hvm_frame *f = frame_of(v, gpa);

    *t = (enum p2m_type)f->type;
    return f->host == NULL ? NULL : f->host + (gpa & ~PAGE_MASK);
}

void *hvm_gpa_to_host(struct vcpu *v, uint64_t gpa, bool write)
{
    enum p2m_type t;
    void *host = hvm_gpa_lookup(v, gpa, &t);

    return write && p2m_is_read_only(t) ? NULL : host;
}

/* --- linear to physical --- */

/* What a walk shows its callbacks. */
struct walker {
    struct vcpu *v;
    struct hvm_walk *memory; /* where its entries are noted */
};

static bool read_entry(struct x86_walk *w, uint64_t gpa, unsigned int bytes, uint64_t *entry)
{
    const struct walker *k = w->context;
    struct hvm_walk *m = k->memory;
    const void *at = hvm_gpa_to_host(k->v, gpa, false);

    if (at == NULL)
        return false;
    if (bytes != 8 || m->depth == HVM_MAX_DEPTH) { /* not to be kept */
        *entry = bytes == 8 ? READ_ONCE(*(const uint64_t *)at) : READ_ONCE(*(const uint32_t *)at);
        return true;
    }
    *entry = READ_ONCE(*(const uint64_t *)at);
    m->at[m->depth] = at;
    m->entry[m->depth++] = *entry;
    return true;
}

/* Accessed and dirty bits. The next walk finds them set, and is kept. */
static bool update_entry(struct x86_walk *w, uint64_t gpa, unsigned int bytes, uint64_t old,
                         uint64_t entry)
{
    const struct walker *k = w->context;
    void *at = hvm_gpa_to_host(k->v, gpa, true);
    uint32_t old32 = (uint32_t)old;

    k->memory->depth = HVM_MAX_DEPTH; /* those noted are not marked: not to be kept */
    if (at == NULL)
        return false;
    if (bytes == 8)
        return __atomic_compare_exchange_n((uint64_t *)at, &old, entry, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    return __atomic_compare_exchange_n((uint32_t *)at, &old32, (uint32_t)entry, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static const struct x86_walk_ops walk_ops = {.read = read_entry, .update = update_entry};

/* What the answer depends on besides entries and control registers. */
static uint32_t kind_of(const struct x86_regs *regs, bool user, enum x86_access access)
{
    return (uint32_t)(regs->rflags & X86_FLAG_AC) | (uint32_t)user << 8 | (uint32_t)access;
}

static inline bool same_question(const struct hvm_walk *m, const struct x86_regs *regs,
                                 uint64_t linear, uint32_t kind, uint64_t seq)
{
    return m->seq == seq && m->page == linear >> m->shift && m->kind == kind &&
           m->cr3 == regs->cr3 && m->cr0 == regs->cr0 && m->cr4 == regs->cr4 &&
           m->efer == regs->efer;
}

static inline bool same_entries(const struct hvm_walk *m)
{
    for (unsigned int i = 0; i < m->depth; i++)
        if (READ_ONCE(*m->at[i]) != m->entry[i])
            return false;
    return true;
}

/* Walk, and keep what a later question of this kind needs. `seq` was read before. */
static noinline enum x86_walk_result walk_and_keep(struct vcpu *v, struct x86_walk *walk,
                                                   uint64_t linear, enum x86_access access,
                                                   struct hvm_walk *m)
{
    const struct x86_regs *regs = walk->regs;
    uint64_t seq = p2m_seq(&v->domain->p2m);
    struct walker k = {.v = v, .memory = m};
    enum x86_walk_result res;

    m->seq = SEQ_NEVER;
    m->depth = 0;
    walk->context = &k;
    res = x86_walk(walk, linear, access);
    walk->context = NULL;
    if (res != X86_WALK_OKAY || !(regs->efer & EFER_LMA) || m->depth == HVM_MAX_DEPTH || (seq & 1))
        return res;
    m->shift = walk->page_shift;
    m->page = linear >> m->shift;
    m->gpa = walk->gpa >> m->shift << m->shift;
    m->kind = kind_of(regs, walk->user, access);
    m->cr0 = regs->cr0;
    m->cr3 = regs->cr3;
    m->cr4 = regs->cr4;
    m->efer = regs->efer;
    m->seq = seq;
    return res;
}

enum x86_walk_result hvm_translate(struct vcpu *v, const struct x86_regs *regs, bool user,
                                   uint64_t linear, enum x86_access access, struct x86_walk *walk)
{
    struct hvm_walk *m = access == X86_ACCESS_FETCH ? &v->arch.fetch_walk
                                                    : &v->arch.walks[(linear >> 21) % HVM_NR_WALKS];

    if (likely(
            same_question(m, regs, linear, kind_of(regs, user, access), p2m_seq(&v->domain->p2m)) &&
            same_entries(m))) {
        walk->gpa = m->gpa | (linear & ((UINT64_C(1) << m->shift) - 1));
        walk->page_shift = m->shift;
        return X86_WALK_OKAY;
    }
    *walk = (struct x86_walk){.regs = regs,
                              .ops = &walk_ops,
                              .phys_bits = cpu_guest_paddr_bits(),
                              .pages_1g = true,
                              .user = user};
    return walk_and_keep(v, walk, linear, access, m);
}
