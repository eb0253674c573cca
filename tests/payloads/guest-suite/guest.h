/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of guest-suite share. */
#ifndef GUEST_SUITE_H
#define GUEST_SUITE_H

#include "payload.h"
#include "suite_control.h"

/* arch/: a command from G_ARCH on, in its box. */
void arch_execute(struct box *b);

#endif
