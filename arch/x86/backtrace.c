/* SPDX-License-Identifier: Apache-2.0 */
/* Call chains by frame pointer, only ever inside this CPU's own stack. */
#include <asm/desc.h>
#include <asm/layout.h>
#include <asm/setup.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/symbols.h>

#define MAX_FRAMES 32

void arch_stack_bounds(uintptr_t *low, uintptr_t *high)
{
    if (smp_processor_id() == 0)
        *high = (uintptr_t)_boot_stack + STACK_SIZE;
    else
        *high = STACKS_VIRT + (uintptr_t)(smp_processor_id() + 1) * STACK_SLOT_SIZE;
    *low = *high - STACK_SIZE;
}

static void print_frame(unsigned int n, uintptr_t pc)
{
    uintptr_t offset;
    const char *name = symbol_lookup(pc, &offset);

    if (name != NULL)
        printk(" #%u %016lx %s+0x%lx\n", n, pc, name, offset);
    else
        printk(" #%u %016lx\n", n, pc);
}

void arch_backtrace(uintptr_t fp, uintptr_t pc)
{
    uintptr_t low, high;
    unsigned int n = 0;

    arch_stack_bounds(&low, &high);
    printk("backtrace:\n");
    print_frame(n++, pc);
    while (n < MAX_FRAMES && fp >= low && fp <= high - 16 && fp % 8 == 0) {
        const uintptr_t *record = (const uintptr_t *)fp;

        if (record[1] == 0)
            break;
        print_frame(n++, record[1] - 1); /* the call, not where it returns to */
        if (record[0] <= fp)
            break; /* the chain only goes up */
        fp = record[0];
    }
}

void dump_backtrace(void)
{
    const uintptr_t *record = __builtin_frame_address(0);

    arch_backtrace(record[0], (uintptr_t)__builtin_return_address(0) - 1);
}
