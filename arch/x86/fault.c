/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exception of the hypervisor itself: print what is known and stop. Nothing is repaired here:
 * code that may fault on outside data does not exist.
 */
#include <asm/desc.h>
#include <asm/layout.h>
#include <asm/msr.h>
#include <asm/setup.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/machine.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/symbols.h>

/* Faults taken so far by this CPU: the second is one of the report itself. */
static DEFINE_PER_CPU(unsigned int, nr_faults);

static const char *const names[32] = {
    [VEC_DE] = "divide error",
    [VEC_DB] = "debug",
    [VEC_NMI] = "NMI",
    [VEC_BP] = "breakpoint",
    [VEC_OF] = "overflow",
    [VEC_BR] = "bound range",
    [VEC_UD] = "undefined instruction",
    [VEC_NM] = "no FPU",
    [VEC_DF] = "double fault",
    [VEC_TS] = "invalid TSS",
    [VEC_NP] = "segment not present",
    [VEC_SS] = "stack segment",
    [VEC_GP] = "general protection",
    [VEC_PF] = "page fault",
    [VEC_MF] = "x87 error",
    [VEC_AC] = "alignment",
    [VEC_MC] = "machine check",
    [VEC_XM] = "SIMD error",
};

void arch_stack_bounds(uintptr_t *low, uintptr_t *high)
{
    if (smp_processor_id() == 0)
        *high = (uintptr_t)_boot_stack + STACK_SIZE;
    else
        *high = STACKS_VIRT + (uintptr_t)(smp_processor_id() + 1) * STACK_SLOT_SIZE;
    *low = *high - STACK_SIZE;
}

/* The guard below some CPU's stack. */
static bool in_guard(uintptr_t va)
{
    uintptr_t off = va - STACKS_VIRT;

    if (va >= (uintptr_t)_boot_guard && va < (uintptr_t)_boot_stack)
        return true;
    return off < (uintptr_t)CONFIG_NR_CPUS * STACK_SLOT_SIZE &&
           off % STACK_SLOT_SIZE < STACK_SLOT_SIZE - STACK_SIZE;
}

static void explain_page_fault(const struct host_frame *f)
{
    uint64_t va = read_cr2();

    printk("%s of %016lx (%s), error %lx\n",
           f->error & 0x10  ? "execution"
           : f->error & 0x2 ? "write"
                            : "read",
           va, f->error & 1 ? "not allowed" : "not mapped", f->error);
}

static void print_regs(const struct host_frame *f)
{
    uintptr_t offset;
    const char *name = symbol_lookup(f->rip, &offset);

    printk("RIP %016lx %s+0x%lx\n", f->rip, name != NULL ? name : "?", name != NULL ? offset : 0);
    printk("RSP %016lx RFLAGS %08lx error %lx\n", f->rsp, f->rflags, f->error);
    printk("RAX %016lx RBX %016lx RCX %016lx\n", f->rax, f->rbx, f->rcx);
    printk("RDX %016lx RSI %016lx RDI %016lx\n", f->rdx, f->rsi, f->rdi);
    printk("RBP %016lx R8  %016lx R9  %016lx\n", f->rbp, f->r8, f->r9);
    printk("R10 %016lx R11 %016lx R12 %016lx\n", f->r10, f->r11, f->r12);
    printk("R13 %016lx R14 %016lx R15 %016lx\n", f->r13, f->r14, f->r15);
}

static void report(const struct host_frame *f)
{
    const char *name = f->vector < 32 ? names[f->vector] : NULL;

    printk("\nFAULT in the hypervisor, pCPU %u, vector %lu (%s)\n", smp_processor_id(), f->vector,
           name != NULL ? name : "reserved");
    if (current != NULL)
        printk("current is d%uv%u\n", current->domain->id, current->id);
    if (f->vector == VEC_PF)
        explain_page_fault(f);
    if ((f->vector == VEC_PF || f->vector == VEC_DF) && (in_guard(read_cr2()) || in_guard(f->rsp)))
        printk("stack overflow: RSP %016lx ran into the guard of its stack\n", f->rsp);
    print_regs(f);
    backtrace(f->rbp, f->rip);
}

void host_fault(const struct host_frame *f)
{
    unsigned int nr = ++this_cpu(nr_faults);

    if (f->vector == VEC_NMI) /* arch_smp_stop_others() */
        machine_halt();
    panic_begin();
    if (nr == 1) {
        report(f);
        printk("stopped\n");
    } else {
        printk("another fault while reporting: vector %lu error %lx RIP %lx CR2 %lx\n", f->vector,
               f->error, f->rip, read_cr2());
    }
    machine_halt();
}
