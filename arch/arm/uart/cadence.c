/* SPDX-License-Identifier: Apache-2.0 */
/* Cadence UART of the Zynq family (UG1087) as the hypervisor's console. */
#include <asm/uart.h>
#include <wherry/device.h>

#define UART_CR   0x00
#define UART_IER  0x08
#define UART_IDR  0x0c
#define UART_ISR  0x14
#define UART_RXTO 0x1c
#define UART_RXWM 0x20
#define UART_SR   0x2c
#define UART_FIFO 0x30

#define CR_RX_EN  (1u << 2)
#define CR_RX_DIS (1u << 3)
#define CR_TX_EN  (1u << 4)
#define CR_TX_DIS (1u << 5)
#define CR_TORST  (1u << 6)

#define SR_RX_EMPTY (1u << 1)
#define SR_TX_FULL  (1u << 4)

#define INT_RX_TRIG    (1u << 0)
#define INT_RX_TIMEOUT (1u << 8)
#define INT_ALL        0x1fffu

static void cadence_init(volatile void *regs)
{
    uint32_t cr = mmio_read32(regs, UART_CR) & ~(CR_RX_DIS | CR_TX_DIS);

    mmio_write32(regs, UART_IDR, INT_ALL);
    mmio_write32(regs, UART_CR, cr | CR_RX_EN | CR_TX_EN);
}

static bool cadence_tx_full(volatile void *regs)
{
    return mmio_read32(regs, UART_SR) & SR_TX_FULL;
}

static void cadence_put(volatile void *regs, unsigned char c)
{
    mmio_write32(regs, UART_FIFO, c);
}

static int cadence_get(volatile void *regs)
{
    if (mmio_read32(regs, UART_SR) & SR_RX_EMPTY)
        return -1;
    return mmio_read32(regs, UART_FIFO) & 0xff;
}

static void cadence_rx_ack(volatile void *regs)
{
    mmio_write32(regs, UART_ISR, INT_RX_TRIG | INT_RX_TIMEOUT);
}

static void cadence_rx_enable(volatile void *regs)
{
    mmio_write32(regs, UART_RXWM, 1);
    mmio_write32(regs, UART_RXTO, 10);
    mmio_write32(regs, UART_CR, mmio_read32(regs, UART_CR) | CR_TORST);
    mmio_write32(regs, UART_IER, INT_RX_TRIG | INT_RX_TIMEOUT);
}

static const struct uart_chip cadence = {
    .init = cadence_init,
    .tx_full = cadence_tx_full,
    .put = cadence_put,
    .get = cadence_get,
    .rx_ack = cadence_rx_ack,
    .rx_enable = cadence_rx_enable,
};

static int cadence_probe(const struct fdt *fdt, int node)
{
    return uart_probe(&cadence, fdt, node);
}

static const char *const cadence_compatible[] = {"cdns,uart-r1p12", "cdns,uart-r1p8",
                                                 "xlnx,xuartps", "xlnx,zynqmp-uart", NULL};
DEVICE_DRIVER(cadence_uart, DEVICE_SERIAL, cadence_compatible, cadence_probe);
EARLY_UART(cadence, cadence_compatible);
