/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions of instructions arrive as the manual says, also those that leave the guest. */
#include "suite.h"

#define TRAP(insn, want, what)                                                                    \
    do {                                                                                          \
        struct trap_info t_ = {0};                                                                \
        bool came_;                                                                               \
        expect_trap();                                                                            \
        __asm__ volatile(MAY_TRAP(insn)::"a"(0), "c"(0), "d"(0) : "memory", "cc");                \
        came_ = trap_taken(&t_);                                                                  \
        tap(came_ &&t_.vector == (want), "%s # exception %d", what, came_ ? (int)t_.vector : -1); \
    } while (0)

static bool is_intel(void)
{
    return cpuid(0, 0).c == 0x6c65746e; /* "ntel" */
}

static void instructions(void)
{
    TRAP("ud2", VEC_UD, "UD2 is an undefined instruction");
    TRAP("int3", VEC_BP, "INT3 is a breakpoint");
    TRAP("divl %%ecx", VEC_DE, "a division by zero");
    TRAP("vmrun", VEC_UD, "VMRUN is undefined");
    TRAP("vmload", VEC_UD, "VMLOAD is undefined");
    TRAP("clgi", VEC_UD, "CLGI is undefined");
    TRAP("vmxoff", VEC_UD, "VMXOFF is undefined");
    TRAP("monitor", VEC_UD, "MONITOR is undefined");
    TRAP("mwait", VEC_UD, "MWAIT is undefined");
    TRAP("vmxon (%%rsp)", VEC_UD, "VMXON is undefined");
    TRAP("vmlaunch", VEC_UD, "VMLAUNCH is undefined");
    TRAP("vmptrld (%%rsp)", VEC_UD, "VMPTRLD is undefined");
    TRAP("invept (%%rsp), %%rax", VEC_UD, "INVEPT is undefined");
    TRAP("getsec", VEC_UD, "GETSEC is undefined");
    TRAP("xsetbv", VEC_UD, "XSETBV is undefined");
    TRAP("rsm", VEC_UD, "RSM is undefined");
    TRAP("rdpmc", VEC_GP, "no performance counter is readable");
    expect_trap();
    __asm__ volatile(MAY_TRAP("wbinvd")::: "memory");
    tap(!trap_taken(NULL), "WBINVD does nothing");
    expect_trap();
    __asm__ volatile(MAY_TRAP("invd")::: "memory");
    tap(!trap_taken(NULL), "INVD does nothing");
}

static void faults(void)
{
    struct trap_info t;

    expect_trap();
    mmio_read32(MAPPED_END + 0x34);
    tap(trap_taken(&t) && t.vector == VEC_PF, "a page that the guest does not map faults");
    tap_eq((int64_t)t.cr2, (int64_t)MAPPED_END + 0x34, "its address is in CR2");
    tap_eq((int64_t)t.error, 0, "read, not present");
    expect_trap();
    mmio_write32(MAPPED_END + 0x38, 1);
    tap(trap_taken(&t) && t.vector == VEC_PF && t.error == 2, "a write there says so");
    expect_trap();
    mmio_read8(UINT64_C(0x8000000000000000));
    tap(trap_taken(&t) && t.vector == VEC_GP && t.error == 0, "an address that is not canonical");
}

/*
 * With TF set the debug exception comes behind each instruction, also behind one that the
 * hypervisor executes. POPF sets it, so the first step is `insn`; the handler clears it.
 */
#define STEP(insn, what)                                                                         \
    do {                                                                                         \
        struct trap_info t_;                                                                     \
        uint64_t dr6_, at_, a_ = 0, c_ = 0, d_ = 0x2345;                                         \
        __asm__ volatile("movq %0, %%dr6" ::"r"(UINT64_C(0xffff0ff0)));                          \
        expect_trap();                                                                           \
        __asm__ volatile("leaq 3f(%%rip), %0\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t" insn \
                         "\n3:\t" MAY_TRAP("nop")                                                \
                         : "=&D"(at_), "+a"(a_), "+c"(c_), "+d"(d_)::"rbx", "memory", "cc");     \
        __asm__ volatile("movq %%dr6, %0" : "=r"(dr6_));                                         \
        tap(trap_taken(&t_) && t_.vector == VEC_DB && t_.rip == at_ && (dr6_ & 0x4000), what);   \
    } while (0)

static void single_steps(void)
{
    STEP("nop", "single-stepping: an instruction of the guest's own");
    STEP("cpuid", "CPUID");
    STEP("inb %%dx, %%al", "a port that nobody claims");
    STEP("outb %%al, %%dx", "a write to it");
    STEP("rdtsc", "the clock");
    if (!is_intel())
        return; /* QEMU, an AMD, raises the next one after two instructions */
    STEP("sti", "STI, and the step comes before its shadow ends");
    irqs_off();
}

static bool refused(unsigned int cr, uint64_t value)
{
    struct trap_info t;

    expect_trap();
    if (cr == 0)
        __asm__ volatile(MAY_TRAP("movq %0, %%cr0")::"r"(value) : "memory");
    else
        __asm__ volatile(MAY_TRAP("movq %0, %%cr4")::"r"(value) : "memory");
    return trap_taken(&t) && t.vector == VEC_GP && t.error == 0;
}

#define CR0_NE (UINT64_C(1) << 5)
#define CR0_NW (UINT64_C(1) << 29)
#define CR0_CD (UINT64_C(1) << 30)

/* What a guest of VMX may change and what is only shown to it. */
static void masked_bits(uint64_t cr0)
{
    const unsigned int bits[] = {13 /* VMXE */, 14 /* SMXE */, 17 /* PCIDE */, 22 /* PKE */, 40};
    unsigned int wrong = 0;
    uint64_t cr4, now;

    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    tap_eq((int64_t)(cr4 & (UINT64_C(1) << 13)), 0, "CR4.VMXE reads as clear");
    for (unsigned int i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        wrong += !refused(4, cr4 | UINT64_C(1) << bits[i]);
    tap_eq(wrong, 0, "bits of CR4 that CPUID does not offer are refused");
    tap(refused(0, cr0 | CR0_NW), "CR0.NW without CD is refused");
    tap(refused(0, cr0 & ~UINT64_C(1)), "CR0.PE cannot go before PG");
    tap(refused(0, cr0 | UINT64_C(1) << 32), "nor are there bits above 31");
    __asm__ volatile("movq %0, %%cr0" ::"r"((cr0 ^ CR0_NE) | CR0_CD) : "memory");
    __asm__ volatile("movq %%cr0, %0" : "=r"(now));
    tap_eq((int64_t)now, (int64_t)((cr0 ^ CR0_NE) | CR0_CD), "CR0 is what was written to it");
    __asm__ volatile("movq %0, %%cr0" ::"r"(cr0) : "memory");
    __asm__ volatile("movq %%cr0, %0" : "=r"(now));
    tap_eq((int64_t)now, (int64_t)cr0, "and again");
}

/* Writes of bits that cannot be are the processor's to refuse; QEMU's does not. */
static void control_registers(void)
{
    uint64_t cr0;

    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movq %0, %%cr0" ::"r"(cr0 | 8) : "memory"); /* TS */
    expect_trap();
    __asm__ volatile(MAY_TRAP("movups %%xmm0, %%xmm0")::: "memory");
    tap(trap_taken(NULL), "CR0.TS is the guest's own");
    __asm__ volatile("movq %0, %%cr0" ::"r"(cr0) : "memory");
    if (is_intel())
        masked_bits(cr0);
}

static void ports(void)
{
    uint64_t rax = UINT64_C(0x1122334455667788);

    tap_eq(in8(0x2345), 0xff, "a port that nobody claims: one byte reads as ones");
    tap_eq(in16(0x2345), 0xffff, "two bytes");
    tap_eq(in32(0x2345), 0xffffffff, "four bytes");
    out32(0x2345, 1);
    __asm__ volatile("inb %%dx, %%al" : "+a"(rax) : "d"(0x2345));
    tap_eq((int64_t)rax, 0x11223344556677ff, "a byte read leaves the rest of RAX");
    rax = UINT64_C(0x1122334455667788);
    __asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(0x2345));
    tap_eq((int64_t)rax, 0x112233445566ffff, "so do two bytes");
    __asm__ volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(0x2345));
    tap_eq((int64_t)rax, 0xffffffff, "four bytes clear the upper half");
}

void test_traps(void)
{
    instructions();
    faults();
    control_registers();
    ports();
    if (!bootarg_has("nosteps"))
        single_steps();
}
