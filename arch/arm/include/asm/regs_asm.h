/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets in struct cpu_user_regs for the trap entry; context.c checks each against the struct. */
#ifndef WHERRY_ASM_REGS_ASM_H
#define WHERRY_ASM_REGS_ASM_H

#define REGS_LR      240
#define REGS_ELR     248
#define REGS_SPSR    256
#define REGS_HOST_SP 264
#define REGS_SIZE    272

#endif
