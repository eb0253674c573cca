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
#include "../../common/ioreq/ring.h"

#define LOADS 2048 /* in one step */

/* One load of the core: where, and what it got; `seed`: what the page was overwritten with. */
static struct load {
    uint64_t generation, value, seed;
    uint32_t server;
    unsigned int vcpu, field; /* enum slot_field, or: */
#define LOAD_RING_READ 8
#define LOAD_RING_SWAP 9
    uint64_t from, to; /* of a swap of the ring's pointers */
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
    union {
        struct ring_page ring;
        uint64_t ring_word[PAGE_SIZE / 8];
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

static struct load *note(const struct ioreq_server *s, unsigned int field, uint64_t value)
{
    struct load *l = &loads[nr_loads];

    fuzz_check(nr_loads < LOADS, "loads without end");
    *l = (struct load){.generation = s->generation,
                       .server = s->id,
                       .vcpu = current->id,
                       .field = field,
                       .value = value,
                       .seed = nr_loads * 0x1000 + (uint64_t)(input->end - input->at)};
    nr_loads++;
    trace("  load of server %u, vCPU %u, field %u: %lx", s->id, current->id, field,
          (unsigned long)value);
    return l;
}

uint64_t slot_load(const struct ioreq_slot *slot, enum slot_field field)
{
    const struct ioreq_server *s = server_of(slot);
    const struct load *l = note(s, field, choose(s, field));

    overwrite(page_to_virt(s->page), l->seed);
    return l->value;
}

/* The server of current's domain that a ring belongs to. */
static const struct ioreq_server *server_of_ring(const struct ring_page *page)
{
    const struct ioreq_registry *reg = current->domain->ioreq.registry;

    for (unsigned int id = 0; id < MODEL_SERVERS; id++)
        if (reg->server[id] != NULL && reg->server[id]->ring.shared == page)
            return reg->server[id];
    fuzz_die("a load of what is no ring");
}

uint32_t ring_load(const struct ring_page *page)
{
    const struct ioreq_server *s = server_of_ring(page);
    uint8_t b = fuzz_u8(input);
    uint32_t value = s->ring.write - (b & 3u);
    const struct load *l;

    if (b >= 0xc0)
        value = (uint32_t)fuzz_uint(input, 4);
    else if (b >= 0x60)
        value = s->ring.write - (b - 0x60u) * 6;
    l = note(s, LOAD_RING_READ, value);
    overwrite(page_to_virt(s->ring.page), l->seed);
    return value;
}

bool ring_swap(struct ring_page *page, uint64_t from, uint64_t to)
{
    const struct ioreq_server *s = server_of_ring(page);
    struct load *l = note(s, LOAD_RING_SWAP, fuzz_u8(input) < 0xa0);

    l->from = from;
    l->to = to;
    overwrite(page_to_virt(s->ring.page), l->seed);
    if (l->value)
        page->both = to;
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

/* The core's next load, which has to be this one. */
static const struct load *replay(const struct model_server *s, unsigned int vcpu,
                                 unsigned int field)
{
    const struct load *l = &loads[nr_replayed];

    fuzz_check(nr_replayed < nr_loads, "server %u, vCPU %u: field %u was not loaded", s->id, vcpu,
               field);
    fuzz_check(l->server == s->id && l->generation == s->generation && l->field == field &&
                   (l->vcpu == vcpu || field >= LOAD_RING_READ),
               "server %u, vCPU %u, field %u was loaded; not server %u, vCPU %u, field %u",
               l->server, l->vcpu, l->field, s->id, vcpu, field);
    nr_replayed++;
    return l;
}

static uint64_t replay_load(const struct model_server *s, unsigned int vcpu, unsigned int field)
{
    const struct load *l = replay(s, vcpu, field);

    overwrite(copy_of(target_of(s), s)->word, l->seed);
    return l->value;
}

static uint32_t replay_ring_load(const struct model_server *s)
{
    const struct load *l = replay(s, 0, LOAD_RING_READ);

    overwrite(copy_of(target_of(s), s)->ring_word, l->seed);
    return (uint32_t)l->value;
}

static bool replay_ring_swap(const struct model_server *s, uint32_t read, uint32_t write,
                             uint32_t by)
{
    const struct load *l = replay(s, 0, LOAD_RING_SWAP);
    struct copy *c = copy_of(target_of(s), s);

    fuzz_check(l->from == (read | (uint64_t)write << 32) &&
                   l->to == ((read - by) | (uint64_t)(write - by) << 32),
               "server %u: pointers from %lx to %lx", s->id, (unsigned long)l->from,
               (unsigned long)l->to);
    overwrite(c->ring_word, l->seed);
    if (l->value)
        c->ring.both = l->to;
    return l->value;
}

static void replay_ring_store(const struct model_server *s, uint64_t pointer, uint64_t word)
{
    struct ring_page *ring = &copy_of(target_of(s), s)->ring;

    if (pointer == MODEL_RING_POINTER)
        ring->write = (uint32_t)word;
    else
        ring->slot[pointer % IOREQ_BUFFER_SLOT_NUM] = word;
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
            fuzz_check(
                t->server[id]->ring.mode == 0 ||
                    memcmp(t->d->ioreq.registry->server[id]->ring.shared, &c->ring, PAGE_SIZE) == 0,
                "d%u server %u: its ring was written", t->d->id, id);
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
                                      STEP_RING,
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
                                         .ring_load = replay_ring_load,
                                         .ring_swap = replay_ring_swap,
                                         .ring_store = replay_ring_store,
                                         .forget = forget,
                                         .step = choose_step,
                                         .check = check_pages};
    nr_loads = nr_replayed = 0;
    fuzz_run(data, size, &input);
    return 0;
}
