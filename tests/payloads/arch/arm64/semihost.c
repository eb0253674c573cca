/* SPDX-License-Identifier: Apache-2.0 */
/* Arm semihosting 2.0: operation in w0, parameter block in x1, HLT #0xF000. */
#include "payload.h"
#include "semihost.h"

#define SYS_OPEN  0x01
#define SYS_CLOSE 0x02
#define SYS_WRITE 0x05
#define MODE_WB   5

static int64_t semihost(unsigned int op, const uint64_t *block)
{
    register uint64_t x0 __asm__("x0") = op;
    register uint64_t x1 __asm__("x1") = (uintptr_t)block;

    __asm__ volatile("hlt #0xf000" : "+r"(x0), "+r"(x1)::"memory");
    return (int64_t)x0;
}

bool semihost_write_file(const char *path, const void *data, size_t n)
{
    uint64_t open[3] = {(uintptr_t)path, MODE_WB, strlen(path)};
    uint64_t write[3] = {0, (uintptr_t)data, n};
    int64_t fd, left;

    expect_trap();
    fd = semihost(SYS_OPEN, open);
    if (trap_taken(NULL) || (int32_t)fd < 0)
        return false;
    write[0] = (uint64_t)fd;
    left = semihost(SYS_WRITE, write); /* bytes that were not written */
    semihost(SYS_CLOSE, write);
    return left == 0;
}
