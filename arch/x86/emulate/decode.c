/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to struct x86_insn: prefixes, opcode, ModRM, SIB, displacement, immediates (Intel SDM
 * vol. 2, chapter 2). Only x86_emulate() calls it.
 */
#include "emul.h"

/* Have byte `s->pos` in e->bytes. Code that lies beyond the segment or is non-canonical: #GP(0). */
static enum x86_emul_result fetch_more(struct x86_state *s)
{
    const struct x86_seg *cs = &s->r->seg[X86_CS];
    uint64_t linear = s->r->rip + s->pos;
    unsigned int bytes = sizeof(s->e->bytes) - s->pos;
    enum x86_emul_result res;

    if (!x86_mode64(s)) {
        if ((uint32_t)linear > cs->limit)
            return x86_raise(s, X86_EXC_GP, 0);
        if (bytes - 1 > cs->limit - (uint32_t)linear)
            bytes = cs->limit - (uint32_t)linear + 1;
        linear = (uint32_t)(linear + cs->base);
    } else if (!x86_canonical(s, linear)) {
        return x86_raise(s, X86_EXC_GP, 0);
    }
    if (s->pos < s->e->nr_bytes)
        return X86_EMUL_OKAY;
    if (bytes > 0x1000 - (linear & 0xfff))
        bytes = 0x1000 - (linear & 0xfff);
    res = s->e->ops->fetch(s->e, linear, s->e->bytes + s->pos, bytes);
    if (res == X86_EMUL_OKAY)
        s->e->nr_bytes = (uint8_t)(s->pos + bytes);
    return res;
}

/* The next `bytes` bytes, little endian. The 16th byte of an instruction is #GP(0). */
static enum x86_emul_result take(struct x86_state *s, unsigned int bytes, uint64_t *value)
{
    uint64_t got = 0;

    for (unsigned int i = 0; i < bytes; i++) {
        enum x86_emul_result res;

        if (s->pos >= sizeof(s->e->bytes))
            return x86_raise(s, X86_EXC_GP, 0);
        res = fetch_more(s);
        if (res != X86_EMUL_OKAY)
            return res;
        got |= (uint64_t)s->e->bytes[s->pos++] << (i * 8);
    }
    *value = got;
    return X86_EMUL_OKAY;
}

static enum x86_emul_result take_signed(struct x86_state *s, unsigned int bytes, int64_t *value)
{
    uint64_t raw = 0;
    enum x86_emul_result res = take(s, bytes, &raw);

    *value = x86_sext(raw, bytes);
    return res;
}

/* In 64-bit mode overrides of ES, CS, SS and DS mean nothing, not even the end of FS or GS. */
static bool take_segment(struct x86_state *s, enum x86_seg_reg seg)
{
    if (!x86_mode64(s) || seg >= X86_FS)
        s->in->seg = (uint8_t)seg;
    return true;
}

/* A legacy prefix; it makes a REX before it void. */
static bool take_legacy(struct x86_state *s, uint8_t byte, bool *ad_67)
{
    switch (byte) {
    case 0x66:
        s->in->opsize_66 = true;
        return true;
    case 0x67:
        *ad_67 = true;
        return true;
    case 0xf0:
        s->in->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        s->in->rep = byte;
        return true;
    case 0x26:
        return take_segment(s, X86_ES);
    case 0x2e:
        return take_segment(s, X86_CS);
    case 0x36:
        return take_segment(s, X86_SS);
    case 0x3e:
        return take_segment(s, X86_DS);
    case 0x64:
        return take_segment(s, X86_FS);
    case 0x65:
        return take_segment(s, X86_GS);
    default:
        return false;
    }
}

static void set_rex(struct x86_insn *in, uint8_t rex)
{
    in->rex = rex != 0;
    in->rex_w = rex & 8;
    in->rex_r = (rex & 4) << 1;
    in->rex_x = (rex & 2) << 2;
    in->rex_b = (rex & 1) << 3;
}

/* Default sizes of the code segment, then what prefixes make of them. */
static void set_sizes(struct x86_state *s, bool ad_67)
{
    bool mode64 = x86_mode64(s);
    bool mode32 = s->r->seg[X86_CS].attr & X86_SEG_DB;

    if (s->in->rex_w)
        s->in->op_size = 8;
    else
        s->in->op_size = (mode64 || mode32) != s->in->opsize_66 ? 4 : 2;
    if (mode64)
        s->in->ad_size = ad_67 ? 4 : 8;
    else
        s->in->ad_size = mode32 != ad_67 ? 4 : 2;
}

static enum x86_emul_result take_prefixes(struct x86_state *s)
{
    uint64_t byte = 0;
    bool ad_67 = false;
    uint8_t rex = 0;

    s->in->seg = X86_NO_REG;
    for (;;) {
        enum x86_emul_result res = take(s, 1, &byte);

        if (res != X86_EMUL_OKAY)
            return res;
        if (x86_mode64(s) && (byte & 0xf0) == 0x40)
            rex = (uint8_t)byte;
        else if (take_legacy(s, (uint8_t)byte, &ad_67))
            rex = 0;
        else
            break;
    }
    set_rex(s->in, rex);
    set_sizes(s, ad_67);
    s->in->opcode = (uint8_t)byte;
    return X86_EMUL_OKAY;
}

/*
 * C4 and C5: VEX in 64-bit mode, and in protected mode when the next byte would name a register of
 * LES/LDS, which does not exist (SDM vol. 2, 2.3.5). Prefixes that VEX contains are undefined
 * before.
 */
static enum x86_emul_result take_vex(struct x86_state *s)
{
    struct x86_insn *in = s->in;
    bool three = in->opcode == 0xc4;
    uint64_t v = 0, w = 0;
    enum x86_emul_result res = take(s, 1, &v);

    if (res != X86_EMUL_OKAY)
        return res;
    if (!x86_mode64(s) && (v & 0xc0) != 0xc0)
        return X86_EMUL_UNHANDLEABLE;
    if (!x86_protected(s) || in->opsize_66 || in->rep || in->lock || in->rex)
        return X86_EMUL_UNDEFINED;
    res = take(s, three ? 2 : 1, &w);
    if (res != X86_EMUL_OKAY)
        return res;
    if (three) {
        in->opcode = (uint8_t)(w >> 8);
        w &= 0xff;
    } else {
        in->opcode = (uint8_t)w;
        w = v & 0x7f;
    }
    if (x86_mode64(s)) {
        in->rex_r = v & 0x80 ? 0 : 8;
        in->rex_x = !three || (v & 0x40) ? 0 : 8;
        in->rex_b = !three || (v & 0x20) ? 0 : 8;
    }
    in->map = three ? v & 0x1f : 1;
    in->rex_w = w & 0x80;
    in->vex = true;
    in->vex_l = w & 4;
    in->vvvv = (uint8_t)(~w >> 3) & (x86_mode64(s) ? 15 : 7);
    in->opsize_66 = (w & 3) == X86_PP_66;
    in->rep = (w & 3) == X86_PP_F3 ? 0xf3 : (w & 3) == X86_PP_F2 ? 0xf2 : 0;
    in->op_size = in->rex_w && x86_mode64(s) ? 8 : 4;
    return in->map >= 1 && in->map <= 3 ? X86_EMUL_OKAY : X86_EMUL_UNDEFINED;
}

static enum x86_emul_result take_escapes(struct x86_state *s)
{
    uint64_t byte = 0;
    enum x86_emul_result res;

    if (s->in->opcode == 0xc4 || s->in->opcode == 0xc5)
        return take_vex(s);
    if (s->in->opcode != 0x0f)
        return X86_EMUL_OKAY;
    res = take(s, 1, &byte);
    s->in->map = 1;
    if (res == X86_EMUL_OKAY && (byte == 0x38 || byte == 0x3a)) {
        s->in->map = byte == 0x38 ? 2 : 3;
        res = take(s, 1, &byte);
    }
    s->in->opcode = (uint8_t)byte;
    return res;
}

/* ModRM.rm of 16-bit addresses: BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP or disp16, BX. */
static enum x86_emul_result take_address16(struct x86_state *s)
{
    static const uint8_t base[8] = {X86_RBX, X86_RBX, X86_RBP, X86_RBP,
                                    X86_RSI, X86_RDI, X86_RBP, X86_RBX};
    static const uint8_t index[4] = {X86_RSI, X86_RDI, X86_RSI, X86_RDI};
    struct x86_insn *in = s->in;
    unsigned int disp = in->mod;

    in->base = base[in->rm & 7];
    if ((in->rm & 7) < 4)
        in->index = index[in->rm & 7];
    if (in->mod == 0 && (in->rm & 7) == 6) {
        in->base = X86_NO_REG;
        disp = 2;
    }
    return disp ? take_signed(s, disp, &in->disp) : X86_EMUL_OKAY;
}

static enum x86_emul_result take_sib(struct x86_state *s)
{
    struct x86_insn *in = s->in;
    uint64_t sib = 0;
    enum x86_emul_result res = take(s, 1, &sib);

    if (res != X86_EMUL_OKAY)
        return res;
    in->base = (uint8_t)((sib & 7) | in->rex_b);
    in->index = (uint8_t)((sib >> 3 & 7) | in->rex_x);
    in->scale = (uint8_t)(sib >> 6);
    if (in->index == X86_RSP)
        in->index = X86_NO_REG;
    if ((sib & 7) == 5 && in->mod == 0) {
        in->base = X86_NO_REG;
        return take_signed(s, 4, &in->disp);
    }
    return X86_EMUL_OKAY;
}

static enum x86_emul_result take_address32(struct x86_state *s)
{
    struct x86_insn *in = s->in;
    enum x86_emul_result res = X86_EMUL_OKAY;

    in->base = in->rm;
    if ((in->rm & 7) == 4) {
        res = take_sib(s);
    } else if (in->mod == 0 && (in->rm & 7) == 5) {
        in->base = X86_NO_REG;
        in->rip_relative = x86_mode64(s);
        return take_signed(s, 4, &in->disp);
    }
    if (res != X86_EMUL_OKAY || in->mod == 0)
        return res;
    return take_signed(s, in->mod == 1 ? 1 : 4, &in->disp);
}

static enum x86_emul_result take_modrm(struct x86_state *s)
{
    struct x86_insn *in = s->in;
    uint64_t modrm = 0;
    enum x86_emul_result res = take(s, 1, &modrm);

    in->mod = (uint8_t)(modrm >> 6);
    in->reg = (uint8_t)((modrm >> 3 & 7) | in->rex_r);
    in->rm = (uint8_t)((modrm & 7) | in->rex_b);
    in->mem = in->mod != 3;
    if (res != X86_EMUL_OKAY || !in->mem)
        return res;
    res = in->ad_size == 2 ? take_address16(s) : take_address32(s);
    s->ea_seg = in->base == X86_RBP || in->base == X86_RSP ? X86_SS : X86_DS;
    if (in->seg != X86_NO_REG)
        s->ea_seg = in->seg;
    return res;
}

static bool form_has_modrm(enum x86_form form)
{
    switch (form) {
    case F_NONE:
    case F_A_I:
    case F_A_O:
    case F_O_A:
    case F_R:
    case F_R_A:
    case F_R_I:
    case F_I:
    case F_I8:
    case F_I16:
    case F_I16_8:
        return false;
    default:
        return true;
    }
}

static enum x86_emul_result take_immediate(struct x86_state *s)
{
    struct x86_insn *in = s->in;
    unsigned int full = in->op.flags & OP_BYTE ? 1 : in->op_size;
    uint64_t raw = 0;
    enum x86_emul_result res;

    switch ((enum x86_form)in->op.form) {
    case F_E_I:
    case F_A_I:
    case F_I:
    case F_G_E_I:
        return take_signed(s, full == 8 ? 4 : full, &in->imm);
    case F_R_I:
        return take_signed(s, full, &in->imm);
    case F_E_I8:
    case F_I8:
    case F_G_E_I8:
    case F_E_G_I8:
        return take_signed(s, 1, &in->imm);
    case F_A_O:
    case F_O_A:
        return take_signed(s, in->ad_size, &in->disp);
    case F_I16:
    case F_I16_8:
        res = take(s, in->op.form == F_I16 ? 2 : 3, &raw);
        in->imm = (uint16_t)raw;
        in->imm2 = (uint8_t)(raw >> 16);
        return res;
    default:
        return X86_EMUL_OKAY;
    }
}

/* The group's entry; it has what the opcode has, and its own. */
static void lookup_group(struct x86_insn *in)
{
    const struct x86_opcode *entry = &in->op.group[in->reg & 7];

    in->op.exec = entry->exec;
    in->op.flags |= entry->flags;
    if (entry->form != F_NONE)
        in->op.form = entry->form;
}

/* Operand size where the opcode has its own view of it. */
static void set_operand_size(struct x86_state *s)
{
    struct x86_insn *in = s->in;

    if (x86_mode64(s)) {
        if (in->op.flags & OP_F64)
            in->op_size = 8;
        else if ((in->op.flags & OP_D64) && in->op_size == 4)
            in->op_size = 8;
    }
    if ((in->op.flags & OP_DWORD) && in->op_size == 2)
        in->op_size = 4;
    s->size = in->op.flags & OP_BYTE ? 1 : in->op_size;
}

/* Forms of the instruction that do not exist. */
static enum x86_emul_result check(const struct x86_state *s)
{
    const struct x86_insn *in = s->in;
    bool modrm = form_has_modrm((enum x86_form)in->op.form);

    if (in->op.flags & OP_UNDEF)
        return X86_EMUL_UNDEFINED;
    if ((in->op.flags & OP_NO64) && x86_mode64(s))
        return X86_EMUL_UNDEFINED;
    if (!in->op.exec)
        return X86_EMUL_UNHANDLEABLE;
    if (in->vex ? !(in->op.flags & (OP_VEX | OP_BOTH)) : (in->op.flags & OP_VEX) != 0)
        return X86_EMUL_UNHANDLEABLE;
    if ((in->op.flags & OP_VEX) && (in->vex_l || (in->map == 3 && in->vvvv)))
        return X86_EMUL_UNDEFINED;
    if (in->lock && (!(in->op.flags & OP_LOCK) || !modrm || !in->mem))
        return X86_EMUL_UNDEFINED;
    if (((in->op.flags & OP_MEM) || in->op.form == F_M) && !in->mem)
        return X86_EMUL_UNDEFINED;
    if ((in->op.flags & OP_REAL) && x86_protected(s))
        return X86_EMUL_UNHANDLEABLE;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_decode(struct x86_state *s)
{
    struct x86_insn *in = s->in;
    enum x86_emul_result res;

    *in = (struct x86_insn){0};
    res = take_prefixes(s);
    in->base = X86_NO_REG;
    in->index = X86_NO_REG;
    if (res == X86_EMUL_OKAY)
        res = take_escapes(s);
    if (res != X86_EMUL_OKAY)
        return res;
    in->op = x86_lookup(in);
    if (form_has_modrm((enum x86_form)in->op.form))
        res = take_modrm(s);
    if (res != X86_EMUL_OKAY)
        return res;
    if (in->op.group)
        lookup_group(in);
    set_operand_size(s);
    res = take_immediate(s);
    if (res == X86_EMUL_OKAY)
        res = check(s);
    s->e->length = (uint8_t)s->pos;
    return res;
}
