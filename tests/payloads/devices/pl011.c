/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011 of pl011.h. Characters leave at once, so the transmitter is always empty. */
#include "pl011.h"

/* Register offsets (DDI 0183 table 3-1). */
enum {
    UARTDR = 0x000,
    UARTRSR = 0x004,
    UARTFR = 0x018,
    UARTIBRD = 0x024,
    UARTFBRD = 0x028,
    UARTLCR_H = 0x02c,
    UARTCR = 0x030,
    UARTIFLS = 0x034,
    UARTIMSC = 0x038,
    UARTRIS = 0x03c,
    UARTMIS = 0x040,
    UARTICR = 0x044,
    UARTDMACR = 0x048,
    UART_ID = 0xfe0,
};

#define FR_RXFE 0x10
#define FR_RXFF 0x40
#define FR_TXFE 0x80

#define INT_RX  0x010
#define INT_TX  0x020
#define INT_RT  0x040
#define INT_ALL 0x7ff

#define CR_RESET   0x300
#define IFLS_RESET 0x12

/* PeriphID0-3 and PCellID0-3 of revision r1p5. */
static const uint8_t id[8] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static void update_line(struct pl011 *u)
{
    bool line = (u->ris & u->imsc) != 0;

    if (line == u->line)
        return;
    u->line = line;
    u->set_irq(u->ctx, line);
}

void pl011_reset(struct pl011 *u)
{
    u->ibrd = u->fbrd = u->lcr_h = u->imsc = u->ris = u->dmacr = 0;
    u->cr = CR_RESET;
    u->ifls = IFLS_RESET;
    u->rx_head = u->rx_count = 0;
    update_line(u);
}

/* Any waiting character asserts both receive interrupts: the timeout has passed for a model. */
static void update_rx(struct pl011 *u)
{
    if (u->rx_count != 0)
        u->ris |= INT_RX | INT_RT;
    else
        u->ris &= (uint16_t) ~(INT_RX | INT_RT);
    update_line(u);
}

static uint32_t read_data(struct pl011 *u)
{
    uint8_t c;

    if (u->rx_count == 0)
        return 0;
    c = u->rx[u->rx_head];
    u->rx_head = (u->rx_head + 1) % PL011_RX_FIFO;
    u->rx_count--;
    update_rx(u);
    return c;
}

static uint32_t read_flags(const struct pl011 *u)
{
    uint32_t fr = FR_TXFE;

    if (u->rx_count == 0)
        fr |= FR_RXFE;
    if (u->rx_count == PL011_RX_FIFO)
        fr |= FR_RXFF;
    return fr;
}

uint32_t pl011_read(struct pl011 *u, uint32_t offset)
{
    switch (offset) {
    case UARTDR:
        return read_data(u);
    case UARTFR:
        return read_flags(u);
    case UARTIBRD:
        return u->ibrd;
    case UARTFBRD:
        return u->fbrd;
    case UARTLCR_H:
        return u->lcr_h;
    case UARTCR:
        return u->cr;
    case UARTIFLS:
        return u->ifls;
    case UARTIMSC:
        return u->imsc;
    case UARTRIS:
        return u->ris;
    case UARTMIS:
        return u->ris & u->imsc;
    case UARTDMACR:
        return u->dmacr;
    default:
        if (offset >= UART_ID && offset < UART_ID + 4 * sizeof(id))
            return id[(offset - UART_ID) / 4];
        return 0; /* UARTRSR and reserved */
    }
}

static void write_data(struct pl011 *u, uint32_t value)
{
    u->put(u->ctx, (char)(value & 0xff));
    u->ris |= INT_TX; /* the FIFO drained past its level */
}

void pl011_write(struct pl011 *u, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case UARTDR:
        write_data(u, value);
        break;
    case UARTIBRD:
        u->ibrd = (uint16_t)value;
        break;
    case UARTFBRD:
        u->fbrd = value & 0x3f;
        break;
    case UARTLCR_H:
        u->lcr_h = value & 0xff;
        break;
    case UARTCR:
        u->cr = (uint16_t)value;
        break;
    case UARTIFLS:
        u->ifls = value & 0x3f;
        break;
    case UARTIMSC:
        u->imsc = value & INT_ALL;
        break;
    case UARTICR:
        u->ris &= (uint16_t)~value;
        update_rx(u); /* a waiting character asserts again */
        break;
    case UARTDMACR:
        u->dmacr = value & 7;
        break;
    default:
        break;
    }
    update_line(u);
}

bool pl011_receive(struct pl011 *u, uint8_t c)
{
    if (u->rx_count == PL011_RX_FIFO)
        return false;
    u->rx[(u->rx_head + u->rx_count) % PL011_RX_FIFO] = c;
    u->rx_count++;
    update_rx(u);
    return true;
}
