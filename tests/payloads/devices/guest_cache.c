/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of guest_cache.h; called by one vCPU. */
#include "guest_cache.h"
#include "payload.h"

#define MAX_SLOTS 8192
#define NO_GFN    UINT64_MAX

static domid_t guest;
static uint64_t cache_base;
static unsigned int nr_slots;
static uint64_t slot_gfn[MAX_SLOTS];

void guest_cache_init(domid_t dom)
{
    uint64_t pages = scratch_size / PAGE_SIZE / 4 * 3;

    guest = dom;
    nr_slots = pages < MAX_SLOTS ? (unsigned int)pages : MAX_SLOTS;
    cache_base = scratch_alloc(nr_slots);
    for (unsigned int i = 0; i < nr_slots; i++)
        slot_gfn[i] = NO_GFN;
}

static void drop(unsigned int slot)
{
    if (slot_gfn[slot] == NO_GFN)
        return;
    foreign_unmap(cache_base + (uint64_t)slot * PAGE_SIZE);
    slot_gfn[slot] = NO_GFN;
}

void guest_cache_drop(void)
{
    for (unsigned int i = 0; i < nr_slots; i++)
        drop(i);
}

void *guest_cache_map(void *ctx, uint64_t gpa)
{
    uint64_t gfn = gpa >> PAGE_SHIFT;
    unsigned int slot = (unsigned int)(gfn % nr_slots);
    uint64_t at = cache_base + (uint64_t)slot * PAGE_SIZE;

    (void)ctx;
    if (slot_gfn[slot] != gfn) {
        drop(slot);
        if (foreign_map(guest, gfn, at) != 0)
            return NULL;
        slot_gfn[slot] = gfn;
    }
    return (void *)(uintptr_t)at;
}
