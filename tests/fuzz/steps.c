/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an input does: a few bytes of limits, then a list of steps: hypercalls by the control
 * domain, a device model, its guest and a stranger, accesses of the guest and answers to them,
 * domains that die and come back, vCPUs, grace periods that end, memory that is short. The
 * neighbours of the core are the real ones. After each step the core must be what the model says
 * (model.h). Used by fuzz_hypercall.c and fuzz_slot.c.
 */
#include <asm/fake.h>
#include <public/event_channel.h>
#include <public/memory.h>
#include <public/sched.h>
#include <wherry/cmdline.h>
#include <wherry/hypercall.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>

#include "../../common/evtchn/private.h"
#include "../../common/ioreq/private.h"
#include "../../common/ioreq/ring.h"
#include "../unit/fake/fake.h"
#include "hypercall.h"
#include "steps.h"

#define STEPS 256 /* of an input */
#define PORTS 24  /* of a domain, likewise */

#define GVA_OP   (FAKE_GVA_BASE + 0x100)
#define GVA_LIST (FAKE_GVA_BASE + 0x200)
#define GVA_OUT  (FAKE_GVA_BASE + 0x2000)

static bool tracing;
static long armed;             /* the allocation that is to fail, or -1 */
static bool many;              /* ranges: more than one purge may be needed */
static struct fuzz_input *now; /* for what happens in a grace period that a call waits for */
static uint8_t hook_step;
static bool nested; /* it happens */
static uint64_t gone_bytes[MODEL_DOMAINS][MODEL_SERVERS];

void trace(const char *fmt, ...)
{
    va_list args;

    if (!tracing)
        return;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

/* The machine */

static void boot_once(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    tracing = getenv("FUZZ_TRACE") != NULL;
    page_add_region(paddr(FAKE_RAM_BASE),
                    paddr(FAKE_RAM_BASE + ((uint64_t)MODEL_FRAMES << PAGE_SHIFT)));
    for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
        fuzz_check(c->fn() == 0, "%s", c->name);
}

uint64_t pages_free(void)
{
    uint64_t total, n;

    page_stats(&total, &n);
    return n;
}

FUZZ_UNCOUNTED unsigned int ports_free(const struct domain *d)
{
    unsigned int n = 0;

    for (evtchn_port p = 1; p < d->evtchn.max_ports; p++)
        n += evtchn_of(d, p) == NULL || evtchn_binding(evtchn_of(d, p)).state == PORT_FREE;
    return n;
}

unsigned int model_vcpus(const struct model_domain *t)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < MODEL_VCPUS; i++)
        n += t->vcpu[i].v != NULL;
    return n;
}

static void add_vcpu(struct model_domain *t, unsigned int id)
{
    struct vcpu *v;
    int rc = vcpu_create(t->d, id, 0, &v);

    if (rc != 0) {
        fuzz_check(rc == -ENOMEM || rc == -ENOSPC, "vcpu_create: %d", rc);
        /* A port that was named, and is gone, may stay in an unused slot. */
        if (model_shared.forget != NULL)
            model_shared.forget(t, id);
        model_sample(t);
        return;
    }
    atomic32_set(&v->pause_flags, t->pauses * VPF_PAUSE_ONE);
    t->vcpu[id] = (struct model_vcpu){.v = v};
    model_vcpu_added(t, id);
}

/* 0 control, 1 device model of 2, 2 and 3 guests; nobody but control serves 3. */
static bool spawn(unsigned int id)
{
    static uint64_t nr_domains;
    struct domain_create_params params = {.id = (domid_t)id,
                                          .is_control = id == 0,
                                          .max_vcpus = id == 2 ? MODEL_VCPUS : 1,
                                          .max_pages = 24,
                                          .device_model_for = id == 1 ? 2 : DOMID_INVALID};
    struct model_domain *t = &model.domain[id];
    struct domain *d;
    int rc = domain_create(&params, &d);

    if (rc != 0) {
        fuzz_check(rc == -ENOMEM, "domain_create: %d", rc);
        return false;
    }
    d->evtchn.max_ports = PORTS;
    t->d = d;
    t->serial = ++nr_domains;
    add_vcpu(t, 0);
    domain_start(d);
    if (t->vcpu[0].v == NULL)
        return true;
    atomic32_set(&t->vcpu[0].v->pause_flags, 0);
    return true;
}

long call_as(struct domain *caller, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    const uint64_t args[NR_HYPERCALL_ARGS] = {a0, a1, a2};
    struct vcpu *prev = current;
    long rc;

    current = caller->vcpu[0];
    rc = hypercall(nr, args);
    current = prev;
    return rc;
}

/* Memory that is short. */

bool memory_failed(void)
{
    return armed >= 0 && fake_alloc_fail_at < 0;
}

bool may_restart(void)
{
    return many;
}

void may_leave(struct model_domain *t, uint32_t id, uint64_t bytes)
{
    gone_bytes[t - model.domain][id] = bytes;
}

FUZZ_UNCOUNTED void learn_cleaned(struct model_domain *t)
{
    uint64_t left = t->d != NULL && t->registry ? t->d->ioreq.registry->leftover : 0;

    if (left == t->leftover) {
        memset(gone_bytes[t - model.domain], 0, sizeof(gone_bytes[0]));
        return;
    }
    for (unsigned int id = 0; id < MODEL_SERVERS; id++) {
        uint64_t *bytes = &gone_bytes[t - model.domain][id];

        if ((left & ~t->leftover & BIT64(id)) != 0) {
            fuzz_check(*bytes != 0 && (memory_failed() || many), "server %u: ranges stay", id);
            t->leftover_bytes[id] = *bytes;
        } else if ((t->leftover & ~left & BIT64(id)) != 0) {
            t->leftover_bytes[id] = 0;
        }
        *bytes = 0;
    }
    t->leftover = left;
}

/* Ends of domains */

static FUZZ_UNCOUNTED void kill_domain(struct model_domain *t)
{
    struct domain *d = t->d;

    if (d == NULL)
        return;
    trace("kill d%u", d->id);
    fuzz_check(domain_kill(d) == 0, "d%u does not die", d->id);
    /* Its servers elsewhere go with the next grace period. */
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        for (unsigned int id = 0; id < MODEL_SERVERS; id++)
            if (model.domain[i].server[id] != NULL && model.domain[i].server[id]->owner == d)
                model.domain[i].server[id]->owner_gone = true;
    model_domain_gone(t);
}

/* What the end of a grace period does: the servers of owners that died. */
static FUZZ_UNCOUNTED void end_grace_period(void)
{
    trace("grace period");
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        struct model_domain *t = &model.domain[i];

        for (unsigned int id = 0; t->d != NULL && id < MODEL_SERVERS; id++) {
            struct model_server *s = t->server[id];
            const struct model_domain *owner = s != NULL ? model_of(s->owner) : NULL;

            if (s == NULL || !(s->owner_gone || (owner != NULL && owner->owner_died)))
                continue;
            may_leave(t, id, model_set_bytes(s));
            model_destroy(t, id);
            model_retired(t, id);
        }
    }
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        model.domain[i].owner_died = false;
    fake_rcu_run();
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        learn_cleaned(&model.domain[i]);
}

/* Steps */

uint64_t fuzz_address(struct fuzz_input *in)
{
    static const uint64_t places[8] = {0,
                                       0x1000,
                                       0x3f8,
                                       UINT64_C(0xffffff80),
                                       UINT64_C(0x7fffffffffffff80),
                                       UINT64_C(0xffffffffffffff00),
                                       0x10000,
                                       0x1008};
    uint8_t b = fuzz_u8(in);

    return places[b >> 5] + (b & 31) * 4 + (b % 3 == 0 ? fuzz_u8(in) : 0);
}

static void access_step(struct fuzz_input *in, struct model_domain *t)
{
    uint8_t b = fuzz_u8(in), c = fuzz_u8(in);
    struct model_vcpu *v = &t->vcpu[b % MODEL_VCPUS];
    struct ioreq_access a = {.addr = fuzz_address(in),
                             .count = c >= 0xc0 ? fuzz_u8(in) + 1u : 1,
                             .size = (uint8_t)(1u << (c & 3)),
                             .space = (uint8_t)((c >> 2) % 3),
                             .read = (c & 0x10) != 0,
                             .df = (c & 0x20) != 0,
                             .data_is_ptr = c >= 0xe0,
                             .buffered = (b & 0x80) != 0};
    enum ioreq_result want, got;
    struct vcpu *prev = current;

    /* In the hypervisor because of this access: not waiting for something else. */
    if (v->v == NULL || v->waiting || v->inval_asked != 0)
        return;
    a.type = a.space == IOREQ_SPACE_PORT  ? IOREQ_TYPE_PIO
             : a.space == IOREQ_SPACE_PCI ? IOREQ_TYPE_PCI_CONFIG
                                          : IOREQ_TYPE_COPY;
    if (a.space == IOREQ_SPACE_PCI)
        a.addr = a.addr << 32 | (b & 0xfc);
    a.data = a.read ? 0 : b & ((UINT64_C(2) << (a.size * 8 - 1)) - 1);
    current = v->v;
    if (a.space == IOREQ_SPACE_MEMORY && a.addr + a.size > a.addr)
        fuzz_check(ioreq_claims(v->v, a.addr, a.addr + a.size - 1) ==
                       (model_winner(t, a.space, a.addr, a.addr + a.size - 1) >= 0),
                   "claims %lx", (unsigned long)a.addr);
    got = ioreq_forward(v->v, &a);
    want = model_forward(t, v, &a); /* second: the loads of the first may be what it goes by */
    current = prev;
    trace("d%uv%u access space %u %lx size %u count %u -> %d (server %u)", t->d->id, v->v->id,
          a.space, (unsigned long)a.addr, a.size, a.count, want, v->server);
    fuzz_check(got == want, "access %lx: result %d, not %d", (unsigned long)a.addr, got, want);
    if (got == IOREQ_DONE)
        t->server[model_route(t, &a)]->ring.wild = false; /* its last slot is as posted */
    if (got == IOREQ_SENT && model_shared.load == NULL) {
        const struct ioreq_slot *slot = &t->d->ioreq.registry->server[v->server]->slots[v->v->id];

        fuzz_check(slot->addr == a.addr && slot->data == a.data && slot->count == a.count &&
                       slot->size == a.size && slot->type == a.type &&
                       slot->bits == (STATE_IOREQ_READY | (a.data_is_ptr ? 0x10 : 0) |
                                      (a.read ? 0x20 : 0) | (a.df ? 0x40 : 0)),
                   "access %lx: its slot", (unsigned long)a.addr);
    }
}

static void exit_step(struct model_domain *t, unsigned int n)
{
    struct model_vcpu *v = &t->vcpu[n % MODEL_VCPUS];
    bool want, got;

    if (v->v == NULL)
        return;
    got = fake_exit_path(v->v);
    want = model_exit_path(t, v);
    trace("d%uv%u to its guest -> %d", t->d->id, n % MODEL_VCPUS, want);
    fuzz_check(got == want, "d%uv%u: exit path %d, not %d", t->d->id, v->v->id, got, want);
}

static FUZZ_UNCOUNTED void note_sent(struct domain *d, evtchn_port port)
{
    const struct evtchn *e = evtchn_of(d, port);
    struct model_domain *t;
    struct binding b;

    if (e == NULL)
        return;
    b = evtchn_binding(e);
    t = model_of(domain_by_id(b.dom));
    if (b.state != PORT_INTERDOMAIN || b.consumer != 0 || t == NULL)
        return;
    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        for (unsigned int i = 0; t->server[id] != NULL && i < MODEL_VCPUS; i++)
            if (t->server[id]->port[i] == b.peer && t->server[id]->owner == d)
                model_notified(&t->vcpu[i]);
}

static long evtchn_call(struct domain *caller, uint64_t cmd, const void *op, size_t size)
{
    memcpy(fake_gva + 0x100, op, size);
    if (cmd == EVTCHNOP_send)
        note_sent(caller, ((const struct evtchn_send *)op)->port);
    return call_as(caller, __HYPERVISOR_event_channel_op, cmd, GVA_OP, 0);
}

/* The owner's port at the other end of `port` of t. */
static FUZZ_UNCOUNTED evtchn_port bound_port(const struct domain *owner,
                                             const struct model_domain *t, evtchn_port port)
{
    for (evtchn_port p = 1; p < owner->evtchn.max_ports; p++) {
        const struct evtchn *e = evtchn_of(owner, p);
        struct binding b;

        if (e == NULL)
            continue;
        b = evtchn_binding(e);
        if (b.state == PORT_INTERDOMAIN && b.dom == t->d->id && b.peer == port)
            return p;
    }
    return 0;
}

/* The owner of a server binds a port of it. */
static void bind_step(struct model_domain *t, unsigned int id, unsigned int vcpu)
{
    struct evtchn_bind_interdomain op = {.remote_dom = t->d->id};
    struct model_server *s = t->server[id];
    struct model_domain *owner = s != NULL ? model_of(s->owner) : NULL;

    vcpu %= MODEL_VCPUS;
    if (owner == NULL || owner->vcpu[0].v == NULL || s->port[vcpu] == 0)
        return;
    op.remote_port = s->port[vcpu];
    trace("d%u binds port %u of server %u", owner->d->id, s->port[vcpu], id);
    evtchn_call(owner->d, EVTCHNOP_bind_interdomain, &op, sizeof(op));
}

/* A device model writes a slot, and notifies or not. */
static void slot_step(struct fuzz_input *in, struct model_domain *t)
{
    static const uint8_t states[8] = {3, 3, 3, 2, 0, 1, 3, 15};
    uint8_t b = fuzz_u8(in), c = fuzz_u8(in);
    struct model_server *s = t->server[b & 7];
    struct model_domain *owner = s != NULL ? model_of(s->owner) : NULL;
    unsigned int vcpu = (b >> 3) % t->d->max_vcpus;
    struct evtchn_send op;
    struct ioreq_slot *slot;

    if (s == NULL || (b & 7) >= MODEL_SERVERS)
        return;
    if (model_shared.load != NULL)
        goto notify; /* what is loaded is chosen elsewhere */
    slot = &t->d->ioreq.registry->server[b & 7]->slots[vcpu];
    slot->data = c * UINT64_C(0x0123456789abcdef);
    slot->bits =
        (uint8_t)((slot->bits & 0xf0) | ((c & 0xf8) == 0xf8 ? fuzz_u8(in) & 15 : states[c & 7]));
    slot->pad = !(t->vcpu[vcpu].waiting && t->vcpu[vcpu].generation == s->generation) &&
                s->owes[vcpu] == STATE_IOREQ_NONE;
    if ((c & 0xf8) == 0xf0)
        slot->vp_eport = fuzz_u8(in);
    trace("server %u of d%u: slot %u state %u, port %u", b & 7, t->d->id, vcpu, slot->bits & 15,
          slot->vp_eport);
    model_sample(t);
notify:
    if (owner == NULL || owner->vcpu[0].v == NULL || (c & 0x80) != 0)
        return;
    op.port = bound_port(owner->d, t, s->port[vcpu]);
    trace("d%u sends on port %u", owner->d->id, op.port);
    evtchn_call(owner->d, EVTCHNOP_send, &op, sizeof(op));
}

/* Any event channel operation with any bytes. */
static void evtchn_step(struct fuzz_input *in, struct domain *caller)
{
    uint32_t op[8] = {0};
    uint8_t cmd = fuzz_u8(in) % 12, at = fuzz_u8(in);

    for (unsigned int i = 0; i < 3; i++)
        op[i] = fuzz_u8(in) % PORTS;
    if (at < 64)
        ((uint8_t *)op)[at % sizeof(op)] = fuzz_u8(in);
    trace("d%u evtchn %u (%u %u %u)", caller->id, cmd, op[0], op[1], op[2]);
    evtchn_call(caller, cmd, op, sizeof(op));
}

static void memory_step(struct fuzz_input *in, struct domain *caller, domid_t target)
{
    uint8_t what = fuzz_u8(in), gfn = fuzz_u8(in) % 64;
    struct xen_memory_reservation r = {.nr_extents = (what >> 2 & 3) + 1,
                                       .extent_order = what >> 4 & 3,
                                       .domid = (what & 0x80) != 0 ? target : DOMID_SELF};
    struct xen_add_to_physmap_batch batch = {.domid = DOMID_SELF,
                                             .space = XENMAPSPACE_gmfn_foreign,
                                             .size = 1,
                                             .u.foreign_domid = target};
    struct xen_remove_from_physmap remove = {.domid = r.domid, .gpfn = gfn};
    uint64_t frames[4];

    for (unsigned int i = 0; i < 4; i++)
        frames[i] = gfn + ((uint64_t)i << r.extent_order);
    memcpy(fake_gva + 0x200, frames, sizeof(frames));
    r.extent_start.q = batch.idxs.q = batch.gpfns.q = GVA_LIST;
    batch.errs.q = GVA_OUT;
    trace("d%u memory op %u at %u", caller->id, what & 3, gfn);
    switch (what & 3) {
    case 0:
    case 1:
        memcpy(fake_gva + 0x100, &r, sizeof(r));
        call_as(caller, __HYPERVISOR_memory_op,
                what & 1 ? XENMEM_decrease_reservation : XENMEM_populate_physmap, GVA_OP, 0);
        break;
    case 2:
        memcpy(fake_gva + 0x100, &batch, sizeof(batch));
        call_as(caller, __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, GVA_OP, 0);
        break;
    default:
        memcpy(fake_gva + 0x100, &remove, sizeof(remove));
        call_as(caller, __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, GVA_OP, 0);
        break;
    }
}

/* RAM left t's p2m: by its own doing, or by another's. */
static void removed_step(struct model_domain *t, unsigned int n)
{
    struct model_vcpu *by = n & 4 ? NULL : &t->vcpu[n % MODEL_VCPUS];
    struct vcpu *prev = current;

    if (by != NULL && (by->v == NULL || by->waiting || by->inval_asked != 0))
        return;
    trace("RAM of d%u removed by %u", t->d->id, n);
    model_ram_removed(t, by);
    current = by != NULL ? by->v : model.domain[0].vcpu[0].v;
    ioreq_ram_removed(t->d);
    current = prev;
}

static void pause_step(struct model_domain *t, bool pause)
{
    if (!pause && t->pauses <= (t->shut_down ? 1u : 0u))
        return;
    t->pauses += pause ? 1 : -1u;
    if (pause)
        domain_pause(t->d);
    else
        domain_unpause(t->d);
}

static void crash_step(struct model_domain *t)
{
    if (t->d->is_control)
        return;
    trace("d%u crashes", t->d->id);
    model_crash(t);
    domain_crash(t->d, "fuzzed");
}

/* A complete device model: most of what matters needs one. */
static void bring_up_step(struct fuzz_input *in, struct domain *caller, struct model_domain *t)
{
    uint8_t b = fuzz_u8(in), id = b & 7, place = fuzz_u8(in), length = fuzz_u8(in);
    const uint8_t create[] = {(uint8_t)(1 | (b & 0x18))};
    const uint8_t map[] = {3, (uint8_t)(id | 1 << 3), place, length, 0};
    const uint8_t enable[] = {5, (uint8_t)(id | 8)};
    struct fuzz_input sub = {create, create + sizeof(create)};

    dm_op_step(&sub, caller, t->d->id);
    sub = (struct fuzz_input){map, map + sizeof(map)};
    dm_op_step(&sub, caller, t->d->id);
    sub = (struct fuzz_input){enable, enable + sizeof(enable)};
    dm_op_step(&sub, caller, t->d->id);
    for (unsigned int i = 0; t->d != NULL && i < MODEL_VCPUS; i++)
        bind_step(t, id, i);
}

/* A device model writes its ring's pointers, or time has passed and they are large. */
static void ring_step(struct fuzz_input *in, struct model_domain *t)
{
    uint8_t b = fuzz_u8(in), c = fuzz_u8(in);
    struct model_server *s = t->server[b & 7];
    struct ioreq_ring *ring;

    if (s == NULL || s->ring.mode == 0)
        return;
    ring = &t->d->ioreq.registry->server[b & 7]->ring;
    if (model_shared.ring_load != NULL) { /* what the page says is chosen at each load */
        ring->write = s->ring.write = (b & 0x40) != 0 ? c - 64u : c * 8u;
        return;
    }
    switch (b >> 3 & 7) {
    case 0:
    case 1:
    case 2: /* all is read, but for some */
        ring->shared->read = ring->write - c % 4;
        break;
    case 3:
        ring->shared->read = (uint32_t)fuzz_uint(in, 4);
        break;
    case 4:
        ring->shared->write = (uint32_t)fuzz_uint(in, 4);
        s->ring.wild = true;
        break;
    default: /* there were 2^32 requests, nearly, or as many as there are slots */
        ring->write = s->ring.write = (b & 0x40) != 0 ? c - 64u : c * 8u;
        ring->shared->read = ring->write - (c & 0x3f);
        s->ring.wild = true;
        break;
    }
    s->ring.read = ring->shared->read;
    trace("ring of server %u: read %u, write %u", b & 7, ring->shared->read, ring->write);
}

static void broadcast_step(struct fuzz_input *in, struct model_domain *t)
{
    struct ioreq_access a = {.type = IOREQ_TYPE_TIMEOFFSET,
                             .count = 1,
                             .size = 8,
                             .addr = fuzz_u8(in),
                             .data = fuzz_uint(in, 2) * UINT64_C(0x100000001)};
    struct vcpu *prev = current;
    unsigned int got, want;

    if (t->vcpu[0].v == NULL)
        return;
    current = t->vcpu[0].v;
    got = ioreq_broadcast_buffered(t->d, &a);
    current = prev;
    want = model_broadcast(t, &a);
    fuzz_check(got == want, "d%u: %u rings without room, not %u", t->d->id, got, want);
}

static void debug_step(struct model_domain *t)
{
    ioreq_dump(t->d);
    fake_log[0] = '\0';
}

static void one_step(struct fuzz_input *in, uint8_t what);

/* In a grace period that a call waits for: one more step, by somebody with memory of his own. */
static void in_grace_period(void)
{
    struct vcpu *prev = current;
    unsigned char memory[0x300];

    fake_synchronize_hook = NULL;
    nested = true;
    trace("meanwhile:");
    memcpy(memory, fake_gva, sizeof(memory));
    one_step(now, hook_step);
    memcpy(fake_gva, memory, sizeof(memory));
    current = prev;
    nested = false;
}

/* Who is asked for what: 2 bits of caller, 2 of target; most often the device model of the guest.
 */
static struct model_domain *caller_of(uint8_t who)
{
    static const uint8_t ids[8] = {1, 1, 1, 1, 0, 0, 2, 3};
    struct model_domain *c = &model.domain[ids[who & 7]];

    return c->d != NULL && c->vcpu[0].v != NULL ? c : &model.domain[0];
}

static void domain_step(struct fuzz_input *in, struct model_domain *t, uint8_t what)
{
    switch (what) {
    case 0:
    case 1:
    case 2:
        access_step(in, t);
        break;
    case 3:
    case 4:
        slot_step(in, t);
        break;
    case 5:
        exit_step(t, fuzz_u8(in));
        break;
    case 6:
        removed_step(t, fuzz_u8(in));
        break;
    case 7:
        pause_step(t, fuzz_u8(in) & 1);
        break;
    case 8: {
        unsigned int id = fuzz_u8(in) % MODEL_VCPUS;

        if (id < t->d->max_vcpus && t->vcpu[id].v == NULL)
            add_vcpu(t, id);
        break;
    }
    case 9: {
        uint8_t b = fuzz_u8(in);

        bind_step(t, b & 7, b >> 3);
        break;
    }
    case 10: {
        uint8_t b = fuzz_u8(in);

        if (b < 0x40 && model_shared.ring_load == NULL)
            debug_step(t);
        else if (b < 0xa0)
            ring_step(in, t);
        else
            broadcast_step(in, t);
        break;
    }
    case 11:
        crash_step(t);
        break;
    default:
        if (!t->d->is_control && (current == NULL || current->domain != t->d))
            kill_domain(t);
        break;
    }
}

static void one_step(struct fuzz_input *in, uint8_t what)
{
    uint8_t who = fuzz_u8(in);
    struct model_domain *caller = caller_of(who);
    domid_t target = who & 0xc0 ? (who & 0xc0) >> 6 : 2;
    struct model_domain *t = &model.domain[target];

    switch (what % 32) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        dm_op_step(in, caller->d, target);
        return;
    case 8:
        many_ranges_step(in, caller->d, target);
        return;
    case 9:
        acquire_step(in, caller->d, target);
        return;
    case 10:
        evtchn_step(in, caller->d);
        return;
    case 11:
        memory_step(in, caller->d, target);
        return;
    case 12:
        if (t->d == NULL)
            spawn(target);
        return;
    case 13:
        if (!nested)
            end_grace_period();
        return;
    case 14:
        if (t->d != NULL)
            bring_up_step(in, caller->d, t);
        return;
    case 15:
        if (!nested)
            armed = fake_alloc_fail_at = fuzz_u8(in) % 64;
        return;
    case 16:
        if (nested)
            return;
        hook_step = fuzz_u8(in);
        fake_synchronize_hook = in_grace_period;
        return;
    case 17:
        if (!nested) {
            end_grace_period();
            model_check_references();
        }
        return;
    case 18:
        model_check_routing(t, fuzz_u8(in) % 3, fuzz_address(in));
        return;
    default:
        if (t->d != NULL)
            domain_step(in, t, what % 32 - 19);
        return;
    }
}

static FUZZ_UNCOUNTED void check_all(void)
{
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        const struct model_domain *t = &model.domain[i];
        unsigned int ranges = 0;

        model_check(t);
        for (unsigned int id = 0; id < MODEL_SERVERS; id++)
            for (unsigned int k = 0; t->server[id] != NULL && k < IOREQ_NR_SPACES; k++)
                ranges += t->server[id]->set[k].nr;
        many = many || ranges >= 200;
    }
}

static void run_steps(struct fuzz_input *in)
{
    for (unsigned int i = 0; i < STEPS && fuzz_left(in); i++) {
        for (unsigned int k = 0; k < MODEL_DOMAINS; k++)
            model_sample(&model.domain[k]);
        one_step(in, model_shared.step != NULL ? model_shared.step(in) : fuzz_u8(in));
        if (model_shared.check != NULL)
            model_shared.check();
        if (memory_failed())
            armed = -1;
        check_all();
        fake_log[0] = '\0';
    }
}

/* As the host's owner would, on the command line; refused values change nothing. */
static void set_limit(const char *name, uint64_t value, uint64_t most)
{
    bool valid = value != 0 && value <= most;
    char text[24];

    snprintf(text, sizeof(text), "%lu", (unsigned long)value);
    for (const struct cmdline_param *p = __cmdline_params_start; p < __cmdline_params_end; p++)
        if (strcmp(p->name, name) == 0)
            fuzz_check(p->fn(text) == (valid ? 0 : -ERANGE) && p->fn("x") == -EINVAL, "%s=%s", name,
                       text);
}

static void set_limits(struct fuzz_input *in)
{
    static const uint64_t kib[8] = {0, 3, 6, 10, 20, 64, 4096, 1048577};
    static const uint64_t ranges[8] = {1, 2, 3, 4, 256, 8, 8193, 0};
    static const uint64_t servers[8] = {1, 2, 3, 8, 64, 65, 8, 8};
    uint8_t a = fuzz_u8(in), b = fuzz_u8(in);

    ioreq_max_servers = 8;
    ioreq_max_ranges = 256;
    ioreq_max_bytes = 4096 * 1024;
    set_limit("ioreq_servers", servers[a & 7], 64);
    set_limit("ioreq_ranges", ranges[a >> 3 & 7], 8192);
    set_limit("ioreq_memory", kib[b & 7], 1048576);
    model.max_servers = servers[a & 7] > 64 ? 8 : (unsigned int)servers[a & 7];
    model.max_ranges = ranges[a >> 3 & 7] - 1 > 8191 ? 256 : (unsigned int)ranges[a >> 3 & 7];
    model.max_bytes = (b & 7) == 0 || (b & 7) == 7 ? 4096 * 1024 : kib[b & 7] * 1024;
}

static void start(struct fuzz_input *in)
{
    boot_once();
    fake_arch_reset();
    fake_synchronize_hook = NULL;
    fake_alloc_fail_at = armed = -1;
    fake_log[0] = '\0';
    many = nested = false;
    current = NULL;
    now = in;
    memset(gone_bytes, 0, sizeof(gone_bytes));
    model_reset();
    set_limits(in);
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        fuzz_check(spawn(i) && model.domain[i].vcpu[0].v != NULL, "d%u", i);
}

static void finish(uint64_t free_before)
{
    fake_alloc_fail_at = armed = -1;
    fake_synchronize_hook = NULL;
    for (unsigned int i = MODEL_DOMAINS; i-- > 0;)
        kill_domain(&model.domain[i]);
    fake_rcu_run();
    model_reset();
    fuzz_check(fake_alloc_live == 0, "%lu objects left over", fake_alloc_live);
    fuzz_check(pages_free() == free_before, "%ld pages left over",
               (long)(free_before - pages_free()));
}

void fuzz_run(const uint8_t *data, size_t size, struct fuzz_input **input)
{
    struct fuzz_input in = {data, data + size};
    uint64_t free_before;

    if (input != NULL)
        *input = &in;
    boot_once();
    free_before = pages_free();
    start(&in);
    run_steps(&in);
    finish(free_before);
}
