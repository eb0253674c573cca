/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of hvm/. */
#ifndef WHERRY_ASM_GUEST_H
#define WHERRY_ASM_GUEST_H

#include <asm/hvm.h>

/* --- hypercall.c --- */
/* Fill the page with stubs; 0 or -EFAULT. */
int hvm_write_hypercall_page(struct domain *d, gpaddr_t at);

/* --- time.c --- */
/* The clock in v's vcpu_info; v is current. */
void hvm_time_update(struct vcpu *v);

/* --- vcpu.c --- */
/* Start a vCPU of the domain builder's at a PVH entry. */
void hvm_vcpu_enter_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);
/* v, current, may have been started by an IPI: take its reset state. */
void hvm_vcpu_begin(struct vcpu *v);
void hvm_vcpu_nmi(struct vcpu *v);

#endif
