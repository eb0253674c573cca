/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls with good and bad input, except memory and events. */
#include "suite.h"

static void unknown_numbers(void)
{
    static const unsigned int none[] = {0, 63, 64, 1000, 0xffffffff};

    for (unsigned int i = 0; i < ARRAY_SIZE(none); i++)
        tap_eq(hypercall(none[i], 0, 0, 0, 0, 0), -XEN_ENOSYS, "hypercall %u is not there",
               none[i]);
}

static void version(void)
{
    static xen_extraversion_t extra;
    static xen_capabilities_info_t caps;
    static struct xen_compile_info info;
    struct xen_feature_info f = {.submap_idx = 0};
    long v = xen_version(XENVER_version, NULL);

    tap(v >= (4 << 16 | 17) && v < (5 << 16), "the version is 4.17 or a later 4.x # %#lx", v);
    tap_eq(xen_version(XENVER_extraversion, extra), 0, "extraversion");
    tap(memchr(extra, 0, sizeof(extra)) != NULL, "extraversion is terminated");
    tap_eq(xen_version(XENVER_capabilities, caps), 0, "capabilities");
    tap(strncmp(caps, arch_capabilities, strlen(arch_capabilities)) == 0,
        "capabilities name this architecture");
    tap_eq(xen_version(XENVER_compile_info, &info), 0, "compile_info");
    tap_eq(xen_version(XENVER_pagesize, NULL), PAGE_SIZE, "pagesize");
    tap_eq(xen_version(XENVER_get_features, &f), 0, "features");
    tap((f.submap & 1u << XENFEAT_auto_translated_physmap) != 0, "features: translated memory");
    f.submap_idx = 1000;
    tap_eq(xen_version(XENVER_get_features, &f), -XEN_EINVAL, "features: no such map");
    tap_eq(xen_version(XENVER_extraversion, BAD_POINTER), -XEN_EFAULT, "version: bad pointer");
    tap_eq(xen_version(1000, NULL), -XEN_ENOSYS, "version: unknown operation");
}

static void console(void)
{
    tap_eq(console_io(CONSOLEIO_write, 0, NULL), 0, "console: nothing to write");
    tap_eq(console_io(CONSOLEIO_write, 10, BAD_POINTER), -XEN_EFAULT, "console: bad pointer");
    tap_eq(console_io(1000, 0, NULL), -XEN_ENOSYS, "console: unknown operation");
}

static void sched(void)
{
    evtchn_port_t ports[1] = {0xffffffff};
    uint64_t begin;

    tap_eq(sched_op(SCHEDOP_yield, NULL), 0, "yield");
    tap_eq(sched_op(1000, NULL), -XEN_ENOSYS, "sched_op: unknown operation");
    tap_eq(sched_op(SCHEDOP_shutdown, BAD_POINTER), -XEN_EFAULT, "shutdown: bad pointer");
    tap_eq(sched_op(SCHEDOP_poll, BAD_POINTER), -XEN_EFAULT, "poll: bad pointer");
    tap_eq(events_poll(ports, 1, 1), -XEN_EINVAL, "poll: no such port");
    tap_eq(events_poll(ports, 100000, 1), -XEN_EINVAL, "poll: too many ports");
    tap_eq(events_poll(BAD_POINTER, 1, 1), -XEN_EFAULT, "poll: bad list of ports");
    begin = counter();
    tap_eq(events_poll(NULL, 0, now_ns() + 3000000), 0, "poll: a time that comes");
    tap(counter() - begin >= counter_hz() / 1000, "poll: it waited for it");
}

/* A kernel need not align it: here three of its words are in each of two pages. */
static void runstate_across_pages(void)
{
    static uint8_t pages[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    struct vcpu_runstate_info *state = (void *)(pages + PAGE_SIZE - 24);
    struct vcpu_register_runstate_memory_area area = {.addr.v = state};

    memset(pages, 0xff, sizeof(pages));
    tap_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0, "runstate across pages");
    yield_cpu();
    tap_eq(READ_ONCE(state->state), RUNSTATE_running, "across pages: the first");
    tap(READ_ONCE(state->time[RUNSTATE_runnable]) != ~UINT64_C(0) &&
            READ_ONCE(state->time[RUNSTATE_offline]) != ~UINT64_C(0),
        "across pages: the second");
    tap_eq(pages[PAGE_SIZE + 24], 0xff, "across pages: nothing behind");
    area.addr.v = NULL;
    tap_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0, "no runstate area");
    memset(pages, 0xff, sizeof(pages));
    yield_cpu();
    tap_eq(READ_ONCE(state->state), -1, "without an area nothing is written");
}

static void vcpu(void)
{
    static struct vcpu_runstate_info state __attribute__((aligned(64)));
    struct vcpu_register_runstate_memory_area area = {.addr.v = &state};
    struct vcpu_register_vcpu_info info = {.mfn = (uintptr_t)&state >> PAGE_SHIFT, .offset = 4095};

    tap_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_ENXIO,
           "vcpu_info: over the end of its page");
    info.offset = 4;
    tap_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_ENXIO, "vcpu_info: not aligned");
    tap_eq(vcpu_op(VCPUOP_register_vcpu_info, 127, &info), -XEN_ENOENT, "vcpu_op: no such vCPU");
    tap_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, BAD_POINTER), -XEN_EFAULT,
           "vcpu_info: bad pointer");
    tap_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0, "runstate area");
    yield_cpu();
    tap_eq(READ_ONCE(state.state), RUNSTATE_running, "the runstate says running");
    runstate_across_pages();
}

static void params(void)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .value = 1};

    arch_test_callback();
    p.index = HVM_PARAM_MONITOR_RING_PFN;
    tap_eq(hvm_op(HVMOP_get_param, &p), -XEN_EPERM, "hvm: not for the guest");
    p.index = HVM_NR_PARAMS;
    tap_eq(hvm_op(HVMOP_get_param, &p), -XEN_EINVAL, "hvm: no such parameter to get");
    tap_eq(hvm_op(HVMOP_set_param, &p), -XEN_EINVAL, "hvm: no such parameter to set");
    p.index = 0;
    p.domid = 0x7000;
    tap_eq(hvm_op(HVMOP_get_param, &p), -XEN_ESRCH, "hvm: no such domain");
    tap_eq(hvm_op(HVMOP_get_param, BAD_POINTER), -XEN_EFAULT, "hvm: bad pointer");
    tap_eq(hvm_op(1000, &p), -XEN_ENOSYS, "hvm: unknown operation");
}

void test_hypercalls(void)
{
    unknown_numbers();
    version();
    console();
    sched();
    vcpu();
    params();
}
