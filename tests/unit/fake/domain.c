/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and vCPUs with the parts that common/ioreq/ looks at. */
#include "fake.h"

#include <stdlib.h>
#include <wherry/bug.h>

unsigned int fake_crashes;

static struct domain *domain_table[CONFIG_MAX_DOMAINS];
/* Structs live until the clean-up, so that the last reference can be checked. */
static struct domain *all[CONFIG_MAX_DOMAINS * 4];
static unsigned int nr_all;

struct domain *domain_by_id(domid_t id)
{
    return id < CONFIG_MAX_DOMAINS ? domain_table[id] : NULL;
}

struct domain *domain_next(unsigned int from)
{
    for (; from < CONFIG_MAX_DOMAINS; from++)
        if (domain_table[from] != NULL)
            return domain_table[from];
    return NULL;
}

bool domain_get(struct domain *d)
{
    return atomic32_inc_not_zero(&d->refs);
}

void domain_put(struct domain *d)
{
    BUG_ON(atomic32_fetch_sub(&d->refs, 1) == 0);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    uint32_t none = 0;

    (void)fmt;
    fake_crashes++;
    if (!atomic32_cmpxchg(&d->shutdown_code, &none, 4))
        return;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i] != NULL)
            atomic32_fetch_add(&d->vcpu[i]->pause_flags, VPF_PAUSE_ONE);
    ioreq_owner_died(d);
}

struct domain *fake_domain_create_empty(domid_t id, unsigned int max_vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->max_vcpus = max_vcpus;
    d->vcpu = calloc(max_vcpus, sizeof(struct vcpu *));
    d->state = DOMAIN_ALIVE;
    d->device_model_for = DOMID_INVALID;
    d->is_control = id == 0;
    d->max_pages = 1024;
    atomic32_set(&d->refs, 1);
    spin_lock_init(&d->page_lock, LOCK_RANK_PAGE_OWNER, "page_owner");
    BUG_ON(p2m_init(d) != 0);
    BUG_ON(ioreq_init_domain(d) != 0);
    domain_table[id] = d;
    all[nr_all++] = d;
    return d;
}

int fake_vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = calloc(1, sizeof(*v));
    int rc;

    v->domain = d;
    v->id = id;
    rc = ioreq_init_vcpu(v);
    if (rc != 0) {
        free(v);
        return rc;
    }
    d->vcpu[id] = v;
    return 0;
}

struct domain *fake_domain_create(domid_t id, unsigned int max_vcpus)
{
    struct domain *d = fake_domain_create_empty(id, max_vcpus);

    for (unsigned int i = 0; i < max_vcpus; i++)
        BUG_ON(fake_vcpu_create(d, i) != 0);
    return d;
}

void fake_domain_kill(struct domain *d)
{
    d->state = DOMAIN_DYING;
    ioreq_owner_died(d);
    ioreq_destroy_domain(d);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i] != NULL)
            ioreq_destroy_vcpu(d->vcpu[i]);
    BUG_ON(p2m_teardown(d) != 0);
    d->state = DOMAIN_DEAD;
    if (domain_table[d->id] == d)
        domain_table[d->id] = NULL;
    domain_put(d);
}

void fake_domains_cleanup(void)
{
    for (unsigned int n = 0; n < nr_all; n++)
        if (all[n]->state != DOMAIN_DEAD)
            fake_domain_kill(all[n]);
    fake_rcu_run();
    for (unsigned int n = 0; n < nr_all; n++) {
        struct domain *d = all[n];

        BUG_ON(atomic32_read(&d->refs) != 0);
        for (unsigned int i = 0; i < d->max_vcpus; i++)
            free(d->vcpu[i]);
        free(d->vcpu);
        free(d);
    }
    nr_all = 0;
    fake_crashes = 0;
}
