/* SPDX-License-Identifier: Apache-2.0 */
/* Identity and life of domains and vCPUs (include/wherry/domain.h). */
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/irq.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/printf.h>
#include <wherry/machine.h>
#include <wherry/printk.h>
#include <wherry/slab.h>
#include <public/sched.h>
#include <public/vcpu.h>

/* Changes of the domain table, and the placing of vCPUs. */
static struct spinlock domctl_lock = SPINLOCK_INIT(LOCK_RANK_DOMCTL, "domctl");

/* By id; domctl_lock to write, RCU to read. */
static struct domain *domain_table[CONFIG_MAX_DOMAINS];

struct domain *domain_by_id(domid_t id)
{
    return id < CONFIG_MAX_DOMAINS ? rcu_dereference(domain_table[id]) : NULL;
}

struct domain *domain_next(unsigned int from)
{
    for (; from < CONFIG_MAX_DOMAINS; from++) {
        struct domain *d = rcu_dereference(domain_table[from]);

        if (d != NULL)
            return d;
    }
    return NULL;
}

bool domain_get(struct domain *d)
{
    return atomic32_inc_not_zero(&d->refs);
}

static void free_domain(struct rcu_head *head)
{
    struct domain *d = container_of(head, struct domain, rcu);
    unsigned int i;

    for (i = 0; i < d->max_vcpus; i++) {
        if (d->vcpu[i] == NULL)
            continue;
        sched_forget_vcpu(d->vcpu[i]);
        arch_vcpu_destroy(d->vcpu[i]);
        kfree(d->vcpu[i]);
    }
    kfree(d->vcpu);
    evtchn_free(d);
    arch_domain_destroy(d);
    kfree(d);
}

void domain_put(struct domain *d)
{
    uint32_t before = atomic32_fetch_sub(&d->refs, 1);

    ASSERT(before != 0); /* one reference given back twice */
    if (before == 1)
        rcu_call(&d->rcu, free_domain);
}

static int create_shared_info(struct domain *d)
{
    struct page *pg = domain_alloc_pages(d, 0, true);

    if (pg == NULL)
        return -ENOMEM;
    d->shared_info_page = pg;
    d->shared_info = page_to_virt(pg);
    return 0;
}

/* The parts of a domain, in the order in which failure undoes them backwards. */
static int init_parts(struct domain *d, const struct domain_create_params *params)
{
    int rc = p2m_init(d);

    if (rc != 0)
        return rc;
    rc = create_shared_info(d);
    if (rc != 0)
        goto out_p2m;
    rc = evtchn_init(d);
    if (rc != 0)
        goto out_shared;
    rc = ioreq_init_domain(d);
    if (rc != 0)
        goto out_evtchn;
    rc = console_init_domain(d);
    if (rc != 0)
        goto out_ioreq;
    rc = arch_domain_create(d, &params->arch);
    if (rc == 0)
        return 0;
    console_destroy_domain(d);
out_ioreq:
    ioreq_destroy_domain(d);
out_evtchn:
    evtchn_destroy(d);
    evtchn_free(d);
out_shared:
    page_put(d->shared_info_page);
out_p2m:
    BUG_ON(p2m_teardown(d) != 0);
    return rc;
}

static struct domain *alloc_domain(const struct domain_create_params *params)
{
    struct domain *d = kzalloc(sizeof(*d));

    if (d == NULL)
        return NULL;
    d->vcpu = kcalloc(params->max_vcpus, sizeof(struct vcpu *));
    if (d->vcpu == NULL) {
        kfree(d);
        return NULL;
    }
    d->id = params->id;
    d->is_control = params->is_control;
    d->max_vcpus = params->max_vcpus;
    d->max_pages = params->max_pages;
    d->device_model_for = params->device_model_for;
    atomic32_set(&d->refs, 1);
    spin_lock_init(&d->page_lock, LOCK_RANK_PAGE_OWNER, "page_owner");
    return d;
}

int domain_create(const struct domain_create_params *params, struct domain **out)
{
    struct domain *d;
    int rc;

    if (params->id >= CONFIG_MAX_DOMAINS || params->max_vcpus == 0 ||
        params->max_vcpus > CONFIG_MAX_VCPUS)
        return -EINVAL;
    if (domain_by_id(params->id) != NULL)
        return -EEXIST;
    d = alloc_domain(params);
    if (d == NULL)
        return -ENOMEM;
    rc = init_parts(d, params);
    if (rc != 0) {
        kfree(d->vcpu);
        kfree(d);
        return rc;
    }
    spin_lock(&domctl_lock);
    rcu_assign_pointer(domain_table[d->id], d);
    spin_unlock(&domctl_lock);
    *out = d;
    return 0;
}

int vcpu_create(struct domain *d, unsigned int id, uint64_t affinity, struct vcpu **out)
{
    struct vcpu *v;
    int rc;

    if (id >= d->max_vcpus || d->vcpu[id] != NULL)
        return -EINVAL;
    v = kzalloc(sizeof(*v));
    if (v == NULL)
        return -ENOMEM;
    v->domain = d;
    v->id = id;
    spin_lock(&domctl_lock);
    sched_init_vcpu(v, affinity);
    spin_unlock(&domctl_lock);
    rc = evtchn_init_vcpu(v);
    if (rc != 0)
        goto out_free;
    rc = arch_vcpu_create(v);
    if (rc != 0)
        goto out_evtchn;
    rc = ioreq_init_vcpu(v);
    if (rc != 0)
        goto out_arch;
    store_release(&d->vcpu[id], v); /* partner: domain_vcpu() */
    *out = v;
    return 0;

out_arch:
    arch_vcpu_destroy(v);
out_evtchn:
    evtchn_destroy_vcpu(v);
out_free:
    kfree(v);
    return rc;
}

void domain_start(struct domain *d)
{
    WRITE_ONCE(d->state, DOMAIN_ALIVE);
    domain_unpause(d);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (d, v, i)
        vcpu_pause(v);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (d, v, i)
        vcpu_unpause(v);
}

bool domain_is_quiescent(const struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (d, v, i)
        if (!vcpu_is_off_cpu(v))
            return false;
    return true;
}

/* The machine follows its control domain. */
static void control_domain_done(unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        machine_poweroff();
    case SHUTDOWN_reboot:
        machine_restart();
    default:
        printk("control domain is gone (reason %u): halting\n", reason);
        machine_halt();
    }
}

/* Whom it served waits for nobody now. */
static void release_served(struct rcu_head *head)
{
    struct domain *d = container_of(head, struct domain, shutdown_rcu);

    ioreq_owner_died(d);
    domain_put(d);
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
    struct domain *control = domain_by_id(0);
    uint32_t none = 0;

    if (!atomic32_cmpxchg(&d->shutdown_code, &none, reason + 1))
        return;
    printk("d%u shut down, reason %u\n", d->id, reason);
    if (d->is_control)
        control_domain_done(reason);
    domain_pause(d);
    /* Servers go on the way out: a crash may be noticed with locks held. */
    if (domain_get(d))
        rcu_call(&d->shutdown_rcu, release_served);
    if (control != NULL)
        evtchn_send_global_virq(control, VIRQ_DOM_EXC);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char text[128];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!domain_is_shut_down(d)) {
        printk("d%u crashed: %s\n", d->id, text);
        if (current != NULL && current->domain == d)
            arch_vcpu_dump(current);
    }
    domain_shutdown(d, SHUTDOWN_crash);
}

/* First step of killing: from here on nothing new may be attached, nothing runs. */
static bool stop_for_good(struct domain *d)
{
    if (READ_ONCE(d->state) < DOMAIN_DYING) {
        WRITE_ONCE(d->state, DOMAIN_DYING);
        domain_pause(d);
    }
    return domain_is_quiescent(d);
}

static void destroy_vcpus(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu (d, v, i) {
        ioreq_destroy_vcpu(v);
        evtchn_destroy_vcpu(v);
        runstate_release(v);
    }
}

static void remove_from_table(struct domain *d)
{
    spin_lock(&domctl_lock);
    rcu_assign_pointer(domain_table[d->id], NULL);
    WRITE_ONCE(d->state, DOMAIN_DEAD);
    spin_unlock(&domctl_lock);
}

/* One attempt; each step may be repeated after a continuation. No lock is held: steps wait for RCU.
 */
static int kill_steps(struct domain *d)
{
    int rc;

    if (READ_ONCE(d->state) == DOMAIN_DEAD)
        return 0;
    if (!stop_for_good(d))
        return -ERESTART;
    irq_release_guest(d);
    ioreq_owner_died(d);
    ioreq_destroy_domain(d);
    evtchn_destroy(d);
    rc = p2m_teardown(d);
    if (rc != 0)
        return rc;
    destroy_vcpus(d);
    console_destroy_domain(d);
    page_put(d->shared_info_page);
    remove_from_table(d);
    domain_put(d);
    return 0;
}

int domain_kill(struct domain *d)
{
    /* One killer at a time in the machine; the others come back. Itself the lock of kill_steps().
     */
    static atomic32_t busy;
    uint32_t idle = 0;
    int rc;

    if (!atomic32_cmpxchg(&busy, &idle, 1))
        return -ERESTART;
    rc = kill_steps(d);
    store_release(&busy.v, 0); /* partner: the cmpxchg above */
    return rc;
}

static void dump_one(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    printk("d%u: %u vCPUs, %lu of %lu pages, refs %u%s%s\n", d->id, d->max_vcpus,
           (unsigned long)d->tot_pages, (unsigned long)d->max_pages, atomic32_read(&d->refs),
           domain_is_dying(d) ? ", dying" : "", domain_is_shut_down(d) ? ", shut down" : "");
    printk("  forwarded %lu, buffered %lu (%lu lost), unclaimed %lu, undecoded %lu, bad hypercalls "
           "%lu\n",
           (unsigned long)atomic64_read(&d->stats.forwarded),
           (unsigned long)atomic64_read(&d->stats.buffered),
           (unsigned long)atomic64_read(&d->stats.buffered_lost),
           (unsigned long)atomic64_read(&d->stats.unclaimed),
           (unsigned long)atomic64_read(&d->stats.undecoded),
           (unsigned long)atomic64_read(&d->stats.hypercalls_bad));
    for_each_vcpu (d, v, i)
        printk("  v%u on pCPU %u, flags %x, work %x%s, ran %ld us\n", v->id, v->sched.cpu,
               atomic32_read(&v->pause_flags), atomic32_read(&v->work),
               READ_ONCE(v->sched.on_cpu) ? ", running" : "",
               (long)(v->runstate.time[RUNSTATE_running] / 1000));
}

static void dump_domains(void)
{
    struct domain *d;

    for_each_domain (d)
        dump_one(d);
}
DEBUG_KEY('q', dump_domains, "domains and vCPUs");

static void dump_vcpu_registers(void)
{
    struct domain *d;
    struct vcpu *v;
    unsigned int i;

    for_each_domain (d)
        for_each_vcpu (d, v, i)
            arch_vcpu_dump(v);
}
DEBUG_KEY('v', dump_vcpu_registers, "registers of all vCPUs");

static void dump_p2m(void)
{
    struct domain *d;

    for_each_domain (d)
        p2m_dump(d);
}
DEBUG_KEY('p', dump_p2m, "p2m statistics");

static void dump_evtchn(void)
{
    struct domain *d;

    for_each_domain (d)
        evtchn_dump(d);
}
DEBUG_KEY('e', dump_evtchn, "event channels");
