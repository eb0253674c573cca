/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls of 32-bit code: its words, pointers and frame numbers have 4 bytes. */
#include "suite.h"

#define BEHIND 0x5a5a5a5au /* what must stay */

static uint8_t victim[PAGE_SIZE] __attribute__((aligned(4096)));

static int32_t memory32(uint32_t cmd, const void *arg)
{
    return hypercall32(__HYPERVISOR_memory_op, cmd, ptr32(arg), 0);
}

static void versions(void)
{
    uint32_t parameters[2] = {1, BEHIND};
    struct xen_feature_info f = {0}, g = {0};

    tap_eq(hypercall32(__HYPERVISOR_xen_version, XENVER_version, 0, 0),
           xen_version(XENVER_version, NULL), "32-bit: the version");
    tap_eq(hypercall32(__HYPERVISOR_xen_version, XENVER_get_features, ptr32(&f), 0), 0,
           "32-bit: features");
    xen_version(XENVER_get_features, &g);
    tap_eq(f.submap, g.submap, "32-bit: they are the same");
    tap_eq(hypercall32(__HYPERVISOR_xen_version, XENVER_platform_parameters, ptr32(parameters), 0),
           0, "32-bit: platform parameters");
    tap_eq(parameters[1], BEHIND, "32-bit: they have 4 bytes");
    tap_eq(hypercall32(60, 0, 0, 0), -XEN_ENOSYS, "32-bit: no such hypercall");
    tap_eq(hypercall32(__HYPERVISOR_xen_version, XENVER_get_features, 0xfffff000, 0), -XEN_EFAULT,
           "32-bit: bad pointer");
}

static void reservations(void)
{
    const uint32_t frame = ptr32(victim) >> PAGE_SHIFT;
    struct {
        uint32_t extents, nr, order, flags;
        uint16_t domid, pad;
    } r = {ptr32(&frame), 1, 0, 0, DOMID_SELF, 0xffff};
    uint16_t self = DOMID_SELF;
    int32_t before = memory32(XENMEM_current_reservation, &self);
    uint8_t value;

    victim[0] = 1;
    tap_eq(memory32(XENMEM_decrease_reservation, &r), 1, "32-bit: a page is given back");
    tap(!memory_read8((uintptr_t)victim, &value), "32-bit: it is gone");
    tap_eq(memory32(XENMEM_current_reservation, &self), before - 1, "32-bit: one page less");
    tap_eq(memory32(XENMEM_populate_physmap, &r), 1, "32-bit: a page is populated");
    victim[0] = 0xa5;
    tap_eq(*(volatile uint8_t *)victim, 0xa5, "32-bit: it is there");
    r.extents = 0xfffff000;
    tap_eq(memory32(XENMEM_populate_physmap, &r), 0, "32-bit: a bad list of frames");
}

static void physmap(void)
{
    const uint64_t at = scratch_alloc(1);
    struct {
        uint16_t domid, size;
        uint32_t space, idx, gpfn;
    } a = {DOMID_SELF, 0, XENMAPSPACE_shared_info, 0, (uint32_t)(at >> PAGE_SHIFT)};
    struct {
        uint16_t domid, pad;
        uint32_t gpfn;
    } r = {DOMID_SELF, 0xffff, (uint32_t)(at >> PAGE_SHIFT)};
    struct {
        uint16_t domid, space, size, foreign;
        uint32_t idxs, gpfns, errs;
    } b = {DOMID_SELF, XENMAPSPACE_gmfn_foreign, 1, 0x7000, 0, 0, 0};
    uint32_t words[2] = {0, (uint32_t)(at >> PAGE_SHIFT)};
    int32_t errs[2] = {0, BEHIND};

    tap_eq(memory32(XENMEM_remove_from_physmap, &r), -XEN_ENOENT, "32-bit: nothing to remove");
    a.space = 77;
    tap(memory32(XENMEM_add_to_physmap, &a) < 0, "32-bit: no such space");
    b.idxs = ptr32(&words[0]);
    b.gpfns = ptr32(&words[1]);
    b.errs = ptr32(errs);
    tap_eq(memory32(XENMEM_add_to_physmap_batch, &b), 0, "32-bit: a batch");
    tap(errs[0] < 0, "32-bit: its error is no such domain's # %d", errs[0]);
    tap_eq(errs[1], BEHIND, "32-bit: and the only one");
}

static void events(void)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_status s = {.dom = DOMID_SELF};
    struct evtchn_close c;
    struct {
        uint32_t ports, nr;
        uint64_t timeout;
    } p;
    uint64_t begin;

    tap_eq(hypercall32(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, ptr32(&a), 0), 0,
           "32-bit: a port");
    s.port = a.port;
    tap_eq(hypercall32(__HYPERVISOR_event_channel_op, EVTCHNOP_status, ptr32(&s), 0), 0,
           "32-bit: its status");
    tap_eq(s.status, EVTCHNSTAT_unbound, "32-bit: it is unbound");
    p.ports = ptr32(&a.port);
    p.nr = 1;
    begin = now_ns();
    p.timeout = begin + 3000000;
    tap_eq(hypercall32(__HYPERVISOR_sched_op, SCHEDOP_poll, ptr32(&p), 0), 0, "32-bit: poll");
    tap(now_ns() - begin >= 2900000, "32-bit: it waited for the time");
    p.nr = 129;
    tap_eq(hypercall32(__HYPERVISOR_sched_op, SCHEDOP_poll, ptr32(&p), 0), -XEN_EINVAL,
           "32-bit: poll for too many ports");
    c.port = a.port;
    tap_eq(hypercall32(__HYPERVISOR_event_channel_op, EVTCHNOP_close, ptr32(&c), 0), 0,
           "32-bit: closed");
}

static void runstate(void)
{
    static uint8_t area[48] __attribute__((aligned(64)));
    struct {
        uint32_t low, high;
    } a = {ptr32(area), BEHIND};
    uint64_t entered;

    memset(area, 0xee, sizeof(area));
    tap_eq(hypercall32(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area,
                       this_cpu()->index, ptr32(&a)),
           0, "32-bit: a place for the runstate");
    memcpy(&entered, area + 4, sizeof(entered));
    tap(area[0] == 0 && area[1] == 0 && entered <= now_ns() && area[44] == 0xee,
        "32-bit: it is packed");
    a.low = 0;
    hypercall32(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, this_cpu()->index,
                ptr32(&a));
}

static void parameters(void)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ}, q = p;

    hvm_op(HVMOP_get_param, &q);
    tap_eq(hypercall32(__HYPERVISOR_hvm_op, HVMOP_get_param, ptr32(&p), 0), 0,
           "32-bit: a parameter");
    tap_eq((int64_t)p.value, (int64_t)q.value, "32-bit: its value");
}

static void memory_map(void)
{
    static uint8_t buffer[32 * 20], expected[32 * 20];
    struct xen_memory_map m = {.nr_entries = 32};
    struct {
        uint32_t nr, buffer, behind;
    } n = {32, ptr32(buffer), BEHIND};
    long rc;

    set_xen_guest_handle(m.buffer, (void *)expected);
    rc = memory_op(XENMEM_memory_map, &m);
    tap_eq(memory32(XENMEM_memory_map, &n), rc, "32-bit: the memory map");
    tap(n.behind == BEHIND && (rc != 0 || n.nr == m.nr_entries), "32-bit: its length");
    tap(memcmp(buffer, expected, sizeof(buffer)) == 0, "32-bit: its entries");
}

void test_words32(void)
{
    versions();
    reservations();
    physmap();
    events();
    runstate();
    parameters();
    memory_map();
    tap_eq(hypercall32(__HYPERVISOR_console_io, CONSOLEIO_write, 3, 0xfffff000), -XEN_EFAULT,
           "32-bit: the console, bad pointer");
}
