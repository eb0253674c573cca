/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of the ABI, for 64-bit guests.
 *
 * Hypercall: VMMCALL or VMCALL (or through the page that MSR 0x40000000 places) with the number in
 * rax and up to five arguments in rdi, rsi, rdx, r10, r8; the result comes back in rax.
 */
#ifndef XEN_PUBLIC_ARCH_X86_XEN_H
#define XEN_PUBLIC_ARCH_X86_XEN_H

#ifndef __ASSEMBLY__

#include <stdint.h>

#ifndef uint64_aligned_t
#define uint64_aligned_t uint64_t __attribute__((aligned(8)))
#endif

/* A pointer in a structure. */
#define ___DEFINE_XEN_GUEST_HANDLE(name, type) \
    typedef union {                            \
        type *p;                               \
        uint64_aligned_t q;                    \
    } __guest_handle_##name
#define __DEFINE_XEN_GUEST_HANDLE(name, type) ___DEFINE_XEN_GUEST_HANDLE(name, type)
#define DEFINE_XEN_GUEST_HANDLE(name)         __DEFINE_XEN_GUEST_HANDLE(name, name)
#define XEN_GUEST_HANDLE(name)                __guest_handle_##name
#define set_xen_guest_handle(hnd, val) \
    do {                               \
        (hnd).q = 0;                   \
        (hnd).p = (val);               \
    } while (0)

typedef unsigned long xen_pfn_t;
typedef unsigned long xen_ulong_t;

/* vcpu_info has a field for guests without virtualization. */
#define XEN_HAVE_PV_UPCALL_MASK 1

/* vCPUs whose vcpu_info is in shared_info; the others register theirs. */
#define XEN_LEGACY_MAX_VCPUS 32

struct arch_vcpu_info {
    unsigned long cr2;
    unsigned long pad;
};

struct arch_shared_info {
    unsigned long max_pfn;
    xen_pfn_t pfn_to_mfn_frame_list_list;
    unsigned long nmi_reason;
    unsigned long p2m_cr3;
    unsigned long p2m_vaddr;
    unsigned long p2m_generation;
};

#endif
#endif
