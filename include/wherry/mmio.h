/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices emulated inside the hypervisor (interrupt controller, vpl011): a sorted table for each
 * domain, searched before any device model is asked. Filled while the domain is built, constant
 * afterwards, so that look-ups take no lock.
 */
#ifndef WHERRY_MMIO_H
#define WHERRY_MMIO_H

#include <wherry/types.h>

struct vcpu;
struct domain;

/* A decoded access; data is valid for writes and to be filled in for reads (masked to size). */
struct mmio_access {
    gpaddr_t addr;
    uint64_t data;
    uint8_t size; /* 1, 2, 4, 8 */
    bool read;
};

/* Returns false when the device refuses the access: the guest gets an abort. */
typedef bool (*mmio_fn)(struct vcpu *v, struct mmio_access *access, void *opaque);

struct mmio_handler {
    uint64_t first, last; /* inclusive guest physical */
    mmio_fn fn;
    void *opaque;
};

#define MMIO_MAX_HANDLERS 32

struct mmio_handlers {
    unsigned int count;
    struct mmio_handler table[MMIO_MAX_HANDLERS];
};

/* While building the domain only. -EEXIST on overlap, -ENOSPC. */
int mmio_register(struct domain *d, gpaddr_t base, uint64_t size, mmio_fn fn, void *opaque);

/* The handler whose range contains the whole access, or NULL. Inline-able binary search. */
const struct mmio_handler *mmio_find(const struct domain *d, uint64_t first, uint64_t last);

/* Find and run: true if some handler took it. *ok tells what it answered. */
bool mmio_try_handle(struct vcpu *v, struct mmio_access *access, bool *ok);

#endif
