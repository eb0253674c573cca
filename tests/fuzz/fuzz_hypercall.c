/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that domains can ask of the ioreq core, in any order, against a model of it. The
 * device models keep to memory they own and write it between two calls; fuzz_slot.c has those that
 * do not wait for that.
 */
#include "steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(data, size, NULL);
    return 0;
}
