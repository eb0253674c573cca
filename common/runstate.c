/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/runstate.h; called by the scheduler at each switch and by vcpu_op.c. */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/runstate.h>
#include <public/vcpu.h>

static void fill(const struct vcpu_runstate *r, struct vcpu_runstate_info *info)
{
    info->state = (int)r->state;
    info->state_entry_time = (uint64_t)r->since;
    for (unsigned int i = 0; i < 4; i++)
        info->time[i] = (uint64_t)r->time[i];
}

/* The area is the guest's own: it sees its figures while none of its instructions runs. */
static void publish(struct vcpu_runstate *r)
{
    struct vcpu_runstate_info *area = load_acquire(&r->area); /* partner: runstate_register() */

    if (area != NULL)
        fill(r, area);
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

/* Swap the area in; the old page's reference goes. A grace period covers a publish() under way. */
static void set_area(struct vcpu *v, struct vcpu_runstate_info *area, struct page *page)
{
    struct page *old;

    spin_lock(&v->domain->evtchn.lock);
    old = v->runstate.area_page;
    v->runstate.area_page = page;
    store_release(&v->runstate.area, area); /* partner: publish() */
    spin_unlock(&v->domain->evtchn.lock);
    if (old != NULL)
        page_put(old);
}

int runstate_register(struct vcpu *v, uint64_t gva)
{
    uint64_t offset = gva & ~PAGE_MASK;
    struct page *page;

    if (gva == 0) {
        set_area(v, NULL, NULL);
        return 0;
    }
    /* The area has to lie in one page of the domain's own RAM. */
    if (offset > PAGE_SIZE - sizeof(struct vcpu_runstate_info) || (gva & 7) != 0)
        return -EINVAL;
    page = guest_get_page(gva);
    if (page == NULL)
        return -EINVAL;
    set_area(v, (struct vcpu_runstate_info *)(void *)((char *)page_to_virt(page) + offset), page);
    publish(&v->runstate);
    return 0;
}

void runstate_release(struct vcpu *v)
{
    set_area(v, NULL, NULL);
}
