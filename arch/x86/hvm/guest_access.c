/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by virtual address, through the guest's own page tables (SDM vol. 3, 4.5), with its
 * kernel's rights. A page found so stays allocated until this CPU leaves the hypervisor (RCU).
 */
#include "memory.h"

#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

/*
 * The registers that decide are the same for a whole copy, but reading them costs little beside the
 * walk.
 */
static void *translate(uint64_t gva, bool write)
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
