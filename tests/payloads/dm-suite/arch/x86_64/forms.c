/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every size of access to memory and to ports. Instructions, their operands and strings are
 * io-dm's subject.
 */
#include "suite.h"

#define PORT UINT64_C(0x3e0)
#define BASE (WINDOW_DEVICE + 0x800)
#define DATA UINT64_C(0x91a2b3c4d5e6f788)
#define READ UINT64_C(0xfedcba98f6e4d2c1)

static struct dm_server s;

static uint64_t mask(unsigned int size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

static bool request_ok(unsigned int type, uint64_t addr, unsigned int size, bool read)
{
    const struct ioreq *r = &seen[0];
    bool ok = nr_seen == 1 && r->addr == addr && r->size == size && r->count == 1 &&
              !r->data_is_ptr && !r->df && r->type == type && r->dir == read &&
              r->data == (read ? 0 : DATA & mask(size));

    if (!ok)
        print("# %u requests: addr %llx size %u type %u dir %u data %llx", nr_seen,
              (unsigned long long)r->addr, r->size, r->type, r->dir, (unsigned long long)r->data);
    return ok;
}

static void sizes(struct box *b, unsigned int max, unsigned int type, uint64_t at, const char *what)
{
    bool port = type == IOREQ_TYPE_PIO;

    for (unsigned int size = 1; size <= max; size *= 2) {
        reply[0] = READ;
        b->a0 = at;
        b->a1 = size;
        box_run(b, port ? G_PORT_IN : G_READ);
        tap(request_ok(type, at, size, true), "%s: %u bytes are read", what, size);
        tap_eq((int64_t)b->result, (int64_t)(READ & mask(size)), "%s: %u bytes arrive", what, size);
        b->a2 = DATA;
        box_run(b, port ? G_PORT_OUT : G_WRITE);
        tap(request_ok(type, at, size, false), "%s: %u bytes are written", what, size);
    }
}

static long port_range(bool map, uint64_t first, uint64_t last)
{
    struct xen_dm_op op = {.op = map ? XEN_DMOP_map_io_range_to_ioreq_server
                                     : XEN_DMOP_unmap_io_range_from_ioreq_server};

    op.u.map_io_range_to_ioreq_server.id = s.id;
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_PORT;
    op.u.map_io_range_to_ioreq_server.start = first;
    op.u.map_io_range_to_ioreq_server.end = last;
    return dm_op(GUEST, &op);
}

static void unaligned(struct box *b)
{
    for (unsigned int offset = 1; offset < 8; offset += 2) {
        reply[0] = READ;
        guest_read(b, WINDOW_NORMAL + offset);
        tap(request_ok(IOREQ_TYPE_COPY, WINDOW_NORMAL + offset, 8, true) && b->result == READ,
            "unaligned: 8 bytes at +%u are one request", offset);
    }
}

static void ports_nobody_has(struct box *b)
{
    b->a0 = PORT + 8;
    b->a1 = 4;
    box_run(b, G_PORT_IN);
    tap(nr_seen == 0 && b->result == 0xffffffff, "a port behind the range: all ones");
    b->a0 = PORT + 6;
    box_run(b, G_PORT_IN);
    tap(nr_seen == 0 && b->result == 0xffffffff, "half in it: all ones");
    box_run(b, G_PORT_OUT);
    tap(nr_seen == 0, "and a write is dropped");
    tap_eq(port_range(false, PORT, PORT + 7), 0, "the range is unmapped");
    b->a0 = PORT;
    b->a1 = 1;
    box_run(b, G_PORT_IN);
    tap(nr_seen == 0 && b->result == 0xff, "and nobody has it");
}

void test_forms(void)
{
    struct box *b = box_of(GUEST, 0);

    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server for the forms"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    dm_map(GUEST, s.id, WINDOW_NORMAL, WINDOW_NORMAL + 0x1fff);
    tap_eq(port_range(true, PORT, PORT + 7), 0, "eight ports");
    serve_with(&s, NULL);
    sizes(b, 8, IOREQ_TYPE_COPY, BASE, "memory");
    sizes(b, 4, IOREQ_TYPE_PIO, PORT, "port");
    unaligned(b);
    ports_nobody_has(b);
    dm_server_close(&s);
    serve_with(NULL, NULL);
}
