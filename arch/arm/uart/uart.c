/* SPDX-License-Identifier: Apache-2.0 */
/* The console on a UART, whatever chip it is: asm/uart.h has what a chip gives. */
#include <asm/device.h>
#include <asm/mmu.h>
#include <asm/uart.h>
#include <wherry/console.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>

/* One console; set at probe. */
static const struct uart_chip *chip;
static volatile void *regs;
static unsigned int rx_irq, rx_irq_type;
static void (*rx_fn)(void);

void uart_transmit(const struct uart_chip *to, volatile void *base, char c)
{
    static bool stuck; /* console lock */
    uint32_t polls = stuck ? 1 : UART_TX_POLLS;

    while (to->tx_full(base)) {
        if (--polls == 0) {
            stuck = true;
            return;
        }
    }
    stuck = false;
    to->put(base, (unsigned char)c);
}

static void uart_putc(char c)
{
    uart_transmit(chip, regs, c);
}

static int uart_getc(void)
{
    return chip->get(regs);
}

static void uart_interrupt(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    chip->rx_ack(regs);
    rx_fn();
}

static int uart_enable_rx(void (*rx)(void))
{
    int rc;

    if (rx_irq == 0)
        return -ENODEV;
    rx_fn = rx;
    rc = irq_request(rx_irq, rx_irq_type, uart_interrupt, NULL);
    if (rc != 0)
        return rc;
    chip->rx_enable(regs);
    rx(); /* what came before: an interrupt may tell of a rising level only */
    return 0;
}

static const struct serial_ops uart_ops = {
    .putc = uart_putc,
    .getc = uart_getc,
    .enable_rx = uart_enable_rx,
};

int uart_probe(const struct uart_chip *found, const struct fdt *fdt, int node)
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
    chip = found;
    chip->init(regs);
    console_set_serial(&uart_ops);
    return 0;
}
