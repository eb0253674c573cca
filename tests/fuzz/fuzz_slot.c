/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device model that changes its page at any time. Every load that the core makes of shared memory
 * (slot_load()) is given a value of the input, and the page it lies in is overwritten, all of it.
 *
 * The steps are those of steps.c, most of them accesses, notifications and ways to end. The core
 * goes first and each of its loads is noted. Then the model does the same step: it has to ask for
 * the same loads, no more and no fewer, is given the same values, and must come to the same end.
 * What it stores goes to a copy of the page, which must be the page afterwards: so nothing but
 * what the interface says is ever stored.
 */
#include "hypercall.h"
#include "steps.h"

#include "../../common/ioreq/private.h"

#define LOADS 256 /* in one step */

/* One load of the core: where, and what it got; `seed`: what the page was overwritten with. */
static struct load {
    uint64_t generation, value, seed;
    uint32_t server;
    unsigned int vcpu;
    enum slot_field field;
} loads[LOADS];
static unsigned int nr_loads, nr_replayed;

/* What the model says that a server's page has. */
static struct copy {
    uint64_t serial; /* of the target: what is older is nobody's */
    uint64_t generation;
    union {
        struct ioreq_slot slot[SLOTS_PER_PAGE];
        uint64_t word[PAGE_SIZE / 8];
    };
} copies[MODEL_DOMAINS][MODEL_SERVERS];

static struct fuzz_input *input;

FUZZ_UNCOUNTED static void overwrite(uint64_t *words, uint64_t seed)
{
    for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
        words[i] = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The server of current's domain that a slot belongs to. */
static const struct ioreq_server *server_of(const struct ioreq_slot *slot)
{
    const struct ioreq_registry *reg = current->domain->ioreq.registry;

    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        if (reg->server[id] != NULL && slot == &reg->server[id]->slots[current->id])
            return reg->server[id];
    fuzz_die("a load of what is not current's slot");
}

/* What the device model shows: mostly what makes things go on. */
static uint64_t choose(const struct ioreq_server *s, enum slot_field field)
{
    const struct vcpu *v = current;
    bool expected = ioreq_in_flight_at(v, s) || ioreq_invalidate_owed(s, v);
    uint8_t b = fuzz_u8(input);

    switch (field) {
    case SLOT_STATE:
        if (b < 0x80)
            return expected ? STATE_IORESP_READY : STATE_IOREQ_NONE;
        return b < 0xa0 ? STATE_IOREQ_INPROCESS : b < 0xc0 ? STATE_IOREQ_READY : b & 15;
    case SLOT_EPORT:
        return b < 0xf0 ? s->vcpu[v->id].port : b * UINT64_C(0x1000001) & UINT32_MAX;
    default:
        return (b + 1) * UINT64_C(0xfedcba9876543211);
    }
}

uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    const struct ioreq_server *s = server_of(slot);
    struct load *l = &loads[nr_loads];

    fuzz_check(nr_loads < LOADS, "loads without end");
    *l = (struct load){.generation = s->generation,
                       .server = s->id,
                       .vcpu = current->id,
                       .field = field,
                       .value = choose(s, field),
                       .seed = nr_loads * 0x1000 + (uint64_t)(input->end - input->at)};
    nr_loads++;
    overwrite(page_to_virt(s->page), l->seed);
    trace("  load of server %u, vCPU %u, field %u: %lx", s->id, current->id, field,
          (unsigned long)l->value);
    return l->value;
}

/* The model's side. */

static struct model_domain *target_of(const struct model_server *s)
{
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++)
        if (model.domain[i].d != NULL && model.domain[i].server[s->id] == s)
            return &model.domain[i];
    fuzz_die("server %u is of no domain", s->id);
}

/* A new server's page is zero. */
static struct copy *copy_of(const struct model_domain *t, const struct model_server *s)
{
    struct copy *c;

    fuzz_check(s->id < MODEL_SERVERS, "server %u", s->id);
    c = &copies[t - model.domain][s->id];
    if (c->serial != t->serial || c->generation != s->generation) {
        memset(c, 0, sizeof(*c));
        c->serial = t->serial;
        c->generation = s->generation;
    }
    return c;
}

static uint64_t replay_load(const struct model_server *s, unsigned int vcpu, unsigned int field)
{
    const struct load *l = &loads[nr_replayed];

    fuzz_check(nr_replayed < nr_loads, "server %u, vCPU %u: field %u was not loaded", s->id, vcpu,
               field);
    fuzz_check(l->server == s->id && l->generation == s->generation && l->vcpu == vcpu &&
                   l->field == field,
               "server %u, vCPU %u, field %u was loaded; not server %u, vCPU %u, field %u",
               l->server, l->vcpu, l->field, s->id, vcpu, field);
    nr_replayed++;
    overwrite(copy_of(target_of(s), s)->word, l->seed);
    return l->value;
}

static void store_request(struct ioreq_slot *slot, const struct ioreq_access *a)
{
    slot->addr = a->addr;
    slot->data = a->read && !a->data_is_ptr ? 0 : a->data;
    slot->count = a->count;
    slot->size = a->size;
    slot->type = a->type;
}

static uint8_t flags_of(const struct ioreq_access *a)
{
    return (uint8_t)((a->data_is_ptr ? 0x10 : 0) | (a->read ? 0x20 : 0) | (a->df ? 0x40 : 0));
}

static void replay_store(const struct model_server *s, unsigned int vcpu, enum model_store what,
                         const struct ioreq_access *a)
{
    struct ioreq_slot *slot = &copy_of(target_of(s), s)->slot[vcpu];

    switch (what) {
    case MODEL_REQUEST:
        store_request(slot, a);
        slot->bits = flags_of(a) | STATE_IOREQ_READY;
        break;
    case MODEL_TAKEN:
        slot->bits = flags_of(a);
        break;
    case MODEL_RESET:
        slot->bits = 0;
        break;
    default:
        slot->vp_eport = s->port[vcpu];
        break;
    }
}

static void forget(const struct model_domain *t, unsigned int vcpu)
{
    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        if (t->server[id] != NULL)
            copy_of(t, t->server[id])->slot[vcpu] = t->d->ioreq.registry->server[id]->slots[vcpu];
}

static void check_pages(void)
{
    fuzz_check(nr_replayed == nr_loads, "%u loads, not %u", nr_loads, nr_replayed);
    nr_loads = nr_replayed = 0;
    for (unsigned int i = 0; i < MODEL_DOMAINS; i++) {
        const struct model_domain *t = &model.domain[i];

        for (unsigned int id = 0; t->d != NULL && id < MODEL_SERVERS; id++) {
            const struct ioreq_slot *slots;
            const struct copy *c;

            if (t->server[id] == NULL)
                continue;
            slots = t->d->ioreq.registry->server[id]->slots;
            c = copy_of(t, t->server[id]);
            if (memcmp(slots, c->slot, PAGE_SIZE) == 0)
                continue;
            for (unsigned int k = 0; k < SLOTS_PER_PAGE; k++)
                fuzz_check(memcmp(&slots[k], &c->slot[k], sizeof(c->slot[k])) == 0,
                           "d%u server %u: slot %u was written: state %x, not %x", t->d->id, id, k,
                           slots[k].bits, c->slot[k].bits);
        }
    }
}

/* Mostly what touches slots. */
static uint8_t choose_step(struct fuzz_input *in)
{
    static const uint8_t steps[32] = {STEP_ACCESS,
                                      STEP_ACCESS,
                                      STEP_ACCESS,
                                      STEP_ACCESS,
                                      STEP_ACCESS,
                                      STEP_EXIT,
                                      STEP_EXIT,
                                      STEP_EXIT,
                                      STEP_EXIT,
                                      STEP_EXIT,
                                      STEP_EXIT,
                                      STEP_NOTIFY,
                                      STEP_NOTIFY,
                                      STEP_NOTIFY,
                                      STEP_NOTIFY,
                                      STEP_NOTIFY,
                                      STEP_RAM_REMOVED,
                                      STEP_BRING_UP,
                                      STEP_RAM_REMOVED,
                                      STEP_BRING_UP,
                                      STEP_BRING_UP,
                                      STEP_DM_OP,
                                      STEP_DM_OP,
                                      STEP_DM_OP,
                                      STEP_PAUSE,
                                      STEP_ADD_VCPU,
                                      STEP_BIND,
                                      STEP_SPAWN,
                                      STEP_CRASH,
                                      STEP_KILL,
                                      16,
                                      STEP_GRACE_PERIOD};

    return steps[fuzz_u8(in) & 31];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model_shared = (struct model_shared){.load = replay_load,
                                         .store = replay_store,
                                         .forget = forget,
                                         .step = choose_step,
                                         .check = check_pages};
    nr_loads = nr_replayed = 0;
    fuzz_run(data, size, &input);
    return 0;
}
