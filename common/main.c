/* SPDX-License-Identifier: Apache-2.0 */
/* From the arch's boot code to the scheduler: the init levels of include/wherry/init.h in order. */
#include <wherry/bug.h>
#include <wherry/init.h>
#include <wherry/mm.h>
#include <wherry/printk.h>
#include <wherry/rcu.h>
#include <wherry/sched.h>
#include <wherry/smp.h>
#include <wherry/version.h>

uint64_t cpu_online_mask; /* each CPU sets its own bit, once, atomically */

uintptr_t percpu_offset[CONFIG_NR_CPUS];
DEFINE_PER_CPU(unsigned int, cpu_id);

unsigned int num_online_cpus(void)
{
    unsigned int n = 0;

    /* No builtin: it may become a call into the compiler's library. */
    for (uint64_t mask = READ_ONCE(cpu_online_mask); mask != 0; mask &= mask - 1)
        n++;
    return n;
}

static void set_cpu_online(unsigned int cpu)
{
    __atomic_fetch_or(&cpu_online_mask, UINT64_C(1) << cpu, __ATOMIC_SEQ_CST);
}

static void run_level(uint32_t level)
{
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++) {
        int rc;

        if (c->level != level)
            continue;
        rc = c->fn();
        if (rc != 0)
            panic("boot: %s failed (%d)\n", c->name, rc);
    }
}

static int announce(void)
{
    uint64_t total, free;

    page_stats(&total, &free);
    printk("%u pCPUs, %lu MiB of memory, %lu MiB free\n", num_online_cpus(),
           (unsigned long)(total >> (20 - PAGE_SHIFT)), (unsigned long)(free >> (20 - PAGE_SHIFT)));
    return 0;
}
INIT_CALL(INIT_DRIVERS, announce);

void __noreturn start_hypervisor(void)
{
    rcu_enter();
    set_cpu_online(smp_processor_id());
    printk("Wherry " WHERRY_VERSION "\n");
    for (uint32_t level = 0; level < INIT_NR_LEVELS; level++)
        run_level(level);
    arch_boot_finished();
    sched_start();
}

void __noreturn smp_cpu_ready(void)
{
    rcu_enter();
    set_cpu_online(smp_processor_id());
    sched_start();
}
