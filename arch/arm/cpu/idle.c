/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for interrupts and noticing them, with interrupts masked: hooks of the scheduler. */
#include <asm/sysreg.h>
#include <wherry/sched.h>

/* ISR_EL1 (Arm ARM D17.2.84): physical interrupts pending, seen from EL2. */
#define ISR_F BIT64(6)
#define ISR_I BIT64(7)

void arch_idle_wait(void)
{
    cpu_wfi();
}

bool arch_irq_pending(void)
{
    return (READ_SYSREG(isr_el1) & (ISR_I | ISR_F)) != 0;
}
