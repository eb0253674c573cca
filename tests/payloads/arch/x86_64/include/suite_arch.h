/* SPDX-License-Identifier: Apache-2.0 */
/* What suite_control.h needs to know of x86: addresses of the guest, its commands that are x86's.
 */
#ifndef PAYLOAD_SUITE_ARCH_H
#define PAYLOAD_SUITE_ARCH_H

#include <public/errno.h>
#include <stdint.h>

/* Where the control page is in the guest: its image is at 2 MiB. */
#define CONTROL_GPA 0x201000u

/* Pages of the guest that hold nothing: many from SPARE_GFN on, one at each of the others. */
#define SPARE_GFN  0x1800u
#define OTHER_GFN  0x2001u
#define VICTIM_GPA 0x2000000u

/* A frame where a domain may map a page of another. */
#define FOREIGN_GFN (UINT64_C(0x4000000000) >> 12)

/* Addresses that nothing backs. */
#define WINDOW_DEVICE 0xd0040000u
#define WINDOW_NORMAL 0xd0600000u

/* Modes of a server's buffered ring that there are, besides none. */
#define RING_MODES 2

/* What asking for frames of the guest itself says, where it has none for that. */
#define NO_FRAMES (-XEN_ENOMEM)

/* The commands from G_ARCH on. */
enum {
    G_PORT_IN = 32,   /* a1 bytes of port a0; result */
    G_PORT_OUT,       /* a1 bytes to port a0: a2 */
    G_READ,           /* a1 bytes at a0; result */
    G_WRITE,          /* a1 bytes to a0: a2 */
    G_WRITE_MANY,     /* a1 times 4 bytes to a0: a2, a2 + 1 ... */
    G_VECTOR_SETUP,   /* count interrupts of vector a0 on this vCPU, from 0 on */
    G_VECTOR_COUNT,   /* result: how often it came */
    G_READ_TRAPS,     /* 4 bytes at a0; result; trap: one that comes right behind the read */
    G_READ_TRAPS_OFF, /* the same, with interrupts off */
};

/* What a box has besides the common fields. */
struct arch_box {
    uint64_t unused;
};

#endif
