/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page tables for common/p2m/: which format, and how a translation that was taken away is
 * forgotten by all pCPUs (include/wherry/p2m_tree.h).
 *
 * A pCPU caches translations only while it is in a guest. So a flush gives the p2m a new epoch,
 * makes the pCPUs that are in a guest of it leave, and waits until each has left once. Whoever
 * enters later compares epochs and flushes first. No pCPU waits for one that may wait for it:
 * leaving a guest needs no lock.
 */
#include <asm/p2m_format.h>
#include <asm/relax.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>
#include <wherry/percpu.h>
#include <wherry/smp.h>

#define P2M_BITS 48

struct p2m_format p2m_format;

/* The p2m whose guest this pCPU is in, or NULL. Written by that pCPU. */
static DEFINE_PER_CPU(struct p2m *, guest_p2m);
/* How often it has entered one: where it is again at once is not where it was. Likewise. */
static DEFINE_PER_CPU(uint64_t, guest_entries);

unsigned int arch_p2m_bits(void)
{
    return P2M_BITS;
}

unsigned int arch_p2m_start_level(void)
{
    return 0;
}

unsigned int arch_p2m_root_order(void)
{
    return 0;
}

int arch_p2m_init(struct p2m *p)
{
    p->arch.root = mfn_to_paddr(page_to_mfn(p->root_page));
    atomic64_set(&p->arch.epoch, 1);
    memset(p->arch.flushed, 0, sizeof(p->arch.flushed));
    return 0;
}

void arch_p2m_destroy(struct p2m *p)
{
    (void)p;
}

void p2m_guest_enter(struct p2m *p)
{
    WRITE_ONCE(this_cpu(guest_entries), this_cpu(guest_entries) + 1);
    smp_wmb(); /* before where it is; partner: wait_left() */
    WRITE_ONCE(this_cpu(guest_p2m), p);
    smp_mb(); /* before the epoch is read; partner: arch_p2m_flush() */
}

void p2m_guest_leave(void)
{
    store_release(&this_cpu(guest_p2m), NULL);
}

void p2m_guest_check(const struct p2m *p, uint64_t cached, uint64_t epoch)
{
    ASSERT(this_cpu(guest_p2m) == p);
    ASSERT(cached >= epoch);
}

/*
 * A pCPU that has entered since `entries` was read has compared epochs since. To look only at where
 * it is would be to wait for a chance: it may be back before anyone looks.
 */
static void wait_left(const struct p2m *p, unsigned int cpu)
{
    uint64_t entries = READ_ONCE(per_cpu(guest_entries, cpu));

    smp_rmb(); /* before where it is; partner: p2m_guest_enter() */
    if (load_acquire(&per_cpu(guest_p2m, cpu)) != p)
        return;
    arch_smp_kick(cpu);
    while (load_acquire(&per_cpu(guest_p2m, cpu)) == p &&
           load_acquire(&per_cpu(guest_entries, cpu)) == entries)
        arch_relax();
}

void arch_p2m_flush(const struct p2m *p)
{
    unsigned int cpu;

    /* Full barrier: the entries, then the epoch, then who is in a guest. */
    atomic64_fetch_add((atomic64_t *)&p->arch.epoch, 1);
    for_each_online_cpu (cpu)
        if (cpu != smp_processor_id())
            wait_left(p, cpu);
}

void arch_p2m_describe(const struct p2m *p, char *text, size_t size)
{
    snprintf(text, size, "epoch %lu", (unsigned long)atomic64_read(&p->arch.epoch));
}
