/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are x86's: ports, memory in every size, interrupts by their vectors. */
#include "guest.h"

static volatile uint64_t vector_count[MAX_CPUS][NR_VECTORS];

static void on_vector(unsigned int vector, void *ctx)
{
    (void)ctx;
    vector_count[this_cpu()->index][vector]++;
}

static uint64_t port_in(uint16_t port, uint64_t size)
{
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

static void port_out(uint16_t port, uint64_t size, uint64_t v)
{
    if (size == 1)
        out8(port, (uint8_t)v);
    else if (size == 2)
        out16(port, (uint16_t)v);
    else
        out32(port, (uint32_t)v);
}

static uint64_t memory_in(uintptr_t at, uint64_t size)
{
    switch (size) {
    case 1:
        return mmio_read8(at);
    case 2:
        return mmio_read16(at);
    case 4:
        return mmio_read32(at);
    default:
        return mmio_read64(at);
    }
}

static void memory_out(uintptr_t at, uint64_t size, uint64_t v)
{
    switch (size) {
    case 1:
        mmio_write8(at, (uint8_t)v);
        break;
    case 2:
        mmio_write16(at, (uint16_t)v);
        break;
    case 4:
        mmio_write32(at, (uint32_t)v);
        break;
    default:
        mmio_write64(at, v);
        break;
    }
}

static void read_traps(struct box *b)
{
    uint32_t v;

    expect_trap();
    __asm__ volatile("movl (%1), %0\n\t" MAY_TRAP("nop") : "=r"(v) : "r"(b->a0) : "memory");
    b->trapped = trap_taken(&b->trap);
    b->result = v;
}

void arch_execute(struct box *b)
{
    switch (b->op) {
    case G_PORT_IN:
        b->result = port_in((uint16_t)b->a0, b->a1);
        break;
    case G_PORT_OUT:
        port_out((uint16_t)b->a0, b->a1, b->a2);
        break;
    case G_READ:
        b->result = memory_in(b->a0, b->a1);
        break;
    case G_WRITE:
        memory_out(b->a0, b->a1, b->a2);
        break;
    case G_WRITE_MANY:
        for (uint64_t i = 0; i < b->a1; i++)
            mmio_write32(b->a0, (uint32_t)(b->a2 + i));
        break;
    case G_VECTOR_SETUP:
        irq_set_handler((unsigned int)b->a0, on_vector, NULL);
        vector_count[this_cpu()->index][b->a0] = 0;
        break;
    case G_VECTOR_COUNT:
        b->result = vector_count[this_cpu()->index][b->a0];
        break;
    case G_READ_TRAPS:
        read_traps(b);
        break;
    case G_READ_TRAPS_OFF:
        irqs_off();
        read_traps(b);
        irqs_on();
        break;
    default:
        die("no command %u", b->op);
    }
}
