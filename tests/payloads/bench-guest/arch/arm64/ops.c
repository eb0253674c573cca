/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark measures on Arm64 besides the common cases. Called by bench-guest/main.c. */
#include "bench.h"

/* Virtual time is in nanoseconds, an instruction each. */
uint64_t bench_instructions(uint64_t ticks)
{
    return ticks * 1000000000 / counter_hz();
}

static void gic_read(unsigned int i, unsigned int n)
{
    (void)i;
    (void)n;
    mmio_read32(gic.dist);
}

const struct bench_case bench_local[] = {{"gic-read", gic_read}, {NULL, NULL}};
const struct bench_case bench_forwarded[] = {{NULL, NULL}};
