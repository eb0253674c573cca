/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call chains by frame pointer (a frame begins with the caller's frame pointer and the return
 * address), only ever inside this CPU's own stack.
 */
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/symbols.h>

#define MAX_FRAMES 32

/* Inside the call that a return address is behind. */
#define CALL_BEFORE(pc) ((pc)-1)

static void print_frame(unsigned int n, uintptr_t pc)
{
    uintptr_t offset;
    const char *name = symbol_lookup(pc, &offset);

    if (name != NULL)
        printk(" #%u %016lx %s+0x%lx\n", n, pc, name, offset);
    else
        printk(" #%u %016lx\n", n, pc);
}

void backtrace(uintptr_t fp, uintptr_t pc)
{
    uintptr_t low, high;
    unsigned int n = 0;

    arch_stack_bounds(&low, &high);
    printk("backtrace:\n");
    print_frame(n++, pc);
    while (n < MAX_FRAMES && fp >= low && fp <= high - 16 && fp % sizeof(uintptr_t) == 0) {
        const uintptr_t *record = (const uintptr_t *)fp;

        if (record[1] == 0)
            break;
        print_frame(n++, CALL_BEFORE(record[1])); /* the call, not where it returns to */
        if (record[0] <= fp)
            break; /* the chain only goes up */
        fp = record[0];
    }
}

void dump_backtrace(void)
{
    const uintptr_t *record = __builtin_frame_address(0);

    /* From the caller's frame: this one may be gone by the time it is looked at (tail call). */
    backtrace(record[0], CALL_BEFORE((uintptr_t)__builtin_return_address(0)));
}
