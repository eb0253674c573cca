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

/*
 * A write that nobody waits for. One of 8 bytes takes two slots: the second has the same header
 * and the upper half of the data.
 */
struct buf_ioreq {
    uint8_t type; /* IOREQ_TYPE_* */
    uint8_t pad : 1;
    uint8_t dir : 1;    /* IOREQ_WRITE */
    uint8_t size : 2;   /* 1 << size bytes */
    uint32_t addr : 20; /* physical address, or port */
    uint32_t data;
};
typedef struct buf_ioreq buf_ioreq_t;

#define IOREQ_BUFFER_SLOT_NUM 511

/*
 * The ring of a server that was created with one. Slots from read_pointer up to write_pointer are
 * full; a pointer is the index of a slot modulo IOREQ_BUFFER_SLOT_NUM. The hypervisor writes slots,
 * then write_pointer. The device model reads write_pointer, then slots, then moves read_pointer on.
 *
 * HVM_IOREQSRV_BUFIOREQ_ATOMIC: the hypervisor takes the same multiple of IOREQ_BUFFER_SLOT_NUM
 * from both pointers now and then. So the device model loads both as one 64-bit word and moves
 * read_pointer by an atomic addition. _LEGACY: they only grow, up to 2^32 and round.
 */
struct buffered_iopage {
    uint32_t read_pointer;  /* the device model's */
    uint32_t write_pointer; /* the hypervisor's */
    struct buf_ioreq buf_ioreq[IOREQ_BUFFER_SLOT_NUM];
};
typedef struct buffered_iopage buffered_iopage_t;

#endif
