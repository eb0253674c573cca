/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling device models that memory of their guest is gone (IOREQ_TYPE_INVALIDATE): they may keep
 * mappings of it. p2m reports, the exit path of the vCPU sends, and the vCPU waits for one server
 * after the other, so that no more than one request is ever in flight for a vCPU.
 */
#include "private.h"

void ioreq_ram_removed(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    if (rcu_dereference(d->ioreq.registry) == NULL)
        return;
    if (current != NULL && current->domain == d) {
        vcpu_set_work(current, VCPU_WORK_INVAL);
        return;
    }
    for_each_vcpu (d, v, i)
        vcpu_set_work(v, VCPU_WORK_INVAL);
}

void ioreq_invalidate_next(struct vcpu *v)
{
    static const struct ioreq_access invalidate = {
        .data = ~UINT64_C(0),
        .size = 4,
        .type = IOREQ_TYPE_INVALIDATE,
        .space = IOREQ_SPACE_MEMORY,
    };
    struct ioreq_registry *reg = rcu_dereference(v->domain->ioreq.registry);

    while (reg != NULL && v->ioreq.inval_left != 0) {
        unsigned int id = (unsigned int)__builtin_ctzll(v->ioreq.inval_left);
        struct ioreq_server *s = rcu_dereference(reg->server[id]);

        v->ioreq.inval_left &= v->ioreq.inval_left - 1;
        /* One that cannot take it is logged by ioreq_post(), and nobody waits for it. */
        if (s != NULL && ioreq_post(v, s, &invalidate) == IOREQ_SENT)
            return;
    }
}

void ioreq_invalidate_work(struct vcpu *v)
{
    struct ioreq_registry *reg = rcu_dereference(v->domain->ioreq.registry);

    if (reg == NULL || domain_is_shut_down(v->domain))
        return;
    /* An access of its own first; what it asked for waits. */
    if (v->ioreq.in_flight) {
        vcpu_set_work(v, VCPU_WORK_INVAL);
        return;
    }
    v->ioreq.inval_left = READ_ONCE(reg->route.enabled);
    ioreq_invalidate_next(v);
}
