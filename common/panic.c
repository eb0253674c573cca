/* SPDX-License-Identifier: Apache-2.0 */
/* The end: include/wherry/bug.h. Says what is broken and where, stops every CPU. */
#include <stdarg.h>
#include <wherry/atomic.h>
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/machine.h>
#include <wherry/printk.h>
#include <wherry/smp.h>
#include <wherry/symbols.h>

static atomic32_t panicking; /* the first one speaks, all others stop */

static void panic_enter(void)
{
    if (atomic32_xchg(&panicking, 1) != 0)
        machine_halt();
    console_start_panic();
    arch_smp_stop_others();
}

void panic(const char *fmt, ...)
{
    va_list args;

    panic_enter();
    printk("\nPANIC on pCPU %u: ", smp_processor_id());
    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
    dump_backtrace();
    printk("stopped\n");
    machine_halt();
}

void bug_at(const char *file, int line, const char *what)
{
    panic_enter();
    printk("\nBUG on pCPU %u: %s at %s:%d\n", smp_processor_id(), what, file, line);
    dump_backtrace();
    printk("stopped\n");
    machine_halt();
}
