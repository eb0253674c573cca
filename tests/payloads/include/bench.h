/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two benchmark payloads agree on: the device that one serves and the other measures; and
 * what their main.c asks of their arch/.
 */
#ifndef PAYLOAD_BENCH_H
#define PAYLOAD_BENCH_H

#include "payload.h"

/* Measured space: range i is one page at BENCH_SPACE + i * BENCH_STRIDE, so that none merge. */
#define BENCH_SPACE       UINT64_C(0x100000000)
#define BENCH_STRIDE      UINT64_C(0x2000)
#define BENCH_MAX_RANGES  8192
#define BENCH_MAX_SERVERS 8

/* The same for ports, where there are any: range i is four of them. */
#define BENCH_PORT        0x2000u
#define BENCH_PORT_STRIDE 6u
#define BENCH_PORTS       4u

/* Control registers, in range 0: a write says what to do, and is answered when that is done. */
#define BENCH_CONTROL      (BENCH_SPACE + 0x800)
#define BENCH_REG_RANGES   0x0 /* have this many ranges, at least one */
#define BENCH_REG_SERVERS  0x4 /* spread over this many servers; before BENCH_REG_RANGES */
#define BENCH_REG_FINISHED 0x8
#define BENCH_CONTROL_SIZE 0x10

/* --- bench-dm/arch --- */

/* Claim or give back range i of ports; 0 or an error. 0 where there are none. */
long bench_port_range(bool map, domid_t dom, const struct dm_server *s, unsigned int i);

/* --- bench-guest/arch --- */

/* Instructions in so many ticks of counter(), under `-icount shift=0,sleep=off`. */
uint64_t bench_instructions(uint64_t ticks);

/* An operation on range i % n, after a different one each time. */
typedef void (*bench_op_t)(unsigned int i, unsigned int n);
struct bench_case {
    const char *name;
    bench_op_t op;
};
/* Further cases, up to one without a name: what the hypervisor answers itself, and what is
 * forwarded. */
extern const struct bench_case bench_local[], bench_forwarded[];

/* The range of turn i, without a pattern that a cache of the last hit would like. */
static inline unsigned int bench_pick(unsigned int i, unsigned int n)
{
    return (i * 2654435761u >> 7) % n;
}

#endif
