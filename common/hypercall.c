/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercall dispatch (include/wherry/hypercall.h): one table, filled at boot. */
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/hypercall.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>

#define NR_HYPERCALLS 64

extern const struct hypercall_entry __hypercalls_start[], __hypercalls_end[];

/* Written at boot only. */
static long (*table[NR_HYPERCALLS])(const uint64_t args[NR_HYPERCALL_ARGS]);

long hypercall(unsigned int nr, const uint64_t args[NR_HYPERCALL_ARGS])
{
    if (likely(nr < NR_HYPERCALLS && table[nr] != NULL))
        return table[nr](args);
    atomic64_fetch_add(&current->domain->stats.hypercalls_bad, 1);
    return -ENOSYS;
}

static int hypercall_init(void)
{
    for (const struct hypercall_entry *e = __hypercalls_start; e < __hypercalls_end; e++) {
        BUG_ON(e->nr >= NR_HYPERCALLS || table[e->nr] != NULL);
        table[e->nr] = e->fn;
    }
    return 0;
}
INIT_CALL(INIT_CORE, hypercall_init);
