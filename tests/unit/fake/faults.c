/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page allocations that count for fake_alloc_fail_at like all others. Linked with
 * --wrap=domain_alloc_pages, which leads the calls of other files here.
 */
#include "fake.h"

struct page *__real_domain_alloc_pages(struct domain *d, unsigned int order, bool unaccounted);
struct page *__wrap_domain_alloc_pages(struct domain *d, unsigned int order, bool unaccounted);

struct page *__wrap_domain_alloc_pages(struct domain *d, unsigned int order, bool unaccounted)
{
    if (fake_alloc_fails())
        return NULL;
    return __real_domain_alloc_pages(d, order, unaccounted);
}
