/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device model of `make ARCH=x86_64 run`: as control domain it serves domain 1 (guest-pc) a
 * 16550 by ports and a virtio disk by memory, both with message-signalled interrupts. The disk's
 * image is its ramdisk. When the guest has shut down it says what it served and what the image
 * holds then.
 */
#include "guest_cache.h"
#include "payload.h"
#include "pc.h"
#include "uart16550.h"
#include "virtio_blk.h"
#include <public/domctl.h>

#define GUEST 1

#define LINE_MAX 120
#define MSI_BASE UINT64_C(0xfee00000) /* to local APIC 0: the guest's vCPU 0 */

static struct dm_server server;
static struct virtio_blk disk;
static struct uart16550 uart;
static evtchn_port_t shutdown_port;
static uint64_t nr_ports, nr_strings, nr_memory, nr_bad, nr_interrupts;

static char line[LINE_MAX];
static unsigned int line_len;

/* --- the devices' way out --- */

static void set_irq(void *ctx, bool asserted)
{
    struct xen_dm_op op = {.op = XEN_DMOP_inject_msi};
    long rc;

    if (!asserted) /* a message tells of the rise only */
        return;
    op.u.inject_msi.addr = MSI_BASE;
    op.u.inject_msi.data = ctx == &disk ? PC_DISK_VECTOR : PC_UART_VECTOR;
    rc = dm_op(GUEST, &op);
    if (rc != 0)
        die("interrupt %x: %ld", op.u.inject_msi.data, rc);
    nr_interrupts++;
}

/* Each line of the guest's UART is one of the console's. */
static void put_char(void *ctx, char c)
{
    (void)ctx;
    if (c != '\r' && c != '\n')
        line[line_len++] = c;
    if (c != '\n' && line_len < LINE_MAX - 1)
        return;
    line[line_len] = '\0';
    print("uart| %s", line);
    line_len = 0;
}

/* --- requests --- */

static uint64_t uart_once(bool read, unsigned int reg, uint64_t data)
{
    if (read)
        return uart16550_read(&uart, reg);
    uart16550_write(&uart, reg, (uint8_t)data);
    return 0;
}

/* A string: its bytes are in the guest's memory, from r->data on. */
static void uart_string(const struct ioreq *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t gpa = r->df ? r->data - i : r->data + i;
        uint8_t *page = guest_cache_map(NULL, gpa);
        uint8_t *byte;

        if (page == NULL)
            return;
        byte = page + gpa % PAGE_SIZE;
        if (r->dir == IOREQ_READ)
            *byte = (uint8_t)uart_once(true, (unsigned int)(r->addr - PC_UART_PORT), 0);
        else
            uart_once(false, (unsigned int)(r->addr - PC_UART_PORT), *byte);
    }
}

static uint64_t serve_port(const struct ioreq *r)
{
    unsigned int reg = (unsigned int)(r->addr - PC_UART_PORT);

    if (r->addr < PC_UART_PORT || reg > 7 || r->size != 1) {
        nr_bad++;
        return UINT64_MAX;
    }
    nr_ports++;
    if (!r->data_is_ptr)
        return uart_once(r->dir == IOREQ_READ, reg, r->data);
    nr_strings++;
    uart_string(r);
    return r->data;
}

static uint64_t serve_memory(const struct ioreq *r)
{
    uint64_t offset = r->addr - PC_DISK_BASE;

    if (r->addr < PC_DISK_BASE || r->size > 8 || offset > PC_DISK_SIZE - r->size || r->count != 1 ||
        r->data_is_ptr) {
        nr_bad++;
        return UINT64_MAX;
    }
    nr_memory++;
    if (r->dir == IOREQ_READ)
        return virtio_blk_read(&disk, (uint32_t)offset, r->size);
    virtio_blk_write(&disk, (uint32_t)offset, r->size, r->data);
    return 0;
}

static uint64_t serve(const struct ioreq *r)
{
    switch (r->type) {
    case IOREQ_TYPE_PIO:
        return serve_port(r);
    case IOREQ_TYPE_COPY:
        return serve_memory(r);
    case IOREQ_TYPE_INVALIDATE:
        guest_cache_drop();
        return 0;
    default:
        nr_bad++;
        return UINT64_MAX;
    }
}

static void serve_vcpu(unsigned int vcpu)
{
    struct ioreq r;

    event_take(server.port[vcpu]);
    if (dm_take(&server, vcpu, &r))
        dm_answer(&server, vcpu, serve(&r));
}

/* --- start and end --- */

static long domctl(unsigned int cmd)
{
    static struct xen_domctl op;

    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = GUEST;
    return hypercall(__HYPERVISOR_domctl, arg(&op), 0, 0, 0, 0);
}

static long claim_ports(void)
{
    struct xen_dm_op op = {.op = XEN_DMOP_map_io_range_to_ioreq_server};

    op.u.map_io_range_to_ioreq_server.id = server.id;
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_PORT;
    op.u.map_io_range_to_ioreq_server.start = PC_UART_PORT;
    op.u.map_io_range_to_ioreq_server.end = PC_UART_PORT + 7;
    return dm_op(GUEST, &op);
}

static void start(void)
{
    long rc = events_init();

    if (rc != 0)
        die("events: %ld", rc);
    if (initrd_size == 0)
        die("no disk image: the ramdisk module is missing");
    disk = (struct virtio_blk){
        .map_page = guest_cache_map,
        .set_irq = set_irq,
        .ctx = &disk,
        .disk = (uint8_t *)(uintptr_t)initrd_base,
        .disk_size = initrd_size & ~UINT64_C(511),
    };
    uart = (struct uart16550){.put = put_char, .set_irq = set_irq, .ctx = &uart};
    virtio_blk_reset(&disk);
    uart16550_reset(&uart);
    rc = dm_server_open(&server, GUEST);
    if (rc != 0)
        die("server for domain %u: %ld", GUEST, rc);
    guest_cache_init(GUEST);
    rc = claim_ports();
    if (rc == 0)
        rc = dm_map(GUEST, server.id, PC_DISK_BASE, PC_DISK_BASE + PC_DISK_SIZE - 1);
    if (rc != 0)
        die("ranges: %ld", rc);
    if (evtchn_bind_virq(VIRQ_DOM_EXC, 0, &shutdown_port) != 0)
        die("no virtual interrupt of the control domain");
    event_mask(shutdown_port);
}

static void finish(void)
{
    print(
        "dm: forwarded %llu accesses: %llu by port (%llu strings), %llu by memory, %llu not served",
        (unsigned long long)(nr_ports + nr_memory + nr_bad), (unsigned long long)nr_ports,
        (unsigned long long)nr_strings, (unsigned long long)nr_memory, (unsigned long long)nr_bad);
    print("dm: disk: %llu requests, %llu refused; %llu interrupts",
          (unsigned long long)disk.nr_requests, (unsigned long long)disk.nr_errors,
          (unsigned long long)nr_interrupts);
    print("dm: disk holds %016llx",
          (unsigned long long)pc_hash(PC_HASH_START, disk.disk, disk.disk_size));
    dm_server_close(&server);
    print("dm: the end");
}

int main(void)
{
    evtchn_port_t ports[MAX_CPUS + 1];
    unsigned int n = 0;

    domctl(XEN_DOMCTL_pausedomain); /* until its devices are there */
    start();
    domctl(XEN_DOMCTL_unpausedomain);
    for (unsigned int v = 0; v < server.vcpus; v++)
        ports[n++] = server.port[v];
    ports[n++] = shutdown_port;
    print("dm: serving domain %u, %u vCPUs, disk of %llu KiB", GUEST, server.vcpus,
          (unsigned long long)(disk.disk_size / 1024));
    while (!event_take(shutdown_port)) {
        for (unsigned int v = 0; v < server.vcpus; v++)
            serve_vcpu(v);
        if (events_poll(ports, n, 0) != 0)
            die("poll failed");
    }
    finish();
    return 0;
}
