/* SPDX-License-Identifier: Apache-2.0 */
/* dts.h: runs Debian's dtc on a temporary file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "dts.h"

/* A test that gives several properties the same name relies on dtc not to mind. */
#define DTC "dtc -q -f -I dts -O dtb -o "

void *dts_compile(const char *source, size_t *size)
{
    char name[] = "/tmp/wherry-dts-XXXXXX";
    char command[128];
    int fd = mkstemp(name);
    void *blob;
    FILE *f;

    assert_true(fd >= 0);
    sprintf(command, DTC "%s -", name);
    f = popen(command, "w");
    assert_non_null(f);
    fputs(source, f);
    assert_int_equal(pclose(f), 0);
    *size = (size_t)lseek(fd, 0, SEEK_END);
    assert_true(*size > 0);
    blob = malloc(*size);
    assert_int_equal(pread(fd, blob, *size, 0), *size);
    close(fd);
    unlink(name);
    return blob;
}
