/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What device models may use up in the hypervisor on behalf of one target domain. The build sets
 * defaults, the host's owner may change them on the command line: ioreq_servers=N,
 * ioreq_ranges=N, ioreq_memory=N (KiB).
 */
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#include "private.h"

#define RANGES_LIMIT 8192

_Static_assert(CONFIG_IOREQ_MAX_SERVERS <= IOREQ_SERVERS_LIMIT, "Kconfig range");
_Static_assert(CONFIG_IOREQ_MAX_RANGES <= RANGES_LIMIT, "Kconfig range");

/* Written while booting only. */
unsigned int ioreq_max_servers = CONFIG_IOREQ_MAX_SERVERS;
unsigned int ioreq_max_ranges = CONFIG_IOREQ_MAX_RANGES;
uint64_t ioreq_max_bytes = (uint64_t)CONFIG_IOREQ_MAX_KIB * 1024;

static void *alloc_node(void *ctx, size_t size)
{
    (void)ctx;
    return kzalloc(size);
}

static void free_node(void *ctx, void *p)
{
    (void)ctx;
    kfree(p);
}

const struct lib_alloc ioreq_alloc = {.alloc = alloc_node, .free = free_node};

int ioreq_charge(struct domain *d, uint64_t bytes)
{
    if (bytes > ioreq_max_bytes || d->ioreq.bytes > ioreq_max_bytes - bytes)
        return -ENOMEM;
    d->ioreq.bytes += bytes;
    return 0;
}

void ioreq_uncharge(struct domain *d, uint64_t bytes)
{
    ASSERT(d->ioreq.bytes >= bytes);
    d->ioreq.bytes -= bytes;
}
