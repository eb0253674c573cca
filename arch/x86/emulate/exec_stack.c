/* SPDX-License-Identifier: Apache-2.0 */
/* Stack instructions of the instruction emulator. The stack's width is SS.B, or 64 bits. */
#include "emul.h"

static unsigned int stack_width(const struct x86_state *s)
{
    if (x86_mode64(s))
        return 8;
    return s->r->seg[X86_SS].attr & X86_SEG_DB ? 4 : 2;
}

static void set_sp(struct x86_state *s, uint64_t sp)
{
    unsigned int width = stack_width(s);

    /* A 32-bit stack leaves no upper half to preserve: there is none outside 64-bit mode. */
    x86_set_gpr(s, X86_RSP, width, sp);
}

enum x86_emul_result x86_push(struct x86_state *s, unsigned int bytes, uint64_t value)
{
    uint64_t sp = (s->r->gpr[X86_RSP] - bytes) & x86_mask(stack_width(s));
    enum x86_emul_result res = x86_write_int(s, X86_SS, sp, bytes, value);

    if (res == X86_EMUL_OKAY)
        set_sp(s, sp);
    return res;
}

enum x86_emul_result x86_pop(struct x86_state *s, unsigned int bytes, uint64_t *value)
{
    uint64_t sp = x86_get_gpr(s, X86_RSP, stack_width(s));
    enum x86_emul_result res = x86_read_int(s, X86_SS, sp, bytes, X86_ACCESS_READ, value);

    if (res == X86_EMUL_OKAY)
        set_sp(s, sp + bytes);
    return res;
}

/* RET n. */
void x86_release_stack(struct x86_state *s, uint64_t bytes)
{
    set_sp(s, s->r->gpr[X86_RSP] + bytes);
}

/* PUSH E or a register: what it was before rSP moved. */
enum x86_emul_result x86_exec_push(struct x86_state *s)
{
    return x86_push(s, s->size, s->dst);
}

enum x86_emul_result x86_exec_push_imm(struct x86_state *s)
{
    return x86_push(s, s->size, (uint64_t)s->in->imm);
}

/* ES, CS, SS, DS in bits 3..4 of one-byte opcodes; FS, GS in bit 3 of 0F A0, A8. */
static unsigned int opcode_seg(const struct x86_state *s)
{
    return s->in->map ? X86_FS + (s->in->opcode >> 3 & 1) : s->in->opcode >> 3 & 3;
}

/* A 32-bit push of a selector writes 16 bits, as processors of today do (SDM vol. 2, PUSH). */
enum x86_emul_result x86_exec_push_seg(struct x86_state *s)
{
    uint64_t sp = (s->r->gpr[X86_RSP] - s->size) & x86_mask(stack_width(s));
    unsigned int bytes = s->size == 4 ? 2 : s->size;
    enum x86_emul_result res = x86_write_int(s, X86_SS, sp, bytes, s->r->seg[opcode_seg(s)].sel);

    if (res == X86_EMUL_OKAY)
        set_sp(s, sp);
    return res;
}

enum x86_emul_result x86_exec_pop(struct x86_state *s)
{
    return x86_pop(s, s->size, &s->dst);
}

enum x86_emul_result x86_exec_pop_seg(struct x86_state *s)
{
    struct x86_seg *seg = &s->r->seg[opcode_seg(s)];
    uint64_t sel = 0;
    enum x86_emul_result res = x86_pop(s, s->size, &sel);

    seg->sel = (uint16_t)sel;
    seg->base = (sel & 0xffff) << 4;
    s->e->segments = true;
    s->e->shadow = seg == &s->r->seg[X86_SS];
    return res;
}

/* An address made from rSP sees it after the pop. */
enum x86_emul_result x86_exec_pop_e(struct x86_state *s)
{
    uint64_t value = 0;
    enum x86_emul_result res = x86_pop(s, s->size, &value);

    if (res != X86_EMUL_OKAY)
        return res;
    x86_effective_address(s);
    return x86_write_e(s, s->size, value);
}

/* One access for all eight, the last register (rDI) lowest. */
enum x86_emul_result x86_exec_pusha(struct x86_state *s)
{
    uint64_t sp = (s->r->gpr[X86_RSP] - s->size * 8) & x86_mask(stack_width(s));
    uint8_t buf[32];
    enum x86_emul_result res;

    for (unsigned int i = 0; i < s->size * 8; i++)
        buf[i] = (uint8_t)(s->r->gpr[7 - i / s->size] >> (i % s->size * 8));
    res = x86_write(s, X86_SS, sp, buf, s->size * 8);
    if (res == X86_EMUL_OKAY)
        set_sp(s, sp);
    return res;
}

enum x86_emul_result x86_exec_popa(struct x86_state *s)
{
    uint64_t sp = x86_get_gpr(s, X86_RSP, stack_width(s));
    uint8_t buf[32];
    enum x86_emul_result res = x86_read(s, X86_SS, sp, buf, s->size * 8, X86_ACCESS_READ);

    if (res != X86_EMUL_OKAY)
        return res;
    for (unsigned int reg = 0; reg < 8; reg++) {
        const uint8_t *from = buf + (7 - reg) * s->size;
        uint64_t value = 0;

        for (unsigned int i = 0; i < s->size; i++)
            value |= (uint64_t)from[i] << (i * 8);
        if (reg != X86_RSP)
            x86_set_gpr(s, reg, s->size, value);
    }
    set_sp(s, sp + s->size * 8);
    return X86_EMUL_OKAY;
}

/* RF and VM are pushed as 0. Virtual-8086 mode below IOPL 3 traps. */
enum x86_emul_result x86_exec_pushf(struct x86_state *s)
{
    uint64_t hidden = X86_FLAG_RF | X86_FLAG_VM;

    if ((s->r->rflags & X86_FLAG_VM) && (s->r->rflags >> 12 & 3) != 3)
        return x86_raise(s, X86_EXC_GP, 0);
    return x86_push(s, s->size, s->r->rflags & ~hidden);
}

/* IOPL changes at CPL 0 only, IF where CPL <= IOPL; VIF, VIP, VM stay (SDM vol. 2, POPF). */
enum x86_emul_result x86_exec_popf(struct x86_state *s)
{
    uint64_t mask = X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF | X86_FLAG_NT;
    unsigned int cpl = s->r->cr0 & X86_CR0_PE ? s->r->cpl : 0, iopl = s->r->rflags >> 12 & 3;
    uint64_t flags = 0;
    enum x86_emul_result res;

    if ((s->r->rflags & X86_FLAG_VM) && iopl != 3)
        return x86_raise(s, X86_EXC_GP, 0);
    res = x86_pop(s, s->size, &flags);
    if (cpl == 0)
        mask |= 3u << 12;
    if (cpl <= iopl)
        mask |= X86_FLAG_IF;
    if (s->size > 2)
        mask |= X86_FLAG_AC | 1u << 21;
    x86_flags_set(s, mask, flags);
    return res;
}

/* The frames of enclosing procedures, and this one's (SDM vol. 2, ENTER). */
static enum x86_emul_result push_frames(struct x86_state *s, unsigned int level, uint64_t frame)
{
    uint64_t bp = s->r->gpr[X86_RBP];

    for (unsigned int i = 1; i < level; i++) {
        uint64_t value = 0;
        enum x86_emul_result res;

        bp = (bp - s->size) & x86_mask(stack_width(s));
        res = x86_read_int(s, X86_SS, bp, s->size, X86_ACCESS_READ, &value);
        if (res == X86_EMUL_OKAY)
            res = x86_push(s, s->size, value);
        if (res != X86_EMUL_OKAY)
            return res;
    }
    return x86_push(s, s->size, frame);
}

/* Deeply nested frames read and write more than a forwarded access may: the caller says so. */
enum x86_emul_result x86_exec_enter(struct x86_state *s)
{
    unsigned int level = s->in->imm2 & 31;
    uint64_t frame;
    enum x86_emul_result res = x86_push(s, s->size, x86_get_gpr(s, X86_RBP, s->size));

    frame = s->r->gpr[X86_RSP];
    if (res == X86_EMUL_OKAY && level != 0)
        res = push_frames(s, level, frame);
    if (res != X86_EMUL_OKAY)
        return res;
    x86_set_gpr(s, X86_RBP, s->size, frame);
    set_sp(s, s->r->gpr[X86_RSP] - (uint64_t)s->in->imm);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_leave(struct x86_state *s)
{
    uint64_t frame = 0;
    enum x86_emul_result res;

    set_sp(s, s->r->gpr[X86_RBP]);
    res = x86_pop(s, s->size, &frame);
    if (res == X86_EMUL_OKAY)
        x86_set_gpr(s, X86_RBP, s->size, frame);
    return res;
}
