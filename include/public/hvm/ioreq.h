/* SPDX-License-Identifier: MIT */
/*
 * The page that hypervisor and device model share: one request slot for each vCPU.
 *
 *   hypervisor                                device model
 *   ----------                                ------------
 *   (slot NONE)
 *   write all fields
 *   barrier A
 *   state = READY                             event arrives
 *   notify ---------------------------------> read state; barrier a (pairs with A)
 *                                             read the fields
 *                                             state = INPROCESS (optional)
 *                                             do it; read: write data
 *                                             barrier b
 *                                             state = IORESP_READY
 *   event arrives <-------------------------- notify (EVTCHNOP_send)
 *   read state; barrier B (pairs with b)
 *   read: take data
 *   state = NONE
 *
 *   state          who may write the slot       next
 *   NONE           hypervisor                   READY
 *   READY          device model                 INPROCESS, IORESP_READY
 *   INPROCESS      device model                 IORESP_READY
 *   IORESP_READY   hypervisor                   NONE
 *
 * A device model that sets READY or INPROCESS back to NONE ends the access without an answer (reads
 * give all ones). Any other move of its own crashes the domain that it serves. Only `data` is
 * taken back from the slot. vp_eport is the port of the vCPU to bind to; it must not be changed.
 */
#ifndef XEN_PUBLIC_HVM_IOREQ_H
#define XEN_PUBLIC_HVM_IOREQ_H

#include <stdint.h>

#define IOREQ_READ  1
#define IOREQ_WRITE 0

#define STATE_IOREQ_NONE      0
#define STATE_IOREQ_READY     1
#define STATE_IOREQ_INPROCESS 2
#define STATE_IORESP_READY    3

#define IOREQ_TYPE_PIO        0
#define IOREQ_TYPE_COPY       1 /* memory */
#define IOREQ_TYPE_PCI_CONFIG 2
#define IOREQ_TYPE_TIMEOFFSET 7
#define IOREQ_TYPE_INVALIDATE 8 /* forget cached mappings of guest pages */

/* state, data_is_ptr, dir and df share one byte: a store of one is a store of all. */
struct ioreq {
    uint64_t addr; /* physical address, port, or sbdf << 32 | register */
    uint64_t data; /* value, or guest address of the data */
    uint32_t count;
    uint32_t size; /* bytes of one element */
    uint32_t vp_eport;
    uint16_t _pad0;
    uint8_t state : 4;
    uint8_t data_is_ptr : 1;
    uint8_t dir : 1; /* IOREQ_READ, IOREQ_WRITE */
    uint8_t df : 1;  /* addresses step down */
    uint8_t _pad1 : 1;
    uint8_t type; /* IOREQ_TYPE_* */
};
typedef struct ioreq ioreq_t;

struct shared_iopage {
    struct ioreq vcpu_ioreq[1]; /* as many as the domain has vCPUs, up to 128 */
};

#endif
