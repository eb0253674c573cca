/* SPDX-License-Identifier: Apache-2.0 */
/* The host's local APIC (SDM vol. 3, chapter 11), in x2APIC mode where there is one. */
#ifndef WHERRY_ASM_APIC_H
#define WHERRY_ASM_APIC_H

#include <wherry/types.h>

#define APIC_ID         0x020
#define APIC_TPR        0x080
#define APIC_EOI        0x0b0
#define APIC_LDR        0x0d0
#define APIC_SVR        0x0f0
#define APIC_ISR        0x100
#define APIC_TMR        0x180
#define APIC_IRR        0x200
#define APIC_ESR        0x280
#define APIC_ICR        0x300
#define APIC_ICR2       0x310
#define APIC_LVT_TIMER  0x320
#define APIC_LVT_LINT0  0x350
#define APIC_LVT_LINT1  0x360
#define APIC_LVT_ERROR  0x370
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_NOW  0x390
#define APIC_TIMER_DIV  0x3e0

#define APIC_SVR_ENABLE         BIT(8)
#define APIC_LVT_MASKED         BIT(16)
#define APIC_LVT_TIMER_DEADLINE (2u << 17)
#define APIC_TIMER_DIV_1        0xb

uint32_t apic_read(unsigned int reg);
void apic_write(unsigned int reg, uint32_t v);

void apic_eoi(void);
/* A fixed interrupt, an NMI, INIT, start-up at page `page`, for the CPU with this id. */
void apic_send(uint32_t apic_id, uint8_t vector);
void apic_send_nmi(uint32_t apic_id);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page);

#endif
