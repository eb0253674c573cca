/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fault taken from the hypervisor itself, from vectors.S, on the emergency stack: print what is
 * known and stop. Nothing is repaired here: code that may fault on outside data does not exist.
 */
#include <asm/esr.h>
#include <asm/fault.h>
#include <asm/layout.h>
#include <asm/setup.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/machine.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/symbols.h>

struct emergency_stack {
    uint8_t bytes[EMERGENCY_STACK_SIZE];
} __aligned(16);

DECLARE_PER_CPU(struct emergency_stack, emergency_stack); /* named in vectors.S */
DEFINE_PER_CPU(struct emergency_stack, emergency_stack);

/* Faults taken so far by this CPU: the second is one of the report itself. */
static DEFINE_PER_CPU(unsigned int, nr_faults);

static const char *const vector_names[16] = {
    "synchronous, SP0", "IRQ, SP0", "FIQ, SP0", "SError, SP0",
    "synchronous",      "IRQ",      "FIQ",      "SError",
};

static const char *class_name(unsigned int ec)
{
    switch (ec) {
    case EC_UNKNOWN:
        return "undefined instruction";
    case EC_FP:
        return "FP/SIMD access";
    case EC_IABT_SAME:
        return "instruction abort";
    case EC_DABT_SAME:
        return "data abort";
    case EC_PC_ALIGN:
        return "PC alignment";
    case EC_SP_ALIGN:
        return "SP alignment";
    case EC_SYSREG:
        return "system register access";
    case EC_BRK64:
        return "BRK";
    case EC_SERROR:
        return "SError";
    default:
        return "other";
    }
}

static const char *status_name(uint32_t fsc)
{
    switch (FSC_CLASS(fsc)) {
    case FSC_ADDRSIZE:
        return "address size";
    case FSC_TRANSLATION:
        return "translation";
    case FSC_ACCESS:
        return "access flag";
    case FSC_PERMISSION:
        return "permission";
    case FSC_EXTERNAL:
    case FSC_EXTERNAL_WALK:
        return "external";
    default:
        return fsc == 0x21 ? "alignment" : "other";
    }
}

static bool is_abort(unsigned int ec)
{
    return ec == EC_IABT_SAME || ec == EC_DABT_SAME;
}

void arch_stack_bounds(uintptr_t *low, uintptr_t *high)
{
    *high = STACKS_VIRT + (uintptr_t)(smp_processor_id() + 1) * STACK_SLOT_SIZE;
    *low = *high - STACK_SIZE;
}

/* The guard below some CPU's stack. */
static bool in_guard(uintptr_t va)
{
    uintptr_t off = va - STACKS_VIRT;

    return off < (uintptr_t)CONFIG_NR_CPUS * STACK_SLOT_SIZE &&
           off % STACK_SLOT_SIZE < STACK_SLOT_SIZE - STACK_SIZE;
}

static void explain(const struct hyp_fault_regs *regs)
{
    unsigned int ec = esr_ec(regs->esr);
    uint32_t iss = esr_iss(regs->esr);

    printk("ESR %016lx: %s", regs->esr, class_name(ec));
    if (is_abort(ec))
        printk(", %s fault level %u, %s of %016lx", status_name(iss & DABT_DFSC_MASK), iss & 3,
               ec == EC_IABT_SAME ? "execution"
               : (iss & DABT_WNR) ? "write"
                                  : "read",
               regs->far);
    printk("\n");
    if (ec == EC_DABT_SAME && in_guard(regs->far))
        printk("stack overflow: SP %016lx ran into the guard of its stack\n", regs->sp);
}

static void print_regs(const struct hyp_fault_regs *regs)
{
    uintptr_t offset;
    const char *name = symbol_lookup(regs->elr, &offset);

    if (name != NULL)
        printk("PC  %016lx %s+0x%lx\n", regs->elr, name, offset);
    else
        printk("PC  %016lx\n", regs->elr);
    printk("LR  %016lx SP  %016lx PSTATE %lx\n", regs->x[30], regs->sp, regs->spsr);
    for (unsigned int i = 0; i < 30; i += 3)
        printk("X%-2u %016lx X%-2u %016lx X%-2u %016lx\n", i, regs->x[i], i + 1, regs->x[i + 1],
               i + 2, regs->x[i + 2]);
}

static void report(const struct hyp_fault_regs *regs)
{
    printk("\nFAULT in the hypervisor, pCPU %u, vector %lu (%s)\n", smp_processor_id(),
           regs->vector, vector_names[regs->vector & 15]);
    if (current != NULL)
        printk("current is d%uv%u\n", current->domain->id, current->id);
    explain(regs);
    print_regs(regs);
    backtrace(regs->x[29], regs->elr);
}

void hyp_fault(const struct hyp_fault_regs *regs)
{
    unsigned int nr = ++this_cpu(nr_faults);

    panic_begin();
    if (nr == 1) {
        report(regs);
        printk("stopped\n");
    } else {
        printk("another fault while reporting: ESR %lx FAR %lx PC %lx\n", regs->esr, regs->far,
               regs->elr);
    }
    machine_halt();
}
