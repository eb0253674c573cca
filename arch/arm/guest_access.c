/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory by virtual address: the CPU itself translates, with EL1's permissions and both
 * stages, so a buffer that the guest's kernel may not read or write is -EFAULT. A page found so
 * stays allocated until this CPU leaves the hypervisor (RCU), whoever removes it meanwhile.
 */
#include <asm/cache.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>

#define PAR_ADDR_MASK UINT64_C(0x000ffffffffff000)

/* Host address of a byte of current's memory, or NULL. PAR_EL1 is live guest state. */
static void *translate(uint64_t gva, bool write)
{
    uint64_t saved = READ_SYSREG(par_el1);
    uint64_t par;
    mfn_t m;

    if (write)
        __asm__ volatile("at s12e1w, %0\n\tisb" ::"r"(gva) : "memory");
    else
        __asm__ volatile("at s12e1r, %0\n\tisb" ::"r"(gva) : "memory");
    par = READ_SYSREG(par_el1);
    WRITE_SYSREG(saved, par_el1);
    if (par & PAR_F)
        return NULL;
    /* Whatever attributes the guest uses (device memory while its MMU is off): RAM is RAM. */
    m = paddr_to_mfn(paddr(par & PAR_ADDR_MASK));
    if (!mfn_is_ram(m))
        return NULL;
    return (char *)mfn_to_virt(m) + (gva & ~PAGE_MASK);
}

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
        const void *from = translate(gva, false);

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
