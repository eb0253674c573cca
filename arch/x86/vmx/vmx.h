/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of vmx/: struct hvm_vendor's functions and what they share. */
#ifndef WHERRY_X86_VMX_H
#define WHERRY_X86_VMX_H

#include "vmcs.h"

#include <asm/msr.h>

/*
 * Bits of CR0 and CR4 that are not the guest's to change: it reads them from the shadow. CR0: NE is
 * always set in VMX, CD and NW would be the host's too. CR4: all that CPUID does not offer.
 */
#define VMX_CR0_MASK (CR0_NE | CR0_NW | CR0_CD)
#define VMX_CR4_GUEST \
    (UINT64_C(0x3ff) | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP)
#define VMX_CR4_MASK (~VMX_CR4_GUEST)

#define DR6_RESET UINT64_C(0xffff0ff0)

/* --- vmx.c --- */
int vmx_setup(void);
void vmx_cpu_on(void);
int vmx_vcpu_init(struct vcpu *v);
void vmx_vcpu_destroy(struct vcpu *v);
void vmx_load(struct vcpu *v);
void vmx_save(struct vcpu *v);

/* v's VMCS becomes current, until vmx_return(); v is current or not running. */
bool vmx_borrow(struct vcpu *v);
void vmx_return(struct vcpu *v, bool borrowed);
/* Is its state in this pCPU's registers? */
bool vmx_is_loaded(const struct vcpu *v);

bool vmx_get_switched(struct vcpu *v, uint32_t msr, uint64_t *value);
bool vmx_set_switched(struct vcpu *v, uint32_t msr, uint64_t value);

/* --- state.c --- */
void vmx_get_segment(struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out);
uint64_t vmx_get_cr(struct vcpu *v, unsigned int n);
void vmx_set_cr(struct vcpu *v, unsigned int n, uint64_t value);
uint64_t vmx_get_efer(struct vcpu *v);

#endif
