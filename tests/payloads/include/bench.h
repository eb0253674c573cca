/* SPDX-License-Identifier: Apache-2.0 */
/* What the two benchmark payloads agree on: the device that one serves and the other measures. */
#ifndef PAYLOAD_BENCH_H
#define PAYLOAD_BENCH_H

#include <stdint.h>

/* Measured space: range i is one page at BENCH_SPACE + i * BENCH_STRIDE, so that none merge. */
#define BENCH_SPACE       UINT64_C(0x100000000)
#define BENCH_STRIDE      UINT64_C(0x2000)
#define BENCH_MAX_RANGES  8192
#define BENCH_MAX_SERVERS 8

/* Control registers, in range 0: a write says what to do, and is answered when that is done. */
#define BENCH_CONTROL      (BENCH_SPACE + 0x800)
#define BENCH_REG_RANGES   0x0 /* have this many ranges, at least one */
#define BENCH_REG_SERVERS  0x4 /* spread over this many servers; before BENCH_REG_RANGES */
#define BENCH_REG_FINISHED 0x8
#define BENCH_CONTROL_SIZE 0x10

#endif
