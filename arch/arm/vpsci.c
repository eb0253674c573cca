/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI 1.0 for guests (DEN0022): their CPUs on and off, and the end of the machine.
 *
 * A vCPU's psci_state goes OFF -> STARTING -> ON by compare-and-exchange, so that of two CPU_ON
 * for it one loses; only the winner touches its registers, and only when no pCPU does.
 */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/sched.h>

#include <public/sched.h>

#define PSCI_VERSION           UINT32_C(0x84000000)
#define PSCI_CPU_SUSPEND       UINT32_C(0x84000001)
#define PSCI_CPU_OFF           UINT32_C(0x84000002)
#define PSCI_CPU_ON            UINT32_C(0x84000003)
#define PSCI_AFFINITY_INFO     UINT32_C(0x84000004)
#define PSCI_MIGRATE_INFO_TYPE UINT32_C(0x84000006)
#define PSCI_SYSTEM_OFF        UINT32_C(0x84000008)
#define PSCI_SYSTEM_RESET      UINT32_C(0x84000009)
#define PSCI_FEATURES          UINT32_C(0x8400000a)
#define PSCI_64BIT             UINT32_C(0x40000000)

#define SMCCC_VERSION UINT32_C(0x80000000)

#define PSCI_SUCCESS         0
#define PSCI_NOT_SUPPORTED   (-1)
#define PSCI_INVALID_PARAMS  (-2)
#define PSCI_ALREADY_ON      (-4)
#define PSCI_ON_PENDING      (-5)
#define PSCI_INVALID_ADDRESS (-9)

#define PSCI_1_0            0x10000
#define PSCI_MIGRATE_NO_TOS 2

#define AFFINITY_ON         0
#define AFFINITY_OFF        1
#define AFFINITY_ON_PENDING 2

uint64_t vcpu_id_to_mpidr(unsigned int id)
{
    return BIT64(31) | ((uint64_t)(id / 16) << 8) | (id % 16);
}

unsigned int mpidr_to_vcpu_id(uint64_t mpidr)
{
    uint64_t aff = mpidr & UINT64_C(0xff00ffffff);

    if ((aff & 0xff) > 15 || (aff >> 16) != 0)
        return ~0U;
    return (unsigned int)(((aff >> 8) & 0xff) * 16 + (aff & 0xff));
}

static struct vcpu *target_vcpu(struct domain *d, uint64_t mpidr)
{
    unsigned int id = mpidr_to_vcpu_id(mpidr);

    return id == ~0U ? NULL : domain_vcpu(d, id);
}

static int cpu_on(struct domain *d, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    struct vcpu *v = target_vcpu(d, mpidr);
    uint32_t state = PSCI_OFF;

    if (v == NULL)
        return PSCI_INVALID_PARAMS;
    if ((entry & 3) != 0 || entry >> arch_p2m_bits() != 0)
        return PSCI_INVALID_ADDRESS;
    if (!atomic32_cmpxchg(&v->arch.psci_state, &state, PSCI_STARTING))
        return state == PSCI_ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING;
    if (!vcpu_is_off_cpu(v)) { /* it asked to go off, but is still on its way out */
        atomic32_set(&v->arch.psci_state, PSCI_OFF);
        return PSCI_ALREADY_ON;
    }
    arch_vcpu_reset(v, entry, context);
    smp_wmb(); /* registers before the state; the wake-up orders them for the vCPU's pCPU */
    atomic32_set(&v->arch.psci_state, PSCI_ON);
    vcpu_pause_clear(v, VPF_DOWN);
    return PSCI_SUCCESS;
}

static int affinity_info(struct domain *d, uint64_t mpidr, uint64_t level)
{
    const struct vcpu *v;

    if (level != 0)
        return PSCI_INVALID_PARAMS;
    v = target_vcpu(d, mpidr);
    if (v == NULL)
        return PSCI_INVALID_PARAMS;
    switch (atomic32_read(&v->arch.psci_state)) {
    case PSCI_OFF:
        return vcpu_is_off_cpu(v) ? AFFINITY_OFF : AFFINITY_ON;
    case PSCI_STARTING:
        return AFFINITY_ON_PENDING;
    default:
        return AFFINITY_ON;
    }
}

static void cpu_off(struct vcpu *v)
{
    vcpu_pause_set(v, VPF_DOWN);
    /* Release: down before off; partner: the exchange in cpu_on(), whose wake-up clears it. */
    store_release(&v->arch.psci_state.v, PSCI_OFF);
}

/* Calls that exist in a 64-bit form too. */
static bool has_64bit(uint32_t fid)
{
    return fid == PSCI_CPU_SUSPEND || fid == PSCI_CPU_ON || fid == PSCI_AFFINITY_INFO;
}

bool vpsci_has(uint32_t fid)
{
    if (fid & PSCI_64BIT)
        return has_64bit(fid & ~PSCI_64BIT);
    switch (fid) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_AFFINITY_INFO:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
        return true;
    default:
        return false;
    }
}

static int features(uint32_t fid)
{
    return vpsci_has(fid) || fid == SMCCC_VERSION ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

bool vpsci_call(struct vcpu *v, uint32_t fid)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    uint64_t mask = (fid & PSCI_64BIT) ? ~UINT64_C(0) : UINT32_MAX;
    uint64_t a1 = regs->x[1] & mask;
    uint64_t a2 = regs->x[2] & mask;
    uint64_t a3 = regs->x[3] & mask;
    int64_t rc = PSCI_SUCCESS;

    if (!vpsci_has(fid))
        return false;
    switch (fid & ~PSCI_64BIT) {
    case PSCI_VERSION:
        rc = PSCI_1_0;
        break;
    case PSCI_CPU_SUSPEND: /* every state is a standby: wait for an interrupt */
        vcpu_block();
        break;
    case PSCI_CPU_OFF:
        cpu_off(v);
        break;
    case PSCI_CPU_ON:
        rc = cpu_on(v->domain, a1, a2, a3);
        break;
    case PSCI_AFFINITY_INFO:
        rc = affinity_info(v->domain, a1, a2);
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        rc = PSCI_MIGRATE_NO_TOS;
        break;
    case PSCI_SYSTEM_OFF:
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
        break;
    case PSCI_SYSTEM_RESET:
        domain_shutdown(v->domain, SHUTDOWN_reboot);
        break;
    default:
        rc = features((uint32_t)regs->x[1]);
    }
    regs->x[0] = (uint64_t)rc;
    return true;
}
