/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of 64-bit and 32-bit guests: number in RAX, arguments in RDI, RSI, RDX, R10, R8 or
 * EBX, ECX, EDX, ESI, EDI; the page of stubs that the guest calls through.
 */
#include <asm/guest.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>

#define HYPERVISOR_IRET 23

static const uint8_t args64[NR_HYPERCALL_ARGS] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8};
static const uint8_t args32[NR_HYPERCALL_ARGS] = {REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI};

static void refuse(struct vcpu *v, unsigned int len)
{
    v->arch.regs.r[REG_RAX] = (uint64_t)-EPERM;
    hvm_advance(v, len);
}

/* Compatibility and 32-bit modes: what the upper halves hold means nothing. */
static void call32(struct vcpu *v, unsigned int len)
{
    uint64_t *r = v->arch.regs.r;
    uint64_t args[NR_HYPERCALL_ARGS];
    long rc;

    if (!(hvm->get_cr(v, 0) & CR0_PE)) {
        refuse(v, len);
        return;
    }
    for (unsigned int i = 0; i < NR_HYPERCALL_ARGS; i++)
        args[i] = (uint32_t)r[args32[i]];
    v->arch.words32 = true;
    rc = hypercall((uint32_t)r[REG_RAX], args);
    v->arch.words32 = false;
    if (rc == -ERESTART)
        return;
    r[REG_RAX] = (uint32_t)rc;
    hvm_advance(v, len);
}

void hvm_hypercall(struct vcpu *v, unsigned int len)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    uint64_t args[NR_HYPERCALL_ARGS];
    long rc;

    if (unlikely(hvm_cpl(v) != 0)) {
        refuse(v, len); /* a process of the guest: not its kernel */
        return;
    }
    if (!hvm_is_64bit(v)) {
        call32(v, len);
        return;
    }
    for (unsigned int i = 0; i < NR_HYPERCALL_ARGS; i++)
        args[i] = regs->r[args64[i]];
    rc = hypercall((unsigned int)regs->r[REG_RAX], args);
    if (unlikely(rc == -ERESTART))
        return; /* the same call again, after what asked for the interruption */
    regs->r[REG_RAX] = (uint64_t)rc;
    regs->rip += len;
    hvm_retire(v, regs->rflags & RFLAGS_TF);
}

void arch_hypercall_set_arg(struct vcpu *v, unsigned int n, uint64_t value)
{
    v->arch.regs.r[hvm_is_64bit(v) ? args64[n] : args32[n]] = value;
}

/*
 * Stubs of 32 bytes: MOV $number, %eax; VMCALL or VMMCALL; RET. That of IRET is undefined.
 */
int hvm_write_hypercall_page(struct domain *d, gpaddr_t at)
{
    uint8_t stub[32];

    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(stub); i++) {
        int rc;

        memset(stub, 0xcc, sizeof(stub));
        stub[0] = 0xb8;
        memset(stub + 1, 0, 4);
        stub[1] = (uint8_t)i;
        stub[5] = 0x0f;
        stub[6] = 0x01;
        stub[7] = hvm == &svm_vendor ? 0xd9 : 0xc1;
        stub[8] = 0xc3;
        if (i == HYPERVISOR_IRET) {
            stub[0] = 0x0f;
            stub[1] = 0x0b;
        }
        rc = gpa_copy_to(d, gpaddr(at.v + i * sizeof(stub)), stub, sizeof(stub));
        if (rc != 0)
            return rc;
    }
    return 0;
}
