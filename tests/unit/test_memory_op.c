/* SPDX-License-Identifier: Apache-2.0 */
/* The memory_op hypercall: each operation's errors, references and accounts afterwards. */
#include <string.h>

#include "fake/world.h"

#include <asm/fake.h>
#include <public/memory.h>
#include <wherry/lib/errno.h>

#include "fake/fake.h"

#define NOBODY 7
#define GFN    UINT64_C(0x40)

static long op(struct domain *d, unsigned int cmd, void *arg, size_t size)
{
    return world_op(d->vcpu[0], __HYPERVISOR_memory_op, cmd, arg, size);
}

static void put_list(uint64_t gva, const uint64_t *v, size_t n)
{
    memcpy(fake_gva + (gva - FAKE_GVA_BASE), v, n * sizeof(*v));
}

static long reserve(struct domain *caller, unsigned int cmd, domid_t dom, const uint64_t *gfns,
                    uint64_t n, unsigned int order)
{
    struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = dom};

    put_list(GVA_LIST, gfns, n);
    r.extent_start.q = GVA_LIST;
    return op(caller, cmd, &r, sizeof(r));
}

static enum p2m_type type_of(struct domain *d, uint64_t g)
{
    enum p2m_type type;

    p2m_lookup(d, gfn(g), &type);
    return type;
}

static void populate_and_give_back(void **state)
{
    const uint64_t gfns[] = {GFN, GFN + 1, GFN + 5};
    uint64_t before = guest->tot_pages;

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, gfns, 3, 0), 3);
    assert_int_equal(guest->tot_pages, before + 3);
    assert_int_equal(type_of(guest, GFN + 5), P2M_RAM_RW);
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, gfns, 3, 0), 3);
    assert_int_equal(guest->tot_pages, before);
    assert_int_equal(type_of(guest, GFN), P2M_INVALID);
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, gfns, 3, 0), 0);
}

/* The result is how many were done, whatever stopped it. */
static void partial_reservations(void **state)
{
    const uint64_t gfns[] = {GFN, GFN + 1, GFN + 2};

    (void)state;
    guest->max_pages = guest->tot_pages + 2;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, gfns, 3, 0), 2);
    assert_int_equal(type_of(guest, GFN + 2), P2M_INVALID);
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, gfns, 3, 10), 0);
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, NOBODY, gfns, 3, 0), 0);
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, dm->id, gfns, 3, 0), -EPERM);
    assert_int_equal(
        world_call(guest->vcpu[0], __HYPERVISOR_memory_op, XENMEM_populate_physmap, 0, 0), 0);
}

/* An extent with a hole goes as a whole or not at all. */
static void extents_are_whole(void **state)
{
    const uint64_t single[] = {GFN, GFN + 1, GFN + 2};
    const uint64_t block[] = {GFN};
    const uint64_t odd[] = {GFN + 1};

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, single, 3, 0), 3);
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, block, 1, 2), 0);
    assert_int_equal(type_of(guest, GFN), P2M_RAM_RW);
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, odd, 1, 1), 0);
}

static void figures(void **state)
{
    struct xen_memory_domain q = {.domid = DOMID_SELF};
    const uint64_t gfns[] = {GFN};

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, gfns, 1, 0), 1);
    assert_int_equal(op(guest, XENMEM_current_reservation, &q, sizeof(q)), guest->tot_pages);
    assert_int_equal(op(guest, XENMEM_maximum_reservation, &q, sizeof(q)), guest->max_pages);
    assert_int_equal(op(guest, XENMEM_maximum_gpfn, &q, sizeof(q)), GFN);
    q.domid = NOBODY;
    assert_int_equal(op(guest, XENMEM_current_reservation, &q, sizeof(q)), -ESRCH);
    q.domid = control->id;
    assert_int_equal(op(guest, XENMEM_current_reservation, &q, sizeof(q)), -EPERM);
}

static long add(struct domain *caller, domid_t dom, unsigned int space, uint64_t idx, uint64_t g)
{
    struct xen_add_to_physmap a = {.domid = dom, .space = space, .idx = idx, .gpfn = g};

    return op(caller, XENMEM_add_to_physmap, &a, sizeof(a));
}

static void mapping_shared_info(void **state)
{
    enum p2m_type type;

    (void)state;
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 1, GFN), -EINVAL);
    assert_int_equal(add(guest, NOBODY, XENMAPSPACE_shared_info, 0, GFN), -ESRCH);
    assert_int_equal(add(guest, dm->id, XENMAPSPACE_shared_info, 0, GFN), -EPERM);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, GFN), 0);
    assert_true(mfn_eq(p2m_lookup(guest, gfn(GFN), &type), page_to_mfn(guest->shared_info_page)));
    assert_int_equal(atomic32_read(&guest->shared_info_page->refs), 2);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn_foreign, 0, GFN), -ENOSYS);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_grant_table, 0, GFN), -EOPNOTSUPP);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_dev_mmio, 0, GFN), -EPERM);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, 0, GFN), -ENOSYS);
    assert_int_equal(add(guest, DOMID_SELF, 99, 0, GFN), -ENOSYS);
}

/* Map frames of `foreign` into the caller; errs come back. */
static long map_foreign(struct domain *caller, domid_t foreign, const uint64_t *idxs,
                        const uint64_t *gfns, uint16_t n, int32_t *errs)
{
    struct xen_add_to_physmap_batch b = {.domid = DOMID_SELF,
                                         .space = XENMAPSPACE_gmfn_foreign,
                                         .size = n,
                                         .u.foreign_domid = foreign};
    long rc;

    put_list(GVA_LIST, idxs, n);
    put_list(GVA_LIST + 0x400, gfns, n);
    b.idxs.q = GVA_LIST;
    b.gpfns.q = GVA_LIST + 0x400;
    b.errs.q = GVA_OUT;
    rc = op(caller, XENMEM_add_to_physmap_batch, &b, sizeof(b));
    memcpy(errs, fake_gva + (GVA_OUT - FAKE_GVA_BASE), n * sizeof(*errs));
    return rc;
}

static void foreign_pages_are_referenced(void **state)
{
    const uint64_t gfns[] = {GFN};
    const uint64_t at[] = {0x80};
    struct xen_remove_from_physmap rm = {.domid = DOMID_SELF, .gpfn = 0x80};
    uint64_t before = guest->tot_pages;
    int32_t err;

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, gfns, 1, 0), 1);
    assert_int_equal(map_foreign(dm, guest->id, gfns, at, 1, &err), 0);
    assert_int_equal(err, 0);
    assert_int_equal(type_of(dm, 0x80), P2M_FOREIGN_RW);
    /* Given back by the guest, but in its account until the device model lets go. */
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, gfns, 1, 0), 1);
    fake_rcu_run();
    assert_int_equal(guest->tot_pages, before + 1);
    assert_int_equal(op(dm, XENMEM_remove_from_physmap, &rm, sizeof(rm)), 0);
    assert_int_equal(guest->tot_pages, before);
    assert_int_equal(op(dm, XENMEM_remove_from_physmap, &rm, sizeof(rm)), -ENOENT);
}

/* One bad entry does not end the batch; each has its own result. */
static void batch_errors(void **state)
{
    const uint64_t gfns[] = {GFN};
    const uint64_t idxs[] = {GFN, GFN + 1, GFN};
    const uint64_t at[] = {0x80, 0x81, 0x82};
    int32_t errs[3];

    (void)state;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, gfns, 1, 0), 1);
    assert_int_equal(map_foreign(dm, guest->id, idxs, at, 3, errs), 0);
    assert_int_equal(errs[0], 0);
    assert_int_equal(errs[1], -EINVAL);
    assert_int_equal(errs[2], 0);
    assert_int_equal(map_foreign(dm, NOBODY, idxs, at, 1, errs), 0);
    assert_int_equal(errs[0], -ESRCH);
    assert_int_equal(map_foreign(dm, control->id, idxs, at, 1, errs), 0);
    assert_int_equal(errs[0], -EPERM);
    assert_int_equal(map_foreign(dm, dm->id, idxs, at, 1, errs), 0);
    assert_int_equal(errs[0], -EPERM);
    assert_int_equal(map_foreign(dm, DOMID_SELF, idxs, at, 1, errs), 0);
    assert_int_equal(errs[0], -ESRCH);
    assert_int_equal(map_foreign(guest, dm->id, idxs, at, 1, errs), 0);
    assert_int_equal(errs[0], -EPERM); /* serving goes one way */
}

static void batch_of_another_space(void **state)
{
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .size = 1, .u.res0 = 1};

    (void)state;
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -EOPNOTSUPP);
    b.u.res0 = 0;
    b.idxs.q = 0; /* unreadable list */
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -EFAULT);
    b.size = 0;
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), 0);
}

struct acquire_case {
    const char *what;
    struct xen_mem_acquire_resource op;
    long want;
};

/* Before any server is looked for. */
static void acquire_resource_checks(void **state)
{
    const struct acquire_case cases[] = {
        {"padding", {.domid = 2, .pad = 1}, -EINVAL},
        {"frame beyond 32 bits", {.domid = 2, .frame = UINT64_C(1) << 32}, -EINVAL},
        {"end beyond 32 bits", {.domid = 2, .frame = UINT32_MAX, .nr_frames = 1}, -EINVAL},
        {"nobody", {.domid = NOBODY}, -ESRCH},
        {"DOMID_SELF", {.domid = DOMID_SELF}, -ESRCH},
        {"oneself", {.domid = 1}, -EPERM},
        {"not served", {.domid = 0}, -EPERM},
        {"grant table", {.domid = 2, .type = XENMEM_resource_grant_table}, -EOPNOTSUPP},
        {"unknown type", {.domid = 2, .type = 9}, -EOPNOTSUPP},
        {"size query with frames", {.domid = 2, .nr_frames = 1}, -EINVAL},
        {"list without frames", {.domid = 2, .frame_list.q = GVA_LIST}, -EINVAL},
        {"id too large",
         {.domid = 2, .id = 0x10000, .nr_frames = 1, .frame_list.q = GVA_LIST},
         -EINVAL},
        {"no such server",
         {.domid = 2, .id = 3, .nr_frames = 1, .frame_list.q = GVA_LIST},
         -ENOENT},
        {"unreadable list", {.domid = 2, .nr_frames = 1, .frame_list.q = 8}, -EFAULT},
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct xen_mem_acquire_resource a = cases[i].op;
        long rc = op(dm, XENMEM_acquire_resource, &a, sizeof(a));

        if (rc != cases[i].want)
            fail_msg("%s: %ld instead of %ld", cases[i].what, rc, cases[i].want);
    }
}

static void acquire_resource_size(void **state)
{
    struct xen_mem_acquire_resource a = {.domid = 2};

    (void)state;
    assert_int_equal(op(dm, XENMEM_acquire_resource, &a, sizeof(a)), 0);
    assert_int_equal(a.nr_frames, 2);
}

static void xsa_246_populate_on_demand_is_not_there(void **state)
{
    const uint64_t gfns[] = {GFN};
    struct xen_memory_reservation r = {.extent_start.q = GVA_LIST,
                                       .nr_extents = 1,
                                       .mem_flags = XENMEMF_populate_on_demand,
                                       .domid = DOMID_SELF};

    (void)state;
    put_list(GVA_LIST, gfns, 1);
    assert_int_equal(op(guest, XENMEM_populate_physmap, &r, sizeof(r)), 0);
    assert_int_equal(type_of(guest, GFN), P2M_INVALID);
    r.mem_flags = 0;
    assert_int_equal(op(guest, XENMEM_populate_physmap, &r, sizeof(r)), 1);
}

static void highest_frame_of_the_machine(void **state)
{
    uint64_t none = 0;

    (void)state;
    assert_int_equal(op(guest, XENMEM_maximum_ram_page, &none, sizeof(none)), arch_frame_end - 1);
}

static void operations_that_are_not_there(void **state)
{
    static const unsigned int cmds[] = {XENMEM_memory_map,
                                        XENMEM_machine_memory_map,
                                        XENMEM_exchange,
                                        XENMEM_claim_pages,
                                        16,
                                        31,
                                        63};
    uint64_t arg[8] = {0};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
        assert_int_equal(op(guest, cmds[i], arg, sizeof(arg)), -ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(populate_and_give_back),
        WORLD_TEST(partial_reservations),
        WORLD_TEST(extents_are_whole),
        WORLD_TEST(figures),
        WORLD_TEST(mapping_shared_info),
        WORLD_TEST(foreign_pages_are_referenced),
        WORLD_TEST(batch_errors),
        WORLD_TEST(batch_of_another_space),
        WORLD_TEST(acquire_resource_checks),
        WORLD_TEST(acquire_resource_size),
        WORLD_TEST(xsa_246_populate_on_demand_is_not_there),
        WORLD_TEST(highest_frame_of_the_machine),
        WORLD_TEST(operations_that_are_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
