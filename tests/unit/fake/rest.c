/* SPDX-License-Identifier: Apache-2.0 */
/* What common/domain.c and common/evtchn/ call and tests of them need nothing from. */
#include <stdlib.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/hypercall.h>
#include <wherry/machine.h>

#include "world.h"

void machine_poweroff(void)
{
    abort();
}

void machine_restart(void)
{
    abort();
}

void machine_halt(void)
{
    abort();
}

int console_init_domain(struct domain *d)
{
    (void)d;
    return 0;
}

void console_destroy_domain(struct domain *d)
{
    (void)d;
}

void timer_init(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .data = data, .cpu = cpu};
}

void timer_set(struct timer *t, s_time_t expires)
{
    t->expires = expires;
    t->active = true;
}

void timer_stop(struct timer *t)
{
    t->active = false;
}

uint64_t fake_continued_with;

void arch_hypercall_set_arg(struct vcpu *v, unsigned int n, uint64_t value)
{
    (void)v, (void)n;
    fake_continued_with = value;
}
