/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the instruction emulator: the decoded instruction, the state of its execution, and what
 * the files of this directory give each other.
 */
#ifndef WHERRY_X86_EMUL_H
#define WHERRY_X86_EMUL_H

#include <asm/emulate.h>

#define X86_NO_REG 0xff

/* Mandatory prefix as VEX.pp counts them. */
enum x86_pp { X86_PP_NONE, X86_PP_66, X86_PP_F3, X86_PP_F2 };

/* Where operands come from; E is ModRM.rm, G is ModRM.reg, A the accumulator, I an immediate. */
enum x86_form {
    F_NONE,  /* nothing, or the executor's own business */
    F_E,     /* dst = E */
    F_E_G,   /* dst = E, src = G */
    F_G_E,   /* dst = G, src = E */
    F_E_I,   /* dst = E, src = immediate of operand size (4 for 8) */
    F_E_I8,  /* dst = E, src = sign-extended byte */
    F_E_1,   /* dst = E, src = 1 */
    F_E_CL,  /* dst = E, src = CL */
    F_A_I,   /* dst = accumulator, src = immediate */
    F_A_O,   /* dst = accumulator, src = memory at an offset in the instruction */
    F_O_A,   /* the reverse */
    F_R,     /* dst = register in the opcode */
    F_R_A,   /* dst = register in the opcode, src = accumulator */
    F_R_I,   /* dst = register in the opcode, src = immediate of full size */
    F_I,     /* src = immediate of operand size (4 for 8) */
    F_I8,    /* src = sign-extended byte */
    F_I16,   /* src = 16-bit immediate */
    F_I16_8, /* src = 16-bit immediate, then a byte in `imm2` */
    F_G_E_I, /* dst = G, src = E, imm = immediate of operand size */
    F_G_E_I8,
    F_E_G_I8, /* dst = E, src = G, imm = byte */
    F_M,      /* the executor works on memory at ea; register form is undefined */
    F_X,      /* the executor works on ModRM itself */
};

/* Properties of an opcode. */
#define OP_BYTE  0x0001 /* operands of one byte */
#define OP_READ  0x0002 /* dst is not written */
#define OP_WRITE 0x0004 /* dst is not read */
#define OP_LOCK  0x0008 /* LOCK is allowed when dst is memory */
#define OP_D64   0x0010 /* operand size is 64 in 64-bit mode, 16 with 66h */
#define OP_NO64  0x0020 /* undefined in 64-bit mode */
#define OP_SRC8  0x0040 /* src is a byte, zero-extended */
#define OP_SRC16 0x0080 /* src is a word, zero-extended */
#define OP_MEM   0x0100 /* the register form is undefined */
#define OP_F64   0x0200 /* operand size is 64 in 64-bit mode always */
#define OP_VEX   0x0400 /* exists with VEX only */
#define OP_BOTH  0x0800 /* exists with and without VEX */
#define OP_CONST 0x1000 /* the register form of dst is not written (BT m and the like) */
#define OP_UNDEF 0x2000 /* no processor has it */
#define OP_REAL  0x4000 /* handled in real and virtual-8086 mode only */
#define OP_DWORD 0x8000 /* 66h is no operand size: 4, or 8 with REX.W */

struct x86_state;

typedef enum x86_emul_result x86_exec_fn(struct x86_state *s);

/* An entry of the opcode tables; all zero: not handled. `group` is indexed by ModRM.reg. */
struct x86_opcode {
    x86_exec_fn *exec;
    const struct x86_opcode *group;
    uint8_t form;
    uint16_t flags;
};

struct x86_insn {
    struct x86_opcode op;
    uint8_t map; /* 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A */
    uint8_t opcode;
    uint8_t op_size; /* 2, 4, 8: what 66h and REX.W make of it */
    uint8_t ad_size; /* 2, 4, 8 */
    uint8_t rep;     /* 0, 0xf2, 0xf3: the last of them */
    uint8_t seg;     /* override, or X86_NO_REG */
    bool lock;
    bool opsize_66;
    bool rex;
    bool rex_w;
    uint8_t rex_r; /* 0 or 8 */
    uint8_t rex_x;
    uint8_t rex_b;
    bool vex;
    bool vex_l;
    uint8_t vvvv;
    uint8_t mod;
    uint8_t reg; /* with rex_r */
    uint8_t rm;  /* with rex_b */
    bool mem;    /* ModRM names memory */
    uint8_t base;
    uint8_t index;
    uint8_t scale;
    bool rip_relative;
    int64_t disp;
    int64_t imm;
    uint8_t imm2;
    uint8_t size, ea_seg; /* x86_state's, when it was decoded */
};

/*
 * The execution: r are the registers it works on, dst and src the operands, dst2 a second
 * destination in registers which executors set themselves.
 */
struct x86_state {
    struct x86_emul *e;
    struct x86_regs *r;
    struct x86_insn *in; /* in e->decoded */
    unsigned int pos;    /* bytes decoded */
    uint64_t start;      /* rip of the instruction */
    uint64_t next;       /* rip after the instruction */
    unsigned int size;   /* of the operation in bytes */
    uint8_t ea_seg;
    uint64_t ea; /* offset in ea_seg */
    uint64_t dst;
    uint64_t src;
    bool dst_mem;
    bool dst_skip; /* executor: leave dst alone after all */
    uint8_t dst_reg;
    uint8_t vec_reg; /* vector register to commit, or X86_NO_REG */
    struct x86_vec vec;
};

static inline uint64_t x86_mask(unsigned int bytes)
{
    return bytes >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (bytes * 8)) - 1;
}

static inline uint64_t x86_sign_bit(unsigned int bytes)
{
    return UINT64_C(1) << ((bytes * 8 - 1) & 63);
}

static inline int64_t x86_sext(uint64_t value, unsigned int bytes)
{
    uint64_t sign = x86_sign_bit(bytes);

    return (int64_t)(((value & x86_mask(bytes)) ^ sign) - sign);
}

static inline bool x86_protected(const struct x86_state *s)
{
    return (s->r->cr0 & X86_CR0_PE) && !(s->r->rflags & X86_FLAG_VM);
}

static inline bool x86_mode64(const struct x86_state *s)
{
    return (s->r->efer & X86_EFER_LMA) && (s->r->seg[X86_CS].attr & X86_SEG_L);
}

/* The mandatory prefix: F2/F3 win over 66h. */
static inline enum x86_pp x86_prefix(const struct x86_insn *in)
{
    if (in->rep)
        return in->rep == 0xf3 ? X86_PP_F3 : X86_PP_F2;
    return in->opsize_66 ? X86_PP_66 : X86_PP_NONE;
}

/* emulate.c */
uint64_t x86_clip_rip(const struct x86_state *s, uint64_t rip);

/* decode.c */
enum x86_emul_result x86_decode(struct x86_state *s);

/* tables.c */
struct x86_opcode x86_lookup(const struct x86_insn *in);

/* operand.c */
enum x86_emul_result x86_raise(struct x86_state *s, enum x86_vector vector, uint32_t error);
bool x86_canonical(const struct x86_state *s, uint64_t linear);
uint64_t x86_get_reg(const struct x86_state *s, unsigned int reg, unsigned int bytes);
void x86_set_reg(struct x86_state *s, unsigned int reg, unsigned int bytes, uint64_t value);
uint64_t x86_get_gpr(const struct x86_state *s, unsigned int reg, unsigned int bytes);
void x86_set_gpr(struct x86_state *s, unsigned int reg, unsigned int bytes, uint64_t value);
void x86_effective_address(struct x86_state *s);
enum x86_emul_result x86_linear(struct x86_state *s, unsigned int seg, uint64_t offset,
                                unsigned int bytes, enum x86_access access, uint64_t *linear);
enum x86_emul_result x86_read(struct x86_state *s, unsigned int seg, uint64_t offset, void *buf,
                              unsigned int bytes, enum x86_access access);
enum x86_emul_result x86_write(struct x86_state *s, unsigned int seg, uint64_t offset,
                               const void *buf, unsigned int bytes);
enum x86_emul_result x86_read_int(struct x86_state *s, unsigned int seg, uint64_t offset,
                                  unsigned int bytes, enum x86_access access, uint64_t *value);
enum x86_emul_result x86_write_int(struct x86_state *s, unsigned int seg, uint64_t offset,
                                   unsigned int bytes, uint64_t value);
/* E as the source of `bytes` bytes, from memory or register. */
enum x86_emul_result x86_read_e(struct x86_state *s, unsigned int bytes, uint64_t *value);
enum x86_emul_result x86_write_e(struct x86_state *s, unsigned int bytes, uint64_t value);

/* flags.c */
void x86_flags_set(struct x86_state *s, uint64_t mask, uint64_t flags);
uint64_t x86_flags_szp(uint64_t result, unsigned int bytes);
uint64_t x86_alu_add(struct x86_state *s, uint64_t a, uint64_t b, unsigned int carry);
uint64_t x86_alu_sub(struct x86_state *s, uint64_t a, uint64_t b, unsigned int borrow);
bool x86_condition(const struct x86_state *s, unsigned int code);

/* exec_alu.c */
x86_exec_fn x86_exec_alu, x86_exec_alu_group, x86_exec_test, x86_exec_mov, x86_exec_xchg,
    x86_exec_lea, x86_exec_inc, x86_exec_dec, x86_exec_not, x86_exec_neg, x86_exec_movsx8,
    x86_exec_movsx16, x86_exec_movsxd, x86_exec_cmov, x86_exec_setcc, x86_exec_nop, x86_exec_cbw,
    x86_exec_cwd, x86_exec_xlat, x86_exec_flag, x86_exec_sahf, x86_exec_lahf, x86_exec_mov_from_seg,
    x86_exec_mov_to_seg;
/* exec_mul.c */
x86_exec_fn x86_exec_mul, x86_exec_imul, x86_exec_imul2, x86_exec_imul3, x86_exec_div,
    x86_exec_idiv, x86_exec_mulx, x86_exec_adx;
/* exec_xchg.c */
x86_exec_fn x86_exec_xadd, x86_exec_cmpxchg, x86_exec_cmpxchg8b, x86_exec_movbe, x86_exec_movnti,
    x86_exec_bswap;
/* exec_shift.c */
x86_exec_fn x86_exec_shift, x86_exec_shld, x86_exec_shrd, x86_exec_shiftx, x86_exec_rorx;
/* exec_bits.c */
x86_exec_fn x86_exec_bt, x86_exec_bt_imm, x86_exec_bsf, x86_exec_bsr, x86_exec_popcnt,
    x86_exec_andn, x86_exec_bls, x86_exec_bextr, x86_exec_bzhi_pdep;
/* exec_string.c */
x86_exec_fn x86_exec_movs, x86_exec_cmps, x86_exec_stos, x86_exec_lods, x86_exec_scas, x86_exec_ins,
    x86_exec_outs, x86_exec_in, x86_exec_out;
/* exec_stack.c */
enum x86_emul_result x86_push(struct x86_state *s, unsigned int bytes, uint64_t value);
enum x86_emul_result x86_pop(struct x86_state *s, unsigned int bytes, uint64_t *value);
void x86_release_stack(struct x86_state *s, uint64_t bytes);
x86_exec_fn x86_exec_push, x86_exec_push_imm, x86_exec_push_seg, x86_exec_pop, x86_exec_pop_seg,
    x86_exec_pop_e, x86_exec_pusha, x86_exec_popa, x86_exec_pushf, x86_exec_popf, x86_exec_enter,
    x86_exec_leave;
/* exec_branch.c */
x86_exec_fn x86_exec_jcc, x86_exec_jmp, x86_exec_jmp_e, x86_exec_call, x86_exec_call_e,
    x86_exec_ret, x86_exec_loop;
/* exec_sse.c */
x86_exec_fn x86_exec_sse;

#endif
