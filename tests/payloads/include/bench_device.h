/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device that a benchmark's device model serves and its guest measures. Linux's device model
 * (tests/clients) serves the same.
 */
#ifndef PAYLOAD_BENCH_DEVICE_H
#define PAYLOAD_BENCH_DEVICE_H

#include <stdint.h>

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

#endif
