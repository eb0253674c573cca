/* SPDX-License-Identifier: Apache-2.0 */
/* What the PVH start info and the hypervisor's CPUID leaves say. */
#include "payload.h"
#include <public/arch-x86/hvm/start_info.h>

#define XEN_LEAF     0x40000000u
#define STUB         32 /* bytes of the hypercall page for each number */
#define STUB_VMMCALL 0xd9

void call_vmcall(void);
void call_vmmcall(void);

const struct hvm_start_info *platform_info;
void (*hypercall_entry)(void) = call_vmcall;
static uint8_t hypercall_page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t tsc_hz = 1000000000;

static const void *at(uint64_t pa)
{
    return (const void *)(uintptr_t)pa;
}

static void find_hypervisor(void)
{
    struct cpuid id = cpuid(XEN_LEAF, 0);

    /* "XenVMMXenVMM" */
    under_hypervisor = id.b == 0x566e6558 && id.c == 0x65584d4d && id.d == 0x4d4d566e;
    if (!under_hypervisor)
        return;
    wrmsr(cpuid(XEN_LEAF + 2, 0).b, (uintptr_t)hypercall_page);
    /* MOV $n, %eax; VMCALL or VMMCALL. The page has 128 numbers, the tests want others too. */
    if (hypercall_page[7] == STUB_VMMCALL)
        hypercall_entry = call_vmmcall;
    scratch_base = SCRATCH_BASE;
    scratch_size = SCRATCH_SIZE;
    evtchn_irq = EVTCHN_IRQ;
    tsc_hz = cpuid(XEN_LEAF + 3, 0).c * UINT64_C(1000);
}

static void find_memory(void)
{
    const struct hvm_memmap_table_entry *e = at(platform_info->memmap_paddr);

    for (uint32_t i = 0; i < platform_info->memmap_entries; i++)
        if (e[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
            memory_size += e[i].size;
}

/* Where CPUID has no topology: the hypervisor knows of each vCPU whether it is up. */
static unsigned int ask_for_cpus(void)
{
    unsigned int n = 1;

    while (under_hypervisor && n < MAX_CPUS && vcpu_op(VCPUOP_is_up, n, NULL) >= 0)
        n++;
    return n;
}

/* No ACPI tables are needed: the local APICs are numbered 0, 2, 4... (docs/x86.md). */
static void find_cpus(void)
{
    nr_cpus = cpuid(0xb, 1).b & 0xffff;
    if (nr_cpus == 0)
        nr_cpus = ask_for_cpus();
    if (nr_cpus > MAX_CPUS)
        nr_cpus = MAX_CPUS;
    for (unsigned int i = 0; i < nr_cpus; i++) {
        cpus[i].arch.apic_id = 2 * i;
        cpus[i].arch.parked = i != 0;
    }
}

void platform_init(void)
{
    find_hypervisor();
    if (platform_info->magic != XEN_HVM_START_MAGIC_VALUE)
        die("no start info");
    if (platform_info->cmdline_paddr != 0)
        bootargs = at(platform_info->cmdline_paddr);
    if (platform_info->nr_modules != 0) {
        const struct hvm_modlist_entry *m = at(platform_info->modlist_paddr);

        initrd_base = m->paddr;
        initrd_size = m->size;
    }
    find_memory();
    find_cpus();
}

uint64_t counter_hz(void)
{
    return tsc_hz;
}

/* The vCPU's own record of the paravirtual clock (the ABI's struct vcpu_time_info). */
uint64_t now_ns(void)
{
    const struct vcpu_time_info *t = &events_info()->time;
    uint64_t delta, ns;
    uint32_t version;

    do {
        version = READ_ONCE(t->version) & ~1u;
        rmb(); /* the version before the rest, and once more after it */
        delta = counter() - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        ns = t->system_time + (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        rmb();
    } while (version != READ_ONCE(t->version));
    return ns;
}

bool events_upcall_waits(void)
{
    return READ_ONCE(events_info()->evtchn_upcall_pending) != 0;
}
