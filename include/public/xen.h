/* SPDX-License-Identifier: MIT */
/*
 * The core of the ABI: hypercall numbers, domain ids, the shared information page. Layouts and
 * numbers are those of Xen 4.17. Include <stdint.h> (or an equivalent) first, or let this do it.
 */
#ifndef XEN_PUBLIC_XEN_H
#define XEN_PUBLIC_XEN_H

#ifndef __ASSEMBLY__
#include <stdint.h>
#endif

/* The compiler's machine, unless somebody has chosen already. */
#if defined(__x86_64__) && !defined(XEN_PUBLIC_ARCH_ARM_H)
#include "arch-x86/xen.h"
#else
#include "arch-arm.h"
#endif

/* hvm_start_info.flags */
#define SIF_PRIVILEGED (1 << 0)
#define SIF_INITDOMAIN (1 << 1)

#define __HYPERVISOR_memory_op        12
#define __HYPERVISOR_multicall        13
#define __HYPERVISOR_set_timer_op     15
#define __HYPERVISOR_xen_version      17
#define __HYPERVISOR_console_io       18
#define __HYPERVISOR_grant_table_op   20
#define __HYPERVISOR_vm_assist        21
#define __HYPERVISOR_vcpu_op          24
#define __HYPERVISOR_xsm_op           27
#define __HYPERVISOR_sched_op         29
#define __HYPERVISOR_event_channel_op 32
#define __HYPERVISOR_physdev_op       33
#define __HYPERVISOR_hvm_op           34
#define __HYPERVISOR_sysctl           35
#define __HYPERVISOR_domctl           36
#define __HYPERVISOR_dm_op            41

/* Virtual interrupts; V: one for each vCPU, G: one for the domain. */
#define VIRQ_TIMER   0  /* V: singleshot timer */
#define VIRQ_DEBUG   1  /* V */
#define VIRQ_CONSOLE 2  /* G (control domain): console input */
#define VIRQ_DOM_EXC 3  /* G (control domain): a domain shut down or crashed */
#define VIRQ_XENPMU  13 /* V */
#define VIRQ_ARCH_0  16
#define VIRQ_ARCH_7  23
#define NR_VIRQS     24

#define CONSOLEIO_write 0
#define CONSOLEIO_read  1

/* Domain ids from here on name no real domain. */
#define DOMID_FIRST_RESERVED 0x7FF0U
#define DOMID_SELF           0x7FF0U
#define DOMID_IO             0x7FF1U
#define DOMID_XEN            0x7FF2U
#define DOMID_COW            0x7FF3U
#define DOMID_INVALID        0x7FF4U
#define DOMID_IDLE           0x7FFFU

#ifndef __ASSEMBLY__

typedef uint16_t domid_t;

DEFINE_XEN_GUEST_HANDLE(char);
DEFINE_XEN_GUEST_HANDLE(int);
DEFINE_XEN_GUEST_HANDLE(void);
DEFINE_XEN_GUEST_HANDLE(uint64_t);
DEFINE_XEN_GUEST_HANDLE(xen_pfn_t);
DEFINE_XEN_GUEST_HANDLE(xen_ulong_t);

/* Paravirtual clock; not maintained on Arm, where the guest reads the counter. */
struct vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad1[2];
};

/*
 * A vCPU's view of its events. The hypervisor sets the bit of the event's word in
 * evtchn_pending_sel, then evtchn_upcall_pending; the guest clears upcall_pending first, then takes
 * the selector, then the words.
 */
struct vcpu_info {
    uint8_t evtchn_upcall_pending;
#ifdef XEN_HAVE_PV_UPCALL_MASK
    uint8_t evtchn_upcall_mask; /* of guests without virtualization; not looked at */
#else
    uint8_t pad0;
#endif
    xen_ulong_t evtchn_pending_sel;
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

/* One page for a domain; mapped with XENMAPSPACE_shared_info. */
struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
    xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
    uint32_t wc_version;
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};

#endif
#endif
