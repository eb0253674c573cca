/* SPDX-License-Identifier: Apache-2.0 */
/* The suite's small parts that are Arm's. */
#include "suite.h"

bool nothing_there(const struct box *b, uint64_t addr)
{
    return b->trapped && nr_seen == 0 && ESR_EC(b->trap.esr) == ESR_EC_DABT_SAME_EL &&
           b->trap.far == addr;
}

bool arch_has_op(uint32_t nr)
{
    return nr == XEN_DMOP_set_irq_level;
}

void arch_test_dm_ops(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_set_irq_level};
    struct xen_dm_op_set_irq_level *l = &op.u.set_irq_level;

    l->irq = 31;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "line: a private interrupt");
    l->irq = 5000;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "line: no such interrupt");
    l->irq = 0xffffffff;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "line: certainly not");
    l->irq = 45;
    l->level = 2;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "line: level 2");
    l->level = 0;
    l->pad[1] = 1;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "line: padding");
    l->pad[1] = 0;
    tap_eq(dm_op(GUEST, &op), 0, "line: lowered");
}

void arch_hammer(uint64_t *word)
{
    for (unsigned int i = 0; i < 100; i++) {
        uint64_t v;
        uint32_t fail;

        __asm__ volatile("ldxr %0, [%2]\n\tstxr %w1, %0, [%2]"
                         : "=&r"(v), "=&r"(fail)
                         : "r"(word)
                         : "memory");
    }
}

/* A translation must not outlive its entry, whatever the cache was told by set and way. */
void arch_test_security(void)
{
    uint64_t at = scratch_alloc(1);
    bool trapped;

    foreign_map(GUEST, CONTROL_GPA >> PAGE_SHIFT, at);
    (void)READ_ONCE(*(uint64_t *)(uintptr_t)at);
    for (uint64_t way = 0; way < 4; way++)
        for (uint64_t set = 0; set < 64; set++)
            __asm__ volatile("dc cisw, %0" ::"r"(way << 30 | set << 6) : "memory");
    mb();
    tap_eq((int64_t)READ_ONCE(*(uint64_t *)(uintptr_t)at), CONTROL_MAGIC,
           "xsa-393: maintenance by set and way leaves a foreign page mapped");
    foreign_unmap(at);
    expect_trap();
    (void)mmio_read64(at);
    trapped = trap_taken(NULL);
    tap(trapped, "xsa-393: and removed it is gone");
}
