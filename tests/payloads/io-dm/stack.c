/* SPDX-License-Identifier: Apache-2.0 */
/* What has more than a plain operand: stacks, jumps, bit strings, comparisons, vector registers. */
#include "suite.h"

#define DATA  UINT64_C(0x8877665544332211)
#define STACK 0x800u /* begin() has RSP there, in the RAM's first page */

static void begin_at(uint64_t base)
{
    begin();
    give(RBX, base);
}

static void stack_in_ram(void)
{
    uint64_t sp = VIEW(V_RAM) + STACK;

    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 8, DATA);
    want_ram_int(STACK - 8, DATA, 8);
    want_rsp(sp - 8);
    RUN("pushq (%rbx)");
    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 2, DATA);
    want_ram_int(STACK - 2, DATA, 2);
    want_rsp(sp - 2);
    RUN("pushw (%rbx)");
    begin_at(MMIO + 0x80);
    give_ram_int(STACK, DATA, 8);
    want_write(MMIO + 0x80, 8, DATA);
    want_rsp(sp + 8);
    RUN("popq (%rbx)");
    begin_at(MMIO + 0x80);
    give_ram_int(STACK, DATA, 2);
    want_write(MMIO + 0x80, 2, DATA);
    want_rsp(sp + 2);
    RUN("popw (%rbx)");
}

/* An INT3 that every box has behind the code. */
static uint64_t target(void)
{
    return box_of(0)->code_at + 40;
}

static void jumps(void)
{
    uint64_t sp = VIEW(V_RAM) + STACK;

    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 8, target());
    want_ram_int(STACK - 8, box_of(0)->code_at + 2, 8);
    want_rsp(sp - 8);
    want_rip(target() + 1);
    RUN("call *(%rbx)");
    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 8, target());
    want_rip(target() + 1);
    RUN("jmp *(%rbx)");
    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 8, UINT64_C(0x8000000000000000));
    want_trap(VEC_GP, 0, 0);
    RUN_AS("jmp *(%rbx) to no address", "jmp *(%rbx)");
    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 8, UINT64_C(0x8000000000000000));
    want_trap(VEC_GP, 0, 0);
    RUN_AS("call *(%rbx) to no address", "call *(%rbx)");
}

static void stack_in_device(void)
{
    uint64_t sp = MMIO + 0x400;

    begin_at(MMIO + 0x80);
    give_rsp(sp);
    give(RAX, DATA);
    want_write(sp - 8, 8, DATA);
    want_rsp(sp - 8);
    RUN_AS("pushq %rax on a device", "pushq %rax");
    begin();
    give_rsp(sp);
    want_write(sp - 8, 8, (uint64_t)-5);
    want_rsp(sp - 8);
    RUN_AS("pushq $-5 on a device", "pushq $-5");
    begin();
    give_rsp(sp);
    want_read(sp, 8, DATA);
    want(RCX, DATA);
    want_rsp(sp + 8);
    RUN_AS("popq %rcx off a device", "popq %rcx");
    begin_at(MMIO + 0x80);
    give_rsp(sp);
    want_read(MMIO + 0x80, 8, DATA);
    want_write(sp - 8, 8, DATA);
    want_rsp(sp - 8);
    RUN_AS("pushq (%rbx), device to device", "pushq (%rbx)");
    begin();
    give_rsp(sp);
    want_read(sp, 8, target());
    want_rsp(sp + 8);
    want_rip(target() + 1);
    RUN_AS("ret off a device", "ret");
    begin();
    give_rsp(sp);
    want_read(sp, 8, target());
    want_rsp(sp + 24);
    want_rip(target() + 1);
    RUN_AS("ret $16 off a device", "ret $16");
    begin();
    give_rsp(sp);
    want_write(sp - 8, 8, box_of(0)->code_at + 5);
    want_rsp(sp - 8);
    want_rip(target() + 1);
    RUN_AS("call on a device", "call . + 40");
    begin();
    give_rsp(sp);
    give_flags(0x8d7);
    want_write(sp - 8, 8, 0x8d7);
    want_rsp(sp - 8);
    RUN_AS("pushfq on a device", "pushfq");
    begin();
    give_rsp(sp);
    want_read(sp, 8, 0x4c1 | 2);
    want_flags(0xcd5, 0x4c1);
    want_rsp(sp + 8);
    RUN_AS("popfq off a device", "popfq");
    begin();
    give(RBP, sp);
    want_read(sp, 8, DATA);
    want(RBP, DATA);
    want_rsp(sp + 8);
    RUN_AS("leave off a device", "leave");
    begin();
    give_rsp(sp);
    give(RBP, DATA);
    want_write(sp - 8, 8, DATA);
    want(RBP, sp - 8);
    want_rsp(sp - 8 - 0x20);
    RUN_AS("enter on a device", "enter $0x20, $0");
}

/* A bit offset in a register goes beyond the operand, both ways. */
static void bit_strings(void)
{
    begin_at(MMIO + 0x80);
    give(RCX, 101);
    give_flags(0);
    want_read(MMIO + 0x8c, 4, 0x20);
    want_flags(1, 1);
    ignore_flags(0x894);
    RUN_AS("btl of bit 101", "btl %ecx, (%rbx)");
    begin_at(MMIO + 0x80);
    give(RCX, UINT64_C(-1));
    want_read(MMIO + 0x78, 8, 0);
    want_write(MMIO + 0x78, 8, UINT64_C(0x8000000000000000));
    want_flags(1, 0);
    ignore_flags(0x894);
    RUN_AS("btsq of bit -1", "btsq %rcx, (%rbx)");
    begin_at(MMIO + 0x80);
    give(RCX, 0x7ff0);
    want_read(MMIO + 0x80 + 0xffe, 2, 0xff01);
    want_write(MMIO + 0x80 + 0xffe, 2, 0xff00);
    want_flags(1, 1);
    ignore_flags(0x894);
    RUN_AS("btrw of bit 0x7ff0", "btrw %cx, (%rbx)");
}

/* A comparison that fails writes nothing. */
static void compare_exchange(void)
{
    begin_at(MMIO + 0x80);
    give(RAX, 0x1111111111111111);
    give(RCX, DATA);
    want_read(MMIO + 0x80, 4, 0x11111111);
    want_write(MMIO + 0x80, 4, DATA);
    want_flags(0x8d5, 0x44);
    RUN_AS("cmpxchgl, equal", "cmpxchgl %ecx, (%rbx)");
    begin_at(MMIO + 0x80);
    give(RAX, 0x1111111111111111);
    want_read(MMIO + 0x80, 4, 0x11111110);
    want(RAX, 0x11111110);
    want_flags(0x8d5, 0);
    RUN_AS("cmpxchgl, not equal", "cmpxchgl %ecx, (%rbx)");
    begin_at(MMIO + 0x80);
    give(RAX, DATA);
    give(RCX, 7);
    want_read(MMIO + 0x80, 8, DATA);
    want_write(MMIO + 0x80, 8, 7);
    want_flags(0x8d5, 0x44);
    RUN_AS("lock cmpxchgq, equal", "lock cmpxchgq %rcx, (%rbx)");
    begin_at(MMIO + 0x80);
    give(RAX, DATA);
    want_read(MMIO + 0x80, 1, 0x10);
    want(RAX, (DATA & ~UINT64_C(0xff)) | 0x10);
    want_flags(0x8d5, 0);
    RUN_AS("lock cmpxchgb, not equal", "lock cmpxchgb %cl, (%rbx)");
    begin_at(MMIO + 0x80);
    give(RAX, 0x33221100);
    give(RDX, 0x77665544);
    give(RCX, 0xaaaaaaaa);
    want_read(MMIO + 0x80, 8, UINT64_C(0x7766554433221100));
    want_write(MMIO + 0x80, 8, UINT64_C(0xaaaaaaaa00000000) | (uint32_t)(MMIO + 0x80));
    want_flags(0x40, 0x40);
    RUN_AS("cmpxchg8b, equal", "cmpxchg8b (%rbx)");
    begin_at(MMIO + 0x80);
    want_read(MMIO + 0x80, 8, UINT64_C(0x7766554433221100));
    want(RAX, 0x33221100);
    want(RDX, 0x77665544);
    want_flags(0x40, 0);
    RUN_AS("lock cmpxchg8b, not equal", "lock cmpxchg8b (%rbx)");
}

static void others(void)
{
    begin_at(MMIO + 0x80);
    give(RAX, 0x30);
    want_read(MMIO + 0xb0, 1, 0x99);
    want(RAX, 0x99);
    RUN("xlat");
    begin();
    want_read(MMIO + 0x80, 4, 0x12345678);
    want(RAX, 0x12345678);
    RUN_AS("movabs (device), %eax", "movabs 0xd0010080, %eax");
    begin();
    give(RAX, 0x99);
    want_write(MMIO + 0x80, 1, 0x99);
    RUN_AS("movabs %al, (device)", "movabs %al, 0xd0010080");
    begin_at(MMIO);
    give(R10, 0x10);
    want_read(MMIO + 0xb4, 4, 5);
    want(RAX, 5);
    RUN("movl 0x34(%rbx, %r10, 8), %eax");
    begin_at(UINT64_C(0xffffffff00000000) | MMIO);
    want_read(MMIO + 4, 4, 5);
    want(RAX, 5);
    RUN_AS("movl 4(%ebx), %eax", "movl 4(%ebx), %eax");
    begin_at(MMIO);
    want_trap(VEC_UD, 0, 0);
    RUN_AS("lock movl is undefined", ".byte 0xf0, 0x89, 0x03");
    begin_at(MMIO);
    give(RAX, 100);
    give(RDX, 0);
    want_read(MMIO, 4, 7);
    want(RAX, 14);
    want(RDX, 2);
    ignore_flags(0x8d5);
    RUN("divl (%rbx)");
    begin_at(MMIO);
    want_read(MMIO, 8, 0);
    want_trap(VEC_DE, 0, 0);
    ignore_flags(0x8d5);
    RUN_AS("divq of a device that reads 0", "divq (%rbx)");
}

/* --- vector registers: 8 bytes a request --- */

#define VEC_AT 0x40u /* of what the instruction has, in RAM */

static void want_vector(bool read, uint64_t at, unsigned int size)
{
    for (unsigned int i = 0; i < size; i += 8)
        want_request(IOREQ_TYPE_COPY, read ? READ : WRITE, at + i, size < 8 ? size : 8,
                     element(i + 1));
}

/* Load from the device, then store to RAM, where 16 bytes are expected. */
static void load(const char *text, struct code code, unsigned int size)
{
    uint64_t v[4] = {0};

    begin_at(MMIO + 0x80);
    give(RCX, guest_ram + VEC_AT);
    want_vector(true, MMIO + 0x80, size);
    for (unsigned int i = 0; i < size; i += 8)
        v[i / 8] = element(i + 1) & size_mask(size);
    want_ram(VEC_AT, v, size > 16 ? 32 : 16);
    run_code(text, code);
}

static void store(const char *text, struct code code, unsigned int size)
{
    begin_at(MMIO + 0x80);
    give(RCX, guest_ram + VEC_AT);
    for (unsigned int i = 0; i < 32; i += 8)
        give_ram_int(VEC_AT + i, element(i + 1), 8);
    want_vector(false, MMIO + 0x80, size);
    run_code(text, code);
}

#define LOAD(insn, size)  load(insn, CODE(insn "\n\tmovups %xmm3, (%rcx)"), size)
#define STORE(insn, size) store(insn, CODE("movups (%rcx), %xmm11\n\t" insn), size)

static void sse(void)
{
    LOAD("movss (%rbx), %xmm3", 4);
    LOAD("movsd (%rbx), %xmm3", 8);
    LOAD("movd (%rbx), %xmm3", 4);
    LOAD("movq (%rbx), %xmm3", 8);
    LOAD("movups (%rbx), %xmm3", 16);
    LOAD("movupd (%rbx), %xmm3", 16);
    LOAD("movaps (%rbx), %xmm3", 16);
    LOAD("movdqa (%rbx), %xmm3", 16);
    LOAD("movdqu (%rbx), %xmm3", 16);
    STORE("movss %xmm11, (%rbx)", 4);
    STORE("movsd %xmm11, (%rbx)", 8);
    STORE("movd %xmm11, (%rbx)", 4);
    STORE("movq %xmm11, (%rbx)", 8);
    STORE("movlps %xmm11, (%rbx)", 8);
    STORE("movups %xmm11, (%rbx)", 16);
    STORE("movapd %xmm11, (%rbx)", 16);
    STORE("movdqa %xmm11, (%rbx)", 16);
    STORE("movdqu %xmm11, (%rbx)", 16);
    STORE("movntps %xmm11, (%rbx)", 16);
    STORE("movntdq %xmm11, (%rbx)", 16);
    begin_at(MMIO + 0x88);
    want_trap(VEC_GP, 0, 0);
    RUN_AS("movaps of an address that is not aligned", "movaps (%rbx), %xmm3");
    begin_at(MMIO + 0x80);
    give(RCX, guest_ram + VEC_AT);
    for (unsigned int i = 0; i < 16; i += 8)
        give_ram_int(VEC_AT + i, element(i), 8);
    want_read(MMIO + 0x80, 8, DATA);
    want_ram_int(VEC_AT + 8, DATA, 8);
    RUN_AS("movhps keeps the low half",
           "movups (%rcx), %xmm3\n\tmovhps (%rbx), %xmm3\n\tmovups %xmm3, (%rcx)");
    begin_at(MMIO + 0x80);
    give(RCX, guest_ram + VEC_AT);
    for (unsigned int i = 0; i < 16; i += 8)
        give_ram_int(VEC_AT + i, element(i), 8);
    want_write(MMIO + 0x80, 8, element(8));
    RUN_AS("movhps stores the high half", "movups (%rcx), %xmm3\n\tmovhps %xmm3, (%rbx)");
}

/* Over the end of a page: 16 bytes, of which 5 are in the first. */
static void sse_split(void)
{
    static const unsigned int sizes[] = {4, 1, 8, 2, 1};
    uint64_t v[2] = {element(1), element(9)};
    uint64_t at = MMIO + PAGE_SIZE - 5;
    unsigned int done = 0;

    begin_at(at);
    give(RCX, guest_ram + VEC_AT);
    want_ram(VEC_AT, v, 16);
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint64_t part = 0;

        memcpy(&part, (const uint8_t *)v + done, sizes[i]);
        want_read(at + done, sizes[i], part);
        done += sizes[i];
    }
    RUN_AS("movups over the end of a page", "movups (%rbx), %xmm3\n\tmovups %xmm3, (%rcx)");
}

/* If the guest has AVX: it is switched on first. */
static void avx(void)
{
    struct io_box *b = box_of(0);

    b->a0 = 1;
    b->a1 = 0;
    box_run(b, IO_CPUID);
    if (!(b->result >> (32 + 28) & 1)) {
        print("# the guest has no AVX");
        return;
    }
    begin();
    give(RAX, 7);
    give(RDX, 0);
    give(RCX, 0);
    give(RBX, 0x40000);
    run_in_guest(CODE("movq %cr4, %r8\n\torq %rbx, %r8\n\tmovq %r8, %cr4\n\txsetbv"));
    load("vmovups (%rbx), %ymm3", CODE("vmovups (%rbx), %ymm3\n\tvmovups %ymm3, (%rcx)"), 32);
    load("vmovdqu (%rbx), %xmm3", CODE("vmovdqu (%rbx), %xmm3\n\tvmovdqu %xmm3, (%rcx)"), 16);
    store("vmovups %ymm3, (%rbx)", CODE("vmovups (%rcx), %ymm3\n\tvmovups %ymm3, (%rbx)"), 32);
    store("vmovdqa %xmm3, (%rbx)", CODE("vmovups (%rcx), %ymm3\n\tvmovdqa %xmm3, (%rbx)"), 16);
}

void test_stack(void)
{
    stack_in_ram();
    jumps();
    stack_in_device();
    bit_strings();
    compare_exchange();
    others();
    sse();
    sse_split();
    avx();
}
