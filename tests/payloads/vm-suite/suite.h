/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of what a domain sees by itself: one file for each subject, called in this order by
 * main.c. Runs as any domain with /hypervisor in its tree; cases for more vCPUs need more vCPUs.
 */
#ifndef VM_SUITE_H
#define VM_SUITE_H

#include "payload.h"

void test_traps(void);
void test_features(void);
void test_hypercalls(void);
void test_memory(void);
void test_events(void);
void test_gic(void);
void test_timer(void);
void test_context(void);
void test_smp(void);
void test_fuzz(void);
void test_security(void);

/* No stage 1 maps it: hypercall buffers here give EFAULT. */
#define BAD_POINTER ((void *)0x10000000000)

#endif
