/* SPDX-License-Identifier: Apache-2.0 */
/* The small hypercalls of a guest: dispatch, sched_op, vcpu_op with runstates, hvm_op, xen_version.
 */
#include <string.h>

#include "fake/world.h"

#include <asm/fake.h>
#include <public/hvm/params.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/version.h>
#include <wherry/cmdline.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"

#define NOBODY 7
#define GFN    UINT64_C(0x40)
#define BAD    UINT64_C(0x5000)

const char *cmdline_text(void)
{
    return "console=somewhere";
}

void sched_yield(void)
{
    current->sched.yielded = true;
}

static void unknown_hypercalls(void **state)
{
    static const unsigned int none[] = {0, 13, 20, 21, 33, 63, 64, 1000, UINT32_MAX};
    uint64_t before = atomic64_read(&guest->stats.hypercalls_bad);

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(none); i++)
        assert_int_equal(world_call(guest->vcpu[0], none[i], 0, 0, 0), -ENOSYS);
    assert_int_equal(atomic64_read(&guest->stats.hypercalls_bad), before + ARRAY_SIZE(none));
}

/* --- sched_op --- */

static long sched(struct domain *d, int cmd, void *arg, size_t size)
{
    return world_op(d->vcpu[0], __HYPERVISOR_sched_op, (uint64_t)cmd, arg, size);
}

static void yield_and_block(void **state)
{
    struct vcpu *v = guest->vcpu[0];
    uint64_t none = 0;

    (void)state;
    v->sched.yielded = false;
    assert_int_equal(sched(guest, SCHEDOP_yield, &none, 0), 0);
    assert_true(v->sched.yielded);
    assert_int_equal(v->arch.deliveries_enabled, 0);
    assert_int_equal(sched(guest, SCHEDOP_block, &none, 0), 0);
    assert_int_equal(v->arch.deliveries_enabled, 1);
    assert_true(atomic32_read(&v->pause_flags) & VPF_BLOCKED);
    vcpu_wake_event(v);
    assert_int_equal(sched(guest, SCHEDOP_shutdown_code, &none, sizeof(none)), -ENOSYS);
    assert_int_equal(sched(guest, SCHEDOP_watchdog, &none, sizeof(none)), -ENOSYS);
    assert_int_equal(sched(guest, SCHEDOP_pin_override, &none, sizeof(none)), -ENOSYS);
    assert_int_equal(sched(guest, 8, &none, sizeof(none)), -ENOSYS);
}

static void poll_checks(void **state)
{
    struct sched_poll p = {.ports.q = GVA_LIST, .nr_ports = 129};

    (void)state;
    memset(fake_gva + (GVA_LIST - FAKE_GVA_BASE), 0, 129 * 4);
    assert_int_equal(sched(guest, SCHEDOP_poll, &p, sizeof(p)), -EINVAL);
    p.nr_ports = 128;
    assert_int_equal(sched(guest, SCHEDOP_poll, &p, sizeof(p)), 0);
    vcpu_wake_event(guest->vcpu[0]);
    p.ports.q = BAD;
    assert_int_equal(sched(guest, SCHEDOP_poll, &p, sizeof(p)), -EFAULT);
    assert_int_equal(world_call(guest->vcpu[0], __HYPERVISOR_sched_op, SCHEDOP_poll, BAD, 0),
                     -EFAULT);
}

static void shutdown_tells_control(void **state)
{
    struct evtchn_bind_virq virq = {.virq = VIRQ_DOM_EXC};
    struct sched_shutdown s = {.reason = SHUTDOWN_MAX + 1};

    (void)state;
    assert_int_equal(world_op(control->vcpu[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq,
                              &virq, sizeof(virq)),
                     0);
    assert_int_equal(sched(guest, SCHEDOP_shutdown, &s, sizeof(s)), -EINVAL);
    assert_false(domain_is_shut_down(guest));
    assert_int_equal(world_call(guest->vcpu[0], __HYPERVISOR_sched_op, SCHEDOP_shutdown, BAD, 0),
                     -EFAULT);
    s.reason = SHUTDOWN_reboot;
    assert_int_equal(sched(guest, SCHEDOP_shutdown, &s, sizeof(s)), 0);
    assert_int_equal(atomic32_read(&guest->shutdown_code), SHUTDOWN_reboot + 1);
    assert_true((control->shared_info->evtchn_pending[virq.port / 64] >> (virq.port % 64)) & 1);
    s.reason = SHUTDOWN_crash;
    assert_int_equal(sched(guest, SCHEDOP_shutdown, &s, sizeof(s)), 0);
    assert_int_equal(atomic32_read(&guest->shutdown_code), SHUTDOWN_reboot + 1); /* the first */
}

static void remote_shutdown_is_controls(void **state)
{
    struct sched_remote_shutdown s = {.domain_id = 2, .reason = SHUTDOWN_crash};

    (void)state;
    assert_int_equal(sched(dm, SCHEDOP_remote_shutdown, &s, sizeof(s)), -EPERM);
    s.domain_id = NOBODY;
    assert_int_equal(sched(control, SCHEDOP_remote_shutdown, &s, sizeof(s)), -ESRCH);
    s.domain_id = 2;
    s.reason = SHUTDOWN_MAX + 1;
    assert_int_equal(sched(control, SCHEDOP_remote_shutdown, &s, sizeof(s)), -EINVAL);
    assert_false(domain_is_shut_down(guest));
    s.reason = SHUTDOWN_crash;
    assert_int_equal(sched(control, SCHEDOP_remote_shutdown, &s, sizeof(s)), 0);
    assert_true(domain_is_shut_down(guest));
    assert_false(domain_is_shut_down(dm));
}

/* --- vcpu_op --- */

static long vcpu_op(struct domain *d, int cmd, unsigned int vcpu, void *arg, size_t size)
{
    memcpy(fake_gva + (GVA_OP - FAKE_GVA_BASE), arg, size);
    return world_call(d->vcpu[0], __HYPERVISOR_vcpu_op, (uint64_t)cmd, vcpu, GVA_OP);
}

static void vcpu_op_checks(void **state)
{
    static const int cmds[] = {
        VCPUOP_initialise,
        VCPUOP_up,
        VCPUOP_down,
        VCPUOP_is_up,
        VCPUOP_set_periodic_timer,
        VCPUOP_stop_periodic_timer,
        VCPUOP_set_singleshot_timer,
        VCPUOP_stop_singleshot_timer,
        VCPUOP_send_nmi,
        VCPUOP_register_vcpu_time_memory_area,
        99,
    };
    uint64_t none[4] = {0};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
        assert_int_equal(vcpu_op(guest, cmds[i], 0, none, sizeof(none)), -EINVAL);
    /* vCPU 1 may exist but does not, vCPU 2 cannot */
    assert_int_equal(vcpu_op(guest, VCPUOP_register_vcpu_info, 1, none, sizeof(none)), -ENOENT);
    assert_int_equal(vcpu_op(guest, VCPUOP_register_vcpu_info, 2, none, sizeof(none)), -ENOENT);
    assert_int_equal(
        world_call(guest->vcpu[0], __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, BAD),
        -EFAULT);
    assert_int_equal(world_call(guest->vcpu[0], __HYPERVISOR_vcpu_op,
                                VCPUOP_register_runstate_memory_area, 0, BAD),
                     -EFAULT);
}

static struct page *give_page(struct domain *d, uint64_t g)
{
    struct page *pg = domain_alloc_pages(d, 0, false);

    assert_non_null(pg);
    assert_int_equal(p2m_map(d, gfn(g), 1, page_to_mfn(pg), P2M_RAM_RW), 0);
    return pg;
}

static void anothers_vcpu_info(void **state)
{
    struct vcpu_register_vcpu_info r = {.mfn = GFN, .offset = 64};
    struct vcpu *second;

    (void)state;
    give_page(guest, GFN);
    assert_int_equal(vcpu_create(guest, 1, 0, &second), 0);
    vcpu_pause_clear(second, VPF_DOWN);
    /* It runs: it may be using the old place right now. */
    assert_int_equal(vcpu_op(guest, VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
    vcpu_pause_set(second, VPF_DOWN);
    assert_int_equal(vcpu_op(guest, VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), 0);
    assert_int_equal(vcpu_op(guest, VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
}

/* --- runstate --- */

static long register_area(struct domain *d, uint64_t gva)
{
    struct vcpu_register_runstate_memory_area r = {.addr.p = gva};

    return vcpu_op(d, VCPUOP_register_runstate_memory_area, 0, &r, sizeof(r));
}

/* Time passes: the vCPU runs, waits, is blocked, runs. */
static void live(struct vcpu *v)
{
    v->runstate.state = RUNSTATE_running;
    v->runstate.since = 0;
    memset(v->runstate.time, 0, sizeof(v->runstate.time));
    runstate_enter(v, RUNSTATE_runnable, 100);
    runstate_enter(v, RUNSTATE_running, 130);
    runstate_enter(v, RUNSTATE_blocked, 1000);
    runstate_enter(v, RUNSTATE_running, 6000);
}

static void check_life(const struct vcpu_runstate_info *info)
{
    assert_int_equal(info->state, RUNSTATE_running);
    assert_int_equal(info->state_entry_time, 6000);
    assert_int_equal(info->time[RUNSTATE_running], 970);
    assert_int_equal(info->time[RUNSTATE_runnable], 30);
    assert_int_equal(info->time[RUNSTATE_blocked], 5000);
    assert_int_equal(info->time[RUNSTATE_offline], 0);
}

static void runstate_by_hypercall(void **state)
{
    struct vcpu_runstate_info info;

    (void)state;
    live(guest->vcpu[0]);
    fake_now = 6000;
    assert_int_equal(vcpu_op(guest, VCPUOP_get_runstate_info, 0, &info, 0), 0);
    memcpy(&info, fake_gva + (GVA_OP - FAKE_GVA_BASE), sizeof(info));
    check_life(&info);
    fake_now = 6500; /* up to now */
    assert_int_equal(vcpu_op(guest, VCPUOP_get_runstate_info, 0, &info, 0), 0);
    memcpy(&info, fake_gva + (GVA_OP - FAKE_GVA_BASE), sizeof(info));
    assert_int_equal(info.time[RUNSTATE_running], 970 + 500);
}

static void runstate_in_guest_memory(void **state)
{
    struct page *pg = give_page(guest, GFN);
    struct vcpu_runstate_info info;
    const char *at = (char *)page_to_virt(pg) + 256;

    (void)state;
    assert_int_equal(register_area(guest, FAKE_GVA_FRAMES + (GFN << PAGE_SHIFT) + 256), 0);
    assert_int_equal(atomic32_read(&pg->refs), 2);
    live(guest->vcpu[0]);
    memcpy(&info, at, sizeof(info));
    check_life(&info);

    /* Given back by the guest: the copy's reference keeps it. */
    assert_int_equal(p2m_unmap(guest, gfn(GFN), 1), 0);
    assert_int_equal(atomic32_read(&pg->refs), 1);
    runstate_enter(guest->vcpu[0], RUNSTATE_blocked, 7000);
    memcpy(&info, at, sizeof(info));
    assert_int_equal(info.state, RUNSTATE_blocked);

    assert_int_equal(register_area(guest, 0), 0);
    runstate_enter(guest->vcpu[0], RUNSTATE_running, 8000);
    memcpy(&info, at, sizeof(info));
    assert_int_equal(info.state, RUNSTATE_blocked);
    assert_int_equal(atomic32_read(&pg->refs), 1); /* a switch under way may still write */
    fake_rcu_run();
    assert_int_equal(atomic32_read(&pg->refs), 0);
}

/* The kernel does not align it: the two pages need not be neighbours in the machine. */
static void runstate_across_pages(void **state)
{
    const unsigned int first = 20; /* bytes in the first page */
    struct page *low, *high;
    struct vcpu_runstate_info info;

    (void)state;
    high = give_page(guest, GFN + 1);
    low = give_page(guest, GFN);
    assert_int_equal(register_area(guest, FAKE_GVA_FRAMES + ((GFN + 1) << PAGE_SHIFT) - first), 0);
    live(guest->vcpu[0]);
    memcpy(&info, (char *)page_to_virt(low) + PAGE_SIZE - first, first);
    memcpy((char *)&info + first, page_to_virt(high), sizeof(info) - first);
    check_life(&info);

    /* A new area in place of the old one, whose pages go. */
    assert_int_equal(register_area(guest, FAKE_GVA_FRAMES + (GFN << PAGE_SHIFT)), 0);
    fake_rcu_run();
    assert_int_equal(atomic32_read(&low->refs), 2);
    assert_int_equal(atomic32_read(&high->refs), 1);
}

static void runstate_area_checks(void **state)
{
    struct page *pg = give_page(guest, GFN);
    const uint64_t page = FAKE_GVA_FRAMES + (GFN << PAGE_SHIFT);

    (void)state;
    assert_int_equal(register_area(guest, page), 0);
    assert_int_equal(register_area(guest, page + 2 * PAGE_SIZE), -EINVAL);
    assert_int_equal(register_area(guest, page + PAGE_SIZE - 8), -EINVAL); /* no second page */
    assert_int_equal(register_area(guest, UINT64_MAX - 4), -EINVAL);
    fake_alloc_fail_at = 0;
    assert_int_equal(register_area(guest, page), -ENOMEM);
    fake_rcu_run();
    /* Failures change nothing, and leave nothing behind. */
    assert_int_equal(atomic32_read(&pg->refs), 2);
    live(guest->vcpu[0]);
    check_life(page_to_virt(pg));
}

/* --- hvm_op --- */

static long param(struct domain *d, unsigned int cmd, domid_t dom, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param p = {.domid = dom, .index = index, .value = *value};
    long rc = world_op(d->vcpu[0], __HYPERVISOR_hvm_op, cmd, &p, sizeof(p));

    *value = p.value;
    return rc;
}

static void params_a_guest_reads(void **state)
{
    static const uint32_t index[] = {HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_STORE_PFN,
                                     HVM_PARAM_STORE_EVTCHN, HVM_PARAM_CONSOLE_PFN,
                                     HVM_PARAM_CONSOLE_EVTCHN};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(index); i++) {
        uint64_t v = 1000 + i;

        assert_int_equal(param(guest, HVMOP_set_param, DOMID_SELF, index[i], &v), -EPERM);
        assert_int_equal(param(guest, HVMOP_set_param, 2, index[i], &v), -EPERM);
        assert_int_equal(param(dm, HVMOP_set_param, 2, index[i], &v), 0);
        v = 0;
        assert_int_equal(param(guest, HVMOP_get_param, DOMID_SELF, index[i], &v), 0);
        assert_int_equal(v, 1000 + i);
        v = 5;
        assert_int_equal(param(control, HVMOP_set_param, 2, index[i], &v), 0);
        assert_int_equal(guest->hvm_params[index[i]], 5);
        assert_int_equal(param(control, HVMOP_set_param, DOMID_SELF, index[i], &v), -EPERM);
    }
}

static void params_of_the_toolstack(void **state)
{
    static const uint32_t index[] = {HVM_PARAM_PAGING_RING_PFN, HVM_PARAM_MONITOR_RING_PFN,
                                     HVM_PARAM_SHARING_RING_PFN};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(index); i++) {
        uint64_t v = 9;

        assert_int_equal(param(guest, HVMOP_get_param, DOMID_SELF, index[i], &v), -EPERM);
        assert_int_equal(param(control, HVMOP_set_param, 2, index[i], &v), -EINVAL);
        assert_int_equal(param(control, HVMOP_get_param, 2, index[i], &v), 0);
        assert_int_equal(v, 0);
    }
}

static void param_checks(void **state)
{
    uint64_t v = 1;

    (void)state;
    for (uint32_t i = 0; i <= HVM_NR_PARAMS; i++) {
        long rc = param(control, HVMOP_get_param, 2, i, &v);
        bool known = i <= HVM_PARAM_STORE_EVTCHN || i == HVM_PARAM_CONSOLE_PFN ||
                     i == HVM_PARAM_CONSOLE_EVTCHN ||
                     (i >= HVM_PARAM_PAGING_RING_PFN && i <= HVM_PARAM_SHARING_RING_PFN);

        assert_int_equal(rc, known ? 0 : -EINVAL);
    }
    assert_int_equal(param(control, HVMOP_get_param, 2, UINT32_MAX, &v), -EINVAL);
    assert_int_equal(param(control, HVMOP_set_param, 2, UINT32_MAX, &v), -EINVAL);
    assert_int_equal(param(dm, HVMOP_get_param, NOBODY, 0, &v), -ESRCH);
    assert_int_equal(param(dm, HVMOP_get_param, NOBODY, HVM_NR_PARAMS, &v), -EINVAL);
    assert_int_equal(param(dm, HVMOP_get_param, 0, 0, &v), -EPERM);
    assert_int_equal(param(guest, HVMOP_set_param, 1, 0, &v), -EPERM);
    assert_int_equal(param(guest, 2, DOMID_SELF, 0, &v), -ENOSYS);
    assert_int_equal(world_call(guest->vcpu[0], __HYPERVISOR_hvm_op, HVMOP_get_param, BAD, 0),
                     -EFAULT);
    fake_gva_read_only = true;
    v = 0;
    assert_int_equal(param(guest, HVMOP_get_param, DOMID_SELF, 0, &v), -EFAULT);
}

/* --- xen_version --- */

static long version(struct domain *d, int cmd, uint64_t arg)
{
    return world_call(d->vcpu[0], __HYPERVISOR_xen_version, (uint64_t)cmd, arg, 0);
}

static void version_numbers(void **state)
{
    (void)state;
    assert_int_equal(version(guest, XENVER_version, 0), 4 << 16 | 17);
    assert_int_equal(version(guest, XENVER_pagesize, 0), 4096);
    assert_int_equal(version(guest, XENVER_build_id, GVA_OUT), -ENODATA);
    assert_int_equal(version(guest, 11, GVA_OUT), -ENOSYS);
    assert_int_equal(version(guest, -1, GVA_OUT), -ENOSYS);
}

/* Each fills its field to the end, and not a byte beyond. */
static void version_texts(void **state)
{
    static const struct {
        int cmd;
        size_t size;
        const char *text;
    } texts[] = {
        {XENVER_extraversion, sizeof(xen_extraversion_t), ".0-wherry"},
        {XENVER_capabilities, sizeof(xen_capabilities_info_t), "fake-1.0"},
        {XENVER_changeset, sizeof(xen_changeset_info_t), "wherry 0.1"},
        {XENVER_commandline, sizeof(xen_commandline_t), ""},
    };
    char *out = (char *)fake_gva + (GVA_OUT - FAKE_GVA_BASE);

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
        memset(out, 'x', texts[i].size + 1);
        assert_int_equal(version(guest, texts[i].cmd, GVA_OUT), 0);
        assert_string_equal(out, texts[i].text);
        for (size_t n = strlen(texts[i].text); n < texts[i].size; n++)
            assert_int_equal(out[n], 0);
        assert_int_equal(out[texts[i].size], 'x');
        assert_int_equal(version(guest, texts[i].cmd, BAD), -EFAULT);
    }
    assert_int_equal(version(control, XENVER_commandline, GVA_OUT), 0);
    assert_string_equal(out, "console=somewhere");
}

static void version_features(void **state)
{
    struct xen_feature_info f = {0};

    (void)state;
    assert_int_equal(
        world_op(guest->vcpu[0], __HYPERVISOR_xen_version, XENVER_get_features, &f, sizeof(f)), 0);
    assert_true(f.submap & 1u << XENFEAT_auto_translated_physmap);
    assert_false(f.submap & 1u << XENFEAT_dom0);
    assert_int_equal(
        world_op(control->vcpu[0], __HYPERVISOR_xen_version, XENVER_get_features, &f, sizeof(f)),
        0);
    assert_true(f.submap & 1u << XENFEAT_dom0);
    f.submap_idx = XENFEAT_NR_SUBMAPS;
    assert_int_equal(
        world_op(guest->vcpu[0], __HYPERVISOR_xen_version, XENVER_get_features, &f, sizeof(f)),
        -EINVAL);
    assert_int_equal(version(guest, XENVER_get_features, BAD), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(unknown_hypercalls),
        WORLD_TEST(yield_and_block),
        WORLD_TEST(poll_checks),
        WORLD_TEST(shutdown_tells_control),
        WORLD_TEST(remote_shutdown_is_controls),
        WORLD_TEST(vcpu_op_checks),
        WORLD_TEST(anothers_vcpu_info),
        WORLD_TEST(runstate_by_hypercall),
        WORLD_TEST(runstate_in_guest_memory),
        WORLD_TEST(runstate_across_pages),
        WORLD_TEST(runstate_area_checks),
        WORLD_TEST(params_a_guest_reads),
        WORLD_TEST(params_of_the_toolstack),
        WORLD_TEST(param_checks),
        WORLD_TEST(version_numbers),
        WORLD_TEST(version_texts),
        WORLD_TEST(version_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
