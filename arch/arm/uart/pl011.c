/* SPDX-License-Identifier: Apache-2.0 */
/* Arm PL011 (DDI 0183) as the hypervisor's console. The firmware has set line speed and format. */
#include <asm/uart.h>
#include <wherry/device.h>

#define UART_DR   0x00
#define UART_FR   0x18
#define UART_CR   0x30
#define UART_IMSC 0x38
#define UART_ICR  0x44

#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)

#define CR_UARTEN (1u << 0)
#define CR_TXE    (1u << 8)
#define CR_RXE    (1u << 9)

#define INT_RX (1u << 4)
#define INT_RT (1u << 6) /* characters wait below the trigger level */

static void pl011_init(volatile void *regs)
{
    mmio_write32(regs, UART_IMSC, 0);
    mmio_write32(regs, UART_CR, mmio_read32(regs, UART_CR) | CR_UARTEN | CR_TXE | CR_RXE);
}

static bool pl011_tx_full(volatile void *regs)
{
    return mmio_read32(regs, UART_FR) & FR_TXFF;
}

static void pl011_put(volatile void *regs, unsigned char c)
{
    mmio_write32(regs, UART_DR, c);
}

static int pl011_get(volatile void *regs)
{
    if (mmio_read32(regs, UART_FR) & FR_RXFE)
        return -1;
    return mmio_read32(regs, UART_DR) & 0xff;
}

static void pl011_rx_ack(volatile void *regs)
{
    mmio_write32(regs, UART_ICR, INT_RX | INT_RT);
}

static void pl011_rx_enable(volatile void *regs)
{
    mmio_write32(regs, UART_IMSC, INT_RX | INT_RT);
}

static const struct uart_chip pl011 = {
    .init = pl011_init,
    .tx_full = pl011_tx_full,
    .put = pl011_put,
    .get = pl011_get,
    .rx_ack = pl011_rx_ack,
    .rx_enable = pl011_rx_enable,
};

static int pl011_probe(const struct fdt *fdt, int node)
{
    return uart_probe(&pl011, fdt, node);
}

static const char *const pl011_compatible[] = {"arm,pl011", "arm,sbsa-uart", NULL};
DEVICE_DRIVER(pl011, DEVICE_SERIAL, pl011_compatible, pl011_probe);
EARLY_UART(pl011, pl011_compatible);
