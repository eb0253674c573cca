/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and buffers that no sane guest would use. The hypervisor survives, says so to the guest
 * by an abort or an error, and the machine works afterwards.
 */
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

static void bad_buffers(void)
{
    static struct xen_compile_info info __attribute__((aligned(4096)));
    uint8_t *ro = (uint8_t *)(((uintptr_t)&info + 0x1000000) & ~(uintptr_t)0x1fffff);
    long rc;

    memset(ro, 0x5a, 4096);
    mmu_map((uintptr_t)ro, 0x200000, MAP_READ_ONLY);
    rc = xen_version(XENVER_compile_info, ro);
    tap_eq(rc, -XEN_EFAULT, "xsa-98: a result is not written where this domain may only read");
    tap_eq(ro[0], 0x5a, "xsa-98: and was not");
    mmu_map((uintptr_t)ro, 0x200000, MAP_RAM);
    tap_eq(xen_version(XENVER_compile_info, (void *)-8l), -XEN_EFAULT,
           "nor over the end of the address space");
    tap_eq(xen_version(XENVER_compile_info, (void *)((1ul << 39) - 8)), -XEN_EFAULT,
           "nor half behind the end of what is mapped");
    tap_eq(console_io(CONSOLEIO_write, 0x7fffffff, BAD_POINTER), -XEN_EFAULT,
           "a long bad text is refused");
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

void test_fuzz(void)
{
    bad_buffers();
    flood();
    if (gic.version != 0)
        wild_gic();
}
