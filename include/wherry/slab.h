/* SPDX-License-Identifier: Apache-2.0 */
/* Small-object allocator over page_alloc(): power-of-two size classes. */
#ifndef WHERRY_SLAB_H
#define WHERRY_SLAB_H

#include <wherry/types.h>

/* Zeroed memory of `size` bytes, at least 16-byte aligned (page aligned from 4 KiB on); or NULL. */
void *kzalloc(size_t size);
/* The bytes that kzalloc(size) takes: a size class, or whole pages. What an account is charged. */
static inline size_t kalloc_size(size_t size)
{
    size_t taken = 16;

    while (taken < size)
        taken <<= 1;
    return taken;
}

/* An array of n elements of `size`; NULL also when the product overflows. */
void *kcalloc(size_t n, size_t size);
/* NULL is allowed. */
void kfree(void *p);

#endif
