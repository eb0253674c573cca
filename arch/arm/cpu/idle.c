/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for interrupts with interrupts masked: a hook of the scheduler. */
#include <asm/sysreg.h>
#include <wherry/sched.h>

void arch_idle_wait(void)
{
    cpu_wfi();
}
