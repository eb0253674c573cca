/* SPDX-License-Identifier: Apache-2.0 */
/* Port I/O of the host and access to device registers. */
#ifndef WHERRY_ASM_IO_H
#define WHERRY_ASM_IO_H

#include <wherry/types.h>

static inline void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t v;

    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t mmio_read32(const volatile void *base, unsigned int offset)
{
    return *(const volatile uint32_t *)((const volatile char *)base + offset);
}

static inline void mmio_write32(volatile void *base, unsigned int offset, uint32_t v)
{
    *(volatile uint32_t *)((volatile char *)base + offset) = v;
}

#endif
