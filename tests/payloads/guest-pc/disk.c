/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of disk.h. Requests are waited for by interrupt. */
#include "disk.h"
#include "payload.h"
#include "pc.h"

/* Transport registers (virtio 1.1, table 4.1). */
enum {
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_DEVICE_FEATURES = 0x010,
    REG_DEVICE_FEATURES_SEL = 0x014,
    REG_DRIVER_FEATURES = 0x020,
    REG_DRIVER_FEATURES_SEL = 0x024,
    REG_QUEUE_SEL = 0x030,
    REG_QUEUE_NUM_MAX = 0x034,
    REG_QUEUE_NUM = 0x038,
    REG_QUEUE_READY = 0x044,
    REG_QUEUE_NOTIFY = 0x050,
    REG_INTERRUPT_STATUS = 0x060,
    REG_INTERRUPT_ACK = 0x064,
    REG_STATUS = 0x070,
    REG_QUEUE_DESC = 0x080,
    REG_QUEUE_DRIVER = 0x090,
    REG_QUEUE_DEVICE = 0x0a0,
    REG_CONFIG = 0x100,
};

#define ACKNOWLEDGE 1u
#define DRIVER      2u
#define DRIVER_OK   4u
#define FEATURES_OK 8u

#define QUEUE 8
#define NEXT  1
#define WRITE 2

enum { REQ_IN = 0, REQ_OUT = 1, REQ_FLUSH = 4 };

static struct {
    struct {
        uint64_t addr;
        uint32_t len;
        uint16_t flags, next;
    } desc[QUEUE];
    struct {
        uint16_t flags, idx, ring[QUEUE];
    } avail;
    struct {
        uint16_t flags, idx;
        struct {
            uint32_t id, len;
        } ring[QUEUE];
    } used __attribute__((aligned(4)));
} queue __attribute__((aligned(4096)));

static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static volatile uint8_t status;
static volatile unsigned int interrupts;

static uint32_t get(unsigned int reg)
{
    return mmio_read32(PC_DISK_BASE + reg);
}

static void set(unsigned int reg, uint32_t v)
{
    mmio_write32(PC_DISK_BASE + reg, v);
}

static void set64(unsigned int reg, const void *p)
{
    set(reg, (uint32_t)(uintptr_t)p);
    set(reg + 4, (uint32_t)((uint64_t)(uintptr_t)p >> 32));
}

static void on_interrupt(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    set(REG_INTERRUPT_ACK, get(REG_INTERRUPT_STATUS));
    interrupts++;
}

const char *disk_open(void)
{
    if (get(REG_MAGIC) != 0x74726976 || get(REG_VERSION) != 2 || get(REG_DEVICE_ID) != 2)
        return "no virtio disk there";
    irq_set_handler(PC_DISK_VECTOR, on_interrupt, NULL);
    set(REG_STATUS, 0);
    set(REG_STATUS, ACKNOWLEDGE | DRIVER);
    set(REG_DEVICE_FEATURES_SEL, 1);
    if ((get(REG_DEVICE_FEATURES) & 1) == 0)
        return "not a device of virtio 1";
    set(REG_DRIVER_FEATURES_SEL, 1);
    set(REG_DRIVER_FEATURES, 1);
    set(REG_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    if ((get(REG_STATUS) & FEATURES_OK) == 0)
        return "it refuses the features";
    set(REG_QUEUE_SEL, 0);
    if (get(REG_QUEUE_NUM_MAX) < QUEUE)
        return "its queue is too small";
    set(REG_QUEUE_NUM, QUEUE);
    set64(REG_QUEUE_DESC, queue.desc);
    set64(REG_QUEUE_DRIVER, &queue.avail);
    set64(REG_QUEUE_DEVICE, &queue.used);
    set(REG_QUEUE_READY, 1);
    set(REG_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    return NULL;
}

uint64_t disk_sectors(void)
{
    return mmio_read64(PC_DISK_BASE + REG_CONFIG);
}

static void describe(unsigned int i, const volatile void *p, uint32_t len, unsigned int flags)
{
    queue.desc[i].addr = (uintptr_t)p;
    queue.desc[i].len = len;
    queue.desc[i].flags = (uint16_t)flags;
    queue.desc[i].next = (uint16_t)(i + 1);
}

/* Wait with interrupts off between looking and sleeping, so that none is slept over. */
static bool wait_used(uint16_t idx)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    while (READ_ONCE(queue.used.idx) != idx && counter() < end) {
        irqs_off();
        if (READ_ONCE(queue.used.idx) != idx)
            wfi();
        irqs_on();
        take_irqs();
    }
    rmb(); /* the index before what it tells */
    return READ_ONCE(queue.used.idx) == idx;
}

static bool request(uint32_t type, uint64_t sector, const volatile void *buf, uint32_t bytes)
{
    uint16_t idx = queue.avail.idx;
    unsigned int n = 1;

    header.type = type;
    header.sector = sector;
    status = 0xff;
    describe(0, &header, sizeof(header), NEXT);
    if (bytes != 0)
        describe(n++, buf, bytes, NEXT | (type == REQ_IN ? WRITE : 0));
    describe(n, &status, 1, WRITE);
    queue.avail.ring[idx % QUEUE] = 0;
    wmb(); /* the request before the index */
    WRITE_ONCE(queue.avail.idx, (uint16_t)(idx + 1));
    wmb(); /* the index before the notification */
    set(REG_QUEUE_NOTIFY, 0);
    return wait_used((uint16_t)(idx + 1)) && status == 0;
}

bool disk_read(uint64_t sector, void *buf, unsigned int n)
{
    return request(REQ_IN, sector, buf, n * PC_SECTOR);
}

bool disk_write(uint64_t sector, const void *buf, unsigned int n)
{
    return request(REQ_OUT, sector, buf, n * PC_SECTOR);
}

bool disk_flush(void)
{
    return request(REQ_FLUSH, 0, NULL, 0);
}

unsigned int disk_interrupts(void)
{
    return interrupts;
}
