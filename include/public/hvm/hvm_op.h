/* SPDX-License-Identifier: MIT */
/* Hypercall hvm_op(cmd, struct *). */
#ifndef XEN_PUBLIC_HVM_HVM_OP_H
#define XEN_PUBLIC_HVM_HVM_OP_H

#include "../xen.h"

#define HVMOP_set_param 0
#define HVMOP_get_param 1

struct xen_hvm_param {
    domid_t domid;
    uint16_t pad;
    uint32_t index; /* HVM_PARAM_* */
    uint64_t value; /* set: IN, get: OUT */
};

/* Types of a guest's memory (XEN_DMOP_set_mem_type). */
typedef enum {
    HVMMEM_ram_rw,
    HVMMEM_ram_ro,  /* writes are lost */
    HVMMEM_mmio_dm, /* nothing: accesses go to device models */
    HVMMEM_unused,
    HVMMEM_ioreq_server /* RAM whose writes go to a device model */
} hvmmem_type_t;

#if defined(__i386__) || defined(__x86_64__)

/* The vector of one's upcalls on a vCPU, through its local APIC; before HVM_PARAM_CALLBACK_IRQ. */
#define HVMOP_set_evtchn_upcall_vector 23

struct xen_hvm_evtchn_upcall_vector {
    uint32_t vcpu;
    uint8_t vector; /* 16 to 255 */
};

#endif

/* The buffered ring (ioreq.h) of a new server: handle_bufioreq of XEN_DMOP_create_ioreq_server. */
#define HVM_IOREQSRV_BUFIOREQ_OFF    0
#define HVM_IOREQSRV_BUFIOREQ_LEGACY 1
#define HVM_IOREQSRV_BUFIOREQ_ATOMIC 2

#endif
