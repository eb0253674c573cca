/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions with a memory operand: each runs on the guest's RAM, where the processor does it
 * alone, and then on the device model's memory. Registers and flags must be equal, and what is
 * written there must be what the RAM had.
 */
#include "suite.h"

#define OPERAND 0x100u

enum { R = 1, W = 2, RW = 3 };

#define CF UINT64_C(0x1)
#define PF UINT64_C(0x4)
#define AF UINT64_C(0x10)
#define ZF UINT64_C(0x40)
#define SF UINT64_C(0x80)
#define OF UINT64_C(0x800)

static struct {
    uint64_t rax, rcx, rdx;
} regs;

static void begin_operand(uint64_t base, const uint8_t *value, unsigned int size)
{
    begin();
    give(RBX, base);
    give(RAX, regs.rax);
    give(RCX, regs.rcx);
    give(RDX, regs.rdx);
    for (unsigned int i = 0; i < size; i++)
        give_ram_int(OPERAND + i, value[i], 1);
}

/* One request for each 8 bytes. */
static void want_pieces(bool read, const uint8_t *data, unsigned int size)
{
    for (unsigned int i = 0; i < size; i += 8) {
        unsigned int part = size - i < 8 ? size - i : 8;
        uint64_t v = 0;

        memcpy(&v, data + i, part);
        if (read)
            want_read(MMIO + OPERAND + i, part, v | ~size_mask(part));
        else
            want_write(MMIO + OPERAND + i, part, v);
    }
}

static void operand(const char *text, struct code code, unsigned int size, unsigned int kind,
                    uint64_t undefined, uint64_t value)
{
    uint8_t old[32], new[32];
    struct io_regs native;

    for (unsigned int i = 0; i < size; i += 8) {
        memcpy(old + i, &value, 8);
        value = value * 3 + 1;
    }
    begin_operand(guest_ram + OPERAND, old, size);
    run_in_guest(code);
    native = *result;
    memcpy(new, ram + OPERAND, size);
    begin_operand(MMIO + OPERAND, old, size);
    if (native.vector != VEC_BP || nr_requests != 0) {
        tap(false, "%s: does not work on RAM", text);
        return;
    }
    for (unsigned int i = 0; i < IO_NR_REGS; i++)
        if (i != RBX)
            want(i, native.r[i]);
    want_flags(0x8d5, native.rflags & 0x8d5);
    ignore_flags(undefined);
    if (kind & R)
        want_pieces(true, old, size);
    if (kind & W)
        want_pieces(false, new, size);
    run_code(text, code);
}

/* Twice, with other values. */
static void operand_twice(const char *text, struct code code, unsigned int size, unsigned int kind,
                          uint64_t undefined)
{
    regs.rax = UINT64_C(0x1122334455667788);
    regs.rcx = UINT64_C(0x99aabbccddeeff05);
    regs.rdx = UINT64_C(0x7fffffff80000001);
    operand(text, code, size, kind, undefined, UINT64_C(0x91a2b3c4d5e6f788));
    regs.rax = UINT64_MAX;
    regs.rcx = 1;
    operand(text, code, size, kind, undefined, 1);
}

#define OP(text, size, kind, undefined) operand_twice(text, CODE(text), size, kind, undefined)

/* All four sizes of an instruction that is written with a suffix and registers of RAX. */
#define OP_TO_MEM(name, kind, undefined)               \
    do {                                               \
        OP(name "b %al, (%rbx)", 1, kind, undefined);  \
        OP(name "w %ax, (%rbx)", 2, kind, undefined);  \
        OP(name "l %eax, (%rbx)", 4, kind, undefined); \
        OP(name "q %rax, (%rbx)", 8, kind, undefined); \
    } while (0)
#define OP_FROM_MEM(name, kind, undefined)             \
    do {                                               \
        OP(name "b (%rbx), %cl", 1, kind, undefined);  \
        OP(name "w (%rbx), %cx", 2, kind, undefined);  \
        OP(name "l (%rbx), %ecx", 4, kind, undefined); \
        OP(name "q (%rbx), %rcx", 8, kind, undefined); \
    } while (0)
#define OP_ONE(name, kind, undefined)            \
    do {                                         \
        OP(name "b (%rbx)", 1, kind, undefined); \
        OP(name "w (%rbx)", 2, kind, undefined); \
        OP(name "l (%rbx)", 4, kind, undefined); \
        OP(name "q (%rbx)", 8, kind, undefined); \
    } while (0)

static void moves(void)
{
    OP_TO_MEM("mov", W, 0);
    OP_FROM_MEM("mov", R, 0);
    OP("movb %ah, (%rbx)", 1, W, 0);
    OP("movb (%rbx), %ch", 1, R, 0);
    OP("movb (%rbx), %r9b", 1, R, 0);
    OP("movl (%rbx), %r15d", 4, R, 0);
    OP("movq %r14, (%rbx)", 8, W, 0);
    OP("movb $0x5a, (%rbx)", 1, W, 0);
    OP("movw $0x5aa5, (%rbx)", 2, W, 0);
    OP("movl $0x81234567, (%rbx)", 4, W, 0);
    OP("movq $-2, (%rbx)", 8, W, 0);
    OP("movzbl (%rbx), %eax", 1, R, 0);
    OP("movzbw (%rbx), %ax", 1, R, 0);
    OP("movzwl (%rbx), %eax", 2, R, 0);
    OP("movzwq (%rbx), %r8", 2, R, 0);
    OP("movsbw (%rbx), %ax", 1, R, 0);
    OP("movsbl (%rbx), %eax", 1, R, 0);
    OP("movsbq (%rbx), %rax", 1, R, 0);
    OP("movswl (%rbx), %eax", 2, R, 0);
    OP("movswq (%rbx), %rax", 2, R, 0);
    OP("movslq (%rbx), %rax", 4, R, 0);
    OP("movntiq %rax, (%rbx)", 8, W, 0);
    OP("movntil %eax, (%rbx)", 4, W, 0);
}

static void arithmetic(void)
{
    OP_TO_MEM("add", RW, 0);
    OP_FROM_MEM("add", R, 0);
    OP_TO_MEM("adc", RW, 0);
    OP_TO_MEM("sub", RW, 0);
    OP_TO_MEM("sbb", RW, 0);
    OP_TO_MEM("and", RW, AF);
    OP_TO_MEM("or", RW, AF);
    OP_TO_MEM("xor", RW, AF);
    OP_TO_MEM("cmp", R, 0);
    OP_FROM_MEM("cmp", R, 0);
    OP_TO_MEM("test", R, AF);
    OP("addb $0x7f, (%rbx)", 1, RW, 0);
    OP("subl $0x12345678, (%rbx)", 4, RW, 0);
    OP("andq $-16, (%rbx)", 8, RW, AF);
    OP("orw $0x10, (%rbx)", 2, RW, AF);
    OP("cmpl $-1, (%rbx)", 4, R, 0);
    OP("testb $0x80, (%rbx)", 1, R, AF);
    OP_ONE("inc", RW, 0);
    OP_ONE("dec", RW, 0);
    OP_ONE("neg", RW, 0);
    OP_ONE("not", RW, 0);
}

static void exchanges(void)
{
    OP("xchgb %al, (%rbx)", 1, RW, 0);
    OP("xchgw %ax, (%rbx)", 2, RW, 0);
    OP("xchgl %eax, (%rbx)", 4, RW, 0);
    OP("xchgq %rax, (%rbx)", 8, RW, 0);
    OP("xaddb %al, (%rbx)", 1, RW, 0);
    OP("lock xaddl %eax, (%rbx)", 4, RW, 0);
    OP("lock xaddq %rcx, (%rbx)", 8, RW, 0);
    OP("lock addl $1, (%rbx)", 4, RW, 0);
    OP("lock orb $4, (%rbx)", 1, RW, AF);
    OP("lock decq (%rbx)", 8, RW, 0);
    OP("lock btsl $3, (%rbx)", 4, RW, OF | SF | AF | PF);
    OP("lock notw (%rbx)", 2, RW, 0);
}

#define SHIFT_UNDEF (AF | OF)

static void shifts(void)
{
    OP("shll $1, (%rbx)", 4, RW, AF);
    OP("shrb $3, (%rbx)", 1, RW, SHIFT_UNDEF);
    OP("sarq %cl, (%rbx)", 8, RW, SHIFT_UNDEF);
    OP("shlw %cl, (%rbx)", 2, RW, SHIFT_UNDEF);
    OP("roll $1, (%rbx)", 4, RW, 0);
    OP("rorb %cl, (%rbx)", 1, RW, OF);
    OP("rclq $1, (%rbx)", 8, RW, 0);
    OP("rcrw $3, (%rbx)", 2, RW, OF);
    OP("shldl $4, %eax, (%rbx)", 4, RW, SHIFT_UNDEF);
    OP("shrdq %cl, %rax, (%rbx)", 8, RW, SHIFT_UNDEF);
}

#define BT_UNDEF (OF | SF | AF | PF)

static void bits(void)
{
    OP("btl $5, (%rbx)", 4, R, BT_UNDEF);
    OP("btsl $5, (%rbx)", 4, RW, BT_UNDEF);
    OP("btrq $33, (%rbx)", 8, RW, BT_UNDEF);
    OP("btcw $15, (%rbx)", 2, RW, BT_UNDEF);
    OP("bsfl (%rbx), %eax", 4, R, CF | BT_UNDEF);
    OP("bsrq (%rbx), %rax", 8, R, CF | BT_UNDEF);
    OP("sete (%rbx)", 1, W, 0);
    OP("setc (%rbx)", 1, W, 0);
    OP("cmovcl (%rbx), %eax", 4, R, 0);
    OP("cmovel (%rbx), %eax", 4, R, 0);
    OP("imull (%rbx), %eax", 4, R, SF | ZF | AF | PF);
    OP("imulq $3, (%rbx), %rax", 8, R, SF | ZF | AF | PF);
    OP("mull (%rbx)", 4, R, SF | ZF | AF | PF);
    OP("mulb (%rbx)", 1, R, SF | ZF | AF | PF);
}

void test_operands(void)
{
    moves();
    arithmetic();
    exchanges();
    shifts();
    bits();
}
