/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm64 part of cpu.h: barriers, system registers, accesses, what a trap tells, the GIC, PSCI.
 */
#ifndef PAYLOAD_ARCH_CPU_H
#define PAYLOAD_ARCH_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSREG_READ(name)                                           \
    ({                                                              \
        uint64_t value_;                                            \
        __asm__ volatile("mrs %0, " name : "=r"(value_)::"memory"); \
        value_;                                                     \
    })
#define SYSREG_WRITE(name, v) __asm__ volatile("msr " name ", %0" ::"r"((uint64_t)(v)) : "memory")

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}
static inline void mb(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}
static inline void rmb(void)
{
    __asm__ volatile("dmb ishld" ::: "memory");
}
static inline void wmb(void)
{
    __asm__ volatile("dmb ish" ::: "memory");
}
static inline void wfi(void)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}
/* Between two looks at what another vCPU writes; an emulator may run that one. */
static inline void cpu_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}
static inline void irqs_on(void)
{
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}
/* After irqs_on(): those that wait are taken here. */
static inline void take_irqs(void)
{
    isb();
}
static inline void irqs_off(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

/* Counter of the virtual timer. */
static inline uint64_t counter(void)
{
    isb();
    return SYSREG_READ("cntvct_el0");
}
static inline uint64_t counter_hz(void)
{
    return SYSREG_READ("cntfrq_el0");
}

/* Plain accesses that the compiler can neither change nor pair, with a valid syndrome. */
static inline uint8_t mmio_read8(uintptr_t a)
{
    uint32_t v;

    __asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return (uint8_t)v;
}
static inline uint32_t mmio_read32(uintptr_t a)
{
    uint32_t v;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}
static inline uint64_t mmio_read64(uintptr_t a)
{
    uint64_t v;

    __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}
static inline void mmio_write8(uintptr_t a, uint8_t v)
{
    __asm__ volatile("strb %w0, [%1]" ::"r"((uint32_t)v), "r"(a) : "memory");
}
static inline void mmio_write32(uintptr_t a, uint32_t v)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(v), "r"(a) : "memory");
}
static inline void mmio_write64(uintptr_t a, uint64_t v)
{
    __asm__ volatile("str %0, [%1]" ::"r"(v), "r"(a) : "memory");
}

/* --- traps --- */

struct trap_frame {
    uint64_t x[31];
    uint64_t elr, spsr, pad[3];
};
_Static_assert(sizeof(struct trap_frame) == 288, "as in vectors.S");

struct trap_info {
    uint64_t esr, far, elr;
};
#define ESR_EC(esr)         ((unsigned int)((esr) >> 26) & 0x3f)
#define ESR_EC_UNKNOWN      0x00
#define ESR_EC_DABT_SAME_EL 0x25
#define ESR_IL              (UINT64_C(1) << 25)
#define ESR_ISS(esr)        ((esr)&0x1ffffff)

/* What struct cpu has besides the common fields. */
struct arch_cpu {
    uint64_t mpidr;
};
struct cpu;

static inline struct cpu *this_cpu(void)
{
    return (struct cpu *)SYSREG_READ("tpidr_el1");
}

/* No stage 1 maps what is beyond. */
#define MAPPED_END (UINT64_C(1) << 39)

void mmu_start(void);

/* --- interrupts --- */

#define NR_IRQS      1020
#define SPURIOUS_IRQ 1023

struct gic {
    unsigned int version; /* 2 or 3; 0: the tree has none */
    uintptr_t dist, cpu_or_redist;
    uint64_t redist_size;
    unsigned int lines; /* interrupts, from GICD_TYPER */
};
extern struct gic gic;

void gic_init(void);     /* distributor, and this vCPU */
void gic_cpu_init(void); /* this vCPU's part */
void irq_set_priority(unsigned int irq, uint8_t priority);
uint8_t irq_get_priority(unsigned int irq);
void irq_set_edge(unsigned int irq, bool edge);
void irq_set_target(unsigned int irq, unsigned int cpu);
void irq_set_pending(unsigned int irq);
void irq_clear_pending(unsigned int irq);
bool irq_is_pending(unsigned int irq);
bool irq_is_active(unsigned int irq);
void sgi_send(unsigned int sgi, unsigned int cpu);
#define IPI_IRQ(n) (n) /* the nth interrupt for other vCPUs, of 16 */
static inline void ipi_send(unsigned int irq, unsigned int cpu)
{
    sgi_send(irq, cpu);
}
void gic_set_mask(uint8_t priority); /* priority mask of this vCPU */
/* By hand, with interrupts masked: acknowledge (SPURIOUS_IRQ: none) and end. */
unsigned int gic_ack(void);
void gic_eoi(unsigned int irq);
uint8_t gic_running_priority(void);

extern unsigned int timer_irq; /* 0: none in the tree */

/* --- PSCI --- */

#define PSCI_VERSION       0x84000000u
#define PSCI_CPU_SUSPEND64 0xc4000001u
#define PSCI_CPU_OFF       0x84000002u
#define PSCI_CPU_ON64      0xc4000003u
#define PSCI_AFFINITY64    0xc4000004u
#define PSCI_MIGRATE_TYPE  0x84000006u
#define PSCI_SYSTEM_OFF    0x84000008u
#define PSCI_SYSTEM_RESET  0x84000009u
#define PSCI_FEATURES      0x8400000au

#define PSCI_SUCCESS         0
#define PSCI_NOT_SUPPORTED   (-1)
#define PSCI_INVALID_PARAMS  (-2)
#define PSCI_DENIED          (-3)
#define PSCI_ALREADY_ON      (-4)
#define PSCI_INVALID_ADDRESS (-9)

int64_t psci(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);

/* --- C entry points, called by head.S and vectors.S --- */

void boot_primary(const void *fdt);
void boot_secondary(struct cpu *c);
void trap_sync(struct trap_frame *f);
void trap_irq(struct trap_frame *f);
_Noreturn void trap_other(struct trap_frame *f);
void mmu_enable(uint64_t root, uint64_t tcr, uint64_t mair);
/* What mmu_enable() takes, for a secondary vCPU. */
void mmu_params(uint64_t *root, uint64_t *tcr, uint64_t *mair);
extern const uint8_t _head[], vectors[];
void secondary_entry(void);

/* No other way out than the console's hypercall. */
static inline void debug_write(const char *s, size_t n)
{
    (void)s;
    (void)n;
}

#endif
