/* SPDX-License-Identifier: Apache-2.0 */
/* Guests come from the boot tree; nothing here builds one. */
#include "payload.h"

void guests_provide(unsigned int n, unsigned int vcpus)
{
    (void)n;
    (void)vcpus;
}
