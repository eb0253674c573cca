/* SPDX-License-Identifier: Apache-2.0 */
/* The console of x86: the first serial port of a PC. */
#ifndef WHERRY_ASM_UART_H
#define WHERRY_ASM_UART_H

/* Output works from here on. */
void uart_early_init(void);

#endif
