/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an input (steps.c), for the fuzzers that are made of them. */
#ifndef WHERRY_FUZZ_STEPS_H
#define WHERRY_FUZZ_STEPS_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_input;

/* One input, from nothing to nothing; *input, where not NULL, is what is left of it. */
void fuzz_run(const uint8_t *data, size_t size, struct fuzz_input **input);

/* Numbers of steps that a fuzzer may want more of (one_step()). */
enum {
    STEP_DM_OP = 0,
    STEP_SPAWN = 12,
    STEP_GRACE_PERIOD = 13,
    STEP_BRING_UP = 14,
    STEP_ACCESS = 19,
    STEP_NOTIFY = 22,
    STEP_EXIT = 24,
    STEP_RAM_REMOVED = 25,
    STEP_PAUSE = 26,
    STEP_ADD_VCPU = 27,
    STEP_BIND = 28,
    STEP_RING = 29, /* and other rare ones */
    STEP_CRASH = 30,
    STEP_KILL = 31,
};

#endif
