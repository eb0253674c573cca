/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of fuzz_fdt.c share. */
#ifndef WHERRY_FUZZ_FDT_FUZZ_H
#define WHERRY_FUZZ_FDT_FUZZ_H

#include "input.h"

#include <wherry/lib/fdt.h>

/*
 * A checked tree as Debian's libfdt sees it: every node, property, name, value, path, phandle,
 * compatible string and reservation.
 */
void compare_tree(const struct fdt *f);

/*
 * The first of our rules, beyond libfdt's, that a blob breaks which libfdt takes; NULL: none. The
 * rules are those of docs/fuzzing.md.
 */
const char *stricter_rule(const uint8_t *blob, size_t size);
/* The one thing that libfdt alone refuses: FDT_NOP between the root's end and FDT_END. */
bool laxer_rule(const struct fdt *f);

/* The writer: operations of the input, read back by both readers. */
void fuzz_writer(struct fuzz_input *in);

#endif
