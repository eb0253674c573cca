/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of callers whose words have 4 bytes: each structure as their compiler lays it out,
 * with nothing but rubbish behind it (common/guest_words.c, and the handlers that use it).
 */
#include <string.h>

#include "fake/world.h"

#include <asm/fake.h>
#include <public/hvm/dm_op.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/version.h>
#include <wherry/cmdline.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"

#define GFN     0x40u
#define RUBBISH 0xa5

#define LAST_BUFS (FAKE_GVA_BASE + FAKE_GVA_SIZE - 16)

const char *cmdline_text(void)
{
    return "";
}

void sched_yield(void)
{
}

static unsigned char *at(uint64_t gva)
{
    return fake_gva + (gva - FAKE_GVA_BASE);
}

static void put(uint64_t gva, const void *what, size_t size)
{
    memset(fake_gva, RUBBISH, sizeof(fake_gva));
    memcpy(at(gva), what, size);
}

static void put_words(uint64_t gva, const uint32_t *words, unsigned int n)
{
    memcpy(at(gva), words, n * 4);
}

static long call(struct domain *d, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    long rc;

    fake_words32 = true;
    rc = world_call(d->vcpu[0], nr, a0, a1, a2);
    fake_words32 = false;
    return rc;
}

static long memory(struct domain *d, uint64_t cmd)
{
    return call(d, __HYPERVISOR_memory_op, cmd, GVA_OP, 0);
}

static enum p2m_type type_of(struct domain *d, uint64_t g)
{
    enum p2m_type type;

    p2m_lookup(d, gfn(g), &type);
    return type;
}

/* --- each kind of member --- */

static void members(void **state)
{
    const uint32_t narrow[] = {0x00020001, 0x33333333, 0x44444444, 0x55555555,
                               0x66666666, 0x77777777, 0x88888888};
    struct {
        uint16_t a, b;
        uint32_t c;
        uint64_t w;
        uint64_t q;
        uint32_t i;
        uint64_t last;
    } wide;

    (void)state;
    put(GVA_OP, narrow, sizeof(narrow));
    fake_words32 = true;
    memset(&wide, RUBBISH, sizeof(wide));
    assert_int_equal(guest_word_bytes(), 4);
    assert_int_equal(guest_struct_from(&wide, GVA_OP, sizeof(wide), "hhiwqiw"), 0);
    fake_words32 = false;
    assert_int_equal(wide.a, 1);
    assert_int_equal(wide.b, 2);
    assert_int_equal(wide.c, 0x33333333);
    assert_true(wide.w == 0x44444444);
    assert_true(wide.q == UINT64_C(0x6666666655555555));
    assert_int_equal(wide.i, 0x77777777);
    assert_true(wide.last == 0x88888888);
    assert_int_equal(guest_word_bytes(), 8);
}

/* Not a byte more than the caller's structure is read: it may be the last of its memory. */
static void nothing_behind(void **state)
{
    const uint64_t end = FAKE_GVA_BASE + FAKE_GVA_SIZE;
    uint64_t wide[3] = {0};

    (void)state;
    fake_words32 = true;
    assert_int_equal(guest_struct_from(wide, end - 12, sizeof(wide), "wiw"), 0);
    assert_int_equal(guest_struct_from(wide, end - 11, sizeof(wide), "wiw"), -EFAULT);
    assert_int_equal(guest_word_from(wide, end - 8, 1), 0);
    assert_true(wide[0] >> 32 == 0);
    assert_int_equal(guest_word_from(wide, end - 8, 2), -EFAULT);
    fake_words32 = false;
}

/* --- memory_op --- */

static void reservation(struct domain *d, unsigned int cmd, uint32_t n, long done)
{
    const struct {
        uint32_t extents, nr, order, flags;
        uint16_t domid;
    } r = {GVA_LIST, n, 0, 0, DOMID_SELF};
    const uint32_t gfns[] = {GFN, GFN + 1, GFN + 2};

    put(GVA_OP, &r, 18);
    put_words(GVA_LIST, gfns, 3);
    assert_int_equal(memory(d, cmd), done);
}

static void reservations(void **state)
{
    uint64_t before = guest->tot_pages;

    (void)state;
    reservation(guest, XENMEM_populate_physmap, 3, 3);
    assert_int_equal(type_of(guest, GFN + 2), P2M_RAM_RW);
    reservation(guest, XENMEM_decrease_reservation, 3, 3);
    assert_int_equal(guest->tot_pages, before);
    /* More than the command has room for the progress of. */
    reservation(guest, XENMEM_populate_physmap, (UINT32_MAX >> 6) + 1, 0);
}

static void physmap(void **state)
{
    const struct {
        uint16_t domid, size;
        uint32_t space, idx, gpfn;
    } a = {DOMID_SELF, 0, XENMAPSPACE_shared_info, 0, GFN};
    const struct {
        uint16_t domid, pad;
        uint32_t gpfn;
    } r = {DOMID_SELF, 0, GFN};

    (void)state;
    put(GVA_OP, &a, sizeof(a));
    assert_int_equal(memory(guest, XENMEM_add_to_physmap), 0);
    assert_int_equal(type_of(guest, GFN), P2M_RAM_RW);
    put(GVA_OP, &r, sizeof(r));
    assert_int_equal(memory(guest, XENMEM_remove_from_physmap), 0);
    assert_int_equal(type_of(guest, GFN), P2M_INVALID);
}

/* Pages of the guest at the device model's frames, two words in, one int32_t out for each. */
static void foreign_batch(void **state)
{
    const struct {
        uint16_t domid, space, size, foreign;
        uint32_t idxs, gpfns, errs;
    } b = {DOMID_SELF, XENMAPSPACE_gmfn_foreign, 2, 2, GVA_LIST, GVA_LIST + 8, GVA_LIST + 16};
    const uint32_t words[] = {GFN, GFN + 9, GFN + 20, GFN + 21};
    int32_t errs[3];

    (void)state;
    reservation(guest, XENMEM_populate_physmap, 3, 3);
    put(GVA_OP, &b, sizeof(b));
    put_words(GVA_LIST, words, 4);
    assert_int_equal(memory(dm, XENMEM_add_to_physmap_batch), 0);
    memcpy(errs, at(GVA_LIST + 16), sizeof(errs));
    assert_int_equal(errs[0], 0);
    assert_int_equal(errs[1], -EINVAL);
    assert_int_equal(errs[2], (int32_t)0xa5a5a5a5);
    assert_int_equal(type_of(dm, GFN + 20), P2M_FOREIGN_RW);
    assert_int_equal(type_of(dm, GFN + 21), P2M_INVALID);
}

/* --- dm_op --- */

/* nr_bufs buffers, the first with `op`. Two are the last that there is of the caller's memory. */
static long dm_call(const struct xen_dm_op *op, uint32_t size, uint32_t nr_bufs)
{
    const uint32_t bufs[] = {GVA_OP, size, 0, 0};

    put(GVA_OP, op, sizeof(*op));
    put_words(LAST_BUFS, bufs, 4);
    return call(dm, __HYPERVISOR_dm_op, 2, nr_bufs, LAST_BUFS);
}

static void device_model(void **state)
{
    struct xen_dm_op op = {.op = XEN_DMOP_nr_vcpus};
    struct {
        uint16_t domid, type;
        uint32_t id, nr_frames, pad;
        uint64_t frame;
        uint32_t list;
    } a = {.domid = 2, .nr_frames = 1, .frame = 1, .list = GVA_LIST};
    const uint32_t frame = GFN;
    uint32_t nr;

    (void)state;
    assert_int_equal(dm_call(&op, 12, 1), 0);
    memcpy(&op, at(GVA_OP), sizeof(op));
    assert_int_equal(op.u.nr_vcpus.vcpus, 2);
    assert_int_equal(dm_call(&op, 12, 2), 0);
    assert_int_equal(dm_call(&op, 11, 1), -EFAULT);
    assert_int_equal(dm_call(&op, 12, 0), -ENODATA);
    assert_int_equal(dm_call(&op, 12, 3), -E2BIG);
    op = (struct xen_dm_op){.op = XEN_DMOP_create_ioreq_server};
    assert_int_equal(dm_call(&op, 14, 1), 0);

    put(GVA_OP, &a, 28);
    put_words(GVA_LIST, &frame, 1);
    assert_int_equal(memory(dm, XENMEM_acquire_resource), 0);
    assert_int_equal(type_of(dm, GFN), P2M_FOREIGN_RW);
    a.nr_frames = 0;
    a.list = 0;
    put(GVA_OP, &a, 28);
    assert_int_equal(memory(dm, XENMEM_acquire_resource), 0);
    memcpy(&nr, at(GVA_OP + 8), 4);
    assert_int_equal(nr, 2);
    assert_int_equal(*at(GVA_OP + 12), 0);
}

/* --- the small ones --- */

static void poll(void **state)
{
    const struct {
        uint32_t ports, nr, timeout[2];
    } p = {GVA_LIST, 1, {1, 0}};
    const uint32_t port = 1;
    struct vcpu *v = guest->vcpu[0];

    (void)state;
    put(GVA_OP, &p, sizeof(p));
    put_words(GVA_LIST, &port, 1);
    assert_int_equal(call(guest, __HYPERVISOR_sched_op, SCHEDOP_poll, GVA_OP, 0), 0);
    assert_int_equal(v->evtchn.poll_port, 1);
    assert_true(v->evtchn.poll_timer.expires == 1);
    vcpu_wake_event(v);
}

static void platform_parameters(void **state)
{
    (void)state;
    put(GVA_OP, "", 0);
    assert_int_equal(call(guest, __HYPERVISOR_xen_version, XENVER_platform_parameters, GVA_OP, 0),
                     0);
    assert_int_equal(*at(GVA_OP + 3), 0);
    assert_int_equal(*at(GVA_OP + 4), RUBBISH);
}

/* int at 0, five uint64_t from 4 on. */
static void expect_runstate(const unsigned char *from)
{
    uint64_t entry;

    assert_int_equal(*from, RUNSTATE_running);
    assert_int_equal(from[1] | from[2] | from[3], 0);
    memcpy(&entry, from + 4, 8);
    assert_true(entry == (uint64_t)guest->vcpu[0]->runstate.since);
    assert_int_equal(from[44], RUBBISH);
}

static void runstate(void **state)
{
    const uint32_t words[] = {FAKE_GVA_FRAMES + GFN * PAGE_SIZE + PAGE_SIZE - 20, 0xdeadbeef};
    struct vcpu *v = guest->vcpu[0];
    unsigned char seen[48];
    enum p2m_type t;

    (void)state;
    v->runstate.state = RUNSTATE_running;
    v->runstate.since = 0x123456789;
    put(GVA_OP, "", 0);
    assert_int_equal(call(guest, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, GVA_OP), 0);
    expect_runstate(at(GVA_OP));

    /* Over the end of a page; what is behind the pointer is not a part of it. */
    reservation(guest, XENMEM_populate_physmap, 2, 2);
    for (unsigned int i = 0; i < 2; i++)
        memset(mfn_to_virt(p2m_lookup(guest, gfn(GFN + i), &t)), RUBBISH, PAGE_SIZE);
    put(GVA_OP, words, sizeof(words));
    assert_int_equal(
        call(guest, __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, GVA_OP), 0);
    memcpy(seen, (char *)mfn_to_virt(p2m_lookup(guest, gfn(GFN), &t)) + PAGE_SIZE - 20, 20);
    memcpy(seen + 20, mfn_to_virt(p2m_lookup(guest, gfn(GFN + 1), &t)), 28);
    expect_runstate(seen);
    /* At a switch it is as it was registered. */
    runstate_enter(v, RUNSTATE_running, 0x223456789);
    memcpy(seen, (char *)mfn_to_virt(p2m_lookup(guest, gfn(GFN), &t)) + PAGE_SIZE - 20, 20);
    memcpy(seen + 20, mfn_to_virt(p2m_lookup(guest, gfn(GFN + 1), &t)), 28);
    expect_runstate(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(members), WORLD_TEST(nothing_behind),      WORLD_TEST(reservations),
        WORLD_TEST(physmap), WORLD_TEST(foreign_batch),       WORLD_TEST(device_model),
        WORLD_TEST(poll),    WORLD_TEST(platform_parameters), WORLD_TEST(runstate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
