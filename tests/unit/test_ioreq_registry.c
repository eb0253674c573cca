/* SPDX-License-Identifier: Apache-2.0 */
/* Servers as they come and go: ids, owners, limits, pages, ports, vCPUs before and after. */
#include "fake/scene.h"

#include <string.h>

#define BASE UINT64_C(0x0c000000)

static void lowest_free_id(void **state)
{
    (void)state;
    for (long i = 0; i < 8; i++)
        assert_int_equal(dm_create(guest), i);
    assert_int_equal(dm_create(guest), -ENOSPC);
    assert_int_equal(dm_destroy(guest, 5), 0);
    assert_int_equal(dm_destroy(guest, 2), 0);
    assert_int_equal(dm_create(guest), 2);
    assert_int_equal(dm_create(guest), 5);
    assert_int_equal(dm_create(guest), -ENOSPC);
    /* Each target has its own. */
    fake_domain_create(3, 1);
    assert_int_equal(AS(control, dm_create(domain_by_id(3))), 0);
}

static void more_servers_on_the_owners_word(void **state)
{
    (void)state;
    ioreq_max_servers = 64;
    for (long i = 0; i < 64; i++) {
        assert_int_equal(dm_create(guest), i);
        assert_int_equal(dm_map(guest, (unsigned int)i, 1, BASE, BASE + 3), 0);
    }
    assert_int_equal(dm_create(guest), -ENOSPC);
    assert_int_equal(dm_enable(guest, 63, true), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(guest->vcpu[0]->ioreq.server_id, 63);
}

static const struct {
    const char *name, *value;
    int rc;
} params[] = {
    {"ioreq_servers", "0", -ERANGE},   {"ioreq_servers", "65", -ERANGE},
    {"ioreq_servers", "", -EINVAL},    {"ioreq_servers", "x", -EINVAL},
    {"ioreq_servers", "64", 0},        {"ioreq_ranges", "0", -ERANGE},
    {"ioreq_ranges", "8193", -ERANGE}, {"ioreq_ranges", "8192", 0},
    {"ioreq_memory", "0", -ERANGE},    {"ioreq_memory", "1048577", -ERANGE},
    {"ioreq_memory", "1048576", 0},
};

static void command_line(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(params); i++)
        assert_int_equal(scene_cmdline(params[i].name, params[i].value), params[i].rc);
    assert_int_equal(ioreq_max_servers, 64);
    assert_int_equal(ioreq_max_ranges, 8192);
    assert_int_equal(ioreq_max_bytes, UINT64_C(1) << 30);
}

static void limit_of_one(void **state)
{
    (void)state;
    ioreq_max_servers = 1;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(dm_create(guest), -ENOSPC);
}

/* An id is not given to another while a vCPU may still be looking at the old one. */
static long created_meanwhile;

static void create_meanwhile(void)
{
    fake_synchronize_hook = NULL;
    created_meanwhile = dm_create(guest);
}

static void id_is_reused_after_the_grace_period(void **state)
{
    (void)state;
    assert_int_equal(dm_create(guest), 0);
    fake_synchronize_hook = create_meanwhile;
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(created_meanwhile, 1);
    assert_int_equal(dm_create(guest), 0);
}

static void ranges_do_not_survive_their_server(void **state)
{
    (void)state;
    scene_server(BASE, BASE + 0xfff);
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(dm_enable(guest, 0, true), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(dm_map(guest, 0, 1, BASE, BASE + 0xfff), 0);
}

/* Destroying takes no memory, whatever it has to rearrange. */
static void destroy_without_memory(void **state)
{
    (void)state;
    scene_server(BASE, BASE + 0xfff);
    scene_server(BASE + 0x800, BASE + 0x17ff);
    fake_alloc_fail_at = 0;
    fake_alloc_fail_all = true;
    assert_int_equal(dm_destroy(guest, 1), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0x1000, 4, true, 0), IOREQ_UNCLAIMED);
    /* What it claimed cannot come to its successor. */
    assert_int_equal(dm_create(guest), -ENOMEM);
    fake_alloc_fail_all = false;
    fake_alloc_fail_at = -1;
    assert_int_equal(dm_create(guest), 1);
    assert_int_equal(dm_enable(guest, 1, true), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0x1000, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0x800, 4, true, 0), IOREQ_SENT);
}

/* So many ranges that they are taken out in pieces, before the id is used again. */
static void destroy_with_many_ranges(void **state)
{
    unsigned int restarts = 0;
    uint64_t bytes;
    long rc;

    (void)state;
    ioreq_max_ranges = 2000;
    scene_server(BASE, BASE + 0xfff);
    bytes = guest->ioreq.bytes;
    scene_server(BASE + 0x100000, BASE + 0x100003);
    for (unsigned int i = 1; i < 2000; i++)
        assert_int_equal(dm_map(guest, 1, i % 3, BASE + i * 0x10, BASE + i * 0x10 + 3), 0);
    assert_int_equal(dm_destroy(guest, 1), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0x100000, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0x10, 4, true, 0), IOREQ_SENT);
    assert_int_equal(guest->vcpu[0]->ioreq.server_id, 0);
    assert_true(guest->ioreq.bytes > bytes);
    while ((rc = dm_create(guest)) == -ERESTART)
        restarts++;
    assert_int_equal(rc, 1);
    assert_int_equal(restarts, 2);
    assert_int_equal(dm_enable(guest, 1, true), 0);
    assert_int_equal(guest_access(guest->vcpu[1], BASE + 0x100000, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(dm_destroy(guest, 1), 0);
    assert_int_equal(guest->ioreq.bytes, bytes);
}

static void disable_without_memory(void **state)
{
    (void)state;
    scene_server(BASE, BASE + 0xfff);
    fake_alloc_fail_at = 0;
    fake_alloc_fail_all = true;
    assert_int_equal(dm_enable(guest, 0, false), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(dm_enable(guest, 0, true), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_SENT);
}

/* Every allocation that creating or mapping makes, failing in turn: -ENOMEM and nothing changed. */
static long create_again(void)
{
    return dm_create(guest);
}

static long map_again(void)
{
    return dm_map(guest, 0, 1, BASE + 0x100, BASE + 0x2ff);
}

static long unmap_again(void)
{
    return dm_unmap(guest, 0, 1, BASE + 0x40, BASE + 0x4f);
}

static unsigned int fail_each(long (*f)(void))
{
    for (unsigned int n = 0; n < 1000; n++) {
        uint64_t bytes = guest->ioreq.bytes;
        unsigned int ports = fake_ports_in_use(guest);
        unsigned long live;
        long rc;

        fake_rcu_run();
        live = fake_alloc_live;
        fake_alloc_fail_at = (long)n;
        rc = f();
        if (fake_alloc_fail_at >= 0) {
            fake_alloc_fail_at = -1;
            assert_true(rc >= 0);
            return n;
        }
        assert_int_equal(rc, -ENOMEM);
        fake_rcu_run();
        assert_int_equal(fake_ports_in_use(guest), ports);
        if (bytes == 0)
            continue; /* the registry may stay, once */
        assert_int_equal(fake_alloc_live, live);
        assert_int_equal(guest->ioreq.bytes, bytes);
    }
    fail_msg("never succeeded");
    return 0;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    assert_true(fail_each(create_again) >= 2);
    assert_int_equal(dm_map(guest, 0, 1, BASE, BASE + 0xff), 0);
    assert_int_equal(dm_enable(guest, 0, true), 0);
    assert_true(fail_each(map_again) >= 1);
    assert_int_equal(guest_access(guest->vcpu[0], BASE + 0x2f8, 8, true, 0), IOREQ_SENT);
    assert_true(fail_each(unmap_again) >= 1);
    assert_int_equal(guest_access(guest->vcpu[1], BASE + 0x48, 8, true, 0), IOREQ_UNCLAIMED);
    assert_int_equal(guest_access(guest->vcpu[1], BASE + 0x50, 8, true, 0), IOREQ_SENT);
}

static void no_page_no_server(void **state)
{
    static struct page *taken[FAKE_RAM_FRAMES + 1];
    unsigned int n = 0;

    (void)state;
    while ((taken[n] = page_alloc(0)) != NULL)
        n++;
    assert_int_equal(dm_create(guest), -ENOMEM);
    assert_int_equal(fake_ports_in_use(guest), 0);
    while (n > 0)
        page_free(taken[--n], 0);
    assert_int_equal(dm_create(guest), 0);
}

static void no_ports_no_server(void **state)
{
    (void)state;
    fake_port_limit = 3;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(dm_create(guest), -ENOSPC);
    assert_int_equal(fake_ports_in_use(guest), 2);
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_int_equal(dm_create(guest), 0);
}

static void memory_is_limited(void **state)
{
    uint64_t after_create;
    unsigned int n = 0;
    long rc;

    (void)state;
    ioreq_max_bytes = 1;
    assert_int_equal(dm_create(guest), -ENOMEM);
    assert_int_equal(guest->ioreq.bytes, 0);
    ioreq_max_bytes = 16384;
    assert_int_equal(dm_create(guest), 0);
    after_create = guest->ioreq.bytes;
    assert_true(after_create > 4096);
    while ((rc = dm_map(guest, 0, 1, BASE + n * 0x100, BASE + n * 0x100 + 3)) == 0)
        n++;
    assert_int_equal(rc, -ENOMEM);
    assert_true(n > 8 && n < 256);
    assert_true(guest->ioreq.bytes <= ioreq_max_bytes);
    /* Room again when something goes. */
    assert_int_equal(dm_unmap(guest, 0, 1, BASE, BASE + 3), 0);
    assert_int_equal(dm_map(guest, 0, 1, BASE, BASE + 3), 0);
    while (n-- > 0)
        assert_int_equal(dm_unmap(guest, 0, 1, BASE + n * 0x100, BASE + n * 0x100 + 3), 0);
    assert_int_equal(guest->ioreq.bytes, after_create);
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(guest->ioreq.bytes, after_create);
}

/* Ports. */

static void ports_name_vcpu_and_creator(void **state)
{
    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(AS(control, dm_create(guest)), 1);
    assert_int_equal(fake_ports_in_use(guest), 4);
    for (unsigned int p = 1; p <= 4; p++) {
        assert_ptr_equal(fake_port(guest, p)->v, guest->vcpu[(p - 1) % 2]);
        assert_int_equal(fake_port(guest, p)->remote, p <= 2 ? dm->id : control->id);
    }
    /* Not told before the server is enabled. */
    assert_int_equal(scene_port(0, 0), 0);
    assert_int_equal(scene_port(0, 1), 0);
    assert_int_equal(dm_enable(guest, 0, true), 0);
    assert_int_equal(scene_port(0, 0), 1);
    assert_int_equal(scene_port(0, 1), 2);
}

static void vcpus_before_and_after(void **state)
{
    struct domain *d = fake_domain_create_empty(3, 4);
    struct vcpu *v;

    (void)state;
    dm->device_model_for = 3;
    assert_int_equal(dm_create(d), 0); /* without any vCPU */
    assert_int_equal(dm_map(d, 0, 1, BASE, BASE + 0xfff), 0);
    assert_int_equal(fake_vcpu_create(d, 1), 0);
    assert_int_equal(dm_slot(d, 0, 1)->vp_eport, 0); /* disabled */
    assert_int_equal(dm_enable(d, 0, true), 0);
    assert_int_not_equal(dm_slot(d, 0, 1)->vp_eport, 0);
    assert_int_equal(dm_slot(d, 0, 2)->vp_eport, 0);
    assert_int_equal(fake_vcpu_create(d, 2), 0); /* enabled: told at once */
    v = d->vcpu[2];
    assert_int_not_equal(dm_slot(d, 0, 2)->vp_eport, 0);
    assert_ptr_equal(fake_port(d, dm_slot(d, 0, 2)->vp_eport)->v, v);
    assert_int_equal(guest_access(v, BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(dm_create(d), 1);
    assert_int_equal(fake_ports_in_use(d), 4);
}

static void vcpu_without_ports_is_not_created(void **state)
{
    struct domain *d = fake_domain_create_empty(3, 2);

    (void)state;
    dm->device_model_for = 3;
    assert_int_equal(dm_create(d), 0);
    assert_int_equal(dm_create(d), 1);
    assert_int_equal(fake_vcpu_create(d, 0), 0);
    fake_port_limit = 3;
    assert_int_equal(fake_vcpu_create(d, 1), -ENOSPC);
    assert_int_equal(fake_ports_in_use(d), 2);
    fake_port_limit = 4;
    assert_int_equal(fake_vcpu_create(d, 1), 0);
}

/* A slot whose page was scribbled on before enabling: only the port is written. */
static void enabling_writes_ports_only(void **state)
{
    ioreq_t *slot;

    (void)state;
    assert_int_equal(dm_create(guest), 0);
    slot = dm_slot(guest, 0, 0);
    memset(slot, 0x5a, sizeof(*slot));
    assert_int_equal(dm_enable(guest, 0, true), 0);
    assert_int_equal(slot->vp_eport, 1);
    assert_int_equal(slot->addr, UINT64_C(0x5a5a5a5a5a5a5a5a));
    assert_int_equal(slot->type, 0x5a);
    assert_int_equal(slot[1].vp_eport, 2);
}

/* Pages. */

static const struct {
    const char *what;
    uint32_t id;
    uint64_t frame;
    int rc;
} frames[] = {
    {"slots", 0, 1, 0},
    {"buffered ring of a server without", 0, 0, -ENOENT},
    {"beyond", 0, 2, -EINVAL},
    {"far beyond", 0, UINT64_C(0x100000001), -EINVAL},
    {"other's", 1, 1, -EPERM},
    {"other's, beyond", 1, 2, -EPERM},
    {"none", 2, 1, -ENOENT},
    {"none, beyond", 2, 2, -ENOENT},
    {"id 8", 8, 1, -ENOENT},
    {"id 64", 64, 1, -ENOENT},
    {"id 0xffff", 0xffff, 1, -ENOENT},
    {"id 0x10000", 0x10000, 1, -EINVAL},
    {"id 0x10000, beyond", 0x10000, 2, -EINVAL},
};

static void acquire(void **state)
{
    struct page *pg;

    (void)state;
    assert_int_equal(ioreq_nr_frames(guest), 2);
    assert_int_equal(ioreq_acquire_frame(guest, 0, 1, &pg), -ENOENT);
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(AS(control, dm_create(guest)), 1);
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        int rc = ioreq_acquire_frame(guest, frames[i].id, frames[i].frame, &pg);

        if (rc != frames[i].rc)
            fail_msg("%s: %d, expected %d", frames[i].what, rc, frames[i].rc);
        if (rc == 0)
            page_put(pg);
    }
}

static void page_belongs_to_the_target_uncharged(void **state)
{
    struct page *pg, *other;

    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(ioreq_acquire_frame(guest, 0, 1, &pg), 0);
    assert_ptr_equal(pg->owner, guest);
    assert_int_equal(guest->tot_pages, 0);
    assert_int_equal(atomic32_read(&pg->refs), 2);
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((unsigned char *)page_to_virt(pg))[i], 0);
    assert_int_equal(ioreq_acquire_frame(guest, 0, 1, &other), 0);
    assert_ptr_equal(other, pg);
    page_put(other);
    /* XSA-276: mapped, it outlives its server and even its domain. */
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(atomic32_read(&pg->refs), 1);
    fake_domain_kill(guest);
    fake_rcu_run();
    assert_int_equal(atomic32_read(&guest->refs), 1);
    page_put(pg);
    assert_int_equal(atomic32_read(&guest->refs), 0);
}

static void page_after_enabling(void **state)
{
    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(dm_map(guest, 0, 1, BASE, BASE + 0xfff), 0);
    assert_int_equal(dm_enable(guest, 0, true), 0);
    /* Never acquired: the request is posted, the device model finds it when it looks. */
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_SENT);
    assert_int_equal(dm_slot(guest, 0, 0)->state, STATE_IOREQ_READY);
    assert_int_not_equal(scene_port(0, 0), 0);
}

/* References. */

static void server_holds_its_domains(void **state)
{
    uint32_t target = atomic32_read(&guest->refs), owner = atomic32_read(&dm->refs);

    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(atomic32_read(&dm->refs), owner + 1);
    assert_int_equal(atomic32_read(&guest->refs), target + 2); /* and its page's */
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(atomic32_read(&dm->refs), owner);
    assert_int_equal(atomic32_read(&guest->refs), target);
}

static void owner_dies(void **state)
{
    (void)state;
    scene_server(BASE, BASE + 0xfff);
    assert_int_equal(AS(control, dm_create(guest)), 1);
    current = control->vcpu[0];
    fake_domain_kill(dm);
    fake_rcu_run();
    assert_int_equal(atomic32_read(&dm->refs), 0);
    /* Only its own went; its id is free again. */
    assert_int_equal(dm_enable(guest, 1, true), 0);
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(guest_access(guest->vcpu[0], BASE, 4, true, 0), IOREQ_UNCLAIMED);
}

/* A new domain with the dead one's id is somebody else. */
static void owner_is_a_domain_not_an_id(void **state)
{
    struct domain *again;

    (void)state;
    scene_server(BASE, BASE + 0xfff);
    dm->state = DOMAIN_DYING; /* killed half-way: still an owner */
    again = fake_domain_create_empty(3, 1);
    again->id = dm->id;
    again->device_model_for = guest->id;
    assert_int_equal(fake_vcpu_create(again, 0), 0);
    assert_int_equal(AS(again, dm_enable(guest, 0, false)), -EPERM);
    again->id = 3;
}

static void vcpu_leaves(void **state)
{
    (void)state;
    assert_int_equal(dm_create(guest), 0);
    assert_int_equal(fake_ports_in_use(guest), 2);
    ioreq_destroy_vcpu(guest->vcpu[1]);
    assert_int_equal(fake_ports_in_use(guest), 1);
    ioreq_destroy_vcpu(guest->vcpu[1]);
    assert_int_equal(dm_create(guest), 1);
    assert_int_equal(fake_ports_in_use(guest), 2);
}

static void dump(void **state)
{
    (void)state;
    fake_log[0] = '\0';
    ioreq_dump(guest);
    assert_string_equal(fake_log, "");
    scene_server(BASE, BASE + 0xfff);
    assert_int_equal(dm_map(guest, 0, 2, UINT64_MAX, UINT64_MAX), 0);
    for (unsigned int i = 0; i < 17; i++)
        assert_int_equal(dm_map(guest, 0, 0, i * 2, i * 2), 0);
    assert_int_equal(guest_access(guest->vcpu[1], BASE + 0x10, 4, true, 0), IOREQ_SENT);
    ioreq_dump(guest);
    assert_non_null(strstr(fake_log, "server 0 of d1"));
    assert_non_null(strstr(fake_log, "port, 17 ranges: 0-0 2-2 "));
    assert_non_null(strstr(fake_log, " 1e-1e ...\n"));
    assert_non_null(strstr(fake_log, "memory, 1 ranges: c000000-c000fff\n"));
    assert_non_null(strstr(fake_log, "pci, 1 ranges: ffffffffffffffff-ffffffffffffffff\n"));
    assert_non_null(strstr(fake_log, "d2v1 waits for server 0: read c000010, size 4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(lowest_free_id),
        SCENE_TEST(more_servers_on_the_owners_word),
        SCENE_TEST(command_line),
        SCENE_TEST(limit_of_one),
        SCENE_TEST(id_is_reused_after_the_grace_period),
        SCENE_TEST(ranges_do_not_survive_their_server),
        SCENE_TEST(destroy_without_memory),
        SCENE_TEST(destroy_with_many_ranges),
        SCENE_TEST(disable_without_memory),
        SCENE_TEST(each_allocation_fails),
        SCENE_TEST(no_page_no_server),
        SCENE_TEST(no_ports_no_server),
        SCENE_TEST(memory_is_limited),
        SCENE_TEST(ports_name_vcpu_and_creator),
        SCENE_TEST(vcpus_before_and_after),
        SCENE_TEST(vcpu_without_ports_is_not_created),
        SCENE_TEST(enabling_writes_ports_only),
        SCENE_TEST(acquire),
        SCENE_TEST(page_belongs_to_the_target_uncharged),
        SCENE_TEST(page_after_enabling),
        SCENE_TEST(server_holds_its_domains),
        SCENE_TEST(owner_dies),
        SCENE_TEST(owner_is_a_domain_not_an_id),
        SCENE_TEST(vcpu_leaves),
        SCENE_TEST(dump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
