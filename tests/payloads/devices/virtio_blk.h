/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio 1.x block device on the MMIO transport (virtio specification 1.1, 4.2 and 5.2) as a
 * device model over a disk image in memory. One queue. Guest memory is reached page by page through
 * a callback; nothing read from it is trusted.
 */
#ifndef PAYLOAD_DEVICES_VIRTIO_BLK_H
#define PAYLOAD_DEVICES_VIRTIO_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_BLK_QUEUE_MAX 128

struct virtio_blk {
    /*
     * Where the guest page that holds `gpa` is mapped (pointer to the page's first byte), or NULL
     * if the guest has no such memory. Valid until the next call.
     */
    void *(*map_page)(void *ctx, uint64_t gpa);
    void (*set_irq)(void *ctx, bool asserted);
    void *ctx;
    uint8_t *disk;
    uint64_t disk_size; /* bytes, a multiple of 512 */

    uint32_t status, features_sel, driver_features_sel, queue_sel;
    uint64_t driver_features;
    uint32_t interrupt_status;
    struct {
        uint32_t num, ready;
        uint64_t desc, driver, device;
        uint16_t last_avail;
    } queue;
    bool line;
    uint64_t nr_requests, nr_errors; /* served, and refused for bad descriptors */
};

void virtio_blk_reset(struct virtio_blk *d);
/* Register accesses; `size` is 4 for registers, 1 to 8 in the configuration space (from 0x100). */
uint64_t virtio_blk_read(struct virtio_blk *d, uint32_t offset, unsigned int size);
void virtio_blk_write(struct virtio_blk *d, uint32_t offset, unsigned int size, uint64_t value);

#endif
