/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses that nobody claims abort, and the rest of the machine does not mind. */
#include "suite.h"

#define NOWHERE 0x10000000u /* no RAM and no device in the guest's map */

static void unclaimed(bool write, const char *what)
{
    struct trap_info t;

    expect_trap();
    if (write)
        mmio_write32(NOWHERE + 0x34, 0x12345678);
    else
        mmio_read32(NOWHERE + 0x34);
    if (!tap(trap_taken(&t), "an unclaimed %s aborts", what))
        return;
    tap_eq(ESR_EC(t.esr), ESR_EC_DABT_SAME_EL, "unclaimed %s: class of the abort", what);
    tap_eq((int64_t)t.far, NOWHERE + 0x34, "unclaimed %s: its address", what);
    tap((t.esr & ESR_IL) != 0, "unclaimed %s: IL is set", what);
}

static void keeps_register(void)
{
    uint64_t v = 0x1122334455667788, a = NOWHERE;

    expect_trap();
    __asm__ volatile("ldr %w0, [%1]" : "+r"(v) : "r"(a) : "memory");
    tap(trap_taken(NULL) && v == 0x1122334455667788, "an aborted load leaves its register");
}

static void keeps_base(void)
{
    uint64_t a = NOWHERE, v = 0;

    expect_trap();
    __asm__ volatile("ldr %0, [%1], #8" : "=r"(v), "+r"(a)::"memory");
    tap(trap_taken(NULL) && a == NOWHERE, "an aborted post-indexed load leaves its base");
    a = NOWHERE;
    expect_trap();
    __asm__ volatile("str %0, [%1, #16]!" : "+r"(v), "+r"(a)::"memory");
    tap(trap_taken(NULL) && a == NOWHERE, "an aborted pre-indexed store leaves its base");
}

static void undefined(void)
{
    struct trap_info t;

    expect_trap();
    __asm__ volatile("udf #1" ::: "memory");
    tap(trap_taken(&t) && ESR_EC(t.esr) == ESR_EC_UNKNOWN, "an undefined instruction traps here");
    expect_trap();
    __asm__ volatile("smc #0" ::: "x0", "x1", "x2", "x3", "memory");
    trap_taken(NULL);
    tap(true, "SMC comes back, as a call or as a trap");
}

void test_traps(void)
{
    unclaimed(false, "read");
    unclaimed(true, "write");
    keeps_register();
    keeps_base();
    undefined();
}
