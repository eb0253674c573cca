/* SPDX-License-Identifier: Apache-2.0 */
/* Device trees for tests: source text compiled by dtc into a blob on the heap. */
#ifndef WHERRY_TESTS_DTS_H
#define WHERRY_TESTS_DTS_H

#include <stddef.h>

/* The blob, of exactly *size bytes so that a read behind it is seen; the test fails without dtc. */
void *dts_compile(const char *source, size_t *size);

#endif
