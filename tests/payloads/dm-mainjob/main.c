/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main job's device model: as control domain it serves domain 1 a virtio-mmio disk (the image
 * is its ramdisk) and a PL011 whose characters are this domain's console. The addresses and
 * interrupts are those of tests/guest/partial.dts. When the guest has shut down it says what it
 * served and, if the command line has disk-out=PATH, hands the image out by semihosting.
 */
#include "guest_cache.h"
#include "payload.h"
#include "pl011.h"
#include "semihost.h"
#include "virtio_blk.h"
#include <public/domctl.h>

#define GUEST 1

#define UART_BASE GUEST_PL011_BASE
#define UART_SIZE GUEST_PL011_SIZE
#define UART_IRQ  32
#define DISK_BASE GUEST_VIRTIO_MMIO_BASE
#define DISK_SIZE 0x200
#define DISK_IRQ  33

#define LINE_MAX     120
#define LINE_WAIT_NS 20000000 /* an unfinished line is shown after this */

static struct dm_server server;
static struct virtio_blk disk;
static struct pl011 uart;
static evtchn_port_t console_port, shutdown_port;
static uint64_t nr_reads, nr_writes, nr_bad;

static char line[LINE_MAX];
static unsigned int line_len;

/* --- the devices' way out --- */

static void set_irq(void *ctx, bool asserted)
{
    unsigned int irq = ctx == &disk ? DISK_IRQ : UART_IRQ;
    long rc = dm_set_irq(GUEST, irq, asserted);

    if (rc != 0)
        die("interrupt %u: %ld", irq, rc);
}

static void flush_line(void)
{
    if (line_len != 0)
        console_write(line, line_len);
    line_len = 0;
}

static void put_char(void *ctx, char c)
{
    (void)ctx;
    if (c == '\r')
        return;
    line[line_len++] = c;
    if (c == '\n' || line_len == LINE_MAX)
        flush_line();
}

/* Input goes to the guest as far as its FIFO takes it; what is left stays with the hypervisor. */
static void pump_input(void)
{
    char c = 0;

    while (uart.rx_count < PL011_RX_FIFO && console_io(CONSOLEIO_read, 1, &c) == 1)
        pl011_receive(&uart, (uint8_t)c);
}

/* --- requests --- */

static uint64_t access_uart(const struct ioreq *r)
{
    uint32_t offset = (uint32_t)(r->addr - UART_BASE);

    if (r->dir == IOREQ_READ) {
        uint32_t v = pl011_read(&uart, offset);

        pump_input(); /* the guest made room */
        return v;
    }
    pl011_write(&uart, offset, (uint32_t)r->data);
    return 0;
}

static uint64_t access_disk(const struct ioreq *r)
{
    uint32_t offset = (uint32_t)(r->addr - DISK_BASE);

    if (r->dir == IOREQ_READ)
        return virtio_blk_read(&disk, offset, r->size);
    virtio_blk_write(&disk, offset, r->size, r->data);
    return 0;
}

static bool within(const struct ioreq *r, uint64_t base, uint64_t size)
{
    return r->addr >= base && r->addr - base <= size - r->size;
}

static uint64_t serve(const struct ioreq *r)
{
    if (r->type == IOREQ_TYPE_INVALIDATE) {
        guest_cache_drop();
        return 0;
    }
    if (r->dir == IOREQ_READ)
        nr_reads++;
    else
        nr_writes++;
    if (r->type == IOREQ_TYPE_COPY && r->count == 1 && !r->data_is_ptr && r->size <= 8) {
        if (within(r, UART_BASE, UART_SIZE))
            return access_uart(r);
        if (within(r, DISK_BASE, DISK_SIZE))
            return access_disk(r);
    }
    nr_bad++;
    return UINT64_MAX;
}

static void serve_vcpu(unsigned int vcpu)
{
    struct ioreq r;

    event_take(server.port[vcpu]);
    if (dm_take(&server, vcpu, &r))
        dm_answer(&server, vcpu, serve(&r));
}

/* --- start and end --- */

/* Keeps the guest from its devices until they are there. Not every hypervisor lets us. */
static void pause_guest(bool pause)
{
    static struct xen_domctl op;

    op.cmd = pause ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = GUEST;
    hypercall(__HYPERVISOR_domctl, arg(&op), 0, 0, 0, 0);
}

static void start(void)
{
    int rc = events_init();

    if (rc != 0)
        die("events: %d", rc);
    if (initrd_size == 0)
        die("no disk image: the ramdisk module is missing");
    disk = (struct virtio_blk){
        .map_page = guest_cache_map,
        .set_irq = set_irq,
        .ctx = &disk,
        .disk = (uint8_t *)(uintptr_t)initrd_base,
        .disk_size = initrd_size & ~UINT64_C(511),
    };
    uart = (struct pl011){.put = put_char, .set_irq = set_irq, .ctx = &uart};
    virtio_blk_reset(&disk);
    pl011_reset(&uart);
    rc = dm_server_open(&server, GUEST);
    if (rc != 0)
        die("server for domain %u: %d", GUEST, rc);
    guest_cache_init(GUEST);
    rc = (int)dm_map(GUEST, server.id, UART_BASE, UART_BASE + UART_SIZE - 1);
    if (rc == 0)
        rc = (int)dm_map(GUEST, server.id, DISK_BASE, DISK_BASE + DISK_SIZE - 1);
    if (rc != 0)
        die("ranges: %d", rc);
    if (evtchn_bind_virq(VIRQ_CONSOLE, 0, &console_port) != 0 ||
        evtchn_bind_virq(VIRQ_DOM_EXC, 0, &shutdown_port) != 0)
        die("no virtual interrupts of the control domain");
    event_mask(console_port);
    event_mask(shutdown_port);
}

static void finish(void)
{
    static const char option[] = "disk-out=";
    const char *s = bootargs;
    char path[256];
    size_t n = 0;

    flush_line();
    print("dm: forwarded %llu accesses: %llu reads, %llu writes, %llu of a kind not served",
          (unsigned long long)(nr_reads + nr_writes), (unsigned long long)nr_reads,
          (unsigned long long)nr_writes, (unsigned long long)nr_bad);
    print("dm: disk: %llu requests, %llu refused", (unsigned long long)disk.nr_requests,
          (unsigned long long)disk.nr_errors);
    while (s != NULL && *s != '\0' && strncmp(s, option, sizeof(option) - 1) != 0)
        s++;
    if (s == NULL || *s == '\0')
        return;
    for (s += sizeof(option) - 1; *s != '\0' && *s != ' ' && n < sizeof(path) - 1; s++)
        path[n++] = *s;
    path[n] = '\0';
    print("dm: disk image %s", semihost_write_file(path, disk.disk, disk.disk_size)
                                   ? "written out"
                                   : "could not be written out");
}

static bool any_pending(const evtchn_port_t *ports, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        if (event_pending(ports[i]))
            return true;
    return false;
}

int main(void)
{
    evtchn_port_t ports[MAX_CPUS + 2];
    unsigned int n = 0;

    pause_guest(true);
    start();
    pause_guest(false);
    for (unsigned int v = 0; v < server.vcpus; v++)
        ports[n++] = server.port[v];
    ports[n++] = console_port;
    ports[n++] = shutdown_port;
    print("dm: serving domain %u, %u vCPUs, disk of %llu KiB", GUEST, server.vcpus,
          (unsigned long long)(disk.disk_size / 1024));
    pump_input();
    while (!event_take(shutdown_port)) {
        for (unsigned int v = 0; v < server.vcpus; v++)
            serve_vcpu(v);
        if (event_take(console_port))
            pump_input();
        if (events_poll(ports, n, line_len != 0 ? now_ns() + LINE_WAIT_NS : 0) != 0)
            die("poll failed");
        if (!any_pending(ports, n))
            flush_line(); /* the wait for the rest of it is over */
    }
    finish();
    return 0;
}
