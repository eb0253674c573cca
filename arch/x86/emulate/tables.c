/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opcode tables of the instruction emulator (Intel SDM vol. 2, appendix A). Entries of zero are
 * instructions that it does not handle; OP_UNDEF ones are those that no processor has.
 */
#include "emul.h"

/* 00..3F: the low three bits; 6 and 7 are in x86_map0. */
static const struct x86_opcode alu_forms[8] = {
    {x86_exec_alu, 0, F_E_G, OP_BYTE | OP_LOCK}, {x86_exec_alu, 0, F_E_G, OP_LOCK},
    {x86_exec_alu, 0, F_G_E, OP_BYTE},           {x86_exec_alu, 0, F_G_E, 0},
    {x86_exec_alu, 0, F_A_I, OP_BYTE},           {x86_exec_alu, 0, F_A_I, 0},
};

/* 80..83; CMP writes nothing. */
static const struct x86_opcode group1[8] = {
    [0 ... 6] = {x86_exec_alu_group, 0, F_NONE, OP_LOCK},
    [7] = {x86_exec_alu_group, 0, F_NONE, OP_READ},
};

static const struct x86_opcode group1a[8] = {
    [0] = {x86_exec_pop_e, 0, F_X, OP_D64},
    [1 ... 7] = {0, 0, F_NONE, OP_UNDEF},
};

static const struct x86_opcode group3[8] = {
    [0 ... 1] = {x86_exec_test, 0, F_E_I, OP_READ}, [2] = {x86_exec_not, 0, F_NONE, OP_LOCK},
    [3] = {x86_exec_neg, 0, F_NONE, OP_LOCK},       [4] = {x86_exec_mul, 0, F_NONE, OP_READ},
    [5] = {x86_exec_imul, 0, F_NONE, OP_READ},      [6] = {x86_exec_div, 0, F_NONE, OP_READ},
    [7] = {x86_exec_idiv, 0, F_NONE, OP_READ},
};

static const struct x86_opcode group4[8] = {
    [0] = {x86_exec_inc, 0, F_NONE, OP_LOCK},
    [1] = {x86_exec_dec, 0, F_NONE, OP_LOCK},
    [2 ... 7] = {0, 0, F_NONE, OP_UNDEF},
};

/* 3 and 5 are far. */
static const struct x86_opcode group5[8] = {
    [0] = {x86_exec_inc, 0, F_NONE, OP_LOCK},
    [1] = {x86_exec_dec, 0, F_NONE, OP_LOCK},
    [2] = {x86_exec_call_e, 0, F_NONE, OP_READ | OP_F64},
    [4] = {x86_exec_jmp_e, 0, F_NONE, OP_READ | OP_F64},
    [6] = {x86_exec_push, 0, F_NONE, OP_READ | OP_D64},
    [7] = {0, 0, F_NONE, OP_UNDEF},
};

static const struct x86_opcode group8[8] = {
    [0 ... 3] = {0, 0, F_NONE, OP_UNDEF},
    [4] = {x86_exec_bt_imm, 0, F_NONE, OP_READ},
    [5 ... 7] = {x86_exec_bt_imm, 0, F_NONE, OP_LOCK},
};

static const struct x86_opcode group9[8] = {
    [0] = {0, 0, F_NONE, OP_UNDEF},
    [1] = {x86_exec_cmpxchg8b, 0, F_M, OP_LOCK},
    [2] = {0, 0, F_NONE, OP_UNDEF},
};

/* C6 and C7; 7 with a register is XABORT and XBEGIN. */
static const struct x86_opcode group11[8] = {
    [0] = {x86_exec_mov, 0, F_NONE, OP_WRITE},
    [1 ... 6] = {0, 0, F_NONE, OP_UNDEF},
};

static const struct x86_opcode group17[8] = {
    [0] = {0, 0, F_NONE, OP_UNDEF},
    [1 ... 3] = {x86_exec_bls, 0, F_NONE, 0},
    [4 ... 7] = {0, 0, F_NONE, OP_UNDEF},
};

static const struct x86_opcode map0[256] = {
    [0x06] = {x86_exec_push_seg, 0, F_NONE, OP_NO64},
    [0x07] = {x86_exec_pop_seg, 0, F_NONE, OP_NO64 | OP_REAL},
    [0x0e] = {x86_exec_push_seg, 0, F_NONE, OP_NO64},
    [0x16] = {x86_exec_push_seg, 0, F_NONE, OP_NO64},
    [0x17] = {x86_exec_pop_seg, 0, F_NONE, OP_NO64 | OP_REAL},
    [0x1e] = {x86_exec_push_seg, 0, F_NONE, OP_NO64},
    [0x1f] = {x86_exec_pop_seg, 0, F_NONE, OP_NO64 | OP_REAL},
    [0x27] = {0, 0, F_NONE, OP_NO64},
    [0x2f] = {0, 0, F_NONE, OP_NO64},
    [0x37] = {0, 0, F_NONE, OP_NO64},
    [0x3f] = {0, 0, F_NONE, OP_NO64},
    [0x40 ... 0x47] = {x86_exec_inc, 0, F_R, OP_NO64},
    [0x48 ... 0x4f] = {x86_exec_dec, 0, F_R, OP_NO64},
    [0x50 ... 0x57] = {x86_exec_push, 0, F_R, OP_READ | OP_D64},
    [0x58 ... 0x5f] = {x86_exec_pop, 0, F_R, OP_WRITE | OP_D64},
    [0x60] = {x86_exec_pusha, 0, F_NONE, OP_NO64},
    [0x61] = {x86_exec_popa, 0, F_NONE, OP_NO64},
    [0x63] = {x86_exec_movsxd, 0, F_X, 0},
    [0x68] = {x86_exec_push_imm, 0, F_I, OP_D64},
    [0x69] = {x86_exec_imul3, 0, F_G_E_I, OP_WRITE},
    [0x6a] = {x86_exec_push_imm, 0, F_I8, OP_D64},
    [0x6b] = {x86_exec_imul3, 0, F_G_E_I8, OP_WRITE},
    [0x6c] = {x86_exec_ins, 0, F_NONE, OP_BYTE},
    [0x6d] = {x86_exec_ins, 0, F_NONE, 0},
    [0x6e] = {x86_exec_outs, 0, F_NONE, OP_BYTE},
    [0x6f] = {x86_exec_outs, 0, F_NONE, 0},
    [0x70 ... 0x7f] = {x86_exec_jcc, 0, F_I8, OP_F64},
    [0x80] = {0, group1, F_E_I, OP_BYTE},
    [0x81] = {0, group1, F_E_I, 0},
    [0x82] = {0, group1, F_E_I, OP_BYTE | OP_NO64},
    [0x83] = {0, group1, F_E_I8, 0},
    [0x84] = {x86_exec_test, 0, F_E_G, OP_BYTE | OP_READ},
    [0x85] = {x86_exec_test, 0, F_E_G, OP_READ},
    [0x86] = {x86_exec_xchg, 0, F_E_G, OP_BYTE | OP_LOCK},
    [0x87] = {x86_exec_xchg, 0, F_E_G, OP_LOCK},
    [0x88] = {x86_exec_mov, 0, F_E_G, OP_BYTE | OP_WRITE},
    [0x89] = {x86_exec_mov, 0, F_E_G, OP_WRITE},
    [0x8a] = {x86_exec_mov, 0, F_G_E, OP_BYTE | OP_WRITE},
    [0x8b] = {x86_exec_mov, 0, F_G_E, OP_WRITE},
    [0x8c] = {x86_exec_mov_from_seg, 0, F_X, 0},
    [0x8d] = {x86_exec_lea, 0, F_M, 0},
    [0x8e] = {x86_exec_mov_to_seg, 0, F_X, 0},
    [0x8f] = {0, group1a, F_X, 0},
    [0x90 ... 0x97] = {x86_exec_xchg, 0, F_R_A, 0},
    [0x98] = {x86_exec_cbw, 0, F_NONE, 0},
    [0x99] = {x86_exec_cwd, 0, F_NONE, 0},
    [0x9a] = {0, 0, F_NONE, OP_NO64},
    [0x9c] = {x86_exec_pushf, 0, F_NONE, OP_D64},
    [0x9d] = {x86_exec_popf, 0, F_NONE, OP_D64},
    [0x9e] = {x86_exec_sahf, 0, F_NONE, 0},
    [0x9f] = {x86_exec_lahf, 0, F_NONE, 0},
    [0xa0] = {x86_exec_mov, 0, F_A_O, OP_BYTE},
    [0xa1] = {x86_exec_mov, 0, F_A_O, 0},
    [0xa2] = {x86_exec_mov, 0, F_O_A, OP_BYTE},
    [0xa3] = {x86_exec_mov, 0, F_O_A, 0},
    [0xa4] = {x86_exec_movs, 0, F_NONE, OP_BYTE},
    [0xa5] = {x86_exec_movs, 0, F_NONE, 0},
    [0xa6] = {x86_exec_cmps, 0, F_NONE, OP_BYTE},
    [0xa7] = {x86_exec_cmps, 0, F_NONE, 0},
    [0xa8] = {x86_exec_test, 0, F_A_I, OP_BYTE | OP_READ},
    [0xa9] = {x86_exec_test, 0, F_A_I, OP_READ},
    [0xaa] = {x86_exec_stos, 0, F_NONE, OP_BYTE},
    [0xab] = {x86_exec_stos, 0, F_NONE, 0},
    [0xac] = {x86_exec_lods, 0, F_NONE, OP_BYTE},
    [0xad] = {x86_exec_lods, 0, F_NONE, 0},
    [0xae] = {x86_exec_scas, 0, F_NONE, OP_BYTE},
    [0xaf] = {x86_exec_scas, 0, F_NONE, 0},
    [0xb0 ... 0xb7] = {x86_exec_mov, 0, F_R_I, OP_BYTE | OP_WRITE},
    [0xb8 ... 0xbf] = {x86_exec_mov, 0, F_R_I, OP_WRITE},
    [0xc0] = {x86_exec_shift, 0, F_E_I8, OP_BYTE},
    [0xc1] = {x86_exec_shift, 0, F_E_I8, 0},
    [0xc2] = {x86_exec_ret, 0, F_I16, OP_F64},
    [0xc3] = {x86_exec_ret, 0, F_NONE, OP_F64},
    [0xc6] = {0, group11, F_E_I, OP_BYTE},
    [0xc7] = {0, group11, F_E_I, 0},
    [0xc8] = {x86_exec_enter, 0, F_I16_8, OP_D64},
    [0xc9] = {x86_exec_leave, 0, F_NONE, OP_D64},
    [0xce] = {0, 0, F_NONE, OP_NO64},
    [0xd0] = {x86_exec_shift, 0, F_E_1, OP_BYTE},
    [0xd1] = {x86_exec_shift, 0, F_E_1, 0},
    [0xd2] = {x86_exec_shift, 0, F_E_CL, OP_BYTE},
    [0xd3] = {x86_exec_shift, 0, F_E_CL, 0},
    [0xd4 ... 0xd6] = {0, 0, F_NONE, OP_NO64},
    [0xd7] = {x86_exec_xlat, 0, F_NONE, 0},
    [0xe0 ... 0xe3] = {x86_exec_loop, 0, F_I8, OP_F64},
    [0xe4] = {x86_exec_in, 0, F_I8, OP_BYTE},
    [0xe5] = {x86_exec_in, 0, F_I8, 0},
    [0xe6] = {x86_exec_out, 0, F_I8, OP_BYTE},
    [0xe7] = {x86_exec_out, 0, F_I8, 0},
    [0xe8] = {x86_exec_call, 0, F_I, OP_F64},
    [0xe9] = {x86_exec_jmp, 0, F_I, OP_F64},
    [0xea] = {0, 0, F_NONE, OP_NO64},
    [0xeb] = {x86_exec_jmp, 0, F_I8, OP_F64},
    [0xec] = {x86_exec_in, 0, F_NONE, OP_BYTE},
    [0xed] = {x86_exec_in, 0, F_NONE, 0},
    [0xee] = {x86_exec_out, 0, F_NONE, OP_BYTE},
    [0xef] = {x86_exec_out, 0, F_NONE, 0},
    [0xf5] = {x86_exec_flag, 0, F_NONE, 0},
    [0xf6] = {0, group3, F_E, OP_BYTE},
    [0xf7] = {0, group3, F_E, 0},
    [0xf8 ... 0xfd] = {x86_exec_flag, 0, F_NONE, 0},
    [0xfe] = {0, group4, F_E, OP_BYTE},
    [0xff] = {0, group5, F_E, 0},
};

static const struct x86_opcode map1[256] = {
    [0x04] = {0, 0, F_NONE, OP_UNDEF},
    [0x0a] = {0, 0, F_NONE, OP_UNDEF},
    [0x0b] = {0, 0, F_NONE, OP_UNDEF},
    [0x0c] = {0, 0, F_NONE, OP_UNDEF},
    [0x0d] = {x86_exec_nop, 0, F_X, 0},
    [0x10 ... 0x13] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0x16 ... 0x17] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0x18 ... 0x1f] = {x86_exec_nop, 0, F_X, 0},
    [0x24 ... 0x27] = {0, 0, F_NONE, OP_UNDEF},
    [0x28 ... 0x29] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0x2b] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0x36] = {0, 0, F_NONE, OP_UNDEF},
    [0x39] = {0, 0, F_NONE, OP_UNDEF},
    [0x3b ... 0x3f] = {0, 0, F_NONE, OP_UNDEF},
    [0x40 ... 0x4f] = {x86_exec_cmov, 0, F_G_E, 0},
    [0x6e ... 0x6f] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0x7e ... 0x7f] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0x80 ... 0x8f] = {x86_exec_jcc, 0, F_I, OP_F64},
    [0x90 ... 0x9f] = {x86_exec_setcc, 0, F_E, OP_BYTE | OP_WRITE},
    [0xa0] = {x86_exec_push_seg, 0, F_NONE, OP_D64},
    [0xa1] = {x86_exec_pop_seg, 0, F_NONE, OP_D64 | OP_REAL},
    [0xa3] = {x86_exec_bt, 0, F_X, 0},
    [0xa4] = {x86_exec_shld, 0, F_E_G_I8, 0},
    [0xa5] = {x86_exec_shld, 0, F_E_G, 0},
    [0xa6 ... 0xa7] = {0, 0, F_NONE, OP_UNDEF},
    [0xa8] = {x86_exec_push_seg, 0, F_NONE, OP_D64},
    [0xa9] = {x86_exec_pop_seg, 0, F_NONE, OP_D64 | OP_REAL},
    [0xab] = {x86_exec_bt, 0, F_X, OP_LOCK},
    [0xac] = {x86_exec_shrd, 0, F_E_G_I8, 0},
    [0xad] = {x86_exec_shrd, 0, F_E_G, 0},
    [0xaf] = {x86_exec_imul2, 0, F_G_E, 0},
    [0xb0] = {x86_exec_cmpxchg, 0, F_E_G, OP_BYTE | OP_LOCK},
    [0xb1] = {x86_exec_cmpxchg, 0, F_E_G, OP_LOCK},
    [0xb3] = {x86_exec_bt, 0, F_X, OP_LOCK},
    [0xb6] = {x86_exec_mov, 0, F_G_E, OP_WRITE | OP_SRC8},
    [0xb7] = {x86_exec_mov, 0, F_G_E, OP_WRITE | OP_SRC16},
    [0xb8] = {x86_exec_popcnt, 0, F_G_E, OP_WRITE},
    [0xb9] = {0, 0, F_NONE, OP_UNDEF},
    [0xba] = {0, group8, F_E_I8, 0},
    [0xbb] = {x86_exec_bt, 0, F_X, OP_LOCK},
    [0xbc] = {x86_exec_bsf, 0, F_G_E, OP_WRITE},
    [0xbd] = {x86_exec_bsr, 0, F_G_E, OP_WRITE},
    [0xbe] = {x86_exec_movsx8, 0, F_G_E, OP_WRITE | OP_SRC8},
    [0xbf] = {x86_exec_movsx16, 0, F_G_E, OP_WRITE | OP_SRC16},
    [0xc0] = {x86_exec_xadd, 0, F_E_G, OP_BYTE | OP_LOCK},
    [0xc1] = {x86_exec_xadd, 0, F_E_G, OP_LOCK},
    [0xc3] = {x86_exec_movnti, 0, F_E_G, OP_WRITE | OP_MEM | OP_DWORD},
    [0xc7] = {0, group9, F_X, 0},
    [0xc8 ... 0xcf] = {x86_exec_bswap, 0, F_R, 0},
    [0xd6] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0xe7] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0xf0] = {x86_exec_sse, 0, F_X, OP_BOTH},
    [0xff] = {0, 0, F_NONE, OP_UNDEF},
};

/* An opcode of 0F 38 or 0F 3A with its mandatory prefix, or any one. */
struct sparse {
    uint8_t map;
    uint8_t opcode;
    uint8_t prefixes; /* bit n: enum x86_pp n is meant */
    struct x86_opcode op;
};

#define PP_NONE (1u << X86_PP_NONE)
#define PP_66   (1u << X86_PP_66)
#define PP_F3   (1u << X86_PP_F3)
#define PP_F2   (1u << X86_PP_F2)

static const struct sparse sparse[] = {
    {2, 0x18, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0x19, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0x1a, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0x2a, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0x58, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0x59, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0x5a, PP_66, {x86_exec_sse, 0, F_X, OP_BOTH}},
    {2, 0xf0, PP_NONE | PP_66, {x86_exec_movbe, 0, F_G_E, OP_WRITE | OP_MEM}},
    {2, 0xf1, PP_NONE | PP_66, {x86_exec_movbe, 0, F_E_G, OP_WRITE | OP_MEM}},
    {2, 0xf2, PP_NONE, {x86_exec_andn, 0, F_G_E, OP_WRITE | OP_VEX}},
    {2, 0xf3, PP_NONE, {0, group17, F_X, OP_VEX}},
    {2, 0xf5, PP_NONE | PP_F3 | PP_F2, {x86_exec_bzhi_pdep, 0, F_G_E, OP_WRITE | OP_VEX}},
    {2, 0xf6, PP_66 | PP_F3, {x86_exec_adx, 0, F_G_E, OP_DWORD}},
    {2, 0xf6, PP_F2, {x86_exec_mulx, 0, F_X, OP_VEX}},
    {2, 0xf7, PP_NONE, {x86_exec_bextr, 0, F_G_E, OP_WRITE | OP_VEX}},
    {2, 0xf7, PP_66 | PP_F3 | PP_F2, {x86_exec_shiftx, 0, F_G_E, OP_WRITE | OP_VEX}},
    {2, 0xf9, PP_NONE, {x86_exec_mov, 0, F_E_G, OP_WRITE | OP_MEM | OP_DWORD}},
    {3, 0xf0, PP_F2, {x86_exec_rorx, 0, F_G_E_I8, OP_WRITE | OP_VEX}},
};

static struct x86_opcode lookup_sparse(const struct x86_insn *in)
{
    unsigned int pp = x86_prefix(in);

    for (unsigned int i = 0; i < sizeof(sparse) / sizeof(sparse[0]); i++) {
        if (sparse[i].map == in->map && sparse[i].opcode == in->opcode &&
            (sparse[i].prefixes >> pp & 1))
            return sparse[i].op;
    }
    return (struct x86_opcode){0};
}

/* 00..3F other than the two last of each eight; the last eight are CMP, which writes nothing. */
static struct x86_opcode lookup_alu(uint8_t opcode)
{
    struct x86_opcode op = alu_forms[opcode & 7];

    if (opcode >= 0x38) {
        op.flags &= (uint16_t)~OP_LOCK;
        op.flags |= OP_READ;
    }
    return op;
}

struct x86_opcode x86_lookup(const struct x86_insn *in)
{
    if (in->map == 0 && in->opcode < 0x40 && (in->opcode & 7) < 6)
        return lookup_alu(in->opcode);
    if (in->map == 0)
        return map0[in->opcode];
    return in->map == 1 ? map1[in->opcode] : lookup_sparse(in);
}
