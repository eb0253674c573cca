/* SPDX-License-Identifier: Apache-2.0 */
/* Moves and two-operand arithmetic of the instruction emulator; the driver moves dst and src. */
#include "emul.h"

static void set_logic_flags(struct x86_state *s, uint64_t result)
{
    x86_flags_set(s, X86_FLAGS_ARITH, x86_flags_szp(result, s->size));
}

/* The eight operations in the order of their opcodes. */
static enum x86_emul_result alu(struct x86_state *s, unsigned int op)
{
    unsigned int carry = s->r->rflags & X86_FLAG_CF;

    switch (op & 7) {
    case 0:
        s->dst = x86_alu_add(s, s->dst, s->src, 0);
        return X86_EMUL_OKAY;
    case 2:
        s->dst = x86_alu_add(s, s->dst, s->src, carry);
        return X86_EMUL_OKAY;
    case 3:
        s->dst = x86_alu_sub(s, s->dst, s->src, carry);
        return X86_EMUL_OKAY;
    case 5:
    case 7:
        s->dst = x86_alu_sub(s, s->dst, s->src, 0);
        return X86_EMUL_OKAY;
    case 1:
        s->dst |= s->src;
        break;
    case 4:
        s->dst &= s->src;
        break;
    default:
        s->dst ^= s->src;
        break;
    }
    set_logic_flags(s, s->dst);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_alu(struct x86_state *s)
{
    return alu(s, s->in->opcode >> 3);
}

enum x86_emul_result x86_exec_alu_group(struct x86_state *s)
{
    return alu(s, s->in->reg);
}

enum x86_emul_result x86_exec_test(struct x86_state *s)
{
    set_logic_flags(s, s->dst & s->src);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_mov(struct x86_state *s)
{
    s->dst = s->src;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_movsx8(struct x86_state *s)
{
    s->dst = (uint64_t)x86_sext(s->src, 1);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_movsx16(struct x86_state *s)
{
    s->dst = (uint64_t)x86_sext(s->src, 2);
    return X86_EMUL_OKAY;
}

/* 63 reads four bytes with REX.W only; without, it is a plain move. ARPL elsewhere. */
enum x86_emul_result x86_exec_movsxd(struct x86_state *s)
{
    unsigned int bytes = s->size == 8 ? 4 : s->size;
    uint64_t value = 0;
    enum x86_emul_result res;

    if (!x86_mode64(s))
        return x86_protected(s) ? X86_EMUL_UNHANDLEABLE : X86_EMUL_UNDEFINED;
    res = x86_read_e(s, bytes, &value);
    if (res == X86_EMUL_OKAY)
        x86_set_reg(s, s->in->reg, s->size, (uint64_t)x86_sext(value, bytes));
    return res;
}

/* XCHG: the register takes what memory had; NOP is the form with itself. */
enum x86_emul_result x86_exec_xchg(struct x86_state *s)
{
    uint64_t old = s->dst;

    if (s->in->op.form == F_R_A) {
        if (!((s->in->opcode & 7) | s->in->rex_b)) {
            s->dst_skip = true;
            return X86_EMUL_OKAY;
        }
        x86_set_gpr(s, X86_RAX, s->size, old);
    } else {
        x86_set_reg(s, s->in->reg, s->size, old);
    }
    s->dst = s->src;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_lea(struct x86_state *s)
{
    x86_set_gpr(s, s->in->reg, s->size, s->ea);
    return X86_EMUL_OKAY;
}

/* INC and DEC leave CF alone. */
enum x86_emul_result x86_exec_inc(struct x86_state *s)
{
    uint64_t carry = s->r->rflags;

    s->dst = x86_alu_add(s, s->dst, 1, 0);
    x86_flags_set(s, X86_FLAG_CF, carry);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_dec(struct x86_state *s)
{
    uint64_t carry = s->r->rflags;

    s->dst = x86_alu_sub(s, s->dst, 1, 0);
    x86_flags_set(s, X86_FLAG_CF, carry);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_not(struct x86_state *s)
{
    s->dst = ~s->dst;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_neg(struct x86_state *s)
{
    s->dst = x86_alu_sub(s, 0, s->dst, 0);
    return X86_EMUL_OKAY;
}

/* The source is read whatever the condition, and a 32-bit destination is always zero-extended. */
enum x86_emul_result x86_exec_cmov(struct x86_state *s)
{
    if (x86_condition(s, s->in->opcode))
        s->dst = s->src;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_setcc(struct x86_state *s)
{
    s->dst = x86_condition(s, s->in->opcode);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_nop(struct x86_state *s)
{
    s->dst_skip = true;
    return X86_EMUL_OKAY;
}

/* CBW, CWDE, CDQE. */
enum x86_emul_result x86_exec_cbw(struct x86_state *s)
{
    uint64_t half = x86_get_gpr(s, X86_RAX, s->size / 2);

    x86_set_gpr(s, X86_RAX, s->size, (uint64_t)x86_sext(half, s->size / 2));
    return X86_EMUL_OKAY;
}

/* CWD, CDQ, CQO. */
enum x86_emul_result x86_exec_cwd(struct x86_state *s)
{
    bool negative = s->r->gpr[X86_RAX] & x86_sign_bit(s->size);

    x86_set_gpr(s, X86_RDX, s->size, negative ? ~UINT64_C(0) : 0);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_xlat(struct x86_state *s)
{
    unsigned int seg = s->in->seg != X86_NO_REG ? s->in->seg : X86_DS;
    uint64_t offset = s->r->gpr[X86_RBX] + (s->r->gpr[X86_RAX] & 0xff);
    uint64_t value = 0;
    enum x86_emul_result res =
        x86_read_int(s, seg, offset & x86_mask(s->in->ad_size), 1, X86_ACCESS_READ, &value);

    if (res == X86_EMUL_OKAY)
        x86_set_gpr(s, X86_RAX, 1, value);
    return res;
}

/* STI and CLI need IOPL in protected mode; with VME or PVI more than that, which is not done here.
 */
static enum x86_emul_result set_interrupt_flag(struct x86_state *s, bool set)
{
    if ((s->r->cr0 & X86_CR0_PE) && s->r->cpl > (s->r->rflags >> 12 & 3))
        return x86_raise(s, X86_EXC_GP, 0);
    s->e->shadow = set && !(s->r->rflags & X86_FLAG_IF);
    x86_flags_set(s, X86_FLAG_IF, set ? X86_FLAG_IF : 0);
    return X86_EMUL_OKAY;
}

/* CMC, CLC, STC, CLI, STI, CLD, STD. */
enum x86_emul_result x86_exec_flag(struct x86_state *s)
{
    bool set = s->in->opcode & 1;

    switch (s->in->opcode) {
    case 0xf5:
        s->r->rflags ^= X86_FLAG_CF;
        break;
    case 0xf8:
    case 0xf9:
        x86_flags_set(s, X86_FLAG_CF, set ? X86_FLAG_CF : 0);
        break;
    case 0xfa:
    case 0xfb:
        return set_interrupt_flag(s, set);
    default:
        x86_flags_set(s, X86_FLAG_DF, set ? X86_FLAG_DF : 0);
        break;
    }
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_sahf(struct x86_state *s)
{
    x86_flags_set(s, X86_FLAGS_ARITH & ~X86_FLAG_OF, s->r->gpr[X86_RAX] >> 8);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_lahf(struct x86_state *s)
{
    uint64_t flags = (s->r->rflags & (X86_FLAGS_ARITH & ~X86_FLAG_OF)) | 2;

    s->r->gpr[X86_RAX] = (s->r->gpr[X86_RAX] & ~UINT64_C(0xff00)) | flags << 8;
    return X86_EMUL_OKAY;
}

/* To memory always a word; to a register zero-extended. */
enum x86_emul_result x86_exec_mov_from_seg(struct x86_state *s)
{
    if ((s->in->reg & 7) >= X86_NR_SEGS)
        return X86_EMUL_UNDEFINED;
    return x86_write_e(s, s->in->mem ? 2 : s->size, s->r->seg[s->in->reg & 7].sel);
}

/* Without protection a selector is its base. */
enum x86_emul_result x86_exec_mov_to_seg(struct x86_state *s)
{
    unsigned int seg = s->in->reg & 7;
    uint64_t sel = 0;
    enum x86_emul_result res;

    if (seg >= X86_NR_SEGS || seg == X86_CS)
        return X86_EMUL_UNDEFINED;
    if (x86_protected(s))
        return X86_EMUL_UNHANDLEABLE;
    res = x86_read_e(s, 2, &sel);
    s->r->seg[seg].sel = (uint16_t)sel;
    s->r->seg[seg].base = sel << 4;
    s->e->segments = true;
    s->e->shadow = seg == X86_SS;
    return res;
}
