/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/boot.md says that a tree describes, read with libfdt alone. */
#ifndef WHERRY_FUZZ_CONFIG_ORACLE_H
#define WHERRY_FUZZ_CONFIG_ORACLE_H

#include "input.h"

#include <wherry/boot.h>

/* What a boot loader loaded, and how many of them the tree may name now. */
#define ORACLE_NR_LOADED 4
extern const struct boot_module oracle_loaded[ORACLE_NR_LOADED];
extern unsigned int oracle_nr_loaded;

/* Aborts unless `got` is what the blob, that libfdt takes, says. */
void compare_config(const void *blob, const struct control_options *options,
                    const struct boot_config *got);

#endif
