/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's log. Lines go to the shared console with the prefix "(XEN) "-like "(wherry) ".
 */
#ifndef WHERRY_PRINTK_H
#define WHERRY_PRINTK_H

#include <stdarg.h>
#include <wherry/compiler.h>

/*
 * printk(): for what the hypervisor itself does; never reachable at a rate a guest chooses.
 * The text may lack the final newline; lines are assembled per CPU and printed whole.
 */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list args);

/*
 * gprintk(): for what a guest or device model caused. Prefixed with the current vCPU (d1v0) and
 * rate limited for each domain; what is dropped is counted and the count printed later.
 */
void gprintk(const char *fmt, ...) __printf(1, 2);

#endif
