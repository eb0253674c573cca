/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of one virtio block device by MMIO (virtio 1.1, 4.2 and 5.2); one request at a time. */
#ifndef GUEST_PC_DISK_H
#define GUEST_PC_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Find it, agree with it on features, give it the queue. NULL, or what went wrong. */
const char *disk_open(void);
uint64_t disk_sectors(void);
/* `n` sectors of 512 bytes; true when the device says that it is done. */
bool disk_read(uint64_t sector, void *buf, unsigned int n);
bool disk_write(uint64_t sector, const void *buf, unsigned int n);
bool disk_flush(void);
/* Interrupts that came. */
unsigned int disk_interrupts(void);

#endif
