/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in command lines and device trees. */
#ifndef WHERRY_LIB_PARSE_H
#define WHERRY_LIB_PARSE_H

#include <stdint.h>

/* The whole string as a number, decimal or 0x...: 0, -EINVAL, -ERANGE. */
int parse_u64(const char *s, uint64_t *out);

/* A size in bytes with an optional suffix K, M, G, T (either case); no suffix means KiB. */
int parse_size(const char *s, uint64_t *out);

#endif
