/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of a payload: expected ones are recorded and skipped, others end the run. */
#include "payload.h"

void expect_trap(void)
{
    struct cpu *c = this_cpu();

    c->trapped = false;
    c->expecting = true;
}

bool trap_taken(struct trap_info *info)
{
    struct cpu *c = this_cpu();

    c->expecting = false;
    if (info != NULL)
        *info = c->trap;
    return c->trapped;
}

bool memory_read8(uintptr_t a, uint8_t *v)
{
    expect_trap();
    *v = mmio_read8(a);
    return !trap_taken(NULL);
}

static _Noreturn void die_of(const char *what, const struct trap_frame *f)
{
    this_cpu()->expecting = false;
    die("vCPU %u: %s: esr %llx far %llx pc +%llx lr +%llx", this_cpu()->index, what,
        (unsigned long long)SYSREG_READ("esr_el1"), (unsigned long long)SYSREG_READ("far_el1"),
        (unsigned long long)(f->elr - (uint64_t)(uintptr_t)_head),
        (unsigned long long)(f->x[30] - (uint64_t)(uintptr_t)_head));
}

void trap_sync(struct trap_frame *f)
{
    struct cpu *c = this_cpu();

    if (!c->expecting)
        die_of("unexpected trap", f);
    c->trap = (struct trap_info){SYSREG_READ("esr_el1"), SYSREG_READ("far_el1"), f->elr};
    c->trapped = true;
    f->elr += 4;
}

void trap_other(struct trap_frame *f)
{
    die_of("trap of a kind that nothing here causes", f);
}
