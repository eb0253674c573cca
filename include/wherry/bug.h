/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the hypervisor stops on its own broken invariants. Never for bad input: that is an errno,
 * or domain_crash() for a guest that cannot go on (docs/errors.md).
 */
#ifndef WHERRY_BUG_H
#define WHERRY_BUG_H

#include <wherry/compiler.h>

/* Print the message, registers' backtrace, stop every CPU. Callable from any context. */
void __noreturn panic(const char *fmt, ...) __printf(1, 2);

/*
 * The arch before it reports a fault of the hypervisor: stops the other CPUs, frees the console of
 * its lock. Does not return if another CPU is already reporting, or reporting itself fails.
 */
void panic_begin(void);

/* The file and line of a failed BUG_ON/ASSERT; prints a backtrace and stops. */
void __noreturn bug_at(const char *file, int line, const char *what);

#define BUG() bug_at(__FILE__, __LINE__, "BUG")
#define BUG_ON(c)                           \
    do {                                    \
        if (unlikely(c))                    \
            bug_at(__FILE__, __LINE__, #c); \
    } while (0)

#ifdef CONFIG_DEBUG
#define ASSERT(c) BUG_ON(!(c))
#else
#define ASSERT(c) ((void)sizeof(!(c)))
#endif

#endif
