/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the price of look-ups, maps and unmaps grows with ranges and servers: counted, in nodes that
 * are visited and objects that are allocated, so that the answer is the same on every machine. And
 * that what is charged to the target domain is what it costs.
 *
 * `make growth` runs it without sanitizers for all sizes (GROWTH=all) and prints the table of
 * docs/performance.md.
 */
#include "fake/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <wherry/slab.h>

#include "../../common/ioreq/private.h"

#define MEM  1
#define STEP UINT64_C(0x10) /* from one range to the next, whosever */

unsigned long imap_visits;
static unsigned long imap_visits_before, allocs_before;
static unsigned long other_objects; /* of the scene, without the registry */

/* Most and all of what calls cost. */
struct cost {
    unsigned long visits, allocs, worst_visits, worst_allocs, calls;
};

static void begin(void)
{
    imap_visits_before = imap_visits;
    allocs_before = fake_alloc_calls;
}

static void end(struct cost *c)
{
    unsigned long visits = imap_visits - imap_visits_before;
    unsigned long allocs = fake_alloc_calls - allocs_before;

    c->visits += visits;
    c->allocs += allocs;
    c->worst_visits = MAX(c->worst_visits, visits);
    c->worst_allocs = MAX(c->worst_allocs, allocs);
    c->calls++;
}

static double average(unsigned long sum, const struct cost *c)
{
    return (double)sum / (double)c->calls;
}

/* Rounded up. */
static unsigned long log2_of(unsigned long n)
{
    unsigned long bits = 0;

    while (1UL << bits < n)
        bits++;
    return bits;
}

/* Server s's i-th range: those of all servers take turns, with gaps. */
static uint64_t start_of(unsigned int i, unsigned int s, unsigned int servers)
{
    return 0x1000 + ((uint64_t)i * servers + s) * STEP;
}

static void map(struct cost *c, unsigned int s, uint64_t first, uint64_t last)
{
    begin();
    assert_int_equal(ioreq_range_map(guest, s, MEM, first, last), 0);
    end(c);
    if (c->calls % 64 == 0)
        fake_rcu_run();
}

static void unmap(struct cost *c, unsigned int s, uint64_t first, uint64_t last)
{
    begin();
    assert_int_equal(ioreq_range_unmap(guest, s, MEM, first, last), 0);
    end(c);
    if (c->calls % 64 == 0)
        fake_rcu_run();
}

/* From a vCPU that remembers nothing. */
static void look_up(struct cost *c, uint64_t addr, int winner)
{
    struct vcpu *v = guest->vcpu[0];

    v->ioreq.hit_version = 0;
    begin();
    assert_int_equal(ioreq_route(v, guest->ioreq.registry, IOREQ_SPACE_MEMORY, addr, addr + 3),
                     winner);
    end(c);
}

static unsigned long count_nodes(const struct imap_node *n)
{
    return n == NULL ? 0 : 1 + count_nodes(n->left) + count_nodes(n->right);
}

/* The bytes that the registry really takes, and its objects. */
static uint64_t real_bytes(unsigned long *objects)
{
    const struct ioreq_registry *reg = guest->ioreq.registry;
    uint64_t bytes = kalloc_size(sizeof(*reg));
    unsigned long nodes = 0;

    *objects = 1;
    for (unsigned int space = 0; space < IOREQ_NR_SPACES; space++)
        nodes += count_nodes(reg->route.root[space]);
    for (unsigned int id = 0; id < IOREQ_SERVERS_LIMIT; id++) {
        const struct ioreq_server *s = reg->server[id];

        if (s == NULL)
            continue;
        for (unsigned int space = 0; space < IOREQ_NR_SPACES; space++)
            nodes += count_nodes(s->ranges[space].root);
        bytes += PAGE_SIZE + kalloc_size(sizeof(*s) + guest->max_vcpus * sizeof(s->vcpu[0]));
        ++*objects;
    }
    *objects += nodes;
    return bytes + nodes * kalloc_size(sizeof(struct imap_node));
}

/* All objects are known, and paid for; what is paid too much is what ranges might need. */
static void check_charge(uint64_t ranges)
{
    unsigned long objects;
    uint64_t bytes;

    fake_rcu_run();
    bytes = real_bytes(&objects);
    assert_int_equal(fake_alloc_live, other_objects + objects);
    assert_true(guest->ioreq.bytes >= bytes);
    assert_true(guest->ioreq.bytes <= bytes + (2 * ranges + IOREQ_NR_SPACES) * 64);
}

/* One line of the table: `servers` with n ranges each. */
static void measure(unsigned int n, unsigned int servers, bool print)
{
    uint64_t top = start_of(n, 0, servers), intervals = 2 * (uint64_t)n * servers + 1;
    struct cost maps = {0}, unmaps = {0}, over = {0}, lookups = {0};
    unsigned long bits = log2_of(intervals + 1);
    uint64_t charged;
    uint32_t id;

    for (unsigned int s = 0; s < servers; s++) {
        assert_int_equal(ioreq_server_create(guest, 0, &id), 0);
        assert_int_equal(ioreq_server_set_state(guest, id, true), 0);
    }
    check_charge(0);
    for (unsigned int i = 0; i < n; i++)
        for (unsigned int s = 0; s < servers; s++)
            map(&maps, s, start_of(i, s, servers), start_of(i, s, servers) + 7);
    charged = guest->ioreq.bytes;
    check_charge((uint64_t)n * servers);
    for (unsigned int i = 0; i < n; i += 1 + n / 64)
        for (unsigned int s = 0; s < servers; s++)
            look_up(&lookups, start_of(i, s, servers), (int)s);
    /* One range over those of all the others; a look-up is none the slower. */
    if (servers > 1) {
        for (unsigned int i = n; i-- > 0;)
            unmap(&unmaps, 0, start_of(i, 0, servers), start_of(i, 0, servers) + 7);
        map(&over, 0, 0x1000, top);
        check_charge((uint64_t)n * servers);
        look_up(&lookups, start_of(n / 2, 1, servers), 1);
        look_up(&lookups, start_of(n / 2, 1, servers) + 8, 0);
        unmap(&over, 0, 0x1008, top - 8); /* and out of the middle */
    }
    for (unsigned int s = servers > 1; s < servers; s++)
        for (unsigned int i = 0; i < n; i++)
            unmap(&unmaps, s, start_of(i, s, servers), start_of(i, s, servers) + 7);
    if (print)
        printf("| %u | %u | %.1f (%lu) | %.1f (%lu) | %.1f (%lu) | %lu | %.1f (%lu) | %lu |\n",
               servers, n, average(lookups.visits, &lookups), lookups.worst_visits,
               average(maps.visits, &maps), maps.worst_visits, average(unmaps.visits, &unmaps),
               unmaps.worst_visits, over.worst_visits, average(maps.allocs, &maps),
               MAX(maps.worst_allocs, over.worst_allocs), (unsigned long)charged);
    /*
     * A balanced tree is at most 1.45 log2 deep: that is one search. A change is some searches and
     * two paths in each of two trees; n of them in a row are O(n log n).
     */
    assert_true(lookups.worst_visits <= bits * 3 / 2 + 1 && lookups.allocs == 0);
    assert_true(maps.worst_visits <= 20 * bits + 12 && maps.worst_allocs <= 4 * bits + 4);
    assert_true(unmaps.worst_visits <= 17 * bits + 12 && unmaps.worst_allocs <= 4 * bits + 4);
    assert_true(over.worst_visits <= 15 * bits + 12 && over.worst_allocs <= 4 * bits + 4);
    for (unsigned int s = 0; s < servers; s++)
        assert_int_equal(ioreq_server_destroy(guest, s), 0);
    fake_rcu_run();
}

static void grow(const unsigned int *sizes, unsigned int nr_sizes, unsigned int max_total)
{
    static const unsigned int servers[] = {1, 8, 64};
    bool print = getenv("GROWTH") != NULL;

    other_objects = fake_alloc_live;
    ioreq_max_servers = IOREQ_SERVERS_LIMIT;
    ioreq_max_ranges = 8192;
    ioreq_max_bytes = UINT64_C(1) << 30;
    if (print)
        printf(
            "| servers | ranges each | look-up | map | unmap | over all | allocations | bytes |\n"
            "|---|---|---|---|---|---|---|---|\n");
    for (unsigned int s = 0; s < 3; s++)
        for (unsigned int i = 0; i < nr_sizes; i++)
            if (sizes[i] * servers[s] <= max_total)
                measure(sizes[i], servers[s], print);
}

static void growth(void **state)
{
    static const unsigned int few[] = {1, 2, 256, 1024, 8192};
    static const unsigned int all[] = {1, 16, 256, 1024, 4096, 8192};

    (void)state;
    if (getenv("GROWTH") != NULL)
        grow(all, 6, 64 * 8192);
    else
        grow(few, 5, 16384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
