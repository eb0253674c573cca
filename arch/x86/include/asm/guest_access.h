/* SPDX-License-Identifier: Apache-2.0 */
/* Translation for common/guest_access.c: by a walk of the guest's tables (hvm/memory.c). */
#ifndef WHERRY_ASM_GUEST_ACCESS_H
#define WHERRY_ASM_GUEST_ACCESS_H

#include <wherry/types.h>

/* Host address of a byte of current's memory, with its kernel's rights, or NULL. */
void *arch_guest_translate(uint64_t gva, bool write);

#endif
