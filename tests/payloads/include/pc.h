/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that dm-pc makes for guest-pc: where its devices are, and what the disk's test is. */
#ifndef PAYLOAD_PC_H
#define PAYLOAD_PC_H

#include <stdint.h>

#define PC_UART_PORT   0x3f8u
#define PC_UART_VECTOR 0x64u
#define PC_DISK_BASE   0xd0000000u
#define PC_DISK_SIZE   0x200u
#define PC_DISK_VECTOR 0x65u

#define PC_SECTOR 512u

/* FNV-1a of 64 bits, which the host computes as well (tests/system/pcjob.py). */
#define PC_HASH_START UINT64_C(0xcbf29ce484222325)
static inline uint64_t pc_hash(uint64_t hash, const uint8_t *data, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Byte i of what the guest writes to a sector. */
static inline uint8_t pc_byte(uint64_t token, uint64_t sector, unsigned int i)
{
    return (uint8_t)(token >> (i % 8 * 8)) ^ (uint8_t)(sector * 7 + i);
}

#endif
