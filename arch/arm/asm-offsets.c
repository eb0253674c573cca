/* SPDX-License-Identifier: Apache-2.0 */
/* Constants for assembly that only the compiler knows; the build turns them into asm-offsets.h. */
#include <wherry/types.h>

#define DEFINE(name, value) __asm__ volatile("\n-> " #name " %0" : : "i"(value))

void asm_offsets(void);

void asm_offsets(void)
{
    DEFINE(ASM_PAGE_SIZE, PAGE_SIZE);
}
