/* SPDX-License-Identifier: Apache-2.0 */
/* Grace periods that end when the test says so. */
#include "fake.h"

#include <wherry/rcu.h>

unsigned int fake_grace_periods;
void (*fake_synchronize_hook)(void);

static struct rcu_head *queue, **tail = &queue;

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    head->fn = fn;
    head->next = NULL;
    *tail = head;
    tail = &head->next;
}

void fake_rcu_run(void)
{
    while (queue != NULL) {
        struct rcu_head *head = queue;

        queue = head->next;
        if (queue == NULL)
            tail = &queue;
        head->fn(head);
    }
}

void synchronize_rcu(void)
{
    spin_lock_assert_none_held();
    fake_grace_periods++;
    if (fake_synchronize_hook != NULL)
        fake_synchronize_hook();
}
