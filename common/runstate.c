/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/runstate.h; called by the scheduler at each switch and by vcpu_op.c. */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/rcu.h>
#include <wherry/runstate.h>
#include <wherry/slab.h>
#include <public/vcpu.h>

static void fill(const struct vcpu_runstate *r, struct vcpu_runstate_info *info)
{
    info->state = (int)r->state;
    info->state_entry_time = (uint64_t)r->since;
    for (unsigned int i = 0; i < 4; i++)
        info->time[i] = (uint64_t)r->time[i];
}

#define SIZE32 44 /* without the gap behind the state */

size_t runstate_pack(struct vcpu_runstate_info *info, bool words32)
{
    const size_t from = offsetof(struct vcpu_runstate_info, state_entry_time);

    if (!words32)
        return sizeof(*info);
    memmove((char *)info + sizeof(info->state), &info->state_entry_time, sizeof(*info) - from);
    return SIZE32;
}

/*
 * Pages that hold the guest's copy, each referenced. Immutable; freed a grace period after it was
 * replaced, so that a publish() under way on the vCPU's pCPU may finish.
 */
struct runstate_area {
    struct page *page[2]; /* the second only if the copy crosses a page */
    char *part[2];        /* in the hypervisor's mapping */
    size_t first;         /* bytes in the first part */
    bool words32;         /* registered by code of 32 bits */
    struct rcu_head rcu;
};

/* The guest looks while none of its vCPU's instructions runs, or takes a torn copy. */
static noinline void publish_to(const struct runstate_area *area, const struct vcpu_runstate *r)
{
    struct vcpu_runstate_info info = {0};
    size_t size;

    fill(r, &info);
    size = runstate_pack(&info, area->words32);
    memcpy(area->part[0], &info, area->first);
    if (unlikely(area->first < size))
        memcpy(area->part[1], (const char *)&info + area->first, size - area->first);
}

static inline void publish(const struct vcpu_runstate *r)
{
    const struct runstate_area *area = rcu_dereference(r->area);

    if (area != NULL)
        publish_to(area, r);
}

void runstate_enter(struct vcpu *v, uint32_t state, s_time_t now)
{
    struct vcpu_runstate *r = &v->runstate;

    r->time[r->state] += now - r->since;
    r->since = now;
    r->state = state;
    publish(r);
}

void runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out)
{
    struct vcpu_runstate r = v->runstate;

    fill(&r, out);
    out->time[r.state] += (uint64_t)(arch_now() - r.since);
}

static void area_free(struct runstate_area *area)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(area->page); i++)
        if (area->page[i] != NULL)
            page_put(area->page[i]);
    kfree(area);
}

static void area_free_rcu(struct rcu_head *head)
{
    area_free(container_of(head, struct runstate_area, rcu));
}

/* The pages behind the address in current's memory, or NULL and the errno in *rc. */
static struct runstate_area *area_make(uint64_t gva, int *rc)
{
    struct runstate_area *area = kzalloc(sizeof(*area));
    const bool words32 = arch_guest_has_words32();
    const size_t size = words32 ? SIZE32 : sizeof(struct vcpu_runstate_info);

    *rc = -ENOMEM;
    if (area == NULL)
        return NULL;
    *rc = -EINVAL;
    area->words32 = words32;
    area->first = MIN(size, (size_t)(PAGE_SIZE - (gva & ~PAGE_MASK)));
    for (unsigned int i = 0; i < (area->first < size ? 2 : 1); i++) {
        uint64_t at = gva + (i == 0 ? 0 : area->first);

        area->page[i] = guest_get_page(at);
        if (area->page[i] == NULL) {
            area_free(area);
            return NULL;
        }
        area->part[i] = (char *)page_to_virt(area->page[i]) + (at & ~PAGE_MASK);
    }
    *rc = 0;
    return area;
}

/* Callers may race, each gets back another one. */
static void set_area(struct vcpu *v, struct runstate_area *area)
{
    /* Releases the new one; partner: publish(). */
    struct runstate_area *old = __atomic_exchange_n(&v->runstate.area, area, __ATOMIC_ACQ_REL);

    if (old != NULL)
        rcu_call(&old->rcu, area_free_rcu);
}

int runstate_register(struct vcpu *v, uint64_t gva)
{
    struct runstate_area *area = NULL;
    int rc = 0;

    if (gva != 0)
        area = area_make(gva, &rc);
    if (rc != 0)
        return rc;
    set_area(v, area);
    if (v == current)
        publish(&v->runstate); /* another one's pCPU does it at the next switch */
    return 0;
}

void runstate_release(struct vcpu *v)
{
    set_area(v, NULL);
}
