/* SPDX-License-Identifier: Apache-2.0 */
/* Arm PL011 (DDI 0183) as the hypervisor's console. The firmware has set line speed and format. */
#include <asm/device.h>
#include <asm/mmu.h>
#include <asm/uart.h>
#include <wherry/console.h>
#include <wherry/device.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>

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

/* One console; set at probe. */
static volatile void *regs;
static unsigned int rx_irq, rx_irq_type;
static void (*rx_fn)(void);

static void pl011_init(volatile void *base)
{
    mmio_write32(base, UART_IMSC, 0);
    mmio_write32(base, UART_CR, mmio_read32(base, UART_CR) | CR_UARTEN | CR_TXE | CR_RXE);
}

static void pl011_tx(volatile void *base, char c)
{
    static bool stuck; /* console lock */
    uint32_t polls = stuck ? 1 : UART_TX_POLLS;

    while (mmio_read32(base, UART_FR) & FR_TXFF) {
        if (--polls == 0) {
            stuck = true;
            return;
        }
    }
    stuck = false;
    mmio_write32(base, UART_DR, (unsigned char)c);
}

static void pl011_putc(char c)
{
    pl011_tx(regs, c);
}

static int pl011_getc(void)
{
    if (mmio_read32(regs, UART_FR) & FR_RXFE)
        return -1;
    return mmio_read32(regs, UART_DR) & 0xff;
}

static void pl011_interrupt(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    mmio_write32(regs, UART_ICR, INT_RX | INT_RT);
    rx_fn();
}

static int pl011_enable_rx(void (*rx)(void))
{
    int rc;

    if (rx_irq == 0)
        return -ENODEV;
    rx_fn = rx;
    rc = irq_request(rx_irq, rx_irq_type, pl011_interrupt, NULL);
    if (rc != 0)
        return rc;
    rx(); /* what came before: the interrupt tells of a rising level only */
    mmio_write32(regs, UART_IMSC, INT_RX | INT_RT);
    return 0;
}

static const struct serial_ops pl011_ops = {
    .putc = pl011_putc,
    .getc = pl011_getc,
    .enable_rx = pl011_enable_rx,
};

static int pl011_probe(const struct fdt *fdt, int node)
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
    pl011_init(regs);
    console_set_serial(&pl011_ops);
    return 0;
}

static const char *const pl011_compatible[] = {"arm,pl011", "arm,sbsa-uart", NULL};
DEVICE_DRIVER(pl011, DEVICE_SERIAL, pl011_compatible, pl011_probe);
EARLY_UART(pl011, pl011_compatible, pl011_init, pl011_tx);
