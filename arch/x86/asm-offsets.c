/* SPDX-License-Identifier: Apache-2.0 */
/* Structure offsets that assembly uses, as lines for scripts/asm-offsets.sed. */
#include <asm/desc.h>
#include <wherry/domain.h>

#define DEFINE(name, value) __asm__ volatile("\n-> " #name " %0" ::"i"(value))

void asm_offsets(void);
void asm_offsets(void)
{
    DEFINE(VCPU_REGS, offsetof(struct vcpu, arch.regs.r));
    DEFINE(VCPU_VMCB_PA, offsetof(struct vcpu, arch.svm.vmcb_pa));
}
