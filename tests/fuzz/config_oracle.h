/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/boot.md says that a tree describes, read with libfdt alone. */
#ifndef WHERRY_FUZZ_CONFIG_ORACLE_H
#define WHERRY_FUZZ_CONFIG_ORACLE_H

#include "input.h"

#include <wherry/boot.h>

/* Aborts unless `got` is what the blob, that libfdt takes, says. */
void compare_config(const void *blob, const struct control_options *options,
                    const struct boot_config *got);

#endif
