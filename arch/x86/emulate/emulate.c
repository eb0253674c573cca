/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction emulator's driver: decode, load operands, execute, store, commit. */
#include "emul.h"

/* rip as wide as the code segment has it. */
uint64_t x86_clip_rip(const struct x86_state *s, uint64_t rip)
{
    if (x86_mode64(s))
        return rip;
    return rip & x86_mask(s->r->seg[X86_CS].attr & X86_SEG_DB ? 4 : 2);
}

static enum x86_emul_result load_dst(struct x86_state *s, unsigned int reg, bool mem)
{
    uint16_t flags = s->in->op.flags;

    s->dst_mem = mem;
    s->dst_reg = (uint8_t)reg;
    if (flags & OP_WRITE)
        return X86_EMUL_OKAY;
    if (mem)
        return x86_read_int(s, s->ea_seg, s->ea, s->size,
                            flags & OP_READ ? X86_ACCESS_READ : X86_ACCESS_RMW, &s->dst);
    s->dst = x86_get_reg(s, reg, s->size);
    return X86_EMUL_OKAY;
}

static unsigned int src_size(const struct x86_state *s)
{
    if (s->in->op.flags & OP_SRC8)
        return 1;
    return s->in->op.flags & OP_SRC16 ? 2 : s->size;
}

/* dst = E, and src as the form has it. */
static enum x86_emul_result load_e(struct x86_state *s)
{
    switch ((enum x86_form)s->in->op.form) {
    case F_E_G:
    case F_E_G_I8:
        s->src = x86_get_reg(s, s->in->reg, s->size);
        break;
    case F_E_1:
        s->src = 1;
        break;
    case F_E_CL:
        s->src = s->r->gpr[X86_RCX] & 0xff;
        break;
    default:
        s->src = (uint64_t)s->in->imm & x86_mask(s->size);
        break;
    }
    return load_dst(s, s->in->rm, s->in->mem);
}

/* dst = G, src = E. */
static enum x86_emul_result load_g_e(struct x86_state *s)
{
    enum x86_emul_result res = x86_read_e(s, src_size(s), &s->src);

    return res == X86_EMUL_OKAY ? load_dst(s, s->in->reg, false) : res;
}

/* dst = a register that ModRM does not name. */
static enum x86_emul_result load_opcode_reg(struct x86_state *s, unsigned int reg)
{
    s->src = (uint64_t)s->in->imm & x86_mask(s->size);
    if (s->in->op.form == F_R_A)
        s->src = x86_get_gpr(s, X86_RAX, s->size);
    return load_dst(s, reg, false);
}

/* Memory at an offset in the instruction, to or from the accumulator. */
static enum x86_emul_result load_offset(struct x86_state *s)
{
    s->ea_seg = s->in->seg != X86_NO_REG ? s->in->seg : X86_DS;
    if (s->in->op.form == F_A_O) {
        s->dst_reg = X86_RAX;
        return x86_read_int(s, s->ea_seg, s->ea, s->size, X86_ACCESS_READ, &s->src);
    }
    s->dst_mem = true;
    s->src = x86_get_gpr(s, X86_RAX, s->size);
    return X86_EMUL_OKAY;
}

static enum x86_emul_result load(struct x86_state *s)
{
    switch ((enum x86_form)s->in->op.form) {
    case F_E:
    case F_E_G:
    case F_E_I:
    case F_E_I8:
    case F_E_1:
    case F_E_CL:
    case F_E_G_I8:
        return load_e(s);
    case F_G_E:
    case F_G_E_I:
    case F_G_E_I8:
        return load_g_e(s);
    case F_A_I:
        return load_opcode_reg(s, X86_RAX);
    case F_R:
    case F_R_A:
    case F_R_I:
        return load_opcode_reg(s, (s->in->opcode & 7) | s->in->rex_b);
    case F_A_O:
    case F_O_A:
        return load_offset(s);
    default:
        s->src = (uint64_t)s->in->imm & x86_mask(s->size);
        s->dst_skip = true;
        return X86_EMUL_OKAY;
    }
}

static enum x86_emul_result store(struct x86_state *s)
{
    if (s->dst_skip || (s->in->op.flags & OP_READ))
        return X86_EMUL_OKAY;
    if (s->dst_mem)
        return x86_write_int(s, s->ea_seg, s->ea, s->size, s->dst);
    x86_set_reg(s, s->dst_reg, s->size, s->dst);
    return X86_EMUL_OKAY;
}

/* Decode, or take what was decoded. */
static enum x86_emul_result prepare(struct x86_state *s)
{
    struct x86_emul *e = s->e;
    enum x86_emul_result res;

    if (!e->resume) {
        e->length = 0;
        res = x86_decode(s);
        if (res != X86_EMUL_OKAY)
            return res;
        s->in->size = (uint8_t)s->size;
        s->in->ea_seg = s->ea_seg;
    }
    s->size = s->in->size;
    s->ea_seg = s->in->ea_seg;
    s->start = s->r->rip;
    s->next = x86_clip_rip(s, s->start + e->length);
    x86_effective_address(s);
    s->r->rip = s->next;
    return X86_EMUL_OKAY;
}

static enum x86_emul_result run(struct x86_state *s)
{
    enum x86_emul_result res = prepare(s);

    if (res == X86_EMUL_OKAY)
        res = load(s);
    if (res == X86_EMUL_OKAY)
        res = s->in->op.exec(s);
    return res == X86_EMUL_OKAY ? store(s) : res;
}

/* RF lasts for one instruction. */
static void commit(struct x86_state *s)
{
    if (s->vec_reg != X86_NO_REG)
        s->r->vec[s->vec_reg] = s->vec;
    if (!s->e->again)
        s->r->rflags &= ~(uint64_t)X86_FLAG_RF;
}

_Static_assert(sizeof(struct x86_insn) <= sizeof(struct x86_decoded), "room for it");

enum x86_emul_result x86_emulate_in_place(struct x86_emul *e)
{
    struct x86_state s = {
        .e = e, .r = e->regs, .in = (struct x86_insn *)&e->decoded, .vec_reg = X86_NO_REG};
    enum x86_emul_result res;

    e->again = false;
    e->shadow = false;
    e->segments = false;
    res = run(&s);
    if (res == X86_EMUL_OKAY) {
        commit(&s);
    } else {
        e->again = false;
        e->shadow = false;
    }
    return res;
}

enum x86_emul_result x86_emulate(struct x86_emul *e)
{
    struct x86_regs *regs = e->regs, copy = *regs;
    enum x86_emul_result res;

    e->event = (struct x86_event){0};
    e->regs = &copy;
    res = x86_emulate_in_place(e);
    e->regs = regs;
    if (res == X86_EMUL_OKAY)
        *regs = copy;
    return res;
}
