/* SPDX-License-Identifier: Apache-2.0 */
/* The block device of virtio_blk.h: transport registers, the split virtqueue, the requests. */
#include "virtio_blk.h"

#define PAGE 4096u

/* Transport registers (virtio 1.1, table 4.1). */
enum {
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_VENDOR_ID = 0x00c,
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
    REG_QUEUE_DESC_LOW = 0x080,
    REG_QUEUE_DESC_HIGH = 0x084,
    REG_QUEUE_DRIVER_LOW = 0x090,
    REG_QUEUE_DRIVER_HIGH = 0x094,
    REG_QUEUE_DEVICE_LOW = 0x0a0,
    REG_QUEUE_DEVICE_HIGH = 0x0a4,
    REG_CONFIG = 0x100,
};

#define MAGIC         0x74726976
#define ID_BLOCK      2
#define VENDOR        0x59524857 /* "WHRY" */
#define SECTOR        512u
#define SEG_MAX       (VIRTIO_BLK_QUEUE_MAX - 2)
#define F_SEG_MAX     (1u << 2)
#define F_BLK_SIZE    (1u << 6)
#define F_FLUSH       (1u << 9)
#define F_VERSION_1   (UINT64_C(1) << 32)
#define STATUS_DRV_OK 4u
#define STATUS_RESET  0x40u /* DEVICE_NEEDS_RESET */

#define DESC_NEXT  1u
#define DESC_WRITE 2u

#define AVAIL_NO_INTERRUPT 1u

enum { REQ_IN = 0, REQ_OUT = 1, REQ_FLUSH = 4, REQ_GET_ID = 8 };
enum { REQ_OK = 0, REQ_IOERR = 1, REQ_UNSUPP = 2 };

static const uint64_t device_features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_VERSION_1;

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct request {
    uint32_t type;
    uint64_t sector;
    struct desc status;
    struct desc data[SEG_MAX];
    unsigned int nr_data;
};

static void copy_bytes(uint8_t *dst, const uint8_t *src, size_t n)
{
    while (n-- > 0)
        *dst++ = *src++;
}

/* Move bytes between a buffer and guest memory; false if the guest has no memory there. */
static bool guest_move(struct virtio_blk *d, uint64_t gpa, void *buf, size_t n, bool to_guest)
{
    uint8_t *p = buf;

    while (n > 0) {
        size_t off = gpa % PAGE;
        size_t here = n < PAGE - off ? n : PAGE - off;
        uint8_t *page = d->map_page(d->ctx, gpa);

        if (page == NULL)
            return false;
        if (to_guest)
            copy_bytes(page + off, p, here);
        else
            copy_bytes(p, page + off, here);
        gpa += here;
        p += here;
        n -= here;
    }
    return true;
}

static bool guest_get(struct virtio_blk *d, uint64_t gpa, void *buf, size_t n)
{
    return guest_move(d, gpa, buf, n, false);
}

static bool guest_put(struct virtio_blk *d, uint64_t gpa, void *buf, size_t n)
{
    return guest_move(d, gpa, buf, n, true);
}

static void update_line(struct virtio_blk *d)
{
    bool line = d->interrupt_status != 0;

    if (line == d->line)
        return;
    d->line = line;
    d->set_irq(d->ctx, line);
}

void virtio_blk_reset(struct virtio_blk *d)
{
    d->status = d->features_sel = d->driver_features_sel = d->queue_sel = 0;
    d->driver_features = 0;
    d->queue.num = VIRTIO_BLK_QUEUE_MAX;
    d->queue.ready = 0;
    d->queue.desc = d->queue.driver = d->queue.device = 0;
    d->queue.last_avail = 0;
    d->interrupt_status = 0;
    update_line(d);
}

/* The whole chain, each descriptor read once. False: not a request this device understands. */
static bool read_request(struct virtio_blk *d, uint16_t head, struct request *r)
{
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    struct desc desc;
    uint16_t next = head;

    r->nr_data = 0;
    for (unsigned int n = 0; n < d->queue.num; n++) {
        if (next >= d->queue.num || !guest_get(d, d->queue.desc + next * 16u, &desc, sizeof(desc)))
            return false;
        if (n == 0) {
            if (desc.len < sizeof(header) || !guest_get(d, desc.addr, &header, sizeof(header)))
                return false;
        } else if (!(desc.flags & DESC_NEXT)) {
            r->type = header.type;
            r->sector = header.sector;
            r->status = desc;
            return desc.len >= 1 && (desc.flags & DESC_WRITE) != 0;
        } else if (r->nr_data < SEG_MAX) {
            r->data[r->nr_data++] = desc;
        } else {
            return false;
        }
        if (!(desc.flags & DESC_NEXT))
            return false;
        next = desc.next;
    }
    return false;
}

/* Read or write sectors; the number of bytes put into guest memory goes to *written. */
static uint8_t transfer(struct virtio_blk *d, const struct request *r, uint32_t *written)
{
    uint64_t pos;

    if (r->sector > d->disk_size / SECTOR)
        return REQ_IOERR;
    pos = r->sector * SECTOR;
    for (unsigned int i = 0; i < r->nr_data; i++) {
        const struct desc *s = &r->data[i];
        bool to_guest = r->type == REQ_IN;

        if (s->len > d->disk_size - pos || to_guest != ((s->flags & DESC_WRITE) != 0))
            return REQ_IOERR;
        if (!guest_move(d, s->addr, d->disk + pos, s->len, to_guest))
            return REQ_IOERR;
        pos += s->len;
        if (to_guest)
            *written += s->len;
    }
    return REQ_OK;
}

static uint8_t get_id(struct virtio_blk *d, const struct request *r, uint32_t *written)
{
    static char name[20] = "wherry-disk";

    if (r->nr_data != 1 || !(r->data[0].flags & DESC_WRITE) || r->data[0].len < sizeof(name))
        return REQ_IOERR;
    if (!guest_put(d, r->data[0].addr, name, sizeof(name)))
        return REQ_IOERR;
    *written += sizeof(name);
    return REQ_OK;
}

static uint8_t execute(struct virtio_blk *d, const struct request *r, uint32_t *written)
{
    switch (r->type) {
    case REQ_IN:
    case REQ_OUT:
        return transfer(d, r, written);
    case REQ_FLUSH:
        return REQ_OK; /* the image is memory */
    case REQ_GET_ID:
        return get_id(d, r, written);
    default:
        return REQ_UNSUPP;
    }
}

/* Publish one used element; the index is written after the element (2.6.8). */
static bool put_used(struct virtio_blk *d, uint16_t head, uint32_t written)
{
    struct {
        uint32_t id, len;
    } elem = {head, written};
    uint16_t idx;

    if (!guest_get(d, d->queue.device + 2, &idx, sizeof(idx)))
        return false;
    if (!guest_put(d, d->queue.device + 4 + (idx % d->queue.num) * 8u, &elem, sizeof(elem)))
        return false;
    idx++;
    __atomic_thread_fence(__ATOMIC_RELEASE); /* element before index; partner: the driver's read */
    return guest_put(d, d->queue.device + 2, &idx, sizeof(idx));
}

static void serve_one(struct virtio_blk *d, uint16_t head)
{
    static struct request r; /* too large for a small stack; one device is served at a time */
    uint32_t written = 0;
    uint8_t status;

    if (!read_request(d, head, &r)) {
        d->nr_errors++;
        put_used(d, head, 0);
        return;
    }
    status = execute(d, &r, &written);
    if (status != REQ_OK)
        d->nr_errors++;
    guest_put(d, r.status.addr, &status, sizeof(status));
    put_used(d, head, written + 1);
    d->nr_requests++;
}

/* The driver rang: serve what is available, at most a queue full. */
static void notify(struct virtio_blk *d)
{
    uint16_t avail[2]; /* flags, idx */
    uint16_t head;
    unsigned int limit = d->queue.num;

    if (!d->queue.ready || !(d->status & STATUS_DRV_OK))
        return;
    while (limit-- > 0) {
        if (!guest_get(d, d->queue.driver, avail, sizeof(avail)))
            return;
        if (avail[1] == d->queue.last_avail)
            break;
        __atomic_thread_fence(__ATOMIC_ACQUIRE); /* index before ring entry; partner: the driver */
        if (!guest_get(d, d->queue.driver + 4 + (d->queue.last_avail % d->queue.num) * 2u, &head,
                       sizeof(head)))
            return;
        d->queue.last_avail++;
        serve_one(d, head);
    }
    if (guest_get(d, d->queue.driver, avail, sizeof(avail)) && !(avail[0] & AVAIL_NO_INTERRUPT)) {
        d->interrupt_status |= 1;
        update_line(d);
    }
}

/* Configuration space: capacity, seg_max, blk_size (5.2.4); the rest reads as zero. */
static uint64_t read_config(const struct virtio_blk *d, uint32_t offset, unsigned int size)
{
    uint8_t config[64] = {0};
    uint64_t capacity = d->disk_size / SECTOR;
    uint32_t seg_max = SEG_MAX;
    uint32_t blk_size = SECTOR;
    uint64_t value = 0;

    copy_bytes(config, (const uint8_t *)&capacity, 8);
    copy_bytes(config + 12, (const uint8_t *)&seg_max, 4);
    copy_bytes(config + 20, (const uint8_t *)&blk_size, 4);
    if (size > 8 || offset + size > sizeof(config))
        return 0;
    copy_bytes((uint8_t *)&value, config + offset, size);
    return value;
}

uint64_t virtio_blk_read(struct virtio_blk *d, uint32_t offset, unsigned int size)
{
    bool queue0 = d->queue_sel == 0;

    if (offset >= REG_CONFIG)
        return read_config(d, offset - REG_CONFIG, size);
    switch (offset) {
    case REG_MAGIC:
        return MAGIC;
    case REG_VERSION:
        return 2;
    case REG_DEVICE_ID:
        return ID_BLOCK;
    case REG_VENDOR_ID:
        return VENDOR;
    case REG_DEVICE_FEATURES:
        return d->features_sel < 2 ? (uint32_t)(device_features >> (32 * d->features_sel)) : 0;
    case REG_QUEUE_NUM_MAX:
        return queue0 ? VIRTIO_BLK_QUEUE_MAX : 0;
    case REG_QUEUE_READY:
        return queue0 ? d->queue.ready : 0;
    case REG_INTERRUPT_STATUS:
        return d->interrupt_status;
    case REG_STATUS:
        return d->status;
    default:
        return 0;
    }
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
    if (high)
        *reg = (*reg & UINT32_MAX) | (uint64_t)value << 32;
    else
        *reg = (*reg & ~(uint64_t)UINT32_MAX) | value;
}

static void write_queue(struct virtio_blk *d, uint32_t offset, uint32_t value)
{
    if (d->queue_sel != 0)
        return;
    switch (offset) {
    case REG_QUEUE_NUM:
        if (value != 0 && value <= VIRTIO_BLK_QUEUE_MAX && (value & (value - 1)) == 0)
            d->queue.num = value;
        break;
    case REG_QUEUE_READY:
        d->queue.ready = value & 1;
        break;
    case REG_QUEUE_DESC_LOW:
    case REG_QUEUE_DESC_HIGH:
        set_half(&d->queue.desc, offset == REG_QUEUE_DESC_HIGH, value);
        break;
    case REG_QUEUE_DRIVER_LOW:
    case REG_QUEUE_DRIVER_HIGH:
        set_half(&d->queue.driver, offset == REG_QUEUE_DRIVER_HIGH, value);
        break;
    case REG_QUEUE_DEVICE_LOW:
    case REG_QUEUE_DEVICE_HIGH:
        set_half(&d->queue.device, offset == REG_QUEUE_DEVICE_HIGH, value);
        break;
    default:
        break;
    }
}

static void write_status(struct virtio_blk *d, uint32_t value)
{
    if (value == 0)
        virtio_blk_reset(d);
    else
        d->status = value & 0xff & ~STATUS_RESET;
}

void virtio_blk_write(struct virtio_blk *d, uint32_t offset, unsigned int size, uint64_t value)
{
    uint32_t v = (uint32_t)value;

    if (size != 4 || offset >= REG_CONFIG)
        return; /* registers are 32 bits wide; the configuration is read-only */
    switch (offset) {
    case REG_DEVICE_FEATURES_SEL:
        d->features_sel = v;
        break;
    case REG_DRIVER_FEATURES:
        if (d->driver_features_sel < 2)
            set_half(&d->driver_features, d->driver_features_sel == 1, v);
        break;
    case REG_DRIVER_FEATURES_SEL:
        d->driver_features_sel = v;
        break;
    case REG_QUEUE_SEL:
        d->queue_sel = v;
        break;
    case REG_QUEUE_NOTIFY:
        if (v == 0)
            notify(d);
        break;
    case REG_INTERRUPT_ACK:
        d->interrupt_status &= ~v;
        update_line(d);
        break;
    case REG_STATUS:
        write_status(d, v);
        break;
    default:
        write_queue(d, offset, v);
        break;
    }
}
