/* SPDX-License-Identifier: Apache-2.0 */
/* What a vCPU has under SVM (arch/x86/svm/). */
#ifndef WHERRY_ASM_SVM_H
#define WHERRY_ASM_SVM_H

#include <wherry/types.h>

struct vmcb;

struct svm_vcpu {
    uint64_t vmcb_pa; /* entry.S */
    struct vmcb *vmcb;
    /* The address space identifier in use, and what it was given for (svm/asid.c). */
    uint64_t asid_generation, asid_epoch;
    unsigned int asid_cpu;
};

#endif
