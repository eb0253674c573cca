/* SPDX-License-Identifier: Apache-2.0 */
/* What the main.c of the two benchmark payloads ask of their arch/. */
#ifndef PAYLOAD_BENCH_H
#define PAYLOAD_BENCH_H

#include "bench_device.h"
#include "payload.h"

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
