/* SPDX-License-Identifier: MIT */
/*
 * Device-model operations: hypercall dm_op(domid, nr_bufs, struct xen_dm_op_buf *). The first
 * buffer holds struct xen_dm_op, or as much of it as the operation needs.
 */
#ifndef XEN_PUBLIC_HVM_DM_OP_H
#define XEN_PUBLIC_HVM_DM_OP_H

#include "../event_channel.h"
#include "../xen.h"

typedef uint16_t ioservid_t;

/* A new, disabled server of the calling domain. handle_bufioreq: HVM_IOREQSRV_BUFIOREQ_*, 0 on Arm.
 */
#define XEN_DMOP_create_ioreq_server 1
struct xen_dm_op_create_ioreq_server {
    uint8_t handle_bufioreq;
    uint8_t pad[3];
    ioservid_t id; /* OUT */
};

#define XEN_DMOP_get_ioreq_server_info 2
struct xen_dm_op_get_ioreq_server_info {
    ioservid_t id;
    uint16_t flags;                /* XEN_DMOP_no_gfns: required on Arm */
    evtchn_port_t bufioreq_port;   /* OUT, if it has a buffered ring */
    uint64_aligned_t ioreq_gfn;    /* OUT */
    uint64_aligned_t bufioreq_gfn; /* OUT */
};
#define XEN_DMOP_no_gfns (1u << 0)

/* Claim or release the inclusive range [start, end]. */
#define XEN_DMOP_map_io_range_to_ioreq_server     3
#define XEN_DMOP_unmap_io_range_from_ioreq_server 4
struct xen_dm_op_ioreq_server_range {
    ioservid_t id;
    uint16_t pad;
    uint32_t type; /* XEN_DMOP_IO_RANGE_* */
    uint64_aligned_t start, end;
};
#define XEN_DMOP_IO_RANGE_PORT   0
#define XEN_DMOP_IO_RANGE_MEMORY 1
#define XEN_DMOP_IO_RANGE_PCI    2

#define XEN_DMOP_set_ioreq_server_state 5
struct xen_dm_op_set_ioreq_server_state {
    ioservid_t id;
    uint8_t enabled;
    uint8_t pad;
};

#define XEN_DMOP_destroy_ioreq_server 6
struct xen_dm_op_destroy_ioreq_server {
    ioservid_t id;
    uint16_t pad;
};

/* Arm: drive a shared interrupt line of the guest. Level-triggered: asserted until lowered. */
#define XEN_DMOP_set_irq_level 19
struct xen_dm_op_set_irq_level {
    uint32_t irq;
    uint8_t level; /* 0 or 1 */
    uint8_t pad[3];
};

/* x86: frames [first_pfn, first_pfn + nr) become of a type. */
#define XEN_DMOP_set_mem_type 12
struct xen_dm_op_set_mem_type {
    uint32_t nr;
    uint16_t mem_type; /* HVMMEM_* */
    uint16_t pad;
    uint64_aligned_t first_pfn;
};

/* x86: deliver at the vCPU's next entry, unless something else is being delivered then. */
#define XEN_DMOP_inject_event 13
struct xen_dm_op_inject_event {
    uint32_t vcpuid;
    uint8_t vector;
    uint8_t type; /* XEN_DMOP_EVENT_* */
    uint8_t insn_len;
    uint8_t pad0;
    uint32_t error_code; /* all ones: none */
    uint32_t pad1;
    uint64_aligned_t cr2;
};
#define XEN_DMOP_EVENT_ext_int    0
#define XEN_DMOP_EVENT_nmi        2
#define XEN_DMOP_EVENT_hw_exc     3
#define XEN_DMOP_EVENT_sw_int     4
#define XEN_DMOP_EVENT_pri_sw_exc 5
#define XEN_DMOP_EVENT_sw_exc     6

/* x86: a message-signalled interrupt. */
#define XEN_DMOP_inject_msi 14
struct xen_dm_op_inject_msi {
    uint32_t data;
    uint32_t pad;
    uint64_aligned_t addr;
};

/* x86: shut the guest down. */
#define XEN_DMOP_remote_shutdown 16
struct xen_dm_op_remote_shutdown {
    uint32_t reason; /* SHUTDOWN_* */
};

#define XEN_DMOP_nr_vcpus 20
struct xen_dm_op_nr_vcpus {
    uint32_t vcpus; /* OUT */
};

struct xen_dm_op {
    uint32_t op;
    uint32_t pad;
    union {
        struct xen_dm_op_create_ioreq_server create_ioreq_server;
        struct xen_dm_op_get_ioreq_server_info get_ioreq_server_info;
        struct xen_dm_op_ioreq_server_range map_io_range_to_ioreq_server;
        struct xen_dm_op_ioreq_server_range unmap_io_range_from_ioreq_server;
        struct xen_dm_op_set_ioreq_server_state set_ioreq_server_state;
        struct xen_dm_op_destroy_ioreq_server destroy_ioreq_server;
        struct xen_dm_op_set_mem_type set_mem_type;
        struct xen_dm_op_inject_event inject_event;
        struct xen_dm_op_inject_msi inject_msi;
        struct xen_dm_op_remote_shutdown remote_shutdown;
        struct xen_dm_op_set_irq_level set_irq_level;
        struct xen_dm_op_nr_vcpus nr_vcpus;
    } u;
};

struct xen_dm_op_buf {
    XEN_GUEST_HANDLE(void) h;
    xen_ulong_t size; /* bytes */
};

#endif
