/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of the benchmark: counts the time of operations that leave it. Under QEMU's
 * `-icount shift=0,sleep=off` a nanosecond is an instruction, whoever executes it: the counter's
 * difference over many operations is their cost in instructions, loop included.
 */
#include "bench.h"

#define ROUNDS 1000

static uint64_t measure(bench_op_t op, unsigned int n)
{
    uint64_t start;

    op(0, n); /* caches and TLBs of an emulator do not count, lazy set-up would */
    start = counter();
    for (unsigned int i = 1; i <= ROUNDS; i++)
        op(i, n);
    return bench_instructions(counter() - start) / ROUNDS;
}

static void nothing(unsigned int i, unsigned int n)
{
    (void)n;
    __asm__ volatile("" ::"r"(i));
}

static void null_hypercall(unsigned int i, unsigned int n)
{
    (void)i;
    (void)n;
    xen_version(XENVER_version, NULL);
}

static uint64_t pick(unsigned int i, unsigned int n)
{
    return BENCH_SPACE + bench_pick(i, n) * BENCH_STRIDE;
}

static void forwarded_read(unsigned int i, unsigned int n)
{
    uint64_t a = pick(i, n);

    if (mmio_read32(a) != (uint32_t)a)
        die("bench: wrong answer at %lx", (unsigned long)a);
}

static void forwarded_write(unsigned int i, unsigned int n)
{
    mmio_write32(pick(i, n), i);
}

static void wait_for_device_model(void)
{
    uint8_t v;

    while (!memory_read8(BENCH_CONTROL, &v))
        yield_cpu();
}

static void report(const char *what, unsigned int servers, unsigned int ranges, uint64_t cost)
{
    print("bench: %s servers=%u ranges=%u instructions=%lu", what, servers, ranges,
          (unsigned long)cost);
}

static void measure_forwarding(unsigned int servers, unsigned int ranges)
{
    mmio_write32(BENCH_CONTROL + BENCH_REG_SERVERS, servers);
    mmio_write32(BENCH_CONTROL + BENCH_REG_RANGES, ranges);
    report("read", servers, ranges, measure(forwarded_read, ranges));
    report("write", servers, ranges, measure(forwarded_write, ranges));
    for (const struct bench_case *c = bench_forwarded; c->name != NULL; c++)
        report(c->name, servers, ranges, measure(c->op, ranges));
}

int main(void)
{
    static const unsigned int ranges[] = {1, 16, 256, 4096, 8192};
    unsigned int limit = (unsigned int)bootarg_u64("ranges", 256);

    mmu_map(BENCH_SPACE, BENCH_MAX_RANGES * BENCH_STRIDE, MAP_DEVICE);
    wait_for_device_model();
    report("loop", 0, 0, measure(nothing, 1));
    report("null-hypercall", 0, 0, measure(null_hypercall, 1));
    for (const struct bench_case *c = bench_local; c->name != NULL; c++)
        report(c->name, 0, 0, measure(c->op, 1));
    for (unsigned int i = 0; i < ARRAY_SIZE(ranges) && ranges[i] <= limit; i++)
        measure_forwarding(1, ranges[i]);
    measure_forwarding(8, 8 * 255);
    print("bench: finished");
    mmio_write32(BENCH_CONTROL + BENCH_REG_FINISHED, 1); /* the machine goes off with its answer */
    return 0;
}
