/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pointers of a buffered ring: at the wrap of 32 bits, with a device model that moves them
 * while a request is posted, with one that writes what it likes, and with one in another thread.
 * The accessors of ring.h are this file's.
 */
#include "fake/scene.h"

/* The C library declares its own. */
#define sched_yield libc_sched_yield
#include <pthread.h>
#undef sched_yield

#include <public/hvm/hvm_op.h>
#include <wherry/percpu.h>
#include <time.h>
#include <unistd.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/ioreq/private.h"
#include "../../common/ioreq/ring.h"

#define LEGACY HVM_IOREQSRV_BUFIOREQ_LEGACY
#define ATOMIC HVM_IOREQSRV_BUFIOREQ_ATOMIC
#define VGA    UINT64_C(0xa0000)

static void (*on_load)(struct ring_page *page); /* after the load, before its use */
static unsigned int loads, swaps;
static bool swaps_fail;

uint32_t ring_load(const struct ring_page *page)
{
    uint32_t read = READ_ONCE(page->read);

    loads++;
    if (on_load != NULL)
        on_load((struct ring_page *)(uintptr_t)page);
    return read;
}

bool ring_swap(struct ring_page *page, uint64_t from, uint64_t to)
{
    swaps++;
    return !swaps_fail && __atomic_compare_exchange_n(&page->both, &from, to, false,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    return field == SLOT_STATE   ? READ_ONCE(slot->bits) & SLOT_STATE_MASK
           : field == SLOT_EPORT ? READ_ONCE(slot->vp_eport)
                                 : READ_ONCE(slot->data);
}

static struct vcpu *v0;
static struct ioreq_ring *ring; /* of the only server */
static struct ring_page *page;
static unsigned int id;

static void server(uint8_t mode)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};

    on_load = NULL;
    swaps_fail = false;
    op.u.create_ioreq_server.handle_bufioreq = mode;
    assert_int_equal(dm_op(guest->id, &op), 0);
    id = op.u.create_ioreq_server.id;
    assert_int_equal(dm_map(guest, id, XEN_DMOP_IO_RANGE_MEMORY, VGA, VGA + 0xffff), 0);
    assert_int_equal(dm_enable(guest, id, true), 0);
    scene_bind(id);
    v0 = guest->vcpu[0];
    ring = &guest->ioreq.registry->server[id]->ring;
    page = ring->shared;
}

/* An honest ring that has run for long and is empty. */
static void start_at(uint32_t pointer)
{
    ring->write = pointer;
    page->write = pointer;
    page->read = pointer;
}

/* True: in the ring. False: it went synchronously, and is answered. */
static bool post(unsigned int size, uint64_t data)
{
    struct ioreq_access a = {.addr = VGA,
                             .data = data,
                             .count = 1,
                             .size = (uint8_t)size,
                             .type = IOREQ_TYPE_COPY,
                             .space = IOREQ_SPACE_MEMORY,
                             .buffered = true};
    enum ioreq_result r;

    current = v0;
    r = ioreq_forward(v0, &a);
    current = dm->vcpu[0];
    if (r == IOREQ_DONE)
        return true;
    assert_int_equal(r, IOREQ_SENT);
    scene_answer(id, 0, 0);
    assert_true(fake_exit_path(v0));
    return false;
}

/* A device model as the public header describes it. */

static uint64_t take_slot(uint32_t pointer)
{
    return READ_ONCE(page->slot[pointer % RING_SLOTS]);
}

/* The request at the ring's head, into *data: 1 or 2 slots, or 0: none. */
static unsigned int take(uint64_t *data, unsigned int *size)
{
    uint64_t both = __atomic_load_n(&page->both, __ATOMIC_ACQUIRE);
    uint32_t read = (uint32_t)both, write = (uint32_t)(both >> 32);
    unsigned int n;
    uint64_t slot;

    if (read == write)
        return 0;
    slot = take_slot(read);
    *size = 1u << (slot >> RING_SIZE_SHIFT & 3);
    *data = slot >> RING_DATA_SHIFT;
    n = *size == 8 ? 2 : 1;
    if (n == 2)
        *data |= take_slot(read + 1) >> RING_DATA_SHIFT << 32;
    __atomic_fetch_add(&page->read, n, __ATOMIC_SEQ_CST);
    return n;
}

static uint32_t rnd(uint32_t n)
{
    static uint32_t seed = 1;

    seed = seed * 1664525 + 1013904223;
    return (seed >> 12) % n;
}

/* The requests that are in the ring, as they have to come out, with the index of each slot. */
static struct queued {
    uint64_t data;
    unsigned int size, slots;
} queue[1024];
static unsigned int queue_head, queue_tail;
static uint32_t model_read, model_write; /* pointers, before any multiple was taken from them */
static bool taken_index[RING_SLOTS];

/* Independent of the hypervisor's arithmetic: is there an unread slot where a request would go? */
static bool model_room(unsigned int slots)
{
    for (unsigned int i = 0; i < slots; i++)
        if (taken_index[(uint32_t)(model_write + i) % RING_SLOTS])
            return false;
    return true;
}

static void model_post(unsigned int size, uint64_t data)
{
    unsigned int slots = size == 8 ? 2 : 1;
    bool room = model_room(slots);

    assert_int_equal(post(size, data), room);
    if (!room)
        return;
    queue[queue_tail++ % ARRAY_SIZE(queue)] = (struct queued){data, size, slots};
    for (unsigned int i = 0; i < slots; i++)
        taken_index[model_write++ % RING_SLOTS] = true;
}

static void model_take(void)
{
    uint64_t data = 0;
    unsigned int size = 0, n = take(&data, &size);
    struct queued *q = &queue[queue_head % ARRAY_SIZE(queue)];

    assert_int_equal(n != 0, queue_head != queue_tail);
    if (n == 0)
        return;
    assert_int_equal(n, q->slots);
    assert_int_equal(size, q->size);
    assert_int_equal(data, q->data);
    queue_head++;
    for (unsigned int i = 0; i < n; i++)
        taken_index[model_read++ % RING_SLOTS] = false;
}

static void model_reset(uint32_t start)
{
    queue_head = queue_tail = 0;
    model_read = model_write = start;
    memset(taken_index, 0, sizeof(taken_index));
    start_at(start);
}

/*
 * Nothing is lost, doubled or changed, and a request goes the other way exactly when a slot that
 * it needs is unread. With pointers that start so that they wrap, in a LEGACY ring.
 */
static void same_requests_come_out(void **state)
{
    static const struct {
        uint8_t mode;
        uint32_t start;
    } rows[] = {
        {LEGACY, 0},   {LEGACY, 510}, {LEGACY, -600u}, {LEGACY, -511u}, {LEGACY, -40u},
        {LEGACY, -1u}, {ATOMIC, 0},   {ATOMIC, 1},     {ATOMIC, 509},   {ATOMIC, 510},
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        server(rows[i].mode);
        for (unsigned int round = 0; round < 20; round++) {
            /* More in than out, then the other way round, to be full and empty often. */
            unsigned int in = round % 2 == 0 ? 7 : 3;

            model_reset(rows[i].start);
            for (unsigned int step = 0; step < 4000; step++)
                if (rnd(10) < in)
                    model_post(1u << rnd(4), step);
                else
                    model_take();
            while (queue_head != queue_tail)
                model_take();
        }
        assert_int_equal(dm_destroy(guest, id), 0);
    }
}

/* 2^32 is no multiple of 511: at the wrap 32 slots have to be empty before the others are used. */
static void legacy_wrap(void **state)
{
    unsigned int fit = 0;

    (void)state;
    server(LEGACY);
    model_reset(-33u);
    for (unsigned int i = 0; i < 33; i++)
        model_post(4, i);
    assert_int_equal(page->write, 0);
    /* Pointer 0 has the index of pointer -32, which is not read yet; nor is -33. */
    assert_false(post(4, 1));
    model_take();
    assert_false(post(4, 1));
    model_take();
    assert_true(model_room(1));
    model_post(4, 33);
    assert_int_equal(page->write, 1);
    assert_false(post(8, 1));
    while (queue_head != queue_tail)
        model_take();
    /* Past it, all 511 fit again. */
    while (post(4, 0))
        fit++;
    assert_int_equal(fit, RING_SLOTS);
}

static void two_slots_across_the_wrap(void **state)
{
    uint64_t data;
    unsigned int size;

    (void)state;
    server(LEGACY);
    start_at(-1u);
    assert_true(post(8, UINT64_C(0x1122334455667788)));
    assert_int_equal(page->write, 1);
    assert_int_equal(page->slot[31] >> 32, 0x55667788);
    assert_int_equal(page->slot[0] >> 32, 0x11223344);
    assert_int_equal(take(&data, &size), 2);
    assert_int_equal(data, UINT64_C(0x1122334455667788));
    assert_int_equal(page->read, 1);
}

/* Canonicalising. */

static void legacy_pointers_are_left_alone(void **state)
{
    (void)state;
    server(LEGACY);
    start_at(100000);
    loads = swaps = 0;
    assert_true(post(4, 1));
    assert_int_equal(page->write, 100001);
    assert_int_equal(page->read, 100000);
    assert_int_equal(loads, 1);
    assert_int_equal(swaps, 0);
}

/* The same multiple from both, whatever its size; what is in the ring stays where it is. */
static void both_pointers_go_down(void **state)
{
    static const struct {
        uint32_t start, read, write;
    } rows[] = {{510, 510, 511},
                {511, 0, 1},
                {512, 1, 2},
                {1022, 0, 1},
                {1021, 510, 511},
                {511 * 1000 + 7, 7, 8},
                {0xffffffff - 40, 502, 503},
                {0x7fffffff, 15, 16}};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        server(ATOMIC);
        start_at(rows[i].start);
        assert_true(post(4, 0x77));
        assert_int_equal(page->read, rows[i].start % RING_SLOTS);
        assert_int_equal(page->read, rows[i].read);
        assert_int_equal(page->write, rows[i].write);
        assert_int_equal(ring->write, page->write);
        assert_int_equal(page->slot[page->read % RING_SLOTS] >> 32, 0x77);
        assert_int_equal(dm_destroy(guest, id), 0);
    }
}

/* Everything of the request is there before the pointers are looked at again. */
static unsigned int nth_load;

static void look_at_the_order(struct ring_page *p)
{
    nth_load++;
    assert_int_equal(p->write, nth_load == 1 ? 511 : 512);
    assert_int_equal(p->slot[0] >> 32, nth_load == 1 ? 0 : 0x77);
    assert_int_equal(fake_port(guest, ring->port)->notified, 0);
}

static void order_of_a_post(void **state)
{
    (void)state;
    server(ATOMIC);
    start_at(511);
    nth_load = 0;
    on_load = look_at_the_order;
    assert_true(post(4, 0x77));
    assert_int_equal(nth_load, 2);
    assert_int_equal(fake_port(guest, ring->port)->notified, 1);
}

/* The device model reads on meanwhile: the swap fails and is tried with the new pointer. */
static unsigned int moves_left;

static void read_on(struct ring_page *p)
{
    if (moves_left > 0) {
        moves_left--;
        p->read++;
    }
}

static void tried_again_while_the_other_side_moves(void **state)
{
    (void)state;
    server(ATOMIC);
    start_at(511);
    page->read = 511 - 100; /* a hundred unread */
    for (unsigned int i = 0; i < 100; i++)
        assert_true(post(4, i));
    page->read = 511;
    moves_left = 51;
    swaps = 0;
    on_load = read_on;
    assert_true(post(4, 1));
    /* One was before the first swap; then each swap but the last failed. */
    assert_int_equal(swaps, 51);
    assert_int_equal(page->read, 51);
    assert_int_equal(page->write, 101);
    assert_int_equal(ring->write, 101);
}

static void tries_are_bounded(void **state)
{
    (void)state;
    server(ATOMIC);
    start_at(3 * RING_SLOTS);
    swaps_fail = true;
    loads = swaps = 0;
    assert_true(post(4, 1));
    assert_int_equal(swaps, RING_SLOTS);
    assert_int_equal(loads, RING_SLOTS + 1);
    assert_int_equal(page->write, 3 * RING_SLOTS + 1);
    /* The next request makes up for it. */
    swaps_fail = false;
    assert_true(post(4, 2));
    assert_int_equal(page->write, 2);
    assert_int_equal(page->read, 0);
}

/* Hostile. */

static const uint32_t odd[] = {0,          1,          31,         32,         33,
                               509,        510,        511,        512,        1021,
                               1022,       0x7fffffff, 0x80000000, 0xfffffdff, 0xfffffe00,
                               0xfffffe01, 0xffffffdf, 0xffffffe0, 0xffffffff};

/* What a request may cost, and where it may leave our pointer. */
static void check_step(uint32_t before)
{
    assert_true(swaps <= RING_SLOTS);
    assert_true(loads <= RING_SLOTS + 1);
    /* It moved by what was posted, or both pointers went down to where they start. */
    assert_true((ring->write - before) <= 2 ||
                (ring->mode == ATOMIC && swaps > 0 && ring->write < 2 * RING_SLOTS));
}

/*
 * Each read_pointer with each place of ours and each value written over write_pointer: the request
 * is in the ring or goes the other way, and an honest device model afterwards gets all.
 */
static void any_pointers(void **state)
{
    (void)state;
    for (uint8_t mode = LEGACY; mode <= ATOMIC; mode++) {
        server(mode);
        for (unsigned int o = 0; o < ARRAY_SIZE(odd); o++)
            for (unsigned int r = 0; r < ARRAY_SIZE(odd); r++)
                for (unsigned int w = 0; w < ARRAY_SIZE(odd); w++) {
                    uint32_t unread = odd[o] - odd[r];
                    bool in, wrap = odd[o] < 32 && odd[o] < odd[r] && unread >= 32;

                    start_at(odd[o]);
                    page->read = odd[r];
                    page->write = odd[w];
                    loads = swaps = 0;
                    in = post(1, 1);
                    assert_int_equal(in, unread < RING_SLOTS && !wrap);
                    check_step(odd[o]);
                    /* Written over, once there was something to say. */
                    assert_int_equal(page->write, in ? ring->write : odd[w]);
                    page->read = ring->write;
                    assert_true(post(8, 2));
                }
        assert_int_equal(dm_destroy(guest, id), 0);
    }
}

static void scribble(struct ring_page *p)
{
    p->read = odd[rnd(ARRAY_SIZE(odd))] + rnd(3);
    if (rnd(2) == 0)
        p->write = odd[rnd(ARRAY_SIZE(odd))] + rnd(3);
    if (rnd(4) == 0)
        memset(p->slot, (int)rnd(256), sizeof(p->slot));
}

/* They change at each load: bounded, and over when the device model behaves. */
static void pointers_that_jump(void **state)
{
    (void)state;
    for (uint8_t mode = LEGACY; mode <= ATOMIC; mode++) {
        server(mode);
        for (unsigned int i = 0; i < 50000; i++) {
            uint32_t before = ring->write;

            loads = swaps = 0;
            on_load = scribble;
            post(1u << rnd(4), i);
            check_step(before);
        }
        on_load = NULL;
        model_reset(ring->write);
        page->read = page->write = ring->write;
        for (unsigned int i = 0; i < RING_SLOTS; i++)
            model_post(4, i);
        while (queue_head != queue_tail)
            model_take();
        assert_int_equal(dm_destroy(guest, id), 0);
    }
    assert_int_equal(fake_crashes, 0);
}

/* A device model that never reads: everything goes the other way, nothing breaks. */
static void never_read(void **state)
{
    (void)state;
    server(ATOMIC);
    for (unsigned int i = 0; i < RING_SLOTS; i++)
        assert_true(post(1, i));
    for (unsigned int i = 0; i < 2 * RING_SLOTS; i++)
        assert_false(post(1, i));
    assert_int_equal(page->write, RING_SLOTS);
}

/* A device model in another thread. */

#define THREAD_REQUESTS 200000
#define MAX_SECONDS     120 /* a lost request would be waited for */

static void pass(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
}

static void *reader(void *arg)
{
    unsigned int size;
    uint64_t data, last = 0;
    unsigned long *bad = arg;

    while (last < THREAD_REQUESTS) {
        if (take(&data, &size) == 0) {
            pass();
            continue;
        }
        /* Requests that went the other way leave gaps. */
        if ((uint32_t)data <= last || (size == 8 && data >> 32 != (uint32_t)data))
            ++*bad;
        last = (uint32_t)data;
    }
    return NULL;
}

static void reader_in_parallel(void **state)
{
    static const uint8_t modes[] = {LEGACY, ATOMIC};

    (void)state;
    for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
        unsigned long bad = 0;
        pthread_t thread;

        alarm(MAX_SECONDS);
        server(modes[m]);
        start_at(modes[m] == LEGACY ? -5000u : 0);
        assert_int_equal(pthread_create(&thread, NULL, reader, &bad), 0);
        for (uint64_t i = 1; i <= THREAD_REQUESTS; i++) {
            unsigned int size = i % 3 == 0 ? 8 : 4;

            /* The last one ends the thread. */
            while (!post(size, i | i << 32) && i == THREAD_REQUESTS)
                pass();
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        alarm(0);
        assert_int_equal(bad, 0);
        assert_int_equal(page->read, page->write);
        assert_true(modes[m] == LEGACY || page->write < 2 * RING_SLOTS + 2);
        assert_int_equal(dm_destroy(guest, id), 0);
    }
}

/* Two vCPUs post at once: a lock is all that keeps them apart. */

#define PRODUCERS         2
#define PRODUCER_REQUESTS 100000

extern char __percpu_start[], __percpu_end[];

struct producer {
    pthread_t thread;
    unsigned int cpu;
};

static void *producer(void *arg)
{
    const struct producer *p = arg;
    size_t size = (size_t)(__percpu_end - __percpu_start);
    char *percpu = aligned_alloc(64, (size + 63) & ~(size_t)63);

    memcpy(percpu, __percpu_start, size);
    fake_percpu_offset = (uintptr_t)percpu - (uintptr_t)__percpu_start;
    this_cpu(cpu_id) = p->cpu;
    current = guest->vcpu[p->cpu - 1];
    for (uint64_t i = 1; i <= PRODUCER_REQUESTS; i++) {
        const struct ioreq_access a = {
            .addr = VGA, .data = i | (uint64_t)p->cpu << 32, .count = 1, .size = 8};

        while (!ioreq_ring_post(container_of(ring, struct ioreq_server, ring), &a))
            pass();
    }
    fake_percpu_offset = 0;
    free(percpu);
    return NULL;
}

static void producers_in_parallel(void **state)
{
    uint32_t last[PRODUCERS + 1] = {0};
    struct producer p[PRODUCERS];
    unsigned int size;
    uint64_t data;

    (void)state;
    alarm(MAX_SECONDS);
    server(ATOMIC);
    for (unsigned int i = 0; i < PRODUCERS; i++) {
        p[i].cpu = i + 1;
        assert_int_equal(pthread_create(&p[i].thread, NULL, producer, &p[i]), 0);
    }
    while (last[1] < PRODUCER_REQUESTS || last[2] < PRODUCER_REQUESTS) {
        if (take(&data, &size) == 0) {
            pass();
            continue;
        }
        assert_int_equal(size, 8);
        assert_in_range(data >> 32, 1, PRODUCERS);
        /* Each one's in its order, none missing. */
        assert_int_equal((uint32_t)data, last[data >> 32] + 1);
        last[data >> 32]++;
    }
    for (unsigned int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(p[i].thread, NULL), 0);
    assert_int_equal(atomic64_read(&guest->stats.buffered), PRODUCERS * PRODUCER_REQUESTS);
    assert_int_equal(ring->posted, PRODUCERS * PRODUCER_REQUESTS);
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(same_requests_come_out),
        SCENE_TEST(legacy_wrap),
        SCENE_TEST(two_slots_across_the_wrap),
        SCENE_TEST(legacy_pointers_are_left_alone),
        SCENE_TEST(both_pointers_go_down),
        SCENE_TEST(order_of_a_post),
        SCENE_TEST(tried_again_while_the_other_side_moves),
        SCENE_TEST(tries_are_bounded),
        SCENE_TEST(any_pointers),
        SCENE_TEST(pointers_that_jump),
        SCENE_TEST(never_read),
        SCENE_TEST(reader_in_parallel),
        SCENE_TEST(producers_in_parallel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
