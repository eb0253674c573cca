/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's log and its last words: stderr, and abort() so that the sanitizers report. */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wherry/bug.h>
#include <wherry/printk.h>

char fake_log[FAKE_LOG_SIZE];

static void out(const char *fmt, va_list args)
{
    static bool busy; /* atomically; guards fake_log against other threads */
    va_list copy;
    size_t used;

    while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        ;
    used = strlen(fake_log);
    va_copy(copy, args);
    vsnprintf(fake_log + used, sizeof(fake_log) - used, fmt, copy);
    va_end(copy);
    __atomic_clear(&busy, __ATOMIC_RELEASE);
    if (getenv("FAKE_LOG") != NULL)
        vfprintf(stderr, fmt, args);
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    out(fmt, args);
    va_end(args);
}

void gprintk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    out(fmt, args);
    va_end(args);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    abort();
}

void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}
