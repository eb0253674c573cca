/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pCPUs: found in the device tree, given per-CPU memory and a guarded stack, started by PSCI,
 * reached by SGIs.
 */
#include <asm/gic.h>
#include <asm/mmu.h>
#include <asm/psci.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/sysreg.h>
#include <wherry/bug.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/machine.h>
#include <wherry/mm.h>
#include <wherry/printk.h>
#include <wherry/smp.h>
#include <wherry/timer.h>

/* A CPU that does not come up in this time is left out. */
#define CPU_ON_TIMEOUT MILLISECS(1000)

extern char __percpu_start[], __percpu_end[];

/* Both: boot CPU, before any other runs. */
uint64_t cpu_mpidr[CONFIG_NR_CPUS];
uint64_t cpu_present_mask;

static unsigned int __init add_cpu(uint64_t mpidr, unsigned int next)
{
    if (mpidr == cpu_mpidr[0])
        return next;
    if (next == CONFIG_NR_CPUS) {
        printk("smp: CPU %lx left out: built for %u CPUs\n", mpidr, CONFIG_NR_CPUS);
        return next;
    }
    cpu_mpidr[next] = mpidr;
    cpu_present_mask |= BIT64(next);
    return next + 1;
}

static void __init scan_cpus(const struct fdt *fdt, int cpus)
{
    unsigned int next = 1;
    int node;

    fdt_for_each_subnode (fdt, node, cpus) {
        const char *type = fdt_prop_string(fdt, node, "device_type");
        const char *method = fdt_prop_string(fdt, node, "enable-method");
        uint64_t mpidr, none;

        if (type == NULL || strcmp(type, "cpu") != 0 || !fdt_is_available(fdt, node))
            continue;
        if (fdt_get_reg(fdt, node, 0, &mpidr, &none) != 0) {
            printk("smp: %s: bad \"reg\", left out\n", fdt_node_name(fdt, node));
            continue;
        }
        if (mpidr != cpu_mpidr[0] && (method == NULL || strcmp(method, "psci") != 0)) {
            printk("smp: %s: \"enable-method\" is not psci, left out\n", fdt_node_name(fdt, node));
            continue;
        }
        next = add_cpu(mpidr, next);
    }
}

static int __init smp_find_cpus(void)
{
    const struct fdt *fdt = host_fdt();
    int cpus = fdt_find_path(fdt, "/cpus");

    for (unsigned int i = 0; i < CONFIG_NR_CPUS; i++)
        cpu_mpidr[i] = MPIDR_INVALID;
    cpu_mpidr[0] = READ_SYSREG(mpidr_el1) & MPIDR_HWID_MASK;
    cpu_present_mask = 1;
    if (cpus < 0)
        printk("smp: no /cpus: one CPU\n");
    else
        scan_cpus(fdt, cpus);
    return 0;
}
INIT_CALL(INIT_EARLY, smp_find_cpus);

void __init smp_alloc_percpu(void)
{
    size_t size = (size_t)(__percpu_end - __percpu_start);
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < size)
        order++;
    for (unsigned int cpu = 1; cpu < CONFIG_NR_CPUS; cpu++) {
        struct page *pg;

        if (!(cpu_present_mask & BIT64(cpu)))
            continue;
        pg = page_alloc_zeroed(order);
        if (pg == NULL)
            panic("smp: no memory for CPU %u\n", cpu);
        memcpy(page_to_virt(pg), __percpu_start, size);
        percpu_offset[cpu] = (uintptr_t)page_to_virt(pg) - (uintptr_t)__percpu_start;
        per_cpu(cpu_id, cpu) = cpu;
    }
}

static int __init start_cpu(unsigned int cpu)
{
    s_time_t give_up;
    int rc = mmu_map_stack(cpu);

    if (rc != 0)
        return rc;
    rc = psci_cpu_on(cpu_mpidr[cpu], arch_image_to_paddr((void *)secondary_start), cpu);
    if (rc != 0)
        return rc;
    give_up = arch_now() + CPU_ON_TIMEOUT;
    while (!cpu_online(cpu))
        if (arch_now() > give_up)
            return -ETIMEDOUT;
    return 0;
}

/* Each ends in smp_cpu_ready(). */
static int __init smp_init(void)
{
    for (unsigned int cpu = 1; cpu < CONFIG_NR_CPUS; cpu++) {
        int rc;

        if (!(cpu_present_mask & BIT64(cpu)))
            continue;
        rc = start_cpu(cpu);
        if (rc != 0)
            printk("smp: CPU %u (%lx) does not start (%d)\n", cpu, cpu_mpidr[cpu], rc);
    }
    return 0;
}
INIT_CALL(INIT_SMP, smp_init);

void smp_secondary_start(unsigned int cpu)
{
    if ((READ_SYSREG(mpidr_el1) & MPIDR_HWID_MASK) != cpu_mpidr[cpu])
        machine_halt(); /* the firmware started another one than we asked for */
    for (uint32_t order = 0; order < CPU_INIT_NR; order++)
        for (const struct cpu_init_call *c = __cpu_init_calls_start; c < __cpu_init_calls_end; c++)
            if (c->order == order)
                c->fn();
    smp_cpu_ready();
}

/* --- messages --- */

void arch_smp_kick(unsigned int cpu)
{
    gic_send_sgi(cpu, SGI_KICK);
}

void arch_smp_stop_others(void)
{
    unsigned int cpu;

    if (num_online_cpus() < 2)
        return;
    for_each_online_cpu (cpu)
        if (cpu != smp_processor_id())
            gic_send_sgi(cpu, SGI_STOP);
}

static void kick_handler(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    smp_kick_received();
}

static void stop_handler(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    machine_halt();
}

static void sgi_cpu_init(void)
{
    if (irq_request(SGI_KICK, IRQ_TYPE_EDGE, kick_handler, NULL) != 0 ||
        irq_request(SGI_STOP, IRQ_TYPE_EDGE, stop_handler, NULL) != 0)
        panic("smp: SGIs are taken\n");
}
CPU_INIT_CALL(CPU_INIT_TIMER, sgi_cpu_init);

static int __init sgi_boot_cpu_init(void)
{
    sgi_cpu_init();
    return 0;
}
INIT_CALL(INIT_CORE, sgi_boot_cpu_init);
