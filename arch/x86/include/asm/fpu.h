/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's x87, SSE and AVX state while another is loaded (hvm/fpu.c). */
#ifndef WHERRY_ASM_FPU_H
#define WHERRY_ASM_FPU_H

#include <wherry/types.h>

#define FPU_XMM_OFFSET 160 /* of XMM0 */
#define FPU_AVX_SIZE   256

/* As XSAVE lays it out in its standard form (SDM vol. 1, 13.4); `bytes` alone is FXSAVE's. */
struct fpu_state {
    uint8_t bytes[512];
    uint64_t xstate_bv; /* components that are not as initialized; those that are have no bytes */
    uint64_t xcomp_bv;
    uint8_t reserved[48];
    uint8_t ymm_high[16][16];
} __aligned(64);

_Static_assert(sizeof(struct fpu_state) == 832, "SDM vol. 1, 13.4");

#endif
