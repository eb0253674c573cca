/* SPDX-License-Identifier: Apache-2.0 */
/* The project's own version, and the ABI's that it speaks. */
#ifndef WHERRY_VERSION_H
#define WHERRY_VERSION_H

#define WHERRY_VERSION "0.1"

#define WHERRY_ABI_MAJOR 4
#define WHERRY_ABI_MINOR 17

#include <wherry/types.h>

struct domain;

/* --- arch hooks of the xen_version hypercall --- */
/* What kinds of guest run here: "xen-3.0-<arch> ..." */
const char *arch_version_capabilities(void);
/* XENFEAT_* bits that depend on the architecture. */
uint32_t arch_version_features(const struct domain *d);

#endif
