/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an answered slot to a vCPU that goes on. ioreq_notified() is called by event channels on
 * the device model's pCPU; ioreq_vcpu_work() by the exit path of the vCPU that waits.
 */
#include <wherry/bug.h>

#include "private.h"

void ioreq_notified(struct vcpu *v, evtchn_port port)
{
    (void)port;
    /* The bit before the flag: who finds the flag clear finds the bit.
     * Partner: ioreq_wait_again(). */
    vcpu_set_work(v, VCPU_WORK_IOREQ);
    vcpu_pause_clear(v, VPF_IOREQ);
}

void ioreq_wait_again(struct vcpu *v)
{
    vcpu_pause_set(v, VPF_IOREQ); /* full barrier; partner: ioreq_notified() */
    if (atomic32_fetch_or(&v->work, VCPU_WORK_IOREQ) & VCPU_WORK_IOREQ)
        vcpu_pause_clear(v, VPF_IOREQ);
}

static uint64_t mask_to_size(uint64_t data, unsigned int size)
{
    return size >= 8 ? data : data & ((UINT64_C(1) << (size * 8)) - 1);
}

/* The request is over; nothing of it may be used afterwards. */
static void finish(struct vcpu *v, uint64_t data, bool answered)
{
    struct ioreq_access access = v->ioreq.access;

    WRITE_ONCE(v->ioreq.in_flight, false);
    if (access.read && !access.data_is_ptr)
        access.data = mask_to_size(data, access.size);
    if (!answered)
        atomic64_count(&v->domain->stats.unclaimed);
    arch_ioreq_complete(v, &access, answered);
}

/* The device model broke the protocol: its own guest pays for it. */
static void bad_state(struct vcpu *v, uint8_t state)
{
    WRITE_ONCE(v->ioreq.in_flight, false);
    domain_crash(v->domain, "bad ioreq state transition %u -> %u, server %u", v->ioreq.last_state,
                 state, v->ioreq.server_id);
}

/* Judge a sampled state: each evaluation reads it exactly once. */
static void evaluate(struct vcpu *v, struct ioreq_slot *slot, uint8_t state)
{
    uint64_t data;

    switch (state) {
    case STATE_IORESP_READY:
        smp_rmb(); /* the state before the data; partner: the device model's release */
        data = slot_load(slot, SLOT_DATA);
        slot_set_state(slot, &v->ioreq.access, STATE_IOREQ_NONE);
        finish(v, data, true);
        return;
    case STATE_IOREQ_NONE: /* given up by the device model: reads see all ones */
        finish(v, ~UINT64_C(0), true);
        return;
    case STATE_IOREQ_READY:
    case STATE_IOREQ_INPROCESS:
        if (state < v->ioreq.last_state)
            break;
        v->ioreq.last_state = state;
        ioreq_wait_again(v);
        return;
    default:
        break;
    }
    bad_state(v, state);
}

void ioreq_vcpu_work(struct vcpu *v)
{
    struct ioreq_server *s;
    struct ioreq_slot *slot;

    if (!v->ioreq.in_flight) {
        ioreq_invalidate_answers(v);
        return;
    }
    s = ioreq_server_find(v->domain, v->ioreq.server_id, v->ioreq.generation);
    if (s == NULL) {
        finish(v, ~UINT64_C(0), false);
        return;
    }
    slot = &s->slots[v->id];
    evaluate(v, slot, (uint8_t)slot_load(slot, SLOT_STATE));
}
