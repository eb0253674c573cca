/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark measures on x86 besides the common cases. Called by bench-guest/main.c. */
#include "bench.h"

/* One tick is one instruction, whatever frequency a calibration made of that. */
uint64_t bench_instructions(uint64_t ticks)
{
    return ticks;
}

static void cpuid_exit(unsigned int i, unsigned int n)
{
    (void)i;
    (void)n;
    cpuid(1, 0);
}

static uint16_t pick_port(unsigned int i, unsigned int n)
{
    return (uint16_t)(BENCH_PORT + bench_pick(i, n) * BENCH_PORT_STRIDE);
}

static void port_read(unsigned int i, unsigned int n)
{
    uint16_t port = pick_port(i, n);

    if (in32(port) != port)
        die("bench: wrong answer at port %x", port);
}

static void port_write(unsigned int i, unsigned int n)
{
    out32(pick_port(i, n), i);
}

const struct bench_case bench_local[] = {{"cpuid", cpuid_exit}, {NULL, NULL}};
const struct bench_case bench_forwarded[] = {
    {"port-read", port_read}, {"port-write", port_write}, {NULL, NULL}};
