/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of 32 bits: who makes a hypercall, and how shared_info is laid out for a domain. That is
 * as the code's mode when it places the hypercall page or chooses its upcall, which is among the
 * first that a guest does; a boot loader in another mode does not matter then.
 */
#include <asm/guest.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <public/hvm/params.h>

_Static_assert(sizeof(struct vcpu_info) == 64 && offsetof(struct vcpu_info, time) == 32,
               "as 32-bit code has it");

bool arch_guest_has_words32(void)
{
    return current->arch.words32;
}

void hvm_note_layout(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool words32 = !hvm_is_64bit(v);

    if (words32 == READ_ONCE(d->evtchn.words32))
        return;
    evtchn_set_layout(d, words32);
    hvm_wallclock_init(d->shared_info, words32);
}

void arch_hvm_guest_has_set(uint32_t index)
{
    if (index == HVM_PARAM_CALLBACK_IRQ)
        hvm_note_layout(current);
}
