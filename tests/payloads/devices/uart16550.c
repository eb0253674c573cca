/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of uart16550.h. Characters leave at once, so the transmitter is always empty. */
#include "uart16550.h"

/* Registers; the first two are the divisor while LCR has DLAB. */
enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH };

#define IER_RX  0x01
#define IER_THR 0x02
#define IER_ALL 0x0f

#define IIR_NONE  0x01
#define IIR_THR   0x02
#define IIR_RX    0x04
#define IIR_FIFOS 0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02

#define LCR_DLAB 0x80

#define LSR_DATA  0x01
#define LSR_EMPTY 0x60 /* holding register and transmitter */

#define MSR_READY 0xb0 /* DCD, DSR, CTS: somebody listens */

static void update_line(struct uart16550 *u)
{
    bool line =
        (u->rx_count != 0 && (u->ier & IER_RX) != 0) || (u->thr_event && (u->ier & IER_THR) != 0);

    if (line == u->line)
        return;
    u->line = line;
    u->set_irq(u->ctx, line);
}

void uart16550_reset(struct uart16550 *u)
{
    u->divisor = 12; /* 9600 baud */
    u->ier = u->lcr = u->mcr = u->scratch = 0;
    u->fifo = u->thr_event = false;
    u->rx_head = u->rx_count = 0;
    update_line(u);
}

static uint8_t read_data(struct uart16550 *u)
{
    uint8_t c;

    if (u->rx_count == 0)
        return 0;
    c = u->rx[u->rx_head];
    u->rx_head = (u->rx_head + 1) % UART16550_FIFO;
    u->rx_count--;
    update_line(u);
    return c;
}

/* Reading it answers the transmitter's interrupt if that is the one it tells. */
static uint8_t read_iir(struct uart16550 *u)
{
    uint8_t fifos = u->fifo ? IIR_FIFOS : 0;

    if (u->rx_count != 0 && (u->ier & IER_RX) != 0)
        return fifos | IIR_RX;
    if (!u->thr_event || (u->ier & IER_THR) == 0)
        return fifos | IIR_NONE;
    u->thr_event = false;
    update_line(u);
    return fifos | IIR_THR;
}

uint8_t uart16550_read(struct uart16550 *u, unsigned int reg)
{
    bool dlab = (u->lcr & LCR_DLAB) != 0;

    switch (reg) {
    case DATA:
        return dlab ? (uint8_t)u->divisor : read_data(u);
    case IER:
        return dlab ? (uint8_t)(u->divisor >> 8) : u->ier;
    case IIR_FCR:
        return read_iir(u);
    case LCR:
        return u->lcr;
    case MCR:
        return u->mcr;
    case LSR:
        return (uint8_t)(LSR_EMPTY | (u->rx_count != 0 ? LSR_DATA : 0));
    case MSR:
        return MSR_READY;
    default:
        return u->scratch;
    }
}

static void write_fcr(struct uart16550 *u, uint8_t value)
{
    u->fifo = (value & FCR_ENABLE) != 0;
    if (value & FCR_CLEAR_RX)
        u->rx_count = 0;
}

void uart16550_write(struct uart16550 *u, unsigned int reg, uint8_t value)
{
    bool dlab = (u->lcr & LCR_DLAB) != 0;

    switch (reg) {
    case DATA:
        if (dlab) {
            u->divisor = (uint16_t)((u->divisor & 0xff00) | value);
            break;
        }
        u->put(u->ctx, (char)value);
        u->thr_event = true;
        break;
    case IER:
        if (dlab) {
            u->divisor = (uint16_t)((u->divisor & 0xff) | value << 8);
            break;
        }
        if (!(u->ier & IER_THR) && (value & IER_THR))
            u->thr_event = true; /* enabled while it is empty: told once */
        u->ier = value & IER_ALL;
        break;
    case IIR_FCR:
        write_fcr(u, value);
        break;
    case LCR:
        u->lcr = value;
        break;
    case MCR:
        u->mcr = value & 0x1f;
        break;
    case SCRATCH:
        u->scratch = value;
        break;
    default:
        break;
    }
    update_line(u);
}

bool uart16550_receive(struct uart16550 *u, uint8_t c)
{
    if (u->rx_count == UART16550_FIFO)
        return false;
    u->rx[(u->rx_head + u->rx_count) % UART16550_FIFO] = c;
    u->rx_count++;
    update_line(u);
    return true;
}
