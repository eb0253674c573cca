/* SPDX-License-Identifier: Apache-2.0 */
/* acquire_resource, and mapping the guest's memory. */
#include "suite.h"

static xen_pfn_t list[2];
static struct xen_mem_acquire_resource res;

static struct xen_mem_acquire_resource *fresh(ioservid_t id)
{
    memset(&res, 0, sizeof(res));
    res.domid = GUEST;
    res.id = id;
    res.nr_frames = 1;
    res.frame = 1;
    set_xen_guest_handle(res.frame_list, list);
    return &res;
}

static long acquire(void)
{
    return memory_op(XENMEM_acquire_resource, &res);
}

void test_resource(void)
{
    uint64_t at = scratch_alloc(2);
    ioservid_t id;

    list[0] = at >> PAGE_SHIFT;
    list[1] = list[0] + 1;
    tap_eq(dm_create(GUEST, &id), 0, "a server for its page");
    fresh(id)->pad = 1;
    tap_eq(acquire(), -XEN_EINVAL, "acquire: padding");
    fresh(id)->frame = UINT64_C(1) << 32;
    tap_eq(acquire(), -XEN_EINVAL, "acquire: frame beyond 32 bits");
    fresh(id)->domid = 0x7000;
    tap_eq(acquire(), -XEN_ESRCH, "acquire: no such domain");
    fresh(id)->domid = DOMID_SELF;
    tap_eq(acquire(), -XEN_ESRCH, "acquire: DOMID_SELF");
    fresh(id)->domid = 0;
    tap_eq(acquire(), -XEN_EPERM, "acquire: oneself by number");
    fresh(id)->type = 77;
    tap(acquire() < 0, "acquire: unknown type");
    fresh(id)->nr_frames = 0;
    tap_eq(acquire(), -XEN_EINVAL, "acquire: a list of nothing");
    fresh(id);
    set_xen_guest_handle(res.frame_list, NULL);
    tap_eq(acquire(), -XEN_EINVAL, "acquire: frames but no list");
    res.nr_frames = 0;
    tap_eq(acquire(), 0, "acquire: how many are there");
    tap_eq(res.nr_frames, 2, "two");
    fresh(id)->id = 0x10000 + id;
    tap_eq(acquire(), -XEN_EINVAL, "acquire: server number beyond 16 bits");
    fresh(7);
    tap_eq(acquire(), -XEN_ENOENT, "acquire: no such server");
    fresh(id)->frame = 0;
    tap_eq(acquire(), -XEN_ENOENT, "acquire: no buffered page");
    fresh(id)->frame = 2;
    tap_eq(acquire(), -XEN_EINVAL, "acquire: a second request page");
    fresh(id);
    tap_eq(acquire(), 0, "acquire: the request page");
    tap_eq(dm_state((struct ioreq *)(uintptr_t)at), STATE_IOREQ_NONE, "it is clear");
    fresh(id);
    set_xen_guest_handle(res.frame_list, &list[1]);
    tap_eq(acquire(), 0, "acquire: the same page at a second place");
    WRITE_ONCE(*(uint64_t *)(uintptr_t)(at + 4000), 0x1234567890);
    tap_eq((int64_t)READ_ONCE(*(uint64_t *)(uintptr_t)(at + PAGE_SIZE + 4000)), 0x1234567890,
           "both are one");
    tap_eq(dm_destroy(GUEST, id), 0, "the server goes");
    tap_eq((int64_t)READ_ONCE(*(uint64_t *)(uintptr_t)(at + 4000)), 0x1234567890,
           "its page stays while it is mapped");
    tap_eq(foreign_unmap(at), 0, "unmap it");
    tap_eq(foreign_unmap(at + PAGE_SIZE), 0, "and again");
    tap_eq(foreign_unmap(at), -XEN_ENOENT, "nothing is left there");
}

static void batch(void)
{
    uint64_t at = scratch_alloc(3);
    xen_ulong_t idx[3] = {CONTROL_GPA >> PAGE_SHIFT, 0x12345, CONTROL_GPA >> PAGE_SHIFT};
    xen_pfn_t gpfn[3];
    int errs[3] = {1, 1, 1};
    struct xen_add_to_physmap_batch op = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_gmfn_foreign,
        .size = 3,
        .u.foreign_domid = GUEST,
    };

    for (unsigned int i = 0; i < 3; i++)
        gpfn[i] = (at >> PAGE_SHIFT) + i;
    set_xen_guest_handle(op.idxs, idx);
    set_xen_guest_handle(op.gpfns, gpfn);
    set_xen_guest_handle(op.errs, errs);
    tap_eq(memory_op(XENMEM_add_to_physmap_batch, &op), 0, "batch: three pages, one not there");
    tap(errs[0] == 0 && errs[1] < 0 && errs[2] == 0, "batch: each has its own error # %d", errs[1]);
    tap_eq((int64_t)READ_ONCE(*(uint64_t *)(uintptr_t)(at + 2 * PAGE_SIZE)), CONTROL_MAGIC,
           "batch: the third is mapped");
    foreign_unmap(at);
    foreign_unmap(at + 2 * PAGE_SIZE);
    set_xen_guest_handle(op.idxs, BAD_POINTER);
    tap_eq(memory_op(XENMEM_add_to_physmap_batch, &op), -XEN_EFAULT, "batch: bad list");
}

/* The guest gives a page back that is mapped here. */
static void kept(void)
{
    struct box *b = box_of(GUEST, 0);
    uint64_t at = scratch_alloc(1);
    struct xen_memory_reservation *r = (struct xen_memory_reservation *)b->buffer;
    uint64_t *page = (uint64_t *)(uintptr_t)at;
    uint64_t frames_at;

    b->a0 = VICTIM_GPA;
    b->a1 = 0x77;
    tap(box_run(b, G_WRITE_GPA), "the guest writes to a page");
    tap_eq(foreign_map(GUEST, VICTIM_GPA >> PAGE_SHIFT, at), 0, "which is mapped here");
    tap_eq((int64_t)READ_ONCE(*page), 0x77, "and read");
    frames_at = b->where + 48;
    memset(r, 0, sizeof(*r));
    r->extent_start.q = frames_at;
    r->nr_extents = 1;
    r->domid = DOMID_SELF;
    *(uint64_t *)(b->buffer + 48) = VICTIM_GPA >> PAGE_SHIFT;
    tap_eq(guest_hypercall(b, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, b->where, 0), 1,
           "xsa-217: the guest gives it back");
    tap_eq((int64_t)READ_ONCE(*page), 0x77, "xsa-217: it is still here");
    tap_eq(guest_hypercall(b, __HYPERVISOR_memory_op, XENMEM_populate_physmap, b->where, 0), 0,
           "the guest gets no other as long as it is");
    guest_read(b, VICTIM_GPA);
    tap(nothing_there(b, VICTIM_GPA), "and has none there");
    tap_eq(foreign_unmap(at), 0, "unmapped here");
    tap_eq(guest_hypercall(b, __HYPERVISOR_memory_op, XENMEM_populate_physmap, b->where, 0), 1,
           "now the guest gets one");
    guest_read(b, VICTIM_GPA);
    tap(!b->trapped && b->result == 0, "an empty one");
}

void test_foreign(void)
{
    uint64_t at = scratch_alloc(1);

    tap(foreign_map(GUEST, 0x12345, at) < 0, "foreign: a hole of the guest");
    tap(foreign_map(GUEST, UINT64_C(1) << 40, at) < 0, "foreign: beyond its address space");
    tap_eq(foreign_map(0, CONTROL_GPA >> PAGE_SHIFT, at), -XEN_EPERM, "foreign: oneself by number");
    tap_eq(foreign_map(GUEST, CONTROL_GPA >> PAGE_SHIFT, at), 0, "foreign: a page of the guest");
    tap_eq((int64_t)READ_ONCE(*(uint64_t *)(uintptr_t)at), CONTROL_MAGIC, "it is the one");
    tap_eq(foreign_unmap(at), 0, "foreign: unmapped");
    batch();
    kept();
}
