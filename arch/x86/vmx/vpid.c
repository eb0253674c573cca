/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pCPU may have cached for a guest (SDM vol. 3, 29.4), and when it forgets it. Two kinds:
 *
 * - through EPT, of all vCPUs of a domain: stale when the p2m has a new epoch. Each p2m knows the
 *   epoch that each pCPU flushed last, and a pCPU whose epoch is old flushes before it enters any
 *   vCPU of that domain.
 * - of the guest's own page tables: stale when the vCPU changed them on another pCPU meanwhile, or
 *   the hypervisor changed its paging. Tagged with a virtual-processor identifier, which each pCPU
 *   hands out one after another; to forget is to take a new one. When they are used up, all is
 *   emptied and a new generation begins.
 */
#include "vmcs.h"

#include <wherry/domain.h>
#include <wherry/percpu.h>
#include <wherry/smp.h>

#define VPID_LIMIT 0x10000 /* 0 is the host's */

struct vpid_pool {
    uint64_t generation; /* from 1 */
    uint32_t next;
};

static DEFINE_PER_CPU(struct vpid_pool, vpid_pool);

void vmx_vpid_cpu_init(void)
{
    this_cpu(vpid_pool) = (struct vpid_pool){.generation = 1, .next = 1};
    vmx_invvpid_all();
}

static uint16_t take_vpid(struct vmx_vcpu *x, struct vpid_pool *pool)
{
    if (pool->next == VPID_LIMIT) {
        pool->next = 1;
        pool->generation++;
        vmx_invvpid_all();
    }
    x->vpid_generation = pool->generation;
    x->vpid_cpu = smp_processor_id();
    x->vpid = (uint16_t)pool->next++;
    return x->vpid;
}

uint16_t vmx_vpid_prepare(struct vcpu *v)
{
    struct p2m *p = &v->domain->p2m;
    struct vmx_vcpu *x = &v->arch.vmx;
    struct vpid_pool *pool = &this_cpu(vpid_pool);
    uint64_t *flushed = &p->arch.flushed[smp_processor_id()];
    uint64_t epoch;

    /* In the guest as far as a flush is concerned: what is read next is not older. */
    p2m_guest_enter(p);
    epoch = (uint64_t)atomic64_read(&p->arch.epoch);
    if (unlikely(*flushed != epoch)) {
        vmx_invept(vmx_ept_pointer(v->domain));
        *flushed = epoch;
    }
    if (likely(x->vpid_cpu == smp_processor_id() && x->vpid_generation == pool->generation))
        return x->vpid;
    return take_vpid(x, pool);
}
