/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by virtual address (include/wherry/guest_access.h), translated by the arch with the
 * rights of the guest's kernel, so a buffer that it may not read or write is -EFAULT. A page found
 * so stays allocated until this CPU leaves the hypervisor (RCU), whoever removes it meanwhile.
 */
#include <asm/cache.h>
#include <asm/guest_access.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

/* Bytes up to the end of the page. */
static size_t chunk_of(uint64_t addr, size_t size)
{
    size_t left = (size_t)(PAGE_SIZE - (addr & ~PAGE_MASK));

    return size < left ? size : left;
}

/* Most arguments are one word; it comes in one load. */
static void copy_in(void *to, const void *from, size_t n)
{
    if (n == 4 && (((uintptr_t)to | (uintptr_t)from) & 3) == 0)
        *(uint32_t *)to = READ_ONCE(*(const uint32_t *)from);
    else
        memcpy(to, from, n);
}

int guest_copy_from(void *dst, uint64_t gva, size_t size)
{
    char *to = dst;

    while (size != 0) {
        size_t n = chunk_of(gva, size);
        const void *from = arch_guest_translate(gva, false);

        if (from == NULL)
            return -EFAULT;
        copy_in(to, from, n);
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
        void *to = arch_guest_translate(gva, true);

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
    void *va = arch_guest_translate(gva, true);
    struct page *pg = va != NULL ? virt_to_page(va) : NULL;

    return pg != NULL && page_get(pg, current->domain) ? pg : NULL;
}

/* One chunk inside a page, either way. */
static int gpa_chunk(struct domain *d, uint64_t addr, void *buffer, size_t n, bool write)
{
    struct page *pg = p2m_get_page(d, gpaddr_to_gfn(gpaddr(addr)), write, false, NULL);
    char *va;

    if (pg == NULL)
        return -EFAULT;
    va = (char *)page_to_virt(pg) + (addr & ~PAGE_MASK);
    if (write) {
        memcpy(va, buffer, n);
        arch_clean_dcache(va, n); /* images and the like: its caches may be off */
    } else {
        memcpy(buffer, va, n);
    }
    page_put(pg);
    return 0;
}

static int gpa_copy(struct domain *d, uint64_t addr, char *buffer, size_t size, bool write)
{
    while (size != 0) {
        size_t n = chunk_of(addr, size);
        int rc = gpa_chunk(d, addr, buffer, n, write);

        if (rc != 0)
            return rc;
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
