/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buffered ring in the page shared with a device model. The other side may change any byte at
 * any time: this file holds every load and store of it, and nothing is loaded in any other way
 * than through ring_load() and ring_swap(). Used by buffered.c.
 *
 * read_pointer is the device model's. write_pointer is ours: struct ioreq_ring has the one that
 * counts, the page's is only ever stored.
 */
#ifndef WHERRY_IOREQ_RING_H
#define WHERRY_IOREQ_RING_H

#include <public/hvm/ioreq.h>
#include <wherry/atomic.h>
#include <wherry/ioreq.h>

/* The public struct buffered_iopage, with each slot and the pair of pointers as one word. */
struct ring_page {
    union {
        struct {
            uint32_t read, write;
        };
        uint64_t both;
    };
    uint64_t slot[IOREQ_BUFFER_SLOT_NUM];
};

_Static_assert(sizeof(struct ring_page) == PAGE_SIZE, "the ring is one page");
_Static_assert(sizeof(struct ring_page) == sizeof(struct buffered_iopage), "buffered_iopage_t");
_Static_assert(offsetof(struct ring_page, write) == 4, "write_pointer");
_Static_assert(offsetof(struct ring_page, slot) == 8, "buf_ioreq[]");
_Static_assert(sizeof(struct buf_ioreq) == 8, "buf_ioreq_t has 8 bytes");

#define RING_SLOTS IOREQ_BUFFER_SLOT_NUM

/* Bits of a slot. Addresses have 20 of them. */
#define RING_SIZE_SHIFT 10
#define RING_ADDR_SHIFT 12
#define RING_DATA_SHIFT 32
#define RING_MAX_ADDR   UINT64_C(0xfffff)

#ifdef CONFIG_IOREQ_SLOT_EXTERN
/* A fuzzer or test stands in for the device model's memory. */
uint32_t ring_load(const struct ring_page *page);
bool ring_swap(struct ring_page *page, uint64_t from, uint64_t to);
#else
/* One load of read_pointer. */
static inline uint32_t ring_load(const struct ring_page *page)
{
    return READ_ONCE(page->read);
}

/* Both pointers at once, if they still are what `from` says. Full barrier. */
static inline bool ring_swap(struct ring_page *page, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&page->both, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}
#endif

static inline uint64_t ring_pointers(uint32_t read, uint32_t write)
{
    return read | (uint64_t)write << 32;
}

/* One slot of a request: its header and 32 bits of the data. */
static inline uint64_t ring_slot(const struct ioreq_access *a, uint32_t data)
{
    uint64_t size = (unsigned int)__builtin_ctz(a->size);

    return a->type | size << RING_SIZE_SHIFT | a->addr << RING_ADDR_SHIFT |
           (uint64_t)data << RING_DATA_SHIFT;
}

static inline void ring_store_slot(struct ring_page *page, uint32_t pointer, uint64_t slot)
{
    WRITE_ONCE(page->slot[pointer % RING_SLOTS], slot);
}

/* Slots stored before are visible to who sees the new pointer. */
static inline void ring_store_write(struct ring_page *page, uint32_t pointer)
{
    smp_wmb(); /* partner: the device model's read barrier after it loaded write_pointer */
    WRITE_ONCE(page->write, pointer);
}

#endif
