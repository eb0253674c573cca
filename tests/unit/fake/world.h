/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control domain, a device model and its guest with the real domain, event channel and memory
 * code, and hypercalls as they would make them. For tests of what domains see of each other.
 */
#ifndef WHERRY_TESTS_WORLD_H
#define WHERRY_TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wherry/domain.h>

/* ids 0, 1 and 2; one vCPU each, running; dm may serve guest. Set to NULL by whoever kills one. */
extern struct domain *control, *dm, *guest;

int world_setup(void **state);
/* Fails if anything of any domain is left. */
int world_teardown(void **state);

/* Destroy one of the three. */
void world_kill(struct domain **d);

/* A hypercall of v. */
long world_call(struct vcpu *v, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2);

/* A place in the guest memory of whoever is current: `size` bytes at fake offset `off`. */
#define GVA_BUFS (FAKE_GVA_BASE + 0x000)
#define GVA_OP   (FAKE_GVA_BASE + 0x100)
#define GVA_LIST (FAKE_GVA_BASE + 0x200)
#define GVA_OUT  (FAKE_GVA_BASE + 0x2000)

/* A hypercall whose second argument is a structure, read back afterwards. */
long world_op(struct vcpu *v, unsigned int nr, uint64_t cmd, void *op, size_t size);

/* The argument that the last hypercall which gave the pCPU back put in place of its own. */
extern uint64_t fake_continued_with;

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
