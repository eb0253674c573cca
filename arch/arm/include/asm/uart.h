/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a UART driver gives for the time before interrupts and per-CPU data: the way to say that
 * the hypervisor was entered at EL1. Section .early_uarts.
 */
#ifndef WHERRY_ASM_UART_H
#define WHERRY_ASM_UART_H

#include <wherry/types.h>

struct early_uart {
    const char *const *compatible; /* NULL terminated */
    void (*init)(volatile void *regs);
    void (*putc)(volatile void *regs, char c);
};

#define EARLY_UART(id, compatible_, init_, putc_)                                   \
    static const struct early_uart early_uart_##id __used __section(".early_uarts") \
        __aligned(8) = {.compatible = (compatible_), .init = (init_), .putc = (putc_)}

extern const struct early_uart __early_uarts_start[], __early_uarts_end[];

static inline uint32_t mmio_read32(const volatile void *regs, unsigned int offset)
{
    return *(const volatile uint32_t *)((const volatile char *)regs + offset);
}

static inline void mmio_write32(volatile void *regs, unsigned int offset, uint32_t val)
{
    *(volatile uint32_t *)((volatile char *)regs + offset) = val;
}

/*
 * Polls before a character is given up on a transmitter that stays full; a stuck one is then
 * polled once a character only, so that the log cannot hold the hypervisor up.
 */
#define UART_TX_POLLS 1000000u

#endif
