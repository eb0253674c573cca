/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device model of the benchmark (tests/payloads/bench-dm) as a Linux program over Debian's
 * libxen*: libxendevicemodel, libxenforeignmemory, libxenevtchn, unchanged. Runs in a Linux control
 * domain and serves domain 1 until that says that it is finished. Exit status 0: all went well.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>
#include <xen/memory.h>

#include "bench_device.h"

#define GUEST     1
#define GUEST_RAM 0x40000 /* a frame of it */
#define PAGE      4096
#define MAX_PORTS 4096

static xendevicemodel_handle *dm;
static xenforeignmemory_handle *memory;
static xenevtchn_handle *events;

static struct {
    ioservid_t id;
    shared_iopage_t *page;
} servers[BENCH_MAX_SERVERS];
static unsigned int nr_open, nr_servers = 1, nr_ranges;
static int server_of_port[MAX_PORTS];

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static void open_server(void)
{
    unsigned int n = nr_open++;
    void *page = NULL;
    int port;

    check(xendevicemodel_create_ioreq_server(dm, GUEST, 0, &servers[n].id) == 0, "create");
    check(xenforeignmemory_map_resource(memory, GUEST, XENMEM_resource_ioreq_server, servers[n].id,
                                        XENMEM_resource_ioreq_server_frame_ioreq(0), 1, &page, 3,
                                        0) != NULL,
          "map_resource");
    servers[n].page = page;
    check(xendevicemodel_set_ioreq_server_state(dm, GUEST, servers[n].id, 1) == 0, "enable");
    port = xenevtchn_bind_interdomain(events, GUEST, servers[n].page->vcpu_ioreq[0].vp_eport);
    check(port > 0 && port < MAX_PORTS, "bind_interdomain");
    server_of_port[port] = (int)n;
}

static void set_ranges(unsigned int n)
{
    while (nr_ranges > n) {
        uint64_t a = BENCH_SPACE + --nr_ranges * BENCH_STRIDE;

        check(xendevicemodel_unmap_io_range_from_ioreq_server(
                  dm, GUEST, servers[nr_ranges % nr_servers].id, 1, a, a + PAGE - 1) == 0,
              "unmap");
    }
    while (nr_ranges < n) {
        uint64_t a = BENCH_SPACE + nr_ranges * BENCH_STRIDE;

        check(xendevicemodel_map_io_range_to_ioreq_server(
                  dm, GUEST, servers[nr_ranges % nr_servers].id, 1, a, a + PAGE - 1) == 0,
              "map");
        nr_ranges++;
    }
}

/* A control register was written. False: the guest is finished. */
static bool command(uint64_t reg, uint64_t value)
{
    if (reg == BENCH_REG_RANGES)
        set_ranges((unsigned int)value);
    if (reg == BENCH_REG_SERVERS) {
        set_ranges(1);
        nr_servers = (unsigned int)value;
        while (nr_open < nr_servers)
            open_server();
    }
    return reg != BENCH_REG_FINISHED;
}

static bool serve(ioreq_t *slot, int port)
{
    bool go_on = true;
    uint64_t addr;

    if (slot->state != STATE_IOREQ_READY)
        return true;
    __sync_synchronize(); /* the state before the fields; partner: the hypervisor's before READY */
    slot->state = STATE_IOREQ_INPROCESS;
    addr = slot->addr;
    if (slot->dir == IOREQ_WRITE && addr - BENCH_CONTROL < BENCH_CONTROL_SIZE)
        go_on = command(addr - BENCH_CONTROL, slot->data);
    slot->data = addr & 0xffffffff;
    __sync_synchronize(); /* data before the state; partner: the hypervisor's read of both */
    slot->state = STATE_IORESP_READY;
    check(xenevtchn_notify(events, port) == 0, "notify");
    return go_on;
}

static void look_at_guest_memory(void)
{
    xen_pfn_t frame = GUEST_RAM;
    int err = 0;
    uint32_t *page = xenforeignmemory_map(memory, GUEST, 3, 1, &frame, &err);

    check(page != NULL && err == 0, "map guest memory");
    /* The payload's image begins with a branch over its header, whose magic is at 56. */
    check(page[14] == 0x644d5241, "the guest's image is not there");
    check(xenforeignmemory_unmap(memory, page, 1) == 0, "unmap guest memory");
}

int main(void)
{
    unsigned int vcpus = 0;
    int port;

    dm = xendevicemodel_open(NULL, 0);
    memory = xenforeignmemory_open(NULL, 0);
    events = xenevtchn_open(NULL, 0);
    check(dm != NULL && memory != NULL && events != NULL, "open");
    check(xendevicemodel_nr_vcpus(dm, GUEST, &vcpus) == 0 && vcpus == 1, "nr_vcpus");
    check(xendevicemodel_set_irq_level(dm, GUEST, 1, 1) != 0, "a private interrupt was accepted");
    look_at_guest_memory();
    open_server();
    set_ranges(1);
    printf("client: serving\n");
    do {
        port = xenevtchn_pending(events);
        check(port > 0 && port < MAX_PORTS, "pending");
        check(xenevtchn_unmask(events, port) == 0, "unmask");
    } while (serve(&servers[server_of_port[port]].page->vcpu_ioreq[0], port));
    while (nr_open > 0)
        check(xendevicemodel_destroy_ioreq_server(dm, GUEST, servers[--nr_open].id) == 0,
              "destroy");
    printf("client: finished\n");
    return 0;
}
