/* SPDX-License-Identifier: Apache-2.0 */
/* Cadence UART of the Zynq family (UG1087) as the hypervisor's console. */
#include <asm/device.h>
#include <asm/mmu.h>
#include <asm/uart.h>
#include <wherry/console.h>
#include <wherry/device.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>

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

/* One console; set at probe. */
static volatile void *regs;
static unsigned int rx_irq, rx_irq_type;
static void (*rx_fn)(void);

static void cadence_init(volatile void *base)
{
    uint32_t cr = mmio_read32(base, UART_CR) & ~(CR_RX_DIS | CR_TX_DIS);

    mmio_write32(base, UART_IDR, INT_ALL);
    mmio_write32(base, UART_CR, cr | CR_RX_EN | CR_TX_EN);
}

static void cadence_tx(volatile void *base, char c)
{
    static bool stuck; /* console lock */
    uint32_t polls = stuck ? 1 : UART_TX_POLLS;

    while (mmio_read32(base, UART_SR) & SR_TX_FULL) {
        if (--polls == 0) {
            stuck = true;
            return;
        }
    }
    stuck = false;
    mmio_write32(base, UART_FIFO, (unsigned char)c);
}

static void cadence_putc(char c)
{
    cadence_tx(regs, c);
}

static int cadence_getc(void)
{
    if (mmio_read32(regs, UART_SR) & SR_RX_EMPTY)
        return -1;
    return mmio_read32(regs, UART_FIFO) & 0xff;
}

static void cadence_interrupt(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    mmio_write32(regs, UART_ISR, INT_RX_TRIG | INT_RX_TIMEOUT);
    rx_fn();
}

static int cadence_enable_rx(void (*rx)(void))
{
    int rc;

    if (rx_irq == 0)
        return -ENODEV;
    rx_fn = rx;
    rc = irq_request(rx_irq, rx_irq_type, cadence_interrupt, NULL);
    if (rc != 0)
        return rc;
    mmio_write32(regs, UART_RXWM, 1);
    mmio_write32(regs, UART_RXTO, 10);
    mmio_write32(regs, UART_CR, mmio_read32(regs, UART_CR) | CR_TORST);
    mmio_write32(regs, UART_IER, INT_RX_TRIG | INT_RX_TIMEOUT);
    rx(); /* what came before */
    return 0;
}

static const struct serial_ops cadence_ops = {
    .putc = cadence_putc,
    .getc = cadence_getc,
    .enable_rx = cadence_enable_rx,
};

static int cadence_probe(const struct fdt *fdt, int node)
{
    uint64_t addr, size;
    int rc = fdt_get_reg_root(fdt, node, 0, &addr, &size);

    if (rc != 0)
        return rc;
    regs = arch_ioremap(paddr(addr), size);
    if (regs == NULL)
        return -ENOMEM;
    if (arch_device_irq(fdt, node, 0, &rx_irq, &rx_irq_type) != 0)
        rx_irq = 0;
    cadence_init(regs);
    console_set_serial(&cadence_ops);
    return 0;
}

static const char *const cadence_compatible[] = {"cdns,uart-r1p12", "cdns,uart-r1p8",
                                                 "xlnx,xuartps", "xlnx,zynqmp-uart", NULL};
DEVICE_DRIVER(cadence_uart, DEVICE_SERIAL, cadence_compatible, cadence_probe);
EARLY_UART(cadence, cadence_compatible, cadence_init, cadence_tx);
