/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86-64 part of cpu.h: barriers, registers, ports, accesses, what a trap tells, the local APIC
 * in x2APIC mode. An interrupt's number is its vector.
 */
#ifndef PAYLOAD_ARCH_CPU_H
#define PAYLOAD_ARCH_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void mb(void)
{
    __asm__ volatile("mfence" ::: "memory");
}
static inline void rmb(void)
{
    __asm__ volatile("" ::: "memory");
}
static inline void wmb(void)
{
    __asm__ volatile("" ::: "memory");
}
static inline uint64_t flags(void)
{
    uint64_t f;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(f)::"memory");
    return f;
}
#define FLAGS_IF 0x200u

/* Between two looks at what another vCPU writes; an emulator may run that one. */
static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}
static inline void irqs_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}
static inline void irqs_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}
/* After irqs_on(): those that wait are taken here. */
static inline void take_irqs(void)
{
    __asm__ volatile("nop" ::: "memory");
}
/* Wait for an interrupt and take it, even where they are off. */
static inline void wfi(void)
{
    bool off = !(flags() & FLAGS_IF);

    __asm__ volatile("sti\n\thlt" ::: "memory");
    if (off)
        irqs_off();
}

static inline uint64_t counter(void)
{
    uint32_t lo, hi;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return (uint64_t)hi << 32 | lo;
}
uint64_t counter_hz(void);

struct cpuid {
    uint32_t a, b, c, d;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;

    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

/* What CPUID says is offered. */
static inline bool has_xsave(void)
{
    return cpuid(1, 0).c >> 26 & 1;
}
static inline bool has_avx(void)
{
    return cpuid(1, 0).c >> 28 & 1;
}

/* --- traps --- */

#define VEC_DE 0
#define VEC_DB 1
#define VEC_BP 3
#define VEC_UD 6
#define VEC_GP 13
#define VEC_PF 14

struct trap_frame {
    uint64_t r[15]; /* r15 first, rax last */
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

struct trap_info {
    unsigned int vector;
    uint64_t error, cr2, rip;
};

/* An instruction that may trap between expect_trap() and trap_taken(): then it is skipped. */
#define MAY_TRAP(insn)                \
    "771: " insn "\n"                 \
    "772:\n"                          \
    ".pushsection .may_trap, \"a\"\n" \
    ".quad 771b, 772b\n"              \
    ".popsection\n"

/* What struct cpu has besides the common fields. */
struct arch_cpu {
    void *self; /* at %gs:0 */
    uint32_t apic_id;
    volatile bool parked;
};
struct cpu;

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(c));
    return c;
}

/* --- accesses that the compiler can not change --- */

static inline uint8_t mmio_read8(uintptr_t a)
{
    uint8_t v = 0;

    __asm__ volatile(MAY_TRAP("movb (%1), %0") : "+q"(v) : "r"(a) : "memory");
    return v;
}
static inline uint16_t mmio_read16(uintptr_t a)
{
    uint16_t v = 0;

    __asm__ volatile(MAY_TRAP("movw (%1), %0") : "+r"(v) : "r"(a) : "memory");
    return v;
}
static inline uint32_t mmio_read32(uintptr_t a)
{
    uint32_t v = 0;

    __asm__ volatile(MAY_TRAP("movl (%1), %0") : "+r"(v) : "r"(a) : "memory");
    return v;
}
static inline uint64_t mmio_read64(uintptr_t a)
{
    uint64_t v = 0;

    __asm__ volatile(MAY_TRAP("movq (%1), %0") : "+r"(v) : "r"(a) : "memory");
    return v;
}
static inline void mmio_write8(uintptr_t a, uint8_t v)
{
    __asm__ volatile(MAY_TRAP("movb %0, (%1)")::"q"(v), "r"(a) : "memory");
}
static inline void mmio_write16(uintptr_t a, uint16_t v)
{
    __asm__ volatile(MAY_TRAP("movw %0, (%1)")::"r"(v), "r"(a) : "memory");
}
static inline void mmio_write32(uintptr_t a, uint32_t v)
{
    __asm__ volatile(MAY_TRAP("movl %0, (%1)")::"r"(v), "r"(a) : "memory");
}
static inline void mmio_write64(uintptr_t a, uint64_t v)
{
    __asm__ volatile(MAY_TRAP("movq %0, (%1)")::"r"(v), "r"(a) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline uint16_t in16(uint16_t port)
{
    uint16_t v;

    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline uint32_t in32(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}
static inline void out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

/* Where the console's hypercall is refused. */
#define DEBUG_PORT 0xe9

static inline void debug_write(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out8(DEBUG_PORT, (uint8_t)s[i]);
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo = 0, hi = 0;

    __asm__ volatile(MAY_TRAP("rdmsr") : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
    return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile(MAY_TRAP("wrmsr")::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(msr)
                     : "memory");
}

/* --- memory --- */

#define SCRATCH_BASE UINT64_C(0x4000000000) /* 256 GiB: no memory and no device there */
#define SCRATCH_SIZE UINT64_C(0x4000000)

/* The tables of a payload map nothing from here on. */
#define MAPPED_END (SCRATCH_BASE + SCRATCH_SIZE)

uint64_t mmu_start(void);

/* --- interrupts --- */

#define NR_VECTORS   256
#define EVTCHN_IRQ   0x30
#define TIMER_IRQ    0xe0
#define SPURIOUS_IRQ 0xff
#define IPI_IRQ(n)   (0x40u + (n)) /* the nth interrupt for other vCPUs, of 16 */

#define MSR_APIC_BASE    0x1b
#define MSR_X2APIC(reg)  (0x800u + ((reg) >> 4))
#define MSR_TSC_DEADLINE 0x6e0

#define APIC_ID         0x020
#define APIC_VERSION    0x030
#define APIC_TPR        0x080
#define APIC_PPR        0x0a0
#define APIC_EOI        0x0b0
#define APIC_SVR        0x0f0
#define APIC_ISR        0x100
#define APIC_IRR        0x200
#define APIC_ICR        0x300
#define APIC_LVT_TIMER  0x320
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_NOW  0x390
#define APIC_TIMER_DIV  0x3e0
#define APIC_SELF       0x3f0

#define LVT_MASKED   0x10000u
#define LVT_PERIODIC 0x20000u
#define LVT_DEADLINE 0x40000u

static inline uint64_t apic_read(unsigned int reg)
{
    return rdmsr(MSR_X2APIC(reg));
}
static inline void apic_write(unsigned int reg, uint64_t v)
{
    wrmsr(MSR_X2APIC(reg), v);
}
void apic_cpu_init(void); /* this vCPU's: x2APIC mode, enabled */
void ipi_send(unsigned int irq, unsigned int cpu);

/* A hypercall of 32-bit code; its structures lie below 4 GiB, as the payload does. */
int32_t hypercall32(uint32_t nr, uint32_t a0, uint32_t a1, uint32_t a2);
static inline uint32_t ptr32(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

/* --- C entry points, called by head.S and vectors.S --- */

struct hvm_start_info;
extern const struct hvm_start_info *platform_info;
extern void (*hypercall_entry)(void); /* VMCALL or VMMCALL */
void boot_primary(const struct hvm_start_info *info);
void boot_secondary(struct cpu *c);
void trap_entry(struct trap_frame *f);
extern const uint64_t trap_stubs[NR_VECTORS];
extern const uint8_t _head[], _end[];

#endif
