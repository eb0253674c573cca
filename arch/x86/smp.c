/* SPDX-License-Identifier: Apache-2.0 */
/* The pCPUs: found in the MADT, given per-CPU memory and a guarded stack, started by INIT/SIPI. */
#include <asm/apic.h>
#include <asm/desc.h>
#include <asm/mmu.h>
#include <asm/msr.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/time.h>
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>
#include <wherry/printk.h>
#include <wherry/smp.h>
#include <wherry/timer.h>

/* A CPU that does not come up in this time is left out. */
#define CPU_ON_TIMEOUT MILLISECS(1000)

extern char __percpu_start[], __percpu_end[];

__section(".data.percpu") uintptr_t percpu_this_offset;

/* Both: boot CPU, before any other runs. */
uint32_t cpu_apic_id[CONFIG_NR_CPUS];
static unsigned int nr_cpus = 1;

/* Of 32 bits where leaf 0xb has it. */
static uint32_t __init boot_apic_id(void)
{
    struct cpuid_leaf l = {0};

    if (cpuid(0, 0).a >= 0xb)
        l = cpuid(0xb, 0);
    return (l.b & 0xffff) != 0 ? l.d : cpuid(1, 0).b >> 24;
}

void __init smp_add_cpu(uint32_t apic_id)
{
    if (nr_cpus == 1)
        cpu_apic_id[0] = boot_apic_id();
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (cpu_apic_id[i] == apic_id)
            return; /* some firmware lists one twice, once for each kind of id */
    if (nr_cpus == CONFIG_NR_CPUS) {
        printk("smp: CPU %x left out: built for %u CPUs\n", apic_id, CONFIG_NR_CPUS);
        return;
    }
    cpu_apic_id[nr_cpus++] = apic_id;
}

void __init smp_alloc_percpu(void)
{
    size_t size = (size_t)(__percpu_end - __percpu_start);
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < size)
        order++;
    for (unsigned int cpu = 1; cpu < nr_cpus; cpu++) {
        struct page *pg = page_alloc_zeroed(order);

        if (pg == NULL)
            panic("smp: no memory for CPU %u\n", cpu);
        memcpy(page_to_virt(pg), __percpu_start, size);
        percpu_offset[cpu] = (uintptr_t)page_to_virt(pg) - (uintptr_t)__percpu_start;
        per_cpu(cpu_id, cpu) = cpu;
        *(uintptr_t *)((uintptr_t)&percpu_this_offset + percpu_offset[cpu]) = percpu_offset[cpu];
    }
}

/* In the copy of the trampoline. */
static void __init set_trampoline(const uint64_t *word, uint64_t v)
{
    size_t off = (size_t)((const char *)word - trampoline_start);

    *(volatile uint64_t *)((char *)arch_paddr_to_virt(paddr(TRAMPOLINE_PHYS)) + off) = v;
}

static int __init start_cpu(unsigned int cpu)
{
    s_time_t give_up;
    int rc = mmu_map_stack(cpu);

    if (rc != 0)
        return rc;
    set_trampoline(&trampoline_cr3, mmu_root().v);
    set_trampoline(&trampoline_stack, STACKS_VIRT + (uintptr_t)(cpu + 1) * STACK_SLOT_SIZE);
    set_trampoline(&trampoline_offset, percpu_offset[cpu]);
    /* SDM vol. 3, 9.4.4: INIT, 10 ms, SIPI, 200 us, and once more if it did not come. */
    apic_send_init(cpu_apic_id[cpu]);
    time_delay(MILLISECS(10));
    for (unsigned int i = 0; i < 2 && !cpu_online(cpu); i++) {
        apic_send_startup(cpu_apic_id[cpu], TRAMPOLINE_PHYS >> PAGE_SHIFT);
        time_delay(MICROSECS(200));
    }
    give_up = arch_now() + CPU_ON_TIMEOUT;
    while (!cpu_online(cpu))
        if (arch_now() > give_up)
            return -ETIMEDOUT;
    return 0;
}

/* Each ends in smp_cpu_ready(). */
static int __init smp_init(void)
{
    memcpy(arch_paddr_to_virt(paddr(TRAMPOLINE_PHYS)), trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
    for (unsigned int cpu = 1; cpu < nr_cpus; cpu++) {
        int rc = start_cpu(cpu);

        if (rc != 0)
            printk("smp: CPU %u (%x) does not start (%d)\n", cpu, cpu_apic_id[cpu], rc);
    }
    return 0;
}
INIT_CALL(INIT_SMP, smp_init);

void smp_secondary_start(void)
{
    desc_setup();
    cpu_setup();
    for (uint32_t order = 0; order < CPU_INIT_NR; order++)
        for (const struct cpu_init_call *c = __cpu_init_calls_start; c < __cpu_init_calls_end; c++)
            if (c->order == order)
                c->fn();
    smp_cpu_ready();
}

void arch_smp_kick(unsigned int cpu)
{
    apic_send(cpu_apic_id[cpu], VEC_KICK);
}

void arch_smp_stop_others(void)
{
    unsigned int cpu;

    if (num_online_cpus() < 2)
        return;
    for_each_online_cpu (cpu)
        if (cpu != smp_processor_id())
            apic_send_nmi(cpu_apic_id[cpu]);
}
