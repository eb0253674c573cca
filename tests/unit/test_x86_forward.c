/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instruction makes of memory that is not there: arch/x86/hvm/emulate.c and the ioreq core,
 * to the requests that a device model finds and the registers and memory that its answers give.
 */
#include "x86_hvm.h"

#include <asm/desc.h>
#include <string.h>

#define GPA X86_MMIO_GPA
#define RAX x86_reg(REG_RAX)
#define RBX x86_reg(REG_RBX)
#define RCX x86_reg(REG_RCX)
#define RDX x86_reg(REG_RDX)
#define RSI x86_reg(REG_RSI)
#define RDI x86_reg(REG_RDI)

#define ONES   UINT64_C(0xffffffffffffffff)
#define DATA   UINT64_C(0x1122334455667788)
#define BUFFER UINT64_C(0x4000) /* a page of the guest's RAM */

static uint64_t rip(void)
{
    return x86_vcpu()->arch.regs.rip;
}

/* Nothing is injected, and the instruction of `bytes` bytes is over. */
static void over(unsigned int bytes)
{
    assert_int_equal(x86_cpu(x86_vcpu())->injected, 0);
    assert_int_equal(rip(), X86_CODE + bytes);
    assert_int_equal(x86_vcpu()->arch.emul.nr_operands, 0);
    assert_int_equal(x86_vcpu()->arch.emul.insn.nr_bytes, 0);
}

/* An exception at the instruction, which has changed nothing. */
static void faulted(unsigned int vector, uint32_t error)
{
    const struct x86_cpu *c = x86_cpu(x86_vcpu());

    assert_int_equal(c->injected, 1);
    assert_int_equal(c->event.vector, vector);
    assert_int_equal(c->event.error, error);
    assert_int_equal(rip(), X86_CODE);
    assert_int_equal(x86_vcpu()->arch.emul.nr_operands, 0);
}

/* --- one operand --- */

static void one_read_of_each_size(void **state)
{
    static const struct {
        const char *text;
        uint32_t size;
        uint64_t rax;
    } cases[] = {
        {"8a 03", 1, 0xccccccccccccccee},
        {"66 8b 03", 2, 0xccccccccccccddee},
        {"8b 03", 4, 0xaabbddee},
        {"48 8b 03", 8, 0x99887766aabbddee},
    };
    unsigned int id = x86_server();

    (void)state;
    for (unsigned int i = 0; i < 4; i++) {
        x86_vcpu()->arch.regs.rip = X86_CODE;
        *RAX = 0xcccccccccccccccc;
        *RBX = X86_MMIO + 0x11; /* its alignment does not count */
        assert_false(x86_run(cases[i].text));
        x86_expect(id, true, GPA + 0x11, cases[i].size, 0);
        assert_true(x86_answer(id, 0x99887766aabbddee));
        assert_true(*RAX == cases[i].rax);
        over((unsigned int)(strlen(cases[i].text) + 1) / 3);
    }
}

static void one_write_of_each_size(void **state)
{
    static const char *const text[] = {"88 03", "66 89 03", "89 03", "48 89 03"};
    unsigned int id = x86_server();

    (void)state;
    for (unsigned int i = 0; i < 4; i++) {
        unsigned int size = 1u << i;

        x86_vcpu()->arch.regs.rip = X86_CODE;
        *RAX = DATA;
        *RBX = X86_MMIO + 0x20;
        assert_false(x86_run(text[i]));
        x86_expect(id, false, GPA + 0x20, size, DATA & (ONES >> (64 - 8 * size)));
        assert_int_equal(rip(), X86_CODE); /* only when it is answered */
        assert_true(x86_answer(id, ONES));
        over((unsigned int)(strlen(text[i]) + 1) / 3);
        assert_true(*RAX == DATA);
    }
}

static void nobody_claims_it(void **state)
{
    (void)state;
    *RBX = X86_MMIO;
    assert_true(x86_run("48 8b 03"));
    over(3);
    assert_true(*RAX == ONES);
    x86_mode(x86_vcpu(), X86_LONG);
    assert_true(x86_run("8b 03"));
    assert_true(*RAX == 0xffffffff);
    x86_mode(x86_vcpu(), X86_LONG);
    assert_true(x86_run("89 03"));
    over(2);
    assert_int_equal(atomic64_read(&guest->stats.unclaimed), 3);
}

/* --- pieces --- */

/* Pages first, then the largest power of two that is left. */
static void pieces_of_eight_bytes(void **state)
{
    static const struct {
        unsigned int offset;
        unsigned int size[5];
    } cases[] = {
        {0xff8, {8}},          {0xff9, {4, 2, 1, 1}}, {0xffa, {4, 2, 2}},
        {0xffb, {4, 1, 2, 1}}, {0xffc, {4, 4}},       {0xffd, {2, 1, 4, 1}},
        {0xffe, {2, 4, 2}},    {0xfff, {1, 4, 2, 1}}, {0x1000, {8}},
    };
    unsigned int id = x86_server();

    (void)state;
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned int write = 0; write < 2; write++) {
            unsigned int done = 0;

            x86_vcpu()->arch.regs.rip = X86_CODE;
            *RBX = X86_MMIO + cases[i].offset;
            *RAX = write ? DATA : 0;
            assert_false(x86_run(write ? "48 89 03" : "48 8b 03"));
            for (unsigned int n = 0; cases[i].size[n] != 0; n++) {
                unsigned int size = cases[i].size[n];
                uint64_t value = (DATA >> 8 * done) & (ONES >> (64 - 8 * size));

                x86_expect(id, !write, GPA + cases[i].offset + done, size, value);
                done += size;
                assert_int_equal(x86_answer(id, write ? 0 : value), done == 8);
            }
            over(3);
            assert_true(*RAX == DATA);
        }
    }
}

/* Pages that are neighbours for the guest only. */
static void pieces_at_two_places(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *x86_pte(X86_MMIO + 0x1000) = (GPA + 0x50000) | 7;
    *RBX = X86_MMIO + 0xffe;
    assert_false(x86_run("8b 03"));
    x86_expect(id, true, GPA + 0xffe, 2, 0);
    assert_false(x86_answer(id, 0x7788));
    x86_expect(id, true, GPA + 0x50000, 2, 0);
    assert_true(x86_answer(id, 0x5566));
    assert_true(*RAX == 0x55667788);
    over(2);
}

static void sixteen_bytes(void **state)
{
    unsigned int id = x86_server();
    uint8_t *xmm3 = x86_vcpu()->arch.fpu.bytes + 160 + 3 * 16;

    (void)state;
    *RBX = X86_MMIO + 0x40;
    assert_false(x86_run("66 0f 6f 1b")); /* movdqa (%rbx), %xmm3 */
    x86_expect(id, true, GPA + 0x40, 8, 0);
    assert_false(x86_answer(id, DATA));
    x86_expect(id, true, GPA + 0x48, 8, 0);
    assert_int_equal(xmm3[0], 0);
    assert_true(x86_answer(id, ~DATA));
    over(4);
    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(xmm3[i], (uint8_t)(DATA >> 8 * i));
        assert_int_equal(xmm3[i + 8], (uint8_t)(~DATA >> 8 * i));
    }
    x86_vcpu()->arch.regs.rip = X86_CODE;
    assert_false(x86_run("0f 11 1b")); /* movups %xmm3, (%rbx) */
    x86_expect(id, false, GPA + 0x40, 8, DATA);
    assert_false(x86_answer(id, 0));
    x86_expect(id, false, GPA + 0x48, 8, ~DATA);
    assert_true(x86_answer(id, 0));
    over(3);
}

/* --- reads and writes of one instruction --- */

static void read_modify_write(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RBX = X86_MMIO;
    *RAX = 5;
    assert_false(x86_run("f0 01 03")); /* lock add %eax, (%rbx) */
    x86_expect(id, true, GPA, 4, 0);
    assert_false(x86_answer(id, 10));
    x86_expect(id, false, GPA, 4, 15);
    assert_true(x86_answer(id, 0));
    over(3);
    assert_int_equal(*RAX, 5);
}

static void cmpxchg_writes_on_match_only(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    for (unsigned int match = 0; match < 2; match++) {
        x86_vcpu()->arch.regs.rip = X86_CODE;
        *RBX = X86_MMIO;
        *RAX = 7;
        *RCX = 99;
        assert_false(x86_run("f0 0f b1 0b"));
        x86_expect(id, true, GPA, 4, 0);
        assert_int_equal(x86_answer(id, match ? 7 : 8), !match);
        if (match) {
            x86_expect(id, false, GPA, 4, 99);
            assert_true(x86_answer(id, 0));
        }
        over(4);
        assert_int_equal(*RAX, match ? 7 : 8);
        assert_int_equal(!!(x86_vcpu()->arch.regs.rflags & 0x40), match);
    }
}

static void xchg_is_a_read_and_a_write(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RBX = X86_MMIO + 8;
    *RCX = 0x1234;
    assert_false(x86_run("66 87 0b"));
    x86_expect(id, true, GPA + 8, 2, 0);
    assert_false(x86_answer(id, 0x5678));
    x86_expect(id, false, GPA + 8, 2, 0x1234);
    assert_int_equal(*RCX, 0x1234);
    assert_true(x86_answer(id, 0));
    assert_int_equal(*RCX, 0x5678);
    over(3);
}

static void from_device_to_device(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RSI = X86_MMIO;
    *RDI = X86_MMIO + 0x2000;
    *RCX = 2;
    assert_false(x86_run("f3 a5")); /* elements one by one, with plain data */
    for (unsigned int i = 0; i < 2; i++) {
        x86_expect(id, true, GPA + 4 * i, 4, 0);
        assert_false(x86_answer(id, 0x100 + i));
        x86_expect(id, false, GPA + 0x2000 + 4 * i, 4, 0x100 + i);
        assert_true(x86_answer(id, 0));
        if (i == 0)
            assert_false(x86_again());
    }
    over(2);
    assert_int_equal(*RCX, 0);
    assert_int_equal(*RSI, X86_MMIO + 8);
}

/* --- batches --- */

static void movs_from_the_device(void **state)
{
    unsigned int id = x86_server();
    struct x86_request r;

    (void)state;
    *RSI = X86_MMIO + 0x100;
    *RDI = BUFFER;
    *RCX = 16;
    assert_false(x86_run("f3 a5"));
    r = x86_take(id);
    assert_true(r.read && r.data_is_ptr && !r.df);
    assert_int_equal(r.type, IOREQ_TYPE_COPY);
    assert_int_equal(r.count, 16);
    assert_int_equal(r.size, 4);
    assert_true(r.addr == GPA + 0x100);
    assert_true(r.data == BUFFER);
    memset(x86_ram(BUFFER), 0x5a, 64); /* by the device model */
    assert_true(x86_answer(id, BUFFER));
    over(2);
    assert_int_equal(*RCX, 0);
    assert_int_equal(*RSI, X86_MMIO + 0x140);
    assert_int_equal(*RDI, BUFFER + 64);
    assert_true(x86_ram_int(BUFFER + 60, 4) == 0x5a5a5a5a);
}

static void movs_to_the_device_downwards(void **state)
{
    unsigned int id = x86_server();
    struct x86_request r;

    (void)state;
    x86_vcpu()->arch.regs.rflags |= 0x400;
    *RSI = BUFFER + 0x18;
    *RDI = X86_MMIO + 0x118;
    *RCX = 3;
    assert_false(x86_run("f3 48 a5"));
    r = x86_take(id);
    assert_true(!r.read && r.data_is_ptr && r.df);
    assert_int_equal(r.count, 3);
    assert_true(r.addr == GPA + 0x118 && r.data == BUFFER + 0x18);
    assert_true(x86_answer(id, 0));
    over(3);
    assert_int_equal(*RSI, BUFFER);
    assert_int_equal(*RDI, X86_MMIO + 0x100);
}

/* The batch ends with either page, and with the count of 4096. */
static void batches_are_clipped(void **state)
{
    static const struct {
        uint64_t device, ram, count;
        uint32_t want;
        bool down;
    } cases[] = {
        {0xff0, 0x000, 100, 4, false},     {0x000, 0xff8, 100, 2, false},
        {0x000, 0x000, 5000, 1024, false}, {0xff2, 0x000, 100, 3, false},
        {0x008, 0x800, 100, 3, true},      {0x800, 0x00a, 100, 3, true},
        {0x000, 0x000, 1024, 1024, false},
    };
    unsigned int id = x86_server();

    (void)state;
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        x86_mode(x86_vcpu(), X86_LONG);
        if (cases[i].down)
            x86_vcpu()->arch.regs.rflags |= 0x400;
        *RSI = X86_MMIO + 0x1000 + cases[i].device;
        *RDI = BUFFER + cases[i].ram;
        *RCX = cases[i].count;
        assert_false(x86_run("f3 a5"));
        assert_int_equal(x86_take(id).count, cases[i].want);
        assert_true(x86_answer(id, 0));
        assert_int_equal(*RCX, cases[i].count - cases[i].want);
        over(*RCX == 0 ? 2 : 0); /* the rest is executed again */
    }
    /* bytes: 4096 at most in any case */
    x86_mode(x86_vcpu(), X86_LONG);
    *RSI = X86_MMIO;
    *RDI = BUFFER;
    *RCX = 0x100000;
    assert_false(x86_run("f3 a4"));
    assert_int_equal(x86_take(id).count, 4096);
    assert_true(x86_answer(id, 0));
}

/* An element over a page's end goes alone. */
static void elements_over_a_page(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RSI = X86_MMIO + 0xffe;
    *RDI = BUFFER;
    *RCX = 3;
    assert_false(x86_run("f3 a5"));
    x86_expect(id, true, GPA + 0xffe, 2, 0);
    assert_false(x86_answer(id, 0x1111));
    x86_expect(id, true, GPA + 0x1000, 2, 0);
    assert_true(x86_answer(id, 0x2222));
    assert_true(x86_ram_int(BUFFER, 4) == 0x22221111);
    assert_int_equal(*RCX, 2);
    assert_false(x86_again());
    assert_int_equal(x86_take(id).count, 2);
    assert_true(x86_answer(id, 0));
    over(2);
}

static void stos(void **state)
{
    unsigned int id = x86_server();
    struct x86_request r;

    (void)state;
    *RAX = DATA;
    *RDI = X86_MMIO + 0x10;
    *RCX = 9;
    assert_false(x86_run("f3 66 ab"));
    r = x86_take(id);
    assert_true(!r.read && !r.data_is_ptr);
    assert_int_equal(r.count, 9);
    assert_int_equal(r.size, 2);
    assert_true(r.data == 0x7788);
    assert_true(x86_answer(id, 0));
    over(3);
    assert_int_equal(*RDI, X86_MMIO + 0x10 + 18);
}

static void ins_and_outs(void **state)
{
    unsigned int id = x86_server();
    struct x86_request r;

    (void)state;
    for (unsigned int in = 0; in < 2; in++) {
        x86_vcpu()->arch.regs.rip = X86_CODE;
        *RDX = 0x1f0;
        *RDI = *RSI = BUFFER;
        *RCX = 256;
        assert_false(x86_run(in ? "f3 66 6d" : "f3 66 6f"));
        r = x86_take(id);
        assert_int_equal(r.type, IOREQ_TYPE_PIO);
        assert_int_equal(r.read, in);
        assert_true(r.data_is_ptr && r.addr == 0x1f0 && r.data == BUFFER);
        assert_int_equal(r.count, 256);
        assert_int_equal(r.size, 2);
        assert_true(x86_answer(id, 0));
        over(3);
        assert_int_equal(in ? *RDI : *RSI, BUFFER + 512);
    }
}

/* PCI's index register sees each element, so what is selected is the last one. */
static void outs_to_the_pci_index(void **state)
{
    static const uint32_t index[3] = {0x80001000, 0x80002000, 0x80003040};

    (void)state;
    for (unsigned int i = 0; i < 3; i++)
        memcpy(x86_ram(BUFFER + 4 * i), &index[i], 4);
    *RDX = 0xcf8;
    *RSI = BUFFER;
    *RCX = 3;
    assert_true(x86_run("f3 6f"));
    assert_int_equal(guest->arch.pci_cf8, index[0]);
    assert_true(x86_again());
    assert_true(x86_again());
    over(2);
    assert_int_equal(*RCX, 0);
    assert_int_equal(guest->arch.pci_cf8, index[2]);
}

/* A port and memory that is not there either: two plain requests an element. */
static void ins_to_a_device(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RDX = 0x100;
    *RDI = X86_MMIO;
    *RCX = 1;
    assert_false(x86_run("f3 6d"));
    assert_int_equal(x86_take(id).type, IOREQ_TYPE_PIO);
    x86_expect(id, true, 0x100, 4, 0);
    assert_false(x86_answer(id, 0xabcdef01));
    x86_expect(id, false, GPA, 4, 0xabcdef01);
    assert_true(x86_answer(id, 0));
    over(2);
}

static void a_batch_that_nobody_claims(void **state)
{
    (void)state;
    *RSI = X86_MMIO;
    *RDI = BUFFER + 4;
    *RCX = 3;
    assert_true(x86_run("f3 a5"));
    over(2);
    assert_true(x86_ram_int(BUFFER, 4) == 0);
    assert_true(x86_ram_int(BUFFER + 4, 8) == ONES);
    assert_true(x86_ram_int(BUFFER + 12, 8) == 0xffffffff);
    /* downwards, and by a port */
    x86_mode(x86_vcpu(), X86_LONG);
    x86_vcpu()->arch.regs.rflags |= 0x400;
    *RDX = 0x300;
    *RDI = BUFFER + 0x104;
    *RCX = 2;
    assert_true(x86_run("f3 66 6d"));
    over(3);
    assert_true(x86_ram_int(BUFFER + 0x100, 8) == 0x0000ffffffff0000);
    /* a write is dropped as a whole */
    x86_mode(x86_vcpu(), X86_LONG);
    *RSI = BUFFER;
    *RDI = X86_MMIO;
    *RCX = 3;
    assert_true(x86_run("f3 a5"));
    over(2);
    assert_int_equal(*RCX, 0);
}

/* It leaves what the server claimed: dropped as a whole. */
static void a_batch_that_leaves_its_range(void **state)
{
    unsigned int id = scene_server(GPA, GPA + 0x1f);

    (void)state;
    *RSI = X86_MMIO + 0x10;
    *RDI = BUFFER;
    *RCX = 5;
    assert_true(x86_run("f3 a5"));
    over(2);
    assert_true(x86_ram_int(BUFFER + 16, 4) == 0xffffffff);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
}

/* --- RAM beside it --- */

static void ram_then_device(void **state)
{
    unsigned int id = scene_server(X86_RAM_END, X86_RAM_END + 0xfff);

    (void)state;
    memset(x86_ram(X86_RAM_END - 3), 0x77, 3);
    *RBX = X86_RAM_END - 3;
    assert_false(x86_run("48 8b 03"));
    x86_expect(id, true, X86_RAM_END, 4, 0);
    *x86_ram(X86_RAM_END - 3) = 0; /* too late: what was read, was read */
    assert_false(x86_answer(id, 0xddccbbaa));
    x86_expect(id, true, X86_RAM_END + 4, 1, 0);
    assert_true(x86_answer(id, 0xee));
    over(3);
    assert_true(*RAX == 0xeeddccbbaa777777);

    x86_vcpu()->arch.regs.rip = X86_CODE;
    *RAX = DATA;
    assert_false(x86_run("48 89 03"));
    assert_true(x86_ram_int(X86_RAM_END - 3, 3) == (DATA & 0xffffff));
    x86_expect(id, false, X86_RAM_END, 4, DATA >> 24 & 0xffffffff);
    assert_false(x86_answer(id, 0));
    x86_expect(id, false, X86_RAM_END + 4, 1, DATA >> 56);
    assert_true(x86_answer(id, 0));
    over(3);
}

static void device_then_ram(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *x86_pte(X86_MMIO + 0x1000) = BUFFER | 7;
    *RBX = X86_MMIO + 0xffe;
    *RAX = DATA;
    assert_false(x86_run("89 03"));
    assert_true(x86_ram_int(BUFFER, 2) == 0); /* by address */
    x86_expect(id, false, GPA + 0xffe, 2, 0x7788);
    assert_true(x86_answer(id, 0));
    over(2);
    assert_true(x86_ram_int(BUFFER, 4) == 0x5566);
}

/* Memory that two linear addresses name is read by both, and a read-write of RAM is no request. */
static void ram_only(void **state)
{
    (void)state;
    *RBX = BUFFER;
    *RAX = 3;
    *x86_ram(BUFFER) = 4;
    assert_true(x86_run("01 03"));
    over(2);
    assert_int_equal(*x86_ram(BUFFER), 7);
}

/* --- faults --- */

static void fetched_from_a_device(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    x86_vcpu()->arch.regs.rip = X86_MMIO;
    assert_true(x86_again());
    assert_int_equal(x86_cpu(x86_vcpu())->event.vector, VEC_GP);
    assert_true(x86_cpu(x86_vcpu())->event.has_error);
    assert_int_equal(x86_cpu(x86_vcpu())->event.error, 0);
    assert_int_equal(rip(), X86_MMIO);
    assert_int_equal(atomic64_read(&guest->stats.undecoded), 1);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
}

/* The second page is not there: neither half of the write, and no request. */
static void fault_in_the_second_page(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *x86_pte(X86_MMIO + 0x1000) = 0;
    *RBX = X86_MMIO + 0xffe;
    assert_true(x86_run("89 03"));
    faulted(VEC_PF, 2);
    assert_true(x86_cpu(x86_vcpu())->event.cr2 == X86_MMIO + 0x1000);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
    /* RAM in the first: it keeps what it had */
    *x86_pte(BUFFER + 0x1000) = GPA | 5; /* not writable */
    *RBX = BUFFER + 0xffe;
    *RAX = ONES;
    assert_true(x86_run("89 03"));
    faulted(VEC_PF, 3);
    assert_true(x86_cpu(x86_vcpu())->event.cr2 == BUFFER + 0x1000);
    assert_true(x86_ram_int(BUFFER + 0xffe, 2) == 0);
    /* a read-modify-write asks for both before it reads */
    assert_true(x86_run("01 03"));
    faulted(VEC_PF, 3);
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
}

static void tables_in_a_device(void **state)
{
    (void)state;
    x86_cpu(x86_vcpu())->cr[3] = GPA;
    assert_true(x86_again());
    faulted(VEC_GP, 0);
}

/* --- ports above IOPL --- */

#define TSS        UINT64_C(0x5000)
#define TSS_BITMAP 0x68u

/* CPL 3, and a TSS that ends with the bits of port 0x10f and 8 more, all set. */
static void tss_allows(uint16_t port, unsigned int bytes)
{
    struct x86_cpu *c = x86_cpu(x86_vcpu());

    memset(x86_ram(TSS), 0xff, 0x100);
    x86_ram(TSS)[102] = TSS_BITMAP;
    x86_ram(TSS)[103] = 0;
    for (unsigned int p = port; p < port + bytes; p++)
        x86_ram(TSS)[TSS_BITMAP + p / 8] &= (uint8_t) ~(1u << p % 8);
    c->seg[SEG_TR] = (struct hvm_segment){
        .sel = 0x40, .attr = 0x8b, .limit = TSS_BITMAP + 0x10f / 8 + 1, .base = TSS};
    c->seg[SEG_SS].attr |= 0x60;
    x86_vcpu()->arch.regs.rip = X86_CODE;
    *RDX = 0x105;
    *RDI = BUFFER;
    *RCX = 3;
}

static void tss_decides(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    tss_allows(0x105, 4);
    assert_false(x86_run("f3 6d")); /* INSL: its bits are in two bytes */
    assert_int_equal(x86_take(id).count, 3);
    assert_true(x86_answer(id, 0));
    over(2);
    tss_allows(0x105, 3);
    assert_true(x86_run("f3 6d"));
    faulted(VEC_GP, 0);
    tss_allows(0x106, 8);
    assert_true(x86_run("6c"));
    faulted(VEC_GP, 0);
    assert_int_equal(*RDI, BUFFER);
}

/* Two bytes of the bitmap are read, whatever the size. */
static void tss_ends(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    tss_allows(0x105, 1);
    *RDX = 0x10f;
    x86_ram(TSS)[TSS_BITMAP + 0x10f / 8] = 0;
    assert_false(x86_run("6c"));
    assert_true(x86_answer(id, 0));
    over(1);
    tss_allows(0x110, 8);
    *RDX = 0x110;
    assert_true(x86_run("6c"));
    faulted(VEC_GP, 0);
    tss_allows(0x105, 1);
    x86_cpu(x86_vcpu())->seg[SEG_TR].attr = 0x83; /* of 16 bits */
    assert_true(x86_run("6c"));
    faulted(VEC_GP, 0);
    tss_allows(0x105, 1);
    x86_cpu(x86_vcpu())->seg[SEG_TR].limit = 102;
    assert_true(x86_run("6c"));
    faulted(VEC_GP, 0);
}

static void tss_is_the_kernels(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    tss_allows(0x105, 1);
    *x86_pte(TSS) &= ~UINT64_C(4);
    assert_false(x86_run("6c"));
    assert_true(x86_answer(id, 0));
    over(1);
    tss_allows(0x105, 1);
    *x86_pte(TSS) &= ~UINT64_C(1);
    assert_true(x86_run("6c"));
    faulted(VEC_PF, 0);
    assert_int_equal(x86_cpu(x86_vcpu())->event.cr2, TSS + 102);
}

/* --- ends of servers and guests --- */

/* Address bits that the processor does not have are reserved in the guest's tables. */
static void beyond_the_processors_addresses(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    assert_int_equal(
        dm_map(guest, id, XEN_DMOP_IO_RANGE_MEMORY, UINT64_C(1) << 39, (UINT64_C(1) << 39) + 0xfff),
        0);
    *x86_pte(X86_MMIO) = UINT64_C(1) << 39 | 7;
    *RBX = X86_MMIO;
    assert_false(x86_run("8b 03"));
    x86_expect(id, true, UINT64_C(1) << 39, 4, 0);
    assert_true(x86_answer(id, 0));
    over(2);
    *x86_pte(X86_MMIO) = UINT64_C(1) << 40 | 7;
    x86_vcpu()->arch.regs.rip = X86_CODE;
    assert_true(x86_run("8b 03"));
    faulted(VEC_PF, 9);
}

/* The server goes between two pieces: what is left reads ones, and the guest goes on. */
static void server_destroyed_between_pieces(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RBX = X86_MMIO + 0xffc;
    assert_false(x86_run("48 8b 03"));
    assert_false(x86_answer(id, 0x01020304));
    x86_expect(id, true, GPA + 0x1000, 4, 0);
    assert_int_equal(dm_destroy(guest, id), 0);
    fake_rcu_run();
    assert_true(fake_exit_path(x86_vcpu()));
    over(3);
    assert_true(*RAX == 0xffffffff01020304);
    *RAX = 0;
    x86_vcpu()->arch.regs.rip = X86_CODE;
    assert_true(x86_run("48 8b 03"));
    assert_true(*RAX == ONES);
}

/* ... and in a batch that reads: the RAM is ones, as if nobody had claimed it. */
static void server_destroyed_in_a_batch(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    x86_vcpu()->arch.regs.rflags |= 0x400;
    *RSI = X86_MMIO + 0x100;
    *RDI = BUFFER + 0x100;
    *RCX = 3;
    assert_false(x86_run("f3 a5"));
    assert_int_equal(x86_take(id).count, 3);
    assert_int_equal(dm_destroy(guest, id), 0);
    fake_rcu_run();
    assert_true(fake_exit_path(x86_vcpu()));
    over(2);
    assert_int_equal(*RDI, BUFFER + 0x100 - 12);
    assert_true(x86_ram_int(BUFFER + 0xf4, 4) == 0);
    assert_true(x86_ram_int(BUFFER + 0xf8, 4) == 0xffffffff);
    assert_true(x86_ram_int(BUFFER + 0xfc, 8) == ONES);
    assert_true(x86_ram_int(BUFFER + 0x104, 4) == 0);
}

/* The RAM of a batch is taken away before its server goes. */
static void ram_removed_in_a_batch(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RSI = X86_MMIO;
    *RDI = BUFFER;
    *RCX = 3;
    assert_false(x86_run("f3 a5"));
    assert_int_equal(p2m_unmap(guest, gfn(BUFFER >> PAGE_SHIFT), 1), 0);
    assert_int_equal(dm_destroy(guest, id), 0);
    fake_rcu_run();
    assert_true(fake_exit_path(x86_vcpu()));
    over(2);
    assert_int_equal(*RCX, 0);
}

/* Shut down between two pieces: the instruction is for later, from its start. */
static void shut_down_between_pieces(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RAX = 0;
    *RBX = X86_MMIO + 0xffc;
    assert_false(x86_run("48 8b 03"));
    domain_shutdown(guest, 2);
    assert_true(x86_answer(id, 0x01020304));
    assert_int_equal(dm_slot(guest, id, 0)->state, STATE_IOREQ_NONE);
    over(0);
    assert_int_equal(*RAX, 0);
    atomic32_set(&guest->shutdown_code, 0); /* resumed */
    assert_false(x86_again());
    x86_expect(id, true, GPA + 0xffc, 4, 0);
    assert_false(x86_answer(id, 0x11121314));
    x86_expect(id, true, GPA + 0x1000, 4, 0);
    assert_true(x86_answer(id, 0x15161718));
    over(3);
    assert_true(*RAX == 0x1516171811121314);
}

static void shut_down_before_a_batch(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    domain_shutdown(guest, 2);
    *RSI = X86_MMIO;
    *RDI = BUFFER;
    *RCX = 3;
    assert_true(x86_run("f3 a5"));
    over(0);
    assert_int_equal(*RCX, 3);
    atomic32_set(&guest->shutdown_code, 0);
    assert_false(x86_again());
    assert_int_equal(x86_take(id).count, 3);
    assert_true(x86_answer(id, 0));
    over(2);
}

/* What is in flight keeps its bytes: a guest that changes its code meanwhile does not matter. */
static void code_changes_meanwhile(void **state)
{
    unsigned int id = x86_server();

    (void)state;
    *RBX = X86_MMIO;
    assert_false(x86_run("8b 03"));
    x86_put("0f 0b");
    assert_true(x86_answer(id, 0x1234));
    over(2);
    assert_int_equal(*RAX, 0x1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        X86_TEST(one_read_of_each_size),
        X86_TEST(one_write_of_each_size),
        X86_TEST(nobody_claims_it),
        X86_TEST(pieces_of_eight_bytes),
        X86_TEST(pieces_at_two_places),
        X86_TEST(sixteen_bytes),
        X86_TEST(read_modify_write),
        X86_TEST(cmpxchg_writes_on_match_only),
        X86_TEST(xchg_is_a_read_and_a_write),
        X86_TEST(from_device_to_device),
        X86_TEST(movs_from_the_device),
        X86_TEST(movs_to_the_device_downwards),
        X86_TEST(batches_are_clipped),
        X86_TEST(elements_over_a_page),
        X86_TEST(stos),
        X86_TEST(ins_and_outs),
        X86_TEST(outs_to_the_pci_index),
        X86_TEST(ins_to_a_device),
        X86_TEST(a_batch_that_nobody_claims),
        X86_TEST(a_batch_that_leaves_its_range),
        X86_TEST(ram_then_device),
        X86_TEST(device_then_ram),
        X86_TEST(ram_only),
        X86_TEST(fetched_from_a_device),
        X86_TEST(fault_in_the_second_page),
        X86_TEST(tables_in_a_device),
        X86_TEST(tss_decides),
        X86_TEST(tss_ends),
        X86_TEST(tss_is_the_kernels),
        X86_TEST(beyond_the_processors_addresses),
        X86_TEST(server_destroyed_between_pieces),
        X86_TEST(server_destroyed_in_a_batch),
        X86_TEST(ram_removed_in_a_batch),
        X86_TEST(shut_down_between_pieces),
        X86_TEST(shut_down_before_a_batch),
        X86_TEST(code_changes_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
