/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE lock order. A CPU may only take a lock whose rank is greater than that of every lock it
 * holds; two of equal rank only through spin_lock_pair(), lowest address first.
 *
 *   domctl -> domain_list -> ioreq -> evtchn -> p2m -> page_owner -> slab -> heap
 *          -> vuart -> vgic -> irq_desc -> ioreq_ring -> sched -> periodic
 *          -> timer -> rcu -> console
 *
 * Debug builds check this at each acquisition and panic with both names.
 */
#ifndef WHERRY_LOCK_ORDER_H
#define WHERRY_LOCK_ORDER_H

enum lock_rank {
    LOCK_RANK_DOMCTL = 1,  /* creation and destruction of domains, one at a time */
    LOCK_RANK_DOMAIN_LIST, /* domain table */
    LOCK_RANK_IOREQ,       /* domain->ioreq: registry of one target domain */
    LOCK_RANK_EVTCHN,      /* domain->evtchn: ports of one domain (pairs by address) */
    LOCK_RANK_P2M,         /* domain->p2m (pairs by address) */
    LOCK_RANK_PAGE_OWNER,  /* page accounting of one domain */
    LOCK_RANK_SLAB,        /* small-object allocator */
    LOCK_RANK_HEAP,        /* buddy allocator */
    LOCK_RANK_VUART,       /* an emulated UART */
    LOCK_RANK_VGIC,        /* virtual interrupt state of one domain or vCPU */
    LOCK_RANK_IRQ_DESC,    /* host interrupt descriptors */
    LOCK_RANK_IOREQ_RING,  /* producers of one server's buffered ring */
    LOCK_RANK_SCHED,       /* a pCPU's run queue */
    LOCK_RANK_PERIODIC,    /* x86: what a vCPU's periodic timer is set to */
    LOCK_RANK_TIMER,       /* a pCPU's timer queue */
    LOCK_RANK_RCU,         /* callback lists */
    LOCK_RANK_CONSOLE,     /* console ring and UART */
};

#endif
