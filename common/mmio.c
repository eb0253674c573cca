/* SPDX-License-Identifier: Apache-2.0 */
/* The table of devices that live in the hypervisor (include/wherry/mmio.h); arch abort handlers. */
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/mmio.h>

int mmio_register(struct domain *d, gpaddr_t base, uint64_t size, mmio_fn fn, void *opaque)
{
    struct mmio_handlers *h = &d->mmio;
    uint64_t first = base.v;
    uint64_t last = base.v + size - 1;
    unsigned int at = 0;

    if (size == 0 || last < first)
        return -EINVAL;
    if (h->count == MMIO_MAX_HANDLERS)
        return -ENOSPC;
    while (at < h->count && h->table[at].last < first)
        at++;
    if (at < h->count && h->table[at].first <= last)
        return -EEXIST;
    for (unsigned int i = h->count; i > at; i--)
        h->table[i] = h->table[i - 1];
    h->table[at] = (struct mmio_handler){.first = first, .last = last, .fn = fn, .opaque = opaque};
    h->count++;
    return 0;
}

const struct mmio_handler *mmio_find(const struct domain *d, uint64_t first, uint64_t last)
{
    const struct mmio_handlers *h = &d->mmio;
    unsigned int lo = 0;
    unsigned int hi = h->count;

    while (lo < hi) {
        unsigned int mid = (lo + hi) / 2;
        const struct mmio_handler *m = &h->table[mid];

        if (m->last < first)
            lo = mid + 1;
        else if (m->first > first)
            hi = mid;
        else
            return last <= m->last ? m : NULL;
    }
    return NULL;
}

bool mmio_try_handle(struct vcpu *v, struct mmio_access *access, bool *ok)
{
    uint64_t first = access->addr.v;
    const struct mmio_handler *h = mmio_find(v->domain, first, first + access->size - 1);

    if (h == NULL)
        return false;
    *ok = h->fn(v, access, h->opaque);
    return true;
}
