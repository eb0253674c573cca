/* SPDX-License-Identifier: Apache-2.0 */
/* HVC: hypercalls by the tag of the Xen ABI, firmware calls by immediate 0. */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>

/* The immediate of an HVC that is a hypercall; number in X16, arguments from X0, result in X0. */
#define HVC_HYPERCALL 0xea1

void trap_hvc(struct vcpu *v, uint32_t imm)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    long rc;

    if (unlikely((imm & 0xffff) != HVC_HYPERCALL)) {
        if ((imm & 0xffff) == 0)
            smccc_call(v);
        else
            regs->x[0] = ~UINT64_C(0); /* SMCCC: NOT_SUPPORTED, as for an unknown function */
        return;
    }
    rc = hypercall((unsigned int)regs->x[16], regs->x);
    if (unlikely(rc == -ERESTART))
        regs->elr -= 4; /* the same call again, after what asked for the interruption */
    else
        regs->x[0] = (uint64_t)rc;
}

void arch_hypercall_set_arg(struct vcpu *v, unsigned int n, uint64_t value)
{
    v->arch.regs.x[n] = value;
}

/* The ABI has words of 8 bytes for guests of 32 bits too. */
bool arch_guest_has_words32(void)
{
    return false;
}
