/* SPDX-License-Identifier: Apache-2.0 */
/* kzalloc() from the host's heap, so that the sanitizer sees each object; can be made to fail. */
#include "fake.h"

#include <stdlib.h>
#include <wherry/slab.h>

long fake_alloc_fail_at = -1;
bool fake_alloc_fail_all;
unsigned long fake_alloc_live;

unsigned long fake_alloc_failed;
unsigned long fake_alloc_calls;

bool fake_alloc_fails(void)
{
    __atomic_fetch_add(&fake_alloc_calls, 1, __ATOMIC_RELAXED);
    if (fake_alloc_fail_at == 0) {
        if (!fake_alloc_fail_all)
            fake_alloc_fail_at = -1;
        fake_alloc_failed++;
        return true;
    }
    if (fake_alloc_fail_at > 0)
        fake_alloc_fail_at--;
    return false;
}

void *kzalloc(size_t size)
{
    if (fake_alloc_fails())
        return NULL;
    __atomic_fetch_add(&fake_alloc_live, 1, __ATOMIC_RELAXED);
    return calloc(1, size);
}

void *kcalloc(size_t n, size_t size)
{
    return kzalloc(n * size);
}

void kfree(void *p)
{
    if (p == NULL)
        return;
    __atomic_fetch_sub(&fake_alloc_live, 1, __ATOMIC_RELAXED);
    free(p);
}
