/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's buffered ring, as the other files of common/ioreq/ see it. Implemented in buffered.c;
 * without CONFIG_IOREQ_BUFFERED no server has one.
 */
#ifndef WHERRY_IOREQ_BUFFERED_H
#define WHERRY_IOREQ_BUFFERED_H

#include <public/hvm/dm_op.h>
#include <public/hvm/hvm_op.h>
#include <wherry/evtchn.h>
#include <wherry/ioreq.h>
#include <wherry/lib/errno.h>

struct ioreq_server;

#ifdef CONFIG_IOREQ_BUFFERED

struct ring_page;

/* In a server. Constant after creation but for what is said. */
struct ioreq_ring {
    struct spinlock lock;     /* LOCK_RANK_IOREQ_RING: who posts, one at a time */
    uint8_t mode;             /* HVM_IOREQSRV_BUFIOREQ_* */
    evtchn_port port;         /* 0: none. ioreq lock to write; the port goes with vCPU 0 */
    struct page *page;        /* reference; NULL: mode is OFF. ioreq lock to change */
    struct ring_page *shared; /* that page */
    uint32_t write;           /* write_pointer: the page's copy is never believed; lock */
    uint64_t posted, full;    /* requests put in, and those there was no room for; lock */
};

/* Modes that a server may be created with. */
static inline bool ioreq_ring_mode_valid(uint8_t mode)
{
    return mode <= HVM_IOREQSRV_BUFIOREQ_ATOMIC;
}
/* Bytes charged to the target for a ring. */
uint64_t ioreq_ring_charge(uint8_t mode);
uint8_t ioreq_ring_mode(const struct ioreq_server *s);
/* A new server's ring and its page. -ENOMEM. */
int ioreq_ring_init(struct ioreq_server *s, uint8_t mode);
/* The page goes; nobody posts any more (a grace period after the server was unpublished). */
void ioreq_ring_free(struct ioreq_server *s);
/* v joins or leaves: the ring's port is allocated with vCPU 0. ioreq lock. 0, -ENOSPC, -ENOMEM. */
int ioreq_ring_add_port(struct ioreq_server *s, struct vcpu *v);
void ioreq_ring_remove_port(struct ioreq_server *s, unsigned int vcpu);
/* Nobody posts: this page, cleared, from now on; takes a reference of its own. */
void ioreq_ring_use_page(struct ioreq_server *s, struct page *page);
/* Frame 0 of the resource, or NULL. */
struct page *ioreq_ring_page(const struct ioreq_server *s);
/* The OUT fields that a ring has; others stay. ioreq lock. */
void ioreq_ring_info(const struct ioreq_server *s, struct xen_dm_op_get_ioreq_server_info *op);
/* The access is in the ring of s, and its device model is told. False: not, send it another way. */
bool ioreq_ring_post(struct ioreq_server *s, const struct ioreq_access *access);
void ioreq_ring_dump(struct ioreq_server *s);

#else

struct ioreq_ring {
    char none[0];
};
static inline bool ioreq_ring_mode_valid(uint8_t mode)
{
    return mode == HVM_IOREQSRV_BUFIOREQ_OFF;
}
static inline uint64_t ioreq_ring_charge(uint8_t mode)
{
    (void)mode;
    return 0;
}
static inline uint8_t ioreq_ring_mode(const struct ioreq_server *s)
{
    (void)s;
    return HVM_IOREQSRV_BUFIOREQ_OFF;
}
static inline int ioreq_ring_init(struct ioreq_server *s, uint8_t mode)
{
    (void)s;
    (void)mode;
    return 0;
}
static inline void ioreq_ring_free(struct ioreq_server *s)
{
    (void)s;
}
static inline int ioreq_ring_add_port(struct ioreq_server *s, struct vcpu *v)
{
    (void)s;
    (void)v;
    return 0;
}
static inline void ioreq_ring_remove_port(struct ioreq_server *s, unsigned int vcpu)
{
    (void)s;
    (void)vcpu;
}
static inline void ioreq_ring_use_page(struct ioreq_server *s, struct page *page)
{
    (void)s;
    (void)page;
}
static inline struct page *ioreq_ring_page(const struct ioreq_server *s)
{
    (void)s;
    return NULL;
}
static inline void ioreq_ring_info(const struct ioreq_server *s,
                                   struct xen_dm_op_get_ioreq_server_info *op)
{
    (void)s;
    (void)op;
}
static inline bool ioreq_ring_post(struct ioreq_server *s, const struct ioreq_access *access)
{
    (void)s;
    (void)access;
    return false;
}
static inline void ioreq_ring_dump(struct ioreq_server *s)
{
    (void)s;
}

#endif
#endif
