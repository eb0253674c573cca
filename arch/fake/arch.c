/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of include/wherry/ for domains, vCPUs and their accesses: record. */
#include <asm/fake.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <wherry/version.h>
#include <public/hvm/dm_op.h>

void arch_evtchn_upcall(struct vcpu *v)
{
    v->arch.upcalls++;
    vcpu_wake_event(v);
}

const char *arch_version_capabilities(void)
{
    return "fake-1.0";
}

bool fake_words32;

bool arch_guest_has_words32(void)
{
    return fake_words32;
}

bool arch_hvm_guest_sets(uint32_t index)
{
    (void)index;
    return false;
}

void arch_hvm_guest_has_set(uint32_t index)
{
    (void)index;
}

long arch_hvm_op(unsigned int cmd, uint64_t arg)
{
    (void)cmd;
    (void)arg;
    return -ENOSYS;
}

long arch_vcpu_op(unsigned int cmd, struct vcpu *v, uint64_t arg)
{
    (void)cmd, (void)v, (void)arg;
    return -EINVAL;
}

long arch_memory_op(uint64_t cmd, uint64_t arg)
{
    (void)cmd, (void)arg;
    return -ENOSYS;
}

uint32_t arch_version_features(const struct domain *d)
{
    (void)d;
    return 0;
}

void arch_event_delivery_enable(struct vcpu *v)
{
    v->arch.deliveries_enabled++;
}

/* Domains and vCPUs hold nothing of this architecture's. */

int arch_domain_create(struct domain *d, const struct arch_domain_config *config)
{
    (void)d, (void)config;
    return 0;
}

void arch_domain_destroy(struct domain *d)
{
    (void)d;
}

int arch_vcpu_create(struct vcpu *v)
{
    (void)v;
    return 0;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    (void)v;
}

void arch_vcpu_dump(const struct vcpu *v)
{
    (void)v;
}

/* Forwarding. */

void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    v->arch.completions++;
    v->arch.answered = answered;
    v->arch.result = access->data;
    if (fake_complete_hook != NULL)
        fake_complete_hook(v);
}

/* One op of its own, with Arm's number, so that the arch part of dm_op is exercised. */
unsigned int arch_dm_op_size(uint32_t op)
{
    return op == XEN_DMOP_set_irq_level ? sizeof(struct xen_dm_op_set_irq_level) : 0;
}

int arch_dm_op(struct domain *d, struct xen_dm_op *op, bool *copy_back)
{
    (void)copy_back;
    d->arch.spi_level_calls++;
    d->arch.spi = op->u.set_irq_level.irq;
    d->arch.spi_level = op->u.set_irq_level.level;
    return 0;
}
