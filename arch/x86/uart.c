/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550 at the ports of COM1 (National Semiconductor PC16550D) as the hypervisor's console. */
#include <asm/io.h>
#include <asm/uart.h>
#include <wherry/console.h>
#include <wherry/irq.h>

#define COM1     0x3f8
#define COM1_IRQ 4

#define UART_DATA 0
#define UART_IER  1
#define UART_FCR  2
#define UART_IIR  2
#define UART_LCR  3
#define UART_MCR  4
#define UART_LSR  5

#define IER_RX         0x01
#define LSR_DATA       0x01
#define LSR_TX_EMPTY   0x20
#define LCR_8N1        0x03
#define LCR_DLAB       0x80
#define FCR_ENABLE     0x07 /* both FIFOs, emptied */
#define MCR_DTR_RTS    0x0b /* and OUT2, which lets interrupts through */
#define DIVISOR_115200 1

/* A transmitter that stays full for so long is given up on. */
#define TX_POLLS 1000000

static void (*rx_fn)(void);

static void uart_putc(char c)
{
    static bool stuck; /* console lock */
    uint32_t polls = stuck ? 1 : TX_POLLS;

    while ((inb(COM1 + UART_LSR) & LSR_TX_EMPTY) == 0) {
        if (--polls == 0) {
            stuck = true;
            return;
        }
    }
    stuck = false;
    outb(COM1 + UART_DATA, (uint8_t)c);
}

static int uart_getc(void)
{
    if ((inb(COM1 + UART_LSR) & LSR_DATA) == 0)
        return -1;
    return inb(COM1 + UART_DATA);
}

static void uart_interrupt(unsigned int irq, void *data)
{
    (void)irq;
    (void)data;
    inb(COM1 + UART_IIR);
    rx_fn();
}

static int uart_enable_rx(void (*rx)(void))
{
    int rc;

    rx_fn = rx;
    rc = irq_request(COM1_IRQ, IRQ_TYPE_EDGE, uart_interrupt, NULL);
    if (rc != 0)
        return rc;
    outb(COM1 + UART_IER, IER_RX);
    rx(); /* what came before: the interrupt is an edge */
    return 0;
}

static const struct serial_ops uart_ops = {
    .putc = uart_putc,
    .getc = uart_getc,
    .enable_rx = uart_enable_rx,
};

void uart_early_init(void)
{
    outb(COM1 + UART_IER, 0);
    outb(COM1 + UART_LCR, LCR_DLAB);
    outb(COM1 + UART_DATA, DIVISOR_115200);
    outb(COM1 + UART_IER, 0);
    outb(COM1 + UART_LCR, LCR_8N1);
    outb(COM1 + UART_FCR, FCR_ENABLE);
    outb(COM1 + UART_MCR, MCR_DTR_RTS);
    console_set_serial(&uart_ops);
}
