/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MOV to and from CR8, the priority of the guest's task. SVM could keep it in V_TPR; the local APIC
 * has it, so the instruction exits. Not every processor says which register it names (decode
 * assists, APM vol. 2, 15.8.1), hence its bytes are read.
 */
#include "svm.h"

#include "../hvm/memory.h"

#include <asm/guest.h>
#include <wherry/domain.h>

static bool fetch(struct vcpu *v, const struct x86_regs *regs, unsigned int at, uint8_t *byte)
{
    uint64_t linear = regs->rip + at, cs = regs->seg[X86_CS].base;
    struct x86_walk walk;
    const uint8_t *host;

    if (!hvm_is_64bit(v))
        linear = (uint32_t)(cs + (uint32_t)linear);
    if (hvm_translate(v, regs, regs->cpl == 3, linear, X86_ACCESS_FETCH, &walk) != X86_WALK_OKAY)
        return false;
    host = hvm_gpa_to_host(v, walk.gpa, false);
    if (host == NULL)
        return false;
    *byte = READ_ONCE(*host);
    return true;
}

/* LOCK stands for REX.R where there is no REX. */
static bool is_prefix(uint8_t byte)
{
    return (byte & 0xe7) == 0x26 || (byte >= 0x64 && byte <= 0x67) || byte == 0xf0 ||
           byte == 0xf2 || byte == 0xf3;
}

/* The bytes may be others by now: false, and the guest executes them. */
static bool decode(struct vcpu *v, bool write, unsigned int *gpr, unsigned int *len)
{
    uint8_t opcode = write ? 0x22 : 0x20, rex = 0, byte = 0;
    struct x86_regs regs;
    unsigned int at = 0;

    hvm_get_regs(v, &regs);
    while (at < 12 && fetch(v, &regs, at, &byte)) {
        if (hvm_is_64bit(v) && (byte & 0xf0) == 0x40)
            rex = byte;
        else if (is_prefix(byte))
            rex = 0;
        else
            break;
        at++;
    }
    if (byte != 0x0f || !fetch(v, &regs, at + 1, &byte) || byte != opcode ||
        !fetch(v, &regs, at + 2, &byte))
        return false;
    *gpr = (byte & 7) | (rex & 1) << 3;
    *len = at + 3;
    return true;
}

void svm_exit_cr8(struct vcpu *v, bool write)
{
    unsigned int gpr, len;

    if (decode(v, write, &gpr, &len))
        hvm_cr8(v, write, &v->arch.regs.r[gpr], len);
}
