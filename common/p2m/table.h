/* SPDX-License-Identifier: Apache-2.0 */
/* Walks and changes of the tables: what ops.c builds its operations from. */
#ifndef WHERRY_P2M_TABLE_H
#define WHERRY_P2M_TABLE_H

#include <asm/p2m_format.h>
#include <wherry/mm.h>
#include <wherry/p2m.h>

/* Frames that one entry of `level` covers. */
static inline uint64_t level_frames(unsigned int level)
{
    return UINT64_C(1) << (9 * (P2M_LAST_LEVEL - level));
}

/* The entry that decides frame `g`, and its level. Root must exist. Any context (RCU). */
uint64_t *p2m_walk(const struct p2m *p, uint64_t g, unsigned int *level);

/*
 * The entry of `level` for frame `g`, with tables made and blocks split on the way. NULL when
 * memory or the domain's allowance is used up; what was done until then changed no translation.
 * Lock held.
 */
uint64_t *p2m_entry_at(struct p2m *p, uint64_t g, unsigned int level);

/* Split blocks until none contains both g - 1 and g. 0 or -ENOMEM. Lock held. */
int p2m_split_at(struct p2m *p, uint64_t g);

/* Replace whatever `e` is by `pte`, break before make; frees the tables that it led to. Lock held.
 */
void p2m_set_entry(struct p2m *p, uint64_t *e, unsigned int level, uint64_t pte);

/* Unlink and free every table that the `n` entries of `table` (at `level`) lead to. Lock held. */
void p2m_free_subtables(struct p2m *p, uint64_t *table, unsigned int n, unsigned int level);

#endif
