/* SPDX-License-Identifier: Apache-2.0 */
/* Formatted text into a buffer. */
#ifndef WHERRY_LIB_PRINTF_H
#define WHERRY_LIB_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

/*
 * d i u x X o p s c %, flags - + space 0 #, width and precision (also *), lengths hh h l ll z t j.
 * No floating point, no %n. Returns the length that unlimited space would have taken; the buffer is
 * terminated if size > 0.
 */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
    __attribute__((__format__(__printf__, 3, 0)));
int snprintf(char *buf, size_t size, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

#endif
