/* SPDX-License-Identifier: Apache-2.0 */
/* Boot steps register themselves with one line; the enum is the order. */
#ifndef WHERRY_INIT_H
#define WHERRY_INIT_H

#include <wherry/types.h>

enum init_level {
    INIT_EARLY,   /* console usable, boot CPU only, no allocator: command line, device tree */
    INIT_MEMORY,  /* page allocator and slab work after this level */
    INIT_IRQ,     /* host interrupt controller, timer */
    INIT_CORE,    /* scheduler, domains, event channels: tables that guests rely on */
    INIT_SMP,     /* the other pCPUs come up */
    INIT_DRIVERS, /* what needs all CPUs: debug keys, console input interrupt */
    INIT_DOMAINS, /* domains are built from the boot configuration */
    INIT_NR_LEVELS
};

struct init_call {
    int (*fn)(void);
    const char *name;
    uint32_t level;
};

/* Register `fn` (int fn(void), 0 or -errno; an error panics the boot with the name). */
#define INIT_CALL(lvl, fn_)                                                       \
    static const struct init_call init_call_##fn_ __used __section(".init_calls") \
        __aligned(8) = {.fn = (fn_), .name = #fn_, .level = (lvl)}

extern const struct init_call __init_calls_start[], __init_calls_end[];

/* arch hook: everything is up; drop what only booting needed (init sections). */
void arch_boot_finished(void);

/* Entry from arch boot code on the boot CPU: MMU on, per-CPU set, early console up. */
void __noreturn start_hypervisor(void);

#endif
