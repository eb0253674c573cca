/* SPDX-License-Identifier: Apache-2.0 */
/* The cast of every ioreq test: a control domain, a device model and its guest; dm is current. */
#ifndef WHERRY_TESTS_SCENE_H
#define WHERRY_TESTS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <asm/fake.h>
#include <wherry/lib/errno.h>

#include "dm.h"
#include "fake.h"

extern struct domain *control, *dm, *guest;

/* cmocka's group functions for each test. The tear-down fails if anything leaked. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* A server with one memory range, enabled, its ports bound by dm's vCPU 0. */
unsigned int scene_server(uint64_t first, uint64_t last);
void scene_bind(unsigned int id);

/* Its vCPU's port, from the slot, as the device model learns it. */
evtchn_port scene_port(unsigned int id, unsigned int vcpu);

/* Set the state of a slot as a device model does: byte 30's low bits. */
void scene_set_state(unsigned int id, unsigned int vcpu, unsigned int state);
/* Answer with data, and notify. */
void scene_answer(unsigned int id, unsigned int vcpu, uint64_t data);

/* In limits.c of the hypervisor; put back by the setup. */
extern unsigned int ioreq_max_servers, ioreq_max_ranges;
extern uint64_t ioreq_max_bytes;

/* What the hypervisor would do at boot with "name=value": 0, its errno, or -ENOENT: no such name.
 */
int scene_cmdline(const char *name, const char *value);

/* Make `caller` current for one expression. */
#define AS(caller, expr)                \
    ({                                  \
        struct vcpu *as_prev = current; \
        __typeof__(expr) as_result;     \
        current = (caller)->vcpu[0];    \
        as_result = (expr);             \
        current = as_prev;              \
        as_result;                      \
    })

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

#endif
