/* SPDX-License-Identifier: Apache-2.0 */
/* Buffered rings in the model (model.h): what goes into one, and when there is no room. */
#include "model.h"

#include <public/hvm/hvm_op.h>

#include "../../common/ioreq/private.h"
#include "../../common/ioreq/ring.h"
#include "input.h"

static uint32_t load_read(struct model_server *s)
{
    return model_shared.ring_load != NULL ? model_shared.ring_load(s) : s->ring.read;
}

static bool swap(struct model_server *s, uint32_t read, uint32_t by)
{
    if (model_shared.ring_swap != NULL)
        return model_shared.ring_swap(s, read, s->ring.write, by);
    s->ring.read = read - by; /* nobody else changes it meanwhile */
    return true;
}

/*
 * May `pointer` be written: not if its slot is that of one of the `unread` before it, counted by
 * one's fingers.
 */
FUZZ_UNCOUNTED static bool room(uint32_t pointer, uint32_t unread)
{
    if (unread >= IOREQ_BUFFER_SLOT_NUM)
        return false;
    for (uint32_t i = 1; i <= unread; i++)
        if ((pointer - i) % IOREQ_BUFFER_SLOT_NUM == pointer % IOREQ_BUFFER_SLOT_NUM)
            return false;
    return true;
}

static uint64_t slot_word(const struct ioreq_access *a, uint32_t data)
{
    uint64_t word = a->type;

    for (unsigned int size = a->size; size > 1; size /= 2)
        word += 1 << 10;
    return word + a->addr * 0x1000 + ((uint64_t)data << 32);
}

static void store(struct model_server *s, uint64_t word)
{
    if (model_shared.ring_store != NULL)
        model_shared.ring_store(s, s->ring.write, word);
    s->ring.last = word;
    s->ring.write++;
}

/* Both pointers lose the same multiple of the ring's length, while they have one. */
static void shorten(struct model_server *s)
{
    for (unsigned int i = 0; i < IOREQ_BUFFER_SLOT_NUM; i++) {
        uint32_t read = load_read(s);
        uint32_t by = read / IOREQ_BUFFER_SLOT_NUM * IOREQ_BUFFER_SLOT_NUM;

        if (by == 0 || s->ring.write - read > IOREQ_BUFFER_SLOT_NUM)
            return;
        if (swap(s, read, by)) {
            if (s->ring.write < by) /* a read_pointer that cannot be: indices move */
                s->ring.last = 0;
            s->ring.write -= by;
            return;
        }
    }
}

bool model_ring_post(struct model_domain *t, struct model_server *s, const struct ioreq_access *a)
{
    uint32_t read;

    if (s->ring.mode == HVM_IOREQSRV_BUFIOREQ_OFF || a->read || a->data_is_ptr || a->count != 1 ||
        a->addr > 0xfffff)
        return false;
    read = load_read(s);
    if (!room(s->ring.write, s->ring.write - read) ||
        (a->size == 8 && !room(s->ring.write + 1, s->ring.write + 1 - read)))
        return false;
    store(s, slot_word(a, (uint32_t)a->data));
    if (a->size == 8)
        store(s, slot_word(a, (uint32_t)(a->data >> 32)));
    if (model_shared.ring_store != NULL)
        model_shared.ring_store(s, MODEL_RING_POINTER, s->ring.write);
    if (s->ring.mode == HVM_IOREQSRV_BUFIOREQ_ATOMIC)
        shorten(s);
    t->buffered++;
    return true;
}

unsigned int model_broadcast(struct model_domain *t, const struct ioreq_access *a)
{
    unsigned int lost = 0;

    for (unsigned int id = 0; id < MODEL_SERVERS; id++) {
        struct model_server *s = t->server[id];

        if (s != NULL && s->enabled && s->ring.mode != HVM_IOREQSRV_BUFIOREQ_OFF &&
            !model_ring_post(t, s, a))
            lost++;
    }
    t->buffered_lost += lost;
    return lost;
}

void model_check_ring(const struct model_domain *t, const struct model_server *m)
{
    const struct ioreq_server *s = t->d->ioreq.registry->server[m->id];
    const struct ring_page *page = s->ring.shared;

    fuzz_check(s->ring.mode == m->ring.mode && (page != NULL) == (m->ring.mode != 0),
               "server %u: ring of mode %u, not %u", m->id, s->ring.mode, m->ring.mode);
    if (page == NULL)
        return;
    fuzz_check(s->ring.write == m->ring.write, "server %u: write_pointer %u, not %u", m->id,
               s->ring.write, m->ring.write);
    if (model_shared.ring_load != NULL)
        return;
    fuzz_check(page->read == m->ring.read, "server %u: read_pointer %u, not %u", m->id, page->read,
               m->ring.read);
    fuzz_check(m->ring.last == 0 || m->ring.wild ||
                   (page->write == m->ring.write &&
                    page->slot[(m->ring.write - 1) % IOREQ_BUFFER_SLOT_NUM] == m->ring.last),
               "server %u: last slot %lx, not %lx", m->id,
               (unsigned long)page->slot[(m->ring.write - 1) % IOREQ_BUFFER_SLOT_NUM],
               (unsigned long)m->ring.last);
}
