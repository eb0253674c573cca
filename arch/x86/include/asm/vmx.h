/* SPDX-License-Identifier: Apache-2.0 */
/* What a vCPU has under VMX (arch/x86/vmx/). */
#ifndef WHERRY_ASM_VMX_H
#define WHERRY_ASM_VMX_H

#include <wherry/types.h>

/* Registers that a guest reaches without an exit and that no VMCS field switches. */
#define VMX_NR_MSRS 5

struct vmx_vcpu {
    uint64_t vmcs_pa;
    bool launched;  /* VMRESUME, not VMLAUNCH */
    bool event_set; /* something is delivered at the next entry */
    uint32_t proc;  /* the primary processor-based controls, as they are in the VMCS */
    /* While v is not loaded (vmx_save()). */
    uint64_t msr[VMX_NR_MSRS];
    uint64_t cr2, dr6;
    /* The virtual-processor identifier, and what it was given for (vmx/vpid.c). */
    uint64_t vpid_generation; /* 0: none, take a new one */
    unsigned int vpid_cpu;
    uint16_t vpid;
};

#endif
