/* SPDX-License-Identifier: Apache-2.0 */
/* How a vCPU starts and waits: by the domain builder, INIT and start-up IPIs; HLT; NMIs. */
#include <asm/guest.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <wherry/lib/string.h>

/* v->arch.start: 0, the page of the start-up IPI plus one, or HVM_START_CLAIMED. */

/* SDM vol. 3, table 9-1. */
void hvm_vcpu_reset(struct vcpu *v, uint8_t page)
{
    const struct hvm_segment data = {.attr = SEG_P | SEG_S | 0x3, .limit = 0xffff};
    const struct hvm_segment code = {.sel = (uint16_t)(page << 8),
                                     .attr = SEG_P | SEG_S | 0xb,
                                     .limit = 0xffff,
                                     .base = (uint64_t)page << 12};
    const struct hvm_segment table = {.limit = 0xffff};
    const struct hvm_segment ldtr = {.attr = SEG_P | 0x2, .limit = 0xffff};
    const struct hvm_segment tr = {.attr = SEG_P | 0xb, .limit = 0xffff};

    memset(&v->arch.regs, 0, sizeof(v->arch.regs));
    hvm->reset(v);
    hvm_debug_reset(v);
    v->arch.regs.rflags = 2;
    hvm->set_cr(v, 0, CR0_ET);
    hvm->set_cr(v, 2, 0);
    hvm->set_cr(v, 3, 0);
    hvm->set_cr(v, 4, 0);
    hvm->set_efer(v, 0);
    for (enum hvm_seg s = SEG_ES; s <= SEG_GS; s++)
        hvm->set_segment(v, s, s == SEG_CS ? &code : &data);
    hvm->set_segment(v, SEG_GDTR, &table);
    hvm->set_segment(v, SEG_IDTR, &table);
    hvm->set_segment(v, SEG_LDTR, &ldtr);
    hvm->set_segment(v, SEG_TR, &tr);
    vlapic_reset(v);
}

/* The PVH entry state: 32-bit protected mode, flat, no paging (the boot protocol's document). */
void hvm_vcpu_enter_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    const struct hvm_segment code = {.attr = SEG_P | SEG_S | SEG_DB | SEG_G | 0xb,
                                     .limit = UINT32_MAX};
    const struct hvm_segment data = {.attr = SEG_P | SEG_S | SEG_DB | SEG_G | 0x3,
                                     .limit = UINT32_MAX};
    const struct hvm_segment tr = {.attr = SEG_P | 0xb, .limit = 0x67};

    hvm_vcpu_reset(v, 0);
    hvm->set_cr(v, 0, CR0_PE | CR0_ET);
    for (enum hvm_seg s = SEG_ES; s <= SEG_GS; s++)
        hvm->set_segment(v, s, s == SEG_CS ? &code : &data);
    hvm->set_segment(v, SEG_TR, &tr);
    v->arch.regs.rip = entry;
    v->arch.regs.r[REG_RBX] = start_info;
    v->initialised = true;
    vcpu_pause_clear(v, VPF_DOWN);
}

/* It stops where it is, and waits for a start-up IPI. The boot CPU too. */
void hvm_vcpu_init_ipi(struct vcpu *v)
{
    atomic32_set(&v->arch.start, 0);
    vcpu_pause_set(v, VPF_DOWN);
}

void hvm_vcpu_startup(struct vcpu *v, uint8_t page)
{
    uint32_t none = 0;

    /* Only one that waits; the second of the usual two finds it started. */
    if (!(atomic32_read(&v->pause_flags) & VPF_DOWN) ||
        !atomic32_cmpxchg(&v->arch.start, &none, page + 1u))
        return;
    v->initialised = true;
    vcpu_set_work(v, VCPU_WORK_IRQ); /* it resets itself on its way to the guest */
    /* Perhaps out of HLT: that ends with the reset. */
    vcpu_pause_clear(v, VPF_DOWN | VPF_BLOCKED);
}

void hvm_vcpu_begin(struct vcpu *v)
{
    uint32_t start = atomic32_xchg(&v->arch.start, 0);

    if (start != 0)
        hvm_vcpu_reset(v, (uint8_t)(start - 1));
}

void hvm_vcpu_nmi(struct vcpu *v)
{
    atomic32_set(&v->arch.nmi_pending, 1);
    vcpu_set_work(v, VCPU_WORK_IRQ);
    vcpu_wake_event(v);
}

void hvm_hlt(struct vcpu *v, unsigned int len)
{
    hvm_advance(v, len);
    hvm_interrupts_changed(v);
    if (hvm->can_inject(v)) /* a debug exception ends it at once */
        vcpu_block();
}
