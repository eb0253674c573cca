/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PL011 UART (Arm DDI 0183) as a device model: registers in, characters and one level interrupt
 * out. No knowledge of how accesses arrive, so that it also runs on the build host.
 */
#ifndef PAYLOAD_DEVICES_PL011_H
#define PAYLOAD_DEVICES_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL011_RX_FIFO 32

struct pl011 {
    void (*put)(void *ctx, char c);            /* a character was sent */
    void (*set_irq)(void *ctx, bool asserted); /* the interrupt line changed */
    void *ctx;
    uint16_t ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
    bool line;
    uint8_t rx[PL011_RX_FIFO];
    unsigned int rx_head, rx_count;
};

/* Reset values; the callbacks stay as the caller set them. */
void pl011_reset(struct pl011 *u);
/* Access to the 4 KiB register page; narrower accesses act on the low bits as the bus does. */
uint32_t pl011_read(struct pl011 *u, uint32_t offset);
void pl011_write(struct pl011 *u, uint32_t offset, uint32_t value);
/* A character for the guest; false when the FIFO is full (try again later). */
bool pl011_receive(struct pl011 *u, uint8_t c);

#endif
