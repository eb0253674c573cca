/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O permission bitmap of a guest's TSS (SDM vol. 1, 19.5.2), for port instructions that the
 * emulator executes above IOPL. Called through its operations (hvm/emulate.c).
 */
#include "memory.h"

#include <asm/desc.h>
#include <asm/guest.h>
#include <wherry/domain.h>

/* Of 32 and 64 bits, as 16-bit ones have no bitmap; busy or not, for QEMU keeps TR without it. */
#define TYPE_TSS     0x9
#define TYPE_BUSY    0x2
#define BITMAP_FIELD 102 /* of the TSS: where the bitmap starts */

static enum x86_emul_result refuse(struct x86_emul *e)
{
    e->event = (struct x86_event){.vector = X86_EXC_GP, .has_error = true};
    return X86_EMUL_EXCEPTION;
}

/* A byte of the TSS, read as the processor does: with the rights of CPL 0. */
static enum x86_emul_result read_byte(struct x86_emul *e, const struct hvm_segment *tss,
                                      uint32_t offset, uint8_t *value)
{
    uint64_t linear = tss->base + offset;
    struct x86_walk w;
    const uint8_t *at;

    if (offset > tss->limit)
        return refuse(e);
    switch (hvm_translate(current, e->regs, false, linear, X86_ACCESS_READ, &w)) {
    case X86_WALK_OKAY:
        break;
    case X86_WALK_FAULT:
        e->event = (struct x86_event){
            .vector = X86_EXC_PF, .has_error = true, .error = w.error, .cr2 = linear};
        return X86_EMUL_EXCEPTION;
    case X86_WALK_AGAIN:
        return X86_EMUL_RETRY;
    default:
        return X86_EMUL_UNHANDLEABLE;
    }
    at = hvm_gpa_to_host(current, w.gpa, false);
    if (at == NULL)
        return X86_EMUL_UNHANDLEABLE;
    *value = READ_ONCE(*at);
    return X86_EMUL_OKAY;
}

/* Two bytes always: the bits may lie in both, which is why a bitmap ends with a byte of ones. */
static enum x86_emul_result read_word(struct x86_emul *e, const struct hvm_segment *tss,
                                      uint32_t offset, uint32_t *value)
{
    uint8_t b[2] = {0, 0};
    enum x86_emul_result res = read_byte(e, tss, offset, &b[0]);

    if (res == X86_EMUL_OKAY)
        res = read_byte(e, tss, offset + 1, &b[1]);
    *value = b[0] | (uint32_t)b[1] << 8;
    return res;
}

enum x86_emul_result hvm_port_check(struct x86_emul *e, uint16_t port, unsigned int bytes)
{
    uint32_t bitmap, bits, wanted = ((1u << bytes) - 1) << (port & 7);
    struct hvm_segment tss;
    enum x86_emul_result res;

    hvm->get_segment(current, SEG_TR, &tss);
    if ((tss.attr & (SEG_P | SEG_S | SEG_TYPE) & ~TYPE_BUSY) != (SEG_P | TYPE_TSS))
        return refuse(e);
    res = read_word(e, &tss, BITMAP_FIELD, &bitmap);
    if (res == X86_EMUL_OKAY)
        res = read_word(e, &tss, bitmap + port / 8, &bits);
    if (res != X86_EMUL_OKAY)
        return res;
    return bits & wanted ? refuse(e) : X86_EMUL_OKAY;
}
