/* SPDX-License-Identifier: Apache-2.0 */
/* The Arm p2m: stage-2 tables, 4 KiB granule. */
#ifndef WHERRY_ASM_P2M_H
#define WHERRY_ASM_P2M_H

#include <wherry/p2m_tree.h>

#endif
