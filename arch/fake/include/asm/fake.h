/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit test steers the fake architecture with. The hooks themselves are those of
 * include/wherry/.
 */
#ifndef WHERRY_ASM_FAKE_H
#define WHERRY_ASM_FAKE_H

#include <wherry/types.h>

/* All frames to the allocator, no kicks counted, clock at 0; once before each test. */
void fake_arch_reset(void);

extern uint64_t fake_now;          /* arch_now() */
extern unsigned int fake_kicks;    /* arch_smp_kick() calls */
extern bool fake_irq_pending_flag; /* arch_irq_pending() */

/* Called by arch_ioreq_complete() after it recorded the result; NULL: nothing. */
struct vcpu;
extern void (*fake_complete_hook)(struct vcpu *v);

/* Guest virtual memory of whatever is current: addresses in [FAKE_GVA_BASE, + size) work. */
#define FAKE_GVA_BASE UINT64_C(0x10000000)
#define FAKE_GVA_SIZE 0x10000
extern unsigned char fake_gva[FAKE_GVA_SIZE];
extern bool fake_gva_read_only;
/* Hypercalls come from code of 32 bits. */
extern bool fake_words32;

/* From here on, virtual addresses of current's own RAM, page by page: only guest_get_page() works.
 */
#define FAKE_GVA_FRAMES UINT64_C(0x20000000)

#endif
