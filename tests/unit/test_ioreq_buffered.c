/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buffered ring: what goes into it and what goes round it, both modes, full and wrapped, and
 * device models that write into its pointers what they like. The accessors of ring.h are this
 * file's, so that the other side can act between any two steps.
 */
#include "fake/scene.h"

#include <string.h>
#include <public/hvm/hvm_op.h>

#include "../../common/ioreq/ring.h"
#include "../../common/ioreq/slot.h"

#define OFF    HVM_IOREQSRV_BUFIOREQ_OFF
#define LEGACY HVM_IOREQSRV_BUFIOREQ_LEGACY
#define ATOMIC HVM_IOREQSRV_BUFIOREQ_ATOMIC
#define SLOTS  IOREQ_BUFFER_SLOT_NUM

#define VGA  UINT64_C(0xa0000)
#define HIGH UINT64_C(0x0c000000)

/* What the device model does when a pointer of its ring is read. */
static void (*on_load)(struct ring_page *page);
static unsigned int loads, swaps;
static bool swaps_fail;

uint32_t ring_load(const struct ring_page *page)
{
    uint32_t read = page->read;

    loads++;
    if (on_load != NULL)
        on_load((struct ring_page *)(uintptr_t)page);
    return read;
}

bool ring_swap(struct ring_page *page, uint64_t from, uint64_t to)
{
    swaps++;
    if (swaps_fail || page->both != from)
        return false;
    page->both = to;
    return true;
}

uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    switch (field) {
    case SLOT_STATE:
        return slot->bits & SLOT_STATE_MASK;
    case SLOT_EPORT:
        return slot->vp_eport;
    default:
        return slot->data;
    }
}

static struct vcpu *v0;

static long create_mode(uint8_t mode)
{
    struct xen_dm_op op = {.op = XEN_DMOP_create_ioreq_server};
    long rc;

    op.u.create_ioreq_server.handle_bufioreq = mode;
    rc = dm_op(guest->id, &op);
    return rc != 0 ? rc : op.u.create_ioreq_server.id;
}

static buffered_iopage_t *ring_of(unsigned int id)
{
    struct page *pg;

    assert_int_equal(ioreq_acquire_frame(guest, id, 0, &pg), 0);
    page_put(pg); /* the server's own reference keeps it for the test */
    return page_to_virt(pg);
}

static evtchn_port ring_port(unsigned int id)
{
    struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};

    op.u.get_ioreq_server_info.id = (ioservid_t)id;
    op.u.get_ioreq_server_info.flags = XEN_DMOP_no_gfns;
    assert_int_equal(dm_op(guest->id, &op), 0);
    return op.u.get_ioreq_server_info.bufioreq_port;
}

static unsigned int notified(unsigned int id)
{
    return fake_port(guest, ring_port(id))->notified;
}

/* An enabled server of everything that the tests touch. */
static unsigned int server(uint8_t mode)
{
    long rc = create_mode(mode);
    unsigned int id = (unsigned int)rc;

    on_load = NULL;
    swaps_fail = false;
    v0 = guest->vcpu[0];
    assert_true(rc >= 0);
    assert_int_equal(dm_map(guest, id, XEN_DMOP_IO_RANGE_MEMORY, 0, HIGH + 0xfff), 0);
    assert_int_equal(dm_map(guest, id, XEN_DMOP_IO_RANGE_PORT, 0, 0xffff), 0);
    assert_int_equal(dm_enable(guest, id, true), 0);
    scene_bind(id);
    return id;
}

static struct ioreq_access write_of(uint64_t addr, unsigned int size, uint64_t data)
{
    return (struct ioreq_access){.addr = addr,
                                 .data = data,
                                 .count = 1,
                                 .size = (uint8_t)size,
                                 .type = IOREQ_TYPE_COPY,
                                 .space = IOREQ_SPACE_MEMORY,
                                 .buffered = true};
}

static enum ioreq_result forward(const struct ioreq_access *a)
{
    struct vcpu *prev = current;
    enum ioreq_result r;

    current = v0;
    r = ioreq_forward(v0, a);
    current = prev;
    return r;
}

static enum ioreq_result send(uint64_t addr, unsigned int size, uint64_t data)
{
    struct ioreq_access a = write_of(addr, size, data);

    return forward(&a);
}

/* The synchronous way was taken; let the access finish. */
static void finish_sync(unsigned int id)
{
    assert_true(v0->ioreq.in_flight);
    scene_answer(id, 0, 0);
    assert_true(fake_exit_path(v0));
}

static void assert_slot(const buffered_iopage_t *ring, uint32_t pointer, uint8_t type,
                        uint64_t addr, unsigned int log_size, uint32_t data)
{
    const buf_ioreq_t *s = &ring->buf_ioreq[pointer % SLOTS];

    assert_int_equal(s->type, type);
    assert_int_equal(s->pad, 0);
    assert_int_equal(s->dir, IOREQ_WRITE);
    assert_int_equal(s->size, log_size);
    assert_int_equal(s->addr, addr);
    assert_int_equal(s->data, data);
}

/* Everything in the ring is read: as an ATOMIC or a LEGACY device model leaves it. */
static void drain(buffered_iopage_t *ring)
{
    ring->read_pointer = ring->write_pointer;
}

/* Pointers move on by as much: each request is read before the next. */
static void advance(unsigned int id, uint32_t slots)
{
    buffered_iopage_t *ring = ring_of(id);

    for (uint32_t i = 0; i < slots; i++) {
        assert_int_equal(send(VGA, 1, i), IOREQ_DONE);
        drain(ring);
    }
}

static void modes_at_creation(void **state)
{
    static const struct {
        uint8_t mode;
        bool ok;
    } rows[] = {{OFF, true}, {LEGACY, true}, {ATOMIC, true}, {3, false}, {4, false}, {255, false}};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned int ports = fake_ports_in_use(guest);
        long rc = create_mode(rows[i].mode);

        assert_int_equal(rc < 0 ? rc : 0, rows[i].ok ? 0 : -EINVAL);
        /* One for each vCPU, and one for the ring. */
        assert_int_equal(fake_ports_in_use(guest) - ports, !rows[i].ok           ? 0
                                                           : rows[i].mode == OFF ? 2
                                                                                 : 3);
    }
}

static void frames(void **state)
{
    unsigned int off, on;
    struct page *ring, *slots, *again;

    (void)state;
    off = server(OFF);
    on = server(ATOMIC);
    assert_int_equal(ioreq_nr_frames(guest), 2);
    assert_int_equal(ioreq_acquire_frame(guest, off, 0, &ring), -ENOENT);
    assert_int_equal(ioreq_acquire_frame(guest, off, 1, &slots), 0);
    page_put(slots);
    assert_int_equal(ioreq_acquire_frame(guest, on, 0, &ring), 0);
    assert_int_equal(ioreq_acquire_frame(guest, on, 1, &slots), 0);
    assert_ptr_not_equal(ring, slots);
    assert_int_equal(ioreq_acquire_frame(guest, on, 2, &again), -EINVAL);
    assert_int_equal(ioreq_acquire_frame(guest, on, UINT64_MAX, &again), -EINVAL);
    assert_int_equal(AS(control, ioreq_acquire_frame(guest, on, 0, &again)), -EPERM);
    assert_int_equal(AS(control, ioreq_acquire_frame(guest, off, 0, &again)), -EPERM);
    assert_int_equal(ioreq_acquire_frame(guest, 5, 0, &again), -ENOENT);
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((unsigned char *)page_to_virt(ring))[i], 0);
    /* The device model's mapping outlives the server. */
    assert_int_equal(dm_destroy(guest, on), 0);
    memset(page_to_virt(ring), 0xff, PAGE_SIZE);
    page_put(ring);
    page_put(slots);
}

static void info_tells_the_port(void **state)
{
    static const uint8_t modes[] = {OFF, LEGACY, ATOMIC};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
        struct xen_dm_op op = {.op = XEN_DMOP_get_ioreq_server_info};
        unsigned int id = server(modes[i]);

        memset(&op.u, 0xee, sizeof(op.u));
        op.u.get_ioreq_server_info.id = (ioservid_t)id;
        op.u.get_ioreq_server_info.flags = 0;
        assert_int_equal(dm_op(guest->id, &op), -EOPNOTSUPP);
        assert_int_equal(op.u.get_ioreq_server_info.bufioreq_port, 0xeeeeeeee);
        op.u.get_ioreq_server_info.flags = 2;
        assert_int_equal(dm_op(guest->id, &op), -EINVAL);
        op.u.get_ioreq_server_info.flags = XEN_DMOP_no_gfns;
        assert_int_equal(AS(control, dm_op(guest->id, &op)), -EPERM);
        assert_int_equal(op.u.get_ioreq_server_info.bufioreq_port, 0xeeeeeeee);
        assert_int_equal(dm_op(guest->id, &op), 0);
        assert_int_equal(op.u.get_ioreq_server_info.ioreq_gfn, UINT64_C(0xeeeeeeeeeeeeeeee));
        assert_int_equal(op.u.get_ioreq_server_info.bufioreq_gfn, UINT64_C(0xeeeeeeeeeeeeeeee));
        if (modes[i] == OFF) {
            assert_int_equal(op.u.get_ioreq_server_info.bufioreq_port, 0xeeeeeeee);
            continue;
        }
        for (unsigned int v = 0; v < 2; v++)
            assert_int_not_equal(op.u.get_ioreq_server_info.bufioreq_port, scene_port(id, v));
        assert_ptr_equal(fake_port(guest, ring_port(id))->v, guest->vcpu[0]);
        assert_int_equal(fake_port(guest, ring_port(id))->remote, dm->id);
    }
}

static void write_is_buffered(void **state)
{
    static const uint8_t modes[] = {LEGACY, ATOMIC};

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
        unsigned int id = server(modes[i]);
        buffered_iopage_t *ring = ring_of(id);
        unsigned int sync = fake_port(guest, scene_port(id, 0))->notified;
        uint64_t forwarded = atomic64_read(&guest->stats.forwarded);

        fake_switched_to = NULL;
        assert_int_equal(send(VGA + 5, 1, 0xab), IOREQ_DONE);
        assert_int_equal(send(0, 2, 0xabcd), IOREQ_DONE);
        assert_int_equal(send(0xfffff, 4, 0x89abcdef), IOREQ_DONE);
        assert_int_equal(ring->write_pointer, 3);
        assert_int_equal(ring->read_pointer, 0);
        assert_slot(ring, 0, IOREQ_TYPE_COPY, VGA + 5, 0, 0xab);
        assert_slot(ring, 1, IOREQ_TYPE_COPY, 0, 1, 0xabcd);
        assert_slot(ring, 2, IOREQ_TYPE_COPY, 0xfffff, 2, 0x89abcdef);
        /* Each was told, read or not; nobody waits and the vCPU is not switched away from. */
        assert_int_equal(notified(id), 3);
        assert_int_equal(fake_port(guest, scene_port(id, 0))->notified, sync);
        assert_null(fake_switched_to);
        assert_false(v0->ioreq.in_flight);
        assert_true(fake_exit_path(v0));
        assert_int_equal(atomic64_read(&guest->stats.buffered), 3 * (i + 1));
        assert_int_equal(atomic64_read(&guest->stats.forwarded), forwarded);
        /* Nothing happens when the device model notifies the ring's port. */
        fake_send(guest, ring_port(id));
        assert_true(fake_exit_path(v0));
        assert_int_equal(dm_destroy(guest, id), 0);
    }
}

static void port_accesses_too(void **state)
{
    unsigned int id = server(ATOMIC);
    struct ioreq_access a = write_of(0x3c4, 2, 0x0102);

    (void)state;
    a.space = IOREQ_SPACE_PORT;
    a.type = IOREQ_TYPE_PIO;
    assert_int_equal(forward(&a), IOREQ_DONE);
    assert_slot(ring_of(id), 0, IOREQ_TYPE_PIO, 0x3c4, 1, 0x0102);
}

static void eight_bytes_take_two_slots(void **state)
{
    unsigned int id = server(ATOMIC);
    buffered_iopage_t *ring = ring_of(id);

    (void)state;
    assert_int_equal(send(VGA, 8, UINT64_C(0x1122334455667788)), IOREQ_DONE);
    assert_int_equal(ring->write_pointer, 2);
    assert_slot(ring, 0, IOREQ_TYPE_COPY, VGA, 3, 0x55667788);
    assert_slot(ring, 1, IOREQ_TYPE_COPY, VGA, 3, 0x11223344);
    assert_int_equal(notified(id), 1);
}

/* Each reason alone; all go to the same server's slot, with the data they had. */
static void what_does_not_fit_goes_synchronously(void **state)
{
    static const struct {
        const char *what;
        struct ioreq_access a;
    } rows[] = {
        {"not asked for", {.addr = VGA, .count = 1, .size = 4}},
        {"address", {.addr = 0x100000, .count = 1, .size = 1, .buffered = true}},
        {"high address", {.addr = HIGH, .count = 1, .size = 4, .buffered = true}},
        {"pointer", {.addr = VGA, .count = 1, .size = 4, .data_is_ptr = true, .buffered = true}},
        {"batch", {.addr = VGA, .count = 2, .size = 4, .buffered = true}},
        {"read", {.addr = VGA, .count = 1, .size = 4, .read = true, .buffered = true}},
        {"size 3", {.addr = VGA, .count = 1, .size = 3, .buffered = true}},
        {"size 16", {.addr = VGA, .count = 1, .size = 16, .buffered = true}},
    };
    unsigned int id = server(ATOMIC);

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ioreq_access a = rows[i].a;

        a.type = IOREQ_TYPE_COPY;
        a.space = IOREQ_SPACE_MEMORY;
        a.data = 0x77;
        if (forward(&a) != IOREQ_SENT)
            fail_msg("%s is not sent", rows[i].what);
        assert_int_equal(dm_slot(guest, id, 0)->addr, a.addr);
        assert_int_equal(dm_slot(guest, id, 0)->count, a.count);
        assert_int_equal(dm_slot(guest, id, 0)->size, a.size);
        finish_sync(id);
    }
    assert_int_equal(ring_of(id)->write_pointer, 0);
    assert_int_equal(notified(id), 0);
    assert_int_equal(atomic64_read(&guest->stats.forwarded), ARRAY_SIZE(rows));
}

static void without_a_ring_goes_synchronously(void **state)
{
    unsigned int id = server(OFF);

    (void)state;
    assert_int_equal(send(VGA, 4, 1), IOREQ_SENT);
    finish_sync(id);
    assert_int_equal(atomic64_read(&guest->stats.buffered), 0);
}

/* Routing is as for any access: nobody's, disabled, another server's. */
static void routed_as_usual(void **state)
{
    unsigned int id = server(ATOMIC);
    unsigned int other;

    (void)state;
    assert_int_equal(dm_enable(guest, id, false), 0);
    assert_int_equal(send(VGA, 4, 1), IOREQ_UNCLAIMED);
    other = server(LEGACY); /* the higher id wins */
    assert_int_equal(dm_enable(guest, id, true), 0);
    assert_int_equal(send(VGA, 4, 2), IOREQ_DONE);
    assert_int_equal(ring_of(id)->write_pointer, 0);
    assert_int_equal(ring_of(other)->write_pointer, 1);
    assert_int_equal(dm_unmap(guest, other, XEN_DMOP_IO_RANGE_MEMORY, VGA, VGA + 0xf), 0);
    assert_int_equal(send(VGA, 4, 3), IOREQ_DONE);
    assert_int_equal(ring_of(id)->write_pointer, 1);
    atomic32_set(&guest->shutdown_code, 1);
    assert_int_equal(send(VGA, 4, 4), IOREQ_RETRY);
    assert_int_equal(ring_of(id)->write_pointer, 1);
}

/* From every index: SLOTS fit, not one more; 8 bytes need two. */
static void exactly_full(void **state)
{
    static const uint8_t modes[] = {LEGACY, ATOMIC};

    (void)state;
    for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++)
        for (uint32_t start = 0; start < 2 * SLOTS; start += 73) {
            unsigned int id = server(modes[m]);
            buffered_iopage_t *ring = ring_of(id);
            uint32_t first;

            advance(id, start);
            first = ring->write_pointer;
            for (uint32_t i = 0; i < SLOTS - 1; i++)
                assert_int_equal(send(VGA + i, 4, i), IOREQ_DONE);
            /* One short: 8 bytes do not fit, others do. */
            assert_int_equal(send(VGA, 8, 1), IOREQ_SENT);
            finish_sync(id);
            assert_int_equal(send(VGA + SLOTS - 1, 4, SLOTS - 1), IOREQ_DONE);
            for (unsigned int size = 1; size <= 8; size *= 2) {
                assert_int_equal(send(VGA, size, 1), IOREQ_SENT);
                finish_sync(id);
            }
            assert_int_equal(ring->write_pointer - ring->read_pointer, SLOTS);
            for (uint32_t i = 0; i < SLOTS; i++)
                assert_slot(ring, first + i, IOREQ_TYPE_COPY, VGA + i, 2, i);
            /* One read: room for one, not for two. */
            ring->read_pointer++;
            assert_int_equal(send(VGA, 8, 1), IOREQ_SENT);
            finish_sync(id);
            assert_int_equal(send(VGA, 4, 0x5a), IOREQ_DONE);
            assert_slot(ring, ring->write_pointer - 1, IOREQ_TYPE_COPY, VGA, 2, 0x5a);
            assert_int_equal(send(VGA, 4, 1), IOREQ_SENT);
            finish_sync(id);
            ring->read_pointer += 2;
            assert_int_equal(send(VGA, 8, 1), IOREQ_DONE);
            assert_int_equal(dm_destroy(guest, id), 0);
        }
}

static void two_slots_straddle_the_end(void **state)
{
    static const uint8_t modes[] = {LEGACY, ATOMIC};

    (void)state;
    for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
        unsigned int id = server(modes[m]);
        buffered_iopage_t *ring = ring_of(id);

        advance(id, SLOTS - 1);
        assert_int_equal(ring->write_pointer, SLOTS - 1);
        assert_int_equal(send(VGA, 8, UINT64_C(0xaaaaaaaabbbbbbbb)), IOREQ_DONE);
        assert_slot(ring, SLOTS - 1, IOREQ_TYPE_COPY, VGA, 3, 0xbbbbbbbb);
        assert_slot(ring, 0, IOREQ_TYPE_COPY, VGA, 3, 0xaaaaaaaa);
        assert_int_equal(ring->write_pointer, SLOTS + 1);
        assert_int_equal(dm_destroy(guest, id), 0);
    }
}

/* Read to the end each time: LEGACY's pointers are the count, ATOMIC's stay small. */
static void pointers_by_mode(void **state)
{
    unsigned int legacy, atomic;

    (void)state;
    legacy = server(LEGACY);
    advance(legacy, 3 * SLOTS + 7);
    assert_int_equal(ring_of(legacy)->write_pointer, 3 * SLOTS + 7);
    assert_int_equal(dm_destroy(guest, legacy), 0);
    swaps = 0;
    atomic = server(ATOMIC);
    for (uint32_t i = 1; i <= 3 * SLOTS + 7; i++) {
        advance(atomic, 1);
        /* The pointer pair may show one multiple more until the next request. */
        assert_true(ring_of(atomic)->write_pointer <= SLOTS);
        assert_int_equal(ring_of(atomic)->write_pointer % SLOTS, i % SLOTS);
    }
    assert_int_equal(swaps, 3);
}

/* Broadcasts. */

static unsigned int broadcast(uint64_t data)
{
    const struct ioreq_access a = {.data = data,
                                   .count = 1,
                                   .size = 8,
                                   .type = IOREQ_TYPE_TIMEOFFSET,
                                   .space = IOREQ_SPACE_MEMORY};

    return AS(guest, ioreq_broadcast_buffered(guest, &a));
}

/* Every set of up to three servers: mode and state of each. */
static void broadcast_reaches_enabled_rings(void **state)
{
    enum { NONE, KINDS = 7 }; /* no server; each mode disabled, enabled */

    (void)state;
    for (unsigned int set = 0; set < KINDS * KINDS * KINDS; set++) {
        unsigned int kind[3] = {set % KINDS, set / KINDS % KINDS, set / KINDS / KINDS};
        long ids[3];

        for (unsigned int i = 0; i < 3; i++) {
            ids[i] = kind[i] == NONE ? -1 : (long)server((uint8_t)((kind[i] - 1) / 2));
            if (kind[i] != NONE && (kind[i] - 1) % 2 == 0)
                assert_int_equal(dm_enable(guest, (unsigned int)ids[i], false), 0);
        }
        assert_int_equal(broadcast(UINT64_C(0xfffffffffffffff0)), 0);
        for (unsigned int i = 0; i < 3; i++) {
            bool enabled = kind[i] != NONE && (kind[i] - 1) % 2 == 1;
            buffered_iopage_t *ring;

            if (kind[i] == NONE || (kind[i] - 1) / 2 == OFF)
                continue;
            ring = ring_of((unsigned int)ids[i]);
            assert_int_equal(ring->write_pointer, enabled ? 2 : 0);
            assert_int_equal(notified((unsigned int)ids[i]), enabled ? 1 : 0);
            if (enabled) {
                assert_slot(ring, 0, IOREQ_TYPE_TIMEOFFSET, 0, 3, 0xfffffff0);
                assert_slot(ring, 1, IOREQ_TYPE_TIMEOFFSET, 0, 3, 0xffffffff);
            }
        }
        for (unsigned int i = 0; i < 3; i++)
            if (ids[i] >= 0)
                assert_int_equal(dm_destroy(guest, (unsigned int)ids[i]), 0);
    }
    assert_int_equal(atomic64_read(&guest->stats.buffered_lost), 0);
}

static void broadcast_to_nobody(void **state)
{
    (void)state;
    assert_int_equal(broadcast(1), 0);
}

/* A full ring loses it, and only that one; it is said and counted. */
static void broadcast_to_a_full_ring(void **state)
{
    unsigned int full = server(LEGACY);
    unsigned int other;

    (void)state;
    for (unsigned int i = 0; i < SLOTS - 1; i++)
        assert_int_equal(send(VGA, 1, 0), IOREQ_DONE);
    other = server(ATOMIC);
    fake_log[0] = '\0';
    assert_int_equal(broadcast(1), 1);
    assert_non_null(strstr(fake_log, "no room in the ring of d2 for a request of type 7"));
    assert_int_equal(atomic64_read(&guest->stats.buffered_lost), 1);
    assert_int_equal(ring_of(full)->write_pointer, SLOTS - 1);
    assert_int_equal(ring_of(other)->write_pointer, 2);
    assert_int_equal(notified(full), SLOTS - 1);
    ring_of(full)->read_pointer++;
    assert_int_equal(broadcast(2), 0);
    assert_int_equal(ring_of(full)->write_pointer, SLOTS + 1);
    assert_int_equal(atomic64_read(&guest->stats.buffered_lost), 1);
}

/* Resources. */

/* The port comes and goes with vCPU 0, whenever that is. */
static void port_goes_with_vcpu_0(void **state)
{
    unsigned int id;
    long rc;

    (void)state;
    guest = fake_domain_create_empty(3, 2);
    dm->device_model_for = guest->id;
    rc = create_mode(ATOMIC);
    assert_true(rc >= 0);
    id = (unsigned int)rc;
    assert_int_equal(ring_port(id), 0);
    assert_int_equal(fake_vcpu_create(guest, 1), 0);
    assert_int_equal(ring_port(id), 0);
    assert_int_equal(fake_ports_in_use(guest), 1);
    /* Room for the vCPU's port, but not for the ring's: the vCPU has neither. */
    fake_port_limit = 2;
    assert_int_equal(fake_vcpu_create(guest, 0), -ENOSPC);
    assert_int_equal(fake_ports_in_use(guest), 1);
    assert_int_equal(ring_port(id), 0);
    fake_port_limit = 3;
    assert_int_equal(fake_vcpu_create(guest, 0), 0);
    assert_int_not_equal(ring_port(id), 0);
    assert_int_equal(fake_ports_in_use(guest), 3);
    ioreq_destroy_vcpu(guest->vcpu[1]);
    assert_int_equal(fake_ports_in_use(guest), 2);
    ioreq_destroy_vcpu(guest->vcpu[0]);
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_int_equal(ring_port(id), 0);
}

/* Without vCPU 0 there is nobody to notify with, but the ring works. */
static void ring_without_a_port(void **state)
{
    long rc;

    (void)state;
    guest = fake_domain_create_empty(3, 2);
    dm->device_model_for = guest->id;
    assert_int_equal(fake_vcpu_create(guest, 1), 0);
    rc = create_mode(ATOMIC);
    assert_true(rc >= 0);
    assert_int_equal(dm_enable(guest, (unsigned int)rc, true), 0);
    current = dm->vcpu[0];
    assert_int_equal(ioreq_broadcast_buffered(guest, &(struct ioreq_access){.count = 1, .size = 8}),
                     0);
    assert_int_equal(ring_of((unsigned int)rc)->write_pointer, 2);
}

static void no_port_no_server(void **state)
{
    (void)state;
    fake_port_limit = 2;
    assert_int_equal(create_mode(ATOMIC), -ENOSPC);
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_int_equal(create_mode(OFF), 0);
    assert_int_equal(dm_destroy(guest, 0), 0);
    fake_port_limit = 3;
    assert_int_equal(create_mode(ATOMIC), 0);
    assert_int_equal(fake_ports_in_use(guest), 3);
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(fake_ports_in_use(guest), 0);
}

/* The target pays for the page, and gets it back. */
static void page_is_charged(void **state)
{
    uint64_t empty, off, on;

    (void)state;
    assert_int_equal(create_mode(OFF), 0);
    off = guest->ioreq.bytes;
    assert_int_equal(dm_destroy(guest, 0), 0);
    empty = guest->ioreq.bytes;
    assert_int_equal(create_mode(LEGACY), 0);
    on = guest->ioreq.bytes;
    assert_int_equal(on, off + PAGE_SIZE);
    assert_int_equal(dm_destroy(guest, 0), 0);
    assert_int_equal(guest->ioreq.bytes, empty);
    ioreq_max_bytes = on - 1;
    assert_int_equal(create_mode(LEGACY), -ENOMEM);
    assert_int_equal(guest->ioreq.bytes, empty);
    assert_int_equal(create_mode(OFF), 0);
    assert_int_equal(dm_destroy(guest, 0), 0);
    ioreq_max_bytes = on;
    assert_int_equal(create_mode(LEGACY), 0);
    assert_int_equal(guest->tot_pages, 0);
}

static unsigned long free_pages(void)
{
    uint64_t total, n;

    page_stats(&total, &n);
    return (unsigned long)n;
}

/* Each allocation fails in turn, of objects and of pages: nothing stays behind. */
static void each_allocation_fails(void **state)
{
    static struct page *taken[FAKE_RAM_FRAMES + 1];
    unsigned long live, pages;
    uint64_t bytes;
    unsigned int n;

    (void)state;
    assert_int_equal(create_mode(OFF), 0); /* the registry stays */
    live = fake_alloc_live;
    pages = free_pages();
    bytes = guest->ioreq.bytes;
    fake_alloc_fail_at = 0;
    assert_int_equal(create_mode(ATOMIC), -ENOMEM);
    fake_alloc_fail_at = -1;
    /* `left` pages: for the slots, for the ring. */
    for (unsigned int left = 0; left <= 2; left++) {
        for (n = 0; (taken[n] = page_alloc(0)) != NULL; n++)
            ;
        for (unsigned int i = 0; i < left; i++)
            page_free(taken[--n], 0);
        assert_int_equal(create_mode(ATOMIC), left < 2 ? -ENOMEM : 1);
        while (n > 0)
            page_free(taken[--n], 0);
        fake_rcu_run();
        if (left < 2) {
            assert_int_equal(free_pages(), pages);
            assert_int_equal(fake_alloc_live, live);
            assert_int_equal(guest->ioreq.bytes, bytes);
            assert_int_equal(fake_ports_in_use(guest), 2);
        }
    }
    assert_int_equal(free_pages(), pages - 2);
    assert_int_equal(dm_destroy(guest, 1), 0);
    fake_rcu_run();
    assert_int_equal(free_pages(), pages);
    assert_int_equal(guest->ioreq.bytes, bytes);
}

/* How a server goes. */

static struct ring_page *watched;
static unsigned long pages_then;

/* A vCPU that found the server before it went is still about to post. */
static void page_is_still_there(void)
{
    assert_int_equal(free_pages(), pages_then);
    assert_int_equal(watched->write, 1);
}

static void destroy_waits_for_producers(void **state)
{
    unsigned int id = server(ATOMIC);

    (void)state;
    assert_int_equal(send(VGA, 1, 1), IOREQ_DONE);
    watched = (struct ring_page *)ring_of(id);
    pages_then = free_pages();
    fake_synchronize_hook = page_is_still_there;
    assert_int_equal(dm_destroy(guest, id), 0);
    assert_int_equal(fake_grace_periods, 1);
    fake_rcu_run();
    assert_int_equal(free_pages(), pages_then + 2);
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_int_equal(send(VGA, 1, 1), IOREQ_UNCLAIMED);
    assert_int_equal(broadcast(1), 0);
}

/* Destroyed while a vCPU is between finding the server and posting: the port is gone by then. */
static void destroy_under_a_producer(struct ring_page *page)
{
    (void)page;
    on_load = NULL;
    atomic32_set(&dm->shutdown_code, 4);
    ioreq_owner_died(dm);
}

static void owner_dies_under_a_producer(void **state)
{
    unsigned int id = server(ATOMIC);

    (void)state;
    assert_int_equal(send(VGA, 1, 1), IOREQ_DONE);
    watched = (struct ring_page *)ring_of(id);
    pages_then = free_pages();
    on_load = destroy_under_a_producer;
    assert_int_equal(send(VGA, 1, 2), IOREQ_DONE);
    assert_int_equal(watched->write, 2);
    assert_int_equal(free_pages(), pages_then);
    fake_rcu_run();
    assert_int_equal(free_pages(), pages_then + 2);
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_int_equal(send(VGA, 1, 3), IOREQ_UNCLAIMED);
}

static void target_dies(void **state)
{
    (void)state;
    server(ATOMIC);
    server(LEGACY);
    pages_then = free_pages();
    assert_int_equal(send(VGA, 1, 1), IOREQ_DONE);
    fake_domain_kill(guest);
    assert_int_equal(fake_ports_in_use(guest), 0);
    assert_int_equal(free_pages(), pages_then);
    fake_rcu_run();
    assert_true(free_pages() >= pages_then + 4);
    assert_int_equal(guest->ioreq.bytes, 0);
}

/* Disabled and enabled again, the ring is as it was. */
static void disabling_keeps_the_ring(void **state)
{
    unsigned int id = server(ATOMIC);

    (void)state;
    assert_int_equal(send(VGA, 1, 1), IOREQ_DONE);
    assert_int_equal(dm_enable(guest, id, false), 0);
    assert_int_equal(send(VGA, 1, 1), IOREQ_UNCLAIMED);
    assert_int_equal(dm_enable(guest, id, true), 0);
    assert_int_equal(send(VGA, 1, 2), IOREQ_DONE);
    assert_int_equal(ring_of(id)->write_pointer, 2);
    assert_slot(ring_of(id), 1, IOREQ_TYPE_COPY, VGA, 0, 2);
}

/* A reused id has a new, empty ring. */
static void new_server_new_ring(void **state)
{
    unsigned int id = server(LEGACY);

    (void)state;
    advance(id, 5);
    assert_int_equal(dm_destroy(guest, id), 0);
    assert_int_equal(server(LEGACY), id);
    assert_int_equal(ring_of(id)->write_pointer, 0);
    assert_int_equal(send(VGA, 1, 2), IOREQ_DONE);
    assert_int_equal(ring_of(id)->write_pointer, 1);
}

static void dump_shows_the_ring(void **state)
{
    unsigned int id;

    (void)state;
    server(OFF);
    id = server(ATOMIC);
    for (unsigned int i = 0; i < SLOTS; i++)
        assert_int_equal(send(VGA, 1, 1), IOREQ_DONE);
    assert_int_equal(send(VGA, 1, 1), IOREQ_SENT);
    finish_sync(id);
    ring_of(id)->read_pointer = 7;
    fake_log[0] = '\0';
    ioreq_dump(guest);
    assert_non_null(strstr(fake_log, "atomic ring: read 7, write 511, port 4, "
                                     "511 posted, 1 without room\n"));
    assert_null(strstr(fake_log, "legacy ring"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(modes_at_creation),
        SCENE_TEST(frames),
        SCENE_TEST(info_tells_the_port),
        SCENE_TEST(write_is_buffered),
        SCENE_TEST(port_accesses_too),
        SCENE_TEST(eight_bytes_take_two_slots),
        SCENE_TEST(what_does_not_fit_goes_synchronously),
        SCENE_TEST(without_a_ring_goes_synchronously),
        SCENE_TEST(routed_as_usual),
        SCENE_TEST(exactly_full),
        SCENE_TEST(two_slots_straddle_the_end),
        SCENE_TEST(pointers_by_mode),
        SCENE_TEST(broadcast_reaches_enabled_rings),
        SCENE_TEST(broadcast_to_nobody),
        SCENE_TEST(broadcast_to_a_full_ring),
        SCENE_TEST(port_goes_with_vcpu_0),
        SCENE_TEST(ring_without_a_port),
        SCENE_TEST(no_port_no_server),
        SCENE_TEST(page_is_charged),
        SCENE_TEST(each_allocation_fails),
        SCENE_TEST(destroy_waits_for_producers),
        SCENE_TEST(owner_dies_under_a_producer),
        SCENE_TEST(target_dies),
        SCENE_TEST(disabling_keeps_the_ring),
        SCENE_TEST(new_server_new_ring),
        SCENE_TEST(dump_shows_the_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
