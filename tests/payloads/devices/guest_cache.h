/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the guest that a device model serves, page by page: a direct-mapped cache of foreign
 * mappings in the region for pages of others. Used by device models whose devices move data.
 */
#ifndef PAYLOAD_DEVICES_GUEST_CACHE_H
#define PAYLOAD_DEVICES_GUEST_CACHE_H

#include <stdint.h>

#include <public/xen.h>

/* Once, for this guest. Takes most of the region. */
void guest_cache_init(domid_t dom);
/* Forget all of it, as an invalidation asks. */
void guest_cache_drop(void);
/* Where the page of `gpa` is mapped, or NULL. Valid until the next call. */
void *guest_cache_map(void *ctx, uint64_t gpa);

#endif
