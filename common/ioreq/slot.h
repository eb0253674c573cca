/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slot of a vCPU in the page shared with a device model. The other side may change any byte
 * at any time: this file holds every load and store of it, and nothing is loaded in any other way
 * than through slot_load(). Used by forward.c, complete.c and pages.c.
 *
 *   state        who may touch the slot     the hypervisor's access
 *   NONE         hypervisor                 fills it, then state := READY (release)
 *   READY        device model               samples the state
 *   INPROCESS    device model               samples the state
 *   RESP_READY   hypervisor                 loads data (acquire), then state := NONE
 */
#ifndef WHERRY_IOREQ_SLOT_H
#define WHERRY_IOREQ_SLOT_H

#include <public/hvm/ioreq.h>
#include <wherry/atomic.h>
#include <wherry/ioreq.h>

/* The public struct ioreq with the byte that its bit-fields share as one byte. */
struct ioreq_slot {
    uint64_t addr;
    uint64_t data;
    uint32_t count;
    uint32_t size;
    uint32_t vp_eport;
    uint16_t pad;
    uint8_t bits;
    uint8_t type;
};

_Static_assert(sizeof(struct ioreq_slot) == 32, "ioreq_t has 32 bytes");
_Static_assert(sizeof(struct ioreq_slot) == sizeof(struct ioreq), "ioreq_t");
_Static_assert(offsetof(struct ioreq_slot, vp_eport) == 24, "ioreq_t.vp_eport");
_Static_assert(offsetof(struct ioreq_slot, bits) == 30, "ioreq_t's bit-fields");
_Static_assert(offsetof(struct ioreq_slot, type) == 31, "ioreq_t.type");

#define SLOTS_PER_PAGE (PAGE_SIZE / sizeof(struct ioreq_slot))

/* Byte 30. */
#define SLOT_STATE_MASK  0x0f
#define SLOT_DATA_IS_PTR 0x10
#define SLOT_DIR_READ    0x20
#define SLOT_DF          0x40

/* What the hypervisor ever reads back. */
enum slot_field { SLOT_STATE, SLOT_EPORT, SLOT_DATA };

#ifdef CONFIG_IOREQ_SLOT_EXTERN
/* A fuzzer or test stands in for the device model's memory. */
uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field);
#else
/* One load of one field. */
static inline uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    switch (field) {
    case SLOT_STATE:
        return READ_ONCE(slot->bits) & SLOT_STATE_MASK;
    case SLOT_EPORT:
        return READ_ONCE(slot->vp_eport);
    default:
        return READ_ONCE(slot->data);
    }
}
#endif

/* Byte 30 of an access in a state, from our own copy: the shared byte is never modified in place.
 */
static inline uint8_t slot_bits(const struct ioreq_access *a, uint8_t state)
{
    return (uint8_t)(state | (a->data_is_ptr ? SLOT_DATA_IS_PTR : 0) |
                     (a->read ? SLOT_DIR_READ : 0) | (a->df ? SLOT_DF : 0));
}

/* A whole request, in state NONE: not yet visible as one. */
static inline void slot_fill(struct ioreq_slot *slot, const struct ioreq_access *a)
{
    WRITE_ONCE(slot->addr, a->addr);
    WRITE_ONCE(slot->data, a->read && !a->data_is_ptr ? 0 : a->data);
    WRITE_ONCE(slot->count, a->count);
    WRITE_ONCE(slot->size, (uint32_t)a->size);
    WRITE_ONCE(slot->bits, slot_bits(a, STATE_IOREQ_NONE));
    WRITE_ONCE(slot->type, a->type);
}

/* Everything stored before is visible to who sees the new state (the device model's acquire). */
static inline void slot_set_state(struct ioreq_slot *slot, const struct ioreq_access *a,
                                  uint8_t state)
{
    store_release(&slot->bits, slot_bits(a, state));
}

/* State NONE: whatever request was there is given up. */
static inline void slot_reset(struct ioreq_slot *slot)
{
    WRITE_ONCE(slot->bits, STATE_IOREQ_NONE);
}

static inline void slot_set_eport(struct ioreq_slot *slot, uint32_t port)
{
    WRITE_ONCE(slot->vp_eport, port);
}

#endif
