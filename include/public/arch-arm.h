/* SPDX-License-Identifier: MIT */
/*
 * The Arm part of the ABI, for Arm32 and Arm64 guests alike.
 *
 * Hypercall: HVC #XEN_HYPERCALL_TAG with the number in x16 (r12) and up to five arguments in x0-x4
 * (r0-r4); the result comes back in x0 (r0). Every pointer and xen_ulong_t is a 64-bit slot.
 */
#ifndef XEN_PUBLIC_ARCH_ARM_H
#define XEN_PUBLIC_ARCH_ARM_H

#define XEN_HYPERCALL_TAG 0XEA1

#define uint64_aligned_t uint64_t __attribute__((aligned(8)))

#ifndef __ASSEMBLY__

#include <stdint.h>

/* A pointer in a structure: eight bytes whatever the caller's width. */
#define ___DEFINE_XEN_GUEST_HANDLE(name, type) \
    typedef union {                            \
        type *p;                               \
        uint64_aligned_t q;                    \
    } __guest_handle_64_##name
#define __DEFINE_XEN_GUEST_HANDLE(name, type) ___DEFINE_XEN_GUEST_HANDLE(name, type)
#define DEFINE_XEN_GUEST_HANDLE(name)         __DEFINE_XEN_GUEST_HANDLE(name, name)
#define XEN_GUEST_HANDLE(name)                __guest_handle_64_##name
#define set_xen_guest_handle(hnd, val) \
    do {                               \
        (hnd).q = 0;                   \
        (hnd).p = (val);               \
    } while (0)

typedef uint64_t xen_pfn_t;
typedef uint64_t xen_ulong_t;

/* vCPUs whose vcpu_info is in shared_info; the others register theirs. */
#define XEN_LEGACY_MAX_VCPUS 1

struct arch_vcpu_info {
};
struct arch_shared_info {
};

#endif

/* --- a guest's physical address space --- */

#define GUEST_VIRTIO_MMIO_BASE 0x02000000ULL
#define GUEST_VIRTIO_MMIO_SIZE 0x00100000ULL

#define GUEST_GICD_BASE 0x03001000ULL
#define GUEST_GICD_SIZE 0x00001000ULL
#define GUEST_GICC_BASE 0x03002000ULL
#define GUEST_GICC_SIZE 0x00002000ULL

#define GUEST_GICV3_GICD_BASE  0x03001000ULL
#define GUEST_GICV3_GICD_SIZE  0x00010000ULL
#define GUEST_GICV3_GICR0_BASE 0x03020000ULL
#define GUEST_GICV3_GICR0_SIZE 0x01000000ULL

#define GUEST_PL011_BASE 0x22000000ULL
#define GUEST_PL011_SIZE 0x00001000ULL

/* Free for grants and foreign mappings: what /hypervisor's reg names. */
#define GUEST_GNTTAB_BASE 0x38000000ULL
#define GUEST_GNTTAB_SIZE 0x01000000ULL

#define GUEST_MAGIC_BASE 0x39000000ULL
#define GUEST_MAGIC_SIZE 0x01000000ULL

#define GUEST_RAM_BANKS 2
#define GUEST_RAM0_BASE 0x40000000ULL
#define GUEST_RAM0_SIZE 0xc0000000ULL
#define GUEST_RAM1_BASE 0x0200000000ULL
#define GUEST_RAM1_SIZE 0xfe00000000ULL

#define GUEST_MAX_VCPUS 128

/* Interrupt numbers: private 16-31, shared from 32. */
#define GUEST_TIMER_VIRT_PPI        27
#define GUEST_TIMER_PHYS_S_PPI      29
#define GUEST_TIMER_PHYS_NS_PPI     30
#define GUEST_EVTCHN_PPI            31
#define GUEST_VPL011_SPI            32
#define GUEST_VIRTIO_MMIO_SPI_FIRST 33
#define GUEST_VIRTIO_MMIO_SPI_LAST  43

#endif
