/* SPDX-License-Identifier: Apache-2.0 */
/* The suite's small parts that are x86's. */
#include "suite.h"

/* All ones, and no trap. */
bool nothing_there(const struct box *b, uint64_t addr)
{
    (void)addr;
    return !b->trapped && nr_seen == 0 && b->result == UINT64_MAX;
}

bool arch_has_op(uint32_t nr)
{
    return nr == XEN_DMOP_set_mem_type || nr == XEN_DMOP_inject_event ||
           nr == XEN_DMOP_inject_msi || nr == XEN_DMOP_remote_shutdown;
}

static void event_errors(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_event};
    struct xen_dm_op_inject_event *e = &op.u.inject_event;

    e->error_code = ~0u;
    e->vcpuid = 2;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "event: no such vCPU");
    e->vcpuid = 0xffffffff;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "event: certainly not");
    e->vcpuid = 0;
    e->pad0 = 1;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "event: padding");
    e->pad0 = 0;
    e->pad1 = 1;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "event: more padding");
}

static void msi_errors(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_msi};
    struct xen_dm_op_inject_msi *m = &op.u.inject_msi;

    m->addr = 0xfee00000;
    m->data = 0x50;
    m->pad = 1;
    tap_eq(dm_op(GUEST, &op), -XEN_EINVAL, "message: padding");
}

void arch_test_dm_ops(void)
{
    event_errors();
    msi_errors();
}

void arch_hammer(uint64_t *word)
{
    for (unsigned int i = 0; i < 100; i++)
        __atomic_fetch_add(word, 0, __ATOMIC_SEQ_CST);
}

/* What the caches are told does not bring a translation back. */
void arch_test_security(void)
{
    uint64_t at = scratch_alloc(1);
    uint8_t v;

    foreign_map(GUEST, CONTROL_GPA >> PAGE_SHIFT, at);
    (void)READ_ONCE(*(uint64_t *)(uintptr_t)at);
    expect_trap();
    __asm__ volatile(MAY_TRAP("wbinvd")::: "memory");
    tap(!trap_taken(NULL), "the caches are written back");
    tap_eq((int64_t)READ_ONCE(*(uint64_t *)(uintptr_t)at), CONTROL_MAGIC,
           "which leaves a foreign page mapped");
    foreign_unmap(at);
    tap(!memory_read8(at, &v), "and removed it is gone");
}
