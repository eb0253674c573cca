/* SPDX-License-Identifier: Apache-2.0 */
/* Direct map and frame table on x86 (include/wherry/mm.h). */
#ifndef WHERRY_ASM_PAGE_H
#define WHERRY_ASM_PAGE_H

#include <wherry/linear_map.h>

#endif
