/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How dm-suite (the control domain) directs guest-suite: a page in the guest's image, which the
 * control domain maps as a foreign page. One box for each vCPU; the guest polls its box, does what
 * it says and answers. Nothing here depends on what is being tested but foreign mapping.
 */
#ifndef PAYLOAD_SUITE_CONTROL_H
#define PAYLOAD_SUITE_CONTROL_H

#include "cpu.h"
#include "suite_arch.h"

#define CONTROL_MAGIC UINT64_C(0x5355495445475354)

enum guest_op {
    G_NOP,
    G_HYPERCALL, /* number nr, a0 to a4; result */
    G_START_CPU, /* vCPU a0 */
    G_READ_MANY, /* a0 reads of 4 bytes from a1 upwards (a2 bytes long); result: wrong answers */
    G_READ_GPA,  /* 8 bytes at a0; result */
    G_WRITE_GPA, /* a1 to a0 */
    G_POWER_OFF,
    G_ARCH = 32, /* the architecture's own (suite_arch.h) from here on */
};

/* What G_READ_MANY expects at an address. */
static inline uint32_t pattern_at(uint64_t addr)
{
    return (uint32_t)(addr * 2654435761u) ^ 0x5bd1e995u;
}

struct box {
    uint32_t seq;  /* written by the control domain: a new number is a new command */
    uint32_t done; /* written by the guest: the number of the last one that is done */
    uint32_t op, trapped;
    uint64_t nr, a0, a1, a2, a3, a4;
    struct arch_box arch;
    struct trap_info trap;
    uint64_t result;
    uint8_t buffer[64]; /* for hypercalls; its address is in `where` */
    uint64_t where;
};

#define MAX_BOXES 8

struct control {
    uint64_t magic;
    uint32_t ready; /* the guest polls */
    uint32_t pad;
    struct box box[MAX_BOXES];
};
_Static_assert(sizeof(struct control) <= 4096, "one page");

#endif
