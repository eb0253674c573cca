/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree that a payload was entered with; for what is of arm64 alone. */
#ifndef PAYLOAD_TREE_H
#define PAYLOAD_TREE_H

#include <wherry/lib/fdt.h>

extern struct fdt fdt;

#endif
