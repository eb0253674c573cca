/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's general registers, in the order of their encodings; svm/ and vmx/ fill in the rest. */
#ifndef WHERRY_ASM_REGS_H
#define WHERRY_ASM_REGS_H

#include <wherry/types.h>

enum {
    REG_RAX,
    REG_RCX,
    REG_RDX,
    REG_RBX,
    REG_RSP,
    REG_RBP,
    REG_RSI,
    REG_RDI,
    REG_R8,
    REG_R9,
    REG_R10,
    REG_R11,
    REG_R12,
    REG_R13,
    REG_R14,
    REG_R15,
};

struct cpu_user_regs {
    uint64_t r[16]; /* by encoding */
    uint64_t rip, rflags;
};

#endif
