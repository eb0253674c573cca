/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by virtual address, through the guest's own page tables (SDM vol. 3, 4.5), with its
 * kernel's rights. A page found so stays allocated until this CPU leaves the hypervisor (RCU).
 */
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

#define PTE_PRESENT BIT64(0)
#define PTE_WRITE   BIT64(1)
#define PTE_LARGE   BIT64(7)
#define PTE_ADDR    UINT64_C(0x000ffffffffff000)

/* Host address of a byte of the domain's RAM, or NULL. */
static void *gpa_to_host(struct domain *d, uint64_t gpa, bool write)
{
    enum p2m_type t;
    mfn_t m = p2m_lookup(d, gpaddr_to_gfn(gpaddr(gpa)), &t);

    if (!p2m_is_ram(t) && !p2m_is_foreign(t))
        return NULL;
    if (write && (t == P2M_RAM_RO || t == P2M_FOREIGN_RO))
        return NULL;
    if (!mfn_is_ram(m))
        return NULL;
    return (char *)mfn_to_virt(m) + (gpa & ~PAGE_MASK);
}

/* Of `levels` tables of `width`-byte entries. */
static bool walk(struct domain *d, uint64_t table, uint64_t gva, unsigned int levels,
                 unsigned int width, bool write, uint64_t *gpa)
{
    unsigned int bits = width == 8 ? 9 : 10;

    for (unsigned int level = levels; level-- > 0;) {
        unsigned int shift = PAGE_SHIFT + level * bits;
        uint64_t index = (gva >> shift) & (BIT64(bits) - 1);
        const void *entry = gpa_to_host(d, (table & PTE_ADDR) + index * width, false);
        uint64_t pte = 0;

        if (entry == NULL)
            return false;
        memcpy(&pte, entry, width);
        if (!(pte & PTE_PRESENT) || (write && !(pte & PTE_WRITE) && !(levels == 3 && level == 2)))
            return false;
        if (level == 0 || (level <= 2 && (pte & PTE_LARGE) && !(levels == 3 && level == 2))) {
            uint64_t span = BIT64(shift);

            *gpa = (pte & PTE_ADDR & ~(span - 1)) | (gva & (span - 1));
            return true;
        }
        table = pte;
    }
    return false;
}

static bool translate_linear(struct vcpu *v, uint64_t gva, bool write, uint64_t *gpa)
{
    uint64_t cr3 = hvm->get_cr(v, 3), cr4 = hvm->get_cr(v, 4);

    if (!(hvm->get_cr(v, 0) & CR0_PG)) {
        *gpa = (uint32_t)gva;
        return true;
    }
    if (hvm->get_efer(v) & EFER_LMA) {
        /* Canonical: bits 63:47 alike. */
        if ((uint64_t)((int64_t)(gva << 16) >> 16) != gva)
            return false;
        return walk(v->domain, cr3, gva, 4, 8, write, gpa);
    }
    if (cr4 &
        CR4_PAE) /* the first table has four entries, 32-byte aligned: none of its rights count */
        return walk(v->domain, cr3 & ~UINT64_C(0xfff), (uint32_t)gva, 3, 8, write, gpa);
    return walk(v->domain, cr3, (uint32_t)gva, 2, 4, write, gpa);
}

static void *translate(uint64_t gva, bool write)
{
    uint64_t gpa;

    return translate_linear(current, gva, write, &gpa) ? gpa_to_host(current->domain, gpa, write)
                                                       : NULL;
}

/* Bytes up to the end of the page. */
static size_t chunk_of(uint64_t addr, size_t size)
{
    size_t left = (size_t)(PAGE_SIZE - (addr & ~PAGE_MASK));

    return size < left ? size : left;
}

int guest_copy_from(void *dst, uint64_t gva, size_t size)
{
    char *to = dst;

    while (size != 0) {
        size_t n = chunk_of(gva, size);
        const void *from = translate(gva, false);

        if (from == NULL)
            return -EFAULT;
        memcpy(to, from, n);
        to += n;
        gva += n;
        size -= n;
    }
    return 0;
}

int guest_copy_to(uint64_t gva, const void *src, size_t size)
{
    const char *from = src;

    while (size != 0) {
        size_t n = chunk_of(gva, size);
        void *to = translate(gva, true);

        if (to == NULL)
            return -EFAULT;
        memcpy(to, from, n);
        from += n;
        gva += n;
        size -= n;
    }
    return 0;
}

struct page *guest_get_page(uint64_t gva)
{
    void *va = translate(gva, true);
    struct page *pg = va != NULL ? virt_to_page(va) : NULL;

    return pg != NULL && page_get(pg, current->domain) ? pg : NULL;
}

static int gpa_copy(struct domain *d, uint64_t addr, char *buffer, size_t size, bool write)
{
    while (size != 0) {
        size_t n = chunk_of(addr, size);
        struct page *pg = p2m_get_page(d, gpaddr_to_gfn(gpaddr(addr)), write, false, NULL);
        char *va;

        if (pg == NULL)
            return -EFAULT;
        va = (char *)page_to_virt(pg) + (addr & ~PAGE_MASK);
        memcpy(write ? va : buffer, write ? buffer : va, n);
        page_put(pg);
        addr += n;
        buffer += n;
        size -= n;
    }
    return 0;
}

int gpa_copy_from(struct domain *d, void *dst, gpaddr_t addr, size_t size)
{
    return gpa_copy(d, addr.v, dst, size, false);
}

int gpa_copy_to(struct domain *d, gpaddr_t addr, const void *src, size_t size)
{
    return gpa_copy(d, addr.v, (char *)(uintptr_t)src, size, true);
}
