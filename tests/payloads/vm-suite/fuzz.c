/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and buffers that no sane guest would use. The hypervisor survives, says so to the guest
 * by a trap or an error, and the machine works afterwards.
 */
#include "suite.h"

static void bad_buffers(void)
{
    static struct xen_compile_info info __attribute__((aligned(4096)));
    uint8_t *ro = (uint8_t *)(((uintptr_t)&info + 0x1000000) & ~(uintptr_t)0x1fffff);
    long rc;

    memset(ro, 0x5a, 4096);
    mmu_map((uintptr_t)ro, 0x200000, MAP_READ_ONLY);
    rc = xen_version(XENVER_compile_info, ro);
    tap_eq(rc, -XEN_EFAULT, "xsa-98: a result is not written where this domain may only read");
    tap_eq(ro[0], 0x5a, "xsa-98: and was not");
    mmu_map((uintptr_t)ro, 0x200000, MAP_RAM);
    tap_eq(xen_version(XENVER_compile_info, (void *)-8l), -XEN_EFAULT,
           "nor over the end of the address space");
    tap_eq(xen_version(XENVER_compile_info, (void *)(MAPPED_END - 8)), -XEN_EFAULT,
           "nor half behind the end of what is mapped");
    tap_eq(console_io(CONSOLEIO_write, 0x7fffffff, BAD_POINTER), -XEN_EFAULT,
           "a long bad text is refused");
}

void test_fuzz(void)
{
    bad_buffers();
    arch_test_fuzz();
}
