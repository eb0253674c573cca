/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU is interrupted by: an event that its device model injects, its local APIC, and the
 * upcall of event channels, in this order. Decided when VCPU_WORK_IRQ is set, on the way to the
 * guest; when it cannot be delivered, the guest is left again as soon as it can (the window).
 */
#include <asm/desc.h>
#include <asm/guest.h>
#include <asm/msr.h>
#include <wherry/domain.h>
#include <public/hvm/params.h>

/* The vector for event channels, or 0: the guest polls. */
static uint8_t upcall_vector(const struct vcpu *v)
{
    uint64_t via = READ_ONCE(v->domain->hvm_params[HVM_PARAM_CALLBACK_IRQ]);
    uint8_t own = READ_ONCE(v->arch.upcall_vector);

    if (own != 0)
        return own;
    return via >> 56 == HVM_PARAM_CALLBACK_TYPE_VECTOR ? (uint8_t)via : 0;
}

void hvm_interrupts_changed(struct vcpu *v)
{
    vcpu_set_work(v, VCPU_WORK_IRQ);
}

/*
 * Device models say what they like; an entry with an event that no processor knows would end the
 * domain. Such a one is dropped, and an error code goes with the exceptions that have one.
 */
static bool make_deliverable(struct vcpu *v, struct hvm_event *e)
{
    switch (e->type) {
    case HVM_EVENT_INTR:
        e->has_error = false;
        return v->arch.regs.rflags & RFLAGS_IF;
    case HVM_EVENT_NMI:
        e->has_error = false;
        e->vector = VEC_NMI;
        return true;
    case HVM_EVENT_EXCEPTION:
        if (e->vector >= 32 || e->vector == VEC_NMI)
            return false;
        if (!e->has_error)
            e->error = 0;
        e->has_error = ((uint32_t)VECTORS_WITH_ERROR >> e->vector & 1) != 0 &&
                       (hvm->get_cr(v, 0) & CR0_PE) != 0;
        return true;
    case HVM_EVENT_SOFT_INT:
    case HVM_EVENT_PRIV_SOFT:
    case HVM_EVENT_SOFT:
        e->has_error = false;
        return e->insn_len >= 1 && e->insn_len <= 15 &&
               (e->type == HVM_EVENT_SOFT_INT || e->vector < 32);
    default:
        return false;
    }
}

static void take_dm_event(struct vcpu *v)
{
    struct hvm_event e;

    if (atomic32_read(&v->arch.dm_event_set) == 0)
        return;
    e = v->arch.dm_event;
    /* Dropped when another is being delivered already. */
    if (hvm->can_inject(v) && make_deliverable(v, &e))
        hvm->inject(v, &e);
    atomic32_xchg(&v->arch.dm_event_set, 0);
    atomic32_xchg(&v->arch.dm_event_lock, 0); /* full barrier: the slot may be filled again */
}

static void take_nmi(struct vcpu *v)
{
    const struct hvm_event nmi = {.type = HVM_EVENT_NMI, .vector = VEC_NMI};

    if (atomic32_read(&v->arch.nmi_pending) == 0 || !hvm->can_inject(v))
        return;
    atomic32_xchg(&v->arch.nmi_pending, 0);
    hvm->inject(v, &nmi);
}

static void inject_interrupt(struct vcpu *v, uint8_t vector)
{
    const struct hvm_event e = {.type = HVM_EVENT_INTR, .vector = vector};

    hvm->inject(v, &e);
}

/*
 * The upcall by the domain-wide vector comes without any APIC: as long as the guest's flag is set
 * and it takes interrupts. One of its own goes through its local APIC, once for each upcall.
 */
static bool upcall_is_due(const struct vcpu *v)
{
    return READ_ONCE(v->arch.upcall_vector) == 0 && upcall_vector(v) != 0 &&
           evtchn_upcall_pending(v);
}

void arch_vcpu_flush_irq(struct vcpu *v)
{
    bool upcall, open;
    int vector;

    hvm_vcpu_begin(v);
    take_dm_event(v);
    take_nmi(v);
    upcall = upcall_is_due(v);
    vector = vlapic_pending(v);
    if (!upcall && vector < 0) {
        hvm->request_window(v, false);
        return;
    }
    open = (v->arch.regs.rflags & RFLAGS_IF) && !hvm->in_shadow(v) && hvm->can_inject(v);
    if (!open) {
        hvm->request_window(v, true);
        return;
    }
    if (upcall) {
        inject_interrupt(v, upcall_vector(v));
        /* A level: the guest clears the flag in its handler, and there is nothing to tell it by.
         * The local APIC's comes behind it. */
        hvm->request_window(v, vector >= 0);
        return;
    }
    vlapic_accept(v, (uint8_t)vector);
    inject_interrupt(v, (uint8_t)vector);
    /* One more behind it comes when this one was taken. */
    hvm->request_window(v, vlapic_pending(v) >= 0);
}

bool arch_vcpu_event_pending(struct vcpu *v)
{
    if (atomic32_read(&v->arch.dm_event_set) != 0 || atomic32_read(&v->arch.nmi_pending) != 0 ||
        atomic32_read(&v->arch.start) != 0 || vlapic_pending(v) >= 0)
        return true;
    return evtchn_upcall_pending(v);
}

void arch_evtchn_upcall(struct vcpu *v)
{
    uint8_t own = READ_ONCE(v->arch.upcall_vector);

    if (own != 0) {
        vlapic_raise(v, own);
        return;
    }
    vcpu_set_work(v, VCPU_WORK_IRQ);
    vcpu_wake_event(v);
}

/* SCHEDOP_block: interrupts come from now on. */
void arch_event_delivery_enable(struct vcpu *v)
{
    v->arch.regs.rflags |= RFLAGS_IF;
    hvm->clear_shadow(v);
}
