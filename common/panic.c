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

#define MAX_NESTED 3

/* The CPU that speaks, plus one; 0: none yet. All others stop. */
static atomic32_t speaker;
static unsigned int nested; /* times the speaker came here; its own */

void panic_begin(void)
{
    uint32_t me = smp_processor_id() + 1;
    uint32_t none = 0;

    if (!atomic32_cmpxchg(&speaker, &none, me) && none != me)
        machine_halt();
    if (++nested > MAX_NESTED)
        machine_halt(); /* reporting is what fails */
    console_start_panic();
    if (nested == 1)
        arch_smp_stop_others();
}

void panic(const char *fmt, ...)
{
    va_list args;

    panic_begin();
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
    panic_begin();
    printk("\nBUG on pCPU %u: %s at %s:%d\n", smp_processor_id(), what, file, line);
    dump_backtrace();
    printk("stopped\n");
    machine_halt();
}
