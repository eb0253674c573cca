/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware calls of a guest (SMC Calling Convention, DEN0028), by HVC #0 or SMC. */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>

#define SMCCC_VERSION       UINT32_C(0x80000000)
#define SMCCC_ARCH_FEATURES UINT32_C(0x80000001)
#define SMCCC_1_1           0x10001

#define SMCCC_NOT_SUPPORTED (~UINT64_C(0))

/* Workaround calls are not offered: the guest then takes the host's ID registers' word. */
static uint64_t arch_features(uint32_t fid)
{
    switch (fid) {
    case SMCCC_VERSION:
    case SMCCC_ARCH_FEATURES:
        return 0;
    default:
        return SMCCC_NOT_SUPPORTED;
    }
}

void smccc_call(struct vcpu *v)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    uint32_t fid = (uint32_t)regs->x[0];

    if (vpsci_call(v, fid))
        return;
    switch (fid) {
    case SMCCC_VERSION:
        regs->x[0] = SMCCC_1_1;
        return;
    case SMCCC_ARCH_FEATURES:
        regs->x[0] = arch_features((uint32_t)regs->x[1]);
        return;
    default:
        regs->x[0] = SMCCC_NOT_SUPPORTED;
    }
}
