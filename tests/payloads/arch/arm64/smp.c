/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a payload in C, its vCPUs, PSCI, the virtual timer's registers, hypercalls. */
#include "payload.h"
#include "tree.h"

struct cpu_boot {
    uint64_t stack, root, tcr, mair, cpu;
};

struct cpu cpus[MAX_CPUS];
unsigned int nr_cpus;
uint8_t cpu_stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(16)));
static struct cpu_boot boots[MAX_CPUS] __attribute__((aligned(64)));

long hypercall(unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    register uint64_t x0 __asm__("x0") = a0;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;
    register uint64_t x4 __asm__("x4") = a4;
    register uint64_t x16 __asm__("x16") = nr;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
                     :
                     : "memory");
    return (long)x0;
}

int64_t psci(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = fn;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7",
                       "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
    return (int32_t)x0;
}

static void cpu_init(struct cpu *c)
{
    SYSREG_WRITE("tpidr_el1", (uintptr_t)c);
    SYSREG_WRITE("vbar_el1", (uintptr_t)vectors);
    isb();
}

void boot_primary(const void *blob)
{
    cpu_init(&cpus[0]);
    if (fdt_check(&fdt, blob, 0x200000) != 0)
        power_off();
    mmu_start();
    platform_init();
    cpus[0].online = true;
    gic_init();
    main();
    power_off();
}

void boot_secondary(struct cpu *c)
{
    cpu_init(c);
    gic_cpu_init();
    c->online = true;
    c->entry(c->arg);
    c->online = false;
    psci(PSCI_CPU_OFF, 0, 0, 0);
    for (;;)
        wfi();
}

static void clean_line(const void *p, size_t n)
{
    for (uintptr_t a = (uintptr_t)p & ~(uintptr_t)63; a < (uintptr_t)p + n; a += 64)
        __asm__ volatile("dc civac, %0" ::"r"(a) : "memory");
    mb();
}

int cpu_start(unsigned int index, void (*fn)(void *), void *context)
{
    struct cpu *c = &cpus[index];
    struct cpu_boot *b = &boots[index];

    if (index >= nr_cpus)
        return PSCI_INVALID_PARAMS;
    c->entry = fn;
    c->arg = context;
    b->stack = (uintptr_t)cpu_stacks[index] + STACK_SIZE;
    mmu_params(&b->root, &b->tcr, &b->mair);
    b->cpu = (uintptr_t)c;
    clean_line(b, sizeof(*b)); /* read with the MMU off */
    return (int)psci(PSCI_CPU_ON64, c->arch.mpidr, (uintptr_t)secondary_entry, (uintptr_t)b);
}

bool cpu_is_off(unsigned int index)
{
    return psci(PSCI_AFFINITY64, cpus[index].arch.mpidr, 0, 0) == 1;
}

void reset_machine(void)
{
    psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void power_off(void)
{
    psci(PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;)
        wfi();
}

void timer_set(uint64_t ticks_from_now)
{
    SYSREG_WRITE("cntv_cval_el0", counter() + ticks_from_now);
    SYSREG_WRITE("cntv_ctl_el0", 1);
    isb();
}

void timer_stop(void)
{
    SYSREG_WRITE("cntv_ctl_el0", 2); /* off and masked */
    isb();
}

void delay_us(uint64_t us)
{
    uint64_t end = counter() + us * counter_hz() / 1000000;

    while (counter() < end)
        ;
}

/* The physical counter: the virtual one starts with the domain, system time with the machine. */
uint64_t now_ns(void)
{
    uint64_t c = SYSREG_READ("cntpct_el0");
    uint64_t hz = counter_hz();

    return c / hz * 1000000000u + c % hz * 1000000000u / hz;
}
