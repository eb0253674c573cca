/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage-2 aborts: from the fault to a local device or a device model, and the end of the access.
 * Steps 1, 2 and 6 of the path of one access; the register side of both architectures' widths.
 */
#include <asm/esr.h>
#include <asm/guest.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/printk.h>

#include <public/hvm/ioreq.h>

/* Base register of a decoded form: 31 is the stack pointer in use. */
static uint64_t base_get(const struct vcpu *v, unsigned int rn)
{
    const struct cpu_user_regs *regs = &v->arch.regs;

    if (rn < 31)
        return regs->x[rn];
    return (regs->spsr & PSR_M_MASK) == PSR_M_EL1H ? READ_SYSREG(sp_el1) : READ_SYSREG(sp_el0);
}

static void base_set(struct vcpu *v, unsigned int rn, uint64_t val)
{
    struct cpu_user_regs *regs = &v->arch.regs;

    if (rn < 31)
        regs->x[rn] = val;
    else if ((regs->spsr & PSR_M_MASK) == PSR_M_EL1H)
        WRITE_SYSREG(val, sp_el1);
    else
        WRITE_SYSREG(val, sp_el0);
}

static uint64_t index_value(const struct vcpu *v, const struct mem_insn *insn)
{
    uint64_t val;

    if (!insn->has_rm)
        return (uint64_t)(int64_t)insn->offset;
    val = regs_get(&v->arch.regs, insn->rm);
    if (insn->extend == 2)
        val = (uint32_t)val;
    else if (insn->extend == 6)
        val = (uint64_t)(int32_t)(uint32_t)val;
    return val << insn->shift;
}

static void start_element(struct vcpu *v);

/* All elements are done: what the instruction does besides the transfer. */
static void finish(struct vcpu *v)
{
    const struct mem_insn *insn = &v->arch.access.insn;

    if (insn->writeback)
        base_set(v, insn->rn, base_get(v, insn->rn) + (uint64_t)(int64_t)insn->offset);
    regs_advance_pc(&v->arch.regs, insn->len);
}

/* One element is done; `data` is the answer of a read. */
void abort_end_element(struct vcpu *v, uint64_t data)
{
    struct pending_access *pa = &v->arch.access;
    const struct mem_insn *insn = &pa->insn;

    if (likely(!insn->pair)) {
        if (insn->load)
            regs_set(&v->arch.regs, insn->rt, insn_extend(insn, data));
        finish(v);
        return;
    }
    if (pa->element == 0) {
        pa->first = data;
        pa->element = 1;
        pa->ipa += insn->size;
        start_element(v);
        return;
    }
    if (insn->load) { /* both at once: the base may be the first destination */
        regs_set(&v->arch.regs, insn->rt, insn_extend(insn, pa->first));
        regs_set(&v->arch.regs, insn->rt2, insn_extend(insn, data));
    }
    finish(v);
}

/* Nobody answers, or a device refuses: the instruction takes an external abort. */
void abort_refuse(struct vcpu *v)
{
    struct pending_access *pa = &v->arch.access;

    inject_data_abort(v, pa->far + (pa->element ? pa->insn.size : 0), !pa->insn.load, -1);
}

static noinline void unclaimed(struct vcpu *v)
{
    const struct pending_access *pa = &v->arch.access;

    gprintk("unclaimed %s of %u bytes at %lx, pc %lx\n", pa->insn.load ? "read" : "write",
            pa->insn.size, (unsigned long)pa->ipa, (unsigned long)v->arch.regs.elr);
    abort_refuse(v);
}

/* Ask the device models about the current element; `data` is what a write writes. */
static void forward_element(struct vcpu *v, uint64_t data)
{
    struct pending_access *pa = &v->arch.access;
    struct ioreq_access access = {
        .addr = pa->ipa,
        .data = data,
        .count = 1,
        .size = pa->insn.size,
        .type = IOREQ_TYPE_COPY,
        .space = IOREQ_SPACE_MEMORY,
        .read = pa->insn.load,
    };

    /* RAM after all: a table changed while the fault was on its way. Nothing is done yet. */
    if (unlikely(p2m_changed(&v->domain->p2m, &pa->p2m_seq)) && !pa->element &&
        p2m_fault_is_spurious(v->domain, gpaddr_to_gfn(gpaddr(pa->ipa))))
        return;
    switch (ioreq_forward(v, &access)) {
    case IOREQ_SENT:  /* arch_ioreq_complete() follows */
    case IOREQ_RETRY: /* the PC stays */
        return;
    case IOREQ_UNCLAIMED:
    default:
        unclaimed(v);
    }
}

/* Carry out the element that v->arch.access describes, or send it off. */
static void start_element(struct vcpu *v)
{
    struct pending_access *pa = &v->arch.access;
    const struct mem_insn *insn = &pa->insn;
    struct mmio_access access = {.addr = gpaddr(pa->ipa), .size = insn->size, .read = insn->load};
    bool ok;

    if (!insn->load)
        access.data = regs_get(&v->arch.regs, pa->element ? insn->rt2 : insn->rt) &
                      insn_size_mask(insn->size);
    if (mmio_try_handle(v, &access, &ok)) {
        if (likely(ok))
            abort_end_element(v, access.data);
        else
            abort_refuse(v);
        return;
    }
    forward_element(v, access.data);
}

/* The syndrome says it all. */
static void insn_from_syndrome(struct mem_insn *insn, uint32_t iss, uint64_t esr)
{
    *insn = (struct mem_insn){
        .rt = DABT_SRT(iss),
        .size = (uint8_t)(1U << DABT_SAS(iss)),
        .load = !(iss & DABT_WNR),
        .sign = (iss & DABT_SSE) != 0,
        .sf = (iss & DABT_SF) != 0,
        .len = (esr & ESR_IL) ? 4 : 2,
    };
}

/* Does the decoded instruction match the fault? Only forms inside one page are carried out. */
static bool decoded_plausible(const struct vcpu *v, const struct mem_insn *insn, uint32_t iss,
                              uint64_t far)
{
    uint64_t va = base_get(v, insn->rn);

    if (insn->load == ((iss & DABT_WNR) != 0))
        return false;
    if (!insn->post)
        va += index_value(v, insn);
    if ((va ^ far) & ~PAGE_MASK)
        return false;
    return !insn->pair || (va & ~PAGE_MASK) + 2U * insn->size <= PAGE_SIZE;
}

/* No syndrome: look at the instruction. */
static bool insn_from_memory(struct vcpu *v, struct mem_insn *insn, uint32_t iss, uint64_t far)
{
    uint32_t word;

    if (regs_is_a32(&v->arch.regs))
        return false;
    if (guest_copy_from(&word, v->arch.regs.elr, sizeof(word)) != 0)
        return false;
    return insn_decode_a64(word, insn) && decoded_plausible(v, insn, iss, far);
}

/*
 * Cache maintenance by address faults like a write. There is no cache to maintain where a device
 * is; elsewhere nobody answers.
 */
static void cache_maintenance(struct vcpu *v, uint64_t ipa, uint64_t far, uint64_t esr)
{
    if (mmio_find(v->domain, ipa, ipa) != NULL || ioreq_claims(v, ipa, ipa))
        regs_advance_pc(&v->arch.regs, (esr & ESR_IL) ? 4 : 2);
    else
        inject_data_abort(v, far, true, -1);
}

/* IPA of the faulting page, for the faults that have it (Arm ARM D17.2.59). */
static uint64_t fault_ipa_page(void)
{
    return (READ_SYSREG(hpfar_el2) & ~UINT64_C(0xf)) << 8;
}

/* No valid syndrome: cache maintenance, or an instruction to be decoded. */
static noinline void fault_without_syndrome(struct vcpu *v, uint64_t esr, uint64_t far,
                                            uint64_t ipa)
{
    struct pending_access *pa = &v->arch.access;
    uint32_t iss = esr_iss(esr);

    if (p2m_fault_is_spurious(v->domain, gpaddr_to_gfn(gpaddr(ipa))))
        return;
    if (iss & DABT_CM) {
        cache_maintenance(v, ipa, far, esr);
        return;
    }
    if (!insn_from_memory(v, &pa->insn, iss, far)) {
        atomic64_fetch_add(&v->domain->stats.undecoded, 1);
        gprintk("cannot decode access to %lx, pc %lx\n", (unsigned long)ipa,
                (unsigned long)v->arch.regs.elr);
        inject_data_abort(v, far, (iss & DABT_WNR) != 0, -1);
        return;
    }
    pa->far = far;
    pa->ipa = ipa;
    pa->element = 0;
    start_element(v);
}

/* The common case, with nothing kept for later: a device of the hypervisor, found already. */
static void local_access(struct vcpu *v, const struct mmio_handler *h, const struct mem_insn *insn,
                         uint64_t far, uint64_t ipa)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    struct mmio_access access = {.addr = gpaddr(ipa), .size = insn->size, .read = insn->load};

    if (!insn->load)
        access.data = regs_get(regs, insn->rt) & insn_size_mask(insn->size);
    if (unlikely(!h->fn(v, &access, h->opaque))) {
        inject_data_abort(v, far, !insn->load, -1);
        return;
    }
    if (insn->load)
        regs_set(regs, insn->rt, insn_extend(insn, access.data));
    regs_advance_pc(regs, insn->len);
}

/* A translation fault of an access by the program, not of a table walk. */
static void translation_fault(struct vcpu *v, uint64_t esr, uint32_t iss)
{
    uint64_t far = READ_SYSREG(far_el2);
    uint64_t ipa = fault_ipa_page() | (far & ~PAGE_MASK);
    struct pending_access *pa = &v->arch.access;
    const struct mmio_handler *h;
    struct mem_insn insn;

    if (unlikely(!(iss & DABT_ISV))) {
        fault_without_syndrome(v, esr, far, ipa);
        return;
    }
    insn_from_syndrome(&insn, iss, esr);
    h = mmio_find(v->domain, ipa, ipa + insn.size - 1);
    if (h != NULL) {
        local_access(v, h, &insn, far, ipa);
        return;
    }
    pa->insn = insn;
    pa->far = far;
    pa->ipa = ipa;
    pa->element = 0;
    forward_element(v,
                    insn.load ? 0 : regs_get(&v->arch.regs, insn.rt) & insn_size_mask(insn.size));
}

/* A stage-2 fault of the guest's own table walk: its table is not in RAM. Or is by now? */
static bool walk_fault_is_spurious(struct vcpu *v, uint32_t fsc)
{
    return FSC_CLASS(fsc) == FSC_TRANSLATION &&
           p2m_fault_is_spurious(v->domain, gpaddr_to_gfn(gpaddr(fault_ipa_page())));
}

void trap_data_abort(struct vcpu *v, uint64_t esr)
{
    uint32_t iss = esr_iss(esr);
    uint32_t fsc = iss & DABT_DFSC_MASK;
    bool write = (iss & DABT_WNR) != 0;

    if (likely(FSC_CLASS(fsc) == FSC_TRANSLATION && !(iss & DABT_S1PTW))) {
        translation_fault(v, esr, iss);
        return;
    }
    if (iss & DABT_S1PTW) {
        if (!walk_fault_is_spurious(v, fsc))
            inject_data_abort(v, READ_SYSREG(far_el2), write, (int)(fsc & 3));
        return;
    }
    inject_data_abort(v, READ_SYSREG(far_el2), write, -1);
}

void trap_inst_abort(struct vcpu *v, uint64_t esr)
{
    uint32_t iss = esr_iss(esr);
    uint32_t fsc = iss & DABT_DFSC_MASK;

    if (walk_fault_is_spurious(v, fsc))
        return;
    inject_inst_abort(v, READ_SYSREG(far_el2), (iss & DABT_S1PTW) ? (int)(fsc & 3) : -1);
}
