/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space identifiers (APM vol. 2, 15.16). Each pCPU hands out its own, one after another; to
 * flush is to take a new one. When they are used up, the TLB is emptied and a new generation
 * begins. What has only flush-by-ASID or more needs no other way.
 */
#include "vmcb.h"

#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/percpu.h>

struct asid_pool {
    uint64_t generation;
    uint32_t next, limit; /* 1 .. limit - 1; 0 is the host's */
};

static DEFINE_PER_CPU(struct asid_pool, asid_pool);

void svm_asid_cpu_init(void)
{
    struct asid_pool *pool = &this_cpu(asid_pool);

    pool->limit = cpuid(0x8000000a, 0).b; /* NASID */
    pool->next = pool->limit;             /* the first use starts with an empty TLB */
}

static void take_asid(struct vcpu *v, struct asid_pool *pool)
{
    struct svm_vcpu *sv = &v->arch.svm;

    sv->vmcb->tlb_control = TLB_NONE;
    if (pool->next >= pool->limit) {
        pool->next = 1;
        pool->generation++;
        sv->vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    sv->vmcb->asid = pool->next++;
    sv->asid_generation = pool->generation;
    sv->asid_cpu = smp_processor_id();
}

void svm_asid_prepare(struct vcpu *v)
{
    struct svm_vcpu *sv = &v->arch.svm;
    struct asid_pool *pool = &this_cpu(asid_pool);
    uint64_t epoch;

    /* In the guest as far as a flush is concerned: what is read next is not older. */
    p2m_guest_enter(&v->domain->p2m);
    epoch = atomic64_read(&v->domain->p2m.arch.epoch);
    if (likely(sv->asid_epoch == epoch && sv->asid_cpu == smp_processor_id() &&
               sv->asid_generation == pool->generation)) {
        sv->vmcb->tlb_control = TLB_NONE;
        return;
    }
    take_asid(v, pool);
    sv->asid_epoch = epoch;
}
