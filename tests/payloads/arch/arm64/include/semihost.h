/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the machine that runs the emulator, through Arm semihosting (where it is enabled). */
#ifndef PAYLOAD_SEMIHOST_H
#define PAYLOAD_SEMIHOST_H

#include <stdbool.h>
#include <stddef.h>

/* Create or replace the file at `path` with n bytes. */
bool semihost_write_file(const char *path, const void *data, size_t n);

#endif
