/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets an access: merging, splitting, limits, spaces, overlap between servers. */
#include "fake/scene.h"

#include <stdlib.h>
#include <string.h>

#define MEM XEN_DMOP_IO_RANGE_MEMORY
#define PIO XEN_DMOP_IO_RANGE_PORT
#define PCI XEN_DMOP_IO_RANGE_PCI
#define END ~UINT64_C(0)

/* The id of the server that an access of vCPU 0 goes to, or -1; the request is answered at once. */
static int routed(const struct ioreq_access *a)
{
    struct vcpu *v = guest->vcpu[0];
    struct vcpu *prev = current;
    enum ioreq_result r;
    int id;

    current = v;
    r = ioreq_forward(v, a);
    current = prev;
    if (r != IOREQ_SENT)
        return -1;
    id = (int)v->ioreq.server_id;
    scene_answer((unsigned int)id, 0, 0);
    assert_true(fake_exit_path(v));
    return id;
}

static int at(uint64_t addr, unsigned int size)
{
    return routed(&(struct ioreq_access){.addr = addr,
                                         .count = 1,
                                         .size = (uint8_t)size,
                                         .type = IOREQ_TYPE_COPY,
                                         .space = IOREQ_SPACE_MEMORY,
                                         .read = true});
}

static void servers(unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        assert_int_equal(dm_create(guest), i);
        assert_int_equal(dm_enable(guest, i, true), 0);
    }
}

static void map(unsigned int id, uint64_t first, uint64_t last)
{
    assert_int_equal(dm_map(guest, id, MEM, first, last), 0);
}

static void unmap(unsigned int id, uint64_t first, uint64_t last)
{
    assert_int_equal(dm_unmap(guest, id, MEM, first, last), 0);
}

static void neighbours_merge(void **state)
{
    (void)state;
    servers(1);
    map(0, 0x1000, 0x1003);
    map(0, 0x1008, 0x100f);
    assert_int_equal(at(0x1002, 4), -1);
    map(0, 0x1004, 0x1007); /* joins both */
    assert_int_equal(at(0x1002, 4), 0);
    assert_int_equal(at(0x1006, 8), 0);
    unmap(0, 0x1000, 0x100f); /* as one */
    assert_int_equal(at(0x1000, 1), -1);
}

static void unmap_splits(void **state)
{
    (void)state;
    servers(1);
    map(0, 0x1000, 0x1fff);
    unmap(0, 0x1400, 0x17ff);
    assert_int_equal(at(0x13fc, 4), 0);
    assert_int_equal(at(0x13fd, 4), -1);
    assert_int_equal(at(0x1400, 4), -1);
    assert_int_equal(at(0x17ff, 1), -1);
    assert_int_equal(at(0x1800, 4), 0);
    unmap(0, 0x1000, 0x1000); /* ends */
    unmap(0, 0x1fff, 0x1fff);
    assert_int_equal(at(0x1000, 1), -1);
    assert_int_equal(at(0x1001, 1), 0);
    assert_int_equal(at(0x1fff, 1), -1);
    assert_int_equal(dm_unmap(guest, 0, MEM, 0x1300, 0x1400), -ENOENT);
    assert_int_equal(dm_unmap(guest, 0, MEM, 0x13ff, 0x1800), -ENOENT);
    assert_int_equal(at(0x13ff, 1), 0);
}

static void ends_of_64_bits(void **state)
{
    (void)state;
    servers(1);
    map(0, END, END);
    map(0, 0, 0);
    assert_int_equal(at(END, 1), 0);
    assert_int_equal(at(END, 2), -1); /* wraps */
    assert_int_equal(at(END - 1, 2), -1);
    assert_int_equal(at(0, 1), 0);
    unmap(0, 0, 0);
    map(0, 0, END - 1);
    assert_int_equal(at(END - 7, 8), 0);
    unmap(0, 0, END);
    assert_int_equal(at(END, 1), -1);
    map(0, UINT64_C(0xffffffff00000000), UINT64_C(0xffffffff0000ffff));
    assert_int_equal(at(UINT64_C(0xffffffff00000008), 8), 0);
    assert_int_equal(at(8, 8), -1);
    assert_int_equal(at(UINT64_C(0x100000008), 8), -1);
}

/* 256 merged ranges; one more is -ENOMEM, a neighbour or a shrinking one is not. */
static void limit_counts_merged_ranges(void **state)
{
    unsigned int i;

    (void)state;
    servers(1);
    for (i = 0; i < 256; i++)
        map(0, i * 0x100, i * 0x100 + 0x7f);
    assert_int_equal(dm_map(guest, 0, MEM, 0x100000, 0x100000), -ENOMEM);
    assert_int_equal(at(0x100000, 1), -1);
    assert_int_equal(dm_unmap(guest, 0, MEM, 0x10, 0x10), -ENOMEM); /* would split */
    assert_int_equal(at(0x10, 1), 0);
    map(0, 0x80, 0x8f);   /* grows */
    unmap(0, 0x80, 0x8f); /* shrinks */
    map(0, 0x80, 0xff);   /* joins two: 255 */
    unmap(0, 0x90, 0x9f); /* splits: 256 */
    assert_int_equal(dm_map(guest, 0, MEM, 0x100000, 0x100000), -ENOMEM);
    /* Spaces and servers count alone. */
    assert_int_equal(dm_map(guest, 0, PIO, 0x100000, 0x100000), 0);
    assert_int_equal(dm_map(guest, 0, PCI, 0x100000, 0x100000), 0);
    servers(0);
    assert_int_equal(dm_create(guest), 1);
    map(1, 0x100000, 0x100000);
    for (i = 2; i < 256; i++)
        unmap(0, i * 0x100, i * 0x100 + 0x7f);
    map(0, 0x100000, 0x100000);
}

static void limit_by_the_owner(void **state)
{
    (void)state;
    ioreq_max_ranges = 8192;
    ioreq_max_bytes = 64 << 20;
    servers(1);
    for (unsigned int i = 0; i < 8192; i++)
        map(0, i * 0x1000ULL, i * 0x1000ULL + 0xff);
    assert_int_equal(dm_map(guest, 0, MEM, 0x8000000, 0x8000000), -ENOMEM);
    for (unsigned int i = 0; i < 8192; i++) {
        assert_int_equal(at(i * 0x1000ULL + 0xfc, 4), 0);
        assert_int_equal(at(i * 0x1000ULL + 0xfd, 4), -1);
    }
    ioreq_max_ranges = 1;
    assert_int_equal(dm_create(guest), 1);
    assert_int_equal(dm_map(guest, 1, PIO, 0, 0), 0);
    assert_int_equal(dm_map(guest, 1, PIO, 2, 2), -ENOMEM);
    assert_int_equal(dm_map(guest, 1, PIO, 1, 1), 0);
}

static void spaces_are_separate(void **state)
{
    struct ioreq_access a = {.addr = 0xcf8, .count = 1, .size = 4, .read = true};

    (void)state;
    servers(3);
    assert_int_equal(dm_map(guest, 0, PIO, 0xcf8, 0xcfb), 0);
    assert_int_equal(dm_map(guest, 1, MEM, 0xcf8, 0xcfb), 0);
    assert_int_equal(dm_map(guest, 2, PCI, 0xcf8, 0xcf8), 0);
    a.space = IOREQ_SPACE_PORT;
    assert_int_equal(routed(&a), 0);
    a.space = IOREQ_SPACE_MEMORY;
    assert_int_equal(routed(&a), 1);
    a.space = IOREQ_SPACE_PCI;
    assert_int_equal(routed(&a), -1); /* the register is 0xcf8, the function 0 */
    a.addr = UINT64_C(0xcf8) << 32 | 0xff8;
    assert_int_equal(routed(&a), 2);
    a.addr = UINT64_C(0xcf9) << 32;
    assert_int_equal(routed(&a), -1);
}

/* A batch is claimed as a whole, whichever way it goes. */
static void batches(void **state)
{
    struct ioreq_access a = {.addr = 0x1000,
                             .count = 4,
                             .size = 4,
                             .space = IOREQ_SPACE_MEMORY,
                             .read = true,
                             .data_is_ptr = true};

    (void)state;
    servers(1);
    map(0, 0x1000, 0x100f);
    assert_int_equal(routed(&a), 0);
    a.count = 5;
    assert_int_equal(routed(&a), -1);
    a.df = true;
    a.addr = 0x100c;
    assert_int_equal(routed(&a), -1);
    a.count = 4;
    assert_int_equal(routed(&a), 0);
    a.addr = 0x100d;
    assert_int_equal(routed(&a), -1);
    a.addr = 0x1008;
    assert_int_equal(routed(&a), -1);
    /* A string of port accesses stays on its port. */
    assert_int_equal(dm_map(guest, 0, PIO, 0x60, 0x63), 0);
    a.space = IOREQ_SPACE_PORT;
    a.addr = 0x60;
    assert_int_equal(routed(&a), 0);
}

static void highest_enabled_id_wins(void **state)
{
    (void)state;
    servers(3);
    map(0, 0x0000, 0xffff);
    map(1, 0x4000, 0x7fff);
    map(2, 0x6000, 0x9fff);
    assert_int_equal(at(0x3ffc, 4), 0);
    assert_int_equal(at(0x4000, 4), 1);
    assert_int_equal(at(0x5ffc, 4), 1);
    assert_int_equal(at(0x6000, 4), 2);
    assert_int_equal(at(0x9ffc, 4), 2);
    assert_int_equal(at(0xa000, 4), 0);
    assert_int_equal(dm_enable(guest, 2, false), 0);
    assert_int_equal(at(0x6000, 4), 1);
    assert_int_equal(at(0x8000, 4), 0);
    assert_int_equal(dm_enable(guest, 1, false), 0);
    assert_int_equal(at(0x6000, 4), 0);
    assert_int_equal(dm_enable(guest, 2, true), 0);
    assert_int_equal(at(0x6000, 4), 2);
    assert_int_equal(dm_destroy(guest, 2), 0);
    assert_int_equal(at(0x6000, 4), 0);
}

/*
 * An access that no single interval holds: it goes to the highest server that has claimed all of
 * it, even where a higher one has claimed a part.
 */
static void straddling_accesses(void **state)
{
    (void)state;
    servers(3);
    map(0, 0x1000, 0x1fff);
    map(2, 0x1800, 0x1803);
    assert_int_equal(at(0x1800, 4), 2);
    assert_int_equal(at(0x1800, 8), 0);
    assert_int_equal(at(0x17fe, 4), 0);
    assert_int_equal(at(0x1802, 4), 0);
    map(1, 0x1802, 0x1802);
    assert_int_equal(at(0x17fc, 8), 0);
    assert_int_equal(at(0x1ffc, 8), -1);
    map(2, 0x1804, 0x1807); /* two that merged */
    assert_int_equal(at(0x1800, 8), 2);
    map(1, 0x2000, 0x2fff); /* nothing is split between servers */
    assert_int_equal(at(0x1ffe, 4), -1);
    assert_int_equal(at(0x2000, 4), 1);
}

/* The last hit is remembered: whatever changes must not leave it standing. */
static void last_hit_is_not_stale(void **state)
{
    (void)state;
    servers(2);
    map(0, 0x1000, 0x1fff);
    assert_int_equal(at(0x1100, 4), 0);
    assert_int_equal(at(0x1100, 4), 0);
    map(1, 0x1100, 0x1103);
    assert_int_equal(at(0x1100, 4), 1);
    assert_int_equal(at(0x1104, 4), 0);
    unmap(1, 0x1100, 0x1103);
    assert_int_equal(at(0x1100, 4), 0);
    assert_int_equal(dm_enable(guest, 0, false), 0);
    assert_int_equal(at(0x1100, 4), -1);
    assert_int_equal(dm_enable(guest, 0, true), 0);
    assert_int_equal(at(0x1100, 4), 0);
    unmap(0, 0x1000, 0x1fff);
    assert_int_equal(at(0x1100, 4), -1);
    /* Another space with the same numbers. */
    map(0, 0x1000, 0x1fff);
    assert_int_equal(at(0x1100, 4), 0);
    assert_int_equal(
        routed(&(struct ioreq_access){
            .addr = 0x1100, .count = 1, .size = 4, .space = IOREQ_SPACE_PORT, .read = true}),
        -1);
}

/* Random operations against the rule itself, byte by byte. */
#define BYTES 96
#define NR    8

static struct {
    bool exists, enabled, claimed[BYTES];
} model[NR];

/* The number space of the test is placed where carries and signs would show. */
static uint64_t origin;

static int model_route(unsigned int first, unsigned int size)
{
    for (int id = NR - 1; id >= 0; id--) {
        bool all = model[id].exists && model[id].enabled;

        for (unsigned int i = first; i < first + size && all; i++)
            all = i < BYTES && model[id].claimed[i];
        if (all)
            return id;
    }
    return -1;
}

/* How many of [first, last] the server has, and whether that is one errno or another. */
static unsigned int model_count(unsigned int id, unsigned int first, unsigned int last)
{
    unsigned int n = 0;

    for (unsigned int i = first; i <= last; i++)
        n += model[id].claimed[i];
    return n;
}

static void random_range(unsigned int id, bool do_map)
{
    unsigned int first = (unsigned int)rand() % BYTES;
    unsigned int last = first + (unsigned int)rand() % 12;
    unsigned int have;
    long rc, expected;

    if (last >= BYTES)
        last = BYTES - 1;
    have = model_count(id, first, last);
    if (!model[id].exists)
        expected = -ENOENT;
    else if (do_map)
        expected = have != 0 ? -EEXIST : 0;
    else
        expected = have != last - first + 1 ? -ENOENT : 0;
    rc = do_map ? dm_map(guest, id, MEM, origin + first, origin + last)
                : dm_unmap(guest, id, MEM, origin + first, origin + last);
    assert_int_equal(rc, expected);
    if (rc == 0)
        memset(&model[id].claimed[first], do_map, last - first + 1);
}

static void random_server(unsigned int id)
{
    if (!model[id].exists) {
        long got = dm_create(guest);

        assert_true(got >= 0 && got < NR && !model[got].exists);
        memset(&model[got], 0, sizeof(model[got]));
        model[got].exists = true;
    } else if (rand() % 3 == 0) {
        assert_int_equal(dm_destroy(guest, id), 0);
        model[id].exists = false;
    } else {
        model[id].enabled = rand() % 3 != 0;
        assert_int_equal(dm_enable(guest, id, model[id].enabled), 0);
    }
}

static void random_steps(unsigned int steps)
{
    memset(model, 0, sizeof(model));
    for (unsigned int i = 0; i < steps; i++) {
        unsigned int id = (unsigned int)rand() % NR;
        unsigned int what = (unsigned int)rand() % 12;

        if (what == 0)
            random_server(id);
        else
            random_range(id, what < 8);
        for (unsigned int n = 0; n < 6; n++) {
            unsigned int first = (unsigned int)rand() % BYTES;
            unsigned int size = 1U << (rand() % 4);

            if (origin + first + size - 1 >= origin + first)
                assert_int_equal(at(origin + first, size), model_route(first, size));
        }
        fake_rcu_run();
    }
}

static void random_against_the_rule(void **state)
{
    static const uint64_t origins[] = {0, UINT64_C(0x7fffffc0), UINT64_C(0xffffffc0),
                                       UINT64_C(0x7fffffffffffffc0), END - (BYTES - 1)};

    (void)state;
    srand(4711);
    for (unsigned int i = 0; i < ARRAY_SIZE(origins); i++) {
        origin = origins[i];
        random_steps(3000);
        scene_teardown(NULL);
        scene_setup(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(neighbours_merge),
        SCENE_TEST(unmap_splits),
        SCENE_TEST(ends_of_64_bits),
        SCENE_TEST(limit_counts_merged_ranges),
        SCENE_TEST(limit_by_the_owner),
        SCENE_TEST(spaces_are_separate),
        SCENE_TEST(batches),
        SCENE_TEST(highest_enabled_id_wins),
        SCENE_TEST(straddling_accesses),
        SCENE_TEST(last_hit_is_not_stale),
        SCENE_TEST(random_against_the_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
