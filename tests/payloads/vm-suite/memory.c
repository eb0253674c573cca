/* SPDX-License-Identifier: Apache-2.0 */
/* memory_op on the domain's own memory. */
#include "suite.h"

static uint8_t victim[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static long reserve(unsigned int op, xen_pfn_t *frame, unsigned int order)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, frame);
    return memory_op(op, &r);
}

static bool readable(const void *p)
{
    uint8_t v;

    return memory_read8((uintptr_t)p, &v);
}

static void give_and_take(void)
{
    xen_pfn_t frame = (uintptr_t)victim >> PAGE_SHIFT;
    struct xen_memory_domain self = {.domid = DOMID_SELF};
    long before = memory_op(XENMEM_current_reservation, &self);

    victim[0] = 0x5a;
    tap(before > 0, "current_reservation says how much # %ld", before);
    tap(memory_op(XENMEM_maximum_reservation, &self) >= before, "maximum_reservation is no less");
    tap(memory_op(XENMEM_maximum_gpfn, &self) >= (long)frame, "maximum_gpfn is beyond our memory");
    tap_eq(reserve(XENMEM_decrease_reservation, &frame, 0), 1, "a page is given back");
    tap(!readable(victim), "and is gone");
    tap_eq(memory_op(XENMEM_current_reservation, &self), before - 1, "one page less is counted");
    tap_eq(reserve(XENMEM_decrease_reservation, &frame, 0), 0, "it cannot be given back twice");
    frame = (uintptr_t)victim >> PAGE_SHIFT;
    tap_eq(reserve(XENMEM_populate_physmap, &frame, 0), 1, "a page is populated");
    tap(readable(victim) && victim[0] == 0, "and holds nothing of old");
    victim[0] = 0xa5;
    tap_eq(victim[0], 0xa5, "and is ours to write");
    tap_eq(memory_op(XENMEM_current_reservation, &self), before, "the count is as before");
}

static void bad_input(void)
{
    struct xen_memory_domain none = {.domid = 0x7000};
    xen_pfn_t far = UINT64_C(1) << 50;

    tap_eq(memory_op(60, NULL), -XEN_ENOSYS, "memory_op: unknown operation");
    tap_eq(memory_op(XENMEM_current_reservation, &none), -XEN_ESRCH, "memory_op: no such domain");
    tap_eq(memory_op(XENMEM_current_reservation, BAD_POINTER), -XEN_EFAULT, "bad pointer");
    tap_eq(memory_op(XENMEM_add_to_physmap, BAD_POINTER), -XEN_EFAULT,
           "add_to_physmap: bad pointer");
    tap_eq(memory_op(XENMEM_acquire_resource, BAD_POINTER), -XEN_EFAULT,
           "acquire_resource: bad pointer");
    tap(reserve(XENMEM_populate_physmap, &far, 0) <= 0, "no page beyond the address space");
    tap(reserve(XENMEM_decrease_reservation, &far, 0) <= 0, "none to give back there");
}

static void physmap(void)
{
    uint64_t at = scratch_alloc(2);
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = 1000, .gpfn = at >> PAGE_SHIFT};

    tap(!readable((void *)(uintptr_t)at), "the frames for pages of others are empty");
    tap_eq(foreign_unmap(at), -XEN_ENOENT, "nothing to remove there");
    tap(memory_op(XENMEM_add_to_physmap, &add) < 0, "add_to_physmap: unknown space");
    tap_eq(map_shared_info(at), 0, "shared_info can be mapped again elsewhere");
    tap_eq(foreign_unmap(at), 0, "and removed there");
    tap(!readable((void *)(uintptr_t)at), "then it is gone");
    tap_eq(events_move(at + PAGE_SIZE), 0, "shared_info is mapped for the rest of the suite");
    tap_eq(foreign_map(DOMID_SELF, (uintptr_t)victim >> PAGE_SHIFT, at), -XEN_ESRCH,
           "foreign: DOMID_SELF is no other domain");
    tap_eq(foreign_map(0x7000, 0x40000, at), -XEN_ESRCH, "foreign: no such domain");
}

void test_memory(void)
{
    give_and_take();
    bad_input();
    physmap();
}
