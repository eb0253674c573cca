/* SPDX-License-Identifier: Apache-2.0 */
/* Guests come from the boot tree; nothing here builds one. */
#include "payload.h"

void guest_provide(domid_t dom, unsigned int vcpus)
{
    (void)dom;
    (void)vcpus;
}
