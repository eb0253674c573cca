/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first 4 GiB of physical memory as boot_ptr() finds them, for tests of what firmware and boot
 * loaders leave there: nothing, but for the pages that a test asks for. Whatever else is read stops
 * the test. To be included once, before anything of asm/.
 */
#ifndef WHERRY_TESTS_X86_LOW_H
#define WHERRY_TESTS_X86_LOW_H

#include <string.h>
#include <sys/mman.h>

#include <asm/layout.h>
#include <wherry/types.h>

#undef DIRECTMAP_VIRT
#define DIRECTMAP_VIRT ((uintptr_t)ram)

/* With a page behind them that is never there. */
#define RAM_SIZE ((size_t)0x100001000)

static uint8_t *ram;

static inline void map(uint64_t at, size_t size)
{
    assert_int_equal(mprotect(ram + at, size, PROT_READ | PROT_WRITE), 0);
}

/* As the machine is switched on. */
static inline void no_ram(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    if (ram == NULL)
        ram = mmap(NULL, RAM_SIZE, PROT_NONE, flags, -1, 0);
    else
        ram = mmap(ram, RAM_SIZE, PROT_NONE, flags | MAP_FIXED, -1, 0);
    assert_true(ram != MAP_FAILED);
}

static inline void put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}

#endif
