/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 instruction emulator: executes one instruction of a guest whose memory or port access
 * must be forwarded. It knows no hypervisor state: registers and callbacks come from the caller, so
 * that the same code runs on the build host against its processor. Also the walk of guest page
 * tables.
 *
 * Re-execution: an instruction runs on a copy of the registers, and its register results appear
 * only when every access has been answered. A callback that cannot answer yet returns
 * X86_EMUL_RETRY; the caller then calls again with the same registers and the same instruction
 * bytes, and answers what has been answered before from its own cache (keyed by linear address,
 * size and direction).
 */
#ifndef WHERRY_ASM_EMULATE_H
#define WHERRY_ASM_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

/* General registers by their encoding (Intel SDM vol. 2, 2.1.5). */
enum x86_gpr {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
};

/* Segment registers by their encoding. */
enum x86_seg_reg { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_NR_SEGS };

/* Segment attributes, as in the VMCB (AMD APM vol. 2, 15.5.1): descriptor bits 40..47, 52..55. */
#define X86_SEG_TYPE     0x00f
#define X86_SEG_ACCESSED 0x001
#define X86_SEG_WRITE    0x002 /* data: writable; code: readable */
#define X86_SEG_DOWN     0x004 /* data: expand down */
#define X86_SEG_CODE     0x008
#define X86_SEG_S        0x010
#define X86_SEG_P        0x080
#define X86_SEG_L        0x200
#define X86_SEG_DB       0x400
#define X86_SEG_G        0x800

#define X86_CR0_PE 0x00000001u
#define X86_CR0_EM 0x00000004u
#define X86_CR0_TS 0x00000008u
#define X86_CR0_WP 0x00010000u
#define X86_CR0_PG 0x80000000u

#define X86_CR4_PSE     0x000010u
#define X86_CR4_PAE     0x000020u
#define X86_CR4_OSFXSR  0x000200u
#define X86_CR4_LA57    0x001000u
#define X86_CR4_OSXSAVE 0x040000u
#define X86_CR4_SMEP    0x100000u
#define X86_CR4_SMAP    0x200000u

#define X86_EFER_LMA 0x400u
#define X86_EFER_NXE 0x800u

#define X86_FLAG_CF 0x000001u
#define X86_FLAG_PF 0x000004u
#define X86_FLAG_AF 0x000010u
#define X86_FLAG_ZF 0x000040u
#define X86_FLAG_SF 0x000080u
#define X86_FLAG_TF 0x000100u
#define X86_FLAG_IF 0x000200u
#define X86_FLAG_DF 0x000400u
#define X86_FLAG_OF 0x000800u
#define X86_FLAG_NT 0x004000u
#define X86_FLAG_RF 0x010000u
#define X86_FLAG_VM 0x020000u
#define X86_FLAG_AC 0x040000u

/* The flags that arithmetic changes. */
#define X86_FLAGS_ARITH \
    (X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_AF | X86_FLAG_ZF | X86_FLAG_SF | X86_FLAG_OF)

/* Exceptions that the emulator raises itself. */
enum x86_vector {
    X86_EXC_DE = 0,
    X86_EXC_UD = 6,
    X86_EXC_NM = 7,
    X86_EXC_SS = 12,
    X86_EXC_GP = 13,
    X86_EXC_PF = 14,
};

/* One segment register; a NULL or unusable one has X86_SEG_P clear. `limit` counts bytes always. */
struct x86_seg {
    uint16_t sel;
    uint16_t attr;
    uint32_t limit;
    uint64_t base;
};

/* One XMM/YMM register, the low byte first. */
struct x86_vec {
    uint8_t b[32];
};

/*
 * The guest's registers. `vec` points to 16 registers which the caller has saved; NULL: the caller
 * has none, and vector instructions are unhandleable. `xcr0` is 0 where there is no XSAVE.
 */
struct x86_regs {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t xcr0;
    struct x86_seg seg[X86_NR_SEGS];
    struct x86_vec *vec;
    uint8_t cpl;
};

/* What became of the instruction, and what callbacks answer. */
enum x86_emul_result {
    X86_EMUL_OKAY,         /* done; the registers are changed */
    X86_EMUL_RETRY,        /* an answer is outstanding; nothing is changed */
    X86_EMUL_EXCEPTION,    /* inject x86_emul.event; no register is changed */
    X86_EMUL_UNHANDLEABLE, /* an instruction beyond the tables: #GP(0) */
    X86_EMUL_UNDEFINED,    /* an instruction that no processor has in this mode: #UD */
};

struct x86_event {
    uint8_t vector;
    bool has_error; /* clear in real mode */
    uint32_t error;
    uint64_t cr2; /* X86_EXC_PF only */
};

/* Accesses of the `read` and `write` callbacks. */
enum x86_access {
    X86_ACCESS_READ,
    X86_ACCESS_RMW, /* a read that a write to the same bytes follows: needs the right to write */
    X86_ACCESS_WRITE,
    X86_ACCESS_FETCH,
};

/* What repeats: direction of the data of a string instruction. */
enum x86_rep_kind {
    X86_REP_INS,  /* port -> [dst] */
    X86_REP_OUTS, /* [src] -> port */
    X86_REP_MOVS, /* [src] -> [dst] */
    X86_REP_STOS, /* value -> [dst] */
};

/*
 * A batch of elements. `count` elements from the linear addresses on, which step by `bytes`, down
 * when `down`. The whole batch is inside the segments' limits, wraps nowhere, and count <= 4096.
 */
struct x86_rep {
    enum x86_rep_kind kind;
    uint8_t bytes;
    bool down;
    uint16_t port;
    uint32_t count;
    uint64_t src;
    uint64_t dst;
    uint64_t value;
};

struct x86_emul;

/*
 * The world as the caller presents it. Linear addresses; an access never wraps, but may cross
 * pages. All return OKAY, RETRY, UNHANDLEABLE or EXCEPTION (then they have filled in emul->event).
 */
struct x86_emul_ops {
    /* 1 to 15 bytes of instruction, never over a page's end. */
    enum x86_emul_result (*fetch)(struct x86_emul *emul, uint64_t linear, void *buf,
                                  unsigned int bytes);
    /* 1 to 32 bytes. `access` is X86_ACCESS_READ or X86_ACCESS_RMW. */
    enum x86_emul_result (*read)(struct x86_emul *emul, uint64_t linear, void *buf,
                                 unsigned int bytes, enum x86_access access);
    enum x86_emul_result (*write)(struct x86_emul *emul, uint64_t linear, const void *buf,
                                  unsigned int bytes);
    /* 1, 2 or 4 bytes. */
    enum x86_emul_result (*port_in)(struct x86_emul *emul, uint16_t port, unsigned int bytes,
                                    uint32_t *value);
    enum x86_emul_result (*port_out)(struct x86_emul *emul, uint16_t port, unsigned int bytes,
                                     uint32_t value);
    /*
     * May the guest, whose CPL is above IOPL or who is in virtual-8086 mode, use these ports: the
     * bitmap of its TSS. NULL: it may not.
     */
    enum x86_emul_result (*port_check)(struct x86_emul *emul, uint16_t port, unsigned int bytes);
    /*
     * Would this access be allowed: a question without effect, asked where a device's read must not
     * be lost to a fault behind it (INS). OKAY or EXCEPTION; NULL: not asked.
     */
    enum x86_emul_result (*probe)(struct x86_emul *emul, uint64_t linear, unsigned int bytes,
                                  enum x86_access access);
    /*
     * Do up to rep->count elements at once and say in `done` how many. UNHANDLEABLE: one element is
     * done through the other callbacks instead. NULL: always so.
     */
    enum x86_emul_result (*rep)(struct x86_emul *emul, const struct x86_rep *rep, uint32_t *done);
};

/* An instruction as it was decoded; what is in it is the emulator's. */
struct x86_decoded {
    uint64_t word[12];
};

/*
 * One instruction. The caller sets regs, ops and, when it has them (decode assist, an earlier try),
 * the instruction's bytes; the emulator fetches those it lacks and leaves them there.
 */
struct x86_emul {
    struct x86_regs *regs;
    const struct x86_emul_ops *ops;
    uint8_t bytes[15];
    uint8_t nr_bytes;
    bool resume; /* it has been decoded: the caller has the registers of the time when it began */
    struct x86_decoded decoded;

    /* Results. */
    uint8_t length; /* of the instruction, when it was decoded */
    bool again;     /* OKAY, but a repeated instruction is not through: rip is unchanged */
    bool shadow;    /* OKAY, and interrupts stay blocked for one instruction (MOV/POP SS, STI) */
    bool segments;  /* OKAY, and it loaded a segment register */
    struct x86_event event; /* EXCEPTION */
};

/*
 * Execute the instruction at regs->rip; the registers change only with OKAY. A repeated string
 * instruction does one element or one batch for each call and sets `again` while elements are left,
 * as an interrupt between two elements would show it. Single-step (TF) is the caller's to raise,
 * after each element too. Memory written before a fault of the same instruction stays written.
 */
enum x86_emul_result x86_emulate(struct x86_emul *emul);

/* The same for a caller whose `regs` are a copy: unless OKAY, they are left in any state. */
enum x86_emul_result x86_emulate_in_place(struct x86_emul *emul);

#endif
