/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver of a UART gives, and the console on it (uart/uart.c). Some of it serves before
 * there are interrupts and per-CPU data, to say that the hypervisor was entered at EL1: section
 * .early_uarts.
 */
#ifndef WHERRY_ASM_UART_H
#define WHERRY_ASM_UART_H

#include <wherry/lib/fdt.h>
#include <wherry/types.h>

/* Firmware has set line speed and format. */
struct uart_chip {
    void (*init)(volatile void *regs); /* interrupts off, both directions on */
    bool (*tx_full)(volatile void *regs);
    void (*put)(volatile void *regs, unsigned char c);
    int (*get)(volatile void *regs);        /* a character, or -1 */
    void (*rx_ack)(volatile void *regs);    /* the interrupt is taken */
    void (*rx_enable)(volatile void *regs); /* interrupt when a character has come */
};

struct early_uart {
    const char *const *compatible; /* NULL terminated */
    const struct uart_chip *chip;
};

/* id: the chip's variable. */
#define EARLY_UART(id, compatible_)                                                 \
    static const struct early_uart early_uart_##id __used __section(".early_uarts") \
        __aligned(8) = {.compatible = (compatible_), .chip = &(id)}

/* Makes the node's UART the console. Once, at boot. -ENOMEM without address space, or
 * fdt_get_reg_root()'s error. */
int uart_probe(const struct uart_chip *chip, const struct fdt *fdt, int node);

/* One character; waits while the transmitter is full, for a limited time. Under the console's lock.
 */
void uart_transmit(const struct uart_chip *chip, volatile void *regs, char c);

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
