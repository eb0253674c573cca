/* SPDX-License-Identifier: Apache-2.0 */
/* Nonsense for the interrupt controller, and instructions that cannot be forwarded. */
#include "suite.h"

static uint32_t seed = 12345;

static uint32_t any(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 3;
}

static void read_all(uintptr_t base, uint64_t size)
{
    for (uint64_t off = 0; off < size; off += 4) {
        expect_trap();
        mmio_read32(base + off);
        trap_taken(NULL);
        if (off % 0x100 == 0) { /* the other sizes not everywhere: each is a trap */
            expect_trap();
            mmio_read8(base + off + 1);
            trap_taken(NULL);
            expect_trap();
            mmio_read64(base + off);
            trap_taken(NULL);
        }
    }
}

static void write_anything(uintptr_t base, uint64_t size, unsigned int times)
{
    for (unsigned int i = 0; i < times; i++) {
        uintptr_t a = base + any() % size;

        expect_trap();
        switch (i % 3) {
        case 0:
            mmio_write8(a, (uint8_t)any());
            break;
        case 1:
            mmio_write32(a & ~(uintptr_t)3, any());
            break;
        default:
            mmio_write64(a & ~(uintptr_t)7, (uint64_t)any() << 32 | any());
            break;
        }
        trap_taken(NULL);
    }
}

static void wild_gic(void)
{
    uint64_t dist = gic.version == 3 ? 0x10000 : 0x1000;
    uint64_t redist = gic.version == 3 ? 0x20000 : 0;

    irqs_off();
    read_all(gic.dist, dist);
    read_all(gic.cpu_or_redist, redist);
    tap(true, "xsa-94: all registers of the interrupt controller are read");
    write_anything(gic.dist, dist, 3000);
    if (redist != 0)
        write_anything(gic.cpu_or_redist, redist, 1000);
    tap(true, "xsa-94: and many written with anything");
    for (unsigned int irq = 0; irq < gic.lines; irq += 32) {
        mmio_write32(gic.dist + 0x180 + irq / 8, UINT32_MAX); /* disable, */
        mmio_write32(gic.dist + 0x280 + irq / 8, UINT32_MAX); /* not pending, */
        mmio_write32(gic.dist + 0x380 + irq / 8, UINT32_MAX); /* not active */
    }
    if (gic.version == 3) {
        mmio_write32(gic.cpu_or_redist + 0x10280, UINT32_MAX);
        mmio_write32(gic.cpu_or_redist + 0x10380, UINT32_MAX);
    }
    for (unsigned int i = 0; i < 4 && gic.version == 2; i++)
        mmio_write32(gic.dist + 0xf10 + 4 * i, UINT32_MAX); /* SGIs by their senders */
    gic_init();
    for (unsigned int irq = 16; irq < 32; irq++)
        irq_set_edge(irq, false);
    sgi_send(6, 0);
    yield_cpu();
    tap_eq(gic_ack(), 6, "set up again, it works");
    gic_eoi(6);
}

static void flood(void)
{
    unsigned int trapped = 0;

    for (unsigned int i = 0; i < 2000; i++) {
        uint64_t a = 0x10000000, v;

        expect_trap();
        __asm__ volatile("ldxr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
        trapped += trap_taken(NULL);
    }
    tap_eq(trapped, 2000, "xsa-118: 2000 accesses that cannot be decoded abort, one by one");
}

void arch_test_fuzz(void)
{
    flood();
    if (gic.version != 0)
        wild_gic();
}

void arch_test_last(void)
{
}
