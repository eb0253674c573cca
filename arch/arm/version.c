/* SPDX-License-Identifier: Apache-2.0 */
/* The Arm part of the xen_version hypercall. */
#include <wherry/domain.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <wherry/version.h>
#include <public/features.h>

const char *arch_version_capabilities(void)
{
    return "xen-3.0-aarch64 xen-3.0-armv7l ";
}

uint32_t arch_version_features(const struct domain *d)
{
    uint32_t map = d->arch.config.direct_map ? XENFEAT_direct_mapped : XENFEAT_not_direct_mapped;

    return (uint32_t)(BIT(XENFEAT_ARM_SMCCC_supported) | BIT(map));
}

/* The tree that a domain boots with says which interrupt the upcall is. */
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
    return -EINVAL; /* vCPUs come up by PSCI */
}

long arch_memory_op(uint64_t cmd, uint64_t arg)
{
    (void)cmd, (void)arg;
    return -ENOSYS;
}
