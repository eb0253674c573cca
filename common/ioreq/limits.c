/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What device models may use up in the hypervisor on behalf of one target domain. The build sets
 * defaults, the host's owner may change them on the command line: ioreq_servers=N,
 * ioreq_ranges=N, ioreq_memory=N (KiB).
 */
#include <wherry/bug.h>
#include <wherry/cmdline.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/parse.h>
#include <wherry/slab.h>

#include "private.h"

#define RANGES_LIMIT 8192
#define KIB_LIMIT    (1024 * 1024)

_Static_assert(CONFIG_IOREQ_MAX_SERVERS <= IOREQ_SERVERS_LIMIT, "Kconfig range");
_Static_assert(CONFIG_IOREQ_MAX_RANGES <= RANGES_LIMIT, "Kconfig range");

/* Written while booting only. */
unsigned int ioreq_max_servers = CONFIG_IOREQ_MAX_SERVERS;
unsigned int ioreq_max_ranges = CONFIG_IOREQ_MAX_RANGES;
uint64_t ioreq_max_bytes = (uint64_t)CONFIG_IOREQ_MAX_KIB * 1024;

static int parse_limit(const char *value, uint64_t max, uint64_t *out)
{
    uint64_t n;
    int rc = parse_u64(value, &n);

    if (rc != 0)
        return rc;
    if (n == 0 || n > max)
        return -ERANGE;
    *out = n;
    return 0;
}

static int set_servers(const char *value)
{
    uint64_t n;
    int rc = parse_limit(value, IOREQ_SERVERS_LIMIT, &n);

    if (rc == 0)
        ioreq_max_servers = (unsigned int)n;
    return rc;
}
CMDLINE_PARAM(ioreq_servers, "ioreq_servers", set_servers);

static int set_ranges(const char *value)
{
    uint64_t n;
    int rc = parse_limit(value, RANGES_LIMIT, &n);

    if (rc == 0)
        ioreq_max_ranges = (unsigned int)n;
    return rc;
}
CMDLINE_PARAM(ioreq_ranges, "ioreq_ranges", set_ranges);

static int set_memory(const char *value)
{
    uint64_t n;
    int rc = parse_limit(value, KIB_LIMIT, &n);

    if (rc == 0)
        ioreq_max_bytes = n * 1024;
    return rc;
}
CMDLINE_PARAM(ioreq_memory, "ioreq_memory", set_memory);

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
