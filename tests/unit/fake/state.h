/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that domains, their servers and event channels are, as text: two that are equal were not
 * changed in between, or came to the same end in two ways. Over the real domains (world.h).
 */
#ifndef WHERRY_TESTS_STATE_H
#define WHERRY_TESTS_STATE_H

#define STATE_SIZE 65536

/*
 * Write it into text[STATE_SIZE]. Grace periods are ended first. Caches do not count: the buckets
 * that a domain's ports are kept in, and what a destroyed server left in the routing table.
 */
void state_write(char *text);

#endif
