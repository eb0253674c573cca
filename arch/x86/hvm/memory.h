/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory for the files of hvm/: registers for the emulator, linear to physical to host. */
#ifndef WHERRY_X86_HVM_MEMORY_H
#define WHERRY_X86_HVM_MEMORY_H

#include <asm/emulate.h>
#include <asm/walk.h>
#include <wherry/p2m.h>
#include <wherry/types.h>

struct vcpu;
struct domain;

/* The state that decides about translations and rights; all of the emulator's but vectors. */
void hvm_get_regs(struct vcpu *v, struct x86_regs *regs);
/* What an instruction that came to its end left in e->regs. */
void hvm_put_regs(struct vcpu *v, const struct x86_emul *e);

/* One page's translation with v's rights: OKAY and gpa, or what x86_walk() says. */
enum x86_walk_result hvm_translate(struct vcpu *v, const struct x86_regs *regs, bool user,
                                   uint64_t linear, enum x86_access access, struct x86_walk *walk);

/*
 * Host address of a byte of the RAM of v, current (or of what it maps of others'), or NULL. Valid
 * until this CPU leaves the hypervisor (RCU).
 */
void *hvm_gpa_to_host(struct vcpu *v, uint64_t gpa, bool write);
/* The same whatever its rights, and what the frame is. */
void *hvm_gpa_lookup(struct vcpu *v, uint64_t gpa, enum p2m_type *t);

/* Does the TSS allow the current vCPU these ports: OKAY, #GP(0), or what reading it gives (tss.c).
 */
enum x86_emul_result hvm_port_check(struct x86_emul *e, uint16_t port, unsigned int bytes);

#endif
