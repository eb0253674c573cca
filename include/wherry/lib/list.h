/* SPDX-License-Identifier: Apache-2.0 */
/* Doubly linked lists with a head that is itself a link. */
#ifndef WHERRY_LIB_LIST_H
#define WHERRY_LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_head {
    struct list_head *next, *prev;
};

static inline void list_init(struct list_head *h)
{
    h->next = h;
    h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
    return h->next == h;
}

static inline void list_insert_between(struct list_head *l, struct list_head *prev,
                                       struct list_head *next)
{
    l->prev = prev;
    l->next = next;
    prev->next = l;
    next->prev = l;
}

/* Behind the head: first of the list. */
static inline void list_add(struct list_head *l, struct list_head *h)
{
    list_insert_between(l, h, h->next);
}

/* Before the head (last of the list), or before any member. */
static inline void list_add_tail(struct list_head *l, struct list_head *h)
{
    list_insert_between(l, h->prev, h);
}

static inline void list_del(struct list_head *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->next = NULL;
    l->prev = NULL;
}

#define list_entry(ptr, type, member)        ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)

#define list_for_each_entry(pos, head, member)                                                   \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member); &(pos)->member != (head); \
         (pos) = list_entry((pos)->member.next, __typeof__(*(pos)), member))

/* The body may remove `pos`. */
#define list_for_each_entry_safe(pos, n, head, member)                    \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member),    \
        (n) = list_entry((pos)->member.next, __typeof__(*(pos)), member); \
         &(pos)->member != (head);                                        \
         (pos) = (n), (n) = list_entry((n)->member.next, __typeof__(*(n)), member))

#endif
