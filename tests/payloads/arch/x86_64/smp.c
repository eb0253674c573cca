/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a payload in C, its vCPUs by INIT and start-up IPIs, its local APICs, hypercalls. */
#include "payload.h"

#define MSR_GS_BASE 0xc0000101

#define BASE_ENABLE 0x800u
#define BASE_X2APIC 0x400u
#define SVR_ENABLE  0x100u

#define ICR_INIT    0x4500u
#define ICR_STARTUP 0x4600u

/* At the end of a trampoline's page; head.S knows the offsets from the end. */
struct trampoline_data {
    uint32_t far32[2];  /* -56: offset and selector */
    uint16_t gdt_limit; /* -48 */
    uint32_t gdt_base __attribute__((packed));
    uint16_t pad;
    uint64_t root;  /* -40 */
    uint64_t stack; /* -32 */
    uint64_t cpu;   /* -24 */
    uint64_t pad2[2];
};
_Static_assert(sizeof(struct trampoline_data) == 56, "as in head.S");

extern const uint8_t trampoline[], trampoline_end[];
extern const uint64_t trampoline_32, boot_gdt[4];

#define TRAMPOLINE(n) (UINT64_C(0x8000) + (n)*PAGE_SIZE)

struct gate {
    uint16_t low, sel;
    uint8_t ist, type;
    uint16_t mid;
    uint32_t high, pad;
};
struct __attribute__((packed)) table {
    uint16_t limit;
    uint64_t base;
};

struct cpu cpus[MAX_CPUS];
unsigned int nr_cpus;
uint8_t cpu_stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(16)));
static struct gate idt[NR_VECTORS] __attribute__((aligned(16)));
static uint64_t page_root;

long hypercall(unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    uint64_t rc = nr;

    __asm__ volatile("call *%[entry]"
                     : "+a"(rc), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
                     : [entry] "b"(hypercall_entry)
                     : "memory", "rcx", "r9", "r11");
    return (long)rc;
}

static void load_idt(void)
{
    const struct table t = {sizeof(idt) - 1, (uintptr_t)idt};

    __asm__ volatile("lidt %0" ::"m"(t));
}

static void make_idt(void)
{
    for (unsigned int i = 0; i < NR_VECTORS; i++) {
        uint64_t a = trap_stubs[i];

        idt[i] = (struct gate){.low = (uint16_t)a,
                               .sel = 8,
                               .type = 0x8e,
                               .mid = (uint16_t)(a >> 16),
                               .high = (uint32_t)(a >> 32)};
    }
}

static void load_gdt(void)
{
    const struct table t = {sizeof(boot_gdt) - 1, (uintptr_t)boot_gdt};

    __asm__ volatile("lgdt %0" ::"m"(t));
}

static void cpu_init(struct cpu *c)
{
    c->arch.self = c;
    load_gdt();
    load_idt();
    wrmsr(MSR_GS_BASE, (uintptr_t)c);
}

void apic_cpu_init(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE | BASE_X2APIC);
    apic_write(APIC_SVR, SVR_ENABLE | SPURIOUS_IRQ);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_TIMER, LVT_DEADLINE | TIMER_IRQ);
    this_cpu()->arch.apic_id = (uint32_t)apic_read(APIC_ID);
}

void ipi_send(unsigned int irq, unsigned int cpu)
{
    apic_write(APIC_ICR, (uint64_t)cpus[cpu].arch.apic_id << 32 | 0x4000 | irq);
}

void boot_primary(const struct hvm_start_info *info)
{
    for (unsigned int i = 0; i < MAX_CPUS; i++)
        cpus[i].index = i;
    make_idt();
    cpu_init(&cpus[0]);
    page_root = mmu_start();
    platform_info = info;
    platform_init();
    cpus[0].online = true;
    apic_cpu_init();
    main();
    power_off();
}

void boot_secondary(struct cpu *c)
{
    cpu_init(c);
    apic_cpu_init();
    c->online = true;
    c->entry(c->arg);
    irqs_off();
    apic_write(APIC_SVR, SPURIOUS_IRQ);
    c->online = false;
    c->arch.parked = true;
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

int cpu_start(unsigned int index, void (*fn)(void *), void *context)
{
    struct cpu *c = &cpus[index];
    uint8_t *page = (uint8_t *)(uintptr_t)TRAMPOLINE(index);
    struct trampoline_data *d = (void *)(page + PAGE_SIZE - sizeof(*d));
    uint64_t icr = (uint64_t)c->arch.apic_id << 32;

    if (index >= nr_cpus)
        return -XEN_ENOENT;
    c->entry = fn;
    c->arg = context;
    c->arch.parked = false;
    memcpy(page, trampoline, (size_t)(trampoline_end - trampoline));
    *d = (struct trampoline_data){
        .far32 = {(uint32_t)(uintptr_t)page + (uint32_t)trampoline_32, 24},
        .gdt_limit = sizeof(boot_gdt) - 1,
        .gdt_base = (uint32_t)(uintptr_t)boot_gdt,
        .root = page_root,
        .stack = (uintptr_t)cpu_stacks[index] + STACK_SIZE - 8, /* as if it had been called */
        .cpu = (uintptr_t)c,
    };
    mb(); /* before it starts */
    apic_write(APIC_ICR, icr | ICR_INIT);
    apic_write(APIC_ICR, icr | ICR_STARTUP | (uint32_t)(TRAMPOLINE(index) >> PAGE_SHIFT));
    return 0;
}

bool cpu_is_off(unsigned int index)
{
    return cpus[index].arch.parked;
}

static void shut_down(unsigned int reason)
{
    struct sched_shutdown op = {.reason = reason};

    sched_op(SCHEDOP_shutdown, &op);
}

void reset_machine(void)
{
    shut_down(SHUTDOWN_reboot);
}

void power_off(void)
{
    shut_down(SHUTDOWN_poweroff);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void timer_set(uint64_t ticks_from_now)
{
    uint64_t at = counter() + ticks_from_now;

    wrmsr(MSR_TSC_DEADLINE, at);
}

void timer_stop(void)
{
    wrmsr(MSR_TSC_DEADLINE, 0);
}

void delay_us(uint64_t us)
{
    uint64_t end = counter() + us * counter_hz() / 1000000;

    while (counter() < end)
        ;
}
