/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of guest page tables (asm/walk.h). */
#include <asm/walk.h>

#define PTE_P   0x001u
#define PTE_W   0x002u
#define PTE_U   0x004u
#define PTE_A   0x020u
#define PTE_D   0x040u
#define PTE_PS  0x080u
#define PTE_NX  (UINT64_C(1) << 63)
#define PTE_ADR UINT64_C(0x000ffffffffff000)

#define MAX_LEVELS 5u
#define MAX_TRIES  8u

/* The kind of tables, by CR4 and EFER. */
struct format {
    uint8_t levels;
    uint8_t bits;      /* of the index of a level */
    uint8_t bytes;     /* of an entry */
    bool pae;          /* three levels, of which the first has four entries and no rights */
    uint64_t reserved; /* bits of every entry of 8 bytes */
};

/* The entries of one walk, the root's first. */
struct trail {
    uint64_t gpa[MAX_LEVELS];
    uint64_t entry[MAX_LEVELS];
    unsigned int depth;
    uint64_t both;   /* bits that all entries have */
    uint64_t rights; /* PTE_W, PTE_U: of all levels; PTE_NX: of any */
    uint8_t shift;   /* of the page */
};

static enum x86_walk_result fault(struct x86_walk *w, enum x86_access access, uint32_t error)
{
    const struct x86_regs *r = w->regs;
    bool nx = (r->efer & X86_EFER_NXE) && (r->cr4 & X86_CR4_PAE);

    if (access == X86_ACCESS_WRITE || access == X86_ACCESS_RMW)
        error |= X86_PF_WRITE;
    if (w->user)
        error |= X86_PF_USER;
    if (access == X86_ACCESS_FETCH && (nx || (r->cr4 & X86_CR4_SMEP)))
        error |= X86_PF_FETCH;
    w->error = error;
    return X86_WALK_FAULT;
}

/* Bits `from` to `to`, both inside. */
static uint64_t bit_range(unsigned int from, unsigned int to)
{
    return from > to ? 0 : (~UINT64_C(0) >> (63 - to)) & (~UINT64_C(0) << from);
}

static struct format format_of(const struct x86_walk *w)
{
    const struct x86_regs *r = w->regs;
    uint64_t bits = bit_range(w->phys_bits, 51) | (r->efer & X86_EFER_NXE ? 0 : PTE_NX);

    if (r->efer & X86_EFER_LMA)
        return (struct format){r->cr4 & X86_CR4_LA57 ? 5 : 4, 9, 8, false, bits};
    if (r->cr4 & X86_CR4_PAE)
        return (struct format){3, 9, 8, true, bits | bit_range(52, 62)};
    return (struct format){2, 10, 4, false, 0};
}

/* Entries of 32 bits: only that of 4 MiB has reserved bits, above the address in bits 13 to 20. */
static uint64_t reserved_legacy(const struct x86_walk *w, bool large)
{
    unsigned int high = w->phys_bits > 40 ? 8 : w->phys_bits - 32u;

    return large ? bit_range(13 + high, 21) : 0;
}

/* Bits that must be 0 in an entry at `level`, 1 being the last (SDM vol. 3, 4.4 and 4.5). */
static uint64_t reserved(const struct x86_walk *w, const struct format *f, unsigned int level,
                         bool large)
{
    uint64_t bits = f->reserved;

    if (f->bytes == 4)
        return reserved_legacy(w, large);
    /* Bit 5 as well, but QEMU's own walk sets it as the accessed bit; CR3's load has checked it. */
    if (f->pae && level == 3)
        return bits | bit_range(52, 63) | bit_range(6, 8) | bit_range(1, 2);
    if (large)
        bits |= bit_range(13, level == 3 ? 29 : 20);
    else if (level > 3 || (level == 3 && !w->pages_1g))
        bits |= PTE_PS;
    return bits;
}

static bool is_large(const struct x86_walk *w, const struct format *f, unsigned int level,
                     uint64_t entry)
{
    if (!(entry & PTE_PS) || level == 1 || level > 3)
        return false;
    if (level == 3)
        return !f->pae && w->pages_1g;
    return f->bytes == 8 || (w->regs->cr4 & X86_CR4_PSE);
}

static uint64_t root_of(const struct x86_walk *w, const struct format *f)
{
    if (f->pae)
        return w->regs->cr3 & 0xffffffe0u;
    return w->regs->cr3 & (f->bytes == 4 ? 0xfffff000u : PTE_ADR);
}

/* Down to the leaf, with the rights on the way. */
static enum x86_walk_result descend(struct x86_walk *w, const struct format *f, uint64_t linear,
                                    enum x86_access access, struct trail *t)
{
    uint64_t table = root_of(w, f);

    t->depth = 0;
    t->shift = 12;
    t->both = ~UINT64_C(0);
    t->rights = PTE_W | PTE_U;
    for (unsigned int level = f->levels; level; level--) {
        unsigned int shift = 12 + (level - 1) * f->bits;
        uint64_t index = linear >> shift & ((1u << f->bits) - 1);
        uint64_t gpa = table + index * f->bytes, entry = 0;
        bool large;

        if (!w->ops->read(w, gpa, f->bytes, &entry))
            return X86_WALK_UNREADABLE;
        if (!(entry & PTE_P))
            return fault(w, access, 0);
        large = is_large(w, f, level, entry);
        if (entry & reserved(w, f, level, large))
            return fault(w, access, X86_PF_PRESENT | X86_PF_RESERVED);
        t->gpa[t->depth] = gpa;
        t->entry[t->depth++] = entry;
        if (!f->pae || level < 3) {
            t->rights &= entry | PTE_NX;
            t->both &= entry;
        }
        t->rights |= entry & PTE_NX;
        t->shift = (uint8_t)shift;
        if (large)
            break;
        table = entry & PTE_ADR;
    }
    return X86_WALK_OKAY;
}

/* SDM vol. 3, 4.6.1. */
static bool allowed(const struct x86_walk *w, enum x86_access access, uint64_t rights)
{
    const struct x86_regs *r = w->regs;
    bool write = access == X86_ACCESS_WRITE || access == X86_ACCESS_RMW;

    if (access == X86_ACCESS_FETCH && (rights & PTE_NX))
        return false;
    if (w->user)
        return (rights & PTE_U) && (!write || (rights & PTE_W));
    if (write && !(rights & PTE_W) && (r->cr0 & X86_CR0_WP))
        return false;
    if (!(rights & PTE_U))
        return true;
    if (access == X86_ACCESS_FETCH)
        return !(r->cr4 & X86_CR4_SMEP);
    return !(r->cr4 & X86_CR4_SMAP) || ((r->rflags & X86_FLAG_AC) && !w->implicit);
}

/* Accessed in all entries, dirty in the leaf. False: somebody else wrote one of them. */
static bool mark(struct x86_walk *w, const struct format *f, const struct trail *t, bool write)
{
    if ((t->both & PTE_A) && (!write || (t->entry[t->depth - 1] & PTE_D)))
        return true;
    if (!w->ops->update)
        return true;
    for (unsigned int i = f->pae ? 1 : 0; i < t->depth; i++) {
        uint64_t entry = t->entry[i] | PTE_A;

        if (write && i == t->depth - 1)
            entry |= PTE_D;
        if (entry != t->entry[i] && !w->ops->update(w, t->gpa[i], f->bytes, t->entry[i], entry))
            return false;
    }
    return true;
}

/* Page address of the leaf; that of a 4 MiB page has address bits 32 to 39 in 13 to 20. */
static uint64_t leaf_address(const struct format *f, const struct trail *t)
{
    /* A walk that succeeded has one. NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
    uint64_t entry = t->entry[t->depth - 1];

    if (f->bytes == 4 && t->shift == 22)
        return (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32;
    return entry & PTE_ADR & (~UINT64_C(0) << t->shift);
}

enum x86_walk_result x86_walk(struct x86_walk *w, uint64_t linear, enum x86_access access)
{
    struct format f = format_of(w);
    bool write = access == X86_ACCESS_WRITE || access == X86_ACCESS_RMW;

    if (!(w->regs->cr0 & X86_CR0_PG)) {
        w->gpa = (uint32_t)linear;
        w->page_shift = 12;
        return X86_WALK_OKAY;
    }
    if (!(w->regs->efer & X86_EFER_LMA))
        linear = (uint32_t)linear;
    for (unsigned int i = 0; i < MAX_TRIES; i++) {
        struct trail t;
        enum x86_walk_result res = descend(w, &f, linear, access, &t);

        if (res != X86_WALK_OKAY)
            return res;
        if (!allowed(w, access, t.rights))
            return fault(w, access, X86_PF_PRESENT);
        if (!mark(w, &f, &t, write))
            continue;
        w->gpa = leaf_address(&f, &t) | (linear & ((UINT64_C(1) << t.shift) - 1));
        w->page_shift = t.shift;
        return X86_WALK_OKAY;
    }
    return X86_WALK_AGAIN;
}
