/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a payload knows of its processors: the per-vCPU record, traps, memory, interrupts, time. How
 * is in arch/ARCH; arch_cpu.h there has barriers, irqs_on(), irqs_off(), wfi(), counter(),
 * counter_hz(), mmio_read8() to mmio_write64(), this_cpu(), struct trap_info and struct arch_cpu.
 */
#ifndef PAYLOAD_CPU_H
#define PAYLOAD_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CPUS   8
#define STACK_SIZE 0x4000
#define PAGE_SIZE  4096u
#define PAGE_SHIFT 12

#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))

#include "arch_cpu.h"

/* One record for each vCPU; written by its vCPU only. */
struct cpu {
    struct arch_cpu arch; /* first: assembly may know where it is */
    unsigned int index;
    volatile bool expecting, trapped;
    struct trap_info trap;
    volatile bool online;
    void (*entry)(void *arg);
    void *arg;
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned int nr_cpus; /* that the domain has, MAX_CPUS at most */
extern uint8_t cpu_stacks[MAX_CPUS][STACK_SIZE];

/*
 * expect_trap() allows the instructions that follow, up to trap_taken(), to trap: the trap is
 * recorded and the instruction skipped. trap_taken() says whether one did.
 */
void expect_trap(void);
bool trap_taken(struct trap_info *info);
/* Read a byte; whether there is memory. Absent is a trap, or all ones where absent memory reads so.
 */
bool memory_read8(uintptr_t a, uint8_t *v);

enum map_attr { MAP_DEVICE, MAP_RAM, MAP_READ_ONLY };
/* Identity-map [pa, pa + size), rounded outwards to 2 MiB. Before and after the MMU is on. */
void mmu_map(uint64_t pa, uint64_t size, enum map_attr attr);

typedef void (*irq_handler_t)(unsigned int irq, void *ctx);
void irq_set_handler(unsigned int irq, irq_handler_t fn, void *ctx);
void irq_enable(unsigned int irq);
void irq_disable(unsigned int irq);

/* The timer of this vCPU, in ticks of counter(). */
void timer_set(uint64_t ticks_from_now);
void timer_stop(void);
void delay_us(uint64_t us);

/* Start vCPU `index` in fn(arg); 0 or an error. It is turned off when fn returns. */
int cpu_start(unsigned int index, void (*fn)(void *), void *arg);
/* It has been turned off since, or never started. */
bool cpu_is_off(unsigned int index);
_Noreturn void power_off(void);
void reset_machine(void);

#endif
