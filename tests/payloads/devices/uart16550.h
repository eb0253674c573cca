/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550 UART (National's data sheet PC16550D) as a device model: eight registers in, characters
 * and one interrupt line out. No knowledge of how accesses arrive.
 */
#ifndef PAYLOAD_DEVICES_UART16550_H
#define PAYLOAD_DEVICES_UART16550_H

#include <stdbool.h>
#include <stdint.h>

#define UART16550_FIFO 16

struct uart16550 {
    void (*put)(void *ctx, char c);            /* a character was sent */
    void (*set_irq)(void *ctx, bool asserted); /* the interrupt line changed */
    void *ctx;
    uint16_t divisor;
    uint8_t ier, lcr, mcr, scratch;
    bool fifo, thr_event; /* the transmitter became empty and nobody was told */
    bool line;
    uint8_t rx[UART16550_FIFO];
    unsigned int rx_head, rx_count;
};

/* Reset values; the callbacks stay as the caller set them. */
void uart16550_reset(struct uart16550 *u);
/* Register 0 to 7. */
uint8_t uart16550_read(struct uart16550 *u, unsigned int reg);
void uart16550_write(struct uart16550 *u, unsigned int reg, uint8_t value);
/* A character for the guest; false when the FIFO is full (try again later). */
bool uart16550_receive(struct uart16550 *u, uint8_t c);

#endif
